//! The supervision of a sandbox: time, memory and the end of its processes.

use std::sync::Arc;
use std::time::Duration;

use hardcap_limits::{Megabytes, Millis};

use super::super::init::{InitError, InitOutcome};
use super::super::kernel::{Exit, ProcessGroup, Rest, memory};
use super::super::log::Writer;
use super::super::outcome::{AfterRefusal, InvocationEnd};
use super::super::state::SandboxState;
use super::extensions::ShutdownReason;
use super::{Inner, Run, RunningProcess, Sandbox};
use hardcap_core::clock::EpochMillis;
use hardcap_core::serve::pool;

/// The maximum age of a memory sample at the end of an invocation: a function cannot allocate much in that time.
const MEMORY_FRESH: Duration = Duration::from_millis(5);
/// The age at which an idle sandbox is ended, well before its credentials expire.
const LIFE: Duration = Duration::from_secs(6 * 60 * 60);
/// The idle time after which a sandbox is frozen. AWS freezes it at once, but between two consecutive invocations that would
/// only cost signals.
const FREEZE_AFTER: Millis = Millis(10);
/// The interval of the checks of an idle sandbox's age.
const IDLE_LOOK: Millis = Millis(15 * 60 * 1000);
/// The interval of memory samples during an invocation.
const MEMORY_EVERY: Duration = Duration::from_millis(100);
const MIB: u64 = 1024 * 1024;

/// The end of the runtime's process.
#[derive(Debug)]
pub(crate) enum RuntimeEnd {
    Exited(Exit),
    /// It was never started.
    NotStarted(InitError),
    /// The sandbox was ended before the process was started.
    GivenUp,
}

impl Sandbox {
    /// The runtime's process runs. False if the sandbox has been ended.
    pub(crate) fn runs(&self, running: RunningProcess) -> bool {
        let _ = self.runtime.set(running);
        self.running.cancel();
        let alive = self.lock().machine.state() != SandboxState::Dead;
        if !alive {
            self.kill();
        }
        alive
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.lock().machine.state() == SandboxState::Dead
    }

    /// Waits until the runtime writes output.
    pub(crate) async fn follow(&self) -> Rest {
        match self.runtime.get() {
            Some(running) => {
                running.output.follow(|piece| self.written(Writer::Runtime, piece)).await
            }
            None => Rest::Never,
        }
    }

    /// Checks the sandbox: ends an invocation after its timeout, a process over its memory, a sandbox that is too old. Returns
    /// the time until the next check.
    pub(crate) fn run_checks(&self, tick: Millis) -> Millis {
        let mut inner = self.lock();
        let elapsed = inner.since.elapsed_millis();
        match Sandbox::state(&inner) {
            SandboxState::Busy | SandboxState::Streaming | SandboxState::Draining
                if self.is_overdue(&inner) =>
            {
                drop(inner);
                self.time_out();
                tick
            }
            SandboxState::Init
            | SandboxState::Busy
            | SandboxState::Streaming
            | SandboxState::Draining => {
                if inner.memory_checked.is_none_or(|checked| checked.elapsed() >= MEMORY_EVERY) {
                    self.check_memory(&mut inner);
                }
                let left = inner.allowed.0.saturating_sub(elapsed.0) + 1;
                // An invocation that begins before the next check must not exceed its timeout by then.
                Millis(left.min(tick.0).min(self.function.function.timeout.0))
            }
            SandboxState::Idle if self.function.function.debugger.is_some() => IDLE_LOOK,
            SandboxState::Idle if self.started.elapsed() >= LIFE => {
                self.die(&mut inner);
                drop(inner);
                self.end(ShutdownReason::Spindown);
                tick
            }
            SandboxState::Idle if elapsed < FREEZE_AFTER => {
                Millis(FREEZE_AFTER.0.min(self.function.function.timeout.0))
            }
            SandboxState::Idle => {
                if !std::mem::replace(&mut inner.frozen, true) {
                    self.freeze();
                    pool::release();
                }
                IDLE_LOOK
            }
            SandboxState::Dead => {
                let left = self.runtime_may_take(&inner);
                if left == Some(Millis(0)) {
                    self.kill_runtime();
                }
                left.map_or(IDLE_LOOK, |left| Millis(left.0 + 1))
            }
        }
    }

