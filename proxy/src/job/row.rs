//! The row of a job: what is durable about it but its bytes. Every change is one of the pure functions here, and takes
//! effect by a write under the condition that nobody wrote in between.
//!
//! ```text
//!  queued ──claim──▶ running ──finish──▶ complete │ failed
//!    ▲  ▲               │ │
//!    │  └──hand over────┘ └──cancel, expire, from either──▶ cancelled │ expired
//!    └─────release, revive
//! ```
//!
//! No function leads out of a terminal state; each refuses it by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::Digest;
use super::outcome::{Output, Problem, Progress};
use super::ports::EpochMillis;
use super::settings::Settings;
use super::state::{Asked, Claim, Decision, Ending, Leftovers, Setback, State};

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its id, a random UUID.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// What sort of work.
    pub kind: String,
    /// Where it is.
    pub state: State,
    /// When it was accepted.
    pub created: EpochMillis,
    /// When the job last changed.
    pub updated: EpochMillis,
    /// When it expires, done or not.
    pub deadline: EpochMillis,
    /// The generation that runs or is to run.
    pub generation: u64,
    /// How many invocations led here, one from the other.
    pub hops: u64,
    /// What it was asked.
    pub input: Digest,
    /// The state with which the present generation begins.
    pub checkpoint: Digest,
    /// Whether a generation may be begun a second time.
    pub repeatable: bool,
    /// Who runs it.
    pub claim: Option<Claim>,
    /// How often the present generation was started.
    pub attempts: u32,
    /// How often a sweeper invoked the present generation again.
    pub revivals: u32,
    /// Whether Lambda accepted the event of the present generation.
    pub handed: bool,
    /// How the last run of the present generation ended.
    pub setback: Option<Setback>,
    /// How far it is.
    pub progress: Progress,
    /// The result of a complete job.
    pub result: Option<Output>,
    /// The error of a failed or expired job.
    pub error: Option<Problem>,
    /// When it ended.
    pub ended: Option<EpochMillis>,
    /// What is left in the bucket.
    pub leftovers: Leftovers,
    /// When a run of it can still be alive, at most.
    pub alive: EpochMillis,
    /// Who wrote this version: how a writer recognizes its own write when the answer to it was lost.
    pub writer: String,
}

/// A job as it is accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// What sort of work.
    pub kind: String,
    /// What it was asked.
    pub input: Digest,
    /// The state it begins with.
    pub checkpoint: Digest,
    /// Whether it may be begun a second time.
    pub repeatable: bool,
}

impl Row {
    /// The row of a job that begins at `now`.
    #[must_use]
    pub fn new(accepted: Accepted, now: EpochMillis, settings: &Settings) -> Row {
        let Accepted { id, owner, kind, input, checkpoint, repeatable } = accepted;
        Row {
            id,
            owner,
            kind,
            state: State::Queued,
            created: now,
            updated: now,
            deadline: later(now, settings.age_max),
            generation: 1,
            hops: 0,
            input,
            checkpoint,
            repeatable,
            claim: None,
            attempts: 0,
            revivals: 0,
            handed: false,
            setback: None,
            progress: Progress::default(),
            result: None,
            error: None,
            ended: None,
            leftovers: Leftovers::All,
            alive: now,
            writer: String::new(),
        }
    }

    /// What an event may do at `now`.
    #[must_use]
    pub fn claim(
        &self,
        asked: Asked<'_>,
        claim: Claim,
        now: EpochMillis,
        settings: &Settings,
    ) -> Decision {
        if self.state.is_terminal() {
            return Decision::Aside("the job has ended");
        }
        if asked.generation != self.generation {
            return Decision::Aside("the event is of another generation");
        }
        if *asked.digest != self.checkpoint {
            return Decision::Aside("the event brings another state than the row names");
        }
        if let Some(end) = self.out_of_bounds(now, settings) {
            return Decision::End(end);
        }
        if self.claim.as_ref().is_some_and(|held| held.until > now) {
            return Decision::Aside("the generation runs elsewhere");
        }
        if let Some(end) = self.out_of_attempts(now, settings) {
            return Decision::End(end);
        }
        let alive = self.alive.max(claim.until);
        let setback = if self.claim.is_some() { Some(Setback::Lost) } else { self.setback };
        Decision::Run(Row {
            state: State::Running,
            claim: Some(claim),
            attempts: self.attempts + 1,
            handed: true,
            alive,
            setback,
            updated: now,
            ..self.clone()
        })
    }

    /// The end of a job that may not go on at all, if it is one. A run that is alive sees to it itself.
    #[must_use]
    pub fn out_of_bounds(&self, now: EpochMillis, settings: &Settings) -> Option<Row> {
        if !settings.enabled {
            return self.finish(Ending::Failed(Problem::stopped()), now);
        }
        if now >= self.deadline {
            return self.finish(Ending::Expired(Problem::expired(settings.age_max)), now);
        }
        if self.generation > settings.generations_max {
            let problem = Problem::too_many_generations(settings.generations_max);
            return self.finish(Ending::Failed(problem), now);
        }
        None
    }

