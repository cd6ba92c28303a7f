//! One invocation under way: what the runtime is handed, how long it takes, and the end that every one comes to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::{Bytes as ByteCount, Date, Exceeded, Limit, Millis};
use tokio::sync::oneshot;

use super::function::Deployed;
use super::log::{self, Report};
use super::outcome::{Conclusion, Ending, ReportStatus, TRUNCATED_RESPONSE, Then};
use super::stream::Outlet;
use super::{Job, Reply};
use hardcap_core::clock::{EpochMillis, Stopwatch};
use hardcap_core::context::Context;
use hardcap_core::payloads::Part;
use hardcap_core::record::What;

/// What init means for the first invocation of a sandbox.
#[derive(Clone, Copy, Debug)]
pub(super) enum First {
    /// It took so long, before the invocation.
    Init(Duration),
    /// It was done again inside the invocation, and took so much of its time.
    Inside(Duration),
}

/// Since this day an invocation has an id of its own, for a request may be tried again under its id
/// (aws/aws-lambda-rust-runtime#1155: "now sends").
const INVOCATION_IDS_SINCE: Date = Date::new(2026, 7, 21);

/// What the runtime gets when it asks for an event.
#[derive(Clone, Debug)]
pub(super) struct HandOver {
    pub(super) request_id: Arc<str>,
    pub(super) invocation_id: Option<Arc<str>>,
    pub(super) event: Bytes,
    pub(super) deadline: EpochMillis,
    pub(super) trace: Arc<str>,
    pub(super) client_context: Option<http::HeaderValue>,
}

impl HandOver {
    /// The id of one more invocation, on days that have them.
    pub(super) fn new_invocation_id(today: Date) -> Option<Arc<str>> {
        (today >= INVOCATION_IDS_SINCE).then(|| uuid::Uuid::new_v4().to_string().into())
    }

    /// Whether an answer says that it is to another invocation. A runtime that does not know of ids says nothing.
    pub(super) fn is_other_than(&self, answered: Option<&str>) -> bool {
        self.invocation_id.as_deref().zip(answered).is_some_and(|(own, other)| own != other)
    }
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
    /// The answer did not count; what the invocation comes to is decided by what the runtime does then.
    pub(super) refused: Option<Refused>,
}

/// Why an answer did not count.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    /// It was over the limit.
    TooLarge(Exceeded),
    /// The request that carried it ended in the middle, whatever the reason: its process may just have ended.
    Truncated,
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
        match (self.refused, then) {
            (Some(Refused::TooLarge(exceeded)), then) => Ending::TooLarge { exceeded, then },
            (Some(Refused::Truncated), Then::WentOn) => Ending::Broken(TRUNCATED_RESPONSE),
            (Some(Refused::Truncated), Then::Exited(exit)) => Ending::Exited(exit),
            (Some(Refused::Truncated), Then::TimedOut) => self.timed_out(),
            (None, _) => Ending::Broken("Runtime.Unknown"),
        }
    }

    pub(super) fn timed_out(&self) -> Ending {
        Ending::TimedOut(self.timeout.exceeded_by(self.observed()))
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

/// What became of an invocation, for those who follow the sandbox.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: ReportStatus,
    /// The answer, in bytes.
    pub(super) produced: u64,
    /// As the REPORT line shows it.
    pub(super) duration: Duration,
    pub(super) billed_millis: u128,
}

/// The end of every invocation that had a permit: log lines, records, and the reply.
pub(super) fn finish(
    function: &Deployed,
    log: &log::Log,
    job: Job,
    ending: Ending,
    ended: &Ended,
) -> Outcome {
    let Job { ctx, event, permit, reply, outlet, .. } = job;
    let streamed = outlet.as_ref().and_then(Outlet::posted);
    measure(&ctx, &ending, streamed);
    let Conclusion { payload, posted_as_stream, fault, mut lines, status } =
        ending.conclude(&ctx.request_id, ctx.clock.now());
    let timeout = ctx.limits.lambda_timeout.lowered_to(function.function.timeout);
    let report = Report {
        request_id: &ctx.request_id,
        duration: ended.duration,
        timeout: Duration::from_millis(timeout.max.0),
        init: ended.init,
        init_is_billed: log::init_is_billed(&function.function.runtime, ctx.limits.date()),
        memory_mb: function.function.memory_mb,
        used_mb: ended.used_mb,
        status: status.as_status(),
        has_status: log::has_status(&ctx.limits),
    };
    lines.extend([log::end_line(&ctx.request_id), report.line()]);
    let (duration, billed_millis) = (report.shown_duration(), report.billed_millis());
    let produced = streamed.map_or(payload.len() as u64, |posted| posted.0);
    if streamed.is_none() {
        ctx.keep(Part::Answer, &payload);
    }
    ctx.record(What::Invoked {
        function: function.function.name.clone(),
        event: event.len() as u64,
        answer: produced,
        streamed: streamed.is_some(),
        millis: whole_millis(ended.duration),
        fault: fault.as_ref().map(|fault| fault.error_type().to_owned()),
    });
    // Before the reply, so that whoever gets it finds the permit free.
    drop(permit);
    if let Some(fault) = &fault {
        tracing::debug!(function = function.function.name, request_id = %ctx.request_id, %fault);
    }
    log.end(&lines, &ctx.limits.lambda_log_tail, |log_tail| {
        let _ = reply.send(Ok(Reply { payload, posted_as_stream, fault, log_tail }));
    });
    // Last, so that whoever reads a stream to its end finds the reply there.
    drop(outlet);
    Outcome { status, produced, duration, billed_millis }
}

/// Compares the answer with its limit, for the records: one that was over it has been refused already.
fn measure(ctx: &Context, ending: &Ending, streamed: Option<ByteCount>) {
    let limits = &ctx.limits;
    let _ = match (streamed, ending) {
        (Some(posted), _) => ctx.admit(&limits.lambda_stream_response, posted),
        (None, Ending::Answered { payload, .. }) => {
            ctx.admit(&limits.lambda_sync_response, ByteCount::of(payload))
        }
        (None, Ending::TooLarge { exceeded, .. }) => {
            ctx.admit(&limits.lambda_sync_response, ByteCount(exceeded.observed))
        }
        (None, _) => Ok(()),
    };
}

/// Milliseconds, as limits count them: a begun one is not counted.
pub(super) fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
