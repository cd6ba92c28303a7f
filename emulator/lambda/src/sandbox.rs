//! An execution environment: its processes and its current invocation.
//!
//! A response, an error, an exit and the timeout arrive in separate tasks. The state machine behind the lock lets exactly one
//! of them end the invocation.

mod answers;
mod extensions;
mod observe;
mod strikes;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::Millis;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::extensions::External;
pub(super) use self::extensions::Reason;
pub(super) use self::watch::End;
use super::Job;
use super::extension::{Extensions, Notice, Tracing};
use super::function::{Deployed, Home};
use super::init::{InitEnd, InitFailure};
use super::log;
use super::outcome::{Ending, Then};
use super::output::Output;
use super::process::Group;
use super::run::{Ended, First, HandOver, Next, Run, finish, whole_millis};
use super::state::{Asked, Illegal, Machine, State};
use super::telemetry::Telemetry;
use hardcap_core::clock::{Clock, EpochMillis, Stopwatch};

/// The processes that serve invocations one at a time: the runtime and external extensions.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) id: u64,
    pub(super) function: Arc<Deployed>,
    pub(super) log: Arc<log::Log>,
    /// Wakes the supervising task before its next check.
    pub(super) wake: Notify,
    /// Cancelled when its Runtime API ends.
    pub(super) serving: CancellationToken,
    pub(super) telemetry: Telemetry,
    /// `init`, or `invoke` for an init that is repeated within an invocation.
    phase: &'static str,
    /// The runtime's process, once it runs.
    runtime: OnceLock<Running>,
    externals: Mutex<Vec<Arc<External>>>,
    /// One task per external extension.
    external_tasks: TaskTracker,
    clock: Clock,
    started: Stopwatch,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    machine: Machine,
    extensions: Extensions,
    /// The runtime's pending request for an event, while an extension is not ready.
    arrived: Option<Asked>,
    /// Set while it is being ended and its extensions shut down.
    shutdown: Option<Shutdown>,
    /// The runtime's request for an event, while it waits for one.
    waiting: Option<oneshot::Sender<HandOver>>,
    /// The current invocation. After a refused response it stays until the further behaviour of the runtime is known.
    run: Option<Run>,
    /// Receives the end of init.
    initialized: Option<oneshot::Sender<InitEnd>>,
    home: Option<Home>,
    /// The maximum memory observed, in bytes, and the time of the last sample.
    peak: u64,
    peak_read: Option<Stopwatch>,
    /// The time of the last comparison with the function's memory.
    memory_checked: Option<Stopwatch>,
    /// Whether its processes were killed because of their memory use.
    out_of_memory: bool,
    /// The time of the last change of state.
    since: Stopwatch,
    /// The same by the emulator's clock, which can be advanced.
    since_time: EpochMillis,
    /// The maximum time from `since` to the next request for an event.
    allowed: Millis,
    /// Whether its processes are stopped until the next invocation.
    frozen: bool,
}

/// A running process.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) group: Group,
    pub(super) output: Output,
}

/// The shutdown of a sandbox with extensions.
#[derive(Clone, Copy, Debug)]
struct Shutdown {
    reason: Reason,
    since: Stopwatch,
    /// The maximum duration of the shutdown.
    allowed: Millis,
}

/// The parts of a new sandbox.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) phase: &'static str,
    pub(super) home: Home,
    pub(super) serving: CancellationToken,
    pub(super) initialized: oneshot::Sender<InitEnd>,
}

impl Sandbox {
    pub(super) fn new(function: &Arc<Deployed>, parts: Parts) -> Arc<Sandbox> {
        let clock = function.surroundings.platform.clock.clone();
        let now = clock.stopwatch();
        let log = Arc::clone(&parts.home.log);
        let inner = Inner {
            machine: Machine::new(),
            extensions: Extensions::default(),
            arrived: None,
            shutdown: None,
            waiting: None,
            run: None,
            initialized: Some(parts.initialized),
            peak: 0,
            peak_read: None,
            memory_checked: None,
            out_of_memory: false,
            since: now,
            since_time: clock.now(),
            allowed: function.function.timeout,
            frozen: false,
            home: Some(parts.home),
        };
        let telemetry = Telemetry::new(&clock, &function.surroundings.tasks);
        let sandbox = Arc::new(Sandbox {
            id: function.next_id(),
            function: Arc::clone(function),
            log,
            wake: Notify::new(),
            serving: parts.serving,
            telemetry,
            phase: parts.phase,
            runtime: OnceLock::new(),
            externals: Mutex::default(),
            external_tasks: TaskTracker::new(),
            started: now,
            clock,
            inner: Mutex::new(inner),
        });
        sandbox.tell_init_start();
        sandbox
    }

    // --- Called for invocations ---

