//! An event that was accepted, and a dead letter: what the queue holds, in memory and on disk.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::retry::Tries;
use hardcap_core::clock::EpochMillis;

/// What is known of an event beside its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The request id that the invoker was given: the same for all attempts.
    pub(super) id: String,
    /// The function's name.
    pub(super) function: String,
    /// The trace header of the request.
    pub(super) trace: String,
    /// What has been tried.
    pub(super) tries: Tries,
    /// When it is tried next.
    pub(super) due: EpochMillis,
    /// It would continue a loop, so it is not tried at all.
    pub(super) recursive: bool,
}

/// An event that waits or is under way.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) head: Head,
    pub(super) payload: Bytes,
}

/// What a letter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// The event itself, for a dead-letter queue.
    DeadLetter,
    /// The record of the event, for a destination that is not emulated.
    Record,
}

/// What SQS would be sent, or what a destination that is not emulated would be: the control surface shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Letter {
    /// The event's request id.
    pub(super) id: String,
    /// What it holds.
    pub(super) kind: Kind,
    /// The function's name.
    pub(super) function: String,
    /// When it was sent.
    pub(super) at: EpochMillis,
    /// `RetriesExhausted` and so on.
    pub(super) condition: String,
    /// The ARN that it went to; none when the function has no dead-letter queue, where AWS discards the event.
    pub(super) to: Option<String>,
    /// The event, or the record of it for a destination.
    pub(super) body: String,
    /// The message attributes.
    pub(super) attributes: Attributes,
}

impl Letter {
    /// The name of its file.
    pub(super) fn name(&self) -> String {
        match self.kind {
            Kind::DeadLetter => format!("{}-dead", self.id),
            Kind::Record => format!("{}-record", self.id),
        }
    }
}

/// The message attributes of a dead letter, as recorded on 2025-11-24: texts, but the code is a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    #[serde(rename = "RequestID")]
    pub(super) request_id: String,
    #[serde(rename = "ErrorCode")]
    pub(super) error_code: u16,
    #[serde(rename = "ErrorMessage")]
    pub(super) error_message: String,
}
