//! The services that pass messages on: queues (SQS), topics (SNS) and buses (EventBridge).
//!
//! A message is measured byte for byte as AWS measures it, and a refusal by a limit is recorded like every other. An accepted
//! message is delivered, expires, or is named in a log line when a target cannot take it. Time is the emulator's clock: an
//! advance makes delays, visibility timeouts and retentions due.
//!
//! The crate contains no code of Lambda. It asks for invocations through [`Functions`], which the emulator implements. It sends
//! no e-mail and no short message, and calls no host other than this machine.
//!
//! Start reading at [`Target`], then [`queue`], [`topic`] and [`bus`]. What selects events and messages is a [`pattern`].

pub mod bus;
pub mod functions;
pub mod mapping;
pub mod pattern;
pub mod queue;
pub mod target;
pub mod topic;

pub use functions::{Failure, Functions, FunctionsSlot};
pub use target::Target;

/// Whether a client of the query protocol accepts JSON instead of XML.
fn accepts_json(headers: &http::HeaderMap) -> bool {
    headers.get(http::header::ACCEPT).is_some_and(|accept| accept == "application/json")
}
