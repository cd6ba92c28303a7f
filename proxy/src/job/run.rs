//! One invocation of the job function: acquires the lease of a generation, runs steps while time is left, and hands over.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{Either, join3, select};

use super::engine::{
    Engine, INPUT, InvokeOutcome, LoadedObject, VersionedRow, WriteOutcome, held, job_key,
    state_name,
};
use super::event::{Digest, JobEvent};
use super::outcome::{JobError, Progress};
use super::ports::{EpochMillis, ObjectHeaders, PortError};
use super::row::{Row, later};
use super::state::{Decision, GenerationRef, JobEnd, Lease};
use super::work::{JobKind, RunningJob, Step, StepEnv, StepError, object_key};

/// The number of times that the lease is tried again after concurrent writes.
const LEASE_TRIES: usize = 4;
/// The wait before a failed step is repeated.
const STEP_WAIT: Duration = Duration::from_millis(500);

/// The longest time for cleaning up at the upstream after a job has ended.
const CLEAN_UP_MAX: Duration = Duration::from_secs(5);

/// The outcome of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// The event is not a job event.
    Unreadable(String),
    /// The run had nothing to do, for this reason.
    Skipped(&'static str),
    /// The job has ended.
    Ended,
    /// Another invocation continues the job.
    HandedOver,
    /// Lambda did not accept the next invocation; a sweeper will start it.
    LeftToSweeper(String),
}

/// The deadlines of one invocation.
#[derive(Clone, Copy, Debug)]
struct Deadlines {
    /// After this no step begins.
    soft: EpochMillis,
    /// At this time a step is cut off.
    hard: EpochMillis,
}

/// A running generation.
struct Generation<'a> {
    engine: &'a Engine,
    kind: &'a dyn JobKind,
    held: VersionedRow,
    token: String,
    input: Bytes,
    /// The state after the last completed step.
    snapshot: Bytes,
    budget: Deadlines,
}

/// The end of a step.
enum StepOutcome {
    Ended(Result<Step, StepError>),
    CutOff,
    /// The job has ended, or another run holds it.
    Superseded,
    Panicked(String),
}

impl Engine {
    /// Runs the generation of an event until `deadline`, when Lambda ends the function.
    ///
    /// # Errors
    ///
    /// [`PortError`] if a port fails even after retries. The function should report it, so that Lambda retries the event. A sweeper
    /// continues the job in any case.
    pub async fn run(
        &self,
        payload: &[u8],
        deadline: EpochMillis,
    ) -> Result<RunOutcome, PortError> {
        let event: JobEvent = match serde_json::from_slice(payload) {
            Ok(event) => event,
            Err(error) => return Ok(RunOutcome::Unreadable(error.to_string())),
        };
        let ran = self.run_event(&event, deadline).await;
        tracing::info!(job = event.job, generation = event.generation, ?ran);
        ran
    }

    async fn run_event(
        &self,
        event: &JobEvent,
        deadline: EpochMillis,
    ) -> Result<RunOutcome, PortError> {
        let budget = self.budget(deadline);
        let token = self.ports.clock.unique();
        let begun = match self.acquire(event, &token, deadline).await? {
            LeaseOutcome::Ours(begun) => *begun,
            LeaseOutcome::Not(ran) => return Ok(ran),
        };
        let LoadedGeneration { held, input, state } = begun;
        let Some(kind) = self.kinds.get(held.row.kind.as_str()) else {
            let detail = format!("This job function has no kind `{}`.", held.row.kind);
            let problem = JobError::new("unknown_kind", "The job cannot be run", detail);
            return self.fail(&held, problem).await;
        };
        let (input, snapshot) = match (input?, state?) {
            (LoadedObject::Whole(input), LoadedObject::Whole(state)) => (input, state),
            (LoadedObject::Lost(problem), _) | (_, LoadedObject::Lost(problem)) => {
                return self.fail(&held, problem).await;
            }
        };
        let kind = kind.as_ref();
        Generation { engine: self, kind, held, token, input, snapshot, budget }.run().await
    }

