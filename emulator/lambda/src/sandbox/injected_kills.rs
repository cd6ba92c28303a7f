//! Injected faults that kill a running sandbox.

use std::sync::Arc;

use hardcap_limits::Millis;

use super::{Run, Sandbox, SandboxState};
use hardcap_core::faults::{self, Phase};

impl Sandbox {
    /// The event is being delivered to the runtime: a fault may kill the sandbox before it responds.
    pub(crate) fn kill_while_busy(self: &Arc<Self>) {
        let ctx = {
            let inner = self.lock();
            let Some(run) = inner.run.as_ref() else { return };
            if run.job.ctx.faults.are_none() {
                return;
            }
            run.job.ctx.clone()
        };
        if let Some(after) = faults::kill(&ctx, &self.function.function.name, Phase::Busy) {
            let id = ctx.request_id;
            self.kill_after(after, move |sandbox| sandbox.is_busy_with(&id));
        }
    }

    /// The response was received: the fault, if any, for after its delivery to the invoker.
    pub(super) fn kill_after_response(self: &Arc<Self>, run: &Run) -> impl FnOnce() + use<> {
        let name = &self.function.function.name;
        let after = faults::kill(&run.job.ctx, name, Phase::AfterResponse);
        let sandbox = Arc::clone(self);
        move || {
            if let Some(after) = after {
                sandbox.kill_after(after, Sandbox::is_draining);
            }
        }
    }

    /// Kills the sandbox after this time, if it is still in its phase.
    fn kill_after(
        self: &Arc<Self>,
        after: Millis,
        is_in_phase: impl FnOnce(&Sandbox) -> bool + Send + 'static,
    ) {
        if after.0 == 0 {
            return self.kill();
        }
        let sandbox = Arc::clone(self);
        self.function.resources.tasks.spawn(async move {
            let ended = sandbox.clock.timeout(after, sandbox.serving.cancelled()).await;
            if ended.is_none() && is_in_phase(&sandbox) {
                sandbox.kill();
            }
        });
    }

    /// Whether it has not responded to this invocation.
    fn is_busy_with(&self, request_id: &str) -> bool {
        self.lock().run.as_ref().is_some_and(|run| &*run.hand_over.request_id == request_id)
    }

    /// Whether it has responded and not yet requested the next event.
    fn is_draining(&self) -> bool {
        self.lock().machine.state() == SandboxState::Draining
    }
}
