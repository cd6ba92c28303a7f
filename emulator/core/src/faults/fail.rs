//! Fails a call of S3 or DynamoDB with an error that SDKs retry. The occasion is a call.

use serde::{Deserialize, Serialize};

use super::{FaultKind, Service, is_about};
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
    pub error: InjectedError,
}

/// The error of a failed call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InjectedError {
    /// 500: S3's `InternalError`, DynamoDB's `InternalServerError`.
    #[default]
    Internal,
    /// S3's 503 `SlowDown`, DynamoDB's 400 `ProvisionedThroughputExceededException`.
    Throttle,
}

impl From<Fail> for FaultKind {
    fn from(fail: Fail) -> FaultKind {
        FaultKind::Fail(fail)
    }
}

/// The error to inject into this call, if any. `subject` is the bucket, or the service if there is no bucket.
pub fn injected_error(ctx: &Context, service: Service, subject: &str) -> Option<InjectedError> {
    let of = |kind: &FaultKind| match kind {
        FaultKind::Fail(it) => it.service == service && is_about(it.bucket.as_ref(), subject),
        _ => false,
    };
    match ctx.faults.inject(ctx, subject, of)?.kind {
        FaultKind::Fail(fail) => Some(fail.error),
        _ => None,
    }
}
