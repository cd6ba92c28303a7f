//! The proxy response: the JSON object with status, headers and body that a function returns to a gateway.

use super::{Length, Object, Sink, Style, object_in};
use crate::quantity::Bytes;

/// The payload format of a proxy response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Version 1.0, for REST APIs and for HTTP APIs that request it: `headers`, and `multiValueHeaders` for repeated names.
    V1,
    /// Version 2.0, for HTTP APIs and function URLs: `headers`, and `cookies` for `Set-Cookie`.
    V2,
}

/// The body of a proxy response, in its transfer encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyBody<'a> {
    /// A JSON string.
    Text(&'a str),
    /// Base64 in a JSON string, with `isBase64Encoded` true.
    Base64(&'a [u8]),
}

/// A description of a proxy response.
///
/// ```
/// use hardcap_limits::Bytes;
/// use hardcap_limits::envelope::{Payload, ProxyBody, ProxyResponse};
///
/// let headers = [("content-type", "text/plain"), ("set-cookie", "a=1"), ("set-cookie", "b=2")];
/// let response = ProxyResponse { status: 200, headers: &headers, body: ProxyBody::Text("hi") };
/// let expected = br#"{"statusCode":200,"headers":{"content-type":"text/plain"},"cookies":["a=1","b=2"],"body":"hi","isBase64Encoded":false}"#;
/// assert_eq!(response.to_json(Payload::V2), expected);
/// assert_eq!(response.len(Payload::V2), Bytes(expected.len() as u64));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ProxyResponse<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The header lines in their order. A name may occur more than once, in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: ProxyBody<'a>,
}

impl ProxyResponse<'_> {
    /// The size of the response as JSON.
    #[must_use]
    pub fn len(&self, payload: Payload) -> Bytes {
        let mut length = Length::default();
        self.describe(payload, &mut length);
        length.bytes()
    }

    /// The response as JSON, in one allocation.
    #[must_use]
    pub fn to_json(&self, payload: Payload) -> Vec<u8> {
        let length = usize::try_from(self.len(payload).0).expect("a sum of lengths in memory");
        let mut json = Vec::with_capacity(length);
        self.describe(payload, &mut json);
        json
    }

    /// Describes the response in compact JSON.
    pub fn describe(&self, payload: Payload, sink: &mut dyn Sink) {
        self.describe_in(Style::Compact, payload, sink);
    }

    /// Describes the response in the style of a runtime.
    pub fn describe_in(&self, style: Style, payload: Payload, sink: &mut dyn Sink) {
        object_in(style, sink, |response| {
            response.raw("statusCode", &self.status.to_string());
            match payload {
                Payload::V1 => self.describe_headers_v1(response),
                Payload::V2 => self.describe_headers_v2(response),
            }
            match self.body {
                ProxyBody::Text(text) => response.string("body", text),
                ProxyBody::Base64(bytes) => response.base64("body", bytes),
            }
            let encoded = matches!(self.body, ProxyBody::Base64(_));
            response.raw("isBase64Encoded", if encoded { "true" } else { "false" });
        });
    }

    /// A name that occurs once is in `headers`, a repeated one in `multiValueHeaders`: a gateway sends both, so a name in both
    /// would be sent twice.
    fn describe_headers_v1(&self, response: &mut Object<'_>) {
        let names = || self.first_lines().map(|(name, _)| name);
        let repeated = |name: &&str| self.values(name).nth(1).is_some();
        response.object("headers", |headers| {
            for name in names().filter(|name| !repeated(name)) {
                headers.string(name, self.values(name).next().unwrap_or_default());
            }
        });
        if names().any(|name| repeated(&name)) {
            response.object("multiValueHeaders", |headers| {
                for name in names().filter(repeated) {
                    headers.strings(name, self.values(name));
                }
            });
        }
    }

    /// Payload 2.0 has one value per name, a comma-separated list. Cookies have an array, because their values may contain
    /// commas.
    fn describe_headers_v2(&self, response: &mut Object<'_>) {
        const COOKIE: &str = "set-cookie";
        response.object("headers", |headers| {
            for (name, value) in self.first_lines() {
                if name.eq_ignore_ascii_case(COOKIE) {
                    continue;
                }
                let mut values = self.values(name);
                if values.nth(1).is_none() {
                    headers.string(name, value);
                } else {
                    headers.string(name, &self.values(name).collect::<Vec<_>>().join(", "));
                }
            }
        });
        if self.values(COOKIE).next().is_some() {
            response.strings("cookies", self.values(COOKIE));
        }
    }

    /// The first line of each name, in order.
    fn first_lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.headers.iter().enumerate();
        lines.filter_map(|(at, &(name, value))| {
            let seen = self.headers[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            (!seen).then_some((name, value))
        })
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.headers.iter();
        lines.filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|&(_, value)| value)
    }
}
