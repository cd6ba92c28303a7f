//! Problem details of RFC 9457. Each module describes its own refusals; `respond` sends them.

use serde_json::{Map, Value};

/// The media type of RFC 9457.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// The `type` of a problem.
#[must_use]
pub fn problem_kind(name: &str) -> String {
    format!("urn:hardcap:problem:{name}")
}

/// An error that becomes a problem document. Its `Display` text describes this occurrence.
pub(crate) trait ToProblem: std::error::Error {
    /// The problem details of this kind of error.
    fn describe(&self) -> ProblemDetails;

    /// `Retry-After`, in seconds, if a retry can help.
    fn retry_after(&self) -> Option<u64> {
        match self.describe().status {
            429 => Some(30),
            503 => Some(5),
            _ => None,
        }
    }

    /// Further members of the problem document.
    fn members(&self) -> Map<String, Value> {
        Map::new()
    }
}

/// A problem document without its detail.
pub(crate) struct ProblemDetails {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The last part of its `type`.
    pub(crate) kind: &'static str,
    /// The title of this kind of problem.
    pub(crate) title: &'static str,
    /// The remedy, appended to the detail.
    pub(crate) hint: &'static str,
}

pub(crate) const fn details(
    status: u16,
    kind: &'static str,
    title: &'static str,
    hint: &'static str,
) -> ProblemDetails {
    ProblemDetails { status, kind, title, hint }
}
