//! Errors as HTTP responses. Only this module renders them, always as `application/problem+json`.

use http::HeaderMap;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Map, Value, json};

use crate::error::ProxyError;
use crate::event::Request;
use crate::headers;
use crate::problem::{PROBLEM_TYPE, ProblemDetails, ToProblem, details, problem_kind};
use crate::response::{Body, Response, Text};
use crate::upstream::UpstreamError;

/// The response to a failed request; `cors` are the headers that let a script read it.
#[must_use]
pub fn problem(failure: &ProxyError, cors: &HeaderMap) -> Response {
    let ProblemDetails { status, kind, title, hint } = failure.describe();
    let mut members = failure.members();
    members.insert("type".to_owned(), json!(problem_kind(kind)));
    members.insert("title".to_owned(), json!(title));
    members.insert("status".to_owned(), json!(status));
    let detail = format!("{}. {hint}", sentence(&failure.to_string()));
    members.insert("detail".to_owned(), json!(detail));
    let mut headers = HeaderMap::new();
    headers::set(&mut headers, CONTENT_TYPE, PROBLEM_TYPE);
    headers::set(&mut headers, CACHE_CONTROL, "no-store");
    if let ProxyError::OwnMethod(allowed) = failure {
        headers::set(&mut headers, ALLOW, allowed);
    }
    if let Some(seconds) = failure.retry_after() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    headers::extend(&mut headers, cors);
    Response { status, headers, body: Body::Text(Text::from(Value::Object(members).to_string())) }
}

