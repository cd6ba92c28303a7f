//! Which scripts of other origins may call the proxy and read its answers.
//!
//! An origin is compared whole with the configured ones; nothing is ever reflected because it resembles one.

use http::Method;

use crate::answer::{Answer, Body};
use crate::event::Request;
use crate::headers::Lines;

/// What a script may read beside the headers that are safe anyway.
const EXPOSED: &str =
    "ETag, Location, Content-Encoding, Content-Disposition, X-Elastic-Product, X-Opaque-Id";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// Two hours: what browsers permit at most.
const MAX_AGE_SECONDS: &str = "7200";

/// The headers that every answer to this request carries, errors too.
#[must_use]
pub fn headers(request: &Request, allowed: &[String]) -> Lines {
    if allowed.is_empty() {
        return Lines::new();
    }
    let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    // Also for the others: a cache must not give them the answer that was meant for an allowed origin.
    let mut lines = vec![line("vary", "Origin")];
    if let Some(origin) = allowed_origin(request, allowed) {
        lines.push(line("access-control-allow-origin", origin));
        lines.push(line("access-control-allow-credentials", "true"));
        lines.push(line("access-control-expose-headers", EXPOSED));
    }
    lines
}

/// The answer to a preflight, which carries no credentials and never reaches the upstream.
#[must_use]
pub fn preflight(request: &Request, allowed: &[String]) -> Option<Answer> {
    let asked = request.header("access-control-request-method").is_some();
    if request.method != Method::OPTIONS || !asked || request.header("origin").is_none() {
        return None;
    }
    let mut headers = headers(request, allowed);
    if allowed_origin(request, allowed).is_some() {
        headers.retain(|(name, _)| name != "access-control-expose-headers");
        headers.push(("access-control-allow-methods".to_owned(), METHODS.to_owned()));
        headers.push(("access-control-max-age".to_owned(), MAX_AGE_SECONDS.to_owned()));
        if let Some(names) = request.header("access-control-request-headers") {
            headers.push(("access-control-allow-headers".to_owned(), names.to_owned()));
        }
    }
    Some(Answer { status: 204, headers, body: Body::Empty })
}

fn allowed_origin<'a>(request: &Request, allowed: &'a [String]) -> Option<&'a str> {
    let origin = request.header("origin")?;
    allowed.iter().map(String::as_str).find(|known| *known == origin)
}

#[cfg(test)]
mod tests;
