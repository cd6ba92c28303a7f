//! API Gateway and function URLs: from an HTTP request to an event, from a function's response to an HTTP response.
//!
//! A [`Gateway`] enforces the limits of its kind of API, byte for byte, and answers with the texts of AWS. It never reads a
//! socket, a template or a clock of its own: the emulator gives it requests, a configuration and a context.
//!
//! Start reading at [`Gateway::handle`], the path of a request, one step a line. The steps are pure: [`route`] finds the
//! function, `event` describes its event, `response` reads what it posted, `refusal` renders an error.

mod access_log;
mod authorize;
mod compress;
mod cors;
pub(crate) mod event;
mod frontend;
#[doc(hidden)]
pub mod fuzz;
mod heads;
mod ids;
mod integration;
mod media;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod response;
pub mod route;
mod stream;
mod values;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body as SentBody;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_limits::{Bytes as ByteCount, Limit, Limits, Millis};
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body::Body;

use access_log::Exchange;
use authorize::Guard;
use event::{ApiFacts, GatewayEvent, RequestInfo, Shape};
use frontend::{Frontend, GatewayKind};
use hardcap_core::config::{
    ACCOUNT_ID, Api, ApiKind, Authorization, Config, Cors, FunctionUrl, GatewayResponses,
};
use hardcap_core::context::{Context, Platform};
use hardcap_core::head::SentHead;
use hardcap_core::payloads::Part;
use hardcap_core::record::Observation;
use hardcap_core::serve::{self, ReadError, RequestBody};
use hardcap_lambda::stop::InvokeError;
use hardcap_lambda::{Invocation, InvocationEvent as FunctionEvent, Lambda, Reply};
pub use integration::Backends;
use integration::Prepared;
use refusal::GatewayError;
use request::ClientRequest;
use response::{ProxyResponse, ResponseRules};
use route::{RoutingKind, Table};
use values::Values;

/// One API or one function URL, with a port of its own.
#[derive(Debug)]
pub struct Gateway {
    platform: Platform,
    lambda: Lambda,
    logical_id: String,
    facts: Arc<ApiFacts>,
    frontend: Frontend,
    cors: Option<Cors>,
    responses: GatewayResponses,
    guard: Guard,
    /// The integrations of the routes that are not Lambda proxy, in the order of the configuration.
    integrations: Vec<Option<Prepared>>,
    /// The services that integrations call. A function URL has none.
    backends: Option<Backends>,
    /// Whether functions see the host name of AWS, and TLS.
    aws_hosts: bool,
}

type HttpResponse = Response<SentBody>;

/// Headers that the gateway sets itself, because it frames the body and manages the connection.
const FRAMING: [&str; 6] =
    ["connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"];

impl Gateway {
    /// An API of API Gateway.
    pub fn for_api(
        platform: &Platform,
        lambda: &Lambda,
        backends: &Backends,
        api: &Api,
        config: &Config,
    ) -> Gateway {
        let (frontend, binary_media_types, cors) = match &api.kind {
            ApiKind::Rest { binary_media_types, minimum_compression_size } => {
                let table = Table::new(RoutingKind::Rest, &api.routes);
                let frontend =
                    Frontend::Rest { table, minimum_compression: *minimum_compression_size };
                (frontend, binary_media_types.clone(), None)
            }
            ApiKind::Http { cors } => (
                Frontend::Http(Table::new(RoutingKind::Http, &api.routes)),
                Vec::new(),
                cors.clone(),
            ),
        };
        let api_id = hardcap_core::config::api_id(&api.logical_id);
        let facts = ApiFacts {
            account_id: ACCOUNT_ID.to_owned(),
            default_host: format!("{api_id}.execute-api.{}.amazonaws.com", config.region),
            stage: api.stage.clone(),
            stage_variables: api.stage_variables.clone(),
            deployment_id: ids::deployment_id(&api.logical_id, &api.stage),
            binary_media_types,
            api_id,
        };
        let gateway = Gateway::new(platform, lambda, &api.logical_id, facts, frontend);
        let guard = Guard::new(&api.authorizers, &api.api_keys);
        Gateway {
            cors,
            responses: api.gateway_responses.clone(),
            guard,
            integrations: integration::prepare(api),
            backends: Some(backends.clone()),
            aws_hosts: config.aws_hosts,
            ..gateway
        }
    }

