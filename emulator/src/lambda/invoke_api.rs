//! `POST /2015-03-31/functions/{name}/invocations`: Lambda's own API, for SDKs.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::Request;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Deserialize;

use super::name::{LATEST, Named};
use super::{Event, Invocation, Lambda, Reply, admit_event, refusal};
use crate::context::Context;
use crate::serve::{self, ReadError};
use crate::stop::Stop;

pub(super) fn router(lambda: Lambda) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .layer(DefaultBodyLimit::disable())
        .with_state(lambda)
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "Qualifier")]
    qualifier: Option<String>,
}

async fn invoke(
    State(lambda): State<Lambda>,
    Path(name): Path<String>,
    Query(parameters): Query<Parameters>,
    request: Request<Body>,
) -> Response<Body> {
    let mut ctx = lambda.shared.platform.context();
    let (parts, body) = request.into_parts();
    if let Some(trace) = text(&parts.headers, "x-amzn-trace-id") {
        ctx.trace = trace.into();
    }
    let posted = match serve::read_body(&parts.headers, body, &ctx.limits.lambda_sync_request).await
    {
        Ok(posted) => posted,
        Err(error) => return unread(&ctx, &error),
    };
    let function = match find(&lambda, &name, parameters.qualifier.as_deref()) {
        Ok(function) => function,
        Err(stop) => return refusal::render(&ctx, &stop),
    };
    match text(&parts.headers, "x-amz-invocation-type") {
        None | Some("RequestResponse") => {}
        Some("DryRun") => return answer(&ctx, StatusCode::NO_CONTENT, Body::empty()),
        Some(other) => return not_served(&ctx, other),
    }
    let client_context = match client_context(&parts.headers) {
        Ok(client_context) => client_context,
        Err(why) => return invalid(&ctx, why),
    };
    let invocation = Invocation { function, event: Event::Posted(posted), client_context };
    match lambda.invoke(&ctx, invocation).await {
        Ok(reply) => {
            let tail = text(&parts.headers, "x-amz-log-type") == Some("Tail");
            replied(&ctx, reply, tail)
        }
        Err(stop) => refusal::render(&ctx, &stop),
    }
}

/// A reply of the function, well or failed: both are 200.
fn replied(ctx: &Context, reply: Reply, tail: bool) -> Response<Body> {
    let mut response = answer(ctx, StatusCode::OK, Body::from(reply.payload));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-amz-executed-version", HeaderValue::from_static(LATEST));
    if reply.fault.is_some() {
        // `Handled` has not been seen since about 2019; recorded for five runtimes on 2026-01-12.
        headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    if tail && let Ok(log) = HeaderValue::try_from(STANDARD.encode(&reply.log_tail)) {
        headers.insert("x-amz-log-result", log);
    }
    response
}

fn answer(ctx: &Context, status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let texts = [("x-amzn-requestid", &ctx.request_id), ("x-amzn-trace-id", &ctx.trace)];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The function that path and query name together.
fn find(lambda: &Lambda, name: &str, qualifier: Option<&str>) -> Result<String, Stop> {
    let region = &*lambda.shared.platform.region;
    let mut named = Named::parse(name, region);
    if qualifier.is_some() {
        named.qualifier = qualifier.map(str::to_owned);
    }
    if named.is_local(region) && lambda.has(&named.function) {
        return Ok(named.function);
    }
    Err(Stop::FunctionNotFound { arn: named.arn() })
}

/// A body that is over the limit is measured where every event is; one that is cut short has no invocation.
fn unread(ctx: &Context, error: &ReadError) -> Response<Body> {
    match error {
        ReadError::TooLarge(exceeded) => {
            let measured = admit_event(ctx, hardcap_limits::Bytes(exceeded.observed));
            refusal::render(ctx, &measured.err().unwrap_or(Stop::Refused(*exceeded)))
        }
        ReadError::CutShort(why) => invalid(ctx, why),
    }
}

fn invalid(ctx: &Context, why: &str) -> Response<Body> {
    refusal::not_served(ctx, StatusCode::BAD_REQUEST, "InvalidRequestContentException", why)
}

fn not_served(ctx: &Context, invocation_type: &str) -> Response<Body> {
    if invocation_type == "Event" {
        let why =
            "InvocationType Event is not emulated yet: there is no queue. Use RequestResponse.";
        return refusal::not_served(ctx, StatusCode::NOT_IMPLEMENTED, "NotImplemented", why);
    }
    let why = format!(
        "InvocationType is RequestResponse or DryRun, not `{}`",
        invocation_type.escape_default()
    );
    refusal::not_served(ctx, StatusCode::BAD_REQUEST, "InvalidParameterValueException", &why)
}

/// The client context, which travels as base64 to Lambda and as JSON to the function.
fn client_context(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    let Some(encoded) = headers.get("x-amz-client-context") else { return Ok(None) };
    let decoded = STANDARD.decode(encoded.as_bytes());
    let json = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    json.map(Some).ok_or("The header X-Amz-Client-Context is not the base64 of a text.")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
