//! An accepted event and a dead letter: the entries of the queue, in memory and on disk.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::retry::Tries;
use hardcap_core::clock::EpochMillis;

/// An event without its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EventHead {
    /// The request id that the invoker received; the same for all attempts.
    pub(super) id: String,
    /// The function's name.
    pub(super) function: String,
    /// The trace header of the request.
    pub(super) trace: String,
    /// The attempts so far.
    pub(super) tries: Tries,
    /// The time of the next attempt.
    pub(super) due: EpochMillis,
    /// Whether it would continue a recursive loop. Such an event is not invoked.
    pub(super) recursive: bool,
}

/// An event that waits or is under way.
#[derive(Clone, Debug)]
pub(super) struct QueuedEvent {
    pub(super) head: EventHead,
    pub(super) payload: Bytes,
}

/// The content of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LetterKind {
    /// The event, for a dead-letter queue.
    DeadLetter,
    /// The record of the event, for a destination that is not emulated.
    Record,
}

/// A message to SQS or to a destination that is not emulated. The control surface shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Letter {
    /// The event's request id.
    pub(super) id: String,
    /// The kind of its body.
    pub(super) kind: LetterKind,
    /// The function's name.
    pub(super) function: String,
    /// The time of sending.
    pub(super) at: EpochMillis,
    /// `RetriesExhausted` and so on.
    pub(super) condition: String,
    /// The ARN of its target; none if the function has no dead-letter queue, so that AWS discards the event.
    pub(super) to: Option<String>,
    /// The event, or its record for a destination.
    pub(super) body: String,
    /// The message attributes.
    pub(super) attributes: Attributes,
}

impl Letter {
    /// The name of its file.
    pub(super) fn name(&self) -> String {
        match self.kind {
            LetterKind::DeadLetter => format!("{}-dead", self.id),
            LetterKind::Record => format!("{}-record", self.id),
        }
    }
}

/// The message attributes of a dead letter, as recorded on 2025-11-24: strings, except for the code, which is a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    #[serde(rename = "RequestID")]
    pub(super) request_id: String,
    #[serde(rename = "ErrorCode")]
    pub(super) error_code: u16,
    #[serde(rename = "ErrorMessage")]
    pub(super) error_message: String,
}
