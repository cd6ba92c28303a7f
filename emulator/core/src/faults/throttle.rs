//! Refuses an invocation with the 429 of an account whose concurrency is used up. The occasion is an invocation, or each
//! attempt of an asynchronous event.

use serde::{Deserialize, Serialize};

use super::{FaultKind, is_about};
use crate::context::Context;

/// Refuses invocations as if the concurrency were used up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// The function; every function if absent.
    pub function: Option<String>,
}

impl From<Throttle> for FaultKind {
    fn from(throttle: Throttle) -> FaultKind {
        FaultKind::Throttle(throttle)
    }
}

/// Whether this invocation is refused.
pub fn is_throttled(ctx: &Context, function: &str) -> bool {
    let of = |kind: &FaultKind| match kind {
        FaultKind::Throttle(it) => is_about(it.function.as_ref(), function),
        _ => false,
    };
    ctx.faults.inject(ctx, function, of).is_some()
}
