//! From the bytes that a function posted to the response for the client. Pure. Nothing is serialized again: a text body without
//! escapes is a slice of the posted bytes, and a decoded body is the only copy.

mod members;
mod v1;
mod v2;

pub(crate) use v1::remapped;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::event::Shape;
use super::media;
use members::{JsonText, Members};

/// A response before the gateway adds its own headers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProxyResponse {
    /// The function's status; 200 by default.
    pub(crate) status: StatusCode,
    /// The function's headers, and a content type.
    pub(crate) headers: HeaderMap,
    /// The body for the client.
    pub(crate) body: Bytes,
}

/// A function's response that is not a valid proxy response. The text is the reason, for the log only.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Malformed Lambda proxy response: {0}")]
pub(crate) struct MalformedResponse(pub(crate) String);

/// The properties of a request and its API that decide how a function's response is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseRules<'r> {
    /// The event's shape, and so the rules.
    pub(crate) shape: Shape,
    /// The request's `Accept`.
    pub(crate) accept: Option<&'r str>,
    /// The media types whose bodies a REST API decodes.
    pub(crate) binary_media_types: &'r [String],
}

/// Reads a function's response by the rules of its gateway.
///
/// # Errors
///
/// [`MalformedResponse`] if AWS responds with 502 (REST API, function URL) or 500 (HTTP API).
pub(crate) fn to_http(
    rules: ResponseRules<'_>,
    posted: &Bytes,
) -> Result<ProxyResponse, MalformedResponse> {
    match rules.shape {
        Shape::Rest => v1::rest(rules, posted),
        Shape::HttpV1 => v1::http(posted),
        Shape::HttpV2 => v2::http(posted),
        Shape::Url => v2::url(posted),
    }
}

/// Reads the metadata of a streamed response as its head.
///
/// # Errors
///
/// [`MalformedResponse`] if the metadata is not a JSON object, or a member is invalid.
pub(crate) fn head(shape: Shape, metadata: &[u8]) -> Result<ProxyResponse, MalformedResponse> {
    let members = Members::read(metadata)?;
    match shape {
        Shape::Rest => v1::head(&members),
        Shape::HttpV1 | Shape::HttpV2 | Shape::Url => v2::head(&members),
    }
}

impl ProxyResponse {
    /// A response without a body.
    pub(crate) fn new(status: StatusCode) -> ProxyResponse {
        ProxyResponse { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(crate) fn append(&mut self, name: &str, value: &str) -> Result<(), MalformedResponse> {
        // UNCONFIRMED: AWS's reaction to a header that HTTP does not allow.
        let illegal = || MalformedResponse(format!("header `{name}` is not one that HTTP allows"));
        let name_sent = HeaderName::from_bytes(name.as_bytes()).map_err(|_| illegal())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| illegal())?;
        self.headers.append(name_sent, value);
        Ok(())
    }

    fn default_content_type(mut self, content_type: &'static str) -> ProxyResponse {
        self.headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
        self
    }
}

/// The body of a response: decoded if it is base64, else unchanged.
fn body(
    posted: &Bytes,
    text: Option<JsonText<'_>>,
    is_base64: bool,
) -> Result<Bytes, MalformedResponse> {
    match text {
        None => Ok(Bytes::new()),
        Some(text) if is_base64 => text.decoded().ok_or_else(|| {
            // UNCONFIRMED: AWS's response to invalid base64.
            MalformedResponse("isBase64Encoded is true, and the body is not base64".to_owned())
        }),
        Some(text) => Ok(text.into_bytes(posted)),
    }
}

/// The status: an integer, or an integer as a string.
fn status(members: &Members<'_>) -> Result<Option<StatusCode>, MalformedResponse> {
    let Some(raw) = members.status_code else { return Ok(None) };
    let digits = raw.trim_matches('"');
    digits
        .parse::<u16>()
        .ok()
        .filter(|status| (200..=599).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .map(Some)
        .ok_or_else(|| MalformedResponse(format!("statusCode {} is not a status", raw)))
}

fn decodes(rules: ResponseRules<'_>) -> bool {
    let accepted = media::first_accepted(rules.accept);
    media::is_listed(rules.binary_media_types, accepted)
}

#[cfg(test)]
mod tests;
