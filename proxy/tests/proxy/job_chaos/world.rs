//! A simulation of Lambda in virtual time: a queue with every fault, functions that are killed, two sweepers and a client.

mod ports;
mod search;
mod seeded_rng;
mod tasks;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use hardcap_proxy::job::export::{Export, Request, Tools};
use hardcap_proxy::job::memory::{MemoryBlobs, MemoryRows};
use hardcap_proxy::job::{
    Engine, EventState, JobEvent, JobSettings, JobState, Key, Leftovers, NewJob, Row, row_key,
};
use hex::encode;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use ports::ports;
use search::{Documents, export_of};
use seeded_rng::SeededRng;
use tasks::{spawn, wait};

const OWNER: &str = "open";

/// The parameters of a schedule.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The maximum number of faults.
    pub mishaps: u64,
    /// One of this number of calls is killed, fails, or is slow.
    pub one_in: u64,
    /// The timeout of the function.
    pub timeout_ms: u64,
    /// The number of hits.
    pub documents: u64,
    /// Whether the owner cancels the job at some time.
    pub cancels: bool,
    /// Whether the result is compressed.
    pub gzip: bool,
    /// The await, counted over all runs, at which the function that waits there is killed.
    pub killed_at: Option<u64>,
}

impl Plan {
    /// No faults.
    pub(crate) fn calm() -> Plan {
        Plan {
            mishaps: 0,
            one_in: 0,
            timeout_ms: 60_000,
            documents: 120,
            cancels: false,
            gzip: false,
            killed_at: None,
        }
    }

    /// Many faults, depending on the seed.
    pub(crate) fn chaos(seed: u64) -> Plan {
        let mut seeded_rng = SeededRng::new(seed ^ 0xC4A05);
        Plan {
            mishaps: 5 + seeded_rng.below(60),
            one_in: 4 + seeded_rng.below(30),
            timeout_ms: 20_000 + seeded_rng.below(60_000),
            documents: seeded_rng.below(150),
            cancels: seeded_rng.one_in(8),
            gzip: seeded_rng.one_in(3),
            killed_at: None,
        }
    }
}

/// The recorded events of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub runs: u64,
    /// The number of awaits of all runs.
    pub awaits: u64,
    pub kills: u64,
    pub timeouts: u64,
    pub faults: u64,
    pub delays: u64,
    pub doubled: u64,
    pub dropped: u64,
    pub retried: u64,
    pub inline: u64,
    pub stored: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Counts) {
        self.runs += other.runs;
        self.awaits += other.awaits;
        self.kills += other.kills;
        self.timeouts += other.timeouts;
        self.faults += other.faults;
        self.delays += other.delays;
        self.doubled += other.doubled;
        self.dropped += other.dropped;
        self.retried += other.retried;
        self.inline += other.inline;
        self.stored += other.stored;
    }
}

/// The end of a schedule.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub row: Row,
    pub jobs: usize,
    /// The number of written terminal states.
    pub ends: usize,
    pub open_uploads: usize,
    pub objects: Vec<String>,
    pub stored: Option<Bytes>,
    pub expected: Option<Bytes>,
    pub expected_sha256: String,
    /// The number of different objects under the key of the result.
    pub made: usize,
    /// Whether one of them was created after the end of the job.
    pub late: bool,
    pub cancelled: bool,
    pub counts: Counts,
}

/// The shared state of a schedule.
pub(crate) struct World {
    pub plan: Plan,
    pub rows: MemoryRows,
    pub blobs: MemoryBlobs,
    seeded_rng: Mutex<SeededRng>,
    counts: Mutex<Counts>,
    mishaps: AtomicU64,
    served: AtomicU64,
    ends: Mutex<Vec<(JobState, Option<String>)>>,
    made: Mutex<Vec<Made>>,
    settings: JobSettings,
}

/// A created object: its key, its content, and whether the job had ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Made {
    key: String,
    sha256: String,
    late: bool,
}

/// One run of a function, which can be killed.
pub(crate) struct Life {
    kill: Notify,
}

pub(crate) enum Mishap {
    None,
    Kill,
    FailBefore,
    FailAfter,
    Delay(Duration),
}

impl World {
    fn new(seed: u64, plan: Plan) -> Arc<World> {
        let seconds = Duration::from_secs;
        let settings = JobSettings {
            attempts_max: 100,
            revivals_max: 100,
            soft_margin: seconds(12),
            hard_margin: seconds(6),
            queue_patience: seconds(90),
            handover_patience: seconds(30),
            grace: seconds(5),
            ..JobSettings::new(1_500)
        };
        Arc::new(World {
            mishaps: AtomicU64::new(plan.mishaps),
            plan,
            rows: MemoryRows::default(),
            blobs: MemoryBlobs::default(),
            seeded_rng: Mutex::new(SeededRng::new(seed)),
            counts: Mutex::default(),
            served: AtomicU64::new(0),
            ends: Mutex::default(),
            made: Mutex::default(),
            settings,
        })
    }

