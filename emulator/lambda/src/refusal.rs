//! Responses for invocations that end early: the only module that renders an error for the invoker.

use axum::body::Body;
use hardcap_limits::Party;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::rules::DeploymentRefusal;
use crate::stop::InvokeError;
use hardcap_core::context::Context;
use hardcap_core::record::Observation;

/// An error of the Lambda API. AWS spells the member `Message` for some errors and `message` for others.
#[derive(Default, Serialize)]
struct ErrorBody<'a> {
    #[serde(rename = "Reason", skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(rename = "Type")]
    kind: &'a str,
    #[serde(rename = "Message", skip_serializing_if = "Option::is_none")]
    capital_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// The response of the Invoke API.
pub fn render(ctx: &Context, stop: &InvokeError) -> Response<Body> {
    match stop {
        InvokeError::Refused(exceeded) => {
            let Some(refusal) = exceeded.refusal(Party::Invoker) else {
                return bug(ctx, &format!("{exceeded}; the table has no text for the invoker"));
            };
            let status =
                StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::PAYLOAD_TOO_LARGE);
            respond(ctx, status, refusal.error_type, refusal.body)
        }
        InvokeError::Throttled(throttle) => {
            let reason = throttle.to_string();
            let body =
                ErrorBody { reason: Some(&reason), message: Some("Rate Exceeded."), ..user() };
            json(ctx, StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", &body)
        }
        InvokeError::FunctionNotFound { .. } => {
            let message = stop.to_string();
            let body = ErrorBody { capital_message: Some(&message), ..user() };
            json(ctx, StatusCode::NOT_FOUND, "ResourceNotFoundException", &body)
        }
        InvokeError::InvalidEvent { message } => {
            let body = ErrorBody { message: Some(message), ..user() };
            json(ctx, StatusCode::BAD_REQUEST, "InvalidRequestContentException", &body)
        }
        InvokeError::Shortage(cause) => {
            count(ctx, cause);
            let message = stop.to_string();
            let body = ErrorBody { capital_message: Some(&message), ..service() };
            json(ctx, StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", &body)
        }
        InvokeError::Bug(cause) => bug(ctx, cause),
    }
}

/// A request that hardcap cannot serve, with the reason.
pub fn not_served(
    ctx: &Context,
    status: StatusCode,
    kind: &'static str,
    why: &str,
) -> Response<Body> {
    json(ctx, status, kind, &ErrorBody { message: Some(why), ..user() })
}

fn user() -> ErrorBody<'static> {
    ErrorBody { kind: "User", ..ErrorBody::default() }
}

fn service() -> ErrorBody<'static> {
    ErrorBody { kind: "Service", ..ErrorBody::default() }
}

/// Logs and counts an internal error.
fn count(ctx: &Context, cause: &str) {
    tracing::error!(request_id = %ctx.request_id, cause, "internal error");
    ctx.record(Observation::Bug { cause: cause.to_owned() });
}

/// The response for a refused proposal.
pub fn render_refusal(ctx: &Context, refusal: DeploymentRefusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    respond(ctx, status, refusal.error_type, refusal.body)
}

/// The response for an internal error, which is counted and answered with a fixed text.
pub fn bug(ctx: &Context, cause: &str) -> Response<Body> {
    count(ctx, cause);
    let body = ErrorBody {
        capital_message: Some("An error occurred and the request cannot be processed."),
        ..service()
    };
    json(ctx, StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", &body)
}

fn json(
    ctx: &Context,
    status: StatusCode,
    kind: &'static str,
    body: &ErrorBody<'_>,
) -> Response<Body> {
    let body = serde_json::to_string(body).expect("a struct of texts is JSON");
    respond(ctx, status, kind, body)
}

fn respond(ctx: &Context, status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::try_from(&*ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

#[cfg(test)]
mod tests {
    use hardcap_limits::{Bytes, Limits};

    use super::*;
    use crate::stop::ThrottleReason;
    use hardcap_core::context::Platform;
    use hardcap_core::keyring::Keyring;

    async fn check(stop: InvokeError, status: u16, error_type: &str, body: &str) {
        let ctx = Platform::new("us-east-1", Limits::classic(), Keyring::default()).context();
        let response = render(&ctx, &stop);
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["x-amzn-errortype"], error_type);
        assert_eq!(response.headers()["x-amzn-requestid"], *ctx.request_id);
        let shown =
            http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        assert_eq!(shown, body);
        assert_eq!(ctx.recorder.totals().bugs, u64::from(status == 500));
    }

    #[tokio::test]
    async fn a_throttle_is_the_response_recorded_on_2025_11_24() {
        check(
            InvokeError::Throttled(ThrottleReason::Function),
            429,
            "TooManyRequestsException",
            r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#,
        )
        .await;
    }

    #[tokio::test]
    async fn an_unknown_function_is_the_response_recorded_on_2025_11_24() {
        check(
            InvokeError::FunctionNotFound {
                arn: "arn:aws:lambda:us-east-1:000000000000:function:doesnotexist:$LATEST".to_owned(),
            },
            404,
            "ResourceNotFoundException",
            r#"{"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:doesnotexist:$LATEST"}"#,
        )
        .await;
    }

    #[tokio::test]
    async fn an_event_over_the_limit_is_refused_with_the_text_of_its_row() {
        let exceeded = Limits::classic().lambda_sync_request.exceeded_by(Bytes(6_291_457));
        check(
            InvokeError::Refused(exceeded),
            413,
            "RequestEntityTooLargeException",
            r#"{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#,
        )
        .await;
    }

    #[tokio::test]
    async fn an_internal_error_is_counted_and_its_cause_is_not_shown() {
        check(
            InvokeError::Bug("secret cause".to_owned()),
            500,
            "ServiceException",
            r#"{"Type":"Service","Message":"An error occurred and the request cannot be processed."}"#,
        )
        .await;
    }
}
