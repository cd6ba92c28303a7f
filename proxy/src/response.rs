//! A response as the gateway receives it, measured and written from one description.

use bytes::Bytes;
use hardcap_limits::envelope::{Payload, ProxyBody, ProxyResponse};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::headers::{self, text_of};

/// The body of a response, in the form in which Lambda returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// No body.
    Empty,
    /// Valid UTF-8, as a JSON string.
    Text(Text),
    /// Any bytes, as base64.
    Base64(Bytes),
}

/// Bytes that are known to be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    /// The bytes as text, if they are UTF-8.
    #[must_use]
    pub fn of(bytes: &Bytes) -> Option<Text> {
        std::str::from_utf8(bytes).is_ok().then(|| Text(bytes.clone()))
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the constructor checked that it is UTF-8")
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Bytes::from(text))
    }
}

/// A proxy response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The header lines.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

impl Response {
    /// A JSON response that is not cached, with further headers.
    #[must_use]
    pub fn json(status: u16, body: String, more: &[&HeaderMap]) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for more in more {
            headers::extend(&mut headers, more);
        }
        Response { status, headers, body: Body::Text(Text::from(body)) }
    }

    /// The length of the posted response, in bytes.
    #[must_use]
    pub fn len(&self, payload: Payload) -> u64 {
        self.describe(|response| response.len(payload).0)
    }

    /// The response as it is posted.
    #[must_use]
    pub fn to_json(&self, payload: Payload) -> Vec<u8> {
        self.describe(|response| response.to_json(payload))
    }

    fn describe<T>(&self, of: impl FnOnce(ProxyResponse<'_>) -> T) -> T {
        let texts: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), text_of(value))).collect();
        let lines: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, &**text)).collect();
        let body = match &self.body {
            Body::Empty => ProxyBody::Text(""),
            Body::Text(text) => ProxyBody::Text(text.as_str()),
            Body::Base64(bytes) => ProxyBody::Base64(bytes),
        };
        of(ProxyResponse { status: self.status, headers: &lines, body })
    }
}

/// Status and headers of a response whose body is not placed yet.
#[derive(Clone, Debug)]
pub struct Head {
    /// The upstream's status.
    pub status: u16,
    /// The headers that the client receives.
    pub headers: HeaderMap,
}

impl Head {
    /// The response with a body.
    pub(crate) fn with(&self, body: Body) -> Response {
        Response { status: self.status, headers: self.headers.clone(), body }
    }
}
