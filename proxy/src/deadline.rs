//! How long an answer may take: until the gateway or Lambda would give up, less what it takes to say so.

use std::time::Duration;

use hardcap_limits::Limits;

use crate::clock::Instant;
use crate::event::FrontDoor;

/// What is kept back to abort an upload and to answer.
const MARGIN_MAX: Duration = Duration::from_secs(1);

/// The time a request has.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// When the work has to be given up.
    pub at: Instant,
    /// The span the work was given, for the error text.
    pub budget: Duration,
    /// What remains after [`Deadline::at`] for tidying up.
    pub margin: Duration,
}

impl Deadline {
    /// The deadline of a request that began at `start`.
    ///
    /// `lambda` is what remains of the function's own timeout; `gateway` what the front door waits, if it gives up at all.
    #[must_use]
    pub fn new(start: Instant, lambda: Duration, gateway: Option<Duration>) -> Deadline {
        let total = gateway.map_or(lambda, |gateway| gateway.min(lambda));
        let margin = (total / 10).min(MARGIN_MAX);
        let budget = total - margin;
        Deadline { at: start + budget, budget, margin }
    }

    /// What is left of it.
    #[must_use]
    pub fn left(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }
}

/// How long a front door waits for the function.
#[must_use]
pub fn gateway_timeout(door: FrontDoor, limits: &Limits) -> Option<Duration> {
    let _ = limits;
    match door {
        FrontDoor::Rest => Some(Duration::from_secs(29)),
        FrontDoor::HttpV1 | FrontDoor::HttpV2 => Some(Duration::from_secs(30)),
        FrontDoor::FunctionUrl => None,
    }
}
