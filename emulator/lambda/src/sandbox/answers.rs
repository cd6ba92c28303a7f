//! The responses of a sandbox's runtime, buffered or streamed. Exactly one response counts.

use std::sync::Arc;

use hardcap_limits::{Limits, Millis};
use http::HeaderValue;

use super::{Inner, Sandbox};
use crate::outcome::{Ending, TRUNCATED_RESPONSE};
use crate::run::Refused;
use crate::state::{Call, Illegal, Machine, State};
use crate::stream::Inlet;

impl Sandbox {
    /// Whether the runtime may respond now, and the limits; called before the body is read.
    pub(crate) fn may_answer(
        &self,
        request_id: &str,
        invocation_id: Option<&str>,
        call: Call,
    ) -> Result<Arc<Limits>, Illegal> {
        let inner = self.lock();
        inner.machine.may_answer(request_id, call)?;
        let run = inner.run.as_ref().ok_or(Illegal::RequestId)?;
        if run.hand_over.is_other_than(invocation_id) {
            return Err(Illegal::InvocationId);
        }
        Ok(Arc::clone(&run.job.ctx.limits))
    }

    /// The runtime begins a response; `None` if its invoker wants it buffered.
    pub(crate) fn open(
        &self,
        request_id: &str,
        content_type: Option<&HeaderValue>,
    ) -> Result<Option<Inlet>, Illegal> {
        let mut inner = self.lock();
        let Inner { machine, run, .. } = &mut *inner;
        machine.may_answer(request_id, Call::Response)?;
        let Some(job) = run.as_mut().map(|run| &mut run.job) else { return Ok(None) };
        let Some(outlet) = &mut job.outlet else { return Ok(None) };
        machine.open(request_id)?;
        Ok(outlet.open(&job.ctx, content_type.cloned()))
    }

    /// The runtime has responded, with a result or an error.
    pub(crate) fn answer(
        self: &Arc<Self>,
        request_id: &str,
        call: Call,
        ending: Ending,
    ) -> Result<(), Illegal> {
        let refused = match ending {
            Ending::TooLarge { exceeded, .. } => Some(Refused::TooLarge(exceeded)),
            _ => None,
        };
        self.settle(ending, refused, |machine| machine.finish(request_id, call))
    }

    /// The current response has ended: completely, or truncated.
    pub(crate) fn close(self: &Arc<Self>, ending: Result<Ending, Refused>) -> Result<(), Illegal> {
        let (ending, refused) = match ending {
            Ok(ending) => (ending, None),
            Err(refused) => (Ending::Broken(TRUNCATED_RESPONSE), Some(refused)),
        };
        self.settle(ending, refused, Machine::close)
    }

    /// The process has ended within a response: the part that it posted is still delivered, within the function's timeout.
    /// time is not over.
    pub(crate) async fn hear_out(&self) {
        let (heard, left) = {
            let inner = self.lock();
            let outlet = inner.run.as_ref().and_then(|run| run.job.outlet.as_ref());
            let Some(outlet) = outlet.filter(|_| inner.machine.state() == State::Streaming) else {
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
        ending: Ending,
        refused: Option<Refused>,
        step: impl FnOnce(&mut Machine) -> Result<(), Illegal>,
    ) -> Result<(), Illegal> {
        let mut inner = self.lock();
        if inner.run.is_some() && self.is_overdue(&inner) {
            drop(inner);
            // The response was read in time, but another end of the invocation was faster.
            self.time_out();
            return Err(Illegal::Transition { from: State::Dead, call: Call::Response });
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
            let strike = self.strike_after_response(&run);
            self.conclude(run, |_| ending);
            strike();
        }
        Ok(())
    }
}
