//! Messages on their way to queues and functions.

use hardcap::Emulator;
use hardcap::config::Queue;
use hardcap::limits::Millis;
use hardcap::record::Observation;
use hardcap_tests::functions::guest;
use serde_json::{Value, json};

use super::{QUEUE, create, element, messages, output, publish, refused, subscribe, with_queue};
use crate::queues;

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
async fn a_function_gets_the_event_of_a_message() {
    let emulator = Emulator::builder().function(guest("echo")).start().await.unwrap();
    let topic = create(&emulator, "t").await;
    let subscription = subscribe(&emulator, &topic, ("lambda", FUNCTION), &[]).await;
    let members = [
        ("TopicArn", topic.as_str()),
        ("Message", "hello \u{2713}"),
        ("MessageAttributes.entry.1.Name", "n"),
        ("MessageAttributes.entry.1.Value.DataType", "Number"),
        ("MessageAttributes.entry.1.Value.StringValue", "1"),
    ];
    let id = element(&output(&emulator, "Publish", &members).await, "MessageId");
    emulator.until(|totals| totals.invocations == 1).await;
    let events = events(&emulator);
    let mut event =
        events.into_iter().find(|event| event.get("Records").is_some()).expect("an event");
    let sns = &mut event["Records"][0]["Sns"];
    assert_eq!(sns["Timestamp"].take().as_str().unwrap().len(), 24);
    assert_eq!(sns["Signature"].take().as_str().unwrap().len(), 344);
    sns["SigningCertUrl"].take();
    let unsubscribe = format!(
        "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription}"
    );
    // LocalStack's snapshots of AWS, test_python_lambda_subscribe_sns_topic.
    let expected = json!({"Records": [{
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "Sns": {
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": topic,
            "Subject": null,
            "Message": "hello \u{2713}",
            "Timestamp": null,
            "SignatureVersion": "1",
            "Signature": null,
            "SigningCertUrl": null,
            "UnsubscribeUrl": unsubscribe,
            "MessageAttributes": {"n": {"Type": "Number", "Value": "1"}},
        },
    }]});
    assert_eq!(event, expected);
}

