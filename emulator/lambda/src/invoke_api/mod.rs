//! `POST /2015-03-31/functions/{name}/invocations`: Lambda's Invoke API.

pub mod lean;
mod stream;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::Request;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hardcap_limits::{Date, Limit};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Deserialize;

use crate::queue::{self, AcceptError, Queue};
use crate::rules::{self, DeploymentRefusal};
use crate::stop::InvokeError;
use crate::{Invocation, InvocationEvent, Lambda, Reply, admit_event, naming, refusal};
use hardcap_core::context::Context;
use hardcap_core::function_name::LATEST;
use hardcap_core::serve::{self, ReadError};

#[derive(Clone)]
struct Api {
    lambda: Lambda,
    queue: Queue,
}

/// The routes of `Invoke` and `InvokeWithResponseStream`.
pub fn router(lambda: Lambda, queue: Queue) -> Router {
    let streaming = stream::router(lambda.clone());
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .layer(DefaultBodyLimit::disable())
        .with_state(Api { lambda, queue })
        .merge(streaming)
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "Qualifier")]
    qualifier: Option<String>,
}

async fn invoke(
    State(Api { lambda, queue }): State<Api>,
    Path(name): Path<String>,
    Query(parameters): Query<Parameters>,
    request: Request<Body>,
) -> Response<Body> {
    let (ctx, parts, body) = received(&lambda, request);
    let qualifier = parameters.qualifier.as_deref();
    let mut violated = naming::constraints(&name, qualifier);
    let kind = invocation_type(&parts.headers, &mut violated);
    let tail = wants_log(&parts.headers, &mut violated);
    if let Some(refused) = rules::answer(violated) {
        return refusal::render_refusal(&ctx, refused);
    }
    let posted = match serve::read_body(&parts.headers, body, kind.limit(&ctx)).await {
        Ok(posted) => posted,
        Err(error) => return unread(&ctx, kind, &error),
    };
    let called = match find(&lambda, &ctx, &name, qualifier) {
        Ok(called) => called,
        Err(refused) => return *refused,
    };
    let client_context = match client_context(&parts.headers) {
        Ok(client_context) => client_context,
        Err(why) => return invalid(&ctx, why),
    };
    match kind {
        InvocationType::DryRun => answer(&ctx, StatusCode::NO_CONTENT, Body::empty()),
        // Only synchronous invocations have a client context.
        InvocationType::Event => {
            let chain = lambda.admit_chain(&ctx, &called.function);
            accepted(&ctx, queue.accept(&ctx, &called.function, posted, chain.is_err()).await)
        }
        InvocationType::RequestResponse => {
            let invocation = called.invocation(posted, client_context);
            match respond(&lambda, &ctx, invocation).await {
                Ok(reply) => replied(&ctx, reply, &called.version, tail),
                Err(stop) => refusal::render(&ctx, &stop),
            }
        }
    }
}

/// A request with its context, which continues the chain of requests that it belongs to.
fn received(lambda: &Lambda, request: Request<Body>) -> (Context, Parts, Body) {
    let mut ctx = lambda.context();
    let (parts, body) = request.into_parts();
    if let Some(trace) = text(&parts.headers, "x-amzn-trace-id") {
        ctx.trace = trace.into();
    }
    (ctx, parts, body)
}

/// The event of a synchronous invocation, or its refusal.
async fn read_event(
    ctx: &Context,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Response<Body>> {
    let kind = InvocationType::RequestResponse;
    let read = serve::read_body(headers, body, kind.limit(ctx)).await;
    read.map_err(|error| unread(ctx, kind, &error))
}

/// Whether the client wants the log. UNCONFIRMED: the order of the set; it is that of AWS's model.
fn wants_log(headers: &HeaderMap, violated: &mut Vec<DeploymentRefusal>) -> bool {
    match text(headers, "x-amz-log-type") {
        None | Some("None") => false,
        Some("Tail") => true,
        Some(other) => {
            violated.push(DeploymentRefusal::not_one_of("logType", other, "None, Tail"));
            false
        }
    }
}

/// The invocation type. The order of the set is that of a response of 2017-07-02 (ex-aws/ex_aws#442).
fn invocation_type(headers: &HeaderMap, violated: &mut Vec<DeploymentRefusal>) -> InvocationType {
    match text(headers, "x-amz-invocation-type") {
        None | Some("RequestResponse") => InvocationType::RequestResponse,
        Some("Event") => InvocationType::Event,
        Some("DryRun") => InvocationType::DryRun,
        Some(other) => {
            let set = "DryRun, RequestResponse, Event";
            violated.push(DeploymentRefusal::not_one_of("invocationType", other, set));
            InvocationType::RequestResponse
        }
    }
}

/// The invocation types.
#[derive(Clone, Copy)]
enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

impl InvocationType {
    fn limit(self, ctx: &Context) -> &Limit<hardcap_limits::Bytes> {
        match self {
            InvocationType::Event => queue::event_limit(ctx),
            InvocationType::RequestResponse | InvocationType::DryRun => {
                &ctx.limits.lambda_sync_request
            }
        }
    }
}

async fn respond(
    lambda: &Lambda,
    ctx: &Context,
    invocation: Invocation,
) -> Result<Reply, InvokeError> {
    lambda.admit_chain(ctx, &invocation.function)?;
    lambda.invoke(ctx, invocation).await
}

/// The response to an event: an empty 202, or its refusal.
fn accepted(ctx: &Context, accepted: Result<(), AcceptError>) -> Response<Body> {
    match accepted {
        Ok(()) => {
            let mut response = answer(ctx, StatusCode::ACCEPTED, Body::empty());
            let none = HeaderValue::from_static("0");
            // The order of headers in the public examples of AWS's documentation is not kept.
            response.headers_mut().insert("x-amzn-remapped-content-length", none);
            response
        }
        Err(AcceptError::Invoke(error)) => refusal::render(ctx, &error),
        Err(AcceptError::Full(full)) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            refusal::not_served(ctx, status, "TooManyRequestsException", &full.to_string())
        }
    }
}

