//! Event source mappings, destinations and dead-letter queues: real functions behind queues.

use std::time::Duration;

use hardcap::config::{EventInvokeConfig, EventSourceMapping, Function, Queue};
use hardcap::limits::Millis;
use hardcap::record::Observation;
use hardcap::{Builder, Emulator};
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::eventually::eventually;
use hardcap_tests::functions::guest;
use serde_json::{Value, json};

use super::{advance, bodies, output, receive, send};

const WITHIN: Duration = Duration::from_secs(30);
const DEAD: &str =
    r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;

fn mapping() -> EventSourceMapping {
    EventSourceMapping::new("q", "records")
}

async fn start(builder: Builder) -> (Emulator, String) {
    let emulator = builder.function(guest("records")).start().await.expect("free ports");
    let url = url(&emulator, "q");
    (emulator, url)
}

fn url(emulator: &Emulator, name: &str) -> String {
    format!("{}/000000000000/{name}", emulator.aws_url())
}

/// Waits until a queue has so many visible messages and so many in flight.
async fn until(emulator: &Emulator, url: &str, expected: (&str, &str)) {
    eventually(WITHIN, "the messages of the queue", async || {
        let all = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
        let shown = output(emulator, "GetQueueAttributes", all).await["Attributes"].clone();
        let visible = &shown["ApproximateNumberOfMessages"];
        let in_flight = &shown["ApproximateNumberOfMessagesNotVisible"];
        if (visible, in_flight) == (&json!(expected.0), &json!(expected.1)) {
            Ok(())
        } else {
            Err(shown)
        }
    })
    .await;
}

/// The events of all invocations so far, oldest first.
fn events(emulator: &Emulator) -> Vec<Value> {
    let recorder = emulator.recorder();
    let records = recorder.newest();
    let invoked = records.iter().filter(|it| matches!(it.what, Observation::Invoked { .. }));
    let payloads = invoked.flat_map(|record| recorder.payloads.of(&record.request_id));
    payloads.filter_map(|payload| serde_json::from_slice(&payload.head).ok()).collect()
}

#[tokio::test]
async fn a_function_is_invoked_with_the_messages_of_its_queue() {
    let builder = Emulator::builder().queue(Queue::new("q")).mapping(mapping());
    let (emulator, url) = start(builder).await;
    let input = json!({
        "QueueUrl": url,
        "MessageBody": "hello",
        "MessageAttributes": {
            "Author": { "DataType": "String", "StringValue": "J" },
            "b": { "DataType": "Binary", "BinaryValue": "AAE=" },
        },
    });
    let sent = output(&emulator, "SendMessage", input).await;
    until(&emulator, &url, ("0", "0")).await;
    let events = events(&emulator);
    let event = events.iter().find(|event| event.get("Records").is_some()).expect("an event");
    let mut record = event["Records"][0].clone();
    let attributes = record["attributes"].as_object_mut().unwrap();
    let names: Vec<String> = attributes.keys().cloned().collect();
    let expected = [
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    ];
    assert_eq!(names, expected);
    for time in ["SentTimestamp", "ApproximateFirstReceiveTimestamp"] {
        assert_eq!(attributes.remove(time).unwrap().as_str().unwrap().len(), 13);
    }
    record["receiptHandle"].take();
    // LocalStack's snapshots of AWS, test_message_body_and_attributes_passed_correctly.
    let expected = json!({
        "messageId": sent["MessageId"],
        "receiptHandle": null,
        "body": "hello",
        "attributes": { "ApproximateReceiveCount": "1", "SenderId": "AIDATEST" },
        "messageAttributes": {
            "Author": { "stringValue": "J", "stringListValues": [], "binaryListValues": [], "dataType": "String" },
            "b": { "binaryValue": "AAE=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary" },
        },
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
        "awsRegion": "us-east-1",
    });
    assert_eq!(record, expected);
}

