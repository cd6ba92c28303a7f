//! One invocation under way: what the runtime is handed, how long it takes, and the end that every one comes to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::{Exceeded, Limit, Millis};

use tokio::sync::oneshot;

use super::function::Deployed;
use super::log::{self, Report};
use super::outcome::{Conclusion, Ending, Then};
use super::{Job, Reply};
use crate::clock::{EpochMillis, Stopwatch};
use crate::record::What;

/// What init means for the first invocation of a sandbox.
#[derive(Clone, Copy, Debug)]
pub(super) enum First {
    /// It took so long, before the invocation.
    Init(Duration),
    /// It was done again inside the invocation, and took so much of its time.
    Inside(Duration),
}

/// What the runtime gets when it asks for an event.
#[derive(Clone, Debug)]
pub(super) struct HandOver {
    pub(super) request_id: Arc<str>,
    pub(super) event: Bytes,
    pub(super) deadline: EpochMillis,
    pub(super) trace: Arc<str>,
    pub(super) client_context: Option<http::HeaderValue>,
}

/// The answer to a request for an event.
#[derive(Debug)]
pub(super) enum Next {
    Now(HandOver),
    Wait(oneshot::Receiver<HandOver>),
}

/// An invocation under way.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) job: Box<Job>,
    pub(super) hand_over: HandOver,
    pub(super) stopwatch: Stopwatch,
    pub(super) timeout: Limit<Millis>,
    pub(super) first: Option<First>,
    /// The answer was over the limit.
    pub(super) refused: Option<Exceeded>,
}

impl Run {
    /// How long the function had the event, and what a second init took of that time.
    pub(super) fn duration(&self) -> Duration {
        let inside = match self.first {
            Some(First::Inside(used)) => used,
            Some(First::Init(_)) | None => Duration::ZERO,
        };
        self.stopwatch.elapsed() + inside
    }

    pub(super) fn observed(&self) -> Millis {
        Millis(whole_millis(self.duration()))
    }

    pub(super) fn ending_of_refused(&self, then: Then) -> Ending {
        match self.refused {
            Some(exceeded) => Ending::TooLarge { exceeded, then },
            None => Ending::Broken("Runtime.Unknown"),
        }
    }

    /// How long init took, when the REPORT line tells it.
    pub(super) fn init(&self) -> Option<Duration> {
        match self.first {
            Some(First::Init(init)) => Some(init),
            Some(First::Inside(_)) | None => None,
        }
    }
}

/// The figures of an invocation that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) duration: Duration,
    pub(super) init: Option<Duration>,
    pub(super) used_mb: u64,
}

/// The end of every invocation that had a permit: log lines, records, and the reply.
pub(super) fn finish(function: &Deployed, log: &log::Log, job: Job, ending: Ending, ended: &Ended) {
    let Job { ctx, event, permit, reply, .. } = job;
    match &ending {
        Ending::Answered(payload) => {
            let length = hardcap_limits::Bytes::of(payload);
            let _ = ctx.admit(&ctx.limits.lambda_sync_response, length);
        }
        Ending::TooLarge { exceeded, .. } => {
            let length = hardcap_limits::Bytes(exceeded.observed);
            let _ = ctx.admit(&ctx.limits.lambda_sync_response, length);
        }
        Ending::Reported { .. }
        | Ending::TimedOut(_)
        | Ending::Exited(_)
        | Ending::NotStarted(_)
        | Ending::Broken(_) => {}
    }
    let Conclusion { payload, fault, mut lines, status } =
        ending.conclude(&ctx.request_id, ctx.clock.now());
    let report = Report {
        request_id: &ctx.request_id,
        duration: ended.duration,
        init: ended.init,
        init_is_billed: log::init_is_billed(&function.function.runtime, ctx.limits.date()),
        memory_mb: function.function.memory_mb,
        used_mb: ended.used_mb,
        status: status.as_status(),
    };
    lines.extend([log::end_line(&ctx.request_id), report.line()]);
    ctx.record(What::Invoked {
        function: function.function.name.clone(),
        event: event.len() as u64,
        answer: payload.len() as u64,
        millis: whole_millis(ended.duration),
        fault: fault.as_ref().map(|fault| fault.error_type().to_owned()),
    });
    // Before the reply, so that whoever gets it finds the permit free.
    drop(permit);
    if let Some(fault) = &fault {
        tracing::debug!(function = function.function.name, request_id = %ctx.request_id, %fault);
    }
    log.end(&lines, &ctx.limits.lambda_log_tail, |log_tail| {
        let _ = reply.send(Ok(Reply { payload, fault, log_tail }));
    });
}

/// Milliseconds, as limits count them: a begun one is not counted.
pub(super) fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