    pub(crate) fn now(&self) -> u64 {
        1_000_000_000_000 + tasks::now()
    }

    pub(crate) fn roll<T>(&self, roll: impl FnOnce(&mut SeededRng) -> T) -> T {
        roll(&mut self.seeded_rng.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether a fault occurs now.
    pub(crate) fn strikes(&self, one_in: u64) -> bool {
        if one_in == 0 || !self.roll(|seeded_rng| seeded_rng.one_in(one_in)) {
            return false;
        }
        let left = self.mishaps.load(Ordering::Relaxed);
        self.mishaps.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }

    pub(crate) fn mishap(&self) -> Mishap {
        if !self.strikes(self.plan.one_in) {
            return Mishap::None;
        }
        match self.roll(|seeded_rng| seeded_rng.below(10)) {
            0..=2 => Mishap::Kill,
            3..=4 => Mishap::FailBefore,
            5..=7 => Mishap::FailAfter,
            8 => Mishap::Delay(Duration::from_millis(
                self.roll(|seeded_rng| seeded_rng.below(90_000)),
            )),
            _ => Mishap::Delay(Duration::from_millis(
                self.roll(|seeded_rng| seeded_rng.below(2_000)),
            )),
        }
    }

    pub(crate) fn ended(&self, row: &Row) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let end = (row.state, row.result.as_ref().map(|result| result.name.clone()));
        if ends.last() != Some(&end) {
            ends.push(end);
        }
    }

    pub(crate) fn made(&self, key: &str) {
        let (_, bytes) = self.blobs.object(key).expect("it was made just now");
        let late = !self.ends.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        let made = Made { key: key.to_owned(), sha256: encode(Sha256::digest(bytes)), late };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }

    fn engine(self: &Arc<World>, life: &Arc<Life>) -> Engine {
        let search = Arc::new(Documents { world: Arc::clone(self), life: Arc::clone(life) });
        let tools = Tools { search, part_bytes: 400, result_max: 1 << 30 };
        Engine::new(ports(self, life), self.settings.clone()).with::<Export>(tools)
    }

    fn job_row(&self) -> Option<Row> {
        let items = self.rows.items();
        let job = items.iter().find(|item| item.key.starts_with(&row_key("")))?;
        serde_json::from_str(&job.document).ok()
    }

    /// Runs one invocation of a function until it returns, is killed, or times out. `false` if it failed.
    async fn live<T, E, F>(self: &Arc<World>, run: impl FnOnce(Engine) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, E>>,
    {
        let life = Arc::new(Life { kill: Notify::new() });
        let engine = self.engine(&life);
        self.count(|counts| counts.runs += 1);
        let mut work = Box::pin(run(engine));
        let counted = Box::pin(poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            if polled.is_pending() && self.waits_once_more() {
                life.kill.notify_one();
            }
            polled
        }));
        let killed = Box::pin(life.kill.notified());
        let timeout = Box::pin(wait(Duration::from_millis(self.plan.timeout_ms)));
        match select(counted, select(killed, timeout)).await {
            Either::Left((ended, _)) => ended.ok(),
            Either::Right((Either::Left(_), _)) => {
                self.count(|counts| counts.kills += 1);
                None
            }
            Either::Right((Either::Right(_), _)) => {
                self.count(|counts| counts.timeouts += 1);
                None
            }
        }
    }

    /// Counts an await of a run; whether the run is killed there.
    fn waits_once_more(&self) -> bool {
        let mut at = 0;
        self.count(|counts| {
            counts.awaits += 1;
            at = counts.awaits;
        });
        self.plan.killed_at == Some(at)
    }

    fn deadline(&self) -> u64 {
        self.now() + self.plan.timeout_ms
    }

    /// Lambda has accepted an event.
    pub(crate) fn accept(self: &Arc<World>, payload: Bytes) {
        let event: JobEvent = serde_json::from_slice(&payload).expect("the engine sends events");
        let stored = event.state == EventState::Stored;
        self.count(|counts| if stored { counts.stored += 1 } else { counts.inline += 1 });
        if self.strikes(self.plan.one_in * 2) {
            self.count(|counts| counts.dropped += 1);
            return;
        }
        if self.strikes(self.plan.one_in * 2) {
            self.count(|counts| counts.doubled += 1);
            spawn(deliver(Arc::clone(self), payload.clone()));
        }
        spawn(deliver(Arc::clone(self), payload));
    }
}

