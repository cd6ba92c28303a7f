//! Attributes of a queue: their names, defaults and rules, and how responses show them.

use hardcap_limits::{Count, Limit, Limits, Millis};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::SqsError;
use crate::Target;

/// The settings of a queue. `None` is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    pub(super) fifo: bool,
    pub(super) delay_seconds: Option<u64>,
    pub(super) maximum_message_size: Option<u64>,
    pub(super) retention_seconds: Option<u64>,
    pub(super) wait_seconds: Option<u64>,
    pub(super) visibility_seconds: Option<u64>,
    pub(super) redrive: Option<Redrive>,
    pub(super) content_based_deduplication: bool,
    /// `DeduplicationScope` is `messageGroup`.
    pub(super) deduplicates_groups: bool,
    /// `FifoThroughputLimit` is `perMessageGroupId`.
    pub(super) limits_groups: bool,
    /// What has no effect here and is only kept: policies and encryption.
    pub(super) kept: IndexMap<String, String>,
}

/// `RedrivePolicy`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Redrive {
    /// `deadLetterTargetArn`
    pub(super) target: String,
    /// `maxReceiveCount`
    pub(super) receives_max: u64,
}

/// AWS's default of `MessageRetentionPeriod`: 4 days.
const RETENTION_DEFAULT: u64 = 345_600;
/// AWS's default of `VisibilityTimeout`.
pub const VISIBILITY: Millis = Millis(30_000);

impl Settings {
    /// `VisibilityTimeout`
    pub(super) fn visibility(&self) -> u64 {
        self.visibility_seconds.unwrap_or(VISIBILITY.0 / 1000)
    }

    /// `MessageRetentionPeriod`
    pub(super) fn retention(&self) -> u64 {
        self.retention_seconds.unwrap_or(RETENTION_DEFAULT)
    }

    /// The largest message, as `limits` and the queue have it.
    pub(super) fn message_limit(&self, limits: &Limits) -> Limit<hardcap_limits::Bytes> {
        match self.maximum_message_size {
            Some(size) => limits.sqs_message.lowered_to(hardcap_limits::Bytes(size)),
            None => limits.sqs_message,
        }
    }

    /// Sets an attribute. An empty value of a policy removes it.
    ///
    /// # Errors
    ///
    /// AWS's refusal of the name or the value.
    pub(super) fn set(&mut self, name: &str, value: &str, limits: &Limits) -> Result<(), SqsError> {
        let number = |most: &Limit<Count>, least: u64| {
            let parsed = value.parse::<u64>().ok();
            let valid = parsed.filter(|number| *number >= least && *number <= most.max.0);
            valid.map(Some).ok_or_else(|| SqsError::invalid_value(name))
        };
        match name {
            "DelaySeconds" => self.delay_seconds = number(&limits.sqs_delay, 0)?,
            "MaximumMessageSize" => self.maximum_message_size = Some(message_size(value, limits)?),
            "MessageRetentionPeriod" => {
                let least = limits.sqs_retention_min.max.0;
                self.retention_seconds = number(&limits.sqs_retention, least)?;
            }
            "ReceiveMessageWaitTimeSeconds" => self.wait_seconds = number(&limits.sqs_wait, 0)?,
            "VisibilityTimeout" => self.visibility_seconds = number(&limits.sqs_visibility, 0)?,
            "RedrivePolicy" if value.is_empty() => self.redrive = None,
            "RedrivePolicy" => self.redrive = Some(redrive(value, limits)?),
            "FifoQueue" => match (value, self.fifo) {
                ("true", true) => {}
                _ => {
                    let reason = "Modifying queue type is not supported.";
                    return Err(SqsError::invalid_value_because(name, reason));
                }
            },
            "ContentBasedDeduplication" if self.fifo => {
                self.content_based_deduplication = boolean(name, value)?;
            }
            "DeduplicationScope" => {
                self.only_of_fifo(name)?;
                self.deduplicates_groups = choice(name, value, ["queue", "messageGroup"])?;
            }
            "FifoThroughputLimit" => {
                self.only_of_fifo(name)?;
                self.limits_groups = choice(name, value, ["perQueue", "perMessageGroupId"])?;
            }
            "Policy" | "RedriveAllowPolicy" | "KmsMasterKeyId" if value.is_empty() => {
                self.kept.shift_remove(name);
            }
            "Policy" | "RedriveAllowPolicy" => {
                if !serde_json::from_str::<Value>(value).is_ok_and(|json| json.is_object()) {
                    return Err(SqsError::invalid_value(name));
                }
                self.kept.insert(name.to_owned(), value.to_owned());
            }
            "SqsManagedSseEnabled" => {
                boolean(name, value)?;
                self.kept.insert(name.to_owned(), value.to_owned());
            }
            "KmsMasterKeyId" | "KmsDataKeyReusePeriodSeconds" => {
                self.kept.insert(name.to_owned(), value.to_owned());
            }
            _ => return Err(SqsError::unknown_attribute(name)),
        }
        Ok(())
    }

