//! API Gateway and function URLs: from an HTTP request to an event, from an answer to an HTTP response.
//!
//! [`Gateway::handle`] is the path of a request, one step a line. What it calls is pure: [`route`] finds the function,
//! [`event`] describes its event, [`answer`] reads what it posted, [`refusal`] says why there is no answer.

mod access_log;
pub(crate) mod answer;
mod authorize;
mod compress;
mod cors;
pub(crate) mod event;
mod fixed;
mod front;
mod ids;
mod kept;
mod media;
pub(crate) mod refusal;
pub(crate) mod request;
pub mod route;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body as SentBody;
use bytes::Bytes;
use hardcap_limits::{Bytes as ByteCount, Limit, Limits, Millis, Party};
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body::Body;

use access_log::Exchange;
use answer::{Answer, Wanted};
use authorize::Guard;
use event::{ApiFacts, Event, Moment};
use front::Front;
use hardcap_core::config::{ACCOUNT_ID, Api, ApiKind, Config, Cors, FunctionUrl, GatewayResponses};
use hardcap_core::context::{Context, Platform};
use hardcap_core::head::SentHead;
use hardcap_core::payloads::Part;
use hardcap_core::record::What;
use hardcap_core::serve::{self, ReadError};
use hardcap_lambda::stop::InvokeError;
use hardcap_lambda::{Invocation, InvocationEvent as FunctionEvent, Lambda, Reply};
use refusal::Ending;
use request::Received;
use route::{Kind, Table};

/// One API, or one function URL, on its port.
#[derive(Debug)]
pub(crate) struct Gateway {
    platform: Platform,
    lambda: Lambda,
    logical_id: String,
    facts: Arc<ApiFacts>,
    front: Front,
    cors: Option<Cors>,
    responses: GatewayResponses,
    guard: Guard,
    /// Functions see the host name that AWS would give, and TLS.
    aws_hosts: bool,
}

type HttpResponse = Response<SentBody>;

/// The gateway frames the body and keeps the connection itself: these headers are nobody else's.
const FRAMING: [&str; 6] =
    ["connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"];

