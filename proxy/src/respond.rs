//! Failures as HTTP: the only place that says so to a client, always as `application/problem+json`.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Body, Text};
use crate::error::Failure;
use crate::headers::Lines;
use crate::upstream::UpstreamError;

/// The media type of RFC 9457.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// The `type` of a problem.
#[must_use]
pub fn problem_kind(name: &str) -> String {
    format!("urn:hardcap:problem:{name}")
}

/// Why a request is not answered with what it asks for. Its text says what is wrong with this one.
pub(crate) trait Refused: std::error::Error {
    /// What a client is told of every one of its kind.
    fn describe(&self) -> Problem;

    /// After how many seconds to ask again, where it is no use before.
    fn retry_after(&self) -> Option<u64> {
        match self.describe().status {
            429 => Some(30),
            503 => Some(5),
            _ => None,
        }
    }

    /// What the problem says beside its text.
    fn members(&self) -> Map<String, Value> {
        Map::new()
    }
}

/// The answer to a request that failed; `cors` are the headers that let a script read it.
#[must_use]
pub fn problem(failure: &Failure, cors: &Lines) -> Answer {
    let Problem { status, kind, title, hint } = failure.describe();
    let mut members = failure.members();
    members.insert("type".to_owned(), json!(problem_kind(kind)));
    members.insert("title".to_owned(), json!(title));
    members.insert("status".to_owned(), json!(status));
    let detail = format!("{}. {hint}", sentence(&failure.to_string()));
    members.insert("detail".to_owned(), json!(detail));
    let mut headers: Lines = vec![
        ("content-type".to_owned(), PROBLEM_TYPE.to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    if let Failure::OwnMethod(allowed) = failure {
        headers.push(("allow".to_owned(), (*allowed).to_owned()));
    }
    if let Some(seconds) = failure.retry_after() {
        headers.push(("retry-after".to_owned(), seconds.to_string()));
    }
    headers.extend(cors.iter().cloned());
    Answer { status, headers, body: Body::Text(Text::from(Value::Object(members).to_string())) }
}

/// A problem, but for the detail.
pub(crate) struct Problem {
    /// The status of HTTP.
    pub(crate) status: u16,
    kind: &'static str,
    title: &'static str,
    /// What to do about it.
    hint: &'static str,
}

pub(crate) const fn row(
    status: u16,
    kind: &'static str,
    title: &'static str,
    hint: &'static str,
) -> Problem {
    Problem { status, kind, title, hint }
}

impl Failure {
    /// What a module refuses, it describes itself.
    fn refused(&self) -> Option<&dyn Refused> {
        match self {
            Failure::Upload(refusal) => Some(refusal),
            Failure::Job(refusal) => Some(refusal),
            Failure::Session(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl Refused for Failure {
    fn describe(&self) -> Problem {
        self.refused().map_or_else(|| describe(self), Refused::describe)
    }

    fn retry_after(&self) -> Option<u64> {
        self.refused().and_then(Refused::retry_after)
    }

    fn members(&self) -> Map<String, Value> {
        self.refused().map(Refused::members).unwrap_or_default()
    }
}

/// One row a cause.
fn describe(failure: &Failure) -> Problem {
    const UNSENT: &str = "Nothing was sent to the upstream.";
    match failure {
        Failure::Closed => row(
            403,
            "closed",
            "This proxy is closed",
            "Whoever runs it gives it a table of users with SESSIONS_TABLE, or opens it to everyone who can reach it with \
             ACCESS=open.",
        ),
        Failure::Target(_) => {
            row(400, "bad-target", "The path or the query is not accepted", UNSENT)
        }
        Failure::Header(_) => row(400, "bad-header", "A header is not accepted", UNSENT),
        Failure::OverflowMode(_) => row(
            400,
            "bad-overflow-mode",
            "X-Overflow is not understood",
            "Leave it out for a redirect.",
        ),
        Failure::OwnRoute(_) => row(
            404,
            "no-such-route",
            "The proxy has no such route",
            "Paths under /_proxy/ are the proxy's own and never go to the upstream.",
        ),
        Failure::OwnMethod(_) => row(
            405,
            "method-not-allowed",
            "The route does not know this method",
            "The header `Allow` lists what it knows.",
        ),
        Failure::UnknownAnswer(_) => row(
            404,
            "no-such-answer",
            "No such answer is stored for you",
            "Stored answers are for those alone who asked for them.",
        ),
        Failure::AnswerGone(_) => row(
            410,
            "answer-gone",
            "The answer is no longer stored",
            "Send the request again that it was the answer to.",
        ),
        Failure::WebSocket => row(
            501,
            "no-websocket",
            "WebSockets cannot pass here",
            "Connect to the upstream directly, or let the application poll.",
        ),
        Failure::Upstream(error) => describe_upstream(error),
        late_or_large => describe_delivery(late_or_large),
    }
}

/// What can go wrong once the upstream has answered.
fn describe_delivery(failure: &Failure) -> Problem {
    match failure {
        Failure::ForeignRedirect(_) => row(
            502,
            "foreign-redirect",
            "The upstream redirects to another host",
            "The proxy passes on redirects within the upstream only.",
        ),
        Failure::HeadersTooLarge { .. } => row(
            502,
            "headers-too-large",
            "The headers of the answer are too large for Lambda",
            "Only a body can be delivered in another way; the upstream has to send less in its headers.",
        ),
        Failure::BodyTooLarge(_) => row(
            502,
            "body-too-large",
            "The answer is larger than this proxy passes on",
            "Ask for less at a time, or raise MAX_BODY_BYTES.",
        ),
        Failure::Store(_) => row(
            502,
            "store-failed",
            "The bucket for answers that are too large for Lambda failed",
            "Nothing is left behind; the request can be sent again.",
        ),
        _ => row(
            504,
            "deadline",
            "There was not enough time",
            "The gateway would have cut the request off. Ask for less at a time, or have the work done as a job.",
        ),
    }
}

fn describe_upstream(error: &UpstreamError) -> Problem {
    match error {
        UpstreamError::Unreachable(_) => row(
            502,
            "upstream-unreachable",
            "The upstream cannot be reached",
            "Nothing was sent to it.",
        ),
        UpstreamError::Broken(_) => row(
            502,
            "upstream-broken",
            "The upstream's answer is not whole",
            "What came of it was thrown away. Whether the request took effect is not known.",
        ),
        UpstreamError::Stalled(_) => row(
            504,
            "upstream-stalled",
            "The upstream stopped in the middle of its answer",
            "What came of it was thrown away. Whether the request took effect is not known.",
        ),
        UpstreamError::Setting(_) => row(
            503,
            "setting-unavailable",
            "A setting of this proxy is not to be had",
            "Nothing was sent to the upstream; the request can be sent again.",
        ),
        UpstreamError::Source(error) => error.describe(),
        UpstreamError::Unsigned(_) => row(
            502,
            "unsigned",
            "The request could not be signed",
            "The function needs credentials of a role that may call the upstream. Nothing was sent.",
        ),
    }
}

/// With a capital letter, and without a full stop of its own.
fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
