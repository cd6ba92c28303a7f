//! Reorders asynchronous events: the first attempt of each is delayed by a random span. AWS promises no order. The occasion is
//! an accepted event.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{Kind, is_about};
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

impl From<Reorder> for Kind {
    fn from(reorder: Reorder) -> Kind {
        Kind::Reorder(reorder)
    }
}

/// The delay of this event.
pub fn reorder(ctx: &Context, function: &str) -> Millis {
    let of = |kind: &Kind| match kind {
        Kind::Reorder(it) => is_about(it.function.as_ref(), function),
        _ => false,
    };
    let Some(mut strike) = ctx.faults.strike(ctx, function, of) else { return Millis(0) };
    match strike.kind {
        Kind::Reorder(reorder) => {
            let most = u32::try_from(reorder.within_millis).unwrap_or(u32::MAX);
            Millis(u64::from(strike.dice.up_to(most)))
        }
        _ => Millis(0),
    }
}
