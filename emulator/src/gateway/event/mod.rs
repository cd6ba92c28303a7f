//! From a request to the event that a function is handed. Pure: an event is described, and whoever measures it decides
//! whether it is built.

mod headers;
mod v1;
mod v2;

use std::sync::Arc;

use bytes::Bytes;
use hardcap_limits::envelope::{Object, Sink};
use indexmap::IndexMap;

use super::media;
use super::request::Received;
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

/// What an event tells of its API, the same for every request.
#[derive(Debug)]
pub(crate) struct ApiFacts {
    /// The id of the API or of the function URL.
    pub(crate) api_id: String,
    /// The account, or `anonymous` on a function URL that asks for no signature.
    pub(crate) account_id: String,
    /// The host, where the client names none.
    pub(crate) default_host: String,
    /// The stage.
    pub(crate) stage: String,
    /// The stage's variables.
    pub(crate) stage_variables: IndexMap<String, String>,
    /// Of the stage's deployment.
    pub(crate) deployment_id: String,
    /// Request bodies of these types are base64 on a REST API.
    pub(crate) binary_media_types: Vec<String>,
}

/// The route that a request took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    /// `GET /items/{id}`, `$default`.
    pub(crate) route_key: String,
    /// `/items/{id}`.
    pub(crate) resource: String,
    /// Of the resource, on a REST API.
    pub(crate) resource_id: String,
    /// The path's parameters.
    pub(crate) path_parameters: Vec<(String, String)>,
    /// The path without the stage, as it came.
    pub(crate) path: String,
    /// What the authorizer said, as JSON.
    pub(crate) authorizer: Option<String>,
    /// Who signed the request, where a route asks for a signature.
    pub(crate) caller: Option<Caller>,
    /// The API key, where a route asks for one.
    pub(crate) api_key: Option<String>,
}

/// Who signed a request.
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

/// What is known of a request that is not in its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// The request id.
    pub(crate) request_id: String,
    /// The short id that API Gateway gives it.
    pub(crate) extended_request_id: String,
    /// `Root=1-…`.
    pub(crate) trace_root: String,
    /// When it arrived.
    pub(crate) arrived: EpochMillis,
}

/// An event, described and not yet built.
#[derive(Debug)]
pub(crate) struct Event {
    shape: Shape,
    api: Arc<ApiFacts>,
    taken: Taken,
    moment: Moment,
    request: Received,
    headers: Vec<(String, Vec<String>)>,
    query: Vec<(String, String)>,
    body: Body,
}

/// How the body goes into the event.
#[derive(Debug)]
enum Body {
    /// There is none: `null`.
    None,
    /// Valid UTF-8.
    Text(Bytes),
    /// Text that had to be repaired.
    Repaired(String),
    /// Base64.
    Binary(Bytes),
}

impl Event {
    /// The event of a request.
    pub(crate) fn new(
        shape: Shape,
        api: &Arc<ApiFacts>,
        taken: Taken,
        moment: Moment,
        mut request: Received,
    ) -> Event {
        let separators: &[char] = if shape == Shape::Rest { &['&', ';'] } else { &['&'] };
        Event {
            shape,
            api: Arc::clone(api),
            headers: headers::of(shape, &request, &moment.trace_root),
            query: percent::query_pairs(&request.query, separators),
            body: Body::of(shape, &api.binary_media_types, &mut request),
            taken,
            moment,
            request,
        }
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
        self.moment.arrived.to_utc().format(format).unwrap_or_default()
    }
}

impl Envelope for Event {
    fn describe(&self, sink: &mut dyn Sink) {
        match self.shape {
            Shape::Rest => v1::describe_rest(self, sink),
            Shape::HttpV1 => v1::describe_http(self, sink),
            Shape::HttpV2 | Shape::Url => v2::describe(self, sink),
        }
    }
}

impl Body {
    fn of(shape: Shape, binary_media_types: &[String], request: &mut Received) -> Body {
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
            // UNCONFIRMED: the others can say base64, and so lose nothing.
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
                let text = std::str::from_utf8(bytes).expect("it was checked when it was taken");
                object.string("body", text);
            }
            Body::Repaired(text) => object.string("body", text),
            Body::Binary(bytes) => object.base64("body", bytes),
        }
    }
}

#[cfg(test)]
mod tests;
