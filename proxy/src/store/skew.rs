//! What S3's clock shows, learned from its answers.
//!
//! A link is valid from the time written in it, and S3 compares that with its own clock. Where the function's clock is behind
//! by more than a link lives, every link would be dead when it is made; where it is ahead, not yet alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};

use crate::clock;

/// `Date` has whole seconds, and an answer takes its time: a smaller difference is none.
const NOTICED_SECONDS: i64 = 5;

/// How far S3's clock is ahead of ours; shared by all that talk to one bucket.
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
            tracing::warn!(skew_seconds = seconds, "S3's clock differs; links are dated by it");
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
