//! The attempts of queued events: the loop that takes due events, and the way of one event to its end.

use std::io;
use std::sync::Arc;

use super::Shared;
use super::destination;
use super::event::{EventHead, QueuedEvent};
use super::record::EndedEvent;
use super::retry::{AttemptOutcome, NextStep, Policy};
use crate::stop::InvokeError;
use crate::{Invocation, InvocationEvent as Invoked, Reply};
use hardcap_core::context::Context;
use hardcap_core::faults;
use hardcap_core::function_name::{FunctionName, unqualified};
use hardcap_core::record::{Condition, Observation};

/// Starts attempts for due events until the emulator stops.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let mut woken = std::pin::pin!(shared.wake.notified());
        woken.as_mut().enable();
        let clock = &shared.platform.clock;
        let (due, next, clearings) = {
            let mut lines = shared.lines();
            let (due, next) = lines.take_due(clock.now());
            (due, next, lines.clearings())
        };
        for event in due {
            shared.tasks.spawn(attempt(Arc::clone(&shared), event, clearings));
        }
        let until_due = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = woken => {}
            () = until_due => {}
        }
    }
}

/// The outcome of an attempt.
enum EventOutcome {
    Finished(Condition, Option<Reply>),
    Again(EventHead),
    /// An injected fault lost the event: no destination gets a record.
    Lost,
    /// The emulator stops. With a data directory the event is tried again at the next start.
    Unsettled,
}

/// Makes one attempt at an event. `clearings` is the number of removals when it was taken from the queue.
async fn attempt(shared: Arc<Shared>, event: QueuedEvent, clearings: u64) {
    match outcome(&shared, &event).await {
        EventOutcome::Unsettled => {}
        EventOutcome::Again(head) => again(&shared, QueuedEvent { head, ..event }, clearings).await,
        EventOutcome::Lost => {
            forget(&shared, &event, Condition::Dropped, event.head.tries.failures).await
        }
        EventOutcome::Finished(condition, reply) => end(&shared, &event, condition, reply).await,
    }
}

async fn outcome(shared: &Arc<Shared>, event: &QueuedEvent) -> EventOutcome {
    let QueuedEvent { head, payload } = event;
    // The events of a deleted function are refused until they are too old, or the function exists again.
    let function = shared.lambda.function(&head.function);
    let clock = &shared.platform.clock;
    let events = function.as_ref().map(|function| function.events.clone()).unwrap_or_default();
    let policy = Policy::new(&events, &shared.platform.limits());
    if head.recursive {
        return EventOutcome::Finished(Condition::RecursiveInvocation, None);
    }
    if function.is_some_and(|function| function.reserved_concurrency == Some(0)) {
        return EventOutcome::Finished(Condition::ZeroReservedConcurrency, None);
    }
    if policy.is_too_old(&head.tries, clock.now()) {
        return EventOutcome::Finished(Condition::EventAgeExceeded, None);
    }
    let ctx = context(shared, head);
    if faults::is_dropped(&ctx, unqualified(&head.function)) {
        return EventOutcome::Lost;
    }
    let invocation = || Invocation {
        function: head.function.clone(),
        event: Invoked::Queued(payload.clone()),
        version: None,
        client_context: None,
    };
    if faults::is_duplicated(&ctx, unqualified(&head.function)) {
        // The result of the first delivery of a duplicated event is ignored.
        let _ = shared.lambda.invoke(&ctx, invocation()).await;
    }
    let invoked = shared.lambda.invoke(&ctx, invocation()).await;
    if shared.stop.is_cancelled()
        && !invoked.as_ref().is_ok_and(|reply| reply.function_error.is_none())
    {
        return EventOutcome::Unsettled;
    }
    let (went, reply) = match invoked {
        Ok(reply) if reply.function_error.is_none() => {
            return EventOutcome::Finished(Condition::Success, Some(reply));
        }
        Ok(reply) => (AttemptOutcome::Failed, Some(reply)),
        Err(stop) => {
            note(shared, head, &stop);
            (AttemptOutcome::TurnedAway, None)
        }
    };
    let now = clock.now();
    let (next, tries) = policy.next(head.tries, went, now);
    match next {
        NextStep::GiveUp(condition) => EventOutcome::Finished(condition, reply),
        NextStep::Again(due) => {
            let wait = due.since(now).0;
            let function = head.function.clone();
            let retried = Observation::EventRetried { function, wait };
            shared.platform.recorder.record(&head.id, retried);
            EventOutcome::Again(EventHead { tries, due, ..head.clone() })
        }
    }
}

