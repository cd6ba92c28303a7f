//! Content handling: whether a body is text or binary for the integration, and for the client.
//!
//! Source: developer guide, "Content type conversions in API Gateway"; every combination is recorded by LocalStack
//! (test_apigateway_s3, 2025-03-17).

use std::borrow::Cow;

use base64_simd::STANDARD;
use bytes::Bytes;
use hardcap_core::config::ContentHandling;

/// A body after its conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Text, which a mapping template can read.
    Text(String),
    /// Binary data.
    Binary(Bytes),
}

/// A text that is to be decoded is not base64: the gateway responds with 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is to be converted to binary data, and it is not base64")]
pub(super) struct NotBase64;

impl Content {
    /// The body of a request. `is_binary`: its media type is one of the API's binary media types.
    pub(super) fn of_request(
        body: &Bytes,
        is_binary: bool,
        handling: Option<ContentHandling>,
    ) -> Result<Content, NotBase64> {
        match (is_binary, handling) {
            (false, Some(ContentHandling::ToBinary)) => decoded(body),
            (false, _) => Ok(text(body)),
            (true, Some(ContentHandling::ToText)) => Ok(encoded(body)),
            (true, _) => Ok(Content::Binary(body.clone())),
        }
    }

    /// The body of a response. `is_binary`: the backend's media type is a binary one; `accepts_binary`: the first that the client
    /// accepts is.
    pub(super) fn of_response(
        body: &Bytes,
        is_binary: bool,
        accepts_binary: bool,
        handling: Option<ContentHandling>,
    ) -> Result<Content, NotBase64> {
        let to_binary = match handling {
            Some(ContentHandling::ToText) => false,
            Some(ContentHandling::ToBinary) => true,
            None => accepts_binary,
        };
        match (is_binary, to_binary) {
            (false, false) => Ok(text(body)),
            (false, true) => decoded(body),
            (true, false) => Ok(encoded(body)),
            (true, true) => Ok(Content::Binary(body.clone())),
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Content::Text(text) => Bytes::from(text),
            Content::Binary(bytes) => bytes,
        }
    }
}

/// Recorded: bytes that are not UTF-8 become U+FFFD.
fn text(body: &Bytes) -> Content {
    match String::from_utf8_lossy(body) {
        Cow::Borrowed(text) => Content::Text(text.to_owned()),
        Cow::Owned(text) => Content::Text(text),
    }
}

fn encoded(body: &Bytes) -> Content {
    Content::Text(STANDARD.encode_to_string(body))
}

fn decoded(body: &Bytes) -> Result<Content, NotBase64> {
    let bytes = STANDARD.decode_to_vec(body).map_err(|_| NotBase64)?;
    Ok(Content::Binary(Bytes::from(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &[u8] = &[0x1f, 0x8b, 0xff];
    const AS_BASE64: &str = "H4v/";
    const REPAIRED: &str = "\u{1f}\u{fffd}\u{fffd}";

    fn text(text: &str) -> Result<Content, NotBase64> {
        Ok(Content::Text(text.to_owned()))
    }

    fn binary(bytes: &'static [u8]) -> Result<Content, NotBase64> {
        Ok(Content::Binary(Bytes::from_static(bytes)))
    }

    #[test]
    fn the_body_of_a_request_is_converted_as_recorded() {
        use ContentHandling::{ToBinary, ToText};
        let raw = Bytes::from_static(RAW);
        let base64 = Bytes::from_static(AS_BASE64.as_bytes());
        for (body, is_binary, handling, expected) in [
            (&raw, false, None, text(REPAIRED)),
            (&raw, false, Some(ToText), text(REPAIRED)),
            (&raw, false, Some(ToBinary), Err(NotBase64)),
            (&base64, false, Some(ToBinary), binary(RAW)),
            (&raw, true, None, binary(RAW)),
            (&raw, true, Some(ToText), text(AS_BASE64)),
            (&base64, true, Some(ToBinary), binary(AS_BASE64.as_bytes())),
        ] {
            let content = Content::of_request(body, is_binary, handling);
            assert_eq!(content, expected, "{body:?}, binary: {is_binary}, {handling:?}");
        }
    }

    #[test]
    fn the_body_of_a_response_is_converted_as_recorded() {
        use ContentHandling::{ToBinary, ToText};
        let raw = Bytes::from_static(RAW);
        let base64 = Bytes::from_static(AS_BASE64.as_bytes());
        for (body, is_binary, accepts, handling, expected) in [
            (&raw, false, false, None, text(REPAIRED)),
            (&base64, false, true, None, binary(RAW)),
            (&raw, false, true, None, Err(NotBase64)),
            (&raw, true, false, None, text(AS_BASE64)),
            (&raw, true, true, None, binary(RAW)),
            (&raw, false, true, Some(ToText), text(REPAIRED)),
            (&raw, true, true, Some(ToText), text(AS_BASE64)),
            (&base64, false, false, Some(ToBinary), binary(RAW)),
            (&raw, true, false, Some(ToBinary), binary(RAW)),
        ] {
            let content = Content::of_response(body, is_binary, accepts, handling);
            let case = format!("{body:?}, binary: {is_binary}, accepted: {accepts}, {handling:?}");
            assert_eq!(content, expected, "{case}");
        }
    }
}
