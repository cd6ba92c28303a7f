//! The task of a sandbox: it follows what the process writes, looks after its time and memory, and sees it end.

use std::sync::Arc;

use hardcap_limits::Millis;
use tokio::process::Child;
use tokio_util::sync::CancellationToken;

use super::output::Rest;
use super::process::Exit;
use super::sandbox::Sandbox;

/// How often memory and time of a sandbox in use are looked at.
const TICK: Millis = Millis(100);
/// A sandbox that nobody has used for so long is ended, as AWS does after some minutes. The number is ours.
const IDLE_LIFE: Millis = Millis(15 * 60 * 1000);

/// Runs until the process has ended, whoever ended it.
pub(super) async fn supervise(sandbox: Arc<Sandbox>, mut child: Child, stop: CancellationToken) {
    let clock = sandbox.function.surroundings.platform.clock.clone();
    let mut writes = true;
    let mut stopping = false;
    let status = loop {
        let span = sandbox.look_after(TICK, IDLE_LIFE);
        tokio::select! {
            status = child.wait() => break status,
            rest = sandbox.output.follow(&sandbox.log), if writes => writes = rest != Rest::Never,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                sandbox.abandon();
            }
            _ = clock.timeout(span, sandbox.wake.notified()) => {}
        }
    };
    let exit = match status {
        Ok(status) => Exit::of(status),
        Err(error) => {
            tracing::error!(%error, "a process could not be waited for");
            Exit::Signal(0)
        }
    };
    sandbox.ended(exit);
}
