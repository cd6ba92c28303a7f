//! One execution environment: its processes, the invocation it is busy with, and what happens between the two.
//!
//! Everything that can end an invocation (an answer, an error, an exit, the timeout) comes here on a task of its own; the
//! state machine behind the lock lets exactly one of them win, and the winner concludes the invocation.

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

/// Processes that serve invocations, one at a time: the runtime, and external extensions beside it.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) id: u64,
    pub(super) function: Arc<Deployed>,
    pub(super) log: Arc<log::Log>,
    /// Wakes whoever looks after it before its time.
    pub(super) wake: Notify,
    /// Cancelled when its Runtime API ends.
    pub(super) serving: CancellationToken,
    pub(super) telemetry: Telemetry,
    /// `init`, or `invoke` when init is done once more inside of an invocation.
    phase: &'static str,
    /// The runtime's process, once it runs.
    runtime: OnceLock<Running>,
    externals: Mutex<Vec<Arc<External>>>,
    /// One task for each external extension.
    external_tasks: TaskTracker,
    clock: Clock,
    started: Stopwatch,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    machine: Machine,
    extensions: Extensions,
    /// The runtime asks for an event, and an extension is not ready yet: what it meant.
    arrived: Option<Asked>,
    /// It is being ended, and its extensions have some time for it.
    shutdown: Option<Shutdown>,
    /// The runtime's request for an event, while it waits for one.
    waiting: Option<oneshot::Sender<HandOver>>,
    /// The invocation under way. After its answer was refused it stays here until it is known what the runtime does then.
    run: Option<Run>,
    /// Whoever waits for the end of init.
    initialized: Option<oneshot::Sender<InitEnd>>,
    home: Option<Home>,
    /// The most memory seen, in bytes, and when.
    peak: u64,
    peak_read: Option<Stopwatch>,
    /// When it was compared with what the function may use.
    memory_checked: Option<Stopwatch>,
    /// Whether its processes were killed for the memory that they used.
    out_of_memory: bool,
    /// Since when it has been in its state.
    since: Stopwatch,
    /// The same by the emulator's clock, which can be advanced.
    since_time: EpochMillis,
    /// How long it may take from `since` to ask for the next event.
    allowed: Millis,
    /// Its processes are stopped until the next invocation.
    frozen: bool,
}

/// A process that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) group: Group,
    pub(super) output: Output,
}

/// The end of a sandbox that has extensions.
#[derive(Clone, Copy, Debug)]
struct Shutdown {
    reason: Reason,
    since: Stopwatch,
    /// How long all of it may take.
    allowed: Millis,
}

/// The parts of a sandbox whose processes are about to be started.
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

    // --- What invocations ask of it ---

    /// Takes a job, or gives it back because the sandbox is not idle (any more).
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
            // When its connection is gone it asks again, and gets the event then.
            if let Some(waiting) = waiting {
                let _ = waiting.send(again);
            }
        });
        Ok(())
    }

    // --- What the runtime asks of it ---

    /// The runtime asks for an event.
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

    /// The runtime or an extension asks for an event: when all of them do, init or the invocation is over.
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

    /// The runtime says that its init failed.
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

    // --- How it does that ---

    /// The state, in which a runtime that is ahead of its extensions has not arrived yet.
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

    /// Writes the end of an invocation to the log and the records, and tells its invoker.
    fn conclude(&self, run: Run, ending: impl FnOnce(&Run) -> Ending) {
        self.drain();
        self.end_lines();
        let ending = ending(&run);
        let observed = run.observed();
        // A timeout has been over its limit by definition; everything else was in time.
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
