//! The commands of `hardcap` that need functions which run: from outside, as people use them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod applications;
mod check_formats;
mod debugging;
mod images;
mod init;
mod installations;
mod instructions;
mod invoke;
mod limits;
mod log_output;
mod logs;
mod packages;
mod probe;
mod project;
mod replay;
mod report;
mod shortage;
mod stacks;
mod variables;
mod watch;
