//! Asynchronous events overtake each other: each is first tried after a span that the dice choose. AWS promises no order.
//! The occasion is an event that is accepted.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{Kind, is_about};
use crate::context::Context;

/// Shuffles asynchronous events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reorder {
    /// The function; every one when absent.
    pub function: Option<String>,
    /// The longest span that an event may be held back, in milliseconds of the emulator's clock.
    pub within_millis: u64,
}

impl From<Reorder> for Kind {
    fn from(reorder: Reorder) -> Kind {
        Kind::Reorder(reorder)
    }
}

/// How long this event is held back.
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
