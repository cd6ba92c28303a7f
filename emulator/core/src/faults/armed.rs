//! The faults in force: counters of their occasions, and the decision whether one is injected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hardcap_limits::Millis;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Fault, Kind, Plan, chance};
use crate::clock::Clock;
use crate::context::Context;
use crate::record::What;

/// The maximum number of faults in force.
const FAULTS_MAX: usize = 1_000;
/// The number of subjects that one fault counts separately. Requests may name any number of buckets; the rest is counted
/// together.
const SUBJECTS_MAX: usize = 10_000;
const OTHERS: &str = "others";

/// A snapshot of the faults in force. All snapshots share the counters.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    seed: u64,
    last_id: u64,
    armed: Vec<Arc<Armed>>,
    /// Cancelled when the emulator stops: delays end.
    over: CancellationToken,
}

/// A fault in force and its counters.
#[derive(Debug)]
struct Armed {
    id: u64,
    fault: Fault,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    /// Occasions by subject, so that the fate of one function does not depend on the others.
    occasions: HashMap<String, u64>,
    struck: u64,
}

/// An injected fault, and the random numbers of this occasion for further decisions.
pub(super) struct Strike<'a> {
    pub(super) kind: &'a Kind,
    pub(super) dice: chance::Dice,
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
    /// [`FaultError`](super::FaultError) for an invalid fault, or for one above the maximum number.
    pub fn replaced(&self, plan: Plan) -> Result<Faults, String> {
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
    pub fn with(&self, fault: Fault) -> Result<(Faults, u64), String> {
        fault.check()?;
        if self.armed.len() == FAULTS_MAX {
            return Err(format!("{FAULTS_MAX} faults are in force, and no more may be"));
        }
        let id = self.last_id + 1;
        let mut faults = Faults { last_id: id, ..self.clone() };
        faults.armed.push(Arc::new(Armed { id, fault, tally: Mutex::default() }));
        Ok((faults, id))
    }

    /// Removes a fault; `None` if the id is unknown.
    pub fn without(&self, id: u64) -> Option<Faults> {
        let mut faults = self.clone();
        faults.armed.retain(|armed| armed.id != id);
        (faults.armed.len() < self.armed.len()).then_some(faults)
    }

    /// Whether no fault is in force.
    pub fn are_none(&self) -> bool {
        self.armed.is_empty()
    }

    /// Waits for a span of real time, or until the emulator stops.
    pub async fn pause(&self, clock: &Clock, span: Millis) {
        if span.0 > 0 {
            clock.timeout(span, self.over.cancelled()).await;
        }
    }

    /// The faults and their counters, for the control surface.
    pub fn status(&self) -> Value {
        let shown: Vec<Value> = self.armed.iter().map(|armed| armed.status()).collect();
        json!({ "seed": self.seed, "faults": shown })
    }

    /// Counts an occasion about `subject`, a function or a bucket, for each fault that matches `of`. Returns the first one to
    /// be injected, and records it for this request.
    pub(super) fn strike(
        &self,
        ctx: &Context,
        subject: &str,
        of: impl Fn(&Kind) -> bool,
    ) -> Option<Strike<'_>> {
        let interested = self.armed.iter().filter(|armed| of(&armed.fault.kind));
        let strike = interested.filter_map(|armed| armed.meet(self.seed, subject)).next()?;
        let (fault, at) = (strike.kind.name().to_owned(), subject.to_owned());
        ctx.record(What::FaultInjected { fault, at });
        Some(strike)
    }
}

impl Armed {
    /// Counts one occasion and decides whether the fault is injected.
    fn meet(&self, seed: u64, subject: &str) -> Option<Strike<'_>> {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let is_one_too_many = tally.occasions.len() >= SUBJECTS_MAX;
        let known = !is_one_too_many || tally.occasions.contains_key(subject);
        let counted = if known { subject } else { OTHERS };
        let occasion = tally.occasions.entry(counted.to_owned()).or_default();
        *occasion += 1;
        let mut dice = chance::Dice::new(seed, self.id, subject, *occasion);
        let is_spent = self.fault.count.is_some_and(|count| tally.struck >= count);
        if is_spent || dice.roll() >= self.fault.probability {
            return None;
        }
        tally.struck += 1;
        Some(Strike { kind: &self.fault.kind, dice })
    }

    fn status(&self) -> Value {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = Value::from(self.fault.clone());
        shown["id"] = json!(self.id);
        shown["occasions"] = json!(tally.occasions.values().sum::<u64>());
        shown["struck"] = json!(tally.struck);
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
        let plan = Plan { seed, faults: vec![fault] };
        let faults = Faults::default().replaced(plan).unwrap();
        platform.change_faults(|_| Ok::<_, String>((faults, ()))).unwrap();
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
