//! Records of a run: measured quantities, cold starts, throttles, injected faults. The newest are kept; all are summed as they
//! arrive.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardcap_limits::{Exceeded, Limit, Limits, Quantity, Row};
use indexmap::IndexMap;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::{broadcast, watch};

use crate::clock::{Clock, EpochMillis};
use crate::payloads::Payloads;

/// The number of kept records. Older ones remain only in the sums.
const KEPT: usize = 10_000;

/// The name of a row of the limits table. An unknown name is a deserialization error.
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

/// The condition with which an asynchronous event ended, in AWS's words where they were recorded (2025-11-24 to 2025-11-27).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Condition {
    /// The function succeeded.
    Success,
    /// The function failed, and no attempt was left.
    RetriesExhausted,
    /// The next attempt would have exceeded the maximum event age.
    EventAgeExceeded,
    /// The function's reserved concurrency is 0, so it was not invoked.
    ZeroReservedConcurrency,
    /// The event would have continued a recursive loop. UNCONFIRMED: AWS's word for this condition.
    RecursiveInvocation,
    /// An injected fault lost the event. AWS has no such condition, and no destination gets a record.
    Dropped,
}

impl Condition {
    /// The spelling in destination records.
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

/// One recorded observation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The time.
    pub at: EpochMillis,
    /// The request.
    pub request_id: String,
    /// The observation.
    #[serde(flatten)]
    pub what: Observation,
}

/// An observation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Observation {
    /// A quantity was compared with a limit.
    Measured {
        /// The row's name.
        row: RowName,
        /// The measured quantity, in the row's unit.
        observed: u64,
        /// The limit in force.
        max: u64,
        /// False if it was refused.
        admitted: bool,
    },
    /// A gateway answered a request.
    Answered {
        /// The API's or function URL's logical id.
        api: String,
        /// `GET`.
        method: String,
        /// The path, without its query.
        path: String,
        /// The status of the response.
        status: u16,
        /// The duration, in milliseconds.
        millis: u64,
    },
    /// An invocation of a function ended.
    Invoked {
        /// The function's name.
        function: String,
        /// The size of the event, in bytes.
        event: u64,
        /// The size of the response, in bytes.
        answer: u64,
        /// Whether the response was streamed.
        streamed: bool,
        /// The duration of the invocation, in milliseconds.
        millis: u64,
        /// The error type, if the function failed.
        fault: Option<String>,
    },
    /// A sandbox was started.
    ColdStart {
        /// The function's name.
        function: String,
        /// The duration of init, in milliseconds.
        millis: u64,
    },
    /// An invocation was throttled.
    Throttled {
        /// The function's name.
        function: String,
    },
    /// An asynchronous event was accepted, or restored from the data directory at the start.
    EventAccepted {
        /// The function's name.
        function: String,
        /// The size of the event, in bytes.
        event: u64,
        /// True if an earlier run accepted it.
        restored: bool,
    },
    /// An asynchronous event will be retried.
    EventRetried {
        /// The function's name.
        function: String,
        /// The delay before the retry, in milliseconds.
        wait: u64,
    },
    /// An asynchronous event ended. Every event ends once.
    EventEnded {
        /// The function's name.
        function: String,
        /// The condition with which it ended.
        condition: Condition,
        /// The number of attempts that reached the function.
        attempts: u64,
    },
    /// A destination record or a dead letter was delivered, or its delivery failed.
    EventSent {
        /// The ARN of the target.
        to: String,
        /// The reason of a failed delivery.
        failure: Option<String>,
    },
    /// A fault was injected.
    FaultInjected {
        /// The kind of fault: `throttle`, `kill` and so on.
        fault: String,
        /// The function, bucket or service that it affected.
        subject: String,
    },
    /// hardcap itself failed.
    Bug {
        /// The cause.
        cause: String,
    },
}

/// The use of one limit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LimitUse {
    /// The largest observed quantity, including refused ones.
    pub highest: u64,
    /// The largest admitted quantity.
    pub highest_admitted: u64,
    /// The limit at the last comparison.
    pub max: u64,
    /// The number of comparisons.
    pub measured: u64,
    /// The number of refusals.
    pub refused: u64,
    /// The id of the first refused request.
    pub first_refused: Option<String>,
    /// The route of that request, such as `GET /hello of Api`, if it came through a gateway that has responded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_refused_route: Option<String>,
    /// The function of that request, if it reached one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_refused_function: Option<String>,
}

