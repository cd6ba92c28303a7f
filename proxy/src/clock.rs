//! The only place that asks for the time or waits for it.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use futures_util::future::BoxFuture;
pub use tokio::time::Instant;

/// The point in time now, for signatures and expiry.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
#[must_use]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Now, for measuring spans and for deadlines.
#[must_use]
pub fn instant() -> Instant {
    Instant::now()
}

/// The whole milliseconds since `start`.
#[must_use]
pub fn millis_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// How far a point in time, in milliseconds since 1970, lies ahead; zero when it is past.
#[must_use]
pub fn until_epoch_millis(point: u64) -> Duration {
    let point = UNIX_EPOCH + Duration::from_millis(point);
    point.duration_since(now()).unwrap_or(Duration::ZERO)
}

/// Waits for `work`, but not beyond `deadline`.
///
/// # Errors
///
/// [`Late`] when the deadline came first; `work` is dropped then.
pub async fn before<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Late> {
    tokio::time::timeout_at(deadline, work).await.map_err(|_| Late)
}

/// The deadline came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late;

/// Now, in milliseconds since 1970.
#[must_use]
pub fn epoch_millis() -> u64 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A point in time, in milliseconds since 1970, as RFC 3339 has it.
#[must_use]
pub fn rfc3339(point: u64) -> String {
    rfc3339_of(UNIX_EPOCH + Duration::from_millis(point))
}

/// A point in time as RFC 3339 has it.
///
/// # Panics
///
/// After the year 9999.
#[must_use]
pub fn rfc3339_of(point: SystemTime) -> String {
    let text = DateTime::from(point).fmt(DateTimeFormat::DateTime);
    text.expect("the year has four digits")
}

/// Waits for a span, between two looks at something that tells nobody when it changes.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub async fn wait(span: Duration) {
    tokio::time::sleep(span).await;
}

/// A point in time, in milliseconds since 1970.
pub type EpochMillis = u64;

/// Time and chance. The engine of jobs and the sessions ask nothing else for them.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> EpochMillis;

    /// Waits.
    fn wait(&self, span: Duration) -> BoxFuture<'_, ()>;

    /// A name that nobody has and nobody can guess.
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
