//! The row of a job: its durable state without its objects. Every change is a pure function here, and takes effect by a write
//! that is conditional on the previous version.
//!
//! ```text
//!  queued ──lease──▶ running ──finish──▶ complete │ failed
//!    ▲  ▲               │ │
//!    │  └──hand over────┘ └──cancel, expire, from either──▶ cancelled │ expired
//!    └─────release, revive
//! ```
//!
//! No function leads out of a terminal state.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::Digest;
use super::outcome::{JobError, Output, Progress};
use super::ports::EpochMillis;
use super::settings::JobSettings;
use super::state::{Decision, GenerationRef, JobEnd, JobState, Lease, Leftovers, Setback};

/// The row of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The id, a random UUID.
    pub id: String,
    /// The owner.
    pub owner: String,
    /// The kind of job.
    pub kind: String,
    /// The state.
    pub state: JobState,
    /// The time at which the job was accepted.
    pub created: EpochMillis,
    /// The time of the last change that the owner can see.
    pub updated: EpochMillis,
    /// The time at which the job expires, finished or not.
    pub deadline: EpochMillis,
    /// The current generation.
    pub generation: u64,
    /// The number of invocations in the current chain.
    pub hops: u64,
    /// The digest of its input.
    pub input: Digest,
    /// The digest of the state with which the current generation begins.
    pub checkpoint: Digest,
    /// Whether a generation may be started again.
    pub repeatable: bool,
    /// The lease of the current run.
    #[serde(rename = "claim")]
    pub lease: Option<Lease>,
    /// The number of times that the current generation was started.
    pub attempts: u32,
    /// The number of times that a sweeper invoked the current generation again.
    pub revivals: u32,
    /// Whether Lambda accepted the event of the current generation.
    pub handed: bool,
    /// The end of the last run of the current generation.
    pub setback: Option<Setback>,
    /// The progress.
    pub progress: Progress,
    /// The result, if the job is complete.
    pub result: Option<Output>,
    /// The error, if the job failed or expired.
    pub error: Option<JobError>,
    /// The time at which the job ended.
    pub ended: Option<EpochMillis>,
    /// The objects left in the bucket.
    pub leftovers: Leftovers,
    /// Until when a run of the job can be alive.
    pub alive: EpochMillis,
    /// The mark of the writer of this version, by which it recognizes its write if the response was lost.
    pub writer: String,
}

/// A job to be accepted.
#[derive(Clone, Debug)]
pub struct NewRow {
    /// The id.
    pub id: String,
    /// The owner.
    pub owner: String,
    /// The kind of job.
    pub kind: String,
    /// The digest of its input.
    pub input: Digest,
    /// The digest of its first state.
    pub checkpoint: Digest,
    /// Whether a generation may be started again.
    pub repeatable: bool,
}

