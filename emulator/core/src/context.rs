//! What every step of a request is handed.

use std::sync::{Arc, PoisonError, RwLock};

use hardcap_limits::{Exceeded, Limit, Limits, Quantity};

use crate::clock::{Clock, EpochMillis};
use crate::faults::Faults;
use crate::guard::Trust;
use crate::keyring::Keyring;
use crate::logbook::Logbook;
use crate::record::{Recorder, What};

/// One request: its identity, and the one snapshot of limits that it sees, taken at the door.
#[derive(Clone, Debug)]
pub struct Context {
    /// The request id that clients, functions and logs all see: a UUID.
    pub request_id: Arc<str>,
    /// The X-Ray header's value, `Root=1-…;Parent=…;Sampled=0;Lineage=…`.
    pub trace: Arc<str>,
    /// When it arrived.
    pub arrived: EpochMillis,
    /// The limits in force for this request, whatever is changed meanwhile.
    pub limits: Arc<Limits>,
    /// The faults in force for this request, likewise.
    pub faults: Arc<Faults>,
    /// Where what happens is recorded.
    pub recorder: Recorder,
    /// The emulator's clock.
    pub clock: Clock,
}

impl Context {
    /// Compares a quantity with a limit, and records it for this request.
    pub fn admit<Q: Quantity>(&self, limit: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        self.recorder.admit(&self.request_id, limit, observed)
    }

    /// Compares a quantity with the least that is accepted, and records it for this request.
    pub fn admit_least<Q: Quantity>(&self, least: &Limit<Q>, observed: Q) -> Result<(), Exceeded> {
        let admitted = observed >= least.max;
        let (row, max) = (least.row.into(), least.max.number());
        self.record(What::Measured { row, observed: observed.number(), max, admitted });
        if admitted { Ok(()) } else { Err(least.exceeded_by(observed)) }
    }

    /// Records what happened to this request.
    pub fn record(&self, what: What) {
        self.recorder.record(&self.request_id, what);
    }
}

/// What every surface shares: where contexts come from.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The region of every ARN.
    pub region: Arc<str>,
    /// The emulator's clock.
    pub clock: Clock,
    /// Where everything is recorded.
    pub recorder: Recorder,
    /// What functions have logged.
    pub logbook: Logbook,
    /// The key pairs that exist.
    pub keyring: Keyring,
    /// The hosts and web pages that are let in.
    pub trust: Arc<Trust>,
    limits: Arc<RwLock<Arc<Limits>>>,
    faults: Arc<RwLock<Arc<Faults>>>,
}

impl Platform {
    /// A platform without faults, with a clock and records of its own.
    pub fn new(region: &str, limits: Limits, keyring: Keyring) -> Platform {
        let clock = Clock::default();
        Platform {
            region: region.into(),
            recorder: Recorder::new(clock.clone()),
            logbook: Logbook::new(clock.clone()),
            clock,
            keyring,
            trust: Arc::default(),
            limits: Arc::new(RwLock::new(Arc::new(limits))),
            faults: Arc::default(),
        }
    }

    /// The same platform with another trust than that of a machine that listens on loopback.
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

    /// The limits that the next request will see.
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what the next request will see, never one that is under way.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits);
    }

    /// The faults that the next request will see.
    pub fn faults(&self) -> Arc<Faults> {
        self.faults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the faults that the next request will see, never those of one that is under way.
    ///
    /// # Errors
    ///
    /// What `change` says: then nothing is changed.
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

/// `Root=1-EPOCH-RANDOM;Parent=RANDOM;Sampled=0;Lineage=1:RANDOM:0`, the shape recorded from a REST API.
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