    /// The deadlines; margins shrink in proportion if the function's timeout is short.
    fn budget(&self, deadline: EpochMillis) -> Deadlines {
        let total = deadline.saturating_sub(self.now());
        let margin = |span: Duration, share: u64| {
            u64::try_from(span.as_millis()).unwrap_or(u64::MAX).min(total / share)
        };
        Deadlines {
            soft: deadline - margin(self.settings.soft_margin, 4),
            hard: deadline - margin(self.settings.hard_margin, 8),
        }
    }

    async fn acquire(
        &self,
        event: &JobEvent,
        token: &str,
        until: EpochMillis,
    ) -> Result<LeaseOutcome, PortError> {
        let mut there = self.read(&event.job).await?;
        for _ in 0..LEASE_TRIES {
            let Some(held) = there else {
                return Ok(LeaseOutcome::Not(RunOutcome::Skipped("the job does not exist")));
            };
            let lease = Lease { token: token.to_owned(), until };
            let asked = GenerationRef { generation: event.generation, digest: &event.digest };
            there = match held.row.acquire(asked, lease, self.now(), &self.settings) {
                Decision::Skipped(why) => return Ok(LeaseOutcome::Not(RunOutcome::Skipped(why))),
                Decision::End(ended) => {
                    if self.end(&held, ended).await?.is_some() {
                        return Ok(LeaseOutcome::Not(RunOutcome::Ended));
                    }
                    self.read(&event.job).await?
                }
                Decision::Run(running) => match self.begin(event, &held, running).await? {
                    Ok(begun) => return Ok(LeaseOutcome::Ours(Box::new(begun))),
                    Err(others) => others,
                },
            };
        }
        Ok(LeaseOutcome::Not(RunOutcome::Skipped("other runs were faster")))
    }

    /// Writes the lease and concurrently loads input and state, which are used only if the lease was acquired.
    async fn begin(
        &self,
        event: &JobEvent,
        held: &VersionedRow,
        running: Row,
    ) -> Result<Result<LoadedGeneration, Option<VersionedRow>>, PortError> {
        let key = object_key(&held.row.id, INPUT);
        let input = self.load(&key, &held.row.input);
        let state = self.state(event, &held.row);
        let (acquired, input, state) = join3(self.exchange(held, running), input, state).await;
        Ok(match acquired? {
            WriteOutcome::Ours(held) => Ok(LoadedGeneration { held, input, state }),
            WriteOutcome::Others(others) => Err(others),
        })
    }

    /// The first state of the generation. An inline state is used if its digest equals the row's.
    async fn state(&self, event: &JobEvent, row: &Row) -> Result<LoadedObject, PortError> {
        match event.inline() {
            Ok(Some(bytes)) if row.checkpoint.matches(&bytes) => Ok(LoadedObject::Whole(bytes)),
            _ => {
                let name = state_name(row.generation, &row.checkpoint);
                self.load(&object_key(&row.id, &name), &row.checkpoint).await
            }
        }
    }

    async fn fail(&self, held: &VersionedRow, problem: JobError) -> Result<RunOutcome, PortError> {
        self.ended(held, JobEnd::Failed(problem)).await
    }

    async fn ended(&self, held: &VersionedRow, ending: JobEnd) -> Result<RunOutcome, PortError> {
        if self.finish(held, ending).await?.is_some() {
            return Ok(RunOutcome::Ended);
        }
        Ok(SUPERSEDED)
    }
}

enum LeaseOutcome {
    Ours(Box<LoadedGeneration>),
    Not(RunOutcome),
}

/// A generation whose lease was acquired, with its input and state.
struct LoadedGeneration {
    held: VersionedRow,
    input: Result<LoadedObject, PortError>,
    state: Result<LoadedObject, PortError>,
}

/// The counters of a running generation.
struct Counters {
    /// The steps completed in this invocation.
    steps: u64,
    /// The faults since the last completed step.
    faults: u32,
    /// The time at which progress was last written.
    shown: EpochMillis,
}

impl<'a> Generation<'a> {
    async fn run(mut self) -> Result<RunOutcome, PortError> {
        let mut work = match self.resume() {
            Ok(work) => work,
            Err(problem) => return self.engine.fail(&self.held, problem).await,
        };
        let ran = self.steps(&mut work).await?;
        if matches!(ran, RunOutcome::Ended | RunOutcome::Skipped(_)) && self.has_ended().await {
            let patience = self.engine.ports.clock.wait(CLEAN_UP_MAX);
            select(work.clean_up(), patience).await;
        }
        Ok(ran)
    }

