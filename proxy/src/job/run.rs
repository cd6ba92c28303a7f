//! One invocation of the job function: claims a generation, takes steps while there is time, and hands the rest over.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{Either, join3, select};

use super::engine::{Delivered, Engine, Exchanged, Held, INPUT, Loaded, held, job_key, state_name};
use super::event::{Digest, Event};
use super::outcome::{Problem, Progress};
use super::ports::{Described, EpochMillis, PortError};
use super::row::{Row, later};
use super::state::{Asked, Claim, Decision, Ending};
use super::work::{Ground, Kind, Step, StepError, Work, object_key};

/// How often a claim is tried anew when somebody else wrote the row.
const CLAIM_TRIES: usize = 4;
/// Before a step is taken again after a fault.
const STEP_WAIT: Duration = Duration::from_millis(500);

/// How long a job that has ended may take to give back what it holds at the upstream.
const LET_GO_MAX: Duration = Duration::from_secs(5);

/// What an invocation has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ran {
    /// The event is none of ours.
    Unreadable(String),
    /// There was nothing to do, for this reason.
    Aside(&'static str),
    /// The job has ended.
    Ended,
    /// Another invocation goes on.
    HandedOver,
    /// Another invocation has to go on, and a sweeper will see to it.
    LeftToSweeper(String),
}

/// The time of one invocation.
#[derive(Clone, Copy, Debug)]
struct Budget {
    /// No step begins after this.
    soft: EpochMillis,
    /// No step goes on after this.
    hard: EpochMillis,
}

/// A generation under way.
struct Generation<'a> {
    engine: &'a Engine,
    kind: &'a dyn Kind,
    held: Held,
    token: String,
    input: Bytes,
    /// The state after the last step that ended.
    snapshot: Bytes,
    budget: Budget,
}

/// How a step ended.
enum Taken {
    Ended(Result<Step, StepError>),
    CutOff,
    /// The job has ended meanwhile, or another run has it.
    Overtaken,
    Panicked(String),
}

impl Engine {
    /// Runs what an event asks for, in the time until `deadline`, when Lambda ends the function.
    ///
    /// # Errors
    ///
    /// [`PortError`] when a port fails for longer than is waited for. The function should report it, so that Lambda sends the
    /// event again; a sweeper goes on in any case.
    pub async fn run(&self, payload: &[u8], deadline: EpochMillis) -> Result<Ran, PortError> {
        let event: Event = match serde_json::from_slice(payload) {
            Ok(event) => event,
            Err(error) => return Ok(Ran::Unreadable(error.to_string())),
        };
        let ran = self.run_event(&event, deadline).await;
        tracing::info!(job = event.job, generation = event.generation, ?ran);
        ran
    }

    async fn run_event(&self, event: &Event, deadline: EpochMillis) -> Result<Ran, PortError> {
        let budget = self.budget(deadline);
        let token = self.ports.clock.unique();
        let begun = match self.claim(event, &token, deadline).await? {
            Claimed::Ours(begun) => *begun,
            Claimed::Not(ran) => return Ok(ran),
        };
        let Begun { held, input, state } = begun;
        let Some(kind) = self.kinds.get(held.row.kind.as_str()) else {
            let detail = format!("This job function knows no `{}`.", held.row.kind);
            let problem = Problem::new("unknown_kind", "The job cannot be run", detail);
            return self.fail(&held, problem).await;
        };
        let (input, snapshot) = match (input?, state?) {
            (Loaded::Whole(input), Loaded::Whole(state)) => (input, state),
            (Loaded::Lost(problem), _) | (_, Loaded::Lost(problem)) => {
                return self.fail(&held, problem).await;
            }
        };
        let kind = kind.as_ref();
        Generation { engine: self, kind, held, token, input, snapshot, budget }.run().await
    }

