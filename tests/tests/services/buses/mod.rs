//! EventBridge: calls of the JSON protocol as boto3 sends them.

mod delivery;
mod limits;
mod operations;

use hardcap::Emulator;
use hardcap_tests::client::{Answer, Call, Client};
use serde_json::{Value, json};

use super::queues;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:";
const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/";

/// Calls an operation.
async fn call(emulator: &Emulator, operation: &str, input: Value) -> Answer {
    let call = Call::post(format!("{}/", emulator.aws_url()), input.to_string())
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSEvents.{operation}"));
    Client::new().send(&call).await.expect("the AWS port answers")
}

/// The output of a call that succeeds.
async fn output(emulator: &Emulator, operation: &str, input: Value) -> Value {
    let answer = call(emulator, operation, input).await;
    assert_eq!(answer.status, 200, "{operation}: {answer:?}");
    answer.json()
}

/// The type and the message of a call that fails.
async fn refused(emulator: &Emulator, operation: &str, input: Value) -> (String, String) {
    let answer = call(emulator, operation, input).await;
    assert_eq!(answer.status, 400, "{operation}: {answer:?}");
    let body = answer.json();
    let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
    (text("__type"), text("message"))
}

/// An entry of `PutEvents`.
fn entry(detail: &str) -> Value {
    json!({ "Source": "shop", "DetailType": "order", "Detail": detail })
}

/// Sends events to the default bus.
async fn put(emulator: &Emulator, entries: &[Value]) -> Value {
    output(emulator, "PutEvents", json!({ "Entries": entries })).await
}

/// Makes the rule `r` of the default bus for all events of `shop`, with these targets.
async fn rule(emulator: &Emulator, targets: Value) {
    let pattern = r#"{"source":["shop"]}"#;
    output(emulator, "PutRule", json!({ "Name": "r", "EventPattern": pattern })).await;
    let put = output(emulator, "PutTargets", json!({ "Rule": "r", "Targets": targets })).await;
    assert_eq!(put, json!({ "FailedEntryCount": 0, "FailedEntries": [] }));
}

/// An emulator with a queue `q`, and its URL.
async fn with_queue() -> (Emulator, String) {
    let emulator = Emulator::builder().start().await.expect("an emulator on free ports");
    let queue = queues::create(&emulator, "q", json!({})).await;
    (emulator, queue)
}

/// The target `id` for the queue `q`.
fn queue_target(id: &str) -> Value {
    json!({ "Id": id, "Arn": format!("{QUEUE}q") })
}

/// The bodies of the messages of a queue.
async fn bodies(emulator: &Emulator, queue: &str) -> Vec<String> {
    let received = queues::receive(emulator, queue).await;
    let mut bodies: Vec<String> =
        received.iter().map(|it| it["Body"].as_str().unwrap_or_default().to_owned()).collect();
    bodies.sort();
    bodies
}
