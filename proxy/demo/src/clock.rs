//! The only place of the demo that asks for the time or waits for it.

use std::time::Duration;

use hardcap_limits::Millis;
use time::UtcDateTime;

/// The time now.
pub(crate) fn now() -> UtcDateTime {
    UtcDateTime::now()
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) async fn wait(span: Millis) {
    tokio::time::sleep(Duration::from_millis(span.0)).await;
}