impl Gateway {
    /// An API of API Gateway.
    pub(crate) fn for_api(
        platform: &Platform,
        lambda: &Lambda,
        api: &Api,
        config: &Config,
    ) -> Gateway {
        let (front, binary_media_types, cors) = match &api.kind {
            ApiKind::Rest { binary_media_types, minimum_compression_size } => {
                let table = Table::new(Kind::Rest, &api.routes);
                let front = Front::Rest { table, minimum_compression: *minimum_compression_size };
                (front, binary_media_types.clone(), None)
            }
            ApiKind::Http { cors } => {
                (Front::Http(Table::new(Kind::Http, &api.routes)), Vec::new(), cors.clone())
            }
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
        let gateway = Gateway::new(platform, lambda, &api.logical_id, facts, front);
        let guard = Guard::new(&api.authorizers, &api.api_keys);
        let responses = api.gateway_responses.clone();
        Gateway { cors, responses, guard, aws_hosts: config.aws_hosts, ..gateway }
    }

    /// A function's own address.
    pub(crate) fn for_function_url(
        platform: &Platform,
        lambda: &Lambda,
        url: &FunctionUrl,
        aws_hosts: bool,
    ) -> Gateway {
        let api_id = ids::url_id(&url.logical_id);
        let facts = ApiFacts {
            // What AWS gives where no signature is asked for.
            account_id: "anonymous".to_owned(),
            default_host: format!("{api_id}.lambda-url.{}.on.aws", platform.region),
            stage: "$default".to_owned(),
            stage_variables: indexmap::IndexMap::new(),
            deployment_id: String::new(),
            binary_media_types: Vec::new(),
            api_id,
        };
        let front = Front::Url {
            function: url.function.clone(),
            invoke_mode: url.invoke_mode,
            only_signed: url.only_signed,
            lacks_permission: url.lacks_permission,
        };
        let gateway = Gateway::new(platform, lambda, &url.logical_id, facts, front);
        Gateway { cors: url.cors.clone(), aws_hosts, ..gateway }
    }

    fn new(
        platform: &Platform,
        lambda: &Lambda,
        logical_id: &str,
        facts: ApiFacts,
        front: Front,
    ) -> Gateway {
        Gateway {
            platform: platform.clone(),
            lambda: lambda.clone(),
            logical_id: logical_id.to_owned(),
            facts: Arc::new(facts),
            front,
            cors: None,
            responses: GatewayResponses::new(),
            guard: Guard::default(),
            aws_hosts: false,
        }
    }

    /// Answers a request, whatever happens to it, and records that it did.
    pub(crate) async fn handle<B>(&self, request: Request<B>, peer: SocketAddr) -> HttpResponse
    where
        B: Body<Data = Bytes>,
        B::Error: std::error::Error + 'static,
    {
        let ctx = self.platform.context();
        let watch = ctx.clock.stopwatch();
        let moment = Moment::of(&ctx);
        let (head, body) = request.into_parts();
        ctx.keep(Part::Request, &kept::request(&head));
        let (mut response, ending) = match self.answer(&ctx, &moment, (&head, body), peer).await {
            Ok(response) => (response, None),
            Err(ending) => {
                let refused = self.refuse(&ctx, &moment, &ending, (&head, peer));
                ctx.keep(Part::ResponseBody, refused.body().as_bytes());
                (refused.map(SentBody::from), Some(ending))
            }
        };
        if let Some(cors) = &self.cors {
            let origin = head.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
            cors::apply(cors, origin, response.headers_mut());
        }
        let response = without_forbidden_body(response);
        ctx.keep(Part::ResponseHead, &kept::response(&response));
        let took = watch.elapsed_millis();
        let (sent, status) = (response.body().size_hint().exact(), response.status());
        let (api, front) = (&*self.logical_id, &self.front);
        let (ending, nearest) = (ending.as_ref(), ctx.nearest.get());
        let exchange = Exchange { api, head: &head, status, took, sent, ending, nearest, front };
        log(&ctx, &exchange);
        ctx.record(What::Answered {
            api: self.logical_id.clone(),
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            status: status.as_u16(),
            millis: took.0,
        });
        response
    }

    /// The path of a request.
    async fn answer<B>(
        &self,
        ctx: &Context,
        moment: &Moment,
        (head, body): (&Parts, B),
        peer: SocketAddr,
    ) -> Result<HttpResponse, Ending>
    where
        B: Body<Data = Bytes>,
        B::Error: std::error::Error + 'static,
    {
        self.admit_head(ctx, head)?;
        let mut received = Received::new(head, peer);
        if self.aws_hosts {
            received.address_to(&self.facts.default_host);
        }
        received.body = self.read_body(ctx, head, body).await?;
        if let Some(answer) = self.front.answered_here(self.cors.as_ref(), &received) {
            return Ok(complete(self.front.party(), answer, moment, &ctx.trace));
        }
        let mut target = self.front.target(&ctx.limits, &self.facts, &received)?;
        target.wait = self.wait_for(&target.function, target.wait);
        self.authorize(ctx, moment, head, &mut target, &received).await?;
        if let Some(fixed) = target.fixed.take() {
            ctx.keep(Part::ResponseBody, fixed.body.as_bytes());
            return Ok(fixed::response(self.front.party(), &fixed, moment));
        }
        let accept = received.header("accept").map(str::to_owned);
        let accept_encoding = received.header("accept-encoding").map(str::to_owned);
        let taken = std::mem::take(&mut target.taken);
        let event = Event::new(target.shape, &self.facts, taken, moment.clone(), received);
        if target.streams {
            return self.stream(ctx, moment, target, event).await;
        }
        let reply = self.invoke(ctx, target.function, event, target.wait).await?;
        let wanted = Wanted {
            shape: target.shape,
            accept: accept.as_deref(),
            binary_media_types: &self.facts.binary_media_types,
        };
        let mut answer = match (&self.front, &reply.posted_as_stream) {
            (Front::Url { .. }, Some(content_type)) => {
                stream::collected(content_type, &reply.payload)?
            }
            _ => answer::to_http(wanted, &reply.payload)?,
        };
        if let Front::Rest { minimum_compression, .. } = self.front {
            answer = compress::apply(minimum_compression, accept_encoding.as_deref(), answer).await;
        }
        ctx.keep(Part::ResponseBody, &answer.body);
        Ok(complete(self.front.party(), answer, moment, &ctx.trace))
    }

    /// What the client gets instead of an answer: AWS's words, or those that the API's owner chose.
    fn refuse(
        &self,
        ctx: &Context,
        moment: &Moment,
        ending: &Ending,
        (head, peer): (&Parts, SocketAddr),
    ) -> Response<String> {
        let refused = refusal::render(self.front.party(), ending, &ctx.limits, moment, &ctx.trace);
        if self.responses.is_empty() {
            return refused;
        }
        let request = &Received::new(head, peer);
        let target = self.front.target(&ctx.limits, &self.facts, request);
        let taken = &target.map(|target| target.taken).unwrap_or_default();
        let source = refusal::Source { api: &self.facts, request, moment, taken };
        refusal::customize(&self.responses, ending, source, refused)
    }

    /// The limits of a request's head.
    fn admit_head(&self, ctx: &Context, head: &Parts) -> Result<(), Ending> {
        let limits = &ctx.limits;
        match &self.front {
            Front::Rest { .. } => {
                ctx.admit(&limits.rest_url, ByteCount(request::target_length(head)))?;
                ctx.admit(&limits.rest_headers, request::header_bytes(head))?;
                let query = head.uri.query().unwrap_or_default();
                if query.contains(['|', '{', '}']) {
                    return Err(Ending::BadRequest("`|`, `{` and `}` must be encoded in a query"));
                }
            }
            Front::Http(_) => {
                ctx.admit(&limits.http_headers, request::line_and_value_bytes(head))?;
            }
            Front::Url { .. } => {
                ctx.admit(&limits.url_headers, request::header_bytes(head))?;
            }
        }
        match head.extensions.get::<SentHead>() {
            Some(sent) if sent.is_cut() => Err(Ending::UriTooLong),
            _ => Ok(()),
        }
    }

    async fn read_body<B>(&self, ctx: &Context, head: &Parts, body: B) -> Result<Bytes, Ending>
    where
        B: Body<Data = Bytes>,
        B::Error: std::error::Error + 'static,
    {
        // A function URL has no limit of its own. Lambda measures its event; a body that is larger than that can only
        // make an event that is larger still, so it need not be read to its end.
        let Limits { lambda_sync_request, .. } = &*ctx.limits;
        let limit = match &self.front {
            Front::Rest { .. } => &ctx.limits.rest_request_body,
            Front::Http(_) => &ctx.limits.http_request_body,
            Front::Url { .. } => lambda_sync_request,
        };
        match serve::read_body(&head.headers, body, limit).await {
            Ok(body) => {
                if !matches!(self.front, Front::Url { .. }) {
                    ctx.admit(limit, ByteCount::of(&body))?;
                }
                Ok(body)
            }
            Err(ReadError::TooLarge(exceeded)) => {
                ctx.admit(limit, ByteCount(exceeded.observed))?;
                Err(exceeded.into())
            }
            Err(ReadError::CutShort(cause)) => Err(Ending::CutShort(cause)),
            Err(ReadError::Idle(cause)) => Err(Ending::BodyTimeout(cause)),
        }
    }

    /// Waits for the function, at most as long as the gateway does. A wait that ends does not end the function.
    async fn invoke(
        &self,
        ctx: &Context,
        function: String,
        event: Event,
        timeout: Option<Limit<Millis>>,
    ) -> Result<Reply, Ending> {
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
            Some(error) => Err(Ending::FunctionError(error)),
            None => Ok(reply),
        }
    }

