//! Fails a call of S3 or DynamoDB with an error that SDKs retry. The occasion is a call.

use serde::{Deserialize, Serialize};

use super::{Kind, Service, is_about};
use crate::context::Context;

/// Makes calls of a service fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// The service.
    pub service: Service,
    /// The bucket; every call if absent. DynamoDB has none.
    pub bucket: Option<String>,
    /// The error.
    #[serde(default)]
    pub error: Failure,
}

/// The error of a failed call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// 500: S3's `InternalError`, DynamoDB's `InternalServerError`.
    #[default]
    Internal,
    /// S3's 503 `SlowDown`, DynamoDB's 400 `ProvisionedThroughputExceededException`.
    Throttle,
}

impl From<Fail> for Kind {
    fn from(fail: Fail) -> Kind {
        Kind::Fail(fail)
    }
}

/// The error to inject into this call, if any. `subject` is the bucket, or the service if there is no bucket.
pub fn failure(ctx: &Context, service: Service, subject: &str) -> Option<Failure> {
    let of = |kind: &Kind| match kind {
        Kind::Fail(it) => it.service == service && is_about(it.bucket.as_ref(), subject),
        _ => false,
    };
    match ctx.faults.strike(ctx, subject, of)?.kind {
        Kind::Fail(fail) => Some(fail.error),
        _ => None,
    }
}