/// Labels a problem as plain JSON if the client's `Accept` excludes problem documents. Some clients, such as elasticsearch-py 8,
/// fail on an unknown media type and never show the text.
pub fn suit(response: &mut Response, request: &Request) {
    let is_problem = headers::get(&response.headers, CONTENT_TYPE).as_deref() == Some(PROBLEM_TYPE);
    let lines = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
    let mut ranges = lines
        .flat_map(|(_, value)| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .filter(|range| !range.is_empty())
        .peekable();
    let reads = |range: String| matches!(&*range, PROBLEM_TYPE | "application/*" | "*/*");
    if is_problem && ranges.peek().is_some() && !ranges.any(reads) {
        headers::set(&mut response.headers, CONTENT_TYPE, "application/json");
    }
}

impl ToProblem for ProxyError {
    fn describe(&self) -> ProblemDetails {
        describe(self)
    }

    fn retry_after(&self) -> Option<u64> {
        self.part().and_then(ToProblem::retry_after)
    }

    fn members(&self) -> Map<String, Value> {
        self.part().map(ToProblem::members).unwrap_or_default()
    }
}

impl ProxyError {
    /// The refusal of another module, if it is one.
    fn part(&self) -> Option<&dyn ToProblem> {
        match self {
            ProxyError::Upload(refusal) => Some(refusal),
            ProxyError::Job(refusal) => Some(refusal),
            ProxyError::Session(refusal) => Some(refusal),
            ProxyError::Closed
            | ProxyError::Target(_)
            | ProxyError::Header(_)
            | ProxyError::OverflowMode(_)
            | ProxyError::OwnRoute(_)
            | ProxyError::OwnMethod(_)
            | ProxyError::WebSocket
            | ProxyError::Upstream(_)
            | ProxyError::ForeignRedirect(_)
            | ProxyError::HeadersTooLarge(_)
            | ProxyError::BodyTooLarge(_)
            | ProxyError::Store(_)
            | ProxyError::UnknownResponse(_)
            | ProxyError::ResponseGone(_)
            | ProxyError::Deadline(_) => None,
        }
    }
}

/// One row for each cause: a new cause does not compile until it has one.
#[expect(clippy::too_many_lines, reason = "one exhaustive table")]
fn describe(failure: &ProxyError) -> ProblemDetails {
    const UNSENT: &str = "Nothing was sent to the upstream.";
    match failure {
        ProxyError::Closed => details(
            403,
            "closed",
            "This proxy is closed",
            "Set SESSIONS_TABLE to a table of users, or ACCESS=open to let in everyone who can reach the proxy.",
        ),
        ProxyError::Target(_) => {
            details(400, "bad-target", "The path or the query is not accepted", UNSENT)
        }
        ProxyError::Header(_) => details(400, "bad-header", "A header is not accepted", UNSENT),
        ProxyError::OverflowMode(_) => details(
            400,
            "bad-overflow-mode",
            "X-Overflow is not understood",
            "Use `redirect`, `link` or `error`, or leave the header out.",
        ),
        ProxyError::OwnRoute(_) => details(
            404,
            "no-such-route",
            "The proxy has no such route",
            "Paths under /_proxy/ belong to the proxy and are never sent to the upstream.",
        ),
        ProxyError::OwnMethod(_) => details(
            405,
            "method-not-allowed",
            "Method not allowed",
            "The header `Allow` lists the methods of this route.",
        ),
        ProxyError::UnknownResponse(_) => details(
            404,
            "no-such-answer",
            "No such response is stored for you",
            "A stored response is available only to the user who requested it.",
        ),
        ProxyError::ResponseGone(_) => details(
            410,
            "answer-gone",
            "The response is no longer stored",
            "Send the original request again.",
        ),
        ProxyError::WebSocket => details(
            501,
            "no-websocket",
            "WebSockets are not supported",
            "Connect to the upstream directly, or let the application poll.",
        ),
        ProxyError::Upstream(error) => describe_upstream(error),
        ProxyError::ForeignRedirect(_) => details(
            502,
            "foreign-redirect",
            "The upstream redirects to another host",
            "The proxy passes on only redirects within the upstream.",
        ),
        ProxyError::HeadersTooLarge(_) => details(
            502,
            "headers-too-large",
            "The headers of the response are too large for Lambda",
            "Only a body can be delivered through S3; the upstream must send smaller headers.",
        ),
        ProxyError::BodyTooLarge(_) => details(
            502,
            "body-too-large",
            "The response is larger than the proxy's maximum",
            "Request less at a time, or raise MAX_BODY_BYTES.",
        ),
        ProxyError::Store(_) => details(
            502,
            "store-failed",
            "The bucket for large responses failed",
            "Nothing was stored. Send the request again.",
        ),
        ProxyError::Upload(refusal) => refusal.describe(),
        ProxyError::Job(refusal) => refusal.describe(),
        ProxyError::Session(refusal) => refusal.describe(),
        ProxyError::Deadline(_) => details(
            504,
            "deadline",
            "There was not enough time",
            "The gateway would have cut the request off. Request less at a time, or send `Prefer: respond-async` for a job.",
        ),
    }
}

fn describe_upstream(error: &UpstreamError) -> ProblemDetails {
    match error {
        UpstreamError::Unreachable(_) => details(
            502,
            "upstream-unreachable",
            "The upstream cannot be reached",
            "Nothing was sent to it.",
        ),
        UpstreamError::Broken(_) => details(
            502,
            "upstream-broken",
            "The upstream's response is incomplete",
            "The incomplete response was discarded. Whether the request took effect is unknown.",
        ),
        UpstreamError::Stalled(_) => details(
            504,
            "upstream-stalled",
            "The upstream stopped in the middle of its response",
            "The incomplete response was discarded. Whether the request took effect is unknown.",
        ),
        UpstreamError::Setting(_) => details(
            503,
            "setting-unavailable",
            "A configuration value could not be loaded",
            "Nothing was sent to the upstream; the request can be sent again.",
        ),
        UpstreamError::Source(error) => error.describe(),
        UpstreamError::Unsigned(_) => details(
            502,
            "unsigned",
            "The request could not be signed",
            "The function needs credentials of a role that may call the upstream. Nothing was sent.",
        ),
    }
}

/// The text with a capital letter and without a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
