//! The event of a gateway, read as an HTTP request.
//!
//! There are three forms: payload 1.0 of a REST API, payload 1.0 of an HTTP API, and payload 2.0 of an HTTP API or a
//! function URL. Only the needed fields are read, directly from the text of the event, so that a body of six megabytes is
//! neither parsed into a tree nor copied more than once.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

/// The kind of API through which a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiType {
    /// A REST API: payload 1.0, with the path as the client sent it.
    Rest,
    /// An HTTP API with payload 1.0.
    HttpV1,
    /// An HTTP API with payload 2.0.
    HttpV2,
    /// A function URL: payload 2.0, without a timeout of its own.
    FunctionUrl,
}

impl ApiType {
    /// Whether the API decodes the percent-encoding of the path.
    #[must_use]
    pub fn decodes_path(self) -> bool {
        self != ApiType::Rest
    }

    /// Whether responses have the form of payload 2.0.
    #[must_use]
    pub fn responds_v2(self) -> bool {
        matches!(self, ApiType::HttpV2 | ApiType::FunctionUrl)
    }
}

/// The query of a request, as the API passes it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The text after `?`, as the client sent it.
    Raw(String),
    /// Names and values, decoded by the gateway.
    Decoded(Vec<(String, String)>),
}

/// An HTTP request that arrived as an event.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The kind of API.
    pub api: ApiType,
    /// The method.
    pub method: Method,
    /// The path without the stage; its encoding depends on [`ApiType::decodes_path`].
    pub path: String,
    /// The query.
    pub query: Query,
    /// Header lines in the order of the event. A name may occur several times.
    pub headers: Vec<(String, String)>,
    /// The decoded body: the bytes that the client sent.
    pub body: Bytes,
    /// The client's address, as the gateway reports it.
    pub source_ip: Option<String>,
    /// The prefix before [`Request::path`] in public addresses: `/prod`, or empty.
    pub stage_prefix: String,
}

impl fmt::Debug for Request {
    /// Omits headers and bodies, which may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("door", &self.api)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers.len())
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Request {
    /// The first value of a header; the case of the name does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Request, D::Error> {
        let event = GatewayEvent::deserialize(deserializer)?;
        let context = &event.request_context;
        if context.elb.is_some() {
            return Err(D::Error::custom(EventError::LoadBalancer));
        }
        let request = if let Some(http) = &context.http {
            let method = http.method.clone();
            event.into_v2(&method)
        } else if event.http_method.is_some() {
            event.into_v1()
        } else {
            Err(EventError::NotARequest)
        };
        request.map_err(D::Error::custom)
    }
}

/// Why an event is not a request.
#[derive(Debug, thiserror::Error)]
enum EventError {
    #[error(
        "the event comes from an Application Load Balancer, which this proxy does not support; put the proxy behind a \
         REST API, an HTTP API or a function URL"
    )]
    LoadBalancer,
    #[error(
        "the event is not an HTTP request: expected payload 1.0 (`httpMethod`) or 2.0 (`requestContext.http`) of API Gateway \
         or of a function URL"
    )]
    NotARequest,
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    #[error("the event has `isBase64Encoded`, but its body is not base64: {0}")]
    Body(#[from] base64::DecodeError),
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct GatewayEvent<'a> {
    version: Option<String>,
    http_method: Option<String>,
    path: Option<String>,
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    headers: Option<Pairs<Option<String>>>,
    multi_value_headers: Option<Pairs<Option<Vec<String>>>>,
    query_string_parameters: Option<Pairs<Option<String>>>,
    multi_value_query_string_parameters: Option<Pairs<Option<Vec<String>>>>,
    #[serde(default)]
    request_context: RequestContext,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    elb: Option<serde::de::IgnoredAny>,
    http: Option<HttpContext>,
    identity: Option<Identity>,
    stage: Option<String>,
    path: Option<String>,
    domain_name: Option<String>,
    account_id: Option<String>,
}

