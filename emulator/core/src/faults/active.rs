//! The faults in force: counters of their occasions, and the decision whether one is injected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hardcap_limits::Millis;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::seeded_rng::SeededRng;
use super::{Fault, FaultConfig, FaultError, FaultKind};
use crate::clock::Clock;
use crate::context::Context;
use crate::record::Observation;

/// The maximum number of faults in force.
pub(super) const FAULTS_MAX: usize = 1_000;
/// The number of subjects that one fault counts separately. Requests may name any number of buckets; the rest is counted
/// together.
const SUBJECTS_MAX: usize = 10_000;
const OTHERS: &str = "others";

/// A snapshot of the faults in force. All snapshots share the counters.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    seed: u64,
    last_id: u64,
    active: Vec<Arc<ActiveFault>>,
    /// Cancelled when the emulator stops: delays end.
    over: CancellationToken,
}

/// A fault in force and its counters.
#[derive(Debug)]
struct ActiveFault {
    id: u64,
    fault: Fault,
    counters: Mutex<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    /// Occasions by subject, so that the fate of one function does not depend on the others.
    occasions: HashMap<String, u64>,
    struck: u64,
}

/// An injected fault, and the random numbers of this occasion for further decisions.
pub(super) struct Injection<'a> {
    pub(super) kind: &'a FaultKind,
    pub(super) rng: SeededRng,
}

impl Faults {
    /// No faults. `over` is cancelled when the emulator stops.
    pub(super) fn none(over: CancellationToken) -> Faults {
        Faults { over, ..Faults::default() }
    }

    /// Replaces all faults with those of a plan.
    ///
    /// # Errors
    ///
    /// [`FaultError`] for an invalid fault, or for one above the maximum number.
    pub fn replaced(&self, plan: FaultConfig) -> Result<Faults, FaultError> {
        let mut faults = Faults { seed: plan.seed, ..Faults::none(self.over.clone()) };
        for fault in plan.faults {
            faults = faults.with(fault)?.0;
        }
        Ok(faults)
    }

    /// Adds a fault; also returns its id.
    ///
    /// # Errors
    ///
    /// As [`Faults::replaced`].
    pub fn with(&self, fault: Fault) -> Result<(Faults, u64), FaultError> {
        fault.check()?;
        if self.active.len() == FAULTS_MAX {
            return Err(FaultError::TooMany);
        }
        let id = self.last_id + 1;
        let mut faults = Faults { last_id: id, ..self.clone() };
        faults.active.push(Arc::new(ActiveFault { id, fault, counters: Mutex::default() }));
        Ok((faults, id))
    }

    /// Removes a fault; `None` if the id is unknown.
    pub fn without(&self, id: u64) -> Option<Faults> {
        let mut faults = self.clone();
        faults.active.retain(|active| active.id != id);
        (faults.active.len() < self.active.len()).then_some(faults)
    }

    /// Whether no fault is in force.
    pub fn are_none(&self) -> bool {
        self.active.is_empty()
    }

    /// Waits for a span of real time, or until the emulator stops.
    pub async fn pause(&self, clock: &Clock, span: Millis) {
        if span.0 > 0 {
            clock.timeout(span, self.over.cancelled()).await;
        }
    }

    /// The faults and their counters, for the control surface.
    pub fn status(&self) -> Value {
        let shown: Vec<Value> = self.active.iter().map(|active| active.status()).collect();
        json!({ "seed": self.seed, "faults": shown })
    }

    /// Counts an occasion about `subject`, a function or a bucket, for each fault that matches `of`. Returns the first one to
    /// be injected, and records it for this request.
    pub(super) fn inject(
        &self,
        ctx: &Context,
        subject: &str,
        of: impl Fn(&FaultKind) -> bool,
    ) -> Option<Injection<'_>> {
        let matching = self.active.iter().filter(|active| of(&active.fault.kind));
        let injection = matching.filter_map(|active| active.occur(self.seed, subject)).next()?;
        let (fault, subject) = (injection.kind.name().to_owned(), subject.to_owned());
        ctx.record(Observation::FaultInjected { fault, subject });
        Some(injection)
    }
}

impl ActiveFault {
    /// Counts one occasion and decides whether the fault is injected.
    fn occur(&self, seed: u64, subject: &str) -> Option<Injection<'_>> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = counters.occasions.len() >= SUBJECTS_MAX;
        let known = !is_full || counters.occasions.contains_key(subject);
        let counted = if known { subject } else { OTHERS };
        let occasion = counters.occasions.entry(counted.to_owned()).or_default();
        *occasion += 1;
        let mut rng = SeededRng::new(seed, self.id, subject, *occasion);
        let is_spent = self.fault.count.is_some_and(|count| counters.struck >= count);
        if is_spent || rng.fraction() >= self.fault.probability {
            return None;
        }
        counters.struck += 1;
        Some(Injection { kind: &self.fault.kind, rng })
    }

    fn status(&self) -> Value {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = Value::from(self.fault.clone());
        shown["id"] = json!(self.id);
        shown["occasions"] = json!(counters.occasions.values().sum::<u64>());
        shown["struck"] = json!(counters.struck);
        shown
    }
}

#[cfg(test)]
mod tests {
    use hardcap_limits::Limits;

    use super::*;
    use crate::context::Platform;
    use crate::faults::{Reorder, Throttle, is_throttled, reorder};
    use crate::keyring::Keyring;

    fn context(seed: u64, fault: Fault) -> Context {
        let platform = Platform::new("us-east-1", Limits::classic(), Keyring::default());
        let plan = FaultConfig { seed, faults: vec![fault] };
        let faults = Faults::default().replaced(plan).unwrap();
        platform.change_faults(|_| Ok::<_, FaultError>((faults, ()))).unwrap();
        platform.context()
    }

    /// The delays of some events of two functions.
    fn spans(seed: u64) -> Vec<u64> {
        let ctx = context(seed, Fault::new(Reorder { function: None, within_millis: 1_000_000 }));
        (0..10).map(|at| reorder(&ctx, if at % 2 == 0 { "even" } else { "odd" }).0).collect()
    }

    #[test]
    fn equal_seeds_decide_alike_and_different_seeds_do_not() {
        assert_eq!(spans(7), spans(7));
        assert_ne!(spans(7), spans(8));
    }

    #[test]
    fn the_faults_of_one_function_do_not_depend_on_other_functions() {
        let ctx = context(7, Fault::new(Reorder { function: None, within_millis: 1_000_000 }));
        let alone: Vec<u64> = (0..5).map(|_| reorder(&ctx, "even").0).collect();
        let among: Vec<u64> = spans(7).into_iter().step_by(2).collect();
        assert_eq!(alone, among);
    }

    #[test]
    fn a_fault_is_injected_up_to_its_count_over_all_snapshots() {
        let ctx = context(7, Fault::new(Throttle::default()).count(2));
        let struck: Vec<bool> = (0..4).map(|_| is_throttled(&ctx.clone(), "f")).collect();
        assert_eq!(struck, [true, true, false, false]);
        assert_eq!(ctx.recorder.totals().injected["throttle"], 2);
    }

    #[test]
    fn a_fault_serializes_to_the_text_it_was_parsed_from() {
        for text in [
            r#"{"fault":"throttle","function":"f","probability":0.5,"count":3}"#,
            r#"{"fault":"kill","phase":"after_response","after_millis":20,"probability":1.0}"#,
            r#"{"fault":"fail","service":"dynamodb","error":"throttle","probability":1.0}"#,
        ] {
            let fault: Fault = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&fault).unwrap(), text);
        }
    }
}
