//! A function's process is killed (SIGKILL, with its group), as the machine below it may be lost at any time. The occasion is
//! the phase: a start of a process, an event handed over, an answer taken.

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::{Kind, is_about};
use crate::context::Context;

/// Kills processes of functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// The function; every one when absent.
    pub function: Option<String>,
    /// When in its life.
    pub phase: Phase,
    /// How long after the phase began, in milliseconds of real time; at once when 0. A process that has left the phase by
    /// then lives on.
    #[serde(default)]
    pub after_millis: u64,
}

/// When in its life a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its init is over, and it asks for its first event.
    BeforeNext,
    /// It has an event and owes an answer.
    Busy,
    /// Its answer was taken, and it has not asked for the next event.
    AfterResponse,
}

impl From<Kill> for Kind {
    fn from(kill: Kill) -> Kind {
        Kind::Kill(kill)
    }
}

/// After which span a process that enters this phase is killed.
pub fn kill(ctx: &Context, function: &str, phase: Phase) -> Option<Millis> {
    let of = |kind: &Kind| match kind {
        Kind::Kill(it) => it.phase == phase && is_about(it.function.as_ref(), function),
        _ => false,
    };
    match ctx.faults.strike(ctx, function, of)?.kind {
        Kind::Kill(kill) => Some(Millis(kill.after_millis)),
        _ => None,
    }
}