    /// A function URL.
    pub fn for_function_url(
        platform: &Platform,
        lambda: &Lambda,
        url: &FunctionUrl,
        aws_hosts: bool,
    ) -> Gateway {
        let api_id = ids::url_id(&url.logical_id);
        let facts = ApiFacts {
            // AWS's value for requests without a signature.
            account_id: "anonymous".to_owned(),
            default_host: format!("{api_id}.lambda-url.{}.on.aws", platform.region),
            stage: "$default".to_owned(),
            stage_variables: indexmap::IndexMap::new(),
            deployment_id: String::new(),
            binary_media_types: Vec::new(),
            api_id,
        };
        let frontend = Frontend::Url {
            function: url.function.clone(),
            invoke_mode: url.invoke_mode,
            authorization: if url.only_signed { Authorization::Iam } else { Authorization::None },
            lacks_permission: url.lacks_permission,
        };
        let gateway = Gateway::new(platform, lambda, &url.logical_id, facts, frontend);
        Gateway { cors: url.cors.clone(), aws_hosts, ..gateway }
    }

    fn new(
        platform: &Platform,
        lambda: &Lambda,
        logical_id: &str,
        facts: ApiFacts,
        frontend: Frontend,
    ) -> Gateway {
        Gateway {
            platform: platform.clone(),
            lambda: lambda.clone(),
            logical_id: logical_id.to_owned(),
            facts: Arc::new(facts),
            frontend,
            cors: None,
            responses: GatewayResponses::new(),
            guard: Guard::default(),
            integrations: Vec::new(),
            backends: None,
            aws_hosts: false,
        }
    }

