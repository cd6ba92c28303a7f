//! The three kinds of gateway: REST API, HTTP API and function URL. Each finds the target of a request.

use hardcap_limits::{Limit, Limits, Millis, Party};
use http::StatusCode;

use super::cors;
use super::event::{ApiFacts, RouteContext, Shape};
use super::ids;
use super::refusal::GatewayError;
use super::request::ClientRequest;
use super::response::ProxyResponse;
use super::route::{self, Table};
use hardcap_core::config::{
    Access, Authorization, Cors, InvokeMode, PayloadFormat, ResponseTransferMode,
};
use hardcap_lambda::Lambda;

/// The kinds of gateway, which differ in the texts and the headers of their responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GatewayKind {
    /// A REST API.
    Rest,
    /// An HTTP API.
    Http,
    /// A function URL.
    Url,
}

impl GatewayKind {
    /// The service that a signature of a request must name. Official (API Gateway and Lambda developer guides).
    pub(super) fn signed_service(self) -> &'static str {
        match self {
            GatewayKind::Rest | GatewayKind::Http => "execute-api",
            GatewayKind::Url => "lambda",
        }
    }

    /// The client, as the limits table names it.
    pub(super) fn party(self) -> Party {
        match self {
            GatewayKind::Rest => Party::RestClient,
            GatewayKind::Http => Party::HttpClient,
            GatewayKind::Url => Party::UrlClient,
        }
    }
}

/// The kind of gateway, with its routes.
#[derive(Debug)]
pub(super) enum Frontend {
    /// A REST API.
    Rest {
        /// Its routes.
        table: Table,
        /// The minimum size in bytes of responses that are compressed.
        minimum_compression: Option<u64>,
    },
    /// An HTTP API.
    Http(Table),
    /// A function URL.
    Url {
        /// The function.
        function: String,
        /// Whether responses are buffered or streamed.
        invoke_mode: InvokeMode,
        /// Whether requests must be signed.
        authorization: Authorization,
        /// Whether no policy permits everyone to invoke it.
        lacks_permission: bool,
    },
}

/// The target of a request.
pub(super) struct RequestTarget {
    pub(super) function: String,
    pub(super) shape: Shape,
    pub(super) route: RouteContext,
    /// Whether the response is streamed.
    pub(super) streams: bool,
    /// The route's timeout.
    timeout: Option<Millis>,
    /// The gateway's timeout, lowered to the route's.
    pub(super) wait: Option<Limit<Millis>>,
    /// The access control of the route.
    pub(super) access: Access,
    /// The position of the route in the configuration.
    pub(super) position: usize,
}

impl Frontend {
    /// The keys of the routes, such as `GET /items/{id}`.
    pub(super) fn route_keys(&self) -> Vec<String> {
        match self {
            Frontend::Rest { table, .. } | Frontend::Http(table) => table.keys(),
            Frontend::Url { .. } => Vec::new(),
        }
    }

    /// The response to a request that needs no function: a preflight, or the health check of a REST API.
    pub(super) fn local_response(
        &self,
        cors: Option<&Cors>,
        request: &ClientRequest,
    ) -> Option<ProxyResponse> {
        match self {
            // Official (known issues, 2023-06-29): these two paths are reserved. UNCONFIRMED: their response.
            Frontend::Rest { .. } => matches!(request.path.as_str(), "/ping" | "/sping")
                .then(|| ProxyResponse::new(StatusCode::OK)),
            // UNCONFIRMED: the status, 200 or 204, of each.
            Frontend::Http(_) => cors::preflight(cors?, request, StatusCode::NO_CONTENT),
            Frontend::Url { .. } => cors::preflight(cors?, request, StatusCode::OK),
        }
    }

