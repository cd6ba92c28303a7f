//! The decision whether and when an event is retried. Pure.

use hardcap_limits::{Limits, Millis};
use serde::{Deserialize, Serialize};

use hardcap_core::clock::EpochMillis;
use hardcap_core::config::EventInvokeConfig;
use hardcap_core::record::Condition;

/// The attempts at an event so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tries {
    /// The time of acceptance.
    pub(crate) accepted: EpochMillis,
    /// Attempts that reached the function and failed.
    pub(crate) failures: u64,
    /// Attempts since the last one that reached the function.
    pub(crate) turned_away: u64,
}

/// The outcome of an attempt that was not successful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// The function failed.
    Failed,
    /// A throttle, or an error of the platform.
    TurnedAway,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Another attempt at this time.
    Again(EpochMillis),
    /// The event ends.
    GiveUp(Condition),
}

/// The numbers that apply to the events of one function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    retries: u64,
    age: Millis,
    first_wait: Millis,
    second_wait: Millis,
    backoff_min: Millis,
    backoff_max: Millis,
}

impl Policy {
    /// The function's own numbers, else the limits in force.
    pub(crate) fn new(config: &EventInvokeConfig, limits: &Limits) -> Policy {
        let retries = limits.lambda_async_retries.max.0;
        let age = limits.lambda_async_age.max;
        Policy {
            retries: config.maximum_retry_attempts.map_or(retries, u64::from),
            age: config.maximum_event_age.unwrap_or(age),
            first_wait: limits.lambda_async_first_wait.max,
            second_wait: limits.lambda_async_second_wait.max,
            backoff_min: limits.lambda_async_backoff_min.max,
            backoff_max: limits.lambda_async_backoff_max.max,
        }
    }

    /// Whether an event is too old for another attempt.
    pub(crate) fn is_too_old(&self, tries: &Tries, now: EpochMillis) -> bool {
        now.since(tries.accepted) > self.age
    }

    /// The next step after an attempt, and the updated attempts.
    pub(crate) fn next(
        &self,
        tries: Tries,
        attempt: AttemptOutcome,
        now: EpochMillis,
    ) -> (NextStep, Tries) {
        match attempt {
            AttemptOutcome::Failed => {
                let tries = Tries { failures: tries.failures + 1, turned_away: 0, ..tries };
                (self.after_failure(&tries, now), tries)
            }
            AttemptOutcome::TurnedAway => {
                let tries = Tries { turned_away: tries.turned_away + 1, ..tries };
                (self.after_rejection(&tries, now), tries)
            }
        }
    }

    fn after_failure(&self, tries: &Tries, now: EpochMillis) -> NextStep {
        if tries.failures > self.retries {
            return NextStep::GiveUp(Condition::RetriesExhausted);
        }
        let due = now.plus(if tries.failures == 1 { self.first_wait } else { self.second_wait });
        if self.is_too_old(tries, due) {
            return NextStep::GiveUp(Condition::EventAgeExceeded);
        }
        NextStep::Again(due)
    }

