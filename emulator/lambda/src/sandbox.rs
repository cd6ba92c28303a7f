//! An execution environment: its processes and its current invocation.
//!
//! A response, an error, an exit and the timeout arrive in separate tasks. The state machine behind the lock lets exactly one
//! of them end the invocation.

mod answers;
mod extensions;
mod injected_kills;
mod observe;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::Millis;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::extensions::ExternalExtension;
pub(super) use self::extensions::ShutdownReason;
pub(super) use self::watch::RuntimeEnd;
use super::Job;
use super::container::Container;
use super::extension::{ExtensionEvent, Extensions, Tracing};
use super::function::{Deployed, SandboxResources};
use super::init::{InitError, InitOutcome};
use super::kernel::{Output, ProcessGroup};
use super::log;
use super::outcome::{AfterRefusal, InvocationEnd};
use super::run::{FirstInit, Measurements, NextEvent, NextReply, Run, finish, whole_millis};
use super::state::{IllegalCall, NextRequest, SandboxState, StateMachine};
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
    runtime: OnceLock<RunningProcess>,
    /// Cancelled when `runtime` is set: a fast function asks for its first event before its start has returned here.
    pub(super) running: CancellationToken,
    externals: Mutex<Vec<Arc<ExternalExtension>>>,
    /// One task per external extension.
    external_tasks: TaskTracker,
    clock: Clock,
    started: Stopwatch,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    machine: StateMachine,
    extensions: Extensions,
    /// The runtime's pending request for an event, while an extension is not ready.
    arrived: Option<NextRequest>,
    /// Set while it is being ended and its extensions shut down.
    shutdown: Option<Shutdown>,
    /// The runtime's request for an event, while it waits for one.
    waiting: Option<oneshot::Sender<NextEvent>>,
    /// The current invocation. After a refused response it stays until the further behaviour of the runtime is known.
    run: Option<Run>,
    /// Receives the end of init.
    initialized: Option<oneshot::Sender<InitOutcome>>,
    home: Option<SandboxResources>,
    /// The maximum memory observed, in bytes, and the time of the last sample.
    peak: u64,
    peak_read: Option<Stopwatch>,
    /// The page faults before the last sample at the end of an invocation.
    peak_faults: Option<u64>,
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
    /// Whether it has had an invocation. Until then it is reserved for the one that it was started for.
    used: bool,
}

/// A running process.
#[derive(Debug)]
pub(super) struct RunningProcess {
    pub(super) group: ProcessGroup,
    pub(super) output: Output,
    /// The container that the process is attached to.
    pub(super) container: Option<Arc<Container>>,
}

/// The shutdown of a sandbox with extensions.
#[derive(Clone, Copy, Debug)]
struct Shutdown {
    reason: ShutdownReason,
    since: Stopwatch,
    /// The maximum duration of the shutdown.
    allowed: Millis,
}

/// The parts of a new sandbox.
#[derive(Debug)]
pub(super) struct SandboxParts {
    pub(super) phase: &'static str,
    pub(super) home: SandboxResources,
    pub(super) serving: CancellationToken,
    pub(super) initialized: oneshot::Sender<InitOutcome>,
}

impl Sandbox {
    pub(super) fn new(function: &Arc<Deployed>, parts: SandboxParts) -> Arc<Sandbox> {
        let clock = function.resources.platform.clock.clone();
        let now = clock.stopwatch();
        let log = Arc::clone(&parts.home.log);
        let inner = Inner {
            machine: StateMachine::new(),
            extensions: Extensions::default(),
            arrived: None,
            shutdown: None,
            waiting: None,
            run: None,
            initialized: Some(parts.initialized),
            peak: 0,
            peak_read: None,
            peak_faults: None,
            memory_checked: None,
            out_of_memory: false,
            since: now,
            since_time: clock.now(),
            allowed: function.function.timeout,
            frozen: false,
            used: false,
            home: Some(parts.home),
        };
        let telemetry = Telemetry::new(&clock, &function.resources.tasks);
        let sandbox = Arc::new(Sandbox {
            id: function.next_id(),
            function: Arc::clone(function),
            log,
            wake: Notify::new(),
            serving: parts.serving,
            telemetry,
            phase: parts.phase,
            runtime: OnceLock::new(),
            running: CancellationToken::new(),
            externals: Mutex::default(),
            external_tasks: TaskTracker::new(),
            started: now,
            clock,
            inner: Mutex::new(inner),
        });
        sandbox.emit_init_start();
        sandbox
    }

    // --- Called for invocations ---

    /// Takes a job, or returns it if the sandbox is not idle.
    pub(super) fn begin(&self, job: Box<Job>, first: Option<FirstInit>) -> Result<(), Box<Job>> {
        let used = match first {
            Some(FirstInit::Inside(used)) => used,
            Some(FirstInit::Init(_)) | None => Duration::ZERO,
        };
        let mut inner = self.lock();
        if inner.arrived.is_some() || !inner.machine.begin(Arc::clone(&job.ctx.request_id)) {
            return Err(job);
        }
        let timeout = self.function.timeout(&job.ctx.limits);
        let left = Millis(timeout.max.0.saturating_sub(whole_millis(used)));
        let hand_over = NextEvent {
            request_id: Arc::clone(&job.ctx.request_id),
            invocation_id: NextEvent::new_invocation_id(job.ctx.limits.date()),
            event: job.event.clone(),
            deadline: self.clock.wall().plus(left),
            trace: Arc::clone(&job.ctx.trace),
            client_context: job.client_context.clone(),
            arn: job.arn.clone(),
        };
        let stopwatch = self.clock.stopwatch();
        inner.since = stopwatch;
        inner.since_time = self.clock.now();
        inner.allowed = left;
        inner.used = true;
        if std::mem::take(&mut inner.frozen) {
            self.thaw();
            self.wake.notify_one();
        }
        let start = self.log.start_line(&self.function.start(&job.ctx));
        let waiting = inner.waiting.take();
        let again = hand_over.clone();
        inner.extensions.invoke(|| self.invoke_notice(&hand_over));
        self.emit_start(&hand_over);
        let request_id = Arc::clone(&hand_over.request_id);
        inner.run = Some(Run { job, hand_over, stopwatch, timeout, first, refused: None });
        self.log.begin(&request_id, start.as_deref(), || {
            // If its connection is closed, the runtime asks again and gets the event then.
            if let Some(waiting) = waiting {
                let _ = waiting.send(again);
            }
        });
        Ok(())
    }

