//! CORS: scripts of the configured origins may call the proxy and read its responses.
//!
//! An origin must equal a configured one. No other origin is ever reflected.

use http::Method;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap,
    VARY,
};

use crate::event::Request;
use crate::headers::{append, set};
use crate::response::{Body, Response};

/// Headers that a script may read in addition to the safelisted ones.
const EXPOSED: &str = "ETag, Location, Content-Encoding, Content-Disposition, Retry-After, Preference-Applied, Repr-Digest, X-Job-Id, \
     X-Elastic-Product, X-Opaque-Id";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// Two hours, the maximum of browsers.
const MAX_AGE_SECONDS: &str = "7200";

/// The headers of every response to this request, including errors.
#[must_use]
pub fn headers(request: &Request, allowed: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if allowed.is_empty() {
        return headers;
    }
    // Also for other origins: a cache must not give them the response for an allowed origin.
    append(&mut headers, VARY, "Origin");
    if let Some(origin) = allowed_origin(request, allowed) {
        set(&mut headers, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        set(&mut headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        set(&mut headers, ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    headers
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
        headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
        set(&mut headers, ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        set(&mut headers, ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
        if let Some(names) = request.header("access-control-request-headers") {
            set(&mut headers, ACCESS_CONTROL_ALLOW_HEADERS, names);
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
