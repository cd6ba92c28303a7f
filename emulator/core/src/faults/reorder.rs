//! Reorders asynchronous events: the first attempt of each is delayed by a random span. AWS promises no order. The occasion is
//! an accepted event.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{FaultKind, is_about};
use crate::context::Context;

/// Reorders asynchronous events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reorder {
    /// The function; every function if absent.
    pub function: Option<String>,
    /// The maximum delay of an event, in milliseconds of the emulator's clock.
    pub within_millis: u64,
}

impl From<Reorder> for FaultKind {
    fn from(reorder: Reorder) -> FaultKind {
        FaultKind::Reorder(reorder)
    }
}

/// The delay of this event.
pub fn reorder(ctx: &Context, function: &str) -> Millis {
    let of = |kind: &FaultKind| match kind {
        FaultKind::Reorder(it) => is_about(it.function.as_ref(), function),
        _ => false,
    };
    let Some(mut injection) = ctx.faults.inject(ctx, function, of) else { return Millis(0) };
    match injection.kind {
        FaultKind::Reorder(reorder) => {
            let most = u32::try_from(reorder.within_millis).unwrap_or(u32::MAX);
            Millis(u64::from(injection.rng.up_to(most)))
        }
        _ => Millis(0),
    }
}
