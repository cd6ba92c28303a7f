//! What the shipped application runs beside itself on one machine: an upstream shaped like OpenSearch ([`search`]) with bodies of any
//! size ([`content`]), and the function `giant`, which only shows a limit.
//!
//! Nothing here is deployed. The tests use the same upstream.

pub mod content;
pub mod search;

mod clock;
