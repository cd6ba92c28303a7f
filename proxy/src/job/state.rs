//! The states of a job, and what may happen to it.

use serde::{Deserialize, Serialize};

use super::event::Digest;
use super::outcome::{Output, Problem};
use super::ports::EpochMillis;
use super::row::Row;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A generation waits to be started.
    Queued,
    /// A generation runs.
    Running,
    /// It is done, and has a result.
    Complete,
    /// It cannot be done, and has an error.
    Failed,
    /// Its owner ended it.
    Cancelled,
    /// It took longer than a job may.
    Expired,
}

impl State {
    /// Whether it stays like this.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(self, State::Queued | State::Running)
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Complete => "complete",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
            State::Expired => "expired",
        }
    }
}

/// Who runs the present generation, and until when nobody else may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Tells this run from every other.
    pub token: String,
    /// After this the function cannot be alive any more.
    pub until: EpochMillis,
}

/// How the last run of the present generation ended without getting through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setback {
    /// It was never heard of again: a crash, or a timeout.
    Lost,
    /// A step did not end before the time did.
    TooLong,
}

/// The bounds of what follows the end of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leftovers {
    /// States, inputs and uploads may lie about.
    All,
    /// Only the result lies there.
    Result,
    /// Nothing.
    None,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The generation is run; the row says so once it is written.
    Run(Row),
    /// The job ends here; the row says so once it is written.
    End(Row),
    /// Nothing is done, for this reason.
    Aside(&'static str),
}

/// What an event asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The generation.
    pub generation: u64,
    /// The state it names.
    pub digest: &'a Digest,
}

/// How a job ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// With a result.
    Complete(Output),
    /// With an error.
    Failed(Problem),
    /// By its owner.
    Cancelled,
    /// By its age.
    Expired(Problem),
}
