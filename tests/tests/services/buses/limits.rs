//! The limits of EventBridge, each crossed from outside.

use hardcap::Emulator;
use hardcap_limits::Date;
use serde_json::{Value, json};

use super::{QUEUE, bodies, call, entry, output, put, queue_target, refused, rule};
use crate::queues;

/// An entry of so many bytes: 4 of the source, 5 of the type, the rest of the detail.
fn sized(size: usize) -> Value {
    entry(&format!("{{\"a\":\"{}\"}}", "x".repeat(size - 9 - 8)))
}

#[tokio::test]
async fn the_events_of_a_request_have_the_size_of_their_day() {
    // eventbridge_request
    let before = Date::new(2026, 1, 28);
    for (date, most) in [(Some(before), 262_144), (None, 1_048_576)] {
        let builder = Emulator::builder();
        let builder = date.into_iter().fold(builder, |builder, date| builder.limits(date));
        let emulator = builder.start().await.unwrap();
        let half = most / 2;
        assert_eq!(put(&emulator, &[sized(half), sized(half)]).await["FailedEntryCount"], 0);
        let over = json!({ "Entries": [sized(half), sized(half + 1)] });
        let expected = "Total size of the entries in the request is over the limit.".to_owned();
        let refusal = refused(&emulator, "PutEvents", over).await;
        assert_eq!(refusal, ("ValidationException".to_owned(), expected));
        assert_eq!(put(&emulator, &[entry("{}")]).await["FailedEntryCount"], 0);
        let used = &emulator.totals().limits["eventbridge_request"];
        assert_eq!((used.highest_admitted, used.refused), (most as u64, 1));
        let mut timed = sized(most);
        timed["Time"] = json!(1_796_068_800);
        assert_eq!(call(&emulator, "PutEvents", json!({ "Entries": [timed] })).await.status, 400);
    }
}

#[tokio::test]
async fn a_request_has_1_to_10_events() {
    // eventbridge_entries
    let emulator = Emulator::builder().start().await.unwrap();
    let entries = |count: usize| vec![entry("{}"); count];
    assert_eq!(put(&emulator, &entries(10)).await["Entries"].as_array().unwrap().len(), 10);
    let (kind, text) = refused(&emulator, "PutEvents", json!({ "Entries": entries(11) })).await;
    assert_eq!(kind, "ValidationException");
    // LocalStack's snapshots of AWS, test_put_events_exceed_limit_ten_entries.
    let shown = "PutEventsRequestEntry(time=null, source=shop, resources=null, detailType=order, detail={}, eventBusName=null, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)";
    let shown = [shown; 11].join(", ");
    assert_eq!(
        text,
        format!(
            "1 validation error detected: Value '[{shown}]' at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10"
        )
    );
    assert_eq!(call(&emulator, "PutEvents", json!({ "Entries": [] })).await.status, 400);
    put(&emulator, &entries(1)).await;
    assert_eq!(emulator.totals().limits["eventbridge_entries"].refused, 1);
}

#[tokio::test]
async fn a_rule_has_at_most_5_targets() {
    // eventbridge_targets
    let emulator = Emulator::builder().start().await.unwrap();
    let targets: Vec<Value> = (0..5).map(|id| queue_target(&id.to_string())).collect();
    rule(&emulator, json!(targets)).await;
    let sixth = json!({ "Rule": "r", "Targets": [queue_target("6")] });
    let refusal = refused(&emulator, "PutTargets", sixth).await;
    let expected = "The requested resource exceeds the maximum number allowed.".to_owned();
    assert_eq!(refusal, ("LimitExceededException".to_owned(), expected));
    let listed = output(&emulator, "ListTargetsByRule", json!({ "Rule": "r" })).await;
    assert_eq!(listed["Targets"].as_array().unwrap().len(), 5);
    output(&emulator, "PutTargets", json!({ "Rule": "r", "Targets": [queue_target("4")] })).await;
    assert_eq!(emulator.totals().limits["eventbridge_targets"].refused, 1);
}

#[tokio::test]
async fn a_text_or_a_number_that_the_model_does_not_allow_is_refused() {
    let emulator = Emulator::builder().start().await.unwrap();
    let pattern = r#"{"source":["shop"]}"#;
    let described = |length: usize| json!({ "Name": "r", "EventPattern": pattern, "Description": "d".repeat(length) });
    output(&emulator, "PutRule", described(512)).await;
    let arn = |length: usize| format!("{QUEUE}{}", "q".repeat(length - QUEUE.len()));
    let target = |arn: String, rest: usize| {
        let http = json!({ "PathParameterValues": ["p".repeat(rest)] });
        json!({ "Rule": "r", "Targets": [{ "Id": "t", "Arn": arn, "HttpParameters": http }] })
    };
    let bus = |kms: usize| json!({ "Name": "b", "KmsKeyIdentifier": "k".repeat(kms) });
    let constraint = "ValidationException: 1 validation error detected: Value ";
    for (operation, input, start, end) in [
        ("PutRule", described(513), constraint, "less than or equal to 512"),
        ("PutTargets", target(arn(1_601), 1), constraint, "less than or equal to 1600"),
        (
            "PutTargets",
            target(arn(100), 32_768),
            "ValidationException: hardcap keeps at most 32768 bytes of the members of a target",
            "bytes.",
        ),
        ("CreateEventBus", bus(2_049), constraint, "less than or equal to 2048"),
        ("ListRules", json!({ "Limit": -1 }), constraint, "greater than or equal to 1"),
        ("ListRules", json!({ "Limit": "1" }), "SerializationException: STRING_VALUE", "Integer"),
    ] {
        let (kind, text) = refused(&emulator, operation, input).await;
        let shown = format!("{kind}: {text}");
        assert!(shown.starts_with(start) && shown.ends_with(end), "{operation}: {shown}");
    }
    output(&emulator, "PutTargets", target(arn(1_600), 30_000)).await;
    output(&emulator, "CreateEventBus", bus(2_048)).await;
    let listed = output(&emulator, "ListRules", json!({ "Limit": 1 })).await;
    assert_eq!(listed["Rules"][0]["Description"].as_str().unwrap().len(), 512);
}

#[tokio::test]
async fn an_event_that_is_too_large_for_a_target_is_lost_without_an_error() {
    let emulator = Emulator::builder().start().await.unwrap();
    let queue = queues::create(&emulator, "q", json!({})).await;
    let dead = queues::create(&emulator, "dead", json!({})).await;
    let mut target = queue_target("q");
    target["DeadLetterConfig"] = json!({ "Arn": format!("{QUEUE}dead") });
    rule(&emulator, json!([target])).await;
    // The envelope adds about 213 bytes to the entry, so the request is accepted and the message is not.
    assert_eq!(put(&emulator, &[sized(1_048_576)]).await["FailedEntryCount"], 0);
    assert_eq!(bodies(&emulator, &queue).await, [""; 0]);
    assert_eq!(bodies(&emulator, &dead).await, [""; 0]);
    assert_eq!(emulator.totals().limits["sqs_message"].refused, 1);
    put(&emulator, &[sized(1_048_000)]).await;
    assert_eq!(bodies(&emulator, &queue).await.len(), 1);
}
