//! The event of a mapping: messages as Lambda passes them to a function, in batches that fit an invocation. Pure.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::queue::Received;
use crate::queue::attribute::{self, AttributeValue, MessageAttribute};

/// The bytes around the records: `{"Records":[` and `]}`.
const AROUND: usize = 14;

/// The order of the system attributes in a record, as in the examples of Lambda's developer guide.
const ORDER: [&str; 9] = [
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "SentTimestamp",
    "SequenceNumber",
    "MessageGroupId",
    "SenderId",
    "MessageDeduplicationId",
    "ApproximateFirstReceiveTimestamp",
    "DeadLetterQueueSourceArn",
];

/// The messages of one invocation, and its event.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) messages: Vec<Received>,
    pub(super) event: Bytes,
}

/// The record of a message. `has_window` is whether the mapping has a batching window: its records name a digest that is missing
/// (LocalStack's snapshots of AWS, test_lambda_integration_sqs, recorded 2025-11-25).
pub(super) fn record(
    received: &Received,
    (queue_arn, region): (&str, &str),
    has_window: bool,
) -> Value {
    let message = received.message();
    let system = received.system_attributes();
    let of_system = |name: &&'static str| {
        let (_, value) = system.iter().find(|(known, _)| known == name)?;
        Some(((*name).to_owned(), json!(value)))
    };
    let attributes: Map<String, Value> = ORDER.iter().filter_map(of_system).collect();
    let own = message.attributes.iter().map(|(name, one)| (name.clone(), shown(one)));
    let mut record = json!({
        "messageId": message.id,
        "receiptHandle": received.receipt,
        "body": *message.body,
        "attributes": attributes,
        "messageAttributes": own.collect::<Map<_, _>>(),
    });
    if !message.attributes.is_empty() {
        record["md5OfMessageAttributes"] = json!(attribute::digest(&message.attributes));
    } else if has_window {
        record["md5OfMessageAttributes"] = Value::Null;
    }
    record["md5OfBody"] = json!(attribute::body_digest(&message.body));
    record["eventSource"] = json!("aws:sqs");
    record["eventSourceARN"] = json!(queue_arn);
    record["awsRegion"] = json!(region);
    record
}

fn shown(attribute: &MessageAttribute) -> Value {
    let (member, value) = match &attribute.value {
        AttributeValue::String(text) => ("stringValue", text.clone()),
        AttributeValue::Binary(bytes) => ("binaryValue", BASE64_STANDARD.encode(bytes)),
    };
    json!({
        member: value,
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute.data_type,
    })
}

/// Splits messages with their records into batches whose events have at most `most` bytes, in order. A record that is larger
/// alone is a batch of its own, which Lambda refuses.
pub(super) fn batches(records: Vec<(Received, Value)>, most: u64) -> Vec<Batch> {
    let mut batches = Vec::new();
    let (mut messages, mut texts, mut size) = (Vec::new(), Vec::new(), AROUND);
    for (received, record) in records {
        let text = record.to_string();
        let more = text.len() + usize::from(!texts.is_empty());
        if !messages.is_empty() && (size + more) as u64 > most {
            batches.push(batch(std::mem::take(&mut messages), &texts));
            texts.clear();
            size = AROUND;
        }
        size += text.len() + usize::from(!texts.is_empty());
        messages.push(received);
        texts.push(text);
    }
    if !messages.is_empty() {
        batches.push(batch(messages, &texts));
    }
    batches
}

fn batch(messages: Vec<Received>, texts: &[String]) -> Batch {
    Batch { messages, event: format!("{{\"Records\":[{}]}}", texts.join(",")).into() }
}
