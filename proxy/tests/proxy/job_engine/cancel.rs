//! Tests of cancellation: a cancelled job stops its work and cleans up at the upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join;
use hardcap_proxy::job::memory::{MemoryBlobs, MemoryRows};
use hardcap_proxy::job::ports::{Clock as _, Invoker, PortFuture, Ports, SystemClock};
use hardcap_proxy::job::{
    Context, Engine, Job, JobError, JobSettings, JobState, NewJob, RunOutcome, Step, StepError,
};
use serde::{Deserialize, Serialize};

use super::bench::locked;

/// The behaviour of the job's step.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Order {
    Waits,
    Fails,
}

/// A job that holds a resource from its first step on, as an export holds a point in time.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Holder {
    holds: bool,
}

#[derive(Debug, Default)]
struct Tools {
    began: tokio::sync::Notify,
    clean_up: AtomicU64,
}

impl Job for Holder {
    const KIND: &'static str = "holder";
    type Input = Order;
    type Tools = Arc<Tools>;

    async fn step(&mut self, context: &Context<'_, Self>) -> Result<Step, StepError> {
        self.holds = true;
        context.tools.began.notify_one();
        match context.input {
            Order::Waits => std::future::pending().await,
            Order::Fails => Err(JobError::new("trial", "It fails", "for the test").into()),
        }
    }

    async fn clean_up(&mut self, tools: &Arc<Tools>) {
        tools.clean_up.fetch_add(u64::from(self.holds), Ordering::Relaxed);
    }
}

/// The sent events.
#[derive(Debug, Default)]
struct Events(std::sync::Mutex<Vec<bytes::Bytes>>);

impl Invoker for Events {
    fn invoke(&self, payload: bytes::Bytes) -> PortFuture<'_, ()> {
        Box::pin(async move {
            locked(&self.0).push(payload);
            Ok(())
        })
    }
}

struct Stage {
    engine: Engine,
    events: Arc<Events>,
    tools: Arc<Tools>,
}

fn stage() -> Stage {
    let events = Arc::new(Events::default());
    let tools = Arc::new(Tools::default());
    let ports = Ports {
        rows: Arc::new(MemoryRows::default()),
        blobs: Arc::new(MemoryBlobs::default()),
        invoker: events.clone(),
        clock: Arc::new(SystemClock),
    };
    let settings =
        JobSettings { watch_every: Duration::from_millis(50), ..JobSettings::new(100_000) };
    let engine = Engine::new(ports, settings).with::<Holder>(tools.clone());
    Stage { engine, events, tools }
}

#[tokio::test]
async fn a_step_ends_soon_after_cancellation_and_cleans_up() {
    let Stage { engine, events, tools } = stage();
    let new = NewJob { owner: "ada", input: &Order::Waits, key: None };
    let row = engine.create::<Holder>(new).await.expect("it is taken on");
    let event = locked(&events.0).pop().expect("an event");
    let start = SystemClock.now();
    let run = engine.run(&event, start + 900_000);
    let cancel = async {
        tools.began.notified().await;
        engine.cancel("ada", &row.id).await.expect("the ports work").expect("it is there")
    };
    let (ran, cancelled) = join(run, cancel).await;
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert!(matches!(ran, Ok(RunOutcome::Skipped(_))), "{ran:?}");
    let spent = SystemClock.now() - start;
    assert!(spent < 60_000, "{spent} ms of a run of 900 s, looked at every 50 ms");
    assert_eq!(tools.clean_up.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_failed_job_cleans_up() {
    let Stage { engine, events, tools } = stage();
    let new = NewJob { owner: "ada", input: &Order::Fails, key: None };
    let row = engine.create::<Holder>(new).await.expect("it is taken on");
    let event = locked(&events.0).pop().expect("an event");
    assert_eq!(
        engine.run(&event, SystemClock.now() + 900_000).await.expect("the ports work"),
        RunOutcome::Ended
    );
    let row = engine.find("ada", &row.id).await.expect("rows can be read").expect("there is one");
    assert_eq!(row.state, JobState::Failed);
    assert_eq!(tools.clean_up.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_run_that_is_cut_off_does_not_clean_up() {
    let Stage { engine, events, tools } = stage();
    let new = NewJob { owner: "ada", input: &Order::Waits, key: None };
    engine.create::<Holder>(new).await.expect("it is taken on");
    let event = locked(&events.0).pop().expect("an event");
    let ran = engine.run(&event, SystemClock.now() + 400).await.expect("the ports work");
    assert_eq!(ran, RunOutcome::HandedOver);
    assert_eq!(tools.clean_up.load(Ordering::Relaxed), 0);
}
