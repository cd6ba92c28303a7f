//! One execution environment: a process, the invocation it is busy with, and what happens between the two.
//!
//! Everything that can end an invocation (an answer, an error, an exit, the timeout) comes here on a task of its own; the
//! state machine behind the lock lets exactly one of them win, and the winner concludes the invocation.

mod answers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::Millis;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::Job;
use super::function::{Deployed, Home};
use super::init::{InitEnd, InitFailure};
use super::log;
use super::memory;
use super::outcome::{Ending, Then};
use super::output::Output;
use super::process::{Exit, Group};
use super::run::{Ended, First, HandOver, Next, Run, finish, whole_millis};
use super::state::{Asked, Illegal, Machine, State};
use crate::clock::{Clock, Stopwatch};

/// How old a reading of the memory may be when an invocation ends: a function cannot fill much in that time.
const MEMORY_FRESH: Duration = Duration::from_millis(5);
/// A sandbox that has lived so long is ended when it is idle, well before its credentials expire.
const LIFE: Duration = Duration::from_secs(6 * 60 * 60);
const MIB: u64 = 1024 * 1024;

/// A process that serves invocations, one at a time.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) id: u64,
    pub(super) function: Arc<Deployed>,
    pub(super) log: Arc<log::Log>,
    pub(super) output: Output,
    /// Wakes the supervisor before its time.
    pub(super) wake: Notify,
    /// Cancelled when its Runtime API ends.
    pub(super) serving: CancellationToken,
    group: Group,
    access_key_id: String,
    clock: Clock,
    started: Stopwatch,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    machine: Machine,
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
    /// Since when it has been in its state.
    since: Stopwatch,
    /// How long it may take from `since` to ask for the next event.
    allowed: Millis,
    /// The supervisor sleeps for long, because nothing was going on.
    resting: bool,
}

