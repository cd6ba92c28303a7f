//! Where faults that were asked for strike a start: before the process runs, and before it gets its first event.

use hardcap_limits::Millis;

use super::function::Deployed;
use super::process::Exit;
use hardcap_core::context::Context;
use hardcap_core::faults::{self, Phase};

/// What ends a process that is killed.
const SIGKILL: i32 = 9;

/// Lets the time pass that a fault makes a start take longer, at most `allowed`. Returns that span.
pub(super) async fn start_late(function: &Deployed, ctx: &Context, allowed: Millis) -> Millis {
    let late = faults::slow_cold_start(ctx, &function.function.name).min(allowed);
    ctx.faults.pause(&ctx.clock, late).await;
    late
}

/// How the process ends that has just asked for its first event, when a fault kills it.
pub(super) async fn kill_before_next(function: &Deployed, ctx: &Context) -> Option<Exit> {
    let after = faults::kill(ctx, &function.function.name, Phase::BeforeNext)?;
    ctx.faults.pause(&ctx.clock, after).await;
    Some(Exit::Signal(SIGKILL))
}
