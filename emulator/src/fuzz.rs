//! Events and responses of the gateways, for the fuzz targets of `tests/src/fuzz`. Not a public interface: nothing else may use it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use hardcap_core::clock::EpochMillis;
use hardcap_lambda::Envelope as _;
use hardcap_limits::envelope::Length;
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::gateway::answer::{self, Wanted};
use crate::gateway::event::{ApiFacts, Event, Moment, Shape, Taken};
use crate::gateway::request::Received;

/// The gateways, by the shape of what they say to a function.
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
    /// All of them.
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

/// The event of a request: how many bytes were counted before it was written, and the event. `path` is without the stage,
/// `binary` are the binary media types of a REST API.
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
    let taken = Taken {
        route_key: "$default".to_owned(),
        resource: "/{proxy+}".to_owned(),
        resource_id: "res".to_owned(),
        path: path.to_owned(),
        ..Taken::default()
    };
    let moment = Moment {
        request_id: "8a3d29ff-89aa-11e8-a040-2759dd9dfff0".to_owned(),
        extended_request_id: "JKJaXmPLvHcESHA=".to_owned(),
        trace_root: "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e".to_owned(),
        arrived: EpochMillis(1_500_000_000_000),
    };
    let peer = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 1));
    let received = Received { body, ..Received::new(head, peer) };
    let event = Event::new(api.shape(), &facts, taken, moment, received);
    let (mut length, mut json) = (Length::default(), Vec::new());
    event.describe(&mut length);
    event.describe(&mut json);
    (length.bytes().0, json)
}

/// The HTTP response that a gateway makes of what a function has posted; a REST API decodes every type of body.
///
/// # Errors
///
/// Why the gateway does not understand it.
pub fn respond(api: Api, posted: &Bytes) -> Result<(StatusCode, HeaderMap, Bytes), String> {
    let binary_media_types = ["*/*".to_owned()];
    let wanted =
        Wanted { shape: api.shape(), accept: Some("*/*"), binary_media_types: &binary_media_types };
    let answer = answer::to_http(wanted, posted).map_err(|malformed| malformed.to_string())?;
    Ok((answer.status, answer.headers, answer.body))
}

/// The status and headers that a gateway makes of the metadata of a response that streams.
///
/// # Errors
///
/// Why the gateway does not understand them.
pub fn respond_streaming(api: Api, metadata: &[u8]) -> Result<(StatusCode, HeaderMap), String> {
    let head = answer::head(api.shape(), metadata).map_err(|malformed| malformed.to_string())?;
    Ok((head.status, head.headers))
}
