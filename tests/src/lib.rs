//! The vocabulary of hardcap's tests.

pub mod arbitrary;
pub mod client;
pub mod content;
pub mod search;
