//! A listener that cannot accept connections because of missing file descriptors or memory.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use crate::clock::{Clock, Stopwatch};

/// The delay before the next attempt to accept.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
/// The time without a failed accept after which a shortage is over.
const OVER_AFTER: Duration = Duration::from_secs(5);

/// The time of the last failed accept during a shortage. One for the process, like its descriptors.
static LAST_FAILURE: Mutex<Option<Stopwatch>> = Mutex::new(None);

/// Whether an immediate retry of `accept` would give the same error.
pub(super) fn is_one(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// Notes a failed accept. Warns at the beginning of a shortage.
pub(super) fn failed(error: &io::Error) {
    let mut last = LAST_FAILURE.lock().unwrap_or_else(PoisonError::into_inner);
    if last.replace(Clock::default().stopwatch()).is_none() {
        tracing::warn!(
            "new connections cannot be accepted yet: {error}. {}",
            crate::descriptors::advice()
        );
    }
}

/// Notes a successful accept. Logs the end of a shortage.
pub(super) fn accepted() {
    let mut last = LAST_FAILURE.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_some_and(|failure| failure.elapsed() > OVER_AFTER) {
        *last = None;
        tracing::info!("connections are accepted again");
    }
}