    /// The end of its idle time, by the emulator's clock; `None` if it is not idle.
    pub(crate) fn idle_until(&self) -> Option<EpochMillis> {
        let inner = self.lock();
        let is_idle = Sandbox::state(&inner) == SandboxState::Idle
            && inner.used
            && self.function.function.debugger.is_none();
        is_idle.then(|| inner.since_time.plus(self.function.resources.idle))
    }

    /// Ends it if it is idle, and has been for the idle time or `now`. Otherwise returns false. A sandbox that waits for its
    /// first invocation is not idle.
    pub(crate) fn end_if_idle(&self, now: bool) -> bool {
        let mut inner = self.lock();
        let due = inner.since_time.plus(self.function.resources.idle);
        let is_idle = Sandbox::state(&inner) == SandboxState::Idle && inner.used;
        if !is_idle || !(now || self.clock.now() >= due) {
            return false;
        }
        self.die(&mut inner);
        drop(inner);
        self.end(ShutdownReason::Spindown);
        true
    }

    /// The runtime's process has ended.
    pub(crate) fn ended(&self, end: RuntimeEnd) {
        if let Some(running) = self.runtime.get() {
            running.group.end();
        }
        self.drain();
        let mut inner = self.lock();
        self.die(&mut inner);
        let (run, initialized) = (inner.run.take(), inner.initialized.take());
        if initialized.is_some() {
            self.log_extensions(&inner);
            self.emit_init_failed("Runtime.ExitError");
        }
        let home = inner.home.take();
        let out_of_memory = inner.out_of_memory;
        let peak_mb = Megabytes(inner.peak.div_ceil(MIB));
        drop(inner);
        self.function.ended(self.id);
        self.function.keep_resources(home);
        if let (Some(run), RuntimeEnd::Exited(exit)) = (run, &end) {
            let exit = *exit;
            self.conclude(run, |run| match run.refused {
                Some(_) => run.ending_of_refused(AfterRefusal::Exited(exit)),
                None if out_of_memory => self.out_of_memory(run, peak_mb),
                None => InvocationEnd::Exited(exit),
            });
        }
        let failure = match end {
            RuntimeEnd::Exited(exit) => InitError::Exited(exit),
            RuntimeEnd::NotStarted(failure) => failure,
            RuntimeEnd::GivenUp => return,
        };
        if let Some(initialized) = initialized {
            let _ = initialized.send(InitOutcome::Failed(failure));
        }
    }

    /// Stops every process. A container is not frozen: its attached client would not see it end.
    fn freeze(&self) {
        if self.function.function.image.is_some() {
            return;
        }
        self.each_group(ProcessGroup::freeze);
    }

    /// Continues every process.
    pub(super) fn thaw(&self) {
        self.each_group(ProcessGroup::thaw);
    }

    fn each_group(&self, act: impl Fn(&ProcessGroup)) {
        if let Some(running) = self.runtime.get() {
            act(&running.group);
        }
        self.externals().iter().for_each(|external| act(&external.group));
    }

    /// Kills every process. The supervising tasks do the rest.
    pub(crate) fn kill(&self) {
        self.each_group(ProcessGroup::kill);
    }

    pub(super) fn kill_runtime(&self) {
        if let Some(running) = self.runtime.get() {
            running.group.kill();
        }
    }

    /// Refuses all further calls and ends the sandbox.
    pub(crate) fn abandon(&self, reason: ShutdownReason) {
        self.die(&mut self.lock());
        self.end(reason);
    }

    /// The maximum memory in MB of 1,048,576 bytes, rounded up.
    pub(crate) fn used_mb(&self) -> u64 {
        let mut inner = self.lock();
        if inner.peak_read.is_none_or(|read| read.elapsed() > MEMORY_FRESH) {
            let faults = self.page_faults();
            let may_have_grown = faults.is_none() || faults != inner.peak_faults;
            if may_have_grown && let Some(usage) = self.total_memory(memory::of_process) {
                inner.peak = inner.peak.max(usage.peak);
                inner.peak_faults = faults;
            }
            inner.peak_read = Some(self.clock.stopwatch());
        }
        inner.peak.div_ceil(MIB)
    }

