//! The context of a request: request id, trace, and one snapshot of limits and faults.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hardcap_limits::{Exceeded, Limit, Limits, Quantity, Row, Unit};

use crate::clock::{Clock, EpochMillis};
use crate::faults::Faults;
use crate::guard::Trust;
use crate::keyring::Keyring;
use crate::log_buffer::LogBuffer;
use crate::payloads::Part;
use crate::record::{Observation, Recorder};

/// The context of one request: its identity and its snapshot of limits and faults, taken when it arrives.
#[derive(Clone, Debug)]
pub struct Context {
    /// The request id in responses, events and logs: a UUID.
    pub request_id: Arc<str>,
    /// The X-Ray header's value, `Root=1-…;Parent=…;Sampled=0;Lineage=…`.
    pub trace: Arc<str>,
    /// The time of arrival.
    pub arrived: EpochMillis,
    /// The limits for this request. Later changes do not affect it.
    pub limits: Arc<Limits>,
    /// The faults for this request. Later changes do not affect it.
    pub faults: Arc<Faults>,
    /// Records what happens to the request.
    pub recorder: Recorder,
    /// The emulator's clock.
    pub clock: Clock,
    /// The limit that the request has used most of. All clones of a context share it.
    pub nearest: NearestLimit,
}

/// How much of a limit was used.
#[derive(Clone, Copy, Debug)]
pub struct LimitShare {
    /// The row.
    pub row: &'static Row,
    /// The measured quantity, in the row's unit.
    pub observed: u64,
    /// The limit in force, in the row's unit.
    pub max: u64,
}

impl LimitShare {
    /// The share in percent, rounded down. Of a limit of 0, anything is 100 percent.
    #[must_use]
    pub fn percent(&self) -> u64 {
        match self.max {
            0 => 100,
            max => {
                u64::try_from(u128::from(self.observed) * 100 / u128::from(max)).unwrap_or(u64::MAX)
            }
        }
    }

    fn is_less_than(&self, other: &LimitShare) -> bool {
        let scaled = |share: &LimitShare, max: u64| u128::from(share.observed) * u128::from(max);
        scaled(self, other.max) < scaled(other, self.max)
    }
}

/// The limit that a request has used most of: only sizes and times count, because a request has no share in a count such as
/// that of concurrent executions.
#[derive(Clone, Debug, Default)]
pub struct NearestLimit(Arc<Mutex<Option<LimitShare>>>);

impl NearestLimit {
    /// The limit with the largest share so far.
    #[must_use]
    pub fn get(&self) -> Option<LimitShare> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, share: LimitShare) {
        if share.row.unit == Unit::Count {
            return;
        }
        let mut nearest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if nearest.is_none_or(|nearest| nearest.is_less_than(&share)) {
            *nearest = Some(share);
        }
    }
}

impl Context {
    /// Compares a quantity with a maximum and records the comparison for this request.
    pub fn admit<Q: Quantity>(&self, limit: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        let (row, max) = (limit.row, limit.max.number());
        self.nearest.add(LimitShare { row, observed: observed.number(), max });
        self.recorder.admit(&self.request_id, limit, observed)
    }

    /// Compares a quantity with a minimum and records the comparison for this request.
    pub fn admit_least<Q: Quantity>(&self, least: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        let admitted = observed >= least.max;
        let (row, max) = (least.row.into(), least.max.number());
        self.record(Observation::Measured { row, observed: observed.number(), max, admitted });
        if admitted { Ok(()) } else { Err(least.exceeded_by(observed)) }
    }

    /// Keeps the first bytes of what this request carried.
    pub fn keep(&self, part: Part, payload: &[u8]) {
        self.recorder.payloads.keep(&self.request_id, part, payload);
    }

    /// Records an observation for this request.
    pub fn record(&self, what: Observation) {
        self.recorder.record(&self.request_id, what);
    }
}