impl RequestContext {
    /// Payload 2.0 does not contain the kind of API. A function URL has its own domain, and uses the account `anonymous` for
    /// unsigned requests.
    fn is_of_function_url(&self) -> bool {
        let domain = self.domain_name.as_deref().unwrap_or_default();
        domain.contains(".lambda-url.") || self.account_id.as_deref() == Some("anonymous")
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpContext {
    method: String,
    source_ip: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
}

impl GatewayEvent<'_> {
    fn into_v1(self) -> Result<Request, EventError> {
        let on_http_api = self.version.as_deref() == Some("1.0");
        let api = if on_http_api { ApiType::HttpV1 } else { ApiType::Rest };
        let path = self.path.unwrap_or_default();
        let (path, stage_prefix) = if on_http_api {
            without_stage(path, self.request_context.stage.as_deref())
        } else {
            let prefix = prefix_of(self.request_context.path.as_deref(), &path);
            (path, prefix)
        };
        Ok(Request {
            api,
            method: method(self.http_method.as_deref().unwrap_or_default())?,
            path,
            query: Query::Decoded(flatten(
                self.multi_value_query_string_parameters,
                self.query_string_parameters,
            )),
            headers: flatten(self.multi_value_headers, self.headers),
            body: decode_body(self.body, self.is_base64_encoded)?,
            source_ip: self.request_context.identity.and_then(|identity| identity.source_ip),
            stage_prefix,
        })
    }

    fn into_v2(self, named: &str) -> Result<Request, EventError> {
        let api = if self.request_context.is_of_function_url() {
            ApiType::FunctionUrl
        } else {
            ApiType::HttpV2
        };
        let mut headers = flatten(None, self.headers);
        if let Some(cookies) = self.cookies.filter(|cookies| !cookies.is_empty()) {
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        let stage = self.request_context.stage.as_deref();
        let (path, stage_prefix) = without_stage(self.raw_path.unwrap_or_default(), stage);
        Ok(Request {
            api,
            method: method(named)?,
            path,
            query: Query::Raw(self.raw_query_string.unwrap_or_default()),
            headers,
            body: decode_body(self.body, self.is_base64_encoded)?,
            source_ip: self.request_context.http.and_then(|http| http.source_ip),
            stage_prefix,
        })
    }
}

fn method(name: &str) -> Result<Method, EventError> {
    Method::from_bytes(name.as_bytes()).map_err(|_| EventError::Method(name.to_owned()))
}

/// HTTP APIs prefix the path with a named stage, which the upstream does not have.
fn without_stage(path: String, stage: Option<&str>) -> (String, String) {
    let Some(stage) = stage.filter(|stage| *stage != "$default" && !stage.is_empty()) else {
        return (path, String::new());
    };
    let prefix = format!("/{stage}");
    match path.strip_prefix(&prefix) {
        Some("") => ("/".to_owned(), prefix),
        Some(rest) if rest.starts_with('/') => (rest.to_owned(), prefix),
        _ => (path, String::new()),
    }
}

/// The stage's prefix: REST APIs send the path with it and without it.
fn prefix_of(with_stage: Option<&str>, path: &str) -> String {
    let prefix = with_stage.and_then(|long| long.strip_suffix(path)).unwrap_or_default();
    prefix.trim_end_matches('/').to_owned()
}

fn flatten(
    many: Option<Pairs<Option<Vec<String>>>>,
    single: Option<Pairs<Option<String>>>,
) -> Vec<(String, String)> {
    if let Some(many) = many {
        let lists = many.0.into_iter();
        return lists
            .flat_map(|(name, values)| {
                values.unwrap_or_default().into_iter().map(move |value| (name.clone(), value))
            })
            .collect();
    }
    let pairs = single.map(|pairs| pairs.0).unwrap_or_default();
    pairs.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
}

fn decode_body(body: Option<Text<'_>>, base64: bool) -> Result<Bytes, EventError> {
    let Some(Text(text)) = body else {
        return Ok(Bytes::new());
    };
    if !base64 {
        return Ok(Bytes::from(text.into_owned()));
    }
    Ok(Bytes::from(STANDARD.decode(text.as_bytes())?))
}

/// A string, borrowed from the event if it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A JSON object as a list, with the order of its members and repeated names.
struct Pairs<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<V>, D::Error> {
        struct PairsVisitor<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
            type Value = Pairs<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<V>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Requests for unit tests.

    use super::*;

    /// A request of a function URL without a body.
    pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Request {
            api: ApiType::FunctionUrl,
            method: method.parse().expect("a method"),
            path: path.to_owned(),
            query: Query::Raw(String::new()),
            headers,
            body: Bytes::new(),
            source_ip: Some("192.0.2.9".to_owned()),
            stage_prefix: String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
