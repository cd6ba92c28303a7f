//! Events on their way to queues, functions, topics and other buses.

use std::time::Duration;

use hardcap::Emulator;
use hardcap::config::{EventInvokeConfig, Function, Queue};
use hardcap::limits::Millis;
use hardcap::record::Observation;
use hardcap_tests::eventually::eventually;
use hardcap_tests::functions::guest;
use serde_json::{Value, json};

use super::{BUS, QUEUE, bodies, entry, output, put, queue_target, rule, with_queue};
use crate::{queues, topics};

const WITHIN: Duration = Duration::from_secs(30);
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:echo";

/// The events of all invocations so far.
fn events(emulator: &Emulator) -> Vec<Value> {
    let recorder = emulator.recorder();
    let records = recorder.newest();
    let invoked = records.iter().filter(|it| matches!(it.what, Observation::Invoked { .. }));
    let payloads = invoked.flat_map(|record| recorder.payloads.of(&record.request_id));
    payloads.filter_map(|payload| serde_json::from_slice(&payload.head).ok()).collect()
}

#[tokio::test]
async fn a_function_and_a_queue_get_the_same_event() {
    let emulator =
        Emulator::builder().function(guest("echo")).queue(Queue::new("q")).start().await.unwrap();
    let queue = format!("{}/000000000000/q", emulator.aws_url());
    rule(&emulator, json!([queue_target("q"), { "Id": "f", "Arn": FUNCTION }])).await;
    let mut sent = entry(r#"{"order" : 1,  "items": []}"#);
    sent["Time"] = json!(1_796_068_800);
    sent["Resources"] = json!(["arn:x"]);
    let id = put(&emulator, &[sent]).await["Entries"][0]["EventId"].as_str().unwrap().to_owned();
    let expected = format!(
        "{{\"version\":\"0\",\"id\":\"{id}\",\"detail-type\":\"order\",\"source\":\"shop\",\"account\":\"000000000000\",\"time\":\"2026-11-30T20:00:00Z\",\"region\":\"us-east-1\",\"resources\":[\"arn:x\"],\"detail\":{{\"order\":1,\"items\":[]}}}}"
    );
    assert_eq!(bodies(&emulator, &queue).await, *std::slice::from_ref(&expected));
    emulator.until(|totals| totals.invocations == 1).await;
    let expected: Value = serde_json::from_str(&expected).unwrap();
    assert!(events(&emulator).contains(&expected), "{:?}", events(&emulator));
    assert_eq!(emulator.totals().events.accepted, 1);
}

#[tokio::test]
async fn a_target_gets_a_constant_a_part_or_a_text_of_parts() {
    let (emulator, queue) = with_queue().await;
    let with = |id: &str, key: &str, value: Value| {
        let mut target = queue_target(id);
        target[key] = value;
        target
    };
    let transformer = json!({
        "InputPathsMap": {"order": "$.detail.order"},
        "InputTemplate": r#"{"order": <order>, "text": "order <order>", "rule": "<aws.events.rule-name>"}"#,
    });
    rule(
        &emulator,
        json!([
            with("1", "Input", json!(r#"{"constant":true}"#)),
            with("2", "InputPath", json!("$.detail.order")),
            with("3", "InputTransformer", transformer),
            with("4", "InputPath", json!("$.detail.none")),
        ]),
    )
    .await;
    put(&emulator, &[entry(r#"{"order":7}"#)]).await;
    let expected = [r#"{"constant":true}"#, r#"{"order": 7, "text": "order 7", "rule": "r"}"#, "7"];
    let mut found = bodies(&emulator, &queue).await;
    found.sort_by_key(|body| std::cmp::Reverse(body.len().min(20)));
    let mut sorted = expected.map(str::to_owned).to_vec();
    sorted.sort_by_key(|body| std::cmp::Reverse(body.len().min(20)));
    found.sort();
    sorted.sort();
    assert_eq!(found, sorted);
}

#[tokio::test]
async fn an_event_passes_buses_and_topics_and_a_circle_of_buses_ends() {
    let (emulator, queue) = with_queue().await;
    output(&emulator, "CreateEventBus", json!({ "Name": "b" })).await;
    rule(&emulator, json!([{ "Id": "b", "Arn": format!("{BUS}b") }])).await;
    let pattern = r#"{"source":["shop"]}"#;
    let on_bus = json!({ "Name": "on", "EventBusName": "b", "EventPattern": pattern });
    output(&emulator, "PutRule", on_bus).await;
    let topic = topics::create(&emulator, "t").await;
    let raw = [("RawMessageDelivery", "true")];
    let endpoint = format!("{QUEUE}q");
    topics::subscribe(&emulator, &topic, ("sqs", &endpoint), &raw).await;
    let targets = json!([
        { "Id": "t", "Arn": topic },
        { "Id": "back", "Arn": format!("{BUS}default") },
    ]);
    let put_targets =
        json!({ "Rule": "on", "EventBusName": format!("{BUS}b"), "Targets": targets });
    output(&emulator, "PutTargets", put_targets).await;
    let id = put(&emulator, &[entry("{}")]).await["Entries"][0]["EventId"].clone();
    let received = bodies(&emulator, &queue).await;
    assert_eq!(received.len(), 1, "{received:?}");
    let event: Value = serde_json::from_str(&received[0]).unwrap();
    assert_eq!((&event["id"], &event["source"]), (&id, &json!("shop")));
}

#[tokio::test]
async fn an_event_for_a_target_that_does_not_exist_goes_to_the_dead_letter_queue() {
    let (emulator, queue) = with_queue().await;
    let dead = json!({ "Arn": format!("{QUEUE}q") });
    rule(&emulator, json!([
        { "Id": "f", "Arn": FUNCTION, "DeadLetterConfig": dead },
        { "Id": "k", "Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s", "DeadLetterConfig": dead },
    ]))
    .await;
    put(&emulator, &[entry("{}")]).await;
    let received = queues::receive(&emulator, &queue).await;
    assert_eq!(received.len(), 1, "{received:?}");
    let attributes = &received[0]["MessageAttributes"];
    assert_eq!(
        attributes["RULE_ARN"]["StringValue"],
        "arn:aws:events:us-east-1:000000000000:rule/r"
    );
    assert_eq!(attributes["TARGET_ARN"]["StringValue"], FUNCTION);
    let event: Value = serde_json::from_str(received[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(event["source"], "shop");
}

#[tokio::test]
async fn a_schedule_sends_events_by_the_emulators_clock() {
    let (emulator, queue) = with_queue().await;
    let schedule = json!({ "Name": "s", "ScheduleExpression": "rate(5 minutes)" });
    output(&emulator, "PutRule", schedule).await;
    let targets = json!({ "Rule": "s", "Targets": [queue_target("q")] });
    output(&emulator, "PutTargets", targets).await;
    emulator.advance_clock(Millis(299_000)).await;
    assert_eq!(bodies(&emulator, &queue).await, [""; 0]);
    emulator.advance_clock(Millis(1_000)).await;
    let mut event = Value::Null;
    eventually(WITHIN, "the event of the schedule", async || {
        let bodies = bodies(&emulator, &queue).await;
        match bodies.first() {
            Some(body) => {
                event = serde_json::from_str(body).unwrap();
                Ok(())
            }
            None => Err(()),
        }
    })
    .await;
    assert_eq!(event["detail-type"], "Scheduled Event");
    assert_eq!(event["source"], "aws.events");
    assert_eq!(event["resources"], json!(["arn:aws:events:us-east-1:000000000000:rule/s"]));
    assert_eq!(event["detail"], json!({}));
}

#[tokio::test]
async fn the_record_of_an_asynchronous_event_goes_to_a_bus_or_a_topic() {
    let events = EventInvokeConfig {
        on_success: Some(format!("{BUS}default")),
        on_failure: Some("arn:aws:sns:us-east-1:000000000000:failures".to_owned()),
        maximum_retry_attempts: Some(0),
        ..EventInvokeConfig::default()
    };
    let function = Function { events, ..guest("echo") };
    let emulator =
        Emulator::builder().function(function).queue(Queue::new("q")).start().await.unwrap();
    let queue = format!("{}/000000000000/q", emulator.aws_url());
    let pattern = r#"{"source":["lambda"]}"#;
    output(&emulator, "PutRule", json!({ "Name": "r", "EventPattern": pattern })).await;
    let targets = json!({ "Rule": "r", "Targets": [queue_target("q")] });
    output(&emulator, "PutTargets", targets).await;
    emulator.invoke_async("echo", json!({"n": 1}).to_string()).await.unwrap();
    let mut event = Value::Null;
    eventually(WITHIN, "the record", async || match bodies(&emulator, &queue).await.first() {
        Some(body) => {
            event = serde_json::from_str(body).unwrap();
            Ok(())
        }
        None => Err(()),
    })
    .await;
    // Recorded on 2025-11-24.
    assert_eq!(event["detail-type"], "Lambda Function Invocation Result - Success");
    assert_eq!(event["source"], "lambda");
    assert_eq!(event["resources"], json!([format!("{BUS}default"), format!("{FUNCTION}:$LATEST")]));
    assert_eq!(event["detail"]["requestPayload"], json!({"n": 1}));
    assert_eq!(event["detail"]["requestContext"]["condition"], "Success");
}

#[tokio::test]
async fn the_failure_record_of_a_large_event_has_no_payload_for_a_topic() {
    // lambda_sns_destination
    let events = EventInvokeConfig {
        on_failure: Some("arn:aws:sns:us-east-1:000000000000:t".to_owned()),
        maximum_retry_attempts: Some(0),
        ..EventInvokeConfig::default()
    };
    let function = Function { events, ..guest("behave") };
    let emulator =
        Emulator::builder().function(function).queue(Queue::new("q")).start().await.unwrap();
    let queue = format!("{}/000000000000/q", emulator.aws_url());
    let topic = topics::create(&emulator, "t").await;
    let raw = [("RawMessageDelivery", "true")];
    topics::subscribe(&emulator, &topic, ("sqs", &format!("{QUEUE}q")), &raw).await;
    // An event of so many bytes, for which the function fails.
    let record = async |size: usize| {
        let event = format!("{{\"error\":\"no\"{}}}", " ".repeat(size - 14));
        emulator.invoke_async("behave", event).await.unwrap();
        emulator.events_ended().await;
        let received = bodies(&emulator, &queue).await;
        let newest = received.last().map_or("", String::as_str);
        serde_json::from_str::<Value>(newest).unwrap_or_default()
    };
    let small = record(14).await;
    assert_eq!(small["requestPayload"], json!({"error": "no"}), "{small}");
    let response = small["responsePayload"].to_string().len();
    // The record around the payloads is larger than a message may be, so up to the limit nothing is delivered.
    assert_eq!(record(262_144 - response).await, Value::Null);
    assert_eq!(emulator.totals().limits["sns_message"].refused, 1);
    let over = record(262_145 - response).await;
    assert_eq!(over["requestContext"]["condition"], "RetriesExhausted", "{over}");
    assert!(
        over.get("requestPayload").is_none() && over.get("responsePayload").is_none(),
        "{over}"
    );
    assert_eq!(emulator.totals().limits["lambda_sns_destination"].refused, 1);
    assert_eq!(record(14).await["requestPayload"], json!({"error": "no"}));
}