    // --- Called for the runtime ---

    /// The runtime requests an event.
    pub(super) fn next(self: &Arc<Self>) -> Result<NextReply, IllegalCall> {
        let mut inner = self.lock();
        let asked = inner.machine.next()?;
        if asked == NextRequest::Repeat {
            let again = inner.run.as_ref().map(|run| run.hand_over.clone());
            return again.map(NextReply::Now).ok_or(IllegalCall::RequestId);
        }
        let (waiting, event) = oneshot::channel();
        inner.waiting = Some(waiting);
        match asked {
            NextRequest::First => {
                inner.extensions.close();
                self.emit_init_runtime_done("success", None);
            }
            NextRequest::Free => {
                if let Some(run) = inner.run.take() {
                    drop(inner);
                    self.conclude(run, |run| run.ending_of_refused(AfterRefusal::WentOn));
                    inner = self.lock();
                }
            }
            NextRequest::Again | NextRequest::Repeat => return Ok(NextReply::Wait(event)),
        }
        inner.arrived = Some(asked);
        self.arrive(inner);
        Ok(NextReply::Wait(event))
    }

    /// The runtime or an extension requests an event. After all of them have, init or the invocation is over.
    fn arrive(self: &Arc<Self>, mut inner: MutexGuard<'_, Inner>) {
        if !inner.extensions.are_ready() {
            return;
        }
        match inner.arrived.take() {
            Some(NextRequest::First) => {
                let took = self.started.elapsed();
                self.log_extensions(&inner);
                self.emit_init_report(took, "success", None);
                self.telemetry.close_subscriptions();
                let is_received =
                    inner.initialized.take().map(|it| it.send(InitOutcome::Ready(took)).is_ok());
                drop(inner);
                if is_received != Some(true) {
                    self.function.idle(self, false);
                }
            }
            Some(NextRequest::Free) => {
                inner.since = self.clock.stopwatch();
                inner.since_time = self.clock.now();
                drop(inner);
                self.function.idle(self, true);
            }
            Some(NextRequest::Again | NextRequest::Repeat) | None => {}
        }
    }

    /// The runtime reports an init error.
    pub(super) fn init_error(
        &self,
        body: Bytes,
        error_type: Option<String>,
    ) -> Result<(), IllegalCall> {
        let mut inner = self.lock();
        inner.machine.init_failed()?;
        if let Some(initialized) = inner.initialized.take() {
            let _ = initialized.send(InitOutcome::Failed(InitError::Reported { body, error_type }));
        }
        Ok(())
    }

    // --- Internal ---

    /// The state; a runtime that requested an event before its extensions are ready is not idle yet.
    fn state(inner: &Inner) -> SandboxState {
        match inner.arrived {
            Some(NextRequest::First) => SandboxState::Init,
            Some(NextRequest::Free) => SandboxState::Draining,
            Some(NextRequest::Again | NextRequest::Repeat) | None => inner.machine.state(),
        }
    }

    fn die(&self, inner: &mut Inner) -> SandboxState {
        let before = Sandbox::state(inner);
        inner.machine.die();
        inner.arrived = None;
        inner.waiting = None;
        if before == SandboxState::Draining {
            self.function.lost();
        }
        before
    }

    fn is_overdue(&self, inner: &Inner) -> bool {
        inner.since.elapsed_millis() > inner.allowed
    }

    fn invoke_notice(&self, hand_over: &NextEvent) -> ExtensionEvent {
        ExtensionEvent::Invoke {
            deadline_ms: hand_over.deadline.0,
            request_id: hand_over.request_id.to_string(),
            invoked_function_arn: hand_over.arn.to_str().unwrap_or_default().to_owned(),
            tracing: Tracing::of(&hand_over.trace),
        }
    }

    /// Writes the end of an invocation to the log and the records, and replies to its invoker.
    fn conclude(&self, run: Run, ending: impl FnOnce(&Run) -> InvocationEnd) {
        self.drain();
        self.end_lines();
        let ending = ending(&run);
        let observed = run.observed();
        // Only a timeout exceeds the timeout; everything else was in time.
        self.function.admit_time(&run.job.ctx, &run.timeout, observed);
        let ended =
            Measurements { duration: run.duration(), init: run.init(), used_mb: self.used_mb() };
        let (request_id, trace) =
            (Arc::clone(&run.job.ctx.request_id), Arc::clone(&run.job.ctx.trace));
        let outcome = finish(&self.function, &self.log, *run.job, ending, &ended);
        if self.telemetry.is_on() {
            self.emit_end(&request_id, &trace, &ended, &outcome);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
