//! Batches: the rules for their entries, and the result of each; and what a sent message is answered with.

use std::collections::HashSet;

use hardcap_limits::Count;
use serde_json::{Map, Value, json};

use super::super::attribute;
use super::super::error::{self, SqsError};
use super::super::input::{Entry, Input};
use super::super::message::{NewMessage, Sent};
use super::Served;

impl Served<'_> {
    /// The entries of a batch with their ids, after the rules for the batch as a whole.
    pub(super) fn entries(
        &self,
        input: Input,
        kind: &str,
    ) -> Result<Vec<(String, Entry)>, SqsError> {
        let entries = input.entries.unwrap_or_default();
        if entries.is_empty() {
            let text = format!("There should be at least one {kind} in the request.");
            return Err(SqsError::api(&error::EMPTY_BATCH, text));
        }
        self.ctx.admit(&self.ctx.limits.sqs_batch_entries, Count(entries.len() as u64))?;
        let mut seen = HashSet::new();
        let mut named = Vec::new();
        for mut entry in entries {
            let id = entry.id.take().unwrap_or_default();
            self.entry_id(&id)?;
            if !seen.insert(id.clone()) {
                let text = format!("Id {id} repeated.");
                return Err(SqsError::api(&error::BATCH_IDS_NOT_DISTINCT, text));
            }
            named.push((id, entry));
        }
        Ok(named)
    }

    fn entry_id(&self, id: &str) -> Result<(), SqsError> {
        let limit = &self.ctx.limits.sqs_batch_id;
        let length = Count(id.chars().count() as u64);
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || !id.chars().all(valid) {
            return Err(SqsError::Refused(limit.exceeded_by(length)));
        }
        Ok(self.ctx.admit(limit, length)?)
    }
}

/// The digests that a sender verifies.
pub(super) fn digests(new: &NewMessage) -> Map<String, Value> {
    let mut digests = Map::new();
    digests.insert("MD5OfMessageBody".to_owned(), json!(attribute::body_digest(&new.body)));
    if !new.attributes.is_empty() {
        let digest = attribute::digest(&new.attributes);
        digests.insert("MD5OfMessageAttributes".to_owned(), json!(digest));
    }
    if let Some(trace) = &new.system_trace {
        let system = attribute::MessageAttribute::string(trace);
        let system = attribute::Attributes::from([("AWSTraceHeader".to_owned(), system)]);
        let digest = attribute::digest(&system);
        digests.insert("MD5OfMessageSystemAttributes".to_owned(), json!(digest));
    }
    digests
}

pub(super) fn shown_sent(sent: Sent, mut digests: Map<String, Value>) -> Map<String, Value> {
    digests.insert("MessageId".to_owned(), json!(sent.id));
    if let Some(sequence) = sent.sequence {
        digests.insert("SequenceNumber".to_owned(), json!(sequence));
    }
    digests
}

/// The results of a batch.
#[derive(Default)]
pub(super) struct Results {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl Results {
    /// Adds the result of an entry. A failure of hardcap ends the whole batch.
    pub(super) fn add(
        &mut self,
        id: String,
        result: Result<Map<String, Value>, SqsError>,
    ) -> Result<(), SqsError> {
        match result {
            Ok(mut members) => {
                members.insert("Id".to_owned(), json!(id));
                self.successful.push(Value::Object(members));
            }
            Err(SqsError::Bug(cause)) => return Err(SqsError::Bug(cause)),
            Err(error) => {
                let (kind, text) = error.parts();
                // A batch has this wording of the same refusal (LocalStack's snapshots of AWS, test_send_batch_message_size).
                let text = text.replace(
                    "One or more parameters are invalid.",
                    "One or more parameters cannot be validated.",
                );
                self.failed.push(json!({
                    "Id": id,
                    "SenderFault": kind.status < 500,
                    "Code": kind.query,
                    "Message": text,
                }));
            }
        }
        Ok(())
    }

    pub(super) fn into_value(self) -> Value {
        let mut value = Map::new();
        for (member, list) in [("Successful", self.successful), ("Failed", self.failed)] {
            if !list.is_empty() {
                value.insert(member.to_owned(), Value::Array(list));
            }
        }
        Value::Object(value)
    }
}
