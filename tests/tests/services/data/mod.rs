//! The services that keep data for a function: DynamoDB, parameters, secrets, and who a caller is.

mod durable;
mod dynamodb;
mod dynamodb_pages;
mod dynamodb_refusals;
mod identity;
mod parameters;
mod reset;
mod secrets;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use hardcap::Emulator;
use hardcap_tests::client::{Answer, Call, Client};
use serde_json::Value;

/// Calls an operation as an unsigned client does, `AmazonSSM.GetParameter`.
async fn call(emulator: &Emulator, target: &str, input: Value) -> Answer {
    let kind = if target.starts_with("DynamoDB") { "1.0" } else { "1.1" };
    let call = Call::post(format!("{}/", emulator.aws_url()), input.to_string())
        .header("content-type", format!("application/x-amz-json-{kind}"))
        .header("x-amz-target", target);
    Client::new().send(&call).await.expect("the AWS port answers")
}

/// The output of an operation that succeeds.
#[track_caller]
fn output(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The type and the message of an operation that fails with 400.
#[track_caller]
fn refused(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 400, "{answer:?}");
    let body = answer.json();
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let message = text("message").or_else(|| text("Message")).unwrap_or_default();
    (text("__type").unwrap_or_default(), message)
}

/// AWS's own client with the keys `test` and `test`.
fn client(emulator: &Emulator) -> aws_sdk_dynamodb::Client {
    client_with_keys(emulator, "test", "test")
}

fn client_with_keys(emulator: &Emulator, id: &str, secret: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(emulator.aws_url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}