#[tokio::test]
async fn a_failed_batch_comes_back_after_its_visibility_timeout_and_ends_in_the_dead_letter_queue()
{
    let dead = Queue::new("dead");
    let queue = Queue::new("q").with("VisibilityTimeout", "60").with("RedrivePolicy", DEAD);
    let mapping = EventSourceMapping { batch_size: 1, ..mapping() };
    let (emulator, q) = start(Emulator::builder().queue(dead).queue(queue).mapping(mapping)).await;
    let dead = url(&emulator, "dead");
    send(&emulator, &q, "fail").await;
    emulator.until(|totals| totals.invocations == 1).await;
    until(&emulator, &q, ("0", "1")).await;
    assert_eq!(bodies(&receive(&emulator, &dead).await), [""; 0]);
    advance(&emulator, 60).await;
    until(&emulator, &dead, ("1", "0")).await;
    let letters = receive(&emulator, &dead).await;
    assert_eq!(bodies(&letters), ["fail"]);
    assert_eq!(emulator.totals().invocations, 1, "maxReceiveCount is 1");
    send(&emulator, &q, "healthy").await;
    until(&emulator, &q, ("0", "0")).await;
}

#[tokio::test]
async fn only_the_messages_that_a_function_reports_come_back() {
    let mapping = EventSourceMapping { reports_failures: true, is_enabled: false, ..mapping() };
    let uuid = mapping.uuid.clone();
    let builder = Emulator::builder().queue(Queue::new("q")).mapping(mapping);
    let (emulator, url) = start(builder).await;
    for body in ["a", "poison", "b"] {
        send(&emulator, &url, body).await;
    }
    let enabled = lambda(&emulator, "PUT", &format!("/{uuid}"), json!({ "Enabled": true })).await;
    assert_eq!(enabled.status, 202, "{enabled:?}");
    until(&emulator, &url, ("0", "1")).await;
    assert_eq!(emulator.totals().invocations, 1, "one batch");
    let disabled = lambda(&emulator, "PUT", &format!("/{uuid}"), json!({ "Enabled": false })).await;
    assert_eq!(disabled.json()["State"], "Updating");
    advance(&emulator, 30).await;
    assert_eq!(bodies(&receive(&emulator, &url).await), ["poison"]);
}

#[tokio::test]
async fn a_batching_window_gathers_messages_until_it_ends() {
    let mapping = EventSourceMapping { batch_size: 100, window_seconds: 300, ..mapping() };
    let queue = Queue::new("q").with("VisibilityTimeout", "600");
    let (emulator, url) = start(Emulator::builder().queue(queue).mapping(mapping)).await;
    for number in 0..20 {
        send(&emulator, &url, &number.to_string()).await;
    }
    until(&emulator, &url, ("0", "20")).await;
    assert_eq!(emulator.totals().invocations, 0);
    advance(&emulator, 300).await;
    until(&emulator, &url, ("0", "0")).await;
    assert_eq!(emulator.totals().invocations, 1);
    let events = events(&emulator);
    let records = events[0]["Records"].as_array().expect("records");
    assert_eq!(records.len(), 20);
    assert_eq!(records[0]["md5OfMessageAttributes"], Value::Null);
    assert!(records[0].get("md5OfMessageAttributes").is_some());
}

