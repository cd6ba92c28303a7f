//! The commands of `hardcap` that need functions which run: from outside, as people use them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod applications;
mod init;
mod invoke;
mod limits;
mod logs;
mod packages;
mod probe;
mod project;
mod replay;
mod report;
mod shortage;
mod watch;
