//! A listener that cannot accept connections, because a file descriptor or memory is missing.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use crate::clock::{Clock, Stopwatch};

/// How long a listener waits before it tries again.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
/// A shortage is over when connections have been accepted and no accept has failed for so long.
const OVER_AFTER: Duration = Duration::from_secs(5);

/// When an accept failed last, while there is a shortage. One for the process, as its descriptors are.
static LAST_FAILURE: Mutex<Option<Stopwatch>> = Mutex::new(None);

/// Whether this error of `accept` will be the same at once again.
pub(super) fn is_one(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// A connection could not be accepted. Warns at the beginning of a shortage.
pub(super) fn failed(error: &io::Error) {
    let mut last = LAST_FAILURE.lock().unwrap_or_else(PoisonError::into_inner);
    if last.replace(Clock::default().stopwatch()).is_none() {
        tracing::warn!(
            "connections wait to be accepted: {error}. {}",
            crate::descriptors::advice()
        );
    }
}

/// A connection was accepted. Says when a shortage is over.
pub(super) fn accepted() {
    let mut last = LAST_FAILURE.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_some_and(|failure| failure.elapsed() > OVER_AFTER) {
        *last = None;
        tracing::info!("connections are accepted again");
    }
}
