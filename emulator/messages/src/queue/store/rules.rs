//! What SQS refuses of a queue: its name, its attributes, their size. Pure.

use hardcap_core::config;
use hardcap_limits::{Count, Limits};
use indexmap::IndexMap;

use super::super::error::{self, SqsError};
use super::super::settings::Settings;

/// The most bytes of the attributes and the tags of a queue. The number is hardcap's.
const RECORD_MAX: usize = 32 * 1024;

/// Checks the name and the attributes of a configured queue. Pure.
///
/// # Errors
///
/// AWS's refusal.
pub fn refusal(queue: &config::Queue, limits: &Limits) -> Result<(), SqsError> {
    name_of(&queue.name, &queue.attributes, limits)?;
    read(queue.name.ends_with(".fifo"), &queue.attributes, limits).map(|_| ())
}

/// Reads the attributes of a queue that is created.
pub(super) fn read(
    fifo: bool,
    attributes: &IndexMap<String, String>,
    limits: &Limits,
) -> Result<Settings, SqsError> {
    let mut settings = Settings { fifo, ..Settings::default() };
    for (name, value) in attributes {
        match (name.as_str(), fifo) {
            // A standard queue has no such attribute (LocalStack's snapshots of AWS).
            ("FifoQueue", false) => return Err(SqsError::unknown_attribute(name)),
            _ => settings.set(name, value, limits)?,
        }
    }
    Ok(settings)
}

/// Checks a queue's name.
pub(super) fn name_of(
    name: &str,
    attributes: &IndexMap<String, String>,
    limits: &Limits,
) -> Result<(), SqsError> {
    let plain = match (name.strip_suffix(".fifo"), attributes.get("FifoQueue")) {
        (Some(plain), Some(fifo)) if fifo == "true" => plain,
        (None, Some(fifo)) if fifo == "true" => {
            let text = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must \
                        end with .fifo suffix and be 1 to 80 in length.";
            return Err(SqsError::api(&error::INVALID_PARAMETER, text));
        }
        _ => name,
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = limits.sqs_queue_name.admit(Count(name.chars().count() as u64)).is_ok();
    if !plain.is_empty() && plain.chars().all(valid) && fits {
        return Ok(());
    }
    let most = limits.sqs_queue_name.max.0;
    let text = format!(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to {most} in length"
    );
    Err(SqsError::api(&error::INVALID_PARAMETER, text))
}

/// Refuses attributes or tags that would take too much memory.
pub(super) fn small(texts: &IndexMap<String, String>) -> Result<(), SqsError> {
    let bytes: usize = texts.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes <= RECORD_MAX {
        return Ok(());
    }
    let text = format!(
        "hardcap's queues have at most {RECORD_MAX} bytes of attributes, and as many of tags; these are {bytes} bytes."
    );
    Err(SqsError::api(&error::INVALID_PARAMETER, text))
}
