//! A sandbox takes longer to start, as a large package or a busy region makes it: the time counts as init's, and meets its
//! limit. The occasion is the start of a process.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{Kind, is_about};
use crate::context::Context;

/// Makes sandboxes start later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowColdStart {
    /// The function; every one when absent.
    pub function: Option<String>,
    /// How much later, in milliseconds.
    pub millis: u64,
}

impl From<SlowColdStart> for Kind {
    fn from(slow: SlowColdStart) -> Kind {
        Kind::SlowColdStart(slow)
    }
}

/// How much later a sandbox starts.
pub fn slow_cold_start(ctx: &Context, function: &str) -> Millis {
    let of = |kind: &Kind| match kind {
        Kind::SlowColdStart(it) => is_about(it.function.as_ref(), function),
        _ => false,
    };
    match ctx.faults.strike(ctx, function, of).map(|strike| strike.kind) {
        Some(Kind::SlowColdStart(slow)) => Millis(slow.millis),
        _ => Millis(0),
    }
}
