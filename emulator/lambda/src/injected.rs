//! Faults injected into a cold start: a delay before the process runs, and a kill before its first event.

use hardcap_limits::Millis;

use super::function::Deployed;
use super::kernel::Exit;
use hardcap_core::context::Context;
use hardcap_core::faults::{self, Phase};

/// The exit of a killed process.
const SIGKILL: i32 = 9;

/// Waits for the injected delay of a start, at most `allowed`. Returns the delay.
pub(super) async fn start_late(function: &Deployed, ctx: &Context, allowed: Millis) -> Millis {
    let late = faults::slow_cold_start(ctx, &function.function.name).min(allowed);
    ctx.faults.pause(&ctx.clock, late).await;
    late
}

/// The exit of the process that has just requested its first event, if a fault kills it.
pub(super) async fn kill_before_next(function: &Deployed, ctx: &Context) -> Option<Exit> {
    let after = faults::kill(ctx, &function.function.name, Phase::BeforeNext)?;
    ctx.faults.pause(&ctx.clock, after).await;
    Some(Exit::Signal(SIGKILL))
}
