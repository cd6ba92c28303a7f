//! The only place that asks for the time or waits for it.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// A point in time: milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EpochMillis(pub u64);

impl EpochMillis {
    /// This point moved into the future.
    #[must_use]
    pub fn plus(self, span: Millis) -> EpochMillis {
        EpochMillis(self.0.saturating_add(span.0))
    }

    /// The span since an earlier point; zero when that point is later.
    #[must_use]
    pub fn since(self, earlier: EpochMillis) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// As the `time` crate has it, for formatting.
    #[must_use]
    pub fn to_utc(self) -> time::OffsetDateTime {
        time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
    }
}

/// The emulator's clock: real time, which the control surface can advance.
///
/// Advancing moves only what the emulator decides by the calendar: expiry of presigned links, lifecycle, age of events.
/// Functions are real processes and run in real time, so spans ([`Clock::stopwatch`], [`Clock::timeout`]) do not jump.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    advanced: Arc<AtomicU64>,
    /// When it was advanced, by the wall's clock, and by how much.
    history: Arc<Mutex<Vec<(EpochMillis, Millis)>>>,
    /// Told of every advance.
    moved: Arc<Notify>,
}

impl Clock {
    /// The time that AWS would show.
    #[must_use]
    pub fn now(&self) -> EpochMillis {
        real_now().plus(Millis(self.advanced.load(Ordering::Relaxed)))
    }

    /// The time that the clocks of processes show, which cannot be advanced: for what a function compares with its own.
    #[must_use]
    pub fn wall(&self) -> EpochMillis {
        real_now()
    }

    /// What [`Clock::now`] showed, or will show, when the clocks of processes show `wall`.
    ///
    /// Processes sign by their own clocks. A signature made before the clock was advanced has aged by that span, one made
    /// after it has not.
    #[must_use]
    pub fn shown_at(&self, wall: EpochMillis) -> EpochMillis {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let before = history.iter().filter(|(at, _)| *at <= wall);
        before.fold(wall, |shown, (_, span)| shown.plus(*span))
    }

    /// Moves [`Clock::now`] into the future for everyone who shares this clock.
    ///
    /// Blocks the thread until the second is over, less than a second: signatures are dated by whole seconds, and of one
    /// made in the same second [`Clock::shown_at`] could not tell whether it was made before or after.
    pub fn advance(&self, span: Millis) {
        if span.0 == 0 {
            return;
        }
        let second = wait_for_next_second();
        self.history.lock().unwrap_or_else(PoisonError::into_inner).push((second, span));
        self.advanced.fetch_add(span.0, Ordering::Relaxed);
        self.moved.notify_waiters();
    }

    /// Waits until [`Clock::now`] shows this time, however it comes to: an advance of the clock shortens the wait.
    pub async fn sleep_until(&self, due: EpochMillis) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // From here on an advance is seen, also one between the look and the wait.
            moved.as_mut().enable();
            let left = due.since(self.now());
            if left.0 == 0 {
                return;
            }
            let _ = within(left, moved).await;
        }
    }

    /// Waits for a span of real time, a begun millisecond counted whole.
    pub async fn pause(&self, span: Duration) {
        if span.is_zero() {
            return;
        }
        let millis = u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let _ = within(Millis(millis), std::future::pending::<()>()).await;
    }

    /// Starts to measure a span of real time.
    #[must_use]
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch { started: real_instant() }
    }

    /// Waits for `future` at most this long in real time; `None` when it was not done by then.
    pub async fn timeout<F: Future>(&self, span: Millis, future: F) -> Option<F::Output> {
        within(span, future).await
    }
}

/// Measures spans of real time with the precision that log lines show.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// The span so far.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// The span so far in whole milliseconds.
    #[must_use]
    pub fn elapsed_millis(self) -> Millis {
        Millis(u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock is where the time comes from")]
fn real_now() -> EpochMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EpochMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "the clock is where the time comes from")]
fn real_instant() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the clock is where waiting is done")]
fn wait_for_next_second() -> EpochMillis {
    let second = EpochMillis((real_now().0 / 1000 + 1) * 1000);
    while real_now() < second {
        std::thread::sleep(Duration::from_millis(second.since(real_now()).0));
    }
    second
}

#[expect(clippy::disallowed_methods, reason = "the clock is where waiting is done")]
async fn within<F: Future>(span: Millis, future: F) -> Option<F::Output> {
    tokio::time::timeout(Duration::from_millis(span.0), future).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dated_before_an_advance_has_aged_by_it() {
        let clock = Clock::default();
        let before = EpochMillis(clock.wall().0 / 1000 * 1000);
        clock.advance(Millis(65_000));
        let after = EpochMillis(clock.wall().0 / 1000 * 1000);
        assert!(clock.now().since(clock.shown_at(before)).0 >= 65_000);
        assert!(clock.now().since(clock.shown_at(after)).0 < 2_000);
    }
}