#[tokio::test]
async fn a_queue_gets_the_envelope_or_the_raw_message_with_its_attributes() {
    let (emulator, topic, queue) = with_queue(&[]).await;
    let raw = queues::create(&emulator, "raw", json!({})).await;
    let endpoint = format!("{QUEUE}raw");
    subscribe(&emulator, &topic, ("sqs", &endpoint), &[("RawMessageDelivery", "true")]).await;
    let members = [
        ("TopicArn", topic.as_str()),
        ("Message", r#"{"default": "d", "sqs": "for queues"}"#),
        ("MessageStructure", "json"),
        ("Subject", "s"),
        ("MessageAttributes.entry.1.Name", "store"),
        ("MessageAttributes.entry.1.Value.DataType", "Binary"),
        ("MessageAttributes.entry.1.Value.BinaryValue", "AgME"),
    ];
    let id = element(&output(&emulator, "Publish", &members).await, "MessageId");
    let received = queues::receive(&emulator, &queue).await;
    let body = received[0]["Body"].as_str().unwrap();
    assert!(body.starts_with("{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : "), "{body}");
    let envelope: Value = serde_json::from_str(body).unwrap();
    assert_eq!(envelope["MessageId"], id);
    assert_eq!(envelope["Message"], "for queues");
    assert_eq!(envelope["Subject"], "s");
    assert_eq!(
        envelope["MessageAttributes"],
        json!({"store": {"Type": "Binary", "Value": "AgME"}})
    );
    let received = queues::receive(&emulator, &raw).await;
    assert_eq!(received[0]["Body"], "for queues");
    assert_eq!(
        received[0]["MessageAttributes"],
        json!({"store": {"DataType": "Binary", "BinaryValue": "AgME"}})
    );
}

#[tokio::test]
async fn a_filter_policy_selects_messages_and_an_invalid_one_is_refused() {
    let (emulator, topic, queue) =
        with_queue(&[("FilterPolicy", r#"{"kind":["order"],"price":[{"numeric":[">",10]}]}"#)])
            .await;
    for (kind, price) in [("order", "11"), ("order", "10"), ("offer", "11")] {
        let members = [
            ("TopicArn", topic.as_str()),
            ("Message", &format!("{kind} {price}")),
            ("MessageAttributes.entry.1.Name", "kind"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", kind),
            ("MessageAttributes.entry.2.Name", "price"),
            ("MessageAttributes.entry.2.Value.DataType", "Number"),
            ("MessageAttributes.entry.2.Value.StringValue", price),
        ];
        output(&emulator, "Publish", &members).await;
    }
    assert_eq!(messages(&emulator, &queue).await, ["order 11"]);
    let invalid = [
        ("TopicArn", topic.as_str()),
        ("Protocol", "sqs"),
        ("Endpoint", &format!("{QUEUE}other")),
        ("Attributes.entry.1.key", "FilterPolicy"),
        ("Attributes.entry.1.value", r#"{"key":[{"suffix":100}]}"#),
    ];
    // LocalStack's snapshots of AWS, test_validate_policy_string_operators.
    let expected = "Invalid parameter: Attributes Reason: FilterPolicy: suffix match pattern must be a string\n at [Source: (String)\"{\"key\":[{\"suffix\":100}]}\"; line: 1, column: 22]";
    assert_eq!(refused(&emulator, "Subscribe", &invalid).await.2, expected);
}

#[tokio::test]
async fn a_fifo_topic_keeps_the_order_of_a_group_and_drops_duplicates() {
    let emulator = Emulator::builder().queue(Queue::new("q.fifo")).start().await.unwrap();
    let queue = format!("{}/000000000000/q.fifo", emulator.aws_url());
    let topic = create(&emulator, "t.fifo").await;
    subscribe(&emulator, &topic, ("sqs", &format!("{QUEUE}q.fifo")), &[]).await;
    let publish = async |message: &str, id: &str| {
        let members = [
            ("TopicArn", topic.as_str()),
            ("Message", message),
            ("MessageGroupId", "g"),
            ("MessageDeduplicationId", id),
        ];
        let xml = output(&emulator, "Publish", &members).await;
        (element(&xml, "MessageId"), element(&xml, "SequenceNumber"))
    };
    let first = publish("1", "a").await;
    assert_eq!(publish("again", "a").await, first);
    let second = publish("2", "b").await;
    assert!(first.1 < second.1 && first.1.len() == 20, "{first:?} {second:?}");
    let received = queues::receive(&emulator, &queue).await;
    let bodies: Vec<Value> = received
        .iter()
        .map(|it| serde_json::from_str(it["Body"].as_str().unwrap()).unwrap())
        .collect();
    let texts: Vec<&str> = bodies.iter().map(|body| body["Message"].as_str().unwrap()).collect();
    assert_eq!(texts, ["1", "2"]);
    assert_eq!(bodies[0]["SequenceNumber"], first.1);
    emulator.advance_clock(Millis(300_000)).await;
    assert_ne!(publish("1", "a").await.0, first.0);
    for (members, expected) in [
        (
            vec![("MessageDeduplicationId", "c")],
            "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
        ),
        (
            vec![("MessageGroupId", "g")],
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ),
    ] {
        let mut all = vec![("TopicArn", topic.as_str()), ("Message", "m")];
        all.extend(members);
        assert_eq!(refused(&emulator, "Publish", &all).await.2, expected);
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_delivered_goes_to_the_dead_letter_queue() {
    let emulator = Emulator::builder().queue(Queue::new("dead")).start().await.unwrap();
    let dead = format!("{}/000000000000/dead", emulator.aws_url());
    let topic = create(&emulator, "t").await;
    let redrive = format!(r#"{{"deadLetterTargetArn":"{QUEUE}dead"}}"#);
    let redrive = [("RedrivePolicy", redrive.as_str())];
    subscribe(&emulator, &topic, ("sqs", &format!("{QUEUE}none")), &redrive).await;
    subscribe(&emulator, &topic, ("lambda", FUNCTION), &redrive).await;
    publish(&emulator, &topic, "m").await;
    assert_eq!(messages(&emulator, &dead).await, ["m", "m"]);
}
