//! CORS headers for trusted pages, on all surfaces except S3, whose buckets have their own CORS rules.

use http::{HeaderMap, HeaderValue, Method, header, request};

use super::{Caller, Endpoint};

/// Whether the guard answers a preflight: it is from a trusted page and for an API other than S3. A preflight has no
/// `X-Amz-Target` yet, so a JSON API is recognized by the request for that header.
pub fn answers_preflight(caller: &Caller, endpoint: Endpoint, head: &request::Parts) -> bool {
    let asks = head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let wanted = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let wanted = wanted.and_then(|names| names.to_str().ok()).unwrap_or_default();
    let has_target = wanted.to_ascii_lowercase().contains("x-amz-target");
    head.method == Method::OPTIONS
        && asks
        && matches!(caller, Caller::TrustedPage(Some(_)))
        && (endpoint != Endpoint::S3 || has_target)
}

/// The headers that allow the request of a trusted page.
pub fn preflight(head: &request::Parts) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let asked = [
        (header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_ALLOW_METHODS),
        (header::ACCESS_CONTROL_REQUEST_HEADERS, header::ACCESS_CONTROL_ALLOW_HEADERS),
    ];
    for (asked, allowed) in asked {
        if let Some(value) = head.headers.get(asked) {
            headers.insert(allowed, value.clone());
        }
    }
    headers
}

/// Lets a trusted page read a response.
pub fn expose(caller: &Caller, headers: &mut HeaderMap) {
    let Caller::TrustedPage(Some(origin)) = caller else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
