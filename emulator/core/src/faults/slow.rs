//! Delays a call of S3 or DynamoDB, in real time. The occasion is a call.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{Kind, is_about};
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

impl From<Slow> for Kind {
    fn from(slow: Slow) -> Kind {
        Kind::Slow(slow)
    }
}

/// Waits for the injected delay of this call, if any. `subject` is the bucket, or the service if there is no bucket.
pub async fn slow_down(ctx: &Context, service: Service, subject: &str) {
    let of = |kind: &Kind| match kind {
        Kind::Slow(it) => it.service == service && is_about(it.bucket.as_ref(), subject),
        _ => false,
    };
    let strike = ctx.faults.strike(ctx, subject, of);
    if let Some(Kind::Slow(slow)) = strike.map(|strike| strike.kind) {
        ctx.faults.pause(&ctx.clock, Millis(slow.millis)).await;
    }
}
