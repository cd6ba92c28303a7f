//! Inputs of operations, as the SDK's model has them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use indexmap::IndexMap;
use serde::Deserialize;

use super::attribute::{AttributeValue, Attributes, MessageAttribute};
use super::error::{self, SqsError};
use super::message::NewMessage;

/// The input of every operation: all members are optional here, and each operation says which it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Input {
    pub(super) queue_url: Option<String>,
    pub(super) queue_name: Option<String>,
    pub(super) attributes: Option<IndexMap<String, String>>,
    #[serde(alias = "tags")]
    pub(super) tags: Option<IndexMap<String, String>>,
    pub(super) tag_keys: Option<Vec<String>>,
    pub(super) attribute_names: Option<Vec<String>>,
    pub(super) message_system_attribute_names: Option<Vec<String>>,
    pub(super) message_attribute_names: Option<Vec<String>>,
    pub(super) max_number_of_messages: Option<i64>,
    pub(super) wait_time_seconds: Option<i64>,
    pub(super) queue_name_prefix: Option<String>,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<i64>,
    pub(super) entries: Option<Vec<Entry>>,
    /// The members of a message or a receipt, which the entries of a batch have as well.
    #[serde(flatten)]
    pub(super) entry: Entry,
}

/// One entry of a batch.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Entry {
    pub(super) id: Option<String>,
    pub(super) message_body: Option<String>,
    pub(super) delay_seconds: Option<i64>,
    pub(super) message_attributes: Option<IndexMap<String, AttributeInput>>,
    pub(super) message_system_attributes: Option<IndexMap<String, AttributeInput>>,
    pub(super) message_deduplication_id: Option<String>,
    pub(super) message_group_id: Option<String>,
    pub(super) receipt_handle: Option<String>,
    pub(super) visibility_timeout: Option<i64>,
}

/// An attribute of a message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AttributeInput {
    data_type: Option<String>,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl Entry {
    /// The message that the entry sends.
    ///
    /// # Errors
    ///
    /// AWS's refusal of a missing body, or of an attribute without a type.
    pub(super) fn message(self, sender: &str, trace: Option<&str>) -> Result<NewMessage, SqsError> {
        let mut attributes = Attributes::new();
        for (name, attribute) in self.message_attributes.unwrap_or_default() {
            let read = attribute.read(&name)?;
            attributes.insert(name, read);
        }
        let mut system_trace = None;
        for (name, attribute) in self.message_system_attributes.unwrap_or_default() {
            if name != "AWSTraceHeader" {
                let text = format!("Message system attribute name '{name}' is invalid.");
                return Err(SqsError::api(&error::INVALID_PARAMETER, text));
            }
            system_trace = attribute.string_value;
        }
        Ok(NewMessage {
            body: self.message_body.unwrap_or_default(),
            attributes,
            trace: system_trace.clone().or(trace.map(str::to_owned)),
            system_trace,
            group: self.message_group_id,
            deduplication: self.message_deduplication_id,
            delay_seconds: self.delay_seconds,
            sender: sender.to_owned(),
        })
    }
}

impl AttributeInput {
    fn read(self, name: &str) -> Result<MessageAttribute, SqsError> {
        let refused = |text: String| SqsError::api(&error::INVALID_PARAMETER, text);
        let data_type = self.data_type.filter(|kind| !kind.is_empty()).ok_or_else(|| {
            refused(format!(
                "The message attribute '{name}' must contain a non-empty attribute type."
            ))
        })?;
        let value = match (self.string_value, self.binary_value) {
            (None, Some(binary)) => {
                let bytes = BASE64_STANDARD
                    .decode(binary)
                    .map_err(|error| SqsError::api(&error::SERIALIZATION, error.to_string()))?;
                AttributeValue::Binary(bytes)
            }
            (text, _) => AttributeValue::String(text.unwrap_or_default()),
        };
        Ok(MessageAttribute { data_type, value })
    }
}
