//! The difference to S3's clock, taken from S3's responses.
//!
//! A link is valid from the time in it, by S3's clock. If the function's clock is behind by more than the lifetime, every link
//! would be expired at once. If it is ahead, links would not be valid yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};

use crate::clock;

/// Smaller differences are ignored, because `Date` has whole seconds and responses take time.
const NOTICED_SECONDS: i64 = 5;

/// The seconds by which S3's clock is ahead, shared by all users of one bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skew {
    seconds: Arc<AtomicI64>,
}

impl Skew {
    /// The time by S3's clock.
    pub(crate) fn now(&self) -> SystemTime {
        let seconds = self.seconds.load(Ordering::Relaxed);
        let span = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { clock::now() - span } else { clock::now() + span }
    }

    fn learn(&self, date: &str) {
        let Ok(theirs) = DateTime::from_str(date, DateTimeFormat::HttpDate) else { return };
        let ahead = theirs.secs() - DateTime::from(clock::now()).secs();
        let seconds = if ahead.abs() < NOTICED_SECONDS { 0 } else { ahead };
        let known = self.seconds.swap(seconds, Ordering::Relaxed);
        if (known - seconds).abs() >= NOTICED_SECONDS {
            tracing::warn!(
                skew_seconds = seconds,
                "S3's clock differs from the function's; links use S3's time"
            );
        }
    }
}

impl Intercept for Skew {
    fn name(&self) -> &'static str {
        "skew"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.learn(date);
        }
        Ok(())
    }
}
