//! CORS: scripts of the configured origins may call the proxy and read its responses.
//!
//! An origin must equal a configured one. No other origin is ever reflected.

use http::Method;

use crate::response::{Response, Body};
use crate::event::Request;
use crate::headers::Lines;

/// Headers that a script may read in addition to the safelisted ones.
const EXPOSED: &str =
    "ETag, Location, Content-Encoding, Content-Disposition, X-Elastic-Product, X-Opaque-Id";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// Two hours, the maximum of browsers.
const MAX_AGE_SECONDS: &str = "7200";

/// The headers of every response to this request, including errors.
#[must_use]
pub fn headers(request: &Request, allowed: &[String]) -> Lines {
    if allowed.is_empty() {
        return Lines::new();
    }
    let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    // Also for other origins: a cache must not give them the response for an allowed origin.
    let mut lines = vec![line("vary", "Origin")];
    if let Some(origin) = allowed_origin(request, allowed) {
        lines.push(line("access-control-allow-origin", origin));
        lines.push(line("access-control-allow-credentials", "true"));
        lines.push(line("access-control-expose-headers", EXPOSED));
    }
    lines
}

/// The response to a preflight. A preflight has no credentials and is not sent to the upstream.
#[must_use]
pub fn preflight(request: &Request, allowed: &[String]) -> Option<Response> {
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
    Some(Response { status: 204, headers, body: Body::Empty })
}

fn allowed_origin<'a>(request: &Request, allowed: &'a [String]) -> Option<&'a str> {
    let origin = request.header("origin")?;
    allowed.iter().map(String::as_str).find(|known| *known == origin)
}

#[cfg(test)]
mod tests;
