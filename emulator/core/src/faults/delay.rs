//! An asynchronous event is first tried later, by the emulator's clock. The occasion is an event that is accepted.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{Kind, is_about};
use crate::context::Context;

/// Delivers asynchronous events later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// The function; every one when absent.
    pub function: Option<String>,
    /// How much later, in milliseconds.
    pub millis: u64,
}

impl From<Delay> for Kind {
    fn from(delay: Delay) -> Kind {
        Kind::Delay(delay)
    }
}

/// How much later this event is tried.
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
