//! An engine in memory with a virtual clock, and a kind of job with every defect.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_proxy::job::memory::{MemoryBlobs, MemoryRows};
use hardcap_proxy::job::ports::{Clock, Invoker, PortError, PortFuture, Ports};
use hardcap_proxy::job::{
    Context, Engine, Job, JobError, JobSettings, Key, NewJob, Output, Row, RunOutcome, Step,
    StepError,
};
use serde::{Deserialize, Serialize};

/// The behaviour of a trial.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Manner {
    /// This number of steps of a second each, each of which adds this number of bytes to the state.
    Steps(u64, usize),
    Endless,
    Hangs,
    Panics,
    Fails(String),
    Falters,
    /// Hangs, and is not repeatable.
    HangsOnce,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub manner: Manner,
    /// A secret that no event may contain.
    pub secret: String,
}

/// A job under test.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Trial {
    steps: u64,
    state: String,
}

impl Job for Trial {
    const KIND: &'static str = "trial";
    type Input = Order;
    type Tools = Arc<Time>;

    async fn step(&mut self, context: &Context<'_, Self>) -> Result<Step, StepError> {
        context.tools.wait(Duration::from_secs(1)).await;
        self.steps += 1;
        match &context.input.manner {
            Manner::Steps(steps, bytes) => {
                self.state.push_str(&"x".repeat(*bytes));
                if self.steps < *steps {
                    return Ok(Step::Continue);
                }
                let text = format!("{} steps", self.steps);
                Ok(Step::Complete(Output::put(context, http::HeaderMap::new(), text.into()).await?))
            }
            Manner::Endless => Ok(Step::Continue),
            Manner::Hangs | Manner::HangsOnce => std::future::pending().await,
            Manner::Panics => panic!("the bug of the trial"),
            Manner::Fails(detail) => Err(JobError::new("trial", "It fails", detail.clone()).into()),
            Manner::Falters => Err(StepError::Again("503".to_owned())),
        }
    }

    fn repeatable(input: &Order) -> bool {
        !matches!(input.manner, Manner::HangsOnce)
    }
}

/// A clock that advances when a task waits.
#[derive(Debug)]
pub(crate) struct Time(AtomicU64);

impl Time {
    pub(crate) fn pass(&self, span: Duration) {
        let span = u64::try_from(span.as_millis()).expect("short");
        self.0.fetch_add(span, Ordering::Relaxed);
    }
}

impl Clock for Time {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn wait(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.pass(span) })
    }
}

/// A simulation of Lambda's queue.
#[derive(Debug)]
pub(crate) struct Lambda {
    /// The errors of the next invocations.
    pub refuses: Mutex<Option<PortError>>,
    /// The largest accepted payload.
    pub max: AtomicU64,
    /// The accepted events that have not run.
    pub events: Mutex<Vec<Bytes>>,
    /// All sent events.
    pub sent: Mutex<Vec<Bytes>>,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Invoker for Lambda {
    fn invoke(&self, payload: Bytes) -> PortFuture<'_, ()> {
        Box::pin(async move {
            locked(&self.sent).push(payload.clone());
            if let Some(error) = locked(&self.refuses).clone() {
                return Err(error);
            }
            if payload.len() as u64 > self.max.load(Ordering::Relaxed) {
                return Err(PortError::TooLarge(format!("{} bytes", payload.len())));
            }
            locked(&self.events).push(payload);
            Ok(())
        })
    }
}

pub(crate) struct Bench {
    pub engine: Engine,
    pub rows: Arc<MemoryRows>,
    pub blobs: Arc<MemoryBlobs>,
    pub lambda: Arc<Lambda>,
    pub time: Arc<Time>,
}

/// The timeout of the function.
pub(crate) const TIMEOUT: u64 = 20_000;

impl Bench {
    pub(crate) fn new(settings: JobSettings) -> Bench {
        let time = Arc::new(Time(AtomicU64::new(1_000_000)));
        let lambda = Lambda {
            refuses: Mutex::default(),
            max: AtomicU64::new(settings.event_max),
            events: Mutex::default(),
            sent: Mutex::default(),
        };
        let lambda = Arc::new(lambda);
        let (rows, blobs) = (Arc::new(MemoryRows::default()), Arc::new(MemoryBlobs::default()));
        let ports = Ports {
            rows: rows.clone(),
            blobs: blobs.clone(),
            invoker: lambda.clone(),
            clock: time.clone(),
        };
        let engine = Engine::new(ports, settings).with::<Trial>(time.clone());
        Bench { engine, rows, blobs, lambda, time }
    }

    pub(crate) async fn create(
        &self,
        manner: Manner,
        key: Option<Key<'_>>,
    ) -> Result<Row, hardcap_proxy::job::CreateError> {
        let input = Order { manner, secret: "canary-7f3a".to_owned() };
        self.engine.create::<Trial>(NewJob { owner: "ada", input: &input, key }).await
    }

    pub(crate) async fn row(&self, id: &str) -> Row {
        self.engine.find("ada", id).await.expect("rows can be read").expect("there is one")
    }

    pub(crate) async fn run(&self, event: &[u8]) -> RunOutcome {
        let deadline = self.time.now() + TIMEOUT;
        self.engine.run(event, deadline).await.expect("the ports work")
    }

    /// Runs all events, including those that they send.
    pub(crate) async fn run_all(&self) {
        loop {
            let event = locked(&self.lambda.events).pop();
            let Some(event) = event else {
                return;
            };
            self.run(&event).await;
        }
    }

    /// Creates a job, runs it to its end, and returns its row.
    pub(crate) async fn ends(&self, manner: Manner) -> Row {
        let row = self.create(manner, None).await.expect("it is taken on");
        self.run_all().await;
        self.row(&row.id).await
    }
}

pub(crate) fn code(row: &Row) -> &str {
    row.error.as_ref().map_or("", |problem| problem.code.as_str())
}
