//! The context of a request: request id, trace, and one snapshot of limits and faults.

use std::sync::{Arc, PoisonError, RwLock};

use hardcap_limits::{Exceeded, Limit, Limits, Quantity};

use crate::clock::{Clock, EpochMillis};
use crate::faults::Faults;
use crate::guard::Trust;
use crate::keyring::Keyring;
use crate::log_buffer::LogBuffer;
use crate::payloads::Part;
use crate::record::{Recorder, What};

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
}

impl Context {
    /// Compares a quantity with a maximum and records the comparison for this request.
    pub fn admit<Q: Quantity>(&self, limit: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        self.recorder.admit(&self.request_id, limit, observed)
    }

    /// Compares a quantity with a minimum and records the comparison for this request.
    pub fn admit_least<Q: Quantity>(&self, least: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        let admitted = observed >= least.max;
        let (row, max) = (least.row.into(), least.max.number());
        self.record(What::Measured { row, observed: observed.number(), max, admitted });
        if admitted { Ok(()) } else { Err(least.exceeded_by(observed)) }
    }

    /// Keeps the first bytes of what this request carried.
    pub fn keep(&self, part: Part, payload: &[u8]) {
        self.recorder.payloads.keep(&self.request_id, part, payload);
    }

    /// Records an observation for this request.
    pub fn record(&self, what: What) {
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
        let (changed, told) = change(&faults)?;
        *faults = Arc::new(changed);
        Ok(told)
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