    /// Responds to a request in every case, and records the response.
    pub fn handle(
        &self,
        request: Request<RequestBody>,
        peer: SocketAddr,
    ) -> BoxFuture<'_, HttpResponse> {
        Box::pin(async move {
            let ctx = self.platform.context();
            let watch = ctx.clock.stopwatch();
            let info = RequestInfo::of(&ctx);
            let (head, body) = request.into_parts();
            ctx.keep(Part::Request, &heads::request(&head));
            let (mut response, error) = match self.respond(&ctx, &info, (&head, body), peer).await {
                Ok(response) => (response, None),
                Err(error) => {
                    let refused = self.refuse(&ctx, &info, &error, (&head, peer));
                    ctx.keep(Part::ResponseBody, refused.body().as_bytes());
                    (refused.map(SentBody::from), Some(error))
                }
            };
            if let Some(cors) = &self.cors {
                let origin =
                    head.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
                cors::apply(cors, origin, response.headers_mut());
            }
            let response = without_forbidden_body(response);
            ctx.keep(Part::ResponseHead, &heads::response(&response));
            let took = watch.elapsed_millis();
            let (sent, status) = (response.body().size_hint().exact(), response.status());
            let (api, frontend) = (&*self.logical_id, &self.frontend);
            let (error, nearest) = (error.as_ref(), ctx.nearest.get());
            let exchange =
                Exchange { api, head: &head, status, took, sent, error, nearest, frontend };
            log(&ctx, &exchange);
            ctx.record(Observation::Answered {
                api: self.logical_id.clone(),
                method: head.method.to_string(),
                path: head.uri.path().to_owned(),
                status: status.as_u16(),
                millis: took.0,
            });
            response
        })
    }

    /// The steps of a request.
    async fn respond(
        &self,
        ctx: &Context,
        info: &RequestInfo,
        (head, body): (&Parts, RequestBody),
        peer: SocketAddr,
    ) -> Result<HttpResponse, GatewayError> {
        self.admit_head(ctx, head)?;
        let mut received = ClientRequest::new(head, peer);
        if self.aws_hosts {
            received.address_to(&self.facts.default_host);
        }
        received.body = self.read_body(ctx, head, body).await?;
        if let Some(response) = self.frontend.local_response(self.cors.as_ref(), &received) {
            return Ok(complete(self.frontend.kind(), response, info, Some(&ctx.trace)));
        }
        let mut target = self.frontend.target(&ctx.limits, &self.facts, &received)?;
        target.wait = self.wait_for(&target.function, target.wait);
        self.authorize(ctx, info, head, &mut target, &received).await?;
        if let Some(Some(prepared)) = self.integrations.get(target.position) {
            return self.integrate(ctx, info, prepared, &target, &received).await;
        }
        let accept = received.header("accept").map(str::to_owned);
        let accept_encoding = received.header("accept-encoding").map(str::to_owned);
        let route = std::mem::take(&mut target.route);
        let event = GatewayEvent::new(target.shape, &self.facts, route, info.clone(), received);
        if target.streams {
            return self.stream(ctx, info, target, event).await;
        }
        let reply = self.invoke(ctx, target.function, event, target.wait).await?;
        let rules = ResponseRules {
            shape: target.shape,
            accept: accept.as_deref(),
            binary_media_types: &self.facts.binary_media_types,
        };
        let mut response = match (&self.frontend, &reply.posted_as_stream) {
            (Frontend::Url { .. }, Some(content_type)) => {
                stream::collected(content_type, &reply.payload)?
            }
            _ => response::to_http(rules, &reply.payload)?,
        };
        if let Frontend::Rest { minimum_compression, .. } = self.frontend {
            response =
                compress::apply(minimum_compression, accept_encoding.as_deref(), response).await;
        }
        ctx.keep(Part::ResponseBody, &response.body);
        Ok(complete(self.frontend.kind(), response, info, Some(&ctx.trace)))
    }

    /// The response for an error: AWS's text, or the API's customized gateway response.
    fn refuse(
        &self,
        ctx: &Context,
        info: &RequestInfo,
        error: &GatewayError,
        (head, peer): (&Parts, SocketAddr),
    ) -> Response<String> {
        let refused = refusal::render(self.frontend.kind(), error, &ctx.limits, info, &ctx.trace);
        if self.responses.is_empty() {
            return refused;
        }
        let request = &ClientRequest::new(head, peer);
        let target = self.frontend.target(&ctx.limits, &self.facts, request);
        let route = &target.map(|target| target.route).unwrap_or_default();
        let values = Values::new(Shape::Rest, &self.facts, info, request, route);
        refusal::customize(&self.responses, error, &values, refused)
    }

    /// Compares the request's head with its limits.
    fn admit_head(&self, ctx: &Context, head: &Parts) -> Result<(), GatewayError> {
        let limits = &ctx.limits;
        match &self.frontend {
            Frontend::Rest { .. } => {
                ctx.admit(&limits.rest_url, ByteCount(request::target_length(head)))?;
                ctx.admit(&limits.rest_headers, request::header_bytes(head))?;
                let query = head.uri.query().unwrap_or_default();
                if query.contains(['|', '{', '}']) {
                    return Err(GatewayError::BadRequest(
                        "`|`, `{` and `}` must be encoded in a query",
                    ));
                }
            }
            Frontend::Http(_) => {
                ctx.admit(&limits.http_headers, request::line_and_value_bytes(head))?;
            }
            Frontend::Url { .. } => {
                ctx.admit(&limits.url_headers, request::header_bytes(head))?;
            }
        }
        match head.extensions.get::<SentHead>() {
            Some(sent) if sent.is_cut() => Err(GatewayError::UriTooLong),
            _ => Ok(()),
        }
    }

    async fn read_body(
        &self,
        ctx: &Context,
        head: &Parts,
        body: RequestBody,
    ) -> Result<Bytes, GatewayError> {
        // A function URL has no body limit of its own. Lambda measures the event, which is larger than the body: a body over
        // that limit need not be read to its end.
        let Limits { lambda_sync_request, .. } = &*ctx.limits;
        let limit = match &self.frontend {
            Frontend::Rest { .. } => &ctx.limits.rest_request_body,
            Frontend::Http(_) => &ctx.limits.http_request_body,
            Frontend::Url { .. } => lambda_sync_request,
        };
        match serve::read_body(&head.headers, body, limit).await {
            Ok(body) => {
                if !matches!(self.frontend, Frontend::Url { .. }) {
                    ctx.admit(limit, ByteCount::of(&body))?;
                }
                Ok(body)
            }
            Err(ReadError::TooLarge(exceeded)) => {
                ctx.admit(limit, ByteCount(exceeded.observed))?;
                Err(exceeded.into())
            }
            Err(ReadError::CutShort(cause)) => Err(GatewayError::CutShort(cause)),
            Err(ReadError::Idle(cause)) => Err(GatewayError::BodyTimeout(cause)),
        }
    }

    /// Invokes the function and waits for at most the gateway's timeout. A timeout does not end the function.
    async fn invoke(
        &self,
        ctx: &Context,
        function: String,
        event: GatewayEvent,
        timeout: Option<Limit<Millis>>,
    ) -> Result<Reply, GatewayError> {
        let invocation = Invocation {
            function,
            event: FunctionEvent::Envelope(Box::new(event)),
            version: None,
            client_context: None,
        };
        let watch = ctx.clock.stopwatch();
        let reply = self.in_time(ctx, timeout, self.lambda.invoke(ctx, invocation)).await??;
        if let Some(limit) = timeout {
            ctx.admit(&limit, watch.elapsed_millis().min(limit.max))?;
        }
        match reply.function_error {
            Some(error) => Err(GatewayError::FunctionError(error)),
            None => Ok(reply),
        }
    }

    /// The time that the gateway waits for a function: unlimited if the function has no timeouts.
    fn wait_for(&self, function: &str, wait: Option<Limit<Millis>>) -> Option<Limit<Millis>> {
        let is_off = self.lambda.function(function).is_some_and(|it| !it.has_timeouts);
        wait.filter(|_| !is_off)
    }

    /// Waits for at most the gateway's timeout.
    async fn in_time<T>(
        &self,
        ctx: &Context,
        timeout: Option<Limit<Millis>>,
        response: impl Future<Output = T>,
    ) -> Result<T, GatewayError> {
        let Some(limit) = timeout else { return Ok(response.await) };
        let watch = ctx.clock.stopwatch();
        if let Some(response) = ctx.clock.timeout(limit.max, response).await {
            return Ok(response);
        }
        // The clock rounds to whole milliseconds. A wait that timed out took longer than its limit.
        let waited = watch.elapsed_millis().max(Millis(limit.max.0.saturating_add(1)));
        ctx.admit(&limit, waited)?;
        Err(limit.exceeded_by(waited).into())
    }
}

