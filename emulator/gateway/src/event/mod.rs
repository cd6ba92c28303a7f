//! From a request to the event for the function. Pure: an event is described first, and built only if its size is admitted.

mod headers;
mod v1;
mod v2;

use std::sync::Arc;

use bytes::Bytes;
use hardcap_limits::envelope::{Object, Sink};
use indexmap::IndexMap;

use super::media;
use super::request::ClientRequest;
use hardcap_core::clock::EpochMillis;
use hardcap_core::percent;
use hardcap_lambda::Envelope;

/// The four shapes of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A REST API, payload format 1.0.
    Rest,
    /// An HTTP API, payload format 1.0.
    HttpV1,
    /// An HTTP API, payload format 2.0.
    HttpV2,
    /// A function URL, payload format 2.0.
    Url,
}

/// The part of an event that describes its API, the same for every request.
#[derive(Debug)]
pub(crate) struct ApiFacts {
    /// The id of the API or of the function URL.
    pub(crate) api_id: String,
    /// The account, or `anonymous` on a function URL that requires no signature.
    pub(crate) account_id: String,
    /// The host of requests without a `Host` header.
    pub(crate) default_host: String,
    /// The stage.
    pub(crate) stage: String,
    /// The stage's variables.
    pub(crate) stage_variables: IndexMap<String, String>,
    /// The id of the stage's deployment.
    pub(crate) deployment_id: String,
    /// The media types whose request bodies are base64 on a REST API.
    pub(crate) binary_media_types: Vec<String>,
}

/// The part of an event that describes its route and its caller.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteContext {
    /// `GET /items/{id}`, `$default`.
    pub(crate) route_key: String,
    /// `/items/{id}`.
    pub(crate) resource: String,
    /// The resource's id, on a REST API.
    pub(crate) resource_id: String,
    /// The path's parameters.
    pub(crate) path_parameters: Vec<(String, String)>,
    /// The path without the stage, unchanged.
    pub(crate) path: String,
    /// The authorizer's context, as JSON.
    pub(crate) authorizer: Option<String>,
    /// The signer, if the route requires a signature.
    pub(crate) caller: Option<Caller>,
    /// The API key, if the route requires one.
    pub(crate) api_key: Option<String>,
}

/// The signer of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The id of the access key.
    pub(crate) access_key: String,
    /// The ARN of the user or of the role.
    pub(crate) arn: String,
    /// The id of the user.
    pub(crate) user: String,
    /// The account.
    pub(crate) account: String,
}

/// The ids and the time of a request.
#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    /// The request id.
    pub(crate) request_id: String,
    /// API Gateway's short id.
    pub(crate) extended_request_id: String,
    /// `Root=1-…`.
    pub(crate) trace_root: String,
    /// The time of arrival.
    pub(crate) arrived: EpochMillis,
}

/// An event that has not been serialized yet.
#[derive(Debug)]
pub(crate) struct GatewayEvent {
    shape: Shape,
    api: Arc<ApiFacts>,
    route: RouteContext,
    info: RequestInfo,
    request: ClientRequest,
    headers: Vec<(String, Vec<String>)>,
    query: Vec<(String, String)>,
    body: Body,
}

/// The body of an event.
#[derive(Debug)]
enum Body {
    /// No body: `null`.
    None,
    /// Valid UTF-8.
    Text(Bytes),
    /// Invalid UTF-8, repaired.
    Repaired(String),
    /// Base64.
    Binary(Bytes),
}

impl GatewayEvent {
    /// The event of a request.
    pub(crate) fn new(
        shape: Shape,
        api: &Arc<ApiFacts>,
        route: RouteContext,
        info: RequestInfo,
        mut request: ClientRequest,
    ) -> GatewayEvent {
        let separators: &[char] = if shape == Shape::Rest { &['&', ';'] } else { &['&'] };
        GatewayEvent {
            shape,
            api: Arc::clone(api),
            headers: headers::of(shape, &request, &info.trace_root),
            query: percent::query_pairs(&request.query, separators),
            body: Body::of(shape, &api.binary_media_types, &mut request),
            route,
            info,
            request,
        }
    }

    /// `requestContext` of payload format 1.0.
    pub(crate) fn context(&self) -> serde_json::Value {
        let mut json = Vec::new();
        v1::describe_context(self, &mut json);
        serde_json::from_slice(&json).unwrap_or_default()
    }

    fn host(&self) -> &str {
        match self.request.host() {
            "" => &self.api.default_host,
            host => host,
        }
    }

    fn domain_prefix(&self) -> &str {
        self.host().split(['.', ':']).next().unwrap_or_default()
    }

    /// `14/Apr/2025:22:11:01 +0000`
    fn request_time(&self) -> String {
        let format = time::macros::format_description!(
            "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000"
        );
        self.info.arrived.to_utc().format(format).unwrap_or_default()
    }
}

impl Envelope for GatewayEvent {
    fn describe(&self, sink: &mut dyn Sink) {
        match self.shape {
            Shape::Rest => v1::describe_rest(self, sink),
            Shape::HttpV1 => v1::describe_http(self, sink),
            Shape::HttpV2 | Shape::Url => v2::describe(self, sink),
        }
    }
}

impl Body {
    fn of(shape: Shape, binary_media_types: &[String], request: &mut ClientRequest) -> Body {
        let bytes = std::mem::take(&mut request.body);
        if bytes.is_empty() {
            return Body::None;
        }
        let binary = match shape {
            Shape::Rest => {
                let content_type = request.header("content-type").unwrap_or("application/json");
                media::is_listed(binary_media_types, content_type)
            }
            Shape::HttpV1 | Shape::HttpV2 | Shape::Url => media::is_binary(request),
        };
        match (binary, std::str::from_utf8(&bytes)) {
            (true, _) => Body::Binary(bytes),
            (false, Ok(_)) => Body::Text(bytes),
            // UNCONFIRMED: a REST API without binary media types decodes every body as UTF-8.
            (false, Err(_)) if shape == Shape::Rest => {
                Body::Repaired(String::from_utf8_lossy(&bytes).into_owned())
            }
            // UNCONFIRMED: the other events have `isBase64Encoded`, so no byte is lost.
            (false, Err(_)) => Body::Binary(bytes),
        }
    }

    fn is_base64(&self) -> &'static str {
        if matches!(self, Body::Binary(_)) { "true" } else { "false" }
    }

    fn describe(&self, object: &mut Object<'_>) {
        match self {
            Body::None => object.raw("body", "null"),
            Body::Text(bytes) => {
                let text = std::str::from_utf8(bytes).expect("it is valid UTF-8");
                object.string("body", text);
            }
            Body::Repaired(text) => object.string("body", text),
            Body::Binary(bytes) => object.base64("body", bytes),
        }
    }
}

#[cfg(test)]
mod tests;