/// Sums over all records since the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// The use of each limit by row name, in order of appearance.
    pub limits: IndexMap<RowName, LimitUse>,
    /// Invocations that ended.
    pub invocations: u64,
    /// Failed invocations by error type.
    pub faults: IndexMap<String, u64>,
    /// Sandboxes started.
    pub cold_starts: u64,
    /// Throttled invocations.
    pub throttles: u64,
    /// Responses of gateways by status.
    pub answers: IndexMap<u16, u64>,
    /// Asynchronous events.
    pub events: EventTotals,
    /// Injected faults by kind.
    #[serde(default)]
    pub injected: IndexMap<String, u64>,
    /// Internal errors of hardcap. If there are any, the results of the run are unreliable.
    pub bugs: u64,
}

/// Sums over asynchronous events. Each accepted or restored event has ended in one of these ways or is pending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTotals {
    /// Accepted in this run.
    pub accepted: u64,
    /// Accepted by an earlier run and not ended by it.
    pub restored: u64,
    /// Retries of all events.
    pub retried: u64,
    /// Ended: the function succeeded.
    pub delivered: u64,
    /// Ended: every attempt failed.
    pub retries_exhausted: u64,
    /// Ended: the maximum age was exceeded.
    pub aged_out: u64,
    /// Ended: the function's reserved concurrency was 0.
    pub zero_concurrency: u64,
    /// Ended: recursive loop. CloudWatch's `RecursiveInvocationsDropped`.
    pub recursive: u64,
    /// Ended: lost by an injected fault.
    #[serde(default)]
    pub dropped: u64,
    /// Delivered destination records and dead letters.
    pub sent: u64,
    /// Failed deliveries. CloudWatch's `DestinationDeliveryFailures`.
    pub not_sent: u64,
}

