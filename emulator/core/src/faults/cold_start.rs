//! Slow cold starts, as a large package or a busy region causes them. The delay is part of init and counts against the init
//! limit. The occasion is the start of a process.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{FaultKind, is_about};
use crate::context::Context;

/// Delays the start of sandboxes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowColdStart {
    /// The function; every function if absent.
    pub function: Option<String>,
    /// The delay, in milliseconds.
    pub millis: u64,
}

impl From<SlowColdStart> for FaultKind {
    fn from(slow: SlowColdStart) -> FaultKind {
        FaultKind::SlowColdStart(slow)
    }
}

/// The delay of this cold start.
pub fn slow_cold_start(ctx: &Context, function: &str) -> Millis {
    let of = |kind: &FaultKind| match kind {
        FaultKind::SlowColdStart(it) => is_about(it.function.as_ref(), function),
        _ => false,
    };
    match ctx.faults.inject(ctx, function, of).map(|injection| injection.kind) {
        Some(FaultKind::SlowColdStart(slow)) => Millis(slow.millis),
        _ => Millis(0),
    }
}
