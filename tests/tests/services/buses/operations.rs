//! Buses, rules, targets and patterns.

use hardcap::Emulator;
use serde_json::json;

use super::{BUS, QUEUE, bodies, entry, output, put, queue_target, refused, rule, with_queue};

#[tokio::test]
async fn a_bus_is_created_described_listed_and_deleted() {
    let emulator = Emulator::builder().start().await.unwrap();
    let created =
        output(&emulator, "CreateEventBus", json!({ "Name": "b", "Description": "d" })).await;
    assert_eq!(created, json!({ "Description": "d", "EventBusArn": format!("{BUS}b") }));
    let twice = refused(&emulator, "CreateEventBus", json!({ "Name": "b" })).await;
    assert_eq!(twice.0, "ResourceAlreadyExistsException");
    assert_eq!(twice.1, "Event bus b already exists.");
    let shown = output(&emulator, "DescribeEventBus", json!({ "Name": "b" })).await;
    assert_eq!(shown["Arn"], format!("{BUS}b"));
    assert!(shown["CreationTime"].is_f64(), "{shown}");
    let listed = output(&emulator, "ListEventBuses", json!({})).await;
    let names: Vec<&str> = listed["EventBuses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["Name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["b", "default"]);
    output(&emulator, "DeleteEventBus", json!({ "Name": "b" })).await;
    for operation in ["DescribeEventBus", "DeleteEventBus"] {
        let gone = refused(&emulator, operation, json!({ "Name": "b" })).await;
        let expected = "Event bus b does not exist.".to_owned();
        assert_eq!(gone, ("ResourceNotFoundException".to_owned(), expected));
    }
    let (_, text) = refused(&emulator, "DeleteEventBus", json!({ "Name": "default" })).await;
    assert_eq!(text, "Cannot delete event bus default.");
}

#[tokio::test]
async fn a_rule_is_described_listed_disabled_and_deleted() {
    let (emulator, queue) = with_queue().await;
    rule(&emulator, json!([queue_target("t")])).await;
    let shown = output(&emulator, "DescribeRule", json!({ "Name": "r" })).await;
    let expected = json!({
        "Name": "r",
        "Arn": "arn:aws:events:us-east-1:000000000000:rule/r",
        "State": "ENABLED",
        "EventBusName": "default",
        "EventPattern": r#"{"source":["shop"]}"#,
        "CreatedBy": "000000000000",
    });
    assert_eq!(shown, expected);
    let listed = output(&emulator, "ListRules", json!({ "NamePrefix": "r" })).await;
    assert_eq!(listed["Rules"][0]["Name"], "r");
    let of = json!({ "TargetArn": format!("{QUEUE}q") });
    let names = output(&emulator, "ListRuleNamesByTarget", of).await;
    assert_eq!(names, json!({ "RuleNames": ["r"] }));
    output(&emulator, "DisableRule", json!({ "Name": "r" })).await;
    put(&emulator, &[entry("{}")]).await;
    assert_eq!(bodies(&emulator, &queue).await, [""; 0]);
    output(&emulator, "EnableRule", json!({ "Name": "r" })).await;
    put(&emulator, &[entry("{}")]).await;
    assert_eq!(bodies(&emulator, &queue).await.len(), 1);
    let (_, text) = refused(&emulator, "DeleteRule", json!({ "Name": "r" })).await;
    assert_eq!(text, "Rule can't be deleted since it has targets.");
    output(&emulator, "RemoveTargets", json!({ "Rule": "r", "Ids": ["t"] })).await;
    output(&emulator, "DeleteRule", json!({ "Name": "r" })).await;
    let (_, text) = refused(&emulator, "DescribeRule", json!({ "Name": "r" })).await;
    assert_eq!(text, "Rule r does not exist on EventBus default.");
}

#[tokio::test]
async fn a_pattern_is_tested_and_an_invalid_one_is_refused() {
    let emulator = Emulator::builder().start().await.unwrap();
    let event = json!({
        "id": "1", "source": "s", "detail-type": "t", "account": "0", "region": "r", "time": "2022-07-13T13:48:01Z",
        "detail": {"a": [1, 2]},
    });
    for (pattern, expected) in
        [(r#"{"detail":{"a":[2]}}"#, true), (r#"{"detail":{"a":[3]}}"#, false)]
    {
        let input = json!({ "EventPattern": pattern, "Event": event.to_string() });
        let tested = output(&emulator, "TestEventPattern", input).await;
        assert_eq!(tested, json!({ "Result": expected }));
    }
    let input = json!({ "EventPattern": r#"{"a":[1]}"#, "Event": r#"{"testEvent":"value"}"# });
    let refusal = refused(&emulator, "TestEventPattern", input).await;
    let expected = ("ValidationException".to_owned(), "Parameter Event is not valid.".to_owned());
    assert_eq!(refusal, expected);
    // LocalStack's snapshots of AWS, test_event_pattern[int_nolist_EXC].
    let invalid = json!({ "Name": "r", "EventPattern": r#"{"int": 42}"# });
    let (kind, text) = refused(&emulator, "PutRule", invalid).await;
    assert_eq!(kind, "InvalidEventPatternException");
    assert_eq!(
        text,
        "Event pattern is not valid. Reason: \"int\" must be an object or an array\n at [Source: (String)\"{\"int\": 42}\"; line: 1, column: 11]"
    );
    let (kind, _) = refused(&emulator, "CreateArchive", json!({})).await;
    assert_eq!(kind, "UnknownOperationException");
}

#[tokio::test]
async fn a_failed_entry_does_not_stop_the_others() {
    let (emulator, queue) = with_queue().await;
    rule(&emulator, json!([queue_target("t")])).await;
    let malformed = entry("[]");
    let mut missing = entry("{}");
    missing.as_object_mut().unwrap().remove("Source");
    let result = put(&emulator, &[malformed, entry(r#"{"n":1}"#), missing]).await;
    assert_eq!(result["FailedEntryCount"], 2);
    let entries = &result["Entries"];
    assert_eq!(
        entries[0],
        json!({ "ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed." })
    );
    assert!(entries[1]["EventId"].is_string(), "{entries}");
    let text = "Parameter Source is not valid. Reason: Source is a required argument.";
    assert_eq!(entries[2], json!({ "ErrorCode": "InvalidArgument", "ErrorMessage": text }));
    assert_eq!(bodies(&emulator, &queue).await.len(), 1);
}

#[tokio::test]
async fn buses_and_rules_outlive_the_emulator() {
    let data = tempfile::tempdir().unwrap();
    let start = async || Emulator::builder().data(data.path()).start().await.unwrap();
    let emulator = start().await;
    output(&emulator, "CreateEventBus", json!({ "Name": "b" })).await;
    let schedule = json!({ "Name": "s", "ScheduleExpression": "cron(0 12 * * ? *)" });
    output(&emulator, "PutRule", schedule).await;
    emulator.stop().await;
    let emulator = start().await;
    output(&emulator, "DescribeEventBus", json!({ "Name": "b" })).await;
    let shown = output(&emulator, "DescribeRule", json!({ "Name": "s" })).await;
    assert_eq!(shown["ScheduleExpression"], "cron(0 12 * * ? *)");
}