impl EventTotals {
    /// Ended events.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.delivered
            + self.retries_exhausted
            + self.aged_out
            + self.zero_concurrency
            + self.recursive
            + self.dropped
    }

    /// EventTotals that wait or are under way.
    #[must_use]
    pub fn pending(&self) -> u64 {
        (self.accepted + self.restored).saturating_sub(self.ended())
    }

    fn add(&mut self, what: &Observation) {
        let sum = match what {
            Observation::EventAccepted { restored: true, .. } => &mut self.restored,
            Observation::EventAccepted { restored: false, .. } => &mut self.accepted,
            Observation::EventRetried { .. } => &mut self.retried,
            Observation::EventSent { failure: None, .. } => &mut self.sent,
            Observation::EventSent { failure: Some(_), .. } => &mut self.not_sent,
            Observation::EventEnded { condition, .. } => match condition {
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

/// A run: the records from the start, or from a reset, to the next reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// A UUID, unique to this run.
    pub id: Arc<str>,
    /// When it began.
    pub began: EpochMillis,
}

/// The records of a run from its beginning, as far as they are kept, and every one from then on.
#[derive(Debug)]
pub struct Followed {
    /// The run.
    pub run: Run,
    /// The newest records so far, oldest first, at most 10,000.
    pub kept: Vec<Record>,
    /// The records after those. A receiver that is slower than the records gets an error with the number of missed ones.
    pub live: broadcast::Receiver<Record>,
    /// Changes when another run begins; the records of that one need a new [`Recorder::follow`].
    pub runs: watch::Receiver<Run>,
}

/// Records observations. Cheap to clone; all clones share one store.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// The first bytes of what the newest requests carried.
    pub payloads: Payloads,
    clock: Clock,
    store: Arc<Mutex<RecordStore>>,
    live: broadcast::Sender<Record>,
    runs: Arc<watch::Sender<Run>>,
}

#[derive(Debug, Default)]
struct RecordStore {
    newest: VecDeque<Record>,
    totals: Totals,
}

impl Recorder {
    /// An empty recorder.
    #[must_use]
    pub fn new(clock: Clock) -> Recorder {
        let (live, _) = broadcast::channel(1024);
        let (runs, _) = watch::channel(new_run(&clock));
        let payloads = Payloads::default();
        Recorder { payloads, clock, store: Arc::default(), live, runs: Arc::new(runs) }
    }

    /// Compares a quantity with a limit and records both.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] if the quantity is over the limit.
    pub fn admit<Q: Quantity>(
        &self,
        request_id: &str,
        limit: &Limit<Q>,
        observed: Q,
    ) -> Result<(), Exceeded> {
        let verdict = limit.admit(observed);
        self.record(
            request_id,
            Observation::Measured {
                row: limit.row.into(),
                observed: observed.number(),
                max: limit.max.number(),
                admitted: verdict.is_ok(),
            },
        );
        verdict
    }

    /// Records an observation for a request.
    pub fn record(&self, request_id: &str, what: Observation) {
        let record = Record { at: self.clock.now(), request_id: request_id.to_owned(), what };
        let mut store = self.store();
        store.totals.add(&record);
        if store.newest.len() == KEPT {
            store.newest.pop_front();
        }
        // Under the lock, so that a watcher gets each record once: among the newest, or live. No watcher is the usual case.
        if self.live.receiver_count() > 0 {
            let _ = self.live.send(record.clone());
        }
        store.newest.push_back(record);
    }

    /// The run that is being recorded.
    #[must_use]
    pub fn run(&self) -> Run {
        self.runs.borrow().clone()
    }

    /// What is kept of one request, oldest first.
    #[must_use]
    pub fn of_request(&self, request_id: &str) -> Vec<Record> {
        let store = self.store();
        store.newest.iter().filter(|record| record.request_id == request_id).cloned().collect()
    }

    /// The run so far, and every record from now on, without a gap between them.
    #[must_use]
    pub fn follow(&self) -> Followed {
        let store = self.store();
        let runs = self.runs.subscribe();
        Followed {
            run: self.run(),
            kept: store.newest.iter().cloned().collect(),
            live: self.live.subscribe(),
            runs,
        }
    }

    /// The sums so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.store().totals.clone()
    }

    /// The newest records, oldest first; at most 10,000.
    #[must_use]
    pub fn newest(&self) -> Vec<Record> {
        self.store().newest.iter().cloned().collect()
    }

    /// A receiver of all later records. A watcher that lags behind misses some, and receives an error that says so.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Record> {
        self.live.subscribe()
    }

    /// Removes all records and sums, and begins another run.
    pub fn reset(&self) {
        let mut store = self.store();
        *store = RecordStore::default();
        self.payloads.clear();
        self.runs.send_replace(new_run(&self.clock));
    }

    fn store(&self) -> MutexGuard<'_, RecordStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_run(clock: &Clock) -> Run {
    Run { id: uuid::Uuid::new_v4().to_string().into(), began: clock.now() }
}

impl Totals {
    /// The limits that refused this request first.
    fn refused_first(&mut self, request_id: &str) -> impl Iterator<Item = &mut LimitUse> {
        let limits = self.limits.values_mut();
        limits.filter(move |used| used.first_refused.as_deref() == Some(request_id))
    }

    fn add(&mut self, record: &Record) {
        match &record.what {
            Observation::Measured { row, observed, max, admitted } => {
                let seen = self.limits.entry(*row).or_default();
                seen.add(*observed, *max, *admitted, &record.request_id);
            }
            Observation::Answered { status, api, method, path, .. } => {
                *self.answers.entry(*status).or_default() += 1;
                for refused in self.refused_first(&record.request_id) {
                    let route = &mut refused.first_refused_route;
                    route.get_or_insert_with(|| format!("{method} {path} of {api}"));
                }
            }
            Observation::Invoked { function, fault, .. } => {
                for refused in self.refused_first(&record.request_id) {
                    refused.first_refused_function.get_or_insert_with(|| function.clone());
                }
                self.invocations += 1;
                if let Some(fault) = fault {
                    *self.faults.entry(fault.clone()).or_default() += 1;
                }
            }
            Observation::ColdStart { .. } => self.cold_starts += 1,
            Observation::Throttled { .. } => self.throttles += 1,
            Observation::EventAccepted { .. }
            | Observation::EventRetried { .. }
            | Observation::EventEnded { .. }
            | Observation::EventSent { .. } => self.events.add(&record.what),
            Observation::FaultInjected { fault, .. } => {
                *self.injected.entry(fault.clone()).or_default() += 1
            }
            Observation::Bug { .. } => self.bugs += 1,
        }
    }
}

