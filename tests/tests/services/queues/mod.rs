//! SQS: requests as boto3 sends them, and the older query protocol.

mod limits;
mod mappings;
mod order;
mod protocols;

use hardcap::Emulator;
use hardcap::limits::Millis;
use hardcap_tests::client::{Answer, Call, Client};
use serde_json::{Value, json};

/// An emulator with today's limits.
async fn start() -> Emulator {
    Emulator::builder().start().await.expect("an emulator on free ports")
}

/// Calls an operation in JSON.
async fn call(emulator: &Emulator, operation: &str, input: Value) -> Answer {
    let call = Call::post(format!("{}/", emulator.aws_url()), input.to_string())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("AmazonSQS.{operation}"));
    Client::new().send(&call).await.expect("the AWS port answers")
}

/// The output of a call that succeeds.
async fn output(emulator: &Emulator, operation: &str, input: Value) -> Value {
    let answer = call(emulator, operation, input).await;
    assert_eq!(answer.status, 200, "{operation}: {answer:?}");
    answer.json()
}

/// The code of the query protocol and the message of a call that fails.
async fn refused(emulator: &Emulator, operation: &str, input: Value) -> (String, String) {
    let answer = call(emulator, operation, input).await;
    assert!(!answer.status.is_success(), "{operation}: {answer:?}");
    let code = answer.header("x-amzn-query-error").unwrap_or_default();
    let code = code.split(';').next().unwrap_or_default().to_owned();
    (code, answer.json()["message"].as_str().unwrap_or_default().to_owned())
}

/// Creates a queue and returns its URL.
pub(crate) async fn create(emulator: &Emulator, name: &str, attributes: Value) -> String {
    let input = json!({ "QueueName": name, "Attributes": attributes });
    let created = output(emulator, "CreateQueue", input).await;
    created["QueueUrl"].as_str().expect("a URL").to_owned()
}

/// Sends a text.
async fn send(emulator: &Emulator, url: &str, body: &str) -> Value {
    output(emulator, "SendMessage", json!({ "QueueUrl": url, "MessageBody": body })).await
}

/// Receives up to ten messages, without a wait.
pub(crate) async fn receive(emulator: &Emulator, url: &str) -> Vec<Value> {
    let input = json!({
        "QueueUrl": url, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    let received = output(emulator, "ReceiveMessage", input).await;
    received["Messages"].as_array().cloned().unwrap_or_default()
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["Body"].as_str().unwrap_or_default()).collect()
}

async fn delete(emulator: &Emulator, url: &str, message: &Value) -> Value {
    let input = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
    output(emulator, "DeleteMessage", input).await
}

async fn advance(emulator: &Emulator, seconds: u64) {
    emulator.advance_clock(Millis(seconds * 1000)).await;
}
