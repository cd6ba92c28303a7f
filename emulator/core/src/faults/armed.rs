//! The faults in force: what each of them has met, and whether it strikes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hardcap_limits::Millis;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Fault, Kind, Plan, chance};
use crate::clock::Clock;
use crate::context::Context;
use crate::record::What;

/// Faults that may be in force at a time.
const FAULTS_MAX: usize = 1_000;
/// What one fault counts by itself; requests may name any number of buckets, and the rest are counted together.
const SUBJECTS_MAX: usize = 10_000;
const OTHERS: &str = "others";

/// The faults in force: a snapshot, whose tallies all snapshots share.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    seed: u64,
    last_id: u64,
    armed: Vec<Arc<Armed>>,
    /// The emulator stops: nothing waits any more.
    over: CancellationToken,
}

/// A fault in force, and how often it was met.
#[derive(Debug)]
struct Armed {
    id: u64,
    fault: Fault,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    /// Occasions so far by what they were about: what happens to one function does not depend on what others do.
    occasions: HashMap<String, u64>,
    struck: u64,
}

/// A fault that strikes, and the dice of this occasion for whatever else it has to decide.
pub(super) struct Strike<'a> {
    pub(super) kind: &'a Kind,
    pub(super) dice: chance::Dice,
}

impl Faults {
    /// None, until `over`.
    pub(super) fn none(over: CancellationToken) -> Faults {
        Faults { over, ..Faults::default() }
    }

    /// A plan instead of these.
    ///
    /// # Errors
    ///
    /// A sentence, for a fault that cannot be, or one too many.
    pub fn replaced(&self, plan: Plan) -> Result<Faults, String> {
        let mut faults = Faults { seed: plan.seed, ..Faults::none(self.over.clone()) };
        for fault in plan.faults {
            faults = faults.with(fault)?.0;
        }
        Ok(faults)
    }

    /// The same with one fault more, and its number.
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

    /// The same without one; `None` when there is none of this number.
    pub fn without(&self, id: u64) -> Option<Faults> {
        let mut faults = self.clone();
        faults.armed.retain(|armed| armed.id != id);
        (faults.armed.len() < self.armed.len()).then_some(faults)
    }

    /// Whether none is in force.
    pub fn are_none(&self) -> bool {
        self.armed.is_empty()
    }

    /// Lets a span of real time pass; no more of it than until the emulator stops.
    pub async fn pause(&self, clock: &Clock, span: Millis) {
        if span.0 > 0 {
            clock.timeout(span, self.over.cancelled()).await;
        }
    }

    /// What the control surface shows.
    pub fn status(&self) -> Value {
        let shown: Vec<Value> = self.armed.iter().map(|armed| armed.status()).collect();
        json!({ "seed": self.seed, "faults": shown })
    }

    /// The first of the faults `of` interest that strikes, recorded for this request. Each of them meets an occasion about
    /// `subject`, a function or a bucket.
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
    /// One more occasion; what strikes, if it does.
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

    /// How long each of some events of two functions is held back.
    fn spans(seed: u64) -> Vec<u64> {
        let ctx = context(seed, Fault::new(Reorder { function: None, within_millis: 1_000_000 }));
        (0..10).map(|at| reorder(&ctx, if at % 2 == 0 { "even" } else { "odd" }).0).collect()
    }

    #[test]
    fn two_runs_with_one_seed_decide_alike_and_a_third_otherwise() {
        assert_eq!(spans(7), spans(7));
        assert_ne!(spans(7), spans(8));
    }

    #[test]
    fn what_happens_to_one_function_does_not_depend_on_others() {
        let ctx = context(7, Fault::new(Reorder { function: None, within_millis: 1_000_000 }));
        let alone: Vec<u64> = (0..5).map(|_| reorder(&ctx, "even").0).collect();
        let among: Vec<u64> = spans(7).into_iter().step_by(2).collect();
        assert_eq!(alone, among);
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_may_and_every_snapshot_counts() {
        let ctx = context(7, Fault::new(Throttle::default()).count(2));
        let struck: Vec<bool> = (0..4).map(|_| is_throttled(&ctx.clone(), "f")).collect();
        assert_eq!(struck, [true, true, false, false]);
        assert_eq!(ctx.recorder.totals().injected["throttle"], 2);
    }

    #[test]
    fn a_fault_is_shown_as_it_is_written() {
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
