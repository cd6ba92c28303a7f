//! Delays the first attempt of an asynchronous event, by the emulator's clock. The occasion is an accepted event.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{FaultKind, is_about};
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

impl From<Delay> for FaultKind {
    fn from(delay: Delay) -> FaultKind {
        FaultKind::Delay(delay)
    }
}

/// The delay of this event.
pub fn delay(ctx: &Context, function: &str) -> Millis {
    let of = |kind: &FaultKind| match kind {
        FaultKind::Delay(it) => is_about(it.function.as_ref(), function),
        _ => false,
    };
    match ctx.faults.inject(ctx, function, of).map(|injection| injection.kind) {
        Some(FaultKind::Delay(delay)) => Millis(delay.millis),
        _ => Millis(0),
    }
}
