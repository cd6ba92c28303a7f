//! Delays the first attempt of an asynchronous event, by the emulator's clock. The occasion is an accepted event.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{Kind, is_about};
use crate::context::Context;

/// Delays asynchronous events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// The function; every function if absent.
    pub function: Option<String>,
    /// The delay, in milliseconds.
    pub millis: u64,
}

impl From<Delay> for Kind {
    fn from(delay: Delay) -> Kind {
        Kind::Delay(delay)
    }
}

/// The delay of this event.
pub fn delay(ctx: &Context, function: &str) -> Millis {
    let of = |kind: &Kind| match kind {
        Kind::Delay(it) => is_about(it.function.as_ref(), function),
        _ => false,
    };
    match ctx.faults.strike(ctx, function, of).map(|strike| strike.kind) {
        Some(Kind::Delay(delay)) => Millis(delay.millis),
        _ => Millis(0),
    }
}
