//! What happened: every observation of a limit, every cold start, throttle, fault. Bounded, and folded as it comes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardcap_limits::{Exceeded, Limit, Limits, Quantity, Row};
use indexmap::IndexMap;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::broadcast;

use crate::clock::{Clock, EpochMillis};

/// The newest records are kept word for word, older ones only in the sums.
const KEPT: usize = 10_000;

/// The name of a row of the limits table. One that the table does not have is an error of deserialization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct RowName(&'static str);

impl RowName {
    /// The name as the table spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<&'static Row> for RowName {
    fn from(row: &'static Row) -> RowName {
        RowName(row.name)
    }
}

impl std::borrow::Borrow<str> for RowName {
    fn borrow(&self) -> &str {
        self.0
    }
}

impl std::fmt::Display for RowName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for RowName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<RowName, D::Error> {
        let name = String::deserialize(from)?;
        let unknown = || D::Error::custom(format!("the limits table has no row `{name}`"));
        Limits::row(&name).map(RowName::from).ok_or_else(unknown)
    }
}

/// How an event ended, in AWS's words where they were recorded (2025-11-24 to 2025-11-27).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Condition {
    /// The function answered.
    Success,
    /// The function failed, and no attempt was left.
    RetriesExhausted,
    /// The next attempt would have come too late.
    EventAgeExceeded,
    /// The function's reserved concurrency is 0, so nothing was tried.
    ZeroReservedConcurrency,
    /// The event would have continued a loop. What AWS calls this in a record is unconfirmed.
    RecursiveInvocation,
    /// A fault that was asked for lost the event. AWS has no such condition, and nobody is told.
    Dropped,
}

impl Condition {
    /// As records spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Condition::Success => "Success",
            Condition::RetriesExhausted => "RetriesExhausted",
            Condition::EventAgeExceeded => "EventAgeExceeded",
            Condition::ZeroReservedConcurrency => "ZeroReservedConcurrency",
            Condition::RecursiveInvocation => "RecursiveInvocation",
            Condition::Dropped => "Dropped",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: EpochMillis,
    /// The request it happened to.
    pub request_id: String,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What a record tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A quantity was compared with a limit.
    Measured {
        /// The row's name.
        row: RowName,
        /// What was measured, in the row's unit.
        observed: u64,
        /// The limit in force.
        max: u64,
        /// False when it was refused.
        admitted: bool,
    },
    /// A request arrived at a gateway and was answered.
    Answered {
        /// The API's or function URL's logical id.
        api: String,
        /// `GET`.
        method: String,
        /// The path, without its query.
        path: String,
        /// The status the client saw.
        status: u16,
        /// How long it took, in milliseconds.
        millis: u64,
    },
    /// An invocation of a function ended.
    Invoked {
        /// The function's name.
        function: String,
        /// The event, in bytes.
        event: u64,
        /// The answer, in bytes.
        answer: u64,
        /// Whether it was handed on as it came.
        streamed: bool,
        /// How long the function ran, in milliseconds.
        millis: u64,
        /// The error type, when the function failed.
        fault: Option<String>,
    },
    /// A sandbox was started.
    ColdStart {
        /// The function's name.
        function: String,
        /// How long its init took, in milliseconds.
        millis: u64,
    },
    /// No execution was free.
    Throttled {
        /// The function's name.
        function: String,
    },
    /// An asynchronous event was accepted, or found in the data directory at the start.
    EventAccepted {
        /// The function's name.
        function: String,
        /// The event, in bytes.
        event: u64,
        /// True when an earlier run had accepted it.
        restored: bool,
    },
    /// An asynchronous event will be tried again.
    EventRetried {
        /// The function's name.
        function: String,
        /// How long it waits, in milliseconds.
        wait: u64,
    },
    /// An asynchronous event came to its only end.
    EventEnded {
        /// The function's name.
        function: String,
        /// How it ended.
        condition: Condition,
        /// Attempts that reached the function.
        attempts: u64,
    },
    /// The record of an asynchronous event, or the event itself as a dead letter, was delivered or could not be.
    EventSent {
        /// The ARN that it was sent to.
        to: String,
        /// Why it could not be delivered.
        failure: Option<String>,
    },
    /// A fault struck that was asked for.
    FaultInjected {
        /// `throttle`, `kill` and so on.
        fault: String,
        /// The function, bucket or service that it struck.
        at: String,
    },
    /// hardcap itself failed.
    Bug {
        /// The cause.
        cause: String,
    },
}

/// What was seen of one limit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// The largest quantity observed, refused ones included.
    pub highest: u64,
    /// The largest quantity that was admitted.
    pub highest_admitted: u64,
    /// The limit in force when it was last compared.
    pub max: u64,
    /// How often it was compared.
    pub measured: u64,
    /// How often it refused.
    pub refused: u64,
    /// The request that was refused first.
    pub first_refused: Option<String>,
}

/// Sums over all records since the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// By row name, in the order first seen.
    pub limits: IndexMap<RowName, Seen>,
    /// Invocations that ended.
    pub invocations: u64,
    /// Invocations by error type, of those that failed.
    pub faults: IndexMap<String, u64>,
    /// Sandboxes started.
    pub cold_starts: u64,
    /// Invocations refused for want of concurrency.
    pub throttles: u64,
    /// Requests answered by gateways, by status.
    pub answers: IndexMap<u16, u64>,
    /// Asynchronous events.
    pub events: Events,
    /// Faults that struck because they were asked for, by name.
    #[serde(default)]
    pub injected: IndexMap<String, u64>,
    /// Failures of hardcap itself. A run with any is not to be trusted.
    pub bugs: u64,
}

