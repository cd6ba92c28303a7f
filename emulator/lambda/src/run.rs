//! A running invocation: the event for the runtime, the measured times, and the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::{Bytes as ByteCount, Date, Exceeded, Limit, Millis};
use tokio::sync::oneshot;

use super::function::Deployed;
use super::log::{self, Report};
use super::outcome::{
    AfterRefusal, InvocationEnd, InvocationResult, ReportStatus, TRUNCATED_RESPONSE,
};
use super::stream::StreamSender;
use super::{Job, Reply};
use hardcap_core::clock::{EpochMillis, Stopwatch};
use hardcap_core::context::Context;
use hardcap_core::payloads::Part;
use hardcap_core::record::Observation;

/// The relation of init to the first invocation of a sandbox.
#[derive(Clone, Copy, Debug)]
pub(super) enum FirstInit {
    /// Init took this long, before the invocation.
    Init(Duration),
    /// Init was repeated within the invocation, and took this part of its time.
    Inside(Duration),
}

/// Since this day an invocation has its own id, because a request may be retried under the same request id
/// (aws/aws-lambda-rust-runtime#1155: "now sends").
const INVOCATION_IDS_SINCE: Date = Date::new(2026, 7, 21);

/// The event for the runtime.
#[derive(Clone, Debug)]
pub(super) struct NextEvent {
    pub(super) request_id: Arc<str>,
    pub(super) invocation_id: Option<Arc<str>>,
    pub(super) event: Bytes,
    pub(super) deadline: EpochMillis,
    pub(super) trace: Arc<str>,
    pub(super) client_context: Option<http::HeaderValue>,
    /// The invoked ARN, with the qualifier that the invoker named.
    pub(super) arn: http::HeaderValue,
}

impl NextEvent {
    /// The invocation id, on days that have one.
    pub(super) fn new_invocation_id(today: Date) -> Option<Arc<str>> {
        (today >= INVOCATION_IDS_SINCE).then(|| uuid::Uuid::new_v4().to_string().into())
    }

    /// Whether a response names another invocation. A runtime that does not know invocation ids names none.
    pub(super) fn is_other_than(&self, answered: Option<&str>) -> bool {
        self.invocation_id.as_deref().zip(answered).is_some_and(|(own, other)| own != other)
    }
}

/// The response to a request for the next event.
#[derive(Debug)]
pub(super) enum NextReply {
    Now(NextEvent),
    Wait(oneshot::Receiver<NextEvent>),
}

/// A running invocation.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) job: Box<Job>,
    pub(super) hand_over: NextEvent,
    pub(super) stopwatch: Stopwatch,
    pub(super) timeout: Limit<Millis>,
    pub(super) first: Option<FirstInit>,
    /// The refused response; the further behaviour of the runtime decides the end of the invocation.
    pub(super) refused: Option<RefusedResponse>,
}

/// The reason of a refused response.
#[derive(Clone, Copy, Debug)]
pub(super) enum RefusedResponse {
    /// It was over the limit.
    TooLarge(Exceeded),
    /// Its request was truncated for any reason, such as the end of its process.
    Truncated,
}

impl Run {
    /// The time since the event was delivered, plus that of a repeated init.
    pub(super) fn duration(&self) -> Duration {
        let inside = match self.first {
            Some(FirstInit::Inside(used)) => used,
            Some(FirstInit::Init(_)) | None => Duration::ZERO,
        };
        self.stopwatch.elapsed() + inside
    }

    pub(super) fn observed(&self) -> Millis {
        Millis(whole_millis(self.duration()))
    }

    pub(super) fn ending_of_refused(&self, then: AfterRefusal) -> InvocationEnd {
        match (self.refused, then) {
            (Some(RefusedResponse::TooLarge(exceeded)), then) => {
                InvocationEnd::TooLarge { exceeded, then }
            }
            (Some(RefusedResponse::Truncated), AfterRefusal::WentOn) => {
                InvocationEnd::Broken(TRUNCATED_RESPONSE)
            }
            (Some(RefusedResponse::Truncated), AfterRefusal::Exited(exit)) => {
                InvocationEnd::Exited(exit)
            }
            (Some(RefusedResponse::Truncated), AfterRefusal::TimedOut) => self.timed_out(),
            (None, _) => InvocationEnd::Broken("Runtime.Unknown"),
        }
    }

    pub(super) fn timed_out(&self) -> InvocationEnd {
        InvocationEnd::TimedOut(self.timeout.exceeded_by(self.observed()))
    }

    /// The duration of init for the REPORT line.
    pub(super) fn init(&self) -> Option<Duration> {
        match self.first {
            Some(FirstInit::Init(init)) => Some(init),
            Some(FirstInit::Inside(_)) | None => None,
        }
    }
}

/// The measurements of an ended invocation.
#[derive(Debug)]
pub(super) struct Measurements {
    pub(super) duration: Duration,
    pub(super) init: Option<Duration>,
    pub(super) used_mb: u64,
}

/// The outcome of an invocation for telemetry.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: ReportStatus,
    /// The size of the response, in bytes.
    pub(super) produced: u64,
    /// The status in the REPORT line.
    pub(super) duration: Duration,
    pub(super) billed_millis: u128,
}

/// The end of every invocation that had a permit: log lines, records, and the reply.
pub(super) fn finish(
    function: &Deployed,
    log: &log::Log,
    job: Job,
    ending: InvocationEnd,
    ended: &Measurements,
) -> Outcome {
    let Job { ctx, event, permit, reply, outlet, .. } = job;
    let streamed = outlet.as_ref().and_then(StreamSender::posted);
    measure(&ctx, &ending, streamed);
    let InvocationResult { payload, posted_as_stream, function_error, mut lines, status } =
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
    let produced = streamed.map_or(payload.len() as u64, |posted| posted.0);
    lines.extend(log.end_lines_of(&report, ended.duration, produced));
    let (duration, billed_millis) = (report.shown_duration(), report.billed_millis());
    if streamed.is_none() {
        ctx.keep(Part::Answer, &payload);
    }
    ctx.record(Observation::Invoked {
        function: function.function.name.clone(),
        event: event.len() as u64,
        answer: produced,
        streamed: streamed.is_some(),
        millis: whole_millis(ended.duration),
        fault: function_error.as_ref().map(|error| error.error_type().to_owned()),
    });
    // Returned before the reply, so that an invoker that has the reply finds the permit free.
    drop(permit);
    if let Some(error) = &function_error {
        tracing::debug!(function = function.function.name, request_id = %ctx.request_id, %error);
    }
    log.end(&lines, &ctx.limits.lambda_log_tail, |log_tail| {
        let _ = reply.send(Ok(Reply { payload, posted_as_stream, function_error, log_tail }));
    });
    // Sent last, so that an invoker that reads a stream to its end finds the reply.
    drop(outlet);
    Outcome { status, produced, duration, billed_millis }
}

/// Records the size of the response. A response over the limit has already been refused.
fn measure(ctx: &Context, ending: &InvocationEnd, streamed: Option<ByteCount>) {
    let limits = &ctx.limits;
    let _ = match (streamed, ending) {
        (Some(posted), _) => ctx.admit(&limits.lambda_stream_response, posted),
        (None, InvocationEnd::Answered { payload, .. }) => {
            ctx.admit(&limits.lambda_sync_response, ByteCount::of(payload))
        }
        (None, InvocationEnd::TooLarge { exceeded, .. }) => {
            ctx.admit(&limits.lambda_sync_response, ByteCount(exceeded.observed))
        }
        (None, _) => Ok(()),
    };
}

/// Milliseconds for limits, rounded down.
pub(super) fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
