//! Accepts an asynchronous event with 202 and then loses it. AWS does not lose events by design; the fault tests that a
//! consumer detects the loss. The event is counted as dropped, so the report's sums still agree. The occasion is an attempt.

use serde::{Deserialize, Serialize};

use super::{FaultKind, is_about};
use crate::context::Context;

/// Loses asynchronous events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// The function; every function if absent.
    pub function: Option<String>,
}

impl From<Drop> for FaultKind {
    fn from(drop: Drop) -> FaultKind {
        FaultKind::Drop(drop)
    }
}

/// Whether this event is lost.
pub fn is_dropped(ctx: &Context, function: &str) -> bool {
    let of = |kind: &FaultKind| match kind {
        FaultKind::Drop(it) => is_about(it.function.as_ref(), function),
        _ => false,
    };
    ctx.faults.inject(ctx, function, of).is_some()
}
