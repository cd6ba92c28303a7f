//! EventBridge: buses, rules and their targets.
//!
//! [`pattern`] decides which event a rule selects. Filter policies of SNS and filters of event sources use it too.

pub mod pattern;
