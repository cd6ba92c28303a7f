//! The demo that the shipped application runs on one machine: an upstream like OpenSearch ([`search`]) with bodies of any size
//! ([`content`]), and the function `giant`, which demonstrates a limit.
//!
//! Nothing here is deployed. The tests use the same upstream.

pub mod content;
pub mod search;

mod clock;
