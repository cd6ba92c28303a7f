//! What answers on a port: a REST API, an HTTP API, or a function URL; and where on it a request goes.

use hardcap_limits::{Limit, Limits, Millis, Party};
use http::StatusCode;

use super::answer::Answer;
use super::cors;
use super::event::{ApiFacts, Shape, Taken};
use super::ids;
use super::refusal::Ending;
use super::request::Received;
use super::route::Table;
use hardcap_core::config::{
    Access, Cors, FixedResponse, InvokeMode, PayloadFormat, ResponseTransferMode,
};
use hardcap_lambda::Lambda;

/// What answers on the port.
#[derive(Debug)]
pub(super) enum Front {
    /// A REST API.
    Rest {
        /// Its routes.
        table: Table,
        /// Answers of at least this many bytes are compressed.
        minimum_compression: Option<u64>,
    },
    /// An HTTP API.
    Http(Table),
    /// A function's own address.
    Url {
        /// The function that answers.
        function: String,
        /// How the answer is handed on.
        invoke_mode: InvokeMode,
        /// Whether requests that are not signed are refused.
        only_signed: bool,
        /// Whether nothing lets everyone invoke it.
        lacks_permission: bool,
    },
}

/// Where a request goes.
pub(super) struct Target {
    pub(super) function: String,
    pub(super) shape: Shape,
    pub(super) taken: Taken,
    /// Whether the answer is handed on as it comes.
    pub(super) streams: bool,
    /// The route's own timeout.
    timeout: Option<Millis>,
    /// The gateway's, lowered to the route's own.
    pub(super) wait: Option<Limit<Millis>>,
    /// What the request must bring.
    pub(super) access: Access,
    /// What is answered without a function.
    pub(super) fixed: Option<FixedResponse>,
}

impl Front {
    /// The keys of the routes, such as `GET /items/{id}`.
    pub(super) fn route_keys(&self) -> Vec<String> {
        match self {
            Front::Rest { table, .. } | Front::Http(table) => table.keys(),
            Front::Url { .. } => Vec::new(),
        }
    }

    /// What the gateway answers without a function: a preflight, and the health checks of a REST API.
    pub(super) fn answered_here(&self, cors: Option<&Cors>, request: &Received) -> Option<Answer> {
        match self {
            // Official (known issues, 2023-06-29): these two paths are reserved. What they answer is UNCONFIRMED.
            Front::Rest { .. } => matches!(request.path.as_str(), "/ping" | "/sping")
                .then(|| Answer::new(StatusCode::OK)),
            // UNCONFIRMED: which of 200 and 204 each has.
            Front::Http(_) => cors::preflight(cors?, request, StatusCode::NO_CONTENT),
            Front::Url { .. } => cors::preflight(cors?, request, StatusCode::OK),
        }
    }

    /// The function that answers, and what its event tells of the way there.
    pub(super) fn target(
        &self,
        limits: &Limits,
        facts: &ApiFacts,
        received: &Received,
    ) -> Result<Target, Ending> {
        match self {
            Front::Rest { table, .. } => {
                let inside = inside_stage(&facts.stage, &received.path)?;
                // Recorded 2024-08-02: slashes at the start count once in the path, and as they came in the context.
                let path = format!("/{}", inside.trim_start_matches('/'));
                let mut target = target(table, &received.method, &path, Shape::Rest)?;
                target.taken.resource_id = ids::resource_id(&facts.api_id, &target.taken.resource);
                target.taken.path = path;
                target.streams &= limits.rest_stream_timeout.has_begun();
                // A longer wait has to be asked for, also of a stream.
                target.wait = Some(match target.timeout {
                    Some(own) if target.streams => limits.rest_stream_timeout.lowered_to(own),
                    own => lowered(&limits.rest_timeout, own),
                });
                Ok(target)
            }
            Front::Http(table) => {
                let inside = inside_stage(&facts.stage, &received.path)?;
                let mut target = target(table, &received.method, inside, Shape::HttpV2)?;
                target.taken.path.clone_from(&received.path);
                target.streams = false;
                target.wait = Some(lowered(&limits.http_timeout, target.timeout));
                Ok(target)
            }
            Front::Url { only_signed: true, .. } if !is_signed(received) => Err(Ending::NotSigned),
            Front::Url { lacks_permission: true, .. } => Err(Ending::NotPublic),
            Front::Url { function, invoke_mode, .. } => Ok(Target {
                function: function.clone(),
                shape: Shape::Url,
                streams: *invoke_mode == InvokeMode::ResponseStream && Lambda::streams(limits),
                taken: Taken { route_key: "$default".to_owned(), ..Taken::default() },
                timeout: None,
                wait: None,
                access: Access::default(),
                fixed: None,
            }),
        }
    }

    /// Who its client is, for the words of a refusal.
    pub(super) fn party(&self) -> Party {
        match self {
            Front::Rest { .. } => Party::RestClient,
            Front::Http(_) => Party::HttpClient,
            Front::Url { .. } => Party::UrlClient,
        }
    }
}

/// Whether a request brings a signature, in its head or in its query.
fn is_signed(request: &Received) -> bool {
    let mut parameters = request.query.split('&');
    request.header("authorization").is_some()
        || parameters.any(|parameter| parameter.starts_with("X-Amz-Signature="))
}

/// The path without the stage before it.
fn inside_stage<'p>(stage: &str, path: &'p str) -> Result<&'p str, Ending> {
    if stage == "$default" {
        return Ok(path);
    }
    path.strip_prefix('/')
        .and_then(|path| path.strip_prefix(stage))
        .filter(|inside| inside.is_empty() || inside.starts_with('/'))
        .map(|inside| if inside.is_empty() { "/" } else { inside })
        .ok_or(Ending::NoStage)
}

fn target(table: &Table, method: &str, path: &str, shape: Shape) -> Result<Target, Ending> {
    let matched = table.find(method, path).ok_or(Ending::NoRoute)?;
    let route = matched.route;
    // Recorded on 2024-03-20; what an HTTP API would do is not known.
    if shape == Shape::Rest && !route.calls_with_post {
        return Err(Ending::NotCallable);
    }
    let shape = match (shape, route.payload_format) {
        (Shape::HttpV2, PayloadFormat::V1) => Shape::HttpV1,
        _ => shape,
    };
    Ok(Target {
        function: route.function.clone(),
        shape,
        taken: Taken {
            route_key: route.key(),
            resource: route.path.clone(),
            resource_id: String::new(),
            path_parameters: matched.path_parameters,
            ..Taken::default()
        },
        streams: route.response_transfer_mode == ResponseTransferMode::Stream,
        timeout: route.timeout,
        wait: None,
        access: route.access.clone(),
        fixed: route.fixed.clone(),
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
        assert!(matches!(inside_stage("dev", "/device"), Err(Ending::NoStage)));
        assert!(matches!(inside_stage("dev", "/"), Err(Ending::NoStage)));
        assert_eq!(inside_stage("$default", "/a").unwrap(), "/a");
    }
}
