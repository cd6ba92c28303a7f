//! The states of a job and the transitions between them.

use serde::{Deserialize, Serialize};

use super::event::Digest;
use super::outcome::{JobError, Output};
use super::ports::EpochMillis;
use super::row::Row;

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// A generation is waiting to start.
    Queued,
    /// A generation is running.
    Running,
    /// The job has a result.
    Complete,
    /// The job has an error.
    Failed,
    /// The owner cancelled the job.
    Cancelled,
    /// The job exceeded the maximum age.
    Expired,
}

impl JobState {
    /// Whether the state is final.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(self, JobState::Queued | JobState::Running)
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Complete => "complete",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
            JobState::Expired => "expired",
        }
    }
}

/// The lease of a run: until its end no other run may start the generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The unique token of the run.
    pub token: String,
    /// The end of the lease, after which the function has ended.
    pub until: EpochMillis,
}

/// The failure of the last run of the current generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setback {
    /// The run ended without a report: a crash or a timeout.
    Lost,
    /// A step did not end in time.
    TooLong,
}

/// The objects of an ended job that may be left in the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leftovers {
    /// States, inputs, uploads and the result.
    All,
    /// The result only.
    Result,
    /// No objects.
    None,
}

/// The action for an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Run the generation, after this row is written.
    Run(Row),
    /// End the job, by writing this row.
    End(Row),
    /// Do nothing; the reason.
    Skipped(&'static str),
}

/// The generation and the state that an event names.
#[derive(Clone, Copy, Debug)]
pub struct GenerationRef<'a> {
    /// The generation.
    pub generation: u64,
    /// The digest of the state.
    pub digest: &'a Digest,
}

/// The end of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobEnd {
    /// With a result.
    Complete(Output),
    /// With an error.
    Failed(JobError),
    /// By its owner.
    Cancelled,
    /// By its age.
    Expired(JobError),
}
