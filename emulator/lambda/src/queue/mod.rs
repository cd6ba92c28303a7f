//! Asynchronous invocation: events that are accepted now and delivered later. Each event ends exactly once.
//!
//! An event is accepted when it is stored. It waits in the queue of its function until it is due, is passed to
//! [`Lambda::invoke`] like any other invocation, and ends or is queued again ([`retry`]). Destinations and dead letters are
//! sent before the event is removed, so an interruption repeats them.

mod attempt;
mod destination;
mod disk;
mod event;
mod pending;
mod record;
mod retry;
mod schedule;
mod settings;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_limits::{Bytes as ByteCount, Limit, Millis};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::pending::QueueFull;
pub use self::settings::{
    ConfigurationError, EventSettings, ScheduleError, SettingsError, check_settings,
};

use self::disk::Disk;
use self::event::{EventHead, QueuedEvent};
use self::pending::PendingEvents;
use self::retry::Tries;
use crate::Lambda;
use crate::event::must_be_json;
use crate::stop::InvokeError;
use hardcap_core::config::Config;
use hardcap_core::context::{Context, Platform};
use hardcap_core::faults;
use hardcap_core::function_name::unqualified;
use hardcap_core::record::Observation;
use hardcap_messages::bus::Buses;
use hardcap_messages::queue::Queues;
use hardcap_messages::topic::Topics;
use hardcap_s3::S3;

/// The queue of all functions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    platform: Platform,
    lambda: Lambda,
    s3: S3,
    queues: Queues,
    topics: Topics,
    buses: Buses,
    disk: Option<Disk>,
    lines: Mutex<PendingEvents>,
    /// Notified when an event is added, or an attempt has ended.
    wake: Notify,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The services that records and dead letters are sent to.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// Buckets, for records of failed events.
    pub s3: &'a S3,
    /// Queues.
    pub queues: &'a Queues,
    /// Topics.
    pub topics: &'a Topics,
    /// Event buses.
    pub buses: &'a Buses,
}

/// The error of an event that was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The refusal that any invocation can get, or an internal error.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// The queue is full. AWS documents no size of its queue; this one has a fixed size.
    #[error(transparent)]
    Full(#[from] QueueFull),
}

/// The error of opening the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// AWS would refuse the asynchronous configuration of a function.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The data directory cannot be used.
    #[error("the queue of asynchronous events: {0}")]
    Data(io::Error),
}

/// The limit of an event's size.
pub fn event_limit(ctx: &Context) -> &Limit<ByteCount> {
    &ctx.limits.lambda_async_request
}

/// Compares an event's size with its limit.
pub fn admit_event(ctx: &Context, length: ByteCount) -> Result<(), InvokeError> {
    Ok(ctx.admit(event_limit(ctx), length)?)
}

impl Queue {
    /// Opens the queue, in `config.data` if it is set, with the events of earlier runs.
    ///
    /// # Errors
    ///
    /// [`QueueError`] for a configuration that AWS would refuse, or for a data directory that cannot be used.
    pub fn open(
        platform: &Platform,
        config: &Config,
        lambda: &Lambda,
        targets: Targets<'_>,
        tasks: (&TaskTracker, &CancellationToken),
    ) -> Result<Queue, QueueError> {
        settings::check(config)?;
        let folder = config.data.as_deref().map(|data| data.join("queue"));
        let disk = folder.as_deref().map(Disk::open).transpose().map_err(QueueError::Data)?;
        let shared = Arc::new(Shared {
            platform: platform.clone(),
            lambda: lambda.clone(),
            s3: targets.s3.clone(),
            queues: targets.queues.clone(),
            topics: targets.topics.clone(),
            buses: targets.buses.clone(),
            disk,
            lines: Mutex::default(),
            wake: Notify::new(),
            tasks: tasks.0.clone(),
            stop: tasks.1.clone(),
        });
        let queue = Queue { shared };
        queue.restore().map_err(QueueError::Data)?;
        Ok(queue)
    }