#[tokio::test]
async fn a_message_that_no_filter_selects_is_deleted_without_an_invocation() {
    let filters = vec![r#"{"body":{"kind":["order"]}}"#.to_owned()];
    let builder = Emulator::builder().queue(Queue::new("q"));
    let (emulator, url) = start(builder.mapping(EventSourceMapping { filters, ..mapping() })).await;
    send(&emulator, &url, r#"{"kind":"other"}"#).await;
    until(&emulator, &url, ("0", "0")).await;
    assert_eq!(emulator.totals().invocations, 0);
    send(&emulator, &url, r#"{"kind":"order"}"#).await;
    until(&emulator, &url, ("0", "0")).await;
    assert_eq!(emulator.totals().invocations, 1);
    let input = json!({
        "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q",
        "FunctionName": "records",
        "FilterCriteria": { "Filters": [{ "Pattern": "simple string" }] },
    });
    let refused = lambda(&emulator, "POST", "", input).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(refused.json()["message"], "Invalid filter pattern definition.");
}

#[tokio::test]
async fn a_batch_is_split_so_that_no_event_is_larger_than_an_invocation_accepts() {
    let mapping = EventSourceMapping { is_enabled: false, ..mapping() };
    let uuid = mapping.uuid.clone();
    let builder = Emulator::builder().queue(Queue::new("q")).mapping(mapping);
    let (emulator, url) = start(builder).await;
    for _ in 0..7 {
        send(&emulator, &url, &"x".repeat(1_048_576)).await;
    }
    lambda(&emulator, "PUT", &format!("/{uuid}"), json!({ "Enabled": true })).await;
    until(&emulator, &url, ("0", "0")).await;
    assert_eq!(emulator.totals().invocations, 2);
    let used = &emulator.totals().limits["lambda_sync_request"];
    assert_eq!(used.refused, 0);
    assert!((5_242_880..=6_291_456).contains(&used.highest_admitted), "{}", used.highest_admitted);
}

#[tokio::test]
async fn a_dead_letter_and_a_record_of_an_event_are_messages_of_their_queues() {
    let arn = |name: &str| Some(format!("arn:aws:sqs:us-east-1:000000000000:{name}"));
    let events = EventInvokeConfig {
        maximum_retry_attempts: Some(0),
        on_failure: arn("failed"),
        on_success: arn("succeeded"),
        dead_letter: arn("dead"),
        ..EventInvokeConfig::default()
    };
    let function = Function { events, ..guest("behave") };
    let builder = ["failed", "succeeded", "dead"]
        .iter()
        .fold(Emulator::builder().function(function), |builder, name| {
            builder.queue(Queue::new(name))
        });
    let emulator = builder.start().await.unwrap();
    emulator.invoke_async("behave", "{}").await.unwrap();
    emulator.invoke_async("behave", r#"{"error":"no"}"#).await.unwrap();
    emulator.events_ended().await;
    let succeeded = receive(&emulator, &url(&emulator, "succeeded")).await;
    let record: Value = serde_json::from_str(bodies(&succeeded)[0]).unwrap();
    assert_eq!(record["requestContext"]["condition"], "Success");
    let failed = receive(&emulator, &url(&emulator, "failed")).await;
    let record: Value = serde_json::from_str(bodies(&failed)[0]).unwrap();
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    let dead = receive(&emulator, &url(&emulator, "dead")).await;
    assert_eq!(bodies(&dead), [r#"{"error":"no"}"#]);
    let attributes = &dead[0]["MessageAttributes"];
    assert_eq!(attributes["ErrorCode"], json!({ "DataType": "Number", "StringValue": "200" }));
    assert_eq!(attributes["ErrorMessage"]["StringValue"], "no");
    assert_eq!(attributes["RequestID"]["DataType"], "String");
}

/// Calls Lambda's API of event source mappings.
async fn lambda(emulator: &Emulator, method: &str, path: &str, input: Value) -> Answer {
    let url = format!("{}/2015-03-31/event-source-mappings{path}", emulator.aws_url());
    let mut call = Call::post(url, input.to_string()).header("content-type", "application/json");
    call.method = method.parse().expect("a method");
    Client::new().send(&call).await.expect("the AWS port answers")
}

#[tokio::test]
async fn a_mapping_is_created_at_its_limits_and_refused_one_beyond() {
    // lambda_sqs_batch, lambda_sqs_batch_plain, lambda_sqs_window, lambda_sqs_concurrency, lambda_sqs_concurrency_min
    let (emulator, _) = start(Emulator::builder().queue(Queue::new("q"))).await;
    let input = |size: u64, window: u64, concurrency: u64| {
        json!({
            "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q",
            "FunctionName": "records",
            "BatchSize": size,
            "MaximumBatchingWindowInSeconds": window,
            "ScalingConfig": { "MaximumConcurrency": concurrency },
        })
    };
    for (size, window, concurrency) in [(10, 0, 2), (10_000, 1, 1_000), (1, 300, 2)] {
        let created = lambda(&emulator, "POST", "", input(size, window, concurrency)).await;
        assert_eq!(created.status, 202, "{created:?}");
        let created = created.json();
        assert_eq!(created["State"], "Creating");
        let uuid = created["UUID"].as_str().unwrap();
        let deleted = lambda(&emulator, "DELETE", &format!("/{uuid}"), json!({})).await;
        assert_eq!(deleted.json()["State"], "Deleting");
    }
    for (size, window, concurrency, text) in [
        (
            11,
            0,
            2,
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        (
            10_001,
            1,
            2,
            "'batchSize' failed to satisfy constraint: Member must have value less than or equal to 10000",
        ),
        (
            0,
            0,
            2,
            "'batchSize' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (1, 301, 2, "Member must have value less than or equal to 300"),
        (1, 0, 1, "Member must have value greater than or equal to 2"),
        (1, 0, 1_001, "Member must have value less than or equal to 1000"),
    ] {
        let refused = lambda(&emulator, "POST", "", input(size, window, concurrency)).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.text().contains(text), "{refused:?}");
    }
    let listed = lambda(&emulator, "GET", "?FunctionName=records", json!({})).await;
    assert_eq!(listed.json(), json!({ "EventSourceMappings": [] }));
}

/// Reported in 2018 (boto/boto3#1613); the set was recorded on 2025-11-25.
#[tokio::test]
async fn a_mapping_of_a_queue_has_no_starting_position() {
    let (emulator, _) = start(Emulator::builder().queue(Queue::new("q"))).await;
    let input = |position: &str| {
        json!({
            "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q",
            "FunctionName": "records",
            "StartingPosition": position,
        })
    };
    let not_valid = "StartingPosition is not valid for SQS event sources.";
    let invalid = "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy constraint: Member must \
                   satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]";
    for (position, kind, told) in [
        ("LATEST", "InvalidParameterValueException", not_valid),
        ("AT_TIMESTAMP", "InvalidParameterValueException", not_valid),
        ("TRIM_HORIZON", "InvalidParameterValueException", not_valid),
        ("invalid", "ValidationException", invalid),
    ] {
        let refused = lambda(&emulator, "POST", "", input(position)).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(refused.header("x-amzn-errortype"), Some(kind), "{position}");
        assert_eq!(refused.json()["message"], told);
    }
    let listed = lambda(&emulator, "GET", "?FunctionName=records", json!({})).await;
    assert_eq!(listed.json(), json!({ "EventSourceMappings": [] }));
    let mut without = input("");
    without.as_object_mut().unwrap().remove("StartingPosition");
    let created = lambda(&emulator, "POST", "", without).await;
    assert_eq!(created.status, 202, "{created:?}");
}

#[tokio::test]
async fn a_mapping_has_at_most_5_filters_of_4096_characters() {
    // lambda_filters, lambda_filter_pattern
    let (emulator, _) = start(Emulator::builder().queue(Queue::new("q"))).await;
    let input = |count: usize, length: usize| {
        let pattern = format!(r#"{{"body":["{}"]}}"#, "x".repeat(length - 13));
        assert_eq!(pattern.len(), length);
        json!({
            "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q",
            "FunctionName": "records",
            "FilterCriteria": { "Filters": vec![json!({ "Pattern": pattern }); count] },
        })
    };
    for (count, length) in [(6, 20), (1, 4_097)] {
        let refused = lambda(&emulator, "POST", "", input(count, length)).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.text().contains("less than or equal to"), "{refused:?}");
    }
    let created = lambda(&emulator, "POST", "", input(5, 4_096)).await;
    assert_eq!(created.status, 202, "{created:?}");
}

#[tokio::test]
async fn a_message_that_would_continue_a_recursive_loop_does_not_reach_the_function() {
    // lambda_recursion, through SQS
    let queue = Queue::new("q").with("RedrivePolicy", DEAD);
    let builder = Emulator::builder().queue(Queue::new("dead")).queue(queue);
    let builder = builder.function(guest("behave")).mapping(EventSourceMapping::new("q", "behave"));
    let (emulator, q) = start(builder).await;
    let invoked = emulator.invoke("behave", r#"{"env":true}"#).await.unwrap();
    let variables: Value = serde_json::from_slice(&invoked.payload).unwrap();
    let trace = variables["_X_AMZN_TRACE_ID"].as_str().unwrap();
    // The chain has passed the function once: `…;Lineage=1:HASH:0`.
    let (chain, _) = trace.rsplit_once(':').expect("a lineage");
    let send_after = async |passes: u64| {
        let body = json!({ "QueueUrl": q, "MessageBody": "m" }).to_string();
        let call = Call::post(format!("{}/", emulator.aws_url()), body)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "AmazonSQS.SendMessage")
            .header("x-amzn-trace-id", format!("{chain}:{}", passes - 1));
        let sent = Client::new().send(&call).await.unwrap();
        assert_eq!(sent.status, 200, "{sent:?}");
    };
    send_after(15).await;
    until(&emulator, &q, ("0", "0")).await;
    assert_eq!(emulator.totals().invocations, 2);
    send_after(16).await;
    until(&emulator, &q, ("0", "1")).await;
    assert_eq!(emulator.totals().limits["lambda_recursion"].refused, 1);
    advance(&emulator, 30).await;
    until(&emulator, &url(&emulator, "dead"), ("1", "0")).await;
    assert_eq!(emulator.totals().invocations, 2);
    send(&emulator, &q, "healthy").await;
    until(&emulator, &q, ("0", "0")).await;
    assert_eq!(emulator.totals().invocations, 3);
}

#[tokio::test]
async fn a_mapping_that_aws_refuses_is_named_with_its_reason() {
    let slow = Function { timeout: Millis(31_000), ..guest("script") };
    let builder = Emulator::builder().queue(Queue::new("q")).function(slow);
    let (emulator, _) = start(builder).await;
    let input = |queue: &str, function: &str| {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
        json!({ "EventSourceArn": arn, "FunctionName": function })
    };
    for (queue, function, status, text) in [
        (
            "absent",
            "records",
            400,
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error \
             Message: The specified queue does not exist.",
        ),
        (
            "q",
            "script",
            400,
            "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds",
        ),
        ("q", "absent", 404, "Function not found"),
    ] {
        let refused = lambda(&emulator, "POST", "", input(queue, function)).await;
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(refused.text().contains(text), "{refused:?}");
    }
    let created = lambda(&emulator, "POST", "", input("q", "records")).await.json();
    let uuid = created["UUID"].as_str().unwrap();
    let again = lambda(&emulator, "POST", "", input("q", "records")).await;
    assert_eq!(again.status, 409, "{again:?}");
    let text = format!(
        "An event source mapping with SQS arn (\" arn:aws:sqs:us-east-1:000000000000:q \") and function (\" records \") \
         already exists. Please update or delete the existing mapping with UUID {uuid}"
    );
    assert_eq!(again.json()["message"], text);
    let shown = lambda(&emulator, "GET", &format!("/{uuid}"), json!({})).await.json();
    assert_eq!(shown["State"], "Enabled");
    assert_eq!(shown["FunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:records");
    let absent = lambda(&emulator, "GET", "/absent", json!({})).await;
    assert_eq!(absent.status, 404, "{absent:?}");
}