/// The state that all services share. It creates contexts.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The region of every ARN.
    pub region: Arc<str>,
    /// The emulator's clock.
    pub clock: Clock,
    /// Records everything that happens.
    pub recorder: Recorder,
    /// The newest log lines of functions.
    pub log_buffer: LogBuffer,
    /// The known key pairs.
    pub keyring: Keyring,
    /// The trusted hosts and origins.
    pub trust: Arc<Trust>,
    limits: Arc<RwLock<Arc<Limits>>>,
    faults: Arc<RwLock<Arc<Faults>>>,
}

impl Platform {
    /// A platform without faults, with its own clock and records.
    pub fn new(region: &str, limits: Limits, keyring: Keyring) -> Platform {
        let clock = Clock::default();
        Platform {
            region: region.into(),
            recorder: Recorder::new(clock.clone()),
            log_buffer: LogBuffer::new(clock.clone()),
            clock,
            keyring,
            trust: Arc::default(),
            limits: Arc::new(RwLock::new(Arc::new(limits))),
            faults: Arc::default(),
        }
    }

    /// The same platform with other trusted hosts and origins than those of a loopback listener.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Platform {
        Platform { trust: Arc::new(trust), ..self }
    }

    /// A context for a request that has just arrived.
    pub fn context(&self) -> Context {
        let arrived = self.clock.now();
        Context {
            request_id: uuid::Uuid::new_v4().to_string().into(),
            trace: new_trace(arrived).into(),
            arrived,
            limits: self.limits(),
            faults: self.faults(),
            recorder: self.recorder.clone(),
            clock: self.clock.clone(),
            nearest: NearestLimit::default(),
        }
    }

    /// The limits of the next request.
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the limits of future requests. Requests under way keep theirs.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits);
    }

    /// The faults of the next request.
    pub fn faults(&self) -> Arc<Faults> {
        self.faults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the faults of future requests. Requests under way keep theirs.
    ///
    /// # Errors
    ///
    /// The error of `change`; then nothing is changed.
    pub fn change_faults<T, E>(
        &self,
        change: impl FnOnce(&Faults) -> Result<(Faults, T), E>,
    ) -> Result<T, E> {
        let mut faults = self.faults.write().unwrap_or_else(PoisonError::into_inner);
        let (changed, value) = change(&faults)?;
        *faults = Arc::new(changed);
        Ok(value)
    }
}

/// `Root=1-EPOCH-RANDOM;Parent=RANDOM;Sampled=0;Lineage=1:RANDOM:0`: the form recorded from a REST API.
fn new_trace(now: EpochMillis) -> String {
    let seconds = now.0 / 1000;
    let random = uuid::Uuid::new_v4().simple().to_string();
    let other = uuid::Uuid::new_v4().simple().to_string();
    format!(
        "Root=1-{seconds:08x}-{};Parent={};Sampled=0;Lineage=1:{}:0",
        &random[..24],
        &other[..16],
        &other[16..24]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_limits::{Bytes, Count};

    #[test]
    fn the_nearest_limit_of_a_request_is_the_one_with_the_largest_share_and_not_a_count() {
        let platform = Platform::new("us-east-1", Limits::classic(), Keyring::default());
        let ctx = platform.context();
        assert!(ctx.nearest.get().is_none());
        let clone = ctx.clone();
        let _ = ctx.admit(&ctx.limits.lambda_sync_request, Bytes(3_000_000));
        let _ = clone.admit(&ctx.limits.lambda_sync_response, Bytes(5_700_000));
        let _ = ctx.admit(&ctx.limits.lambda_sync_request, Bytes(1));
        let _ = ctx.admit(&ctx.limits.lambda_recursion, Count(16));
        let nearest = ctx.nearest.get().expect("limits were compared");
        assert_eq!((nearest.row.name, nearest.percent()), ("lambda_sync_response", 90));
        assert!(platform.context().nearest.get().is_none(), "another request has its own");
    }
}