/// The context of every attempt at an event: one request id for all, as recorded on 2025-11-24.
fn context(shared: &Arc<Shared>, head: &EventHead) -> Context {
    Context {
        request_id: head.id.as_str().into(),
        trace: head.trace.as_str().into(),
        ..shared.platform.context()
    }
}

/// Logs why an event was not invoked. A throttle is recorded where it is decided.
fn note(shared: &Arc<Shared>, head: &EventHead, stop: &InvokeError) {
    let EventHead { id, function, .. } = head;
    match stop {
        InvokeError::Throttled(_) => {}
        InvokeError::Bug(cause) | InvokeError::Shortage(cause) => {
            tracing::error!(request_id = id, function, cause, "internal error");
            shared.platform.recorder.record(id, Observation::Bug { cause: cause.clone() });
        }
        InvokeError::Refused(_)
        | InvokeError::FunctionNotFound { .. }
        | InvokeError::InvalidEvent { .. } => {
            tracing::warn!(request_id = id, function, %stop, "an event could not be invoked")
        }
    }
}

async fn again(shared: &Arc<Shared>, event: QueuedEvent, clearings: u64) {
    let head = event.head.clone();
    let updated = head.clone();
    settle(shared, &head, shared.on_disk(move |disk| disk.update(&updated)).await);
    let cleared = {
        let mut lines = shared.lines();
        lines.attempt_ended(&head.function);
        let cleared = lines.clearings() != clearings;
        match cleared {
            true => lines.release(event.payload.len() as u64),
            false => lines.put(event),
        }
        cleared
    };
    if cleared {
        let id = head.id.clone();
        settle(shared, &head, shared.on_disk(move |disk| disk.remove(&id)).await);
    }
    shared.wake.notify_one();
}

/// Sends the records of an event that has ended, and removes it.
async fn end(
    shared: &Arc<Shared>,
    event: &QueuedEvent,
    condition: Condition,
    reply: Option<Reply>,
) {
    let QueuedEvent { head, payload } = event;
    let attempts = match condition {
        Condition::Success => head.tries.failures + 1,
        Condition::RetriesExhausted => head.tries.failures + 1,
        // An event that was too old for another attempt has no response to count.
        Condition::EventAgeExceeded => head.tries.failures + u64::from(reply.is_some()),
        Condition::ZeroReservedConcurrency
        | Condition::RecursiveInvocation
        | Condition::Dropped => head.tries.failures,
    };
    if let Some(function) = shared.lambda.function(&head.function) {
        let named = FunctionName::parse(&head.function, &shared.platform.region);
        let ended = EndedEvent {
            id: &head.id,
            function_arn: &named.arn(),
            version: function.version(),
            condition,
            attempts,
            payload,
            reply: reply.as_ref(),
        };
        destination::send_records(shared, &function, &ended, &head.trace).await;
    }
    forget(shared, event, condition, attempts).await;
}

/// Removes an event and records its end last, so that everything is done when the record appears.
async fn forget(shared: &Arc<Shared>, event: &QueuedEvent, condition: Condition, attempts: u64) {
    let QueuedEvent { head, payload } = event;
    let id = head.id.clone();
    settle(shared, head, shared.on_disk(move |disk| disk.remove(&id)).await);
    let mut lines = shared.lines();
    lines.attempt_ended(&head.function);
    lines.release(payload.len() as u64);
    drop(lines);
    let function = head.function.clone();
    let ended = Observation::EventEnded { function, condition, attempts };
    shared.platform.recorder.record(&head.id, ended);
    shared.wake.notify_one();
}

/// Reports a disk failure after an event was accepted. The event continues in memory.
fn settle(shared: &Arc<Shared>, head: &EventHead, done: io::Result<()>) {
    if let Err(error) = done {
        let cause = format!("cannot update the queue's files: {error}");
        note(shared, head, &InvokeError::Bug(cause));
    }
}
