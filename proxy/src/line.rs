//! The one line that a request leaves in the log. It holds no query, no header and no link.

use crate::answer::Answer;
use crate::clock::{self, Instant};
use crate::delivery::{Delivery, Envelope};
use crate::event::Request;

/// What is known of a request so far.
#[derive(Debug)]
pub struct AccessLine {
    start: Instant,
    method: String,
    path: String,
    /// Who is logged in.
    pub user: Option<String>,
    /// How the answer travels; `None` for an answer of the proxy itself.
    pub delivery: Option<Delivery>,
    /// Until the head of the upstream's answer was there.
    pub upstream_ms: Option<u64>,
    /// For storing the answer, and the link.
    pub s3_ms: Option<u64>,
    /// What went wrong.
    pub failure: Option<String>,
}

impl AccessLine {
    /// A request that began at `start`.
    #[must_use]
    pub fn new(start: Instant, request: &Request) -> AccessLine {
        AccessLine {
            start,
            method: request.method.to_string(),
            path: request.path.split('?').next().unwrap_or_default().to_owned(),
            user: None,
            delivery: None,
            upstream_ms: None,
            s3_ms: None,
            failure: None,
        }
    }

    /// Writes the line. Headroom is what was left to Lambda's limit.
    pub fn write(&self, answer: &Answer, envelope: Envelope, posted: u64) {
        tracing::info!(
            target: "access",
            method = self.method,
            path = self.path,
            user = self.user,
            status = answer.status,
            delivery = self.delivery.map_or("own", Delivery::name),
            envelope_bytes = posted,
            headroom = envelope.max.saturating_sub(posted),
            upstream_ms = self.upstream_ms,
            s3_ms = self.s3_ms,
            total_ms = clock::millis_since(self.start),
            failure = self.failure,
        );
    }
}
