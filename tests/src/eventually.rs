//! Waiting for a condition that nothing announces: it is looked at again and again, for a bounded time.

use std::fmt::Debug;
use std::time::Duration;

use hardcap::Clock;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `look` gives a value, and gives that value. An error is what was seen instead.
///
/// # Panics
///
/// When `within` is over. The message has what was seen last.
pub async fn eventually<T, S: Debug>(
    within: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, S>,
) -> T {
    let clock = Clock::default();
    let begun = clock.stopwatch();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(seen) if begun.elapsed() >= within => {
                panic!("{what}: not within {within:?}; last seen: {seen:?}")
            }
            Err(_) => clock.pause(PAUSE).await,
        }
    }
}

/// [`eventually`] for tests without a runtime: it blocks the thread.
///
/// # Panics
///
/// When `within` is over. The message has what was seen last.
pub fn eventually_blocking<T, S: Debug>(
    within: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, S>,
) -> T {
    let begun = Clock::default().stopwatch();
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if begun.elapsed() >= within => {
                panic!("{what}: not within {within:?}; last seen: {seen:?}")
            }
            Err(_) => pause(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where a test waits between two looks")]
fn pause() {
    std::thread::sleep(PAUSE);
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_the_value_that_was_seen() {
        let mut looks = 0;
        let third = eventually(Duration::from_secs(60), "the third look", async || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(looks) }
        });
        assert_eq!(third.await, 3);
    }

    #[test]
    fn a_wait_that_ends_in_vain_shows_what_was_seen_last() {
        let mut looks = 0;
        let waiting = AssertUnwindSafe(|| {
            eventually_blocking(Duration::from_millis(30), "a fourth leg", || {
                looks += 1;
                Err::<(), _>(format!("look {looks}"))
            });
        });
        let message = catch_unwind(waiting).expect_err("it is in vain");
        let message = message.downcast_ref::<String>().expect("a text");
        assert!(
            message.starts_with("a fourth leg: not within 30ms; last seen: \"look "),
            "{message}"
        );
        assert!(looks > 1, "{looks}");
    }
}