impl Life {
    /// Never returns, so that the run is dropped here.
    pub(crate) async fn end(&self) -> ! {
        self.kill.notify_one();
        loop {
            std::future::pending::<()>().await;
        }
    }
}

/// The delivery of an event to the function, with Lambda's retries.
async fn deliver(world: Arc<World>, payload: Bytes) {
    let waits = [0, 60_000, 120_000];
    for (tried, base) in waits.into_iter().enumerate() {
        let late = if world.strikes(world.plan.one_in) { 200_000 } else { 1_500 };
        let delay = world.roll(|seeded_rng| seeded_rng.below(late));
        wait(Duration::from_millis(base + delay)).await;
        let deadline = world.deadline();
        let payload = payload.clone();
        let ran = world.live(|engine| async move { engine.run(&payload, deadline).await }).await;
        if ran.is_some() {
            return;
        }
        world.count(|counts| counts.retried += u64::from(tried < 2));
    }
}

/// A sweeper, every half a minute.
async fn sweeps(world: Arc<World>) {
    loop {
        let offset = world.roll(|seeded_rng| seeded_rng.below(1_000));
        wait(Duration::from_millis(29_500 + offset)).await;
        let deadline = world.deadline();
        world.live(|engine| async move { engine.sweep(deadline).await }).await;
    }
}

/// A client.
async fn client(world: Arc<World>) {
    asks(&world).await;
    world.served.store(1, Ordering::Relaxed);
}

/// Repeats the request until the job exists, and may cancel it.
async fn asks(world: &Arc<World>) {
    let search = serde_json::Map::new();
    // A compressed part contains many more hits.
    let gzip = world.plan.gzip;
    let page_size = Some(if gzip { 40 } else { 2 });
    let input = Request { index: "logs".to_owned(), search, page_size, gzip };
    let id = loop {
        let input = &input;
        let key = Some(Key { name: "the-key", fingerprint: "the-request" });
        let create = |engine: Engine| async move {
            engine.create::<Export>(NewJob { owner: OWNER, input, key }).await
        };
        if let Some(row) = world.live(create).await {
            break row.id;
        }
        wait(Duration::from_secs(3)).await;
    };
    if !world.plan.cancels {
        return;
    }
    let patience = world.roll(|seeded_rng| seeded_rng.below(200_000));
    wait(Duration::from_millis(patience)).await;
    let cancel = |engine: Engine| {
        let id = id.clone();
        async move { engine.cancel(OWNER, &id).await }
    };
    while world.live(cancel).await.is_none() {}
}

/// Runs a schedule from the request to the end of all its tasks.
pub(crate) fn run(seed: u64, plan: Plan) -> Outcome {
    tasks::run(async move {
        let world = World::new(seed, plan);
        spawn(sweeps(world.clone()));
        spawn(sweeps(world.clone()));
        spawn(client(world.clone()));
        let settled = |row: Row| row.state.is_terminal() && row.leftovers != Leftovers::All;
        // Twelve hours are far longer than any schedule.
        for _ in 0..(12 * 360) {
            wait(Duration::from_secs(10)).await;
            let served = world.served.load(Ordering::Relaxed) == 1;
            if served && world.job_row().is_some_and(settled) {
                break;
            }
        }
        outcome(&world)
    })
}

fn outcome(world: &Arc<World>) -> Outcome {
    let row = world.job_row().expect("the client knows the job");
    let items = world.rows.items();
    let key = row.result.as_ref().map(|result| format!("{}/{}", row.id, result.name));
    let stored = key.as_ref().and_then(|key| world.blobs.object(key)).map(|(_, bytes)| bytes);
    let expected = export_of(world.plan.documents, world.plan.gzip, stored.as_ref());
    let made = world.made.lock().unwrap_or_else(PoisonError::into_inner);
    // Objects of requests that were never accepted have no row; the bucket's lifecycle deletes them.
    let prefix = format!("{}/", row.id);
    Outcome {
        jobs: items.iter().filter(|item| item.key.starts_with(&row_key(""))).count(),
        ends: world.ends.lock().unwrap_or_else(PoisonError::into_inner).len(),
        open_uploads: world.blobs.open_uploads(),
        objects: world.blobs.keys().into_iter().filter(|key| key.starts_with(&prefix)).collect(),
        expected_sha256: expected
            .as_ref()
            .map(|bytes| encode(Sha256::digest(bytes)))
            .unwrap_or_default(),
        // A put whose response was lost is repeated by the same run with the same bytes, which counts once.
        made: made
            .iter()
            .filter(|made| Some(&made.key) == key.as_ref())
            .collect::<BTreeSet<_>>()
            .len(),
        late: made.iter().any(|made| made.late && Some(&made.key) == key.as_ref()),
        stored,
        expected,
        cancelled: world.plan.cancels,
        counts: world.counts.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        row,
    }
}