    /// Margins are kept in proportion where the function's timeout is short.
    fn budget(&self, deadline: EpochMillis) -> Budget {
        let total = deadline.saturating_sub(self.now());
        let margin = |span: Duration, share: u64| {
            u64::try_from(span.as_millis()).unwrap_or(u64::MAX).min(total / share)
        };
        Budget {
            soft: deadline - margin(self.settings.soft_margin, 4),
            hard: deadline - margin(self.settings.hard_margin, 8),
        }
    }

    async fn claim(
        &self,
        event: &Event,
        token: &str,
        until: EpochMillis,
    ) -> Result<Claimed, PortError> {
        let mut there = self.read(&event.job).await?;
        for _ in 0..CLAIM_TRIES {
            let Some(held) = there else {
                return Ok(Claimed::Not(Ran::Aside("there is no such job")));
            };
            let claim = Claim { token: token.to_owned(), until };
            let asked = Asked { generation: event.generation, digest: &event.digest };
            there = match held.row.claim(asked, claim, self.now(), &self.settings) {
                Decision::Aside(why) => return Ok(Claimed::Not(Ran::Aside(why))),
                Decision::End(ended) => {
                    if self.end(&held, ended).await?.is_some() {
                        return Ok(Claimed::Not(Ran::Ended));
                    }
                    self.read(&event.job).await?
                }
                Decision::Run(running) => match self.begin(event, &held, running).await? {
                    Ok(begun) => return Ok(Claimed::Ours(Box::new(begun))),
                    Err(others) => others,
                },
            };
        }
        Ok(Claimed::Not(Ran::Aside("others are faster")))
    }

    /// Writes the claim, and meanwhile fetches what the generation begins with, which counts when the claim does.
    async fn begin(
        &self,
        event: &Event,
        held: &Held,
        running: Row,
    ) -> Result<Result<Begun, Option<Held>>, PortError> {
        let key = object_key(&held.row.id, INPUT);
        let input = self.load(&key, &held.row.input);
        let state = self.state(event, &held.row);
        let (claimed, input, state) = join3(self.exchange(held, running), input, state).await;
        Ok(match claimed? {
            Exchanged::Ours(held) => Ok(Begun { held, input, state }),
            Exchanged::Others(others) => Err(others),
        })
    }

    /// The state with which the generation begins; what came inline is believed when it is what the row names.
    async fn state(&self, event: &Event, row: &Row) -> Result<Loaded, PortError> {
        match event.inline() {
            Ok(Some(bytes)) if row.checkpoint.matches(&bytes) => Ok(Loaded::Whole(bytes)),
            _ => {
                let name = state_name(row.generation, &row.checkpoint);
                self.load(&object_key(&row.id, &name), &row.checkpoint).await
            }
        }
    }

    async fn fail(&self, held: &Held, problem: Problem) -> Result<Ran, PortError> {
        self.ended(held, Ending::Failed(problem)).await
    }

    async fn ended(&self, held: &Held, ending: Ending) -> Result<Ran, PortError> {
        if self.finish(held, ending).await?.is_some() {
            return Ok(Ran::Ended);
        }
        Ok(ASIDE)
    }
}

enum Claimed {
    Ours(Box<Begun>),
    Not(Ran),
}

/// A generation that is claimed, with what was found of its input and its state.
struct Begun {
    held: Held,
    input: Result<Loaded, PortError>,
    state: Result<Loaded, PortError>,
}

/// How a generation gets on.
struct Pace {
    /// Steps that ended, in this invocation.
    steps: u64,
    /// Faults since the last of them.
    faults: u32,
    /// When progress was last written down.
    shown: EpochMillis,
}

impl<'a> Generation<'a> {
    async fn run(mut self) -> Result<Ran, PortError> {
        let mut work = match self.resume() {
            Ok(work) => work,
            Err(problem) => return self.engine.fail(&self.held, problem).await,
        };
        let ran = self.steps(&mut work).await?;
        if matches!(ran, Ran::Ended | Ran::Aside(_)) && self.has_ended().await {
            let patience = self.engine.ports.clock.wait(LET_GO_MAX);
            select(work.let_go(), patience).await;
        }
        Ok(ran)
    }