    /// How long the gateway waits for a function: without an end if the function has no timeouts.
    fn wait_for(&self, function: &str, wait: Option<Limit<Millis>>) -> Option<Limit<Millis>> {
        let is_off = self.lambda.function(function).is_some_and(|it| !it.has_timeouts);
        wait.filter(|_| !is_off)
    }

    /// Waits at most as long as the gateway does.
    async fn in_time<T>(
        &self,
        ctx: &Context,
        timeout: Option<Limit<Millis>>,
        answered: impl Future<Output = T>,
    ) -> Result<T, Ending> {
        let Some(limit) = timeout else { return Ok(answered.await) };
        let watch = ctx.clock.stopwatch();
        if let Some(answered) = ctx.clock.timeout(limit.max, answered).await {
            return Ok(answered);
        }
        // The clock rounds to whole milliseconds; a wait that was cut off was longer than its limit.
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
    let Exchange { api, head, status, took, sent, ending, .. } = exchange;
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
                refused_by = ending.and_then(Ending::exceeded).map(|exceeded| exceeded.row.name),
                "{exchange}"
            )
        };
    }
    match ending {
        Some(Ending::InvokeError(InvokeError::Bug(cause) | InvokeError::Shortage(cause))) => {
            line!(tracing::Level::ERROR);
            ctx.record(What::Bug { cause: cause.clone() });
        }
        None | Some(Ending::NoRoute | Ending::NoStage) => line!(tracing::Level::INFO),
        Some(_) => line!(tracing::Level::WARN),
    }
}

impl Moment {
    fn of(ctx: &Context) -> Moment {
        Moment {
            request_id: ctx.request_id.to_string(),
            extended_request_id: ids::extended_request_id(&ctx.request_id),
            trace_root: ctx.trace.split(';').next().unwrap_or_default().to_owned(),
            arrived: ctx.arrived,
        }
    }
}

/// The response of an answer: what the gateway adds to it, and what it does not let through.
fn complete(party: Party, answer: Answer, moment: &Moment, trace: &str) -> HttpResponse {
    let mut response = Response::new(SentBody::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    let headers = response.headers_mut();
    for own in FRAMING {
        headers.remove(own);
    }
    refusal::identify(party, headers, moment);
    // Recorded on a REST API, and that an HTTP API adds none. UNCONFIRMED on a function URL.
    if party != Party::HttpClient {
        refusal::insert(headers, "x-amzn-trace-id", trace);
    }
    response
}

/// Takes the body from answers that HTTP gives none. (An answer to HEAD keeps it: hyper sends its length only.)
fn without_forbidden_body(response: HttpResponse) -> HttpResponse {
    match response.status() {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => response.map(|_| SentBody::empty()),
        _ => response,
    }
}

#[cfg(test)]
mod tests;
