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
    let row = match door {
        FrontDoor::Rest => limits.rest_timeout,
        FrontDoor::HttpV1 | FrontDoor::HttpV2 => limits.http_timeout,
        FrontDoor::FunctionUrl => return None,
    };
    Some(Duration::from_millis(row.max.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn budget(lambda: u64, gateway: Option<u64>) -> Duration {
        let gateway = gateway.map(Duration::from_millis);
        Deadline::new(clock::instant(), Duration::from_millis(lambda), gateway).budget
    }

    #[test]
    fn z10_the_earlier_cut_off_counts_less_a_margin_to_say_so() {
        assert_eq!(budget(900_000, Some(29_000)), Duration::from_millis(28_000));
        assert_eq!(budget(10_000, Some(29_000)), Duration::from_millis(9_000));
        assert_eq!(budget(60_000, None), Duration::from_millis(59_000));
        assert_eq!(budget(900_000, Some(500)), Duration::from_millis(450));
        assert_eq!(budget(0, Some(29_000)), Duration::ZERO);
    }

    #[test]
    fn z10_each_front_door_has_its_own_patience() {
        let limits = Limits::classic();
        let patience = |door| gateway_timeout(door, &limits).map(|wait| wait.as_millis());
        assert_eq!(patience(FrontDoor::Rest), Some(29_000));
        assert_eq!(patience(FrontDoor::HttpV1), Some(30_000));
        assert_eq!(patience(FrontDoor::HttpV2), Some(30_000));
        assert_eq!(patience(FrontDoor::FunctionUrl), None);
    }
}
