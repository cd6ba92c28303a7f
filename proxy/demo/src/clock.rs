//! The clock of the demo. Only this module reads the time or waits.

use std::time::Duration;

use hardcap_limits::Millis;
use time::UtcDateTime;

/// The current time.
pub(crate) fn now() -> UtcDateTime {
    UtcDateTime::now()
}

/// Waits for a span.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) async fn wait(span: Millis) {
    tokio::time::sleep(Duration::from_millis(span.0)).await;
}