    async fn steps(&mut self, work: &mut Box<dyn Work + 'a>) -> Result<Ran, PortError> {
        let mut pace = Pace { steps: 0, faults: 0, shown: self.engine.now() };
        loop {
            // One step is always taken, or a job would never get on where time is short.
            let late = self.engine.now() >= self.budget.soft;
            if pace.steps > 0 && (late || pace.steps >= self.engine.settings.steps_max) {
                return self.hand_over(work.progress()).await;
            }
            let failed = match self.step(work.as_mut(), pace.steps).await {
                Taken::Ended(Ok(Step::Continue)) => {
                    match self.went_on(work.as_ref(), &mut pace).await? {
                        None => continue,
                        Some(ran) => return Ok(ran),
                    }
                }
                Taken::Ended(Ok(Step::Complete(output))) => {
                    self.held.row.progress = work.progress();
                    return self.engine.ended(&self.held, Ending::Complete(output)).await;
                }
                Taken::Ended(Err(StepError::Again(why))) => self.faltered(&mut pace, why).await,
                Taken::Ended(Err(StepError::Failed(problem))) => Some(problem),
                Taken::Panicked(what) => Some(Problem::new("bug", "The job met a bug", what)),
                Taken::Overtaken => return Ok(ASIDE),
                Taken::CutOff if pace.steps == 0 => return self.release().await,
                Taken::CutOff => {
                    // Half a step may have changed it.
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

    /// Whether the job is over, whoever ended it. Another run may need what this one holds.
    async fn has_ended(&self) -> bool {
        let there = self.engine.read(&self.held.row.id).await;
        there.is_ok_and(|held| held.is_none_or(|held| held.row.state.is_terminal()))
    }

    /// Waits until the row says that this run does not count any more. What cannot be read is looked at again.
    async fn overtaken(&self) {
        loop {
            self.engine.ports.clock.wait(self.engine.settings.watch_every).await;
            let there = self.engine.ports.rows.read(&job_key(&self.held.row.id)).await;
            let row = there.map(|item| item.as_ref().and_then(|item| held(item).ok()));
            if row.is_ok_and(|held| held.is_none_or(|held| !held.row.is_held_by(&self.token))) {
                return;
            }
        }
    }

    fn resume(&self) -> Result<Box<dyn Work + 'a>, Problem> {
        self.kind.resume(&self.input, &self.snapshot)
    }

    /// Takes a step after `before` others, until the hard limit.
    async fn step(&self, work: &mut dyn Work, before: u64) -> Taken {
        let ports = &self.engine.ports;
        let is_last = before.saturating_add(1) >= self.engine.settings.steps_max;
        let ground = Ground {
            blobs: ports.blobs.as_ref(),
            clock: ports.clock.as_ref(),
            id: &self.held.row.id,
            token: &self.token,
            until: self.budget.hard,
            next_until: (!is_last).then_some(self.budget.soft),
        };
        let left = Duration::from_millis(self.budget.hard.saturating_sub(ports.clock.now()));
        let step = AssertUnwindSafe(work.step(ground)).catch_unwind();
        let overtaken = pin!(self.overtaken());
        match select(step, select(ports.clock.wait(left), overtaken)).await {
            Either::Left((Ok(taken), _)) => Taken::Ended(taken),
            Either::Left((Err(panic), _)) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                Taken::Panicked(text.unwrap_or_default())
            }
            Either::Right((Either::Left(_), _)) => Taken::CutOff,
            Either::Right((Either::Right(_), _)) => Taken::Overtaken,
        }
    }

    /// Keeps the state after a step, and shows progress now and then; `Some` when the job went on without this run.
    async fn went_on(
        &mut self,
        work: &dyn Work,
        pace: &mut Pace,
    ) -> Result<Option<Ran>, PortError> {
        pace.steps += 1;
        pace.faults = 0;
        let max = self.engine.settings.state_max;
        let state = work.state().and_then(|state| {
            if state.len() as u64 <= max {
                return Ok(state);
            }
            let detail = format!("It has {} bytes, and {max} are kept.", state.len());
            Err(Problem::new("state_too_large", "The state of the job is too large", detail))
        });
        match state {
            Ok(state) => self.snapshot = state,
            Err(problem) => return self.engine.fail(&self.held, problem).await.map(Some),
        }
        let now = self.engine.now();
        if now < later(pace.shown, self.engine.settings.progress_every) {
            return Ok(None);
        }
        pace.shown = now;
        let Some(end) = self.held.row.out_of_bounds(now, &self.engine.settings) else {
            return self.show(work, now).await;
        };
        let ended = self.engine.end(&self.held, end).await?;
        Ok(Some(ended.map_or(ASIDE, |_| Ran::Ended)))
    }

    async fn show(&mut self, work: &dyn Work, now: EpochMillis) -> Result<Option<Ran>, PortError> {
        let advanced = self.held.row.advance(&self.token, work.progress(), now);
        let Some(advanced) = advanced else {
            return Ok(Some(ASIDE));
        };
        match self.engine.commit(&self.held, advanced).await? {
            Some(held) => {
                self.held = held;
                Ok(None)
            }
            None => Ok(Some(ASIDE)),
        }
    }

    /// Waits a little after a fault; `Some` when there were too many of them.
    async fn faltered(&self, pace: &mut Pace, why: String) -> Option<Problem> {
        pace.faults += 1;
        let max = self.engine.settings.attempts_max;
        if pace.faults >= max || !self.held.row.repeatable {
            return Some(Problem::new(
                "step_failed",
                "A step failed, and so did its repetitions",
                why,
            ));
        }
        self.engine.ports.clock.wait(STEP_WAIT * pace.faults).await;
        None
    }

    /// Writes the state, then the row, then invokes: whatever is lost in between, the row knows how to go on.
    async fn hand_over(&self, progress: Progress) -> Result<Ran, PortError> {
        let engine = self.engine;
        let digest = Digest::of(&self.snapshot);
        let row = &self.held.row;
        let key = object_key(&row.id, &state_name(row.generation + 1, &digest));
        let plain = Described::default();
        engine.again(|| engine.ports.blobs.put(&key, &plain, self.snapshot.clone())).await?;
        let Some(next) = row.hand_over(&self.token, digest, progress, engine.now()) else {
            return Ok(ASIDE);
        };
        match engine.commit(&self.held, next).await? {
            Some(held) => self.deliver(held).await,
            None => Ok(ASIDE),
        }
    }

    /// Gives the generation back as it was: its first step was cut off.
    async fn release(&self) -> Result<Ran, PortError> {
        let engine = self.engine;
        let now = engine.now();
        let Some(released) = self.held.row.release(&self.token, now) else {
            return Ok(ASIDE);
        };
        if let Some(end) = released.out_of_attempts(now, &engine.settings) {
            return Ok(engine.end(&self.held, end).await?.map_or(ASIDE, |_| Ran::Ended));
        }
        match engine.commit(&self.held, released).await? {
            Some(held) => self.deliver(held).await,
            None => Ok(ASIDE),
        }
    }

    async fn deliver(&self, held: Held) -> Result<Ran, PortError> {
        Ok(match self.engine.deliver(held, Some(&self.snapshot)).await? {
            Delivered::Accepted => Ran::HandedOver,
            Delivered::Later(why) => Ran::LeftToSweeper(why),
            Delivered::Never => Ran::Ended,
        })
    }
}

/// Whoever was faster has decided; what this run has stored, a sweeper finds.
const ASIDE: Ran = Ran::Aside("the job went on without this run");