impl Row {
    /// The row of a job that is accepted at `now`.
    #[must_use]
    pub fn new(accepted: NewRow, now: EpochMillis, settings: &JobSettings) -> Row {
        let NewRow { id, owner, kind, input, checkpoint, repeatable } = accepted;
        Row {
            id,
            owner,
            kind,
            state: JobState::Queued,
            created: now,
            updated: now,
            deadline: later(now, settings.age_max),
            generation: 1,
            hops: 0,
            input,
            checkpoint,
            repeatable,
            lease: None,
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

    /// Decides what an event may do at `now`.
    #[must_use]
    pub fn acquire(
        &self,
        asked: GenerationRef<'_>,
        lease: Lease,
        now: EpochMillis,
        settings: &JobSettings,
    ) -> Decision {
        if self.state.is_terminal() {
            return Decision::Skipped("the job has ended");
        }
        if asked.generation != self.generation {
            return Decision::Skipped("the event is for another generation");
        }
        if *asked.digest != self.checkpoint {
            return Decision::Skipped("the state of the event differs from the row's");
        }
        if let Some(end) = self.out_of_bounds(now, settings) {
            return Decision::End(end);
        }
        if self.lease.as_ref().is_some_and(|held| held.until > now) {
            return Decision::Skipped("another run holds the generation");
        }
        if let Some(end) = self.out_of_attempts(now, settings) {
            return Decision::End(end);
        }
        let alive = self.alive.max(lease.until);
        let setback = if self.lease.is_some() { Some(Setback::Lost) } else { self.setback };
        Decision::Run(Row {
            state: JobState::Running,
            lease: Some(lease),
            attempts: self.attempts + 1,
            handed: true,
            alive,
            setback,
            updated: now,
            ..self.clone()
        })
    }

    /// The end of a job that exceeds a bound, if it does. A live run applies it itself.
    #[must_use]
    pub fn out_of_bounds(&self, now: EpochMillis, settings: &JobSettings) -> Option<Row> {
        if !settings.enabled {
            return self.finish(JobEnd::Failed(JobError::stopped()), now);
        }
        if now >= self.deadline {
            return self.finish(JobEnd::Expired(JobError::expired(settings.age_max)), now);
        }
        if self.generation > settings.generations_max {
            let problem = JobError::too_many_generations(settings.generations_max);
            return self.finish(JobEnd::Failed(problem), now);
        }
        None
    }

    /// The end of a job whose current generation has no attempts left.
    #[must_use]
    pub fn out_of_attempts(&self, now: EpochMillis, settings: &JobSettings) -> Option<Row> {
        let max = if self.repeatable { settings.attempts_max } else { 1 };
        if self.attempts < max {
            return None;
        }
        let lost = self.lease.is_some() || self.setback == Some(Setback::Lost);
        let problem = if lost {
            JobError::interrupted(self.attempts, self.repeatable)
        } else {
            JobError::step_too_long(self.attempts, self.repeatable)
        };
        self.finish(JobEnd::Failed(problem), now)
    }

    /// Whether the run with this token holds the job.
    #[must_use]
    pub fn is_held_by(&self, token: &str) -> bool {
        self.state == JobState::Running
            && self.lease.as_ref().is_some_and(|lease| lease.token == token)
    }

    /// Records the progress of the current run.
    #[must_use]
    pub fn advance(&self, token: &str, progress: Progress, now: EpochMillis) -> Option<Row> {
        let next = Row { progress, updated: now, ..self.clone() };
        self.is_held_by(token).then_some(next)
    }

    /// Queues the next generation with a state.
    #[must_use]
    pub fn hand_over(
        &self,
        token: &str,
        checkpoint: Digest,
        progress: Progress,
        now: EpochMillis,
    ) -> Option<Row> {
        let next = Row {
            state: JobState::Queued,
            generation: self.generation + 1,
            hops: self.hops + 1,
            checkpoint,
            lease: None,
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

    /// Queues the current generation again, because its run did not complete the first step.
    #[must_use]
    pub fn release(&self, token: &str, now: EpochMillis) -> Option<Row> {
        let next = Row {
            state: JobState::Queued,
            hops: self.hops + 1,
            lease: None,
            handed: false,
            setback: Some(Setback::TooLong),
            updated: now,
            ..self.clone()
        };
        self.is_held_by(token).then_some(next)
    }

    /// Records that Lambda accepted the event of a generation.
    #[must_use]
    pub fn accepted_by_lambda(&self, generation: u64, now: EpochMillis) -> Option<Row> {
        let waits = self.state == JobState::Queued && self.generation == generation && !self.handed;
        waits.then(|| Row { handed: true, updated: now, ..self.clone() })
    }

    /// The next row of a due job that did not progress: queued again, in a new chain, or ended.
    #[must_use]
    pub fn revive(&self, now: EpochMillis, settings: &JobSettings) -> Option<Row> {
        if self.state.is_terminal() || self.due(settings).is_none_or(|due| due > now) {
            return None;
        }
        if let Some(end) = self.out_of_bounds(now, settings) {
            return Some(end);
        }
        if self.revivals >= settings.revivals_max {
            let problem = JobError::never_started(self.generation, self.revivals);
            return self.finish(JobEnd::Failed(problem), now);
        }
        let setback = if self.lease.is_some() { Some(Setback::Lost) } else { self.setback };
        Some(Row {
            state: JobState::Queued,
            hops: 0,
            lease: None,
            revivals: self.revivals + 1,
            handed: false,
            setback,
            updated: now,
            ..self.clone()
        })
    }

    /// Ends the job; `None` if it has already ended.
    #[must_use]
    pub fn finish(&self, ending: JobEnd, now: EpochMillis) -> Option<Row> {
        if self.state.is_terminal() {
            return None;
        }
        let (state, result, error) = match ending {
            JobEnd::Complete(output) => (JobState::Complete, Some(output), None),
            JobEnd::Failed(problem) => (JobState::Failed, None, Some(problem)),
            JobEnd::Cancelled => (JobState::Cancelled, None, None),
            JobEnd::Expired(problem) => (JobState::Expired, None, Some(problem)),
        };
        Some(Row {
            state,
            result,
            error,
            lease: None,
            ended: Some(now),
            updated: now,
            ..self.clone()
        })
    }

    /// Records that objects of an ended job were deleted. The owner sees no change, so `updated` stays.
    #[must_use]
    pub fn swept(&self, leftovers: Leftovers) -> Option<Row> {
        self.state.is_terminal().then(|| Row { leftovers, ..self.clone() })
    }

    /// The time from which a sweeper processes the job.
    #[must_use]
    pub fn due(&self, settings: &JobSettings) -> Option<EpochMillis> {
        let at = match (self.ended, self.leftovers) {
            (Some(_), Leftovers::None) => return None,
            (Some(ended), Leftovers::Result) => later(ended, settings.retention),
            // A run may still write until its function has certainly ended.
            (Some(ended), Leftovers::All) => later(ended.max(self.alive), settings.grace),
            (None, _) => match &self.lease {
                Some(lease) => later(lease.until, settings.grace),
                None if self.handed => later(self.updated, settings.queue_patience),
                None => later(self.updated, settings.handover_patience),
            },
        };
        Some(at)
    }

    /// The time from which the owner cannot see the job any more.
    #[must_use]
    pub fn expires(&self, settings: &JobSettings) -> EpochMillis {
        later(self.ended.unwrap_or(self.deadline), settings.retention)
    }

    /// The time from which the table may delete the row: a day later, so a sweep finds the row once more.
    #[must_use]
    pub fn forget(&self, settings: &JobSettings) -> EpochMillis {
        later(self.expires(settings), Duration::from_secs(24 * 3600))
    }
}

/// The point in time a span after another.
#[must_use]
pub(super) fn later(point: EpochMillis, span: Duration) -> EpochMillis {
    point.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
