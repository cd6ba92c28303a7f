//! Problems of RFC 9457: what each module says of its own refusals, and nothing of how they are sent.

use serde_json::{Map, Value};

/// The media type of RFC 9457.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// The `type` of a problem.
#[must_use]
pub fn problem_kind(name: &str) -> String {
    format!("urn:hardcap:problem:{name}")
}

/// Why a request is not answered with what it asks for. Its text says what is wrong with this one.
pub(crate) trait Refused: std::error::Error {
    /// What a client is told of every one of its kind.
    fn describe(&self) -> Problem;

    /// After how many seconds to ask again, where it is no use before.
    fn retry_after(&self) -> Option<u64> {
        match self.describe().status {
            429 => Some(30),
            503 => Some(5),
            _ => None,
        }
    }

    /// What the problem says beside its text.
    fn members(&self) -> Map<String, Value> {
        Map::new()
    }
}

/// A problem, but for the detail.
pub(crate) struct Problem {
    /// The status of HTTP.
    pub(crate) status: u16,
    /// The last part of its `type`.
    pub(crate) kind: &'static str,
    /// What it is, for every one of its kind.
    pub(crate) title: &'static str,
    /// What to do about it.
    pub(crate) hint: &'static str,
}

pub(crate) const fn row(
    status: u16,
    kind: &'static str,
    title: &'static str,
    hint: &'static str,
) -> Problem {
    Problem { status, kind, title, hint }
}