    /// The end of a job whose present generation was begun as often as it may be.
    #[must_use]
    pub fn out_of_attempts(&self, now: EpochMillis, settings: &Settings) -> Option<Row> {
        let max = if self.repeatable { settings.attempts_max } else { 1 };
        if self.attempts < max {
            return None;
        }
        let lost = self.claim.is_some() || self.setback == Some(Setback::Lost);
        let problem = if lost {
            Problem::interrupted(self.attempts, self.repeatable)
        } else {
            Problem::step_too_long(self.attempts, self.repeatable)
        };
        self.finish(Ending::Failed(problem), now)
    }

    /// The present run is still the one that counts.
    #[must_use]
    pub fn is_held_by(&self, token: &str) -> bool {
        self.state == State::Running
            && self.claim.as_ref().is_some_and(|claim| claim.token == token)
    }

    /// Shows how far the present run is.
    #[must_use]
    pub fn advance(&self, token: &str, progress: Progress, now: EpochMillis) -> Option<Row> {
        let next = Row { progress, updated: now, ..self.clone() };
        self.is_held_by(token).then_some(next)
    }

    /// The next generation is to begin with this state.
    #[must_use]
    pub fn hand_over(
        &self,
        token: &str,
        checkpoint: Digest,
        progress: Progress,
        now: EpochMillis,
    ) -> Option<Row> {
        let next = Row {
            state: State::Queued,
            generation: self.generation + 1,
            hops: self.hops + 1,
            checkpoint,
            claim: None,
            attempts: 0,
            revivals: 0,
            handed: false,
            setback: None,
            progress,
            updated: now,
            ..self.clone()
        };
        self.is_held_by(token).then_some(next)
    }

    /// The present generation is to be begun again: its run did not get through its first step.
    #[must_use]
    pub fn release(&self, token: &str, now: EpochMillis) -> Option<Row> {
        let next = Row {
            state: State::Queued,
            hops: self.hops + 1,
            claim: None,
            handed: false,
            setback: Some(Setback::TooLong),
            updated: now,
            ..self.clone()
        };
        self.is_held_by(token).then_some(next)
    }

    /// Lambda has accepted the event of a generation.
    #[must_use]
    pub fn accepted_by_lambda(&self, generation: u64, now: EpochMillis) -> Option<Row> {
        let waits = self.state == State::Queued && self.generation == generation && !self.handed;
        waits.then(|| Row { handed: true, updated: now, ..self.clone() })
    }

    /// What a sweeper makes of a job that did not move: it is begun again, in a chain of its own, or ends.
    #[must_use]
    pub fn revive(&self, now: EpochMillis, settings: &Settings) -> Option<Row> {
        if self.state.is_terminal() || self.due(settings).is_none_or(|due| due > now) {
            return None;
        }
        if let Some(end) = self.out_of_bounds(now, settings) {
            return Some(end);
        }
        if self.revivals >= settings.revivals_max {
            let problem = Problem::never_started(self.generation, self.revivals);
            return self.finish(Ending::Failed(problem), now);
        }
        let setback = if self.claim.is_some() { Some(Setback::Lost) } else { self.setback };
        Some(Row {
            state: State::Queued,
            hops: 0,
            claim: None,
            revivals: self.revivals + 1,
            handed: false,
            setback,
            updated: now,
            ..self.clone()
        })
    }

    /// Ends the job; `None` when it has ended.
    #[must_use]
    pub fn finish(&self, ending: Ending, now: EpochMillis) -> Option<Row> {
        if self.state.is_terminal() {
            return None;
        }
        let (state, result, error) = match ending {
            Ending::Complete(output) => (State::Complete, Some(output), None),
            Ending::Failed(problem) => (State::Failed, None, Some(problem)),
            Ending::Cancelled => (State::Cancelled, None, None),
            Ending::Expired(problem) => (State::Expired, None, Some(problem)),
        };
        Some(Row {
            state,
            result,
            error,
            claim: None,
            ended: Some(now),
            updated: now,
            ..self.clone()
        })
    }

    /// What is left of an ended job has been removed. For its owner nothing has changed, so `updated` stays.
    #[must_use]
    pub fn swept(&self, leftovers: Leftovers) -> Option<Row> {
        self.state.is_terminal().then(|| Row { leftovers, ..self.clone() })
    }

    /// When a sweeper has to look at it.
    #[must_use]
    pub fn due(&self, settings: &Settings) -> Option<EpochMillis> {
        let at = match (self.ended, self.leftovers) {
            (Some(_), Leftovers::None) => return None,
            (Some(ended), Leftovers::Result) => later(ended, settings.retention),
            // Whoever ran it may still write until its function is certainly gone.
            (Some(ended), Leftovers::All) => later(ended.max(self.alive), settings.grace),
            (None, _) => match &self.claim {
                Some(claim) => later(claim.until, settings.grace),
                None if self.handed => later(self.updated, settings.queue_patience),
                None => later(self.updated, settings.handover_patience),
            },
        };
        Some(at)
    }

    /// When its owner is told that it is gone.
    #[must_use]
    pub fn expires(&self, settings: &Settings) -> EpochMillis {
        later(self.ended.unwrap_or(self.deadline), settings.retention)
    }

    /// When the table may forget it: a day later, for a sweep has to find it once more.
    #[must_use]
    pub fn forget(&self, settings: &Settings) -> EpochMillis {
        later(self.expires(settings), Duration::from_secs(24 * 3600))
    }
}

/// A point in time, and a span after it.
#[must_use]
pub(super) fn later(point: EpochMillis, span: Duration) -> EpochMillis {
    point.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