/// Sums over asynchronous events. What was accepted or restored has ended in one of the ways, or is still pending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Accepted in this run.
    pub accepted: u64,
    /// Accepted by an earlier run, and not ended by it.
    pub restored: u64,
    /// Attempts after the first, of all events.
    pub retried: u64,
    /// Ended: the function answered.
    pub delivered: u64,
    /// Ended: every attempt failed.
    pub retries_exhausted: u64,
    /// Ended: they became too old.
    pub aged_out: u64,
    /// Ended: the function's reserved concurrency was 0.
    pub zero_concurrency: u64,
    /// Ended: they would have continued a loop. CloudWatch's `RecursiveInvocationsDropped`.
    pub recursive: u64,
    /// Ended: a fault that was asked for lost them.
    #[serde(default)]
    pub dropped: u64,
    /// Records and dead letters that were delivered.
    pub sent: u64,
    /// Records and dead letters that could not be. CloudWatch's `DestinationDeliveryFailures`.
    pub not_sent: u64,
}

impl Events {
    /// Events that came to an end.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.delivered
            + self.retries_exhausted
            + self.aged_out
            + self.zero_concurrency
            + self.recursive
            + self.dropped
    }

    /// Events that wait or are under way.
    #[must_use]
    pub fn pending(&self) -> u64 {
        (self.accepted + self.restored).saturating_sub(self.ended())
    }

    fn add(&mut self, what: &What) {
        let sum = match what {
            What::EventAccepted { restored: true, .. } => &mut self.restored,
            What::EventAccepted { restored: false, .. } => &mut self.accepted,
            What::EventRetried { .. } => &mut self.retried,
            What::EventSent { failure: None, .. } => &mut self.sent,
            What::EventSent { failure: Some(_), .. } => &mut self.not_sent,
            What::EventEnded { condition, .. } => match condition {
                Condition::Success => &mut self.delivered,
                Condition::RetriesExhausted => &mut self.retries_exhausted,
                Condition::EventAgeExceeded => &mut self.aged_out,
                Condition::ZeroReservedConcurrency => &mut self.zero_concurrency,
                Condition::RecursiveInvocation => &mut self.recursive,
                Condition::Dropped => &mut self.dropped,
            },
            _ => return,
        };
        *sum += 1;
    }
}

/// Where everything is recorded. Cheap to clone; all clones share one store.
#[derive(Clone, Debug)]
pub struct Recorder {
    clock: Clock,
    store: Arc<Mutex<Store>>,
    live: broadcast::Sender<Record>,
}

#[derive(Debug, Default)]
struct Store {
    newest: VecDeque<Record>,
    totals: Totals,
}

impl Recorder {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Clock) -> Recorder {
        let (live, _) = broadcast::channel(1024);
        Recorder { clock, store: Arc::default(), live }
    }

    /// Compares a quantity with a limit and records both.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] when it is over the limit.
    pub fn admit<Q: Quantity>(
        &self,
        request_id: &str,
        limit: &Limit<Q>,
        observed: Q,
    ) -> Result<(), Exceeded> {
        let verdict = limit.admit(observed);
        self.record(
            request_id,
            What::Measured {
                row: limit.row.into(),
                observed: observed.number(),
                max: limit.max.number(),
                admitted: verdict.is_ok(),
            },
        );
        verdict
    }

    /// Records what happened to a request.
    pub fn record(&self, request_id: &str, what: What) {
        let record = Record { at: self.clock.now(), request_id: request_id.to_owned(), what };
        let mut store = self.store();
        store.totals.add(&record);
        if store.newest.len() == KEPT {
            store.newest.pop_front();
        }
        // No watcher is the usual case. One that comes after this look finds the record among the newest.
        let told = (self.live.receiver_count() > 0).then(|| record.clone());
        store.newest.push_back(record);
        drop(store);
        // Last, so that a watcher who is told of it finds it in the sums.
        if let Some(record) = told {
            let _ = self.live.send(record);
        }
    }

    /// The sums so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.store().totals.clone()
    }

    /// The newest records, oldest first, at most 10,000.
    #[must_use]
    pub fn newest(&self) -> Vec<Record> {
        self.store().newest.iter().cloned().collect()
    }

    /// Records from now on. A watcher that is slower than the records misses some, and is told so.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Record> {
        self.live.subscribe()
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.store() = Store::default();
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Totals {
    fn add(&mut self, record: &Record) {
        match &record.what {
            What::Measured { row, observed, max, admitted } => {
                let seen = self.limits.entry(*row).or_default();
                seen.add(*observed, *max, *admitted, &record.request_id);
            }
            What::Answered { status, .. } => *self.answers.entry(*status).or_default() += 1,
            What::Invoked { fault, .. } => {
                self.invocations += 1;
                if let Some(fault) = fault {
                    *self.faults.entry(fault.clone()).or_default() += 1;
                }
            }
            What::ColdStart { .. } => self.cold_starts += 1,
            What::Throttled { .. } => self.throttles += 1,
            What::EventAccepted { .. }
            | What::EventRetried { .. }
            | What::EventEnded { .. }
            | What::EventSent { .. } => self.events.add(&record.what),
            What::FaultInjected { fault, .. } => {
                *self.injected.entry(fault.clone()).or_default() += 1
            }
            What::Bug { .. } => self.bugs += 1,
        }
    }
}

impl Seen {
    fn add(&mut self, observed: u64, max: u64, admitted: bool, request_id: &str) {
        self.max = max;
        self.measured += 1;
        self.highest = self.highest.max(observed);
        if admitted {
            self.highest_admitted = self.highest_admitted.max(observed);
        } else {
            self.refused += 1;
            self.first_refused.get_or_insert_with(|| request_id.to_owned());
        }
    }
}