    async fn steps(
        &mut self,
        work: &mut Box<dyn RunningJob + 'a>,
    ) -> Result<RunOutcome, PortError> {
        let mut counters = Counters { steps: 0, faults: 0, shown: self.engine.now() };
        loop {
            // At least one step is run, so that a job progresses even if time is short.
            let late = self.engine.now() >= self.budget.soft;
            if counters.steps > 0 && (late || counters.steps >= self.engine.settings.steps_max) {
                return self.hand_over(work.progress()).await;
            }
            let failed = match self.step(work.as_mut(), counters.steps).await {
                StepOutcome::Ended(Ok(Step::Continue)) => {
                    match self.after_step(work.as_ref(), &mut counters).await? {
                        None => continue,
                        Some(ran) => return Ok(ran),
                    }
                }
                StepOutcome::Ended(Ok(Step::Complete(output))) => {
                    self.held.row.progress = work.progress();
                    return self.engine.ended(&self.held, JobEnd::Complete(output)).await;
                }
                StepOutcome::Ended(Err(StepError::Again(why))) => {
                    self.after_fault(&mut counters, why).await
                }
                StepOutcome::Ended(Err(StepError::Failed(problem))) => Some(problem),
                StepOutcome::Panicked(what) => Some(JobError::new("bug", "The job panicked", what)),
                StepOutcome::Superseded => return Ok(SUPERSEDED),
                StepOutcome::CutOff if counters.steps == 0 => return self.release().await,
                StepOutcome::CutOff => {
                    // The interrupted step may have changed the job; its progress is read from the snapshot.
                    let progress = self.resume().map(|work| work.progress()).unwrap_or_default();
                    return self.hand_over(progress).await;
                }
            };
            match failed.map_or_else(|| self.resume(), Err) {
                Ok(resumed) => *work = resumed,
                Err(problem) => return self.engine.fail(&self.held, problem).await,
            }
        }
    }

    /// Whether the job has ended. Otherwise another run may need what this one holds.
    async fn has_ended(&self) -> bool {
        let there = self.engine.read(&self.held.row.id).await;
        there.is_ok_and(|held| held.is_none_or(|held| held.row.state.is_terminal()))
    }

    /// Waits until this run no longer holds the job. A failed read is repeated.
    async fn superseded(&self) {
        loop {
            self.engine.ports.clock.wait(self.engine.settings.watch_every).await;
            let there = self.engine.ports.rows.read(&job_key(&self.held.row.id)).await;
            let row = there.map(|item| item.as_ref().and_then(|item| held(item).ok()));
            if row.is_ok_and(|held| held.is_none_or(|held| !held.row.is_held_by(&self.token))) {
                return;
            }
        }
    }

