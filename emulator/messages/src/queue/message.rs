//! A message: as it is sent, as it waits in a queue, and as a receiver gets it.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hardcap_core::clock::EpochMillis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::attribute::{self, AttributeValue, Attributes, MessageAttribute};

/// A message that is sent to a queue.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// The body.
    pub body: String,
    /// The attributes.
    pub attributes: Attributes,
    /// `AWSTraceHeader`: the chain of requests that the message belongs to.
    pub trace: Option<String>,
    /// The trace header that the sender gave as a system attribute, whose digest the response has.
    pub system_trace: Option<String>,
    /// `MessageGroupId`.
    pub group: Option<String>,
    /// `MessageDeduplicationId`.
    pub deduplication: Option<String>,
    /// `DelaySeconds`. `None`: the delay of the queue.
    pub delay_seconds: Option<i64>,
    /// `SenderId`.
    pub sender: String,
}

impl NewMessage {
    /// A message with a body alone.
    #[must_use]
    pub fn new(body: String) -> NewMessage {
        NewMessage { body, ..NewMessage::default() }
    }

    /// The bytes that are compared with the limit: body and attributes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len() + attribute::size(&self.attributes)
    }
}

/// The result of sending a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// `MessageId`.
    pub id: String,
    /// `SequenceNumber`, only of a FIFO queue.
    pub sequence: Option<String>,
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: Arc<str>,
    #[serde(default)]
    pub(crate) attributes: Arc<Attributes>,
    pub(crate) trace: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
    pub(crate) sender: String,
    /// The time of sending. A move to a dead-letter queue does not change it.
    pub(crate) sent: EpochMillis,
    /// The first receipt.
    pub(crate) first_received: Option<EpochMillis>,
    /// The number of receipts.
    pub(crate) receives: u64,
    /// The number of receipts in the queues that it was moved from.
    #[serde(default)]
    pub(crate) receives_elsewhere: u64,
    /// `SequenceNumber` of a FIFO queue.
    pub(crate) sequence: Option<String>,
    /// The ARN of the queue that it was moved from.
    pub(crate) moved_from: Option<String>,
}

impl Message {
    /// The bytes that the message takes: body and attributes.
    pub(crate) fn size(&self) -> u64 {
        (self.body.len() + attribute::size(&self.attributes)) as u64
    }

    /// The number of receipts in the queue that it is in. `maxReceiveCount` of that queue is compared with it.
    pub(super) fn receives_here(&self) -> u64 {
        self.receives.saturating_sub(self.receives_elsewhere)
    }
}

/// A message as a receiver gets it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(super) message: Message,
    /// The handle that deletes it.
    pub(crate) receipt: String,
}

impl Received {
    /// The message.
    pub(crate) fn message(&self) -> &Message {
        &self.message
    }

    /// The message as `ReceiveMessage` shows it, with the system attributes and attributes that were asked for.
    pub(super) fn shown(&self, system: &[String], names: &[String]) -> Value {
        let Message { id, body, attributes, .. } = &self.message;
        let mut shown = json!({
            "MessageId": id,
            "ReceiptHandle": self.receipt,
            "MD5OfBody": attribute::body_digest(body),
            "Body": **body,
        });
        let is_wanted = |name: &str| system.iter().any(|wanted| wanted == "All" || wanted == name);
        let system: Map<String, Value> = self
            .system_attributes()
            .into_iter()
            .filter(|(name, _)| is_wanted(name))
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        if !system.is_empty() {
            shown["Attributes"] = Value::Object(system);
        }
        let wanted: Attributes = attributes
            .iter()
            .filter(|(name, _)| names.iter().any(|wanted| covers(wanted, name)))
            .map(|(name, attribute)| (name.clone(), attribute.clone()))
            .collect();
        if !wanted.is_empty() {
            shown["MD5OfMessageAttributes"] = json!(attribute::digest(&wanted));
            let members = wanted.iter().map(|(name, one)| (name.clone(), shown_attribute(one)));
            shown["MessageAttributes"] = Value::Object(members.collect());
        }
        shown
    }

    /// The system attributes that exist, in AWS's order.
    pub(crate) fn system_attributes(&self) -> Vec<(&'static str, String)> {
        let Message { sender, sent, first_received, receives, .. } = &self.message;
        let Message { sequence, group, deduplication, trace, moved_from, .. } = &self.message;
        let mut shown = vec![
            ("ApproximateReceiveCount", receives.to_string()),
            ("SentTimestamp", sent.0.to_string()),
            ("SenderId", sender.clone()),
            (
                "ApproximateFirstReceiveTimestamp",
                first_received.map_or(0, |first| first.0).to_string(),
            ),
        ];
        let optional = [
            ("SequenceNumber", sequence),
            ("MessageGroupId", group),
            ("MessageDeduplicationId", deduplication),
            ("AWSTraceHeader", trace),
            ("DeadLetterQueueSourceArn", moved_from),
        ];
        shown.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        shown
    }
}

/// An attribute as `ReceiveMessage` shows it.
fn shown_attribute(attribute: &MessageAttribute) -> Value {
    let (member, value) = match &attribute.value {
        AttributeValue::String(text) => ("StringValue", text.clone()),
        AttributeValue::Binary(bytes) => ("BinaryValue", BASE64_STANDARD.encode(bytes)),
    };
    json!({ member: value, "DataType": attribute.data_type })
}

/// Whether a name of `MessageAttributeNames` covers an attribute: `All`, `.*`, the name, or `PREFIX.*`.
fn covers(wanted: &str, name: &str) -> bool {
    match (wanted, wanted.strip_suffix(".*")) {
        ("All", _) | (_, Some("")) => true,
        (_, Some(prefix)) => name.starts_with(prefix),
        (wanted, None) => wanted == name,
    }
}
