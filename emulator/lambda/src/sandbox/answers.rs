//! The responses of a sandbox's runtime, buffered or streamed. Exactly one response counts.

use std::sync::Arc;

use hardcap_limits::{Limits, Millis};
use http::HeaderValue;

use super::{Inner, Sandbox};
use crate::outcome::{InvocationEnd, TRUNCATED_RESPONSE};
use crate::run::RefusedResponse;
use crate::state::{IllegalCall, RuntimeCall, SandboxState, StateMachine};
use crate::stream::StreamReceiver;

impl Sandbox {
    /// Whether the runtime may respond now, and the limits; called before the body is read.
    pub(crate) fn may_answer(
        &self,
        request_id: &str,
        invocation_id: Option<&str>,
        call: RuntimeCall,
    ) -> Result<Arc<Limits>, IllegalCall> {
        let inner = self.lock();
        inner.machine.may_answer(request_id, call)?;
        let run = inner.run.as_ref().ok_or(IllegalCall::RequestId)?;
        if run.hand_over.is_other_than(invocation_id) {
            return Err(IllegalCall::InvocationId);
        }
        Ok(Arc::clone(&run.job.ctx.limits))
    }

    /// The id of the current request, if the runtime may respond to it now, its invoker wants the response buffered, and its
    /// length is within the limit.
    pub(crate) fn buffers_response(
        &self,
        request_id: &str,
        invocation_id: Option<&str>,
        length: u64,
    ) -> Option<Arc<str>> {
        let inner = self.lock();
        inner.machine.may_answer(request_id, RuntimeCall::Response).ok()?;
        let run = inner.run.as_ref()?;
        let fits = length <= run.job.ctx.limits.lambda_sync_response.max.0;
        let is_plain = run.job.outlet.is_none() && !run.hand_over.is_other_than(invocation_id);
        (fits && is_plain).then(|| Arc::clone(&run.hand_over.request_id))
    }

    /// The runtime begins a response; `None` if its invoker wants it buffered.
    pub(crate) fn open(
        &self,
        request_id: &str,
        content_type: Option<&HeaderValue>,
    ) -> Result<Option<StreamReceiver>, IllegalCall> {
        let mut inner = self.lock();
        let Inner { machine, run, .. } = &mut *inner;
        machine.may_answer(request_id, RuntimeCall::Response)?;
        let Some(job) = run.as_mut().map(|run| &mut run.job) else { return Ok(None) };
        let Some(outlet) = &mut job.outlet else { return Ok(None) };
        machine.open(request_id)?;
        Ok(outlet.open(&job.ctx, content_type.cloned()))
    }

    /// The runtime has responded, with a result or an error.
    pub(crate) fn answer(
        self: &Arc<Self>,
        request_id: &str,
        call: RuntimeCall,
        ending: InvocationEnd,
    ) -> Result<(), IllegalCall> {
        let refused = match ending {
            InvocationEnd::TooLarge { exceeded, .. } => Some(RefusedResponse::TooLarge(exceeded)),
            InvocationEnd::Answered { .. }
            | InvocationEnd::Streamed(_)
            | InvocationEnd::Reported { .. }
            | InvocationEnd::TimedOut(_)
            | InvocationEnd::Exited(_)
            | InvocationEnd::OutOfMemory(_)
            | InvocationEnd::Extension { .. }
            | InvocationEnd::NotStarted(_)
            | InvocationEnd::Broken(_) => None,
        };
        self.settle(ending, refused, |machine| machine.finish(request_id, call))
    }

    /// The current response has ended: completely, or truncated.
    pub(crate) fn close(
        self: &Arc<Self>,
        ending: Result<InvocationEnd, RefusedResponse>,
    ) -> Result<(), IllegalCall> {
        let (ending, refused) = match ending {
            Ok(ending) => (ending, None),
            Err(refused) => (InvocationEnd::Broken(TRUNCATED_RESPONSE), Some(refused)),
        };
        self.settle(ending, refused, StateMachine::close)
    }

    /// The process has ended within a response: the part that it posted is still delivered, within the function's timeout.
    /// time is not over.
    pub(crate) async fn finish_response(&self) {
        let (heard, left) = {
            let inner = self.lock();
            let outlet = inner.run.as_ref().and_then(|run| run.job.outlet.as_ref());
            let Some(outlet) = outlet.filter(|_| inner.machine.state() == SandboxState::Streaming)
            else {
                return;
            };
            let left = inner.allowed.0.saturating_sub(inner.since.elapsed_millis().0) + 1;
            (outlet.heard(), Millis(left))
        };
        // Close the connection of the rest.
        if let Some(running) = self.runtime.get() {
            running.group.end();
        }
        if self.clock.timeout(left, heard.cancelled()).await.is_none() {
            self.time_out();
        }
    }

    fn settle(
        self: &Arc<Self>,
        ending: InvocationEnd,
        refused: Option<RefusedResponse>,
        step: impl FnOnce(&mut StateMachine) -> Result<(), IllegalCall>,
    ) -> Result<(), IllegalCall> {
        let mut inner = self.lock();
        if inner.run.is_some() && self.is_overdue(&inner) {
            drop(inner);
            // The response was read in time, but another end of the invocation was faster.
            self.time_out();
            return Err(IllegalCall::Transition {
                from: SandboxState::Dead,
                call: RuntimeCall::Response,
            });
        }
        step(&mut inner.machine)?;
        self.function.settling();
        if refused.is_some() {
            if let Some(run) = &mut inner.run {
                run.refused = refused;
            }
            return Ok(());
        }
        let run = inner.run.take();
        drop(inner);
        if let Some(run) = run {
            let strike = self.kill_after_response(&run);
            self.conclude(run, |_| ending);
            strike();
        }
        Ok(())
    }
}
