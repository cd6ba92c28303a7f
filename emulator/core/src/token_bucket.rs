//! The bandwidth limit of a stream: a token bucket. Pure.

use std::time::Duration;

use hardcap_limits::Bytes;

const NANOS: u128 = 1_000_000_000;

/// The bandwidth limit of one stream: a bucket of bytes that starts full and refills at a fixed rate.
#[derive(Debug)]
pub struct TokenBucket {
    burst: u64,
    rate: u64,
    /// The bytes that may be sent at once.
    level: u64,
    /// The time of the last update.
    at: Duration,
}

impl TokenBucket {
    /// The first `burst` bytes are not delayed, further bytes are limited to `rate` per second.
    pub fn new(burst: Bytes, rate: Bytes) -> TokenBucket {
        TokenBucket { burst: burst.0, rate: rate.0.max(1), level: burst.0, at: Duration::ZERO }
    }

    /// The bytes that may be sent at once. `now` is as in [`TokenBucket::wait`].
    pub fn level_at(&self, now: Duration) -> u64 {
        let filled = now.saturating_sub(self.at).as_nanos() * u128::from(self.rate) / NANOS;
        let level = u128::from(self.level).saturating_add(filled).min(u128::from(self.burst));
        u64::try_from(level).unwrap_or(self.burst)
    }

    /// The delay before these bytes may be sent. `now` is the time since the stream began. They count as sent after the delay.
    pub fn wait(&mut self, bytes: u64, now: Duration) -> Duration {
        self.level = self.level_at(now);
        self.at = self.at.max(now);
        let missing = bytes.saturating_sub(self.level);
        self.level = self.level.saturating_sub(bytes);
        if missing == 0 {
            return Duration::ZERO;
        }
        let nanos = (u128::from(missing) * NANOS).div_ceil(u128::from(self.rate));
        let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.at = self.at.saturating_add(wait);
        self.at.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_burst_is_not_delayed_and_the_next_byte_is() {
        let mut bucket = TokenBucket::new(Bytes(1_000), Bytes(100));
        assert_eq!(bucket.wait(999, Duration::ZERO), Duration::ZERO);
        assert_eq!(bucket.wait(1, Duration::ZERO), Duration::ZERO);
        assert_eq!(bucket.wait(1, Duration::ZERO), Duration::from_millis(10));
        assert_eq!(bucket.wait(99, Duration::ZERO), seconds(1), "behind the one before");
    }

    #[test]
    fn a_long_stream_takes_the_time_that_its_rate_requires() {
        let mut bucket = TokenBucket::new(Bytes(6_291_456), Bytes(2_097_152));
        let mut now = Duration::ZERO;
        for _ in 0..(209_715_200 / 65_536) {
            now += bucket.wait(65_536, now);
        }
        assert_eq!(now.as_secs(), (209_715_200 - 6_291_456) / 2_097_152);
    }

    #[test]
    fn a_pause_refills_the_bucket_up_to_its_capacity() {
        let mut bucket = TokenBucket::new(Bytes(1_000), Bytes(100));
        assert_eq!(bucket.wait(1_000, Duration::ZERO), Duration::ZERO);
        assert_eq!(bucket.wait(200, seconds(2)), Duration::ZERO);
        assert_eq!(bucket.wait(1_100, seconds(1_000)), seconds(1));
    }

    #[test]
    fn a_piece_larger_than_the_bucket_waits_for_the_missing_bytes() {
        assert_eq!(TokenBucket::new(Bytes(0), Bytes(10)).wait(100, Duration::ZERO), seconds(10));
        let mut never = TokenBucket::new(Bytes(0), Bytes(0));
        assert_eq!(never.wait(3, Duration::ZERO), seconds(3), "a rate of 0 is taken as 1");
        let _ = never.wait(u64::MAX, Duration::ZERO);
        let _ = never.wait(u64::MAX, Duration::ZERO);
    }
}