    fn only_of_fifo(&self, name: &str) -> Result<(), SqsError> {
        match self.fifo {
            true => Ok(()),
            false => Err(SqsError::api(
                &super::error::INVALID_ATTRIBUTE_NAME,
                format!("You can specify the {name} only when FifoQueue is set to true."),
            )),
        }
    }

    /// The first attribute of `wanted` that these settings have with another value. `CreateQueue` of a queue that exists refuses it.
    pub(super) fn first_difference<'a>(
        &self,
        wanted: &'a IndexMap<String, String>,
        limits: &Limits,
    ) -> Option<&'a str> {
        let here = self.shown(limits);
        let differs = |name: &str, value: &str| {
            let mut other = self.clone();
            // Numbers and policies are compared as they are understood, not as they are spelled.
            match other.set(name, value, limits) {
                Ok(()) => other.shown(limits) != here,
                Err(_) => true,
            }
        };
        wanted.iter().find(|(name, value)| differs(name, value)).map(|(name, _)| name.as_str())
    }

    /// The attributes as responses show them, without counts and times.
    pub(super) fn shown(&self, limits: &Limits) -> IndexMap<String, String> {
        let mut shown = IndexMap::new();
        let mut add = |name: &str, value: String| {
            shown.insert(name.to_owned(), value);
        };
        add("VisibilityTimeout", self.visibility().to_string());
        add("MaximumMessageSize", self.message_limit(limits).max.0.to_string());
        add("MessageRetentionPeriod", self.retention().to_string());
        add("DelaySeconds", self.delay_seconds.unwrap_or(0).to_string());
        add("ReceiveMessageWaitTimeSeconds", self.wait_seconds.unwrap_or(0).to_string());
        if let Some(Redrive { target, receives_max }) = &self.redrive {
            let target = Value::String(target.clone());
            add(
                "RedrivePolicy",
                format!("{{\"deadLetterTargetArn\":{target},\"maxReceiveCount\":{receives_max}}}"),
            );
        }
        if self.fifo {
            add("FifoQueue", "true".to_owned());
            add("ContentBasedDeduplication", self.content_based_deduplication.to_string());
            let scope = if self.deduplicates_groups { "messageGroup" } else { "queue" };
            add("DeduplicationScope", scope.to_owned());
            let limit = if self.limits_groups { "perMessageGroupId" } else { "perQueue" };
            add("FifoThroughputLimit", limit.to_owned());
        }
        let sse = if self.kept.contains_key("KmsMasterKeyId") { "false" } else { "true" };
        add("SqsManagedSseEnabled", sse.to_owned());
        shown.extend(self.kept.clone());
        shown
    }
}

fn message_size(value: &str, limits: &Limits) -> Result<u64, SqsError> {
    let least = limits.sqs_message_min.max.0;
    let valid = value.parse::<u64>().ok().filter(|size| *size >= least);
    let valid = valid.filter(|size| *size <= limits.sqs_message.max.0);
    valid.ok_or_else(|| SqsError::invalid_value("MaximumMessageSize"))
}

fn boolean(name: &str, value: &str) -> Result<bool, SqsError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(SqsError::invalid_value(name)),
    }
}

/// Whether the value is the second of two.
fn choice(name: &str, value: &str, of: [&str; 2]) -> Result<bool, SqsError> {
    let at = of.iter().position(|known| *known == value);
    at.map(|at| at == 1).ok_or_else(|| SqsError::invalid_value(name))
}

/// Parses `{"deadLetterTargetArn": …, "maxReceiveCount": …}`; the count is a number or a text of one.
fn redrive(value: &str, limits: &Limits) -> Result<Redrive, SqsError> {
    let refused = |reason: &str| {
        let text =
            format!("Value {value} for parameter RedrivePolicy is invalid. Reason: {reason}");
        SqsError::api(&super::error::INVALID_PARAMETER, text)
    };
    let Ok(Value::Object(policy)) = serde_json::from_str::<Value>(value) else {
        return Err(refused("Redrive policy is not a valid JSON map."));
    };
    let target = policy.get("deadLetterTargetArn").and_then(Value::as_str).unwrap_or_default();
    let Some(Target::Queue(_)) = Target::of(target) else {
        return Err(refused("Invalid value for deadLetterTargetArn."));
    };
    let count = match policy.get("maxReceiveCount") {
        Some(Value::Number(count)) => count.to_string(),
        Some(Value::String(count)) => count.clone(),
        _ => {
            return Err(refused(
                "Redrive policy does not contain mandatory attribute: maxReceiveCount.",
            ));
        }
    };
    let most = limits.sqs_receive_count.max.0;
    let receives_max = count.parse().ok().filter(|count| (1..=most).contains(count));
    let receives_max = receives_max.ok_or_else(|| {
        refused(&format!(
            "Invalid value for maxReceiveCount: {count}, valid values are from 1 to {most} both inclusive."
        ))
    })?;
    Ok(Redrive { target: target.to_owned(), receives_max })
}
