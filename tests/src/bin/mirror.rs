//! A function behind a gateway that shows what it was given. Its first argument says how.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::args().nth(1).as_deref() {
        Some("event") => lambda_runtime::run(service_fn(event)).await,
        Some("body") => lambda_runtime::run(service_fn(body)).await,
        Some("answer") => lambda_runtime::run(service_fn(answer)).await,
        Some("slow") => lambda_runtime::run(service_fn(slow)).await,
        other => Err(format!("{other:?} is not event, body, answer or slow").into()),
    }
}

/// The whole event is the body of the response.
async fn event(event: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, Error> {
    let answer = json!({
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": event.payload.get(),
    });
    Ok(RawValue::from_string(answer.to_string())?)
}

/// The members that hold a request's body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    body: Option<String>,
    is_base64_encoded: bool,
}

/// The body of the request is the body of the response, in the form it came in.
async fn body(event: LambdaEvent<Request>) -> Result<Box<RawValue>, Error> {
    let Request { body, is_base64_encoded } = event.payload;
    let answer = json!({
        "statusCode": 200,
        "headers": {"Content-Type": "application/octet-stream"},
        "isBase64Encoded": is_base64_encoded,
        "body": body,
    });
    Ok(RawValue::from_string(answer.to_string())?)
}

/// The body of the request is the answer itself.
async fn answer(event: LambdaEvent<Request>) -> Result<Box<RawValue>, Error> {
    let Request { body, is_base64_encoded } = event.payload;
    let body = body.ok_or("the request has no body")?;
    let body = if is_base64_encoded { String::from_utf8(STANDARD.decode(body)?)? } else { body };
    Ok(RawValue::from_string(body)?)
}

/// Answers after a second.
async fn slow(_: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, Error> {
    pause(Duration::from_secs(1)).await;
    Ok(RawValue::from_string(r#"{"statusCode": 200}"#.to_owned())?)
}

#[expect(clippy::disallowed_methods, reason = "taking its time is what this function is for")]
async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