/// The target of the events that are lines of the access log.
const ACCESS: &str = "hardcap::access";

/// One line for each request: a warning where it was refused, an error where hardcap failed. Its fields are members of the log
/// as JSON, which `docs/logging.md` describes.
fn log(ctx: &Context, exchange: &Exchange<'_>) {
    let Exchange { api, head, status, took, sent, error, .. } = exchange;
    let near = exchange.near();
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: ACCESS,
                $level,
                request_id = %ctx.request_id,
                api,
                method = %head.method,
                path = head.uri.path(),
                status = status.as_u16(),
                duration_ms = took.0,
                request_bytes = exchange.received(),
                response_bytes = sent,
                limit = near.map(|near| near.row.name),
                limit_percent = near.map(|near| near.percent()),
                refused_by = error.and_then(GatewayError::exceeded).map(|exceeded| exceeded.row.name),
                "{exchange}"
            )
        };
    }
    match error {
        Some(GatewayError::InvokeError(InvokeError::Bug(cause) | InvokeError::Shortage(cause))) => {
            line!(tracing::Level::ERROR);
            ctx.record(Observation::Bug { cause: cause.clone() });
        }
        None
        | Some(GatewayError::NoRoute | GatewayError::UnknownMethod | GatewayError::NoStage) => {
            line!(tracing::Level::INFO)
        }
        Some(_) => line!(tracing::Level::WARN),
    }
}

impl RequestInfo {
    fn of(ctx: &Context) -> RequestInfo {
        RequestInfo {
            request_id: ctx.request_id.to_string(),
            extended_request_id: ids::extended_request_id(&ctx.request_id),
            trace_root: ctx.trace.split(';').next().unwrap_or_default().to_owned(),
            arrived: ctx.arrived,
        }
    }
}

/// The response for the client: with the gateway's headers, and without those that a backend cannot set.
fn complete(
    kind: GatewayKind,
    from: ProxyResponse,
    info: &RequestInfo,
    trace: Option<&str>,
) -> HttpResponse {
    let mut response = Response::new(SentBody::from(from.body));
    *response.status_mut() = from.status;
    *response.headers_mut() = from.headers;
    let headers = response.headers_mut();
    for own in FRAMING {
        headers.remove(own);
    }
    refusal::identify(kind, headers, info);
    // Recorded on a REST API, and that an HTTP API adds none. UNCONFIRMED on a function URL.
    if let (Some(trace), true) = (trace, kind != GatewayKind::Http) {
        refusal::insert(headers, "x-amzn-trace-id", trace);
    }
    response
}

/// Removes the body if HTTP allows none for this status. (A response to HEAD keeps it: hyper sends only its length.)
fn without_forbidden_body(response: HttpResponse) -> HttpResponse {
    match response.status() {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => response.map(|_| SentBody::empty()),
        _ => response,
    }
}

#[cfg(test)]
mod tests;