    /// Starts attempts and schedules, until the emulator stops.
    pub fn start(&self, config: &Config) {
        let shared = &self.shared;
        shared.tasks.spawn(attempt::run(Arc::clone(shared)));
        for function in &config.functions {
            for schedule in &function.schedules {
                let rule = schedule::Rule::new(&function.name, schedule, &shared.platform.region);
                shared.tasks.spawn(rule.run(self.clone()));
            }
        }
    }

    fn restore(&self) -> io::Result<()> {
        let Some(disk) = &self.shared.disk else { return Ok(()) };
        let (events, letters) = disk.read()?;
        let mut lines = self.shared.lines();
        lines.restore_letters(letters);
        for event in events {
            let EventHead { id, function, .. } = &event.head;
            if !self.shared.lambda.has(function) {
                tracing::warn!(
                    function,
                    id,
                    "an event waits for a function that does not exist; the event stays on disk"
                );
                continue;
            }
            let (function, event_bytes) = (function.clone(), event.payload.len() as u64);
            let accepted =
                Observation::EventAccepted { function, event: event_bytes, restored: true };
            self.shared.platform.recorder.record(id, accepted);
            lines.restore(event);
        }
        Ok(())
    }

    /// Accepts an event. After this returns, the event will end, even after a crash if the emulator has a data directory.
    ///
    /// # Errors
    ///
    /// [`AcceptError`] if the event is too large or not JSON, or the queue is full.
    pub fn accept<'a>(
        &'a self,
        ctx: &'a Context,
        function: &'a str,
        payload: Bytes,
        recursive: bool,
    ) -> BoxFuture<'a, Result<(), AcceptError>> {
        Box::pin(async move {
            admit_event(ctx, ByteCount::of(&payload))?;
            must_be_json(&payload)?;
            let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
            let accepted = self.shared.platform.clock.now();
            let name = unqualified(function);
            let late = Millis(faults::delay(ctx, name).0 + faults::reorder(ctx, name).0);
            let head = EventHead {
                id: ctx.request_id.to_string(),
                function: function.to_owned(),
                trace: ctx.trace.to_string(),
                tries: Tries { accepted, failures: 0, turned_away: 0 },
                due: accepted.plus(late),
                recursive,
            };
            let event = QueuedEvent { head, payload };
            let length = event.payload.len() as u64;
            self.shared.lines().reserve(length)?;
            let shared = Arc::clone(&self.shared);
            // In its own task, so that an invoker that leaves does not interrupt the write.
            let taken = self.shared.tasks.spawn(async move { shared.take(event).await }).await;
            taken.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| {
                self.shared.lines().release(length);
                let cause = format!("cannot store the event: {error}");
                AcceptError::Invoke(InvokeError::Bug(cause))
            })
        })
    }

    /// Removes every waiting event and every dead letter. A running attempt continues, and is the last of its event.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn clear(&self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            let (events, letters) = self.shared.lines().clear();
            let forget = move |disk: &Disk| {
                events.iter().try_for_each(|event| disk.remove(&event.head.id))?;
                letters.iter().try_for_each(|letter| disk.forget(letter))
            };
            self.shared.on_disk(forget).await
        })
    }

    /// The waiting and running events, the sums over ended ones, and the dead letters.
    pub fn status(&self) -> Value {
        let mut status = self.shared.lines().status();
        status["sums"] = json!(self.shared.platform.recorder.totals().events);
        status
    }
}

impl Shared {
    async fn take(&self, event: QueuedEvent) -> io::Result<()> {
        let kept = event.clone();
        self.on_disk(move |disk| disk.accept(&kept)).await?;
        let function = event.head.function.clone();
        let accepted = Observation::EventAccepted {
            function,
            event: event.payload.len() as u64,
            restored: false,
        };
        self.platform.recorder.record(&event.head.id, accepted);
        self.lines().put(event);
        self.wake.notify_one();
        Ok(())
    }

    /// Runs blocking work on the disk, if there is one.
    async fn on_disk<F>(&self, work: F) -> io::Result<()>
    where
        F: FnOnce(&Disk) -> io::Result<()> + Send + 'static,
    {
        let Some(disk) = self.disk.clone() else { return Ok(()) };
        let done = tokio::task::spawn_blocking(move || work(&disk)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn lines(&self) -> MutexGuard<'_, PendingEvents> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