/// The response for a completed invocation. Function errors are 200 too.
fn replied(ctx: &Context, reply: Reply, version: &str, tail: bool) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(6);
    reply_headers(ctx, &reply, version, tail, |name, value| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    });
    let mut response = Response::new(Body::from(reply.payload));
    *response.headers_mut() = headers;
    response
}

/// Passes each header of the response for a completed invocation to `put`.
fn reply_headers(
    ctx: &Context,
    reply: &Reply,
    version: &str,
    tail: bool,
    mut put: impl FnMut(&'static str, &str),
) {
    // Captured on 2026-09-15: a response that the runtime streamed has no type of its own here.
    let streamed = reply.posted_as_stream.is_some() && !reply.payload.is_empty();
    let content_type = if streamed { "application/octet-stream" } else { "application/json" };
    put("x-amzn-requestid", &ctx.request_id);
    put("x-amzn-trace-id", &ctx.trace);
    put("content-type", content_type);
    if streamed {
        put("x-amzn-remapped-content-length", "0");
    }
    put("x-amz-executed-version", version);
    if reply.function_error.is_some() {
        // `Handled` has not been observed since about 2019; recorded for five runtimes on 2026-01-12.
        put("x-amz-function-error", "Unhandled");
    }
    if tail {
        put("x-amz-log-result", &STANDARD.encode(&reply.log_tail));
    }
}

fn executed_version(version: &str) -> HeaderValue {
    HeaderValue::try_from(version).unwrap_or(HeaderValue::from_static(LATEST))
}

fn answer(ctx: &Context, status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = ids(ctx);
    response
}

/// The headers of every response: the request's ids.
fn ids(ctx: &Context) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    let texts = [("x-amzn-requestid", &ctx.request_id), ("x-amzn-trace-id", &ctx.trace)];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Since this day the ARN in the error for an unknown function has an implicit version: recorded without it on 2023-08-11, and
/// with it on this day.
const LATEST_IS_NAMED_SINCE: Date = Date::new(2025, 11, 24);

/// The function that path and query name, and its version.
struct Called {
    function: String,
    version: String,
}

impl Called {
    fn invocation(&self, posted: Bytes, client_context: Option<String>) -> Invocation {
        Invocation {
            function: self.function.clone(),
            version: Some(self.version.clone()),
            event: InvocationEvent::Posted(posted),
            client_context,
        }
    }
}

/// The function that path and query name, or the response to a request without one.
fn find(
    lambda: &Lambda,
    ctx: &Context,
    name: &str,
    qualifier: Option<&str>,
) -> Result<Called, Box<Response<Body>>> {
    let region = lambda.region();
    let named = naming::named(name, qualifier, region);
    let named = named.map_err(|refused| Box::new(refusal::render_refusal(ctx, refused)))?;
    let function = named.qualified();
    if named.is_local(region)
        && let Some(found) = lambda.function(&function)
    {
        return Ok(Called { function, version: found.version().to_owned() });
    }
    let mut arn = named.arn();
    if named.qualifier.is_none() && ctx.limits.date() < LATEST_IS_NAMED_SINCE {
        arn.truncate(arn.len() - ":$LATEST".len());
    }
    Err(Box::new(refusal::render(ctx, &InvokeError::FunctionNotFound { arn })))
}

/// Reads a body. One over the limit is measured like any event; an incomplete one is not invoked.
fn unread(ctx: &Context, kind: InvocationType, error: &ReadError) -> Response<Body> {
    match error {
        ReadError::TooLarge(exceeded) => {
            let observed = hardcap_limits::Bytes(exceeded.observed);
            let measured = match kind {
                InvocationType::Event => queue::admit_event(ctx, observed),
                InvocationType::RequestResponse | InvocationType::DryRun => {
                    admit_event(ctx, observed)
                }
            };
            refusal::render(ctx, &measured.err().unwrap_or(InvokeError::Refused(*exceeded)))
        }
        ReadError::CutShort(why) | ReadError::Idle(why) => invalid(ctx, why),
    }
}

fn invalid(ctx: &Context, why: &str) -> Response<Body> {
    refusal::not_served(ctx, StatusCode::BAD_REQUEST, "InvalidRequestContentException", why)
}

/// The client context: base64 in the request, JSON for the function.
fn client_context(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    let Some(encoded) = headers.get("x-amz-client-context") else { return Ok(None) };
    let decoded = STANDARD.decode(encoded.as_bytes());
    let json = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    json.map(Some).ok_or("The header X-Amz-Client-Context is not the base64 of a text.")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
