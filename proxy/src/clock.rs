//! The clock. Only this module reads the time or waits.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use futures_util::future::BoxFuture;
pub use tokio::time::Instant;

/// The current time, for signatures and expiry.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
#[must_use]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// The current instant, for durations and deadlines.
#[must_use]
pub fn instant() -> Instant {
    Instant::now()
}

/// The milliseconds since `start`, rounded down.
#[must_use]
pub fn millis_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The time until a point in milliseconds since 1970; zero if it has passed.
#[must_use]
pub fn until_epoch_millis(point: u64) -> Duration {
    let point = UNIX_EPOCH + Duration::from_millis(point);
    point.duration_since(now()).unwrap_or(Duration::ZERO)
}

/// Waits for `work`, but not beyond `deadline`.
///
/// # Errors
///
/// [`Late`] if the deadline passed first; `work` is dropped then.
pub async fn before<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Late> {
    tokio::time::timeout_at(deadline, work).await.map_err(|_| Late)
}

/// The deadline passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late;

/// The current time, in milliseconds since 1970.
#[must_use]
pub fn epoch_millis() -> u64 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A point in milliseconds since 1970, formatted as RFC 3339.
#[must_use]
pub fn rfc3339(point: u64) -> String {
    rfc3339_of(UNIX_EPOCH + Duration::from_millis(point))
}

/// A point in time, formatted as RFC 3339.
///
/// # Panics
///
/// If the year is after 9999.
#[must_use]
pub fn rfc3339_of(point: SystemTime) -> String {
    let text = DateTime::from(point).fmt(DateTimeFormat::DateTime);
    text.expect("the year has four digits")
}

/// Waits for a span, between two reads of a state that has no notification.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub async fn wait(span: Duration) {
    tokio::time::sleep(span).await;
}

/// A point in time, in milliseconds since 1970.
pub type EpochMillis = u64;

/// The time, waiting and unique ids, for the job engine and the sessions; tests replace it.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> EpochMillis;

    /// Waits for a span.
    fn wait(&self, span: Duration) -> BoxFuture<'_, ()>;

    /// A unique name that cannot be guessed.
    fn unique(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> EpochMillis {
        epoch_millis()
    }

    fn wait(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(wait(span))
    }
}
