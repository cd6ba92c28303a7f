//! Bodies with another text, and the headers that describe their bytes. Pure.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

/// The body with another text in it.
pub(super) fn replaced(from: &str, to: &str, headers: &mut HeaderMap, body: Bytes) -> Bytes {
    let Ok(text) = std::str::from_utf8(&body) else { return body };
    if !text.contains(from) {
        return body;
    }
    described(headers, Bytes::from(text.replace(from, to)))
}

/// A body that takes the place of another one.
pub(super) fn described(headers: &mut HeaderMap, body: Bytes) -> Bytes {
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    if headers.contains_key("x-amz-crc32") {
        headers.insert("x-amz-crc32", HeaderValue::from(crc32fast::hash(&body)));
    }
    body
}
