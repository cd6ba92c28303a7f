//! The telemetry of one sandbox: subscriptions of its extensions, and events as JSON.
//!
//! Formats: AWS, Lambda Telemetry API event schema reference, 2022-12-13; captured in Danwakeem/aws-lambda-telemetry-failure,
//! 2023-02-10. The Logs API of 2020-08-15 has its own events: AWS, Lambda developer guide, Lambda Logs API, 2022-11.

mod deliver;
mod subscription;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

pub use self::subscription::SubscriptionError;
pub(super) use self::subscription::{EventType, Subscription, SubscriptionApi};
use super::system_log::event_time;
use hardcap_core::clock::Clock;

/// The maximum number of init events that are kept for later subscribers.
const BACKLOG_MAX: usize = 1_000;

/// The subscribers of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Everyone,
    Subscribers(SubscriptionApi),
    /// Subscribers of the Logs API with the schema of 2021-03-18.
    Logs2021,
}

/// One event: the JSON object as it is delivered.
#[derive(Clone, Debug)]
struct TelemetryEvent {
    stream: EventType,
    audience: Audience,
    json: Bytes,
}

/// The telemetry of a sandbox.
#[derive(Debug)]
pub(super) struct Telemetry {
    clock: Clock,
    tasks: TaskTracker,
    /// Whether a subscriber exists or may still subscribe.
    is_on: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    subscribers: Vec<Subscriber>,
    /// The events since the start; `None` after init, when subscription is closed.
    backlog: Option<VecDeque<TelemetryEvent>>,
}

#[derive(Debug)]
struct Subscriber {
    extension: String,
    api: SubscriptionApi,
    hears_of_runtime_done: bool,
    streams: Vec<EventType>,
    events: mpsc::Sender<TelemetryEvent>,
    /// The size of the queue in bytes, and its maximum.
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
    dropped: Dropped,
}

impl Subscriber {
    fn subscribes_to(&self, event: &TelemetryEvent) -> bool {
        let is_meant = match event.audience {
            Audience::Everyone => true,
            Audience::Subscribers(api) => self.api == api,
            Audience::Logs2021 => self.api == SubscriptionApi::Logs && self.hears_of_runtime_done,
        };
        is_meant && self.streams.contains(&event.stream)
    }

    /// Adds an event to the queue, unless it is full.
    fn queue(&self, event: TelemetryEvent) -> bool {
        let length = event.json.len();
        if self.waiting.load(Ordering::Relaxed) + length > self.waiting_max {
            return false;
        }
        self.waiting.fetch_add(length, Ordering::Relaxed);
        let queued = self.events.try_send(event).is_ok();
        if !queued {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
        }
        queued
    }
}

/// The event about events that a slow subscriber has missed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Dropped {
    dropped_bytes: u64,
    dropped_records: u64,
}

/// The refusal of a subscription.
#[derive(Debug)]
pub(super) enum SubscriptionRefusal {
    /// Init has ended.
    Closed,
    SubscriptionError(SubscriptionError),
}

impl Telemetry {
    pub(super) fn new(clock: &Clock, tasks: &TaskTracker) -> Telemetry {
        Telemetry {
            clock: clock.clone(),
            tasks: tasks.clone(),
            is_on: AtomicBool::new(true),
            inner: Mutex::new(Inner { subscribers: Vec::new(), backlog: Some(VecDeque::new()) }),
        }
    }