    fn resume(&self) -> Result<Box<dyn RunningJob + 'a>, JobError> {
        self.kind.resume(&self.input, &self.snapshot)
    }

    /// Runs a step, after `before` others, until the hard deadline.
    async fn step(&self, work: &mut dyn RunningJob, before: u64) -> StepOutcome {
        let ports = &self.engine.ports;
        let is_last = before.saturating_add(1) >= self.engine.settings.steps_max;
        let env = StepEnv {
            blobs: ports.blobs.as_ref(),
            clock: ports.clock.as_ref(),
            id: &self.held.row.id,
            token: &self.token,
            until: self.budget.hard,
            next_until: (!is_last).then_some(self.budget.soft),
        };
        let left = Duration::from_millis(self.budget.hard.saturating_sub(ports.clock.now()));
        let step = AssertUnwindSafe(work.step(env)).catch_unwind();
        let superseded = pin!(self.superseded());
        match select(step, select(ports.clock.wait(left), superseded)).await {
            Either::Left((Ok(taken), _)) => StepOutcome::Ended(taken),
            Either::Left((Err(panic), _)) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                StepOutcome::Panicked(text.unwrap_or_default())
            }
            Either::Right((Either::Left(_), _)) => StepOutcome::CutOff,
            Either::Right((Either::Right(_), _)) => StepOutcome::Superseded,
        }
    }

    /// Keeps the state after a step and writes progress from time to time; `Some` if this run must stop.
    async fn after_step(
        &mut self,
        work: &dyn RunningJob,
        counters: &mut Counters,
    ) -> Result<Option<RunOutcome>, PortError> {
        counters.steps += 1;
        counters.faults = 0;
        let max = self.engine.settings.state_max;
        let state = work.state().and_then(|state| {
            if state.len() as u64 <= max {
                return Ok(state);
            }
            let detail = format!("The state has {} bytes; at most {max} are stored.", state.len());
            Err(JobError::new("state_too_large", "The state of the job is too large", detail))
        });
        match state {
            Ok(state) => self.snapshot = state,
            Err(problem) => return self.engine.fail(&self.held, problem).await.map(Some),
        }
        let now = self.engine.now();
        if now < later(counters.shown, self.engine.settings.progress_every) {
            return Ok(None);
        }
        counters.shown = now;
        let Some(end) = self.held.row.out_of_bounds(now, &self.engine.settings) else {
            return self.show(work, now).await;
        };
        let ended = self.engine.end(&self.held, end).await?;
        Ok(Some(ended.map_or(SUPERSEDED, |_| RunOutcome::Ended)))
    }

    async fn show(
        &mut self,
        work: &dyn RunningJob,
        now: EpochMillis,
    ) -> Result<Option<RunOutcome>, PortError> {
        let advanced = self.held.row.advance(&self.token, work.progress(), now);
        let Some(advanced) = advanced else {
            return Ok(Some(SUPERSEDED));
        };
        match self.engine.commit(&self.held, advanced).await? {
            Some(held) => {
                self.held = held;
                Ok(None)
            }
            None => Ok(Some(SUPERSEDED)),
        }
    }

    /// Waits after a fault; `Some` if there were too many.
    async fn after_fault(&self, counters: &mut Counters, why: String) -> Option<JobError> {
        counters.faults += 1;
        let max = self.engine.settings.attempts_max;
        if counters.faults >= max || !self.held.row.repeatable {
            return Some(JobError::new("step_failed", "A step failed repeatedly", why));
        }
        self.engine.ports.clock.wait(STEP_WAIT * counters.faults).await;
        None
    }

    /// Writes the state, then the row, then invokes. The row suffices to continue after a loss between these.
    async fn hand_over(&self, progress: Progress) -> Result<RunOutcome, PortError> {
        let engine = self.engine;
        let digest = Digest::of(&self.snapshot);
        let row = &self.held.row;
        let key = object_key(&row.id, &state_name(row.generation + 1, &digest));
        let plain = ObjectHeaders::default();
        engine.with_retries(|| engine.ports.blobs.put(&key, &plain, self.snapshot.clone())).await?;
        let Some(next) = row.hand_over(&self.token, digest, progress, engine.now()) else {
            return Ok(SUPERSEDED);
        };
        match engine.commit(&self.held, next).await? {
            Some(held) => self.deliver(held).await,
            None => Ok(SUPERSEDED),
        }
    }

    /// Queues the generation again, because its first step was cut off.
    async fn release(&self) -> Result<RunOutcome, PortError> {
        let engine = self.engine;
        let now = engine.now();
        let Some(released) = self.held.row.release(&self.token, now) else {
            return Ok(SUPERSEDED);
        };
        if let Some(end) = released.out_of_attempts(now, &engine.settings) {
            return Ok(engine
                .end(&self.held, end)
                .await?
                .map_or(SUPERSEDED, |_| RunOutcome::Ended));
        }
        match engine.commit(&self.held, released).await? {
            Some(held) => self.deliver(held).await,
            None => Ok(SUPERSEDED),
        }
    }

    async fn deliver(&self, held: VersionedRow) -> Result<RunOutcome, PortError> {
        Ok(match self.engine.deliver(held, Some(&self.snapshot)).await? {
            InvokeOutcome::Accepted => RunOutcome::HandedOver,
            InvokeOutcome::Later(why) => RunOutcome::LeftToSweeper(why),
            InvokeOutcome::Never => RunOutcome::Ended,
        })
    }
}

/// Another run was faster; a sweeper deletes the objects of this one.
const SUPERSEDED: RunOutcome = RunOutcome::Skipped("another run holds the job");
