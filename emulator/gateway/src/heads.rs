//! The heads of a request and of its response as text, for the story of a request. Pure.

use http::request::Parts;
use http::{HeaderMap, Response};

use hardcap_core::payloads::HEAD_MAX;

/// The request line and the headers, one a line.
pub(super) fn request(head: &Parts) -> Vec<u8> {
    let target = head.uri.path_and_query().map_or_else(|| head.uri.path(), |it| it.as_str());
    let mut text = Vec::with_capacity(512);
    for part in [head.method.as_str(), " ", target, "\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    headers(&mut text, &head.headers);
    text
}

/// The status line and the headers, one a line.
pub(super) fn response<B>(response: &Response<B>) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    let status = response.status();
    text.extend_from_slice(status.as_str().as_bytes());
    if let Some(reason) = status.canonical_reason() {
        text.push(b' ');
        text.extend_from_slice(reason.as_bytes());
    }
    text.push(b'\n');
    headers(&mut text, response.headers());
    text
}

/// Writes the headers up to the size that is kept.
fn headers(text: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if text.len() > HEAD_MAX {
            return;
        }
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
}
