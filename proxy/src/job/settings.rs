//! The bounds of every job, and how the functions are told them.

use std::time::Duration;

/// Within which bounds jobs are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `false` takes no job on, and ends those that there are.
    pub enabled: bool,
    /// The largest payload of an asynchronous invocation, in bytes: `lambda_async_request` of the date in force.
    pub event_max: u64,
    /// The largest state that is kept, in bytes.
    pub state_max: u64,
    /// How many generations a job may have.
    pub generations_max: u64,
    /// How old a job may become.
    pub age_max: Duration,
    /// How often a generation is begun.
    pub attempts_max: u32,
    /// How often a sweeper invokes a generation again.
    pub revivals_max: u32,
    /// How many jobs of one owner there may be at a time that have not ended.
    pub per_owner_max: usize,
    /// How long a result is kept.
    pub retention: Duration,
    /// With less time left than this, no step is begun: the state is handed over.
    pub soft_margin: Duration,
    /// With less time left than this, a step is cut off.
    pub hard_margin: Duration,
    /// How long a generation may be written down without Lambda having its event.
    pub handover_patience: Duration,
    /// How long Lambda may take to start a generation whose event it has.
    pub queue_patience: Duration,
    /// How long after its end a run is thought to be alive, for clocks differ.
    pub grace: Duration,
    /// How often progress is written down, at most.
    pub progress_every: Duration,
}

impl Settings {
    /// What holds unless something else is said; `event_max` is the limit in force.
    #[must_use]
    pub fn new(event_max: u64) -> Settings {
        Settings {
            enabled: true,
            event_max,
            state_max: 16 * 1024 * 1024,
            generations_max: 500,
            age_max: Duration::from_secs(24 * 3600),
            attempts_max: 3,
            revivals_max: 10,
            per_owner_max: 10,
            retention: Duration::from_secs(24 * 3600),
            soft_margin: Duration::from_secs(60),
            hard_margin: Duration::from_secs(15),
            handover_patience: Duration::from_secs(60),
            queue_patience: Duration::from_secs(600),
            grace: Duration::from_secs(30),
            progress_every: Duration::from_secs(5),
        }
    }
}