    /// The page faults of the runtime and the external extensions; `None` if they are unknown.
    fn page_faults(&self) -> Option<u64> {
        let runtime = self.runtime.get().filter(|running| running.container.is_none())?;
        let runtime = runtime.group.page_faults()?;
        let externals = self.externals();
        Some(
            externals
                .iter()
                .filter_map(|it| it.group.page_faults())
                .fold(runtime, |sum, it| sum + it),
        )
    }

    /// Moves the available output of the processes to the log.
    pub(super) fn drain(&self) {
        if let Some(running) = self.runtime.get() {
            running.output.drain(|piece| self.written(Writer::Runtime, piece));
        }
        for external in self.externals().iter() {
            external.output.drain(|piece| self.written(Writer::Extension, piece));
        }
    }

    /// The timeout has passed: the invocation ends, even if the process still works.
    pub(super) fn time_out(&self) {
        let mut inner = self.lock();
        let before = self.die(&mut inner);
        self.read_memory(&mut inner);
        let (run, home) = (inner.run.take(), inner.home.take());
        drop(inner);
        self.end(ShutdownReason::Timeout);
        // At once, because the next invocation may arrive before the process has ended.
        self.function.keep_resources(home);
        if before == SandboxState::Draining && run.is_none() {
            self.log.platform(
                "hardcap: the function responded, but did not request the next event within its timeout, or an \
                 extension did not: its sandbox is ended",
            );
        }
        if let Some(run) = run {
            self.conclude(run, |run| match run.refused {
                Some(_) => run.ending_of_refused(AfterRefusal::TimedOut),
                None => run.timed_out(),
            });
        }
    }

    fn check_memory(&self, inner: &mut Inner) {
        inner.memory_checked = Some(self.clock.stopwatch());
        let Some(resident) = self.read_memory(inner) else { return };
        let limit = u64::from(self.function.function.memory_mb) * MIB;
        if resident > limit && self.function.function.debugger.is_none() {
            let (used, allowed) = (resident.div_ceil(MIB), self.function.function.memory_mb);
            let why = format!("uses {used} MB of memory and may use {allowed} MB");
            self.log.platform(&format!("hardcap: the function {why}; it was killed"));
            inner.out_of_memory = true;
            self.kill_runtime();
        }
    }

    /// The kernel killed a process before a sample showed too much memory.
    pub(crate) fn was_out_of_memory(&self) {
        self.lock().out_of_memory = true;
        let allowed = self.function.function.memory_mb;
        self.log.platform(&format!(
            "hardcap: the function used all memory that the kernel allows for it and its /tmp together, and may use \
             {allowed} MB: the kernel has killed a process"
        ));
    }

    /// Ends an invocation whose processes were killed because of their memory use. If the kernel killed before a sample showed
    /// too much, the limit plus 1 counts.
    fn out_of_memory(&self, run: &Run, peak: Megabytes) -> InvocationEnd {
        let limits = &run.job.ctx.limits;
        let limit =
            limits.lambda_memory_max.lowered_to(Megabytes(self.function.function.memory_mb.into()));
        let used = Megabytes(peak.0.max(limit.max.0.saturating_add(1)));
        let _ = run.job.ctx.admit(&limit, used);
        InvocationEnd::OutOfMemory(limit.exceeded_by(used))
    }

    fn read_memory(&self, inner: &mut Inner) -> Option<u64> {
        let usage = self.total_memory(memory::usage)?;
        inner.peak = inner.peak.max(usage.peak);
        inner.peak_read = Some(self.clock.stopwatch());
        Some(usage.resident)
    }

    /// The memory of the runtime and the external extensions.
    fn total_memory(&self, read: fn(u32) -> Option<memory::Usage>) -> Option<memory::Usage> {
        let running = self.runtime.get()?;
        let mut total = match &running.container {
            Some(container) => container.usage()?,
            None => read(running.group.pid())?,
        };
        for usage in self.externals().iter().filter_map(|external| read(external.group.pid())) {
            total.resident += usage.resident;
            total.peak += usage.peak;
        }
        Some(total)
    }

    pub(super) fn externals(
        &self,
    ) -> std::sync::MutexGuard<'_, Vec<Arc<super::ExternalExtension>>> {
        self.externals.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