/// The parts of a sandbox whose process has just started.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) group: Group,
    pub(super) output: Output,
    pub(super) home: Home,
    pub(super) access_key_id: String,
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
            waiting: None,
            run: None,
            initialized: Some(parts.initialized),
            peak: 0,
            peak_read: None,
            since: now,
            allowed: function.function.timeout,
            resting: false,
            home: Some(parts.home),
        };
        Arc::new(Sandbox {
            id: function.next_id(),
            function: Arc::clone(function),
            log,
            output: parts.output,
            wake: Notify::new(),
            serving: parts.serving,
            group: parts.group,
            access_key_id: parts.access_key_id,
            started: now,
            clock,
            inner: Mutex::new(inner),
        })
    }

    // --- What invocations ask of it ---

    /// Takes a job, or gives it back because the sandbox is not idle (any more).
    pub(super) fn begin(&self, job: Box<Job>, first: Option<First>) -> Result<(), Box<Job>> {
        let used = match first {
            Some(First::Inside(used)) => used,
            Some(First::Init(_)) | None => Duration::ZERO,
        };
        let mut inner = self.lock();
        if !inner.machine.begin(Arc::clone(&job.ctx.request_id)) {
            return Err(job);
        }
        let timeout = job.ctx.limits.lambda_timeout.lowered_to(self.function.function.timeout);
        let left = Millis(timeout.max.0.saturating_sub(whole_millis(used)));
        let hand_over = HandOver {
            request_id: Arc::clone(&job.ctx.request_id),
            event: job.event.clone(),
            deadline: self.clock.wall().plus(left),
            trace: Arc::clone(&job.ctx.trace),
            client_context: job.client_context.clone(),
        };
        let stopwatch = self.clock.stopwatch();
        inner.since = stopwatch;
        inner.allowed = left;
        let start = log::start_line(&hand_over.request_id);
        let waiting = inner.waiting.take();
        let again = hand_over.clone();
        inner.run = Some(Run { job, hand_over, stopwatch, timeout, first, refused: None });
        self.log.begin(&start, || {
            // When its connection is gone it asks again, and gets the event then.
            let _ = waiting.map(|waiting| waiting.send(again));
        });
        if std::mem::take(&mut inner.resting) {
            self.wake.notify_one();
        }
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
                let took = self.started.elapsed();
                let told = inner.initialized.take().map(|it| it.send(InitEnd::Ready(took)).is_ok());
                drop(inner);
                if told != Some(true) {
                    self.function.idle(self, false);
                }
            }
            Asked::Free => {
                inner.since = self.clock.stopwatch();
                let refused = inner.run.take();
                drop(inner);
                if let Some(run) = refused {
                    self.conclude(run, |run| run.ending_of_refused(Then::WentOn));
                }
                self.function.idle(self, true);
            }
            Asked::Again | Asked::Repeat => {}
        }
        Ok(Next::Wait(event))
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

    // --- What the supervisor finds ---

    /// Looks after it: ends an invocation whose time is over, a process that takes too much memory, a sandbox that nobody
    /// has used for long. Returns how long nothing else needs a look.
    pub(super) fn look_after(&self, tick: Millis, idle_life: Millis) -> Millis {
        let mut inner = self.lock();
        let elapsed = inner.since.elapsed_millis();
        match inner.machine.state() {
            State::Busy | State::Streaming | State::Draining if self.is_overdue(&inner) => {
                drop(inner);
                self.time_out();
                idle_life
            }
            State::Init | State::Busy | State::Streaming | State::Draining => {
                self.check_memory(&mut inner);
                let left = inner.allowed.0.saturating_sub(elapsed.0) + 1;
                // An invocation that begins before the next look must not be overdue by then.
                Millis(left.min(tick.0).min(self.function.function.timeout.0))
            }
            State::Idle if elapsed >= idle_life || self.started.elapsed() >= LIFE => {
                self.die(&mut inner);
                drop(inner);
                self.kill();
                idle_life
            }
            State::Idle if elapsed < tick => Millis(tick.0.min(self.function.function.timeout.0)),
            State::Idle => {
                inner.resting = true;
                Millis(idle_life.0.saturating_sub(elapsed.0) + 1)
            }
            State::Dead => idle_life,
        }
    }

    /// The process has ended.
    pub(super) fn ended(&self, exit: Exit) {
        self.group.end();
        self.output.drain(&self.log);
        let mut inner = self.lock();
        self.die(&mut inner);
        let (run, initialized) = (inner.run.take(), inner.initialized.take());
        let home = inner.home.take();
        drop(inner);
        self.function.surroundings.platform.keyring.revoke(&self.access_key_id);
        self.function.ended(self.id);
        self.function.leave(home);
        self.serving.cancel();
        if let Some(run) = run {
            self.conclude(run, |run| match run.refused {
                Some(_) => run.ending_of_refused(Then::Exited(exit)),
                None => Ending::Exited(exit),
            });
        }
        if let Some(initialized) = initialized {
            let _ = initialized.send(InitEnd::Failed(InitFailure::Exited(exit)));
        }
    }

    /// Ends it with all its processes; the supervisor sees to the rest.
    pub(super) fn kill(&self) {
        self.group.kill();
    }

    /// Makes it take no more calls, and ends it.
    pub(super) fn abandon(&self) {
        self.die(&mut self.lock());
        self.kill();
    }

    /// Memory at its highest, in MB of 1,048,576 bytes, a begun one counted whole.
    pub(super) fn used_mb(&self) -> u64 {
        let mut inner = self.lock();
        let is_old = inner.peak_read.is_none_or(|read| read.elapsed() > MEMORY_FRESH);
        if let Some(usage) = is_old.then(|| memory::of_process(self.group.pid())).flatten() {
            inner.peak = inner.peak.max(usage.peak);
            inner.peak_read = Some(self.clock.stopwatch());
        }
        inner.peak.div_ceil(MIB)
    }

    // --- How it does that ---

    fn die(&self, inner: &mut Inner) -> State {
        let before = inner.machine.die();
        inner.waiting = None;
        if before == State::Draining {
            self.function.lost();
        }
        before
    }

    fn is_overdue(&self, inner: &Inner) -> bool {
        inner.since.elapsed_millis() > inner.allowed
    }

    /// Its time is over: whatever the process still does, the invocation has ended.
    fn time_out(&self) {
        let mut inner = self.lock();
        let before = self.die(&mut inner);
        self.read_memory(&mut inner);
        let (run, home) = (inner.run.take(), inner.home.take());
        drop(inner);
        self.kill();
        // At once, for the next invocation may come before the process is gone.
        self.function.leave(home);
        if before == State::Draining && run.is_none() {
            self.log.platform(
                "hardcap: the function answered, and then did not ask for the next event within its timeout: \
                 its sandbox is ended",
            );
        }
        if let Some(run) = run {
            self.conclude(run, |run| match run.refused {
                Some(_) => run.ending_of_refused(Then::TimedOut),
                None => run.timed_out(),
            });
        }
    }

    fn check_memory(&self, inner: &mut Inner) {
        let Some(resident) = self.read_memory(inner) else { return };
        let limit = u64::from(self.function.function.memory_mb) * MIB;
        if resident > limit {
            let (used, allowed) = (resident.div_ceil(MIB), self.function.function.memory_mb);
            let why = format!("uses {used} MB of memory and may use {allowed} MB");
            self.log.platform(&format!("hardcap: the function {why}: it is killed"));
            self.kill();
        }
    }

    fn read_memory(&self, inner: &mut Inner) -> Option<u64> {
        let usage = memory::usage(self.group.pid())?;
        inner.peak = inner.peak.max(usage.peak);
        inner.peak_read = Some(self.clock.stopwatch());
        Some(usage.resident)
    }

    /// Writes the end of an invocation to the log and the records, and tells its invoker.
    fn conclude(&self, run: Run, ending: impl FnOnce(&Run) -> Ending) {
        self.output.drain(&self.log);
        let ending = ending(&run);
        let observed = run.observed();
        // A timeout has been over its limit by definition; everything else was in time.
        let _ = run.job.ctx.admit(&run.timeout, observed);
        let ended = Ended { duration: run.duration(), init: run.init(), used_mb: self.used_mb() };
        finish(&self.function, &self.log, *run.job, ending, &ended);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
