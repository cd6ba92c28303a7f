//! The deadline of a request: the timeout of the gateway or of Lambda, minus the time to send an error.

use std::time::Duration;

use hardcap_limits::Limits;

use crate::clock::Instant;
use crate::event::ApiType;

/// The longest time reserved for aborting an upload and responding.
const MARGIN_MAX: Duration = Duration::from_secs(1);

/// The deadline of a request.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// The time at which the work is cancelled.
    pub at: Instant,
    /// The time given to the work, for the error text.
    pub budget: Duration,
    /// The time after [`Deadline::at`] for cleaning up.
    pub margin: Duration,
}

impl Deadline {
    /// The deadline of a request that began at `start`.
    ///
    /// `lambda` is the rest of the function's timeout. `gateway` is the gateway's timeout, if it has one.
    #[must_use]
    pub fn new(start: Instant, lambda: Duration, gateway: Option<Duration>) -> Deadline {
        let total = gateway.map_or(lambda, |gateway| gateway.min(lambda));
        let margin = (total / 10).min(MARGIN_MAX);
        let budget = total - margin;
        Deadline { at: start + budget, budget, margin }
    }

    /// The time left at `now`.
    #[must_use]
    pub fn left(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }
}

/// The timeout of a gateway; a function URL has none.
#[must_use]
pub fn gateway_timeout(api: ApiType, limits: &Limits) -> Option<Duration> {
    let row = match api {
        ApiType::Rest => limits.rest_timeout,
        ApiType::HttpV1 | ApiType::HttpV2 => limits.http_timeout,
        ApiType::FunctionUrl => return None,
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
    fn z10_the_earlier_timeout_minus_a_margin_is_the_deadline() {
        assert_eq!(budget(900_000, Some(29_000)), Duration::from_millis(28_000));
        assert_eq!(budget(10_000, Some(29_000)), Duration::from_millis(9_000));
        assert_eq!(budget(60_000, None), Duration::from_millis(59_000));
        assert_eq!(budget(900_000, Some(500)), Duration::from_millis(450));
        assert_eq!(budget(0, Some(29_000)), Duration::ZERO);
    }

    #[test]
    fn z10_each_kind_of_api_has_its_own_timeout() {
        let limits = Limits::classic();
        let timeout = |api| gateway_timeout(api, &limits).map(|wait| wait.as_millis());
        assert_eq!(timeout(ApiType::Rest), Some(29_000));
        assert_eq!(timeout(ApiType::HttpV1), Some(30_000));
        assert_eq!(timeout(ApiType::HttpV2), Some(30_000));
        assert_eq!(timeout(ApiType::FunctionUrl), None);
    }
}
