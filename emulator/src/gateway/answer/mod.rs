//! From the bytes that a function posted to the response that the client gets. Pure, and of those bytes: nothing is
//! serialized again, a text body without escapes is a slice of them, and a decoded body is the only copy.

mod members;
mod v1;
mod v2;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::event::Shape;
use super::media;
use members::{Members, Text};

/// A response before the gateway adds its own headers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The function's status, or 200.
    pub(crate) status: StatusCode,
    /// The function's headers, and a content type.
    pub(crate) headers: HeaderMap,
    /// The body as the client sees it.
    pub(crate) body: Bytes,
}

/// An answer that the gateway does not understand. The text says why, for the log: no client sees it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Malformed Lambda proxy response: {0}")]
pub(crate) struct Malformed(pub(crate) String);

/// What decides how an answer becomes a response, beside the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'r> {
    /// Which rules hold.
    pub(crate) shape: Shape,
    /// The request's `Accept`.
    pub(crate) accept: Option<&'r str>,
    /// The types that a REST API decodes.
    pub(crate) binary_media_types: &'r [String],
}

/// Reads an answer by the rules of its gateway.
///
/// # Errors
///
/// [`Malformed`] where AWS answers 502 (REST API, function URL) or 500 (HTTP API).
pub(crate) fn to_http(wanted: Wanted<'_>, posted: &Bytes) -> Result<Answer, Malformed> {
    match wanted.shape {
        Shape::Rest => v1::rest(wanted, posted),
        Shape::HttpV1 => v1::http(posted),
        Shape::HttpV2 => v2::http(posted),
        Shape::Url => v2::url(posted),
    }
}

/// The head of an answer that streams: its metadata have no other members than those that are read here.
///
/// # Errors
///
/// [`Malformed`] when they are no JSON object, or one of them cannot be sent.
pub(crate) fn head(shape: Shape, metadata: &[u8]) -> Result<Answer, Malformed> {
    let members = Members::read(metadata)?;
    match shape {
        Shape::Rest => v1::head(&members),
        Shape::HttpV1 | Shape::HttpV2 | Shape::Url => v2::head(&members),
    }
}

impl Answer {
    /// A response without a body.
    pub(crate) fn new(status: StatusCode) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    fn append(&mut self, name: &str, value: &str) -> Result<(), Malformed> {
        // UNCONFIRMED: what AWS makes of a header that HTTP does not allow.
        let illegal = || Malformed(format!("header `{name}` is not one that HTTP allows"));
        let name_sent = HeaderName::from_bytes(name.as_bytes()).map_err(|_| illegal())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| illegal())?;
        self.headers.append(name_sent, value);
        Ok(())
    }

    fn default_content_type(mut self, content_type: &'static str) -> Answer {
        self.headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
        self
    }
}

/// The body of an answer: decoded when it is base64, else as it is.
fn body(posted: &Bytes, text: Option<Text<'_>>, is_base64: bool) -> Result<Bytes, Malformed> {
    match text {
        None => Ok(Bytes::new()),
        Some(text) if is_base64 => text.decoded().ok_or_else(|| {
            // UNCONFIRMED: how AWS answers base64 that is none.
            Malformed("isBase64Encoded is true, and the body is not base64".to_owned())
        }),
        Some(text) => Ok(text.into_bytes(posted)),
    }
}

/// A status that can be sent: an integer, or an integer as a string.
fn status(members: &Members<'_>) -> Result<Option<StatusCode>, Malformed> {
    let Some(raw) = members.status_code else { return Ok(None) };
    let digits = raw.get().trim_matches('"');
    digits
        .parse::<u16>()
        .ok()
        .filter(|status| (200..=599).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .map(Some)
        .ok_or_else(|| Malformed(format!("statusCode {} is not a status", raw.get())))
}

fn decodes(wanted: Wanted<'_>) -> bool {
    let accepted = media::first_accepted(wanted.accept);
    media::is_listed(wanted.binary_media_types, accepted)
}

#[cfg(test)]
mod tests;
