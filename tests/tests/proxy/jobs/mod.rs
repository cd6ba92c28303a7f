//! Jobs on the emulator: the ports on its S3 and DynamoDB, and whole jobs in real functions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod described;
mod large;
mod ports;
mod real_time;
mod runs;
mod stage;
