//! The loop of one mapping: receives messages, gathers a batch, invokes the function, deletes what succeeded.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hardcap_core::clock::Clock;
use hardcap_core::config::{EventSourceMapping, queue_arn};
use hardcap_core::context::{Context, Platform};
use hardcap_limits::Millis;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::event::{self, Batch};
use super::failures::{self, Verdict};
use super::filter::Filters;
use crate::queue::{Queues, Received, SqsError, Want};
use crate::{Failure, FunctionsSlot};

/// The most invocations of a mapping at a time without `MaximumConcurrency`. AWS begins with 5 and grows; each needs a process here.
const CONCURRENCY: usize = 5;
/// The wait after an error that no new queue ends, such as that of a disk. It is real time.
const AGAIN: Duration = Duration::from_secs(30);
/// The wait of one receipt, after which the next begins.
const POLL: Millis = Millis(20_000);

/// A mapping and what it needs.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) platform: Platform,
    pub(super) queues: Queues,
    pub(super) functions: FunctionsSlot,
    pub(super) mapping: EventSourceMapping,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// Runs a mapping until it is stopped.
pub(super) async fn run(source: Source) {
    let most = source.mapping.maximum_concurrency;
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(CONCURRENCY);
    let permits = Arc::new(Semaphore::new(most));
    let stop = source.stop.clone();
    let turns = async {
        // Each error is logged once, not with every attempt.
        let mut told: Option<String> = None;
        while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
            // Registers first, so that a queue that is created after the look is not missed.
            let mut created = std::pin::pin!(source.queues.created());
            created.as_mut().enable();
            match source.gather().await {
                Ok(messages) if messages.is_empty() => told = None,
                Ok(messages) => {
                    told = None;
                    source.tasks.spawn(source.clone().process(messages, permit));
                }
                Err(error) => {
                    let (queue, function) = (&source.mapping.queue, &source.mapping.function);
                    if told.replace(error.to_string()) != Some(error.to_string()) {
                        tracing::warn!(queue, function, %error, "an event source mapping cannot receive");
                    }
                    let clock = Clock::default();
                    tokio::select! {
                        () = created => {}
                        () = clock.pause(AGAIN) => {}
                    }
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = turns => {}
    }
}

impl Source {
    /// Receives the messages of one turn: the first ones, and with a window those that follow in it.
    async fn gather(&self) -> Result<Vec<Received>, SqsError> {
        let ctx = self.platform.context();
        let EventSourceMapping { queue, batch_size, window_seconds, .. } = &self.mapping;
        let size = usize::try_from(*batch_size).unwrap_or(usize::MAX);
        let visibility = self.queues.visibility(queue)?;
        let want = |count: usize| Want { count, visibility, receives_max: None };
        let mut messages = self.queues.receive(&ctx, queue, want(size), POLL).await?;
        if messages.is_empty() || *window_seconds == 0 {
            return Ok(messages);
        }
        let most = self.event_max();
        let end = ctx.clock.now().plus(Millis(window_seconds * 1000));
        loop {
            let left = end.since(ctx.clock.now());
            let bytes: u64 = messages.iter().map(|received| received.message().size()).sum();
            if messages.len() >= size || left.0 == 0 || bytes >= most {
                return Ok(messages);
            }
            let more = self.queues.receive(&ctx, queue, want(size - messages.len()), left).await?;
            messages.extend(more);
        }
    }

    /// Invokes the function with messages. Those of a failed batch become visible again after their timeout.
    async fn process(self, messages: Vec<Received>, permit: OwnedSemaphorePermit) {
        let region = &*self.platform.region;
        let arn = queue_arn(region, &self.mapping.queue);
        // Checked when the mapping was created.
        let filters = Filters::parse(&self.mapping.filters).unwrap_or_default();
        let mut records = Vec::new();
        for received in messages {
            let has_window = self.mapping.window_seconds > 0;
            let record = event::record(&received, (&arn, region), has_window);
            match filters.pass(&record) {
                true => records.push((received, record)),
                false => self.delete(&received).await,
            }
        }
        let most = self.event_max();
        let is_fifo = self.mapping.queue.ends_with(".fifo");
        for batch in event::batches(records, most) {
            let succeeded = self.invoke(batch).await;
            // Later messages of a FIFO queue may belong to the group of one that failed.
            if is_fifo && !succeeded {
                break;
            }
        }
        drop(permit);
    }

    /// Invokes the function with a batch and deletes the messages that succeeded. Returns whether all did.
    async fn invoke(&self, Batch { messages, event }: Batch) -> bool {
        let Some(functions) = self.functions.get() else { return false };
        let (queue, function) = (&self.mapping.queue, &self.mapping.function);
        let ctx = self.context(&messages);
        let result = functions.invoke(ctx, function.clone(), event).await;
        let ids: HashSet<&str> =
            messages.iter().map(|received| received.message().id.as_str()).collect();
        let failed = match result {
            Ok(response) if self.mapping.reports_failures => {
                match failures::read(&response, &ids) {
                    Verdict::Failed(failed) => failed,
                    Verdict::Invalid(reason) => {
                        tracing::warn!(queue, function, reason, "a batch failed: {reason}");
                        return false;
                    }
                }
            }
            Ok(_) => HashSet::new(),
            Err(Failure::Function(_) | Failure::Throttled(_)) => return false,
            Err(Failure::TooLarge(error) | Failure::NotInvoked(error)) => {
                tracing::warn!(queue, function, error, "a batch was not passed to its function");
                return false;
            }
        };
        for received in messages.iter().filter(|it| !failed.contains(&it.message().id)) {
            self.delete(received).await;
        }
        failed.is_empty()
    }

    /// The most bytes of an event. Without functions nothing is invoked.
    fn event_max(&self) -> u64 {
        self.functions.get().map_or(0, |functions| functions.event_max())
    }

    /// Deletes a message that was processed or filtered out.
    async fn delete(&self, received: &Received) {
        let queue = &self.mapping.queue;
        if let Err(error) = self.queues.delete(queue, &received.receipt).await {
            tracing::warn!(queue, %error, "a processed message is not deleted");
        }
    }

    /// The context of an invocation. It belongs to the chain of requests of its first message that has one.
    fn context(&self, messages: &[Received]) -> Context {
        let ctx = self.platform.context();
        let trace = messages.iter().find_map(|received| received.message().trace.as_deref());
        match trace {
            Some(trace) => Context { trace: trace.into(), ..ctx },
            None => ctx,
        }
    }
}