    /// Subscribes an extension. A second subscription changes nothing.
    pub(super) fn subscribe(
        &self,
        extension: &str,
        api: SubscriptionApi,
        subscription: Subscription,
    ) -> Result<(), SubscriptionRefusal> {
        let mut inner = self.lock();
        let Some(backlog) = &inner.backlog else { return Err(SubscriptionRefusal::Closed) };
        let types: Vec<_> = subscription.streams.iter().map(|stream| stream.name()).collect();
        let earlier = inner.subscribers.iter().find(|it| it.extension == extension);
        let state = match earlier {
            Some(earlier) if earlier.api != api => {
                return Err(SubscriptionRefusal::SubscriptionError(SubscriptionError::other_api(
                    earlier.api,
                )));
            }
            Some(_) => "Already subscribed",
            None => "Subscribed",
        };
        if earlier.is_none() {
            let (events, received) = mpsc::channel(subscription.queue());
            let waiting = Arc::new(AtomicUsize::new(0));
            let mut subscriber = Subscriber {
                extension: extension.to_owned(),
                api,
                hears_of_runtime_done: subscription.hears_of_runtime_done,
                streams: subscription.streams.clone(),
                events,
                waiting: Arc::clone(&waiting),
                waiting_max: subscription.bytes(),
                dropped: Dropped::default(),
            };
            let queue = deliver::Queue { events: received, waiting };
            self.tasks.spawn(deliver::deliver(subscription, queue, self.clock.clone()));
            for event in backlog {
                self.hand(&mut subscriber, event);
            }
            inner.subscribers.push(subscriber);
        }
        drop(inner);
        let record = serde_json::json!({ "name": extension, "state": state, "types": types });
        self.platform(Audience::Subscribers(api), api.subscription_event(), &record);
        Ok(())
    }

    /// Closes subscription at the end of init. Without a subscriber no further events are created.
    pub(super) fn close_subscriptions(&self) {
        let mut inner = self.lock();
        inner.backlog = None;
        self.is_on.store(!inner.subscribers.is_empty(), Ordering::Relaxed);
    }

    /// The sandbox ends: waiting events are delivered, and no new ones are added.
    pub(super) fn end(&self) {
        let mut inner = self.lock();
        self.is_on.store(false, Ordering::Relaxed);
        inner.backlog = None;
        inner.subscribers.clear();
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// An event of the platform: `platform.start` and so on.
    pub(super) fn platform(&self, audience: Audience, kind: &str, record: &impl Serialize) {
        if self.is_on() {
            self.emit(self.event(EventType::Platform, audience, kind, record));
        }
    }

    /// A line of a process.
    pub(super) fn line(&self, stream: EventType, line: &[u8]) {
        if self.is_on() {
            let line = String::from_utf8_lossy(line);
            self.emit(self.event(stream, Audience::Everyone, stream.name(), &line));
        }
    }

    fn emit(&self, event: TelemetryEvent) {
        let mut inner = self.lock();
        for subscriber in &mut inner.subscribers {
            self.hand(subscriber, &event);
        }
        if let Some(backlog) = &mut inner.backlog {
            backlog.push_back(event);
            if backlog.len() > BACKLOG_MAX {
                backlog.pop_front();
            }
        }
    }

    fn event(
        &self,
        stream: EventType,
        audience: Audience,
        kind: &str,
        record: &impl Serialize,
    ) -> TelemetryEvent {
        #[derive(Serialize)]
        struct Document<'a, R> {
            time: String,
            r#type: &'a str,
            record: &'a R,
        }
        let time = event_time(&self.clock);
        let document = Document { time, r#type: kind, record };
        let json = serde_json::to_vec(&document).unwrap_or_default();
        TelemetryEvent { stream, audience, json: json.into() }
    }

    /// Adds an event to a subscriber's queue. A full queue drops it, and reports the number of dropped events when it has room
    /// again.
    fn hand(&self, subscriber: &mut Subscriber, event: &TelemetryEvent) {
        if !subscriber.subscribes_to(event) {
            return;
        }
        if subscriber.dropped.dropped_records > 0 {
            let reason =
                "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";
            let Dropped { dropped_bytes, dropped_records } = subscriber.dropped;
            let record = serde_json::json!({
                "droppedBytes": dropped_bytes,
                "droppedRecords": dropped_records,
                "reason": reason,
            });
            let kind = "platform.logsDropped";
            let loss = self.event(EventType::Platform, Audience::Everyone, kind, &record);
            if subscriber.queue(loss) {
                subscriber.dropped = Dropped::default();
            }
        }
        if !subscriber.queue(event.clone()) {
            subscriber.dropped.dropped_bytes += event.json.len() as u64;
            subscriber.dropped.dropped_records += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