    /// Finds the function, and the route's part of its event.
    pub(super) fn target(
        &self,
        limits: &Limits,
        facts: &ApiFacts,
        received: &ClientRequest,
    ) -> Result<RequestTarget, GatewayError> {
        match self {
            Frontend::Rest { table, .. } => {
                let inside = inside_stage(&facts.stage, &received.path)?;
                // Recorded 2024-08-02: several slashes at the start are one in the path, and unchanged in the context.
                let path = format!("/{}", inside.trim_start_matches('/'));
                let mut target = target(table, &received.method, &path, Shape::Rest)?;
                target.route.resource_id = ids::resource_id(&facts.api_id, &target.route.resource);
                target.route.path = path;
                target.streams &= limits.rest_stream_timeout.has_begun();
                // A longer timeout must be configured, for a stream too.
                target.wait = Some(match target.timeout {
                    Some(own) if target.streams => limits.rest_stream_timeout.lowered_to(own),
                    own => lowered(&limits.rest_timeout, own),
                });
                Ok(target)
            }
            Frontend::Http(table) => {
                let inside = inside_stage(&facts.stage, &received.path)?;
                let mut target = target(table, &received.method, inside, Shape::HttpV2)?;
                target.route.path.clone_from(&received.path);
                target.streams = false;
                target.wait = Some(lowered(&limits.http_timeout, target.timeout));
                Ok(target)
            }
            Frontend::Url { lacks_permission: true, .. } => Err(GatewayError::NotPublic),
            Frontend::Url { .. } if !route::is_known(&received.method) => {
                Err(GatewayError::UnknownMethod)
            }
            Frontend::Url { function, invoke_mode, authorization, .. } => Ok(RequestTarget {
                function: function.clone(),
                shape: Shape::Url,
                streams: *invoke_mode == InvokeMode::ResponseStream && Lambda::streams(limits),
                route: RouteContext { route_key: "$default".to_owned(), ..RouteContext::default() },
                timeout: None,
                wait: None,
                access: Access { authorization: authorization.clone(), ..Access::default() },
                position: 0,
            }),
        }
    }

    pub(super) fn kind(&self) -> GatewayKind {
        match self {
            Frontend::Rest { .. } => GatewayKind::Rest,
            Frontend::Http(_) => GatewayKind::Http,
            Frontend::Url { .. } => GatewayKind::Url,
        }
    }
}

/// The path after the stage.
fn inside_stage<'p>(stage: &str, path: &'p str) -> Result<&'p str, GatewayError> {
    if stage == "$default" {
        return Ok(path);
    }
    path.strip_prefix('/')
        .and_then(|path| path.strip_prefix(stage))
        .filter(|inside| inside.is_empty() || inside.starts_with('/'))
        .map(|inside| if inside.is_empty() { "/" } else { inside })
        .ok_or(GatewayError::NoStage)
}

fn target(
    table: &Table,
    method: &str,
    path: &str,
    shape: Shape,
) -> Result<RequestTarget, GatewayError> {
    let matched = table.find(method, path).ok_or_else(|| match route::is_known(method) {
        true => GatewayError::NoRoute,
        false => GatewayError::UnknownMethod,
    })?;
    let route = matched.route;
    // Recorded on 2024-03-20 for a REST API. The behaviour of an HTTP API is unknown.
    if shape == Shape::Rest && !route.calls_with_post {
        return Err(GatewayError::NotCallable);
    }
    let shape = match (shape, route.payload_format) {
        (Shape::HttpV2, PayloadFormat::V1) => Shape::HttpV1,
        _ => shape,
    };
    Ok(RequestTarget {
        function: route.function.clone(),
        shape,
        route: RouteContext {
            route_key: route.key(),
            resource: route.path.clone(),
            resource_id: String::new(),
            path_parameters: matched.path_parameters,
            ..RouteContext::default()
        },
        streams: route.response_transfer_mode == ResponseTransferMode::Stream,
        timeout: route.timeout,
        wait: None,
        access: route.access.clone(),
        position: route.position,
    })
}

fn lowered(limit: &Limit<Millis>, own: Option<Millis>) -> Limit<Millis> {
    own.map_or(*limit, |own| limit.lowered_to(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_a_whole_segment_at_the_start_of_the_path() {
        assert_eq!(inside_stage("dev", "/dev/a/b").unwrap(), "/a/b");
        assert_eq!(inside_stage("dev", "/dev").unwrap(), "/");
        assert_eq!(inside_stage("dev", "/dev/").unwrap(), "/");
        assert_eq!(inside_stage("dev", "/dev//a").unwrap(), "//a");
        assert!(matches!(inside_stage("dev", "/device"), Err(GatewayError::NoStage)));
        assert!(matches!(inside_stage("dev", "/"), Err(GatewayError::NoStage)));
        assert_eq!(inside_stage("$default", "/a").unwrap(), "/a");
    }
}