impl LimitUse {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cold_start() -> Observation {
        Observation::ColdStart { function: "f".to_owned(), millis: 1 }
    }

    #[tokio::test]
    async fn a_follower_receives_every_record_of_a_run_once_and_those_of_the_next_run() {
        let recorder = Recorder::new(Clock::default());
        recorder.record("before", cold_start());
        let mut followed = recorder.follow();
        recorder.record("after", cold_start());
        let ids: Vec<_> = followed.kept.iter().map(|record| record.request_id.as_str()).collect();
        assert_eq!(ids, ["before"]);
        assert_eq!(followed.live.recv().await.expect("it was sent").request_id, "after");
        assert!(!followed.runs.has_changed().expect("the recorder lives"));

        recorder.payloads.keep("after", crate::payloads::Part::Event, b"{}");
        recorder.reset();
        assert!(followed.runs.has_changed().expect("the recorder lives"));
        assert_ne!(recorder.run().id, followed.run.id);
        assert!(recorder.follow().kept.is_empty());
        assert!(recorder.payloads.of("after").is_empty());
    }

    /// One observation of each kind. The match fails to compile when a kind is added: add it to the list too.
    fn one_of_each_kind() -> Vec<Observation> {
        let text = || "f".to_owned();
        let row = RowName("lambda_sync_response");
        let all = vec![
            Observation::Measured { row, observed: 1, max: 2, admitted: true },
            Observation::Answered {
                api: text(),
                method: text(),
                path: text(),
                status: 200,
                millis: 1,
            },
            Observation::Invoked {
                function: text(),
                event: 1,
                answer: 1,
                streamed: false,
                millis: 1,
                fault: Some(text()),
            },
            cold_start(),
            Observation::Throttled { function: text() },
            Observation::EventAccepted { function: text(), event: 1, restored: false },
            Observation::EventRetried { function: text(), wait: 1 },
            Observation::EventEnded {
                function: text(),
                condition: Condition::Success,
                attempts: 1,
            },
            Observation::EventSent { to: text(), failure: None },
            Observation::FaultInjected { fault: text(), subject: text() },
            Observation::Bug { cause: text() },
        ];
        for observation in &all {
            match observation {
                Observation::Measured { .. }
                | Observation::Answered { .. }
                | Observation::Invoked { .. }
                | Observation::ColdStart { .. }
                | Observation::Throttled { .. }
                | Observation::EventAccepted { .. }
                | Observation::EventRetried { .. }
                | Observation::EventEnded { .. }
                | Observation::EventSent { .. }
                | Observation::FaultInjected { .. }
                | Observation::Bug { .. } => {}
            }
        }
        all
    }

    /// The keys of a JSON object, in their order, repeated ones included.
    struct Keys(Vec<String>);

    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Keys, D::Error> {
            struct Objects;
            impl<'de> serde::de::Visitor<'de> for Objects {
                type Value = Keys;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<M: serde::de::MapAccess<'de>>(
                    self,
                    mut map: M,
                ) -> Result<Keys, M::Error> {
                    let mut keys = Vec::new();
                    while let Some((key, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                        keys.push(key);
                    }
                    Ok(Keys(keys))
                }
            }
            from.deserialize_map(Objects)
        }
    }

    #[test]
    fn the_json_of_every_record_has_each_key_once_and_is_read_again() {
        for what in one_of_each_kind() {
            let record = Record { at: EpochMillis(1), request_id: "r".to_owned(), what };
            let text = serde_json::to_string(&record).expect("JSON");
            let Keys(keys) = serde_json::from_str(&text).expect("an object");
            let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
            assert_eq!(distinct.len(), keys.len(), "{text}");
            let read: Record = serde_json::from_str(&text).expect(&text);
            assert_eq!(serde_json::to_string(&read).expect("JSON"), text);
        }
    }

    #[test]
    fn the_records_of_a_request_are_found_among_those_of_others() {
        let recorder = Recorder::new(Clock::default());
        for id in ["a", "b", "a"] {
            recorder.record(id, cold_start());
        }
        assert_eq!(recorder.of_request("a").len(), 2);
        assert!(recorder.of_request("c").is_empty());
    }
}
