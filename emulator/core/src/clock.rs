//! The only module that reads the time or waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// A point in time: milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EpochMillis(pub u64);

impl EpochMillis {
    /// Adds a span to this point in time.
    #[must_use]
    pub fn plus(self, span: Millis) -> EpochMillis {
        EpochMillis(self.0.saturating_add(span.0))
    }

    /// The span since an earlier point; zero when that point is later.
    #[must_use]
    pub fn since(self, earlier: EpochMillis) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// Converts to the type of the `time` crate, for formatting.
    #[must_use]
    pub fn to_utc(self) -> time::OffsetDateTime {
        time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
    }
}

/// The wall-clock time of the machine, in microseconds since 1970-01-01 UTC. Only log lines show it so exactly.
#[must_use]
pub fn wall_micros() -> u64 {
    u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
}

/// The emulator's clock: real time, which the control surface can advance.
///
/// An advance moves only what depends on the calendar: expiry of presigned links, lifecycle, age of events. Functions are real
/// processes and run in real time, so spans ([`Clock::stopwatch`], [`Clock::timeout`]) do not jump.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    advanced: Arc<AtomicU64>,
    /// The advances so far: wall-clock time and span of each.
    history: Arc<Mutex<Vec<(EpochMillis, Millis)>>>,
    /// Notified of every advance.
    moved: Arc<Notify>,
}

impl Clock {
    /// The emulator's current time: the wall clock plus all advances.
    #[must_use]
    pub fn now(&self) -> EpochMillis {
        real_now().plus(Millis(self.advanced.load(Ordering::Relaxed)))
    }

    /// The wall-clock time of the machine, which cannot be advanced. Use it for times that a function compares with its own
    /// clock.
    #[must_use]
    pub fn wall(&self) -> EpochMillis {
        real_now()
    }

    /// The time that [`Clock::now`] showed, or will show, at the wall-clock time `wall`.
    ///
    /// Processes sign by the wall clock. A signature made before an advance has aged by the span of that advance, a later
    /// signature has not.
    #[must_use]
    pub fn shown_at(&self, wall: EpochMillis) -> EpochMillis {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let before = history.iter().filter(|(at, _)| *at <= wall);
        before.fold(wall, |shown, (_, span)| shown.plus(*span))
    }

    /// Moves [`Clock::now`] into the future for every holder of this clock.
    ///
    /// Waits until the next full second. Signatures are dated by whole seconds, so [`Clock::shown_at`] could not tell whether a
    /// signature of the same second was made before or after the advance. A wait that is dropped advances nothing.
    ///
    /// Tasks that sleep until a time are woken. They run after this returns: wait for what they record.
    pub async fn advance(&self, span: Millis) {
        if span.0 == 0 {
            return;
        }
        let second = EpochMillis((real_now().0 / 1000 + 1) * 1000);
        while real_now() < second {
            self.pause(Duration::from_millis(second.since(real_now()).0)).await;
        }
        self.history.lock().unwrap_or_else(PoisonError::into_inner).push((second, span));
        self.advanced.fetch_add(span.0, Ordering::Relaxed);
        self.moved.notify_waiters();
    }

    /// Waits until [`Clock::now`] reaches this time. An advance of the clock shortens the wait.
    pub async fn sleep_until(&self, due: EpochMillis) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // Registers for notifications first, so that an advance between the check and the wait is not missed.
            moved.as_mut().enable();
            let left = due.since(self.now());
            if left.0 == 0 {
                return;
            }
            let _ = within(left, moved).await;
        }
    }

    /// Waits for a span of real time, rounded up to whole milliseconds.
    pub async fn pause(&self, span: Duration) {
        if span.is_zero() {
            return;
        }
        let millis = u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let _ = within(Millis(millis), std::future::pending::<()>()).await;
    }

    /// Starts measuring a span of real time.
    #[must_use]
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch { started: real_instant() }
    }

    /// A timeout that has begun, within a runtime.
    #[must_use]
    pub fn idle_timer(&self, span: Millis) -> IdleTimer {
        let span = Duration::from_millis(span.0);
        IdleTimer { span, since: real_instant(), timer: Box::pin(sleep(span)) }
    }

    /// Waits for `future` for at most `span` of real time; `None` on timeout.
    pub async fn timeout<F: Future>(&self, span: Millis, future: F) -> Option<F::Output> {
        within(span, future).await
    }
}

/// A timeout for a wait that begins again and again. [`IdleTimer::restart`] only notes the time; the timer of the runtime, which
/// costs more than the rest of a wait, is set again when it fires.
#[derive(Debug)]
pub struct IdleTimer {
    span: Duration,
    since: Instant,
    timer: Pin<Box<tokio::time::Sleep>>,
}

impl IdleTimer {
    /// Begins the span again.
    pub fn restart(&mut self) {
        self.since = real_instant();
    }

    /// Ready when the span has passed since the last restart.
    pub fn poll_elapsed(&mut self, task: &mut task::Context<'_>) -> Poll<()> {
        loop {
            std::task::ready!(self.timer.as_mut().poll(task));
            let due = self.since + self.span;
            if real_instant() >= due {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due.into());
        }
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

fn real_now() -> EpochMillis {
    EpochMillis(u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "the clock is the only source of time")]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "the clock is the only source of time")]
fn real_instant() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the clock is the only place that waits")]
async fn within<F: Future>(span: Millis, future: F) -> Option<F::Output> {
    tokio::time::timeout(Duration::from_millis(span.0), future).await.ok()
}

#[expect(clippy::disallowed_methods, reason = "the clock is the only place that waits")]
fn sleep(span: Duration) -> tokio::time::Sleep {
    tokio::time::sleep(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_idle_timer_elapses_a_whole_span_after_its_last_restart() {
        let (clock, span) = (Clock::default(), Millis(40));
        let mut timer = clock.idle_timer(span);
        clock.pause(Duration::from_millis(25)).await;
        timer.restart();
        let since = clock.stopwatch();
        std::future::poll_fn(|task| timer.poll_elapsed(task)).await;
        assert!(since.elapsed_millis() >= span, "after {:?}", since.elapsed());
        // The timer of the runtime has fired before: the next span needs a new one.
        timer.restart();
        let since = clock.stopwatch();
        std::future::poll_fn(|task| timer.poll_elapsed(task)).await;
        assert!(since.elapsed_millis() >= span, "after {:?}", since.elapsed());
    }

    #[tokio::test]
    async fn only_a_date_before_an_advance_ages_by_the_advance() {
        let clock = Clock::default();
        let before = EpochMillis(clock.wall().0 / 1000 * 1000);
        clock.advance(Millis(65_000)).await;
        let after = EpochMillis(clock.wall().0 / 1000 * 1000);
        assert!(clock.now().since(clock.shown_at(before)).0 >= 65_000);
        assert!(clock.now().since(clock.shown_at(after)).0 < 2_000);
    }
}
