//! Delays a call of S3 or DynamoDB, in real time. The occasion is a call.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{FaultKind, is_about};
use crate::context::Context;

/// Delays calls of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// The service.
    pub service: Service,
    /// The bucket; every call if absent. DynamoDB has none.
    pub bucket: Option<String>,
    /// The delay, in milliseconds.
    pub millis: u64,
}

/// A service whose calls can fail or be delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// S3.
    S3,
    /// DynamoDB.
    DynamoDb,
}

impl From<Slow> for FaultKind {
    fn from(slow: Slow) -> FaultKind {
        FaultKind::Slow(slow)
    }
}

/// Waits for the injected delay of this call, if any. `subject` is the bucket, or the service if there is no bucket.
pub async fn slow_down(ctx: &Context, service: Service, subject: &str) {
    let of = |kind: &FaultKind| match kind {
        FaultKind::Slow(it) => it.service == service && is_about(it.bucket.as_ref(), subject),
        _ => false,
    };
    let injection = ctx.faults.inject(ctx, subject, of);
    if let Some(FaultKind::Slow(slow)) = injection.map(|injection| injection.kind) {
        ctx.faults.pause(&ctx.clock, Millis(slow.millis)).await;
    }
}
