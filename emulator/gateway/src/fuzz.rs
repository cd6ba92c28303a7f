//! Events and responses of the gateways, for the fuzz targets of `tests/src/fuzz` only.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use hardcap_core::clock::EpochMillis;
use hardcap_lambda::Envelope as _;
use hardcap_limits::envelope::Length;
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::event::{ApiFacts, GatewayEvent, RequestInfo, RouteContext, Shape};
use crate::request::ClientRequest;
use crate::response::{self, ResponseRules};

/// The gateways by the shape of their events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// A REST API.
    Rest,
    /// An HTTP API with payload format 1.0.
    HttpV1,
    /// An HTTP API with payload format 2.0.
    HttpV2,
    /// A function URL.
    Url,
}

impl Api {
    /// All gateways.
    pub const ALL: [Api; 4] = [Api::Rest, Api::HttpV1, Api::HttpV2, Api::Url];

    fn shape(self) -> Shape {
        match self {
            Api::Rest => Shape::Rest,
            Api::HttpV1 => Shape::HttpV1,
            Api::HttpV2 => Shape::HttpV2,
            Api::Url => Shape::Url,
        }
    }
}

/// The event of a request: the number of bytes that were counted before it was serialized, and the event. `path` is without the
/// stage, `binary` are the binary media types of a REST API.
pub fn event(api: Api, head: &Parts, path: &str, body: Bytes, binary: &[String]) -> (u64, Vec<u8>) {
    let facts = Arc::new(ApiFacts {
        api_id: "abcdefghij".to_owned(),
        account_id: "000000000000".to_owned(),
        default_host: "abcdefghij.execute-api.us-east-1.amazonaws.com".to_owned(),
        stage: "$default".to_owned(),
        stage_variables: indexmap::IndexMap::new(),
        deployment_id: "dep".to_owned(),
        binary_media_types: binary.to_vec(),
    });
    let route = RouteContext {
        route_key: "$default".to_owned(),
        resource: "/{proxy+}".to_owned(),
        resource_id: "res".to_owned(),
        path: path.to_owned(),
        ..RouteContext::default()
    };
    let info = RequestInfo {
        request_id: "8a3d29ff-89aa-11e8-a040-2759dd9dfff0".to_owned(),
        extended_request_id: "JKJaXmPLvHcESHA=".to_owned(),
        trace_root: "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e".to_owned(),
        arrived: EpochMillis(1_500_000_000_000),
    };
    let peer = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 1));
    let received = ClientRequest { body, ..ClientRequest::new(head, peer) };
    let event = GatewayEvent::new(api.shape(), &facts, route, info, received);
    let (mut length, mut json) = (Length::default(), Vec::new());
    event.describe(&mut length);
    event.describe(&mut json);
    (length.bytes().0, json)
}

/// The error of a malformed function response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidResponse(pub String);

/// The HTTP response of a gateway for a function's response. A REST API decodes every type of body.
///
/// # Errors
///
/// [`InvalidResponse`] if it is malformed.
pub fn respond(
    api: Api,
    posted: &Bytes,
) -> Result<(StatusCode, HeaderMap, Bytes), InvalidResponse> {
    let binary_media_types = ["*/*".to_owned()];
    let rules = ResponseRules {
        shape: api.shape(),
        accept: Some("*/*"),
        binary_media_types: &binary_media_types,
    };
    let response =
        response::to_http(rules, posted).map_err(|error| InvalidResponse(error.to_string()))?;
    Ok((response.status, response.headers, response.body))
}

/// The status and headers of a gateway for the metadata of a streamed response.
///
/// # Errors
///
/// [`InvalidResponse`] if it is malformed.
pub fn respond_streaming(
    api: Api,
    metadata: &[u8],
) -> Result<(StatusCode, HeaderMap), InvalidResponse> {
    let head = response::head(api.shape(), metadata)
        .map_err(|error| InvalidResponse(error.to_string()))?;
    Ok((head.status, head.headers))
}
