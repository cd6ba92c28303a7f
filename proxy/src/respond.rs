//! Failures as HTTP: the only place that says so to a client, always as `application/problem+json`.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Body, Text};
use crate::error::Failure;
use crate::event::Request;
use crate::headers::{self, Lines};
use crate::problem::{PROBLEM_TYPE, Problem, Refused, problem_kind, row};
use crate::upstream::UpstreamError;

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

/// Names a problem plain JSON for a client that says which media types it reads, where problems are not among them: some
/// clients, such as elasticsearch-py 8, fail on a media type they do not know and never show the text.
pub fn suit(answer: &mut Answer, request: &Request) {
    let is_problem = headers::get(&answer.headers, "content-type") == Some(PROBLEM_TYPE);
    let lines = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
    let mut ranges = lines
        .flat_map(|(_, value)| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .filter(|range| !range.is_empty())
        .peekable();
    let reads = |range: String| matches!(&*range, PROBLEM_TYPE | "application/*" | "*/*");
    if is_problem && ranges.peek().is_some() && !ranges.any(reads) {
        headers::set(&mut answer.headers, "content-type", "application/json");
    }
}

impl Refused for Failure {
    fn describe(&self) -> Problem {
        describe(self)
    }

    fn retry_after(&self) -> Option<u64> {
        self.part().and_then(Refused::retry_after)
    }

    fn members(&self) -> Map<String, Value> {
        self.part().map(Refused::members).unwrap_or_default()
    }
}

impl Failure {
    /// The refusal of another module, where it is one.
    fn part(&self) -> Option<&dyn Refused> {
        match self {
            Failure::Upload(refusal) => Some(refusal),
            Failure::Job(refusal) => Some(refusal),
            Failure::Session(refusal) => Some(refusal),
            Failure::Closed
            | Failure::Target(_)
            | Failure::Header(_)
            | Failure::OverflowMode(_)
            | Failure::OwnRoute(_)
            | Failure::OwnMethod(_)
            | Failure::WebSocket
            | Failure::Upstream(_)
            | Failure::ForeignRedirect(_)
            | Failure::HeadersTooLarge(_)
            | Failure::BodyTooLarge(_)
            | Failure::Store(_)
            | Failure::UnknownAnswer(_)
            | Failure::AnswerGone(_)
            | Failure::Deadline(_) => None,
        }
    }
}

/// One row for each cause: a new cause does not compile until it has one.
#[expect(clippy::too_many_lines, reason = "one exhaustive table")]
fn describe(failure: &Failure) -> Problem {
    const UNSENT: &str = "Nothing was sent to the upstream.";
    match failure {
        Failure::Closed => row(
            403,
            "closed",
            "This proxy is closed",
            "Set SESSIONS_TABLE to a table of users, or ACCESS=open to let in everyone who can reach the proxy.",
        ),
        Failure::Target(_) => {
            row(400, "bad-target", "The path or the query is not accepted", UNSENT)
        }
        Failure::Header(_) => row(400, "bad-header", "A header is not accepted", UNSENT),
        Failure::OverflowMode(_) => row(
            400,
            "bad-overflow-mode",
            "X-Overflow is not understood",
            "Use `redirect`, `link` or `error`, or leave the header out.",
        ),
        Failure::OwnRoute(_) => row(
            404,
            "no-such-route",
            "The proxy has no such route",
            "Paths under /_proxy/ belong to the proxy and are never sent to the upstream.",
        ),
        Failure::OwnMethod(_) => row(
            405,
            "method-not-allowed",
            "Method not allowed",
            "The header `Allow` lists the methods of this route.",
        ),
        Failure::UnknownAnswer(_) => row(
            404,
            "no-such-answer",
            "No such answer is stored for you",
            "A stored answer is available only to the user whose request it answers.",
        ),
        Failure::AnswerGone(_) => row(
            410,
            "answer-gone",
            "The answer is no longer stored",
            "Send the original request again.",
        ),
        Failure::WebSocket => row(
            501,
            "no-websocket",
            "WebSockets are not supported",
            "Connect to the upstream directly, or let the application poll.",
        ),
        Failure::Upstream(error) => describe_upstream(error),
        Failure::ForeignRedirect(_) => row(
            502,
            "foreign-redirect",
            "The upstream redirects to another host",
            "The proxy passes on only redirects within the upstream.",
        ),
        Failure::HeadersTooLarge(_) => row(
            502,
            "headers-too-large",
            "The headers of the answer are too large for Lambda",
            "Only a body can be delivered in another way; the upstream has to send smaller headers.",
        ),
        Failure::BodyTooLarge(_) => row(
            502,
            "body-too-large",
            "The answer is larger than this proxy passes on",
            "Request less at a time, or raise MAX_BODY_BYTES.",
        ),
        Failure::Store(_) => row(
            502,
            "store-failed",
            "The bucket for large answers failed",
            "Nothing was stored. Send the request again.",
        ),
        Failure::Upload(refusal) => refusal.describe(),
        Failure::Job(refusal) => refusal.describe(),
        Failure::Session(refusal) => refusal.describe(),
        Failure::Deadline(_) => row(
            504,
            "deadline",
            "There was not enough time",
            "The gateway would have cut the request off. Request less at a time, or send `Prefer: respond-async` for a job.",
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
            "The upstream's answer is incomplete",
            "The incomplete answer was discarded. Whether the request took effect is unknown.",
        ),
        UpstreamError::Stalled(_) => row(
            504,
            "upstream-stalled",
            "The upstream stopped in the middle of its answer",
            "The incomplete answer was discarded. Whether the request took effect is unknown.",
        ),
        UpstreamError::Setting(_) => row(
            503,
            "setting-unavailable",
            "A configuration value could not be loaded",
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
