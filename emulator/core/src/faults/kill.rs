//! Kills a function's process group with SIGKILL, as a lost host would. The occasion is the beginning of a phase: a started
//! process, a delivered event, a received response.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{FaultKind, is_about};
use crate::context::Context;

/// Kills processes of functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// The function; every function if absent.
    pub function: Option<String>,
    /// The phase of the process.
    pub phase: Phase,
    /// The time from the beginning of the phase, in milliseconds of real time; 0 for at once. A process that has left the phase
    /// by then is not killed.
    #[serde(default)]
    pub after_millis: u64,
}

/// The phase in which a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Init has ended, and the process requests its first event.
    BeforeNext,
    /// The process has an event and has not responded.
    Busy,
    /// The response was received, and the process has not requested the next event.
    AfterResponse,
}

impl From<Kill> for FaultKind {
    fn from(kill: Kill) -> FaultKind {
        FaultKind::Kill(kill)
    }
}

/// The time after which a process in this phase is killed, if any.
pub fn kill(ctx: &Context, function: &str, phase: Phase) -> Option<Millis> {
    let of = |kind: &FaultKind| match kind {
        FaultKind::Kill(it) => it.phase == phase && is_about(it.function.as_ref(), function),
        _ => false,
    };
    match ctx.faults.inject(ctx, function, of)?.kind {
        FaultKind::Kill(kill) => Some(Millis(kill.after_millis)),
        _ => None,
    }
}