    /// The delay doubles with each attempt; the last attempt is made at the maximum age.
    fn after_rejection(&self, tries: &Tries, now: EpochMillis) -> NextStep {
        let oldest = tries.accepted.plus(self.age);
        if now >= oldest {
            return NextStep::GiveUp(Condition::EventAgeExceeded);
        }
        let doublings = u32::try_from(tries.turned_away.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 2_u64.checked_pow(doublings).unwrap_or(u64::MAX);
        let wait = self.backoff_min.0.saturating_mul(factor).min(self.backoff_max.0);
        NextStep::Again(now.plus(Millis(wait)).min(oldest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;
    const NEW: Tries = Tries { accepted: EpochMillis(1_000_000), failures: 0, turned_away: 0 };

    fn policy(retries: Option<u32>, age_seconds: Option<u64>) -> Policy {
        let config = EventInvokeConfig {
            maximum_retry_attempts: retries,
            maximum_event_age: age_seconds.map(|seconds| Millis(seconds * 1000)),
            ..EventInvokeConfig::default()
        };
        Policy::new(&config, &Limits::classic())
    }

    /// The invocation times, in milliseconds after acceptance, of a function that always fails, and the end.
    fn failing(policy: &Policy, duration: u64) -> (Vec<u64>, Condition) {
        let (mut tries, mut at, mut starts) = (NEW, NEW.accepted, Vec::new());
        loop {
            starts.push(at.0 - NEW.accepted.0);
            let (next, after) =
                policy.next(tries, AttemptOutcome::Failed, at.plus(Millis(duration)));
            tries = after;
            match next {
                NextStep::Again(due) => at = due,
                NextStep::GiveUp(condition) => return (starts, condition),
            }
        }
    }

    #[test]
    fn a_failing_function_is_retried_after_one_minute_and_after_two_more() {
        let (starts, end) = failing(&policy(None, None), 0);
        assert_eq!(starts, [0, MINUTE, 3 * MINUTE]);
        assert_eq!(end, Condition::RetriesExhausted);
    }

    #[test]
    fn the_number_of_retries_is_that_of_the_functions_configuration() {
        for (retries, attempts) in [(0, 1), (1, 2), (2, 3)] {
            let (starts, end) = failing(&policy(Some(retries), None), 5);
            assert_eq!((starts.len(), end), (attempts, Condition::RetriesExhausted));
        }
    }

    #[test]
    fn an_event_whose_retry_would_exceed_its_age_ends_as_recorded_on_2025_11_27() {
        for (age, attempts) in [(60, 1), (61, 2), (180, 2), (181, 3)] {
            let (starts, end) = failing(&policy(None, Some(age)), 10);
            assert_eq!(starts.len(), attempts, "{age} s");
            let expected = match attempts {
                3 => Condition::RetriesExhausted,
                _ => Condition::EventAgeExceeded,
            };
            assert_eq!(end, expected, "{age} s");
        }
    }

    #[test]
    fn a_throttled_event_waits_from_one_second_to_five_minutes_for_six_hours() {
        let policy = policy(None, None);
        let (mut tries, mut at, mut waits) = (NEW, NEW.accepted, Vec::new());
        let end = loop {
            let (next, after) = policy.next(tries, AttemptOutcome::TurnedAway, at);
            tries = after;
            match next {
                NextStep::Again(due) => waits.push(due.since(at).0 / 1000),
                NextStep::GiveUp(condition) => break condition,
            }
            at = at.plus(Millis(waits[waits.len() - 1] * 1000));
        };
        assert_eq!(waits[..11], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(waits.iter().sum::<u64>(), 21_600);
        assert_eq!(end, Condition::EventAgeExceeded);
        assert_eq!(tries.failures, 0, "a throttle is not an attempt of the function");
    }

    #[test]
    fn retries_that_are_lowered_while_an_event_waits_end_the_event() {
        let failed_twice = Tries { failures: 2, ..NEW };
        for retries in [0, 1, 2] {
            let next = policy(Some(retries), None).next(
                failed_twice,
                AttemptOutcome::Failed,
                NEW.accepted,
            );
            let expected = Tries { failures: 3, ..NEW };
            assert_eq!(next, (NextStep::GiveUp(Condition::RetriesExhausted), expected));
        }
    }

    #[test]
    fn a_failure_after_throttles_is_the_first_failure() {
        let policy = policy(None, None);
        let (_, tries) = policy.next(NEW, AttemptOutcome::TurnedAway, NEW.accepted);
        let now = NEW.accepted.plus(Millis(1_000));
        let (next, tries) = policy.next(tries, AttemptOutcome::Failed, now);
        assert_eq!(next, NextStep::Again(now.plus(Millis(MINUTE))));
        assert_eq!((tries.failures, tries.turned_away), (1, 0));
    }

    #[test]
    fn an_event_is_too_old_after_its_maximum_age() {
        let policy = policy(None, Some(60));
        assert!(!policy.is_too_old(&NEW, NEW.accepted.plus(Millis(60_000))));
        assert!(policy.is_too_old(&NEW, NEW.accepted.plus(Millis(60_001))));
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let policy = policy(None, None);
        let tries = Tries { turned_away: u64::MAX - 1, ..NEW };
        let (next, _) = policy.next(tries, AttemptOutcome::TurnedAway, NEW.accepted);
        assert_eq!(next, NextStep::Again(NEW.accepted.plus(Millis(300_000))));
    }
}