    /// Takes a job, or returns it if the sandbox is not idle.
    pub(super) fn begin(&self, job: Box<Job>, first: Option<First>) -> Result<(), Box<Job>> {
        let used = match first {
            Some(First::Inside(used)) => used,
            Some(First::Init(_)) | None => Duration::ZERO,
        };
        let mut inner = self.lock();
        if inner.arrived.is_some() || !inner.machine.begin(Arc::clone(&job.ctx.request_id)) {
            return Err(job);
        }
        let timeout = job.ctx.limits.lambda_timeout.lowered_to(self.function.function.timeout);
        let left = Millis(timeout.max.0.saturating_sub(whole_millis(used)));
        let hand_over = HandOver {
            request_id: Arc::clone(&job.ctx.request_id),
            invocation_id: HandOver::new_invocation_id(job.ctx.limits.date()),
            event: job.event.clone(),
            deadline: self.clock.wall().plus(left),
            trace: Arc::clone(&job.ctx.trace),
            client_context: job.client_context.clone(),
        };
        let stopwatch = self.clock.stopwatch();
        inner.since = stopwatch;
        inner.since_time = self.clock.now();
        inner.allowed = left;
        if std::mem::take(&mut inner.frozen) {
            self.thaw();
            self.wake.notify_one();
        }
        let start = log::start_line(&hand_over.request_id);
        let waiting = inner.waiting.take();
        let again = hand_over.clone();
        inner.extensions.invoke(|| self.invoke_notice(&hand_over));
        self.tell_start(&hand_over);
        inner.run = Some(Run { job, hand_over, stopwatch, timeout, first, refused: None });
        self.log.begin(&start, || {
            // If its connection is closed, the runtime asks again and gets the event then.
            if let Some(waiting) = waiting {
                let _ = waiting.send(again);
            }
        });
        Ok(())
    }

    // --- Called for the runtime ---

    /// The runtime requests an event.
    pub(super) fn next(self: &Arc<Self>) -> Result<Next, Illegal> {
        let mut inner = self.lock();
        let asked = inner.machine.next()?;
        if asked == Asked::Repeat {
            let again = inner.run.as_ref().map(|run| run.hand_over.clone());
            return again.map(Next::Now).ok_or(Illegal::RequestId);
        }
        let (waiting, event) = oneshot::channel();
        inner.waiting = Some(waiting);
        match asked {
            Asked::First => {
                inner.extensions.close();
                self.tell_init_runtime_done("success", None);
            }
            Asked::Free => {
                if let Some(run) = inner.run.take() {
                    drop(inner);
                    self.conclude(run, |run| run.ending_of_refused(Then::WentOn));
                    inner = self.lock();
                }
            }
            Asked::Again | Asked::Repeat => return Ok(Next::Wait(event)),
        }
        inner.arrived = Some(asked);
        self.arrive(inner);
        Ok(Next::Wait(event))
    }

    /// The runtime or an extension requests an event. After all of them have, init or the invocation is over.
    fn arrive(self: &Arc<Self>, mut inner: MutexGuard<'_, Inner>) {
        if !inner.extensions.are_ready() {
            return;
        }
        match inner.arrived.take() {
            Some(Asked::First) => {
                let took = self.started.elapsed();
                self.log_extensions(&inner);
                self.tell_init_report(took, "success", None);
                self.telemetry.close_subscriptions();
                let told = inner.initialized.take().map(|it| it.send(InitEnd::Ready(took)).is_ok());
                drop(inner);
                if told != Some(true) {
                    self.function.idle(self, false);
                }
            }
            Some(Asked::Free) => {
                inner.since = self.clock.stopwatch();
                inner.since_time = self.clock.now();
                drop(inner);
                self.function.idle(self, true);
            }
            Some(Asked::Again | Asked::Repeat) | None => {}
        }
    }

    /// The runtime reports an init error.
    pub(super) fn init_error(
        &self,
        body: Bytes,
        error_type: Option<String>,
    ) -> Result<(), Illegal> {
        let mut inner = self.lock();
        inner.machine.init_failed()?;
        if let Some(initialized) = inner.initialized.take() {
            let _ = initialized.send(InitEnd::Failed(InitFailure::Reported { body, error_type }));
        }
        Ok(())
    }

    // --- Internal ---

    /// The state; a runtime that requested an event before its extensions are ready is not idle yet.
    fn state(inner: &Inner) -> State {
        match inner.arrived {
            Some(Asked::First) => State::Init,
            Some(Asked::Free) => State::Draining,
            Some(Asked::Again | Asked::Repeat) | None => inner.machine.state(),
        }
    }

    fn die(&self, inner: &mut Inner) -> State {
        let before = Sandbox::state(inner);
        inner.machine.die();
        inner.arrived = None;
        inner.waiting = None;
        if before == State::Draining {
            self.function.lost();
        }
        before
    }

    fn is_overdue(&self, inner: &Inner) -> bool {
        inner.since.elapsed_millis() > inner.allowed
    }

    fn invoke_notice(&self, hand_over: &HandOver) -> Notice {
        Notice::Invoke {
            deadline_ms: hand_over.deadline.0,
            request_id: hand_over.request_id.to_string(),
            invoked_function_arn: self.function.arn.to_str().unwrap_or_default().to_owned(),
            tracing: Tracing::of(&hand_over.trace),
        }
    }

    /// Writes the end of an invocation to the log and the records, and replies to its invoker.
    fn conclude(&self, run: Run, ending: impl FnOnce(&Run) -> Ending) {
        self.drain();
        self.end_lines();
        let ending = ending(&run);
        let observed = run.observed();
        // Only a timeout exceeds the timeout; everything else was in time.
        let _ = run.job.ctx.admit(&run.timeout, observed);
        let ended = Ended { duration: run.duration(), init: run.init(), used_mb: self.used_mb() };
        let (request_id, trace) =
            (Arc::clone(&run.job.ctx.request_id), Arc::clone(&run.job.ctx.trace));
        let outcome = finish(&self.function, &self.log, *run.job, ending, &ended);
        if self.telemetry.is_on() {
            self.tell_end(&request_id, &trace, &ended, &outcome);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
