//! The rules for a message that is sent: size, characters, attributes, and the ids of FIFO queues.

use hardcap_core::context::Context;
use hardcap_limits::{Bytes, Count, Limits};
use sha2::{Digest as _, Sha256};

use super::attribute::{AttributeValue, Attributes, MessageAttribute, has_valid_characters};
use super::error::{self, SqsError};
use super::message::NewMessage;
use super::number::is_number;
use super::settings::Settings;

/// The text of AWS for a character that is not accepted, from LocalStack's source.
const CHARACTERS: &str = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to \
                          #xFFFD | #x10000 to #x10FFFF";

/// Checks a message for a queue with these settings, and gives it the deduplication id of its content if the queue says so.
///
/// # Errors
///
/// AWS's refusal.
pub(super) fn check(
    ctx: &Context,
    settings: &Settings,
    new: &mut NewMessage,
) -> Result<(), SqsError> {
    if new.body.is_empty() {
        return Err(SqsError::missing("MessageBody"));
    }
    if !has_valid_characters(&new.body) {
        return Err(SqsError::api(&error::INVALID_CONTENTS, CHARACTERS));
    }
    attributes(ctx, &new.attributes)?;
    ctx.admit(&settings.message_limit(&ctx.limits), Bytes(new.size() as u64))?;
    delay(ctx, settings, new)?;
    fifo_id(new.group.as_deref(), "MessageGroupId", &ctx.limits)?;
    fifo_id(new.deduplication.as_deref(), "MessageDeduplicationId", &ctx.limits)?;
    if !settings.fifo {
        if let Some(id) = &new.deduplication {
            let reason = "The request include parameter that is not valid for this queue type.";
            return Err(SqsError::invalid(id, "MessageDeduplicationId", reason));
        }
        return Ok(());
    }
    if new.group.is_none() {
        return Err(SqsError::missing("MessageGroupId"));
    }
    match (&new.deduplication, settings.content_based_deduplication) {
        (Some(_), _) => {}
        (None, true) => new.deduplication = Some(hex::encode(Sha256::digest(&new.body))),
        (None, false) => {
            let text = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                        explicitly";
            return Err(SqsError::api(&error::INVALID_PARAMETER, text));
        }
    }
    Ok(())
}

/// The key under which a message is sent once: its deduplication id, within its group if the queue says so.
pub(super) fn deduplication_key(settings: &Settings, new: &NewMessage) -> String {
    let id = new.deduplication.as_deref().unwrap_or_default();
    match settings.deduplicates_groups {
        true => format!("{}\n{id}", new.group.as_deref().unwrap_or_default()),
        false => id.to_owned(),
    }
}

fn delay(ctx: &Context, settings: &Settings, new: &NewMessage) -> Result<(), SqsError> {
    let Some(delay) = new.delay_seconds else { return Ok(()) };
    let Ok(seconds) = u64::try_from(delay) else {
        let most = ctx.limits.sqs_delay.max.0;
        let reason = format!("DelaySeconds must be >= 0 and <= {most}.");
        return Err(SqsError::invalid(&delay.to_string(), "DelaySeconds", &reason));
    };
    ctx.admit(&ctx.limits.sqs_delay, Count(seconds))?;
    if settings.fifo && seconds > 0 {
        let reason = "The request include parameter that is not valid for this queue type.";
        return Err(SqsError::invalid(&delay.to_string(), "DelaySeconds", reason));
    }
    Ok(())
}

fn attributes(ctx: &Context, attributes: &Attributes) -> Result<(), SqsError> {
    if attributes.is_empty() {
        return Ok(());
    }
    ctx.admit(&ctx.limits.sqs_message_attributes, Count(attributes.len() as u64))?;
    attributes.iter().try_for_each(|(name, attribute)| one_attribute(name, attribute, &ctx.limits))
}

fn one_attribute(
    name: &str,
    attribute: &MessageAttribute,
    limits: &Limits,
) -> Result<(), SqsError> {
    let refused = |text: String| Err(SqsError::api(&error::INVALID_PARAMETER, text));
    let most = limits.sqs_attribute_name.max.0;
    let MessageAttribute { data_type, value } = attribute;
    // "Shorter than" includes the number itself: the limit is the longest name.
    if name.is_empty() || limits.sqs_attribute_name.admit(Count(name.len() as u64)).is_err() {
        return refused(format!(
            "Message (user) attribute names must be shorter than {} Bytes",
            most + 1
        ));
    }
    let valid = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !name.chars().all(valid) {
        return refused(
            "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens \
             and underscores. "
                .to_owned(),
        );
    }
    let lower = name.to_ascii_lowercase();
    let reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    if reserved || name.starts_with('.') || name.ends_with('.') {
        return refused(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for \
             internal use. Additionally, they cannot start or end with '.'."
                .to_owned(),
        );
    }
    let base = data_type.split('.').next().unwrap_or_default();
    if !matches!(base, "String" | "Number" | "Binary") {
        return refused(format!(
            "The type of message (user) attribute '{name}' is invalid. You must use only the following supported type \
             prefixes: Binary, Number, String."
        ));
    }
    if limits.sqs_attribute_name.admit(Count(data_type.len() as u64)).is_err() {
        return refused(format!(
            "Message (user) attribute types must be shorter than {} Bytes",
            most + 1
        ));
    }
    let fits = match value {
        AttributeValue::String(_) => base != "Binary",
        AttributeValue::Binary(_) => base == "Binary",
    };
    if !fits || value.as_bytes().is_empty() {
        return refused(format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
        ));
    }
    if let AttributeValue::String(text) = value {
        if !has_valid_characters(text) {
            return refused(CHARACTERS.to_owned());
        }
        if base == "Number" && !is_number(text) {
            return refused(format!(
                "Can't cast the value of message (user) attribute '{name}' to a number."
            ));
        }
    }
    Ok(())
}

/// Checks a group id or a deduplication id. LocalStack's snapshots of AWS have the text for ids that are empty, too long, or have a space.
fn fifo_id(id: Option<&str>, parameter: &str, limits: &Limits) -> Result<(), SqsError> {
    let Some(id) = id else { return Ok(()) };
    let valid = id.chars().all(|c| c.is_ascii_graphic());
    let limit = &limits.sqs_fifo_id;
    if valid && !id.is_empty() && limit.admit(Count(id.len() as u64)).is_ok() {
        return Ok(());
    }
    let most = limit.max.0;
    let reason = format!(
        "{parameter} can only include alphanumeric and punctuation characters. 1 to {most} in length."
    );
    Err(SqsError::invalid(id, parameter, &reason))
}
