//! Fault injection, seeded so that a run can be repeated.
//!
//! One file for each kind: its configuration and its injection. A [`Plan`] is the configuration of a run, [`Faults`] are the
//! faults in force. Each request sees one snapshot, taken on arrival together with the limits. Every injected fault is recorded
//! under its own name, so that it is never mistaken for AWS's behaviour.

mod armed;
mod chance;
mod cold_start;
mod delay;
mod drop;
mod duplicate;
mod fail;
mod kill;
mod reorder;
mod slow;
mod throttle;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

pub use cold_start::SlowColdStart;
pub use delay::Delay;
pub use drop::Drop;
pub use duplicate::Duplicate;
pub use fail::{Fail, Failure};
pub use kill::{Kill, Phase};
pub use reorder::Reorder;
pub use slow::{Service, Slow};
pub use throttle::Throttle;

pub use armed::Faults;
pub use cold_start::slow_cold_start;
pub use delay::delay;
pub use drop::is_dropped;
pub use duplicate::is_duplicated;
pub use fail::failure;
pub use kill::kill;
pub use reorder::reorder;
pub use slow::slow_down;
pub use throttle::is_throttled;

use crate::context::Platform;

/// The maximum delay of a fault: a day, in milliseconds.
const LONGEST: u64 = 24 * 60 * 60 * 1000;

/// The faults of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// The seed. Runs with the same seed and the same faults decide alike at the same occasions.
    pub seed: u64,
    /// The faults.
    pub faults: Vec<Fault>,
}

/// One fault: its kind, its subject and its frequency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Fault {
    /// The kind and its subject.
    pub kind: Kind,
    /// The probability at each occasion, from 0 to 1.
    pub probability: f64,
    /// The maximum number of injections; unlimited if `None`.
    pub count: Option<u64>,
}

/// The kinds of faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Kind {
    /// An invocation is refused as if the concurrency were used up.
    Throttle(Throttle),
    /// A cold start is delayed.
    SlowColdStart(SlowColdStart),
    /// The process of a function is killed.
    Kill(Kill),
    /// An asynchronous event is delivered twice.
    Duplicate(Duplicate),
    /// An asynchronous event is delayed.
    Delay(Delay),
    /// Asynchronous events are reordered.
    Reorder(Reorder),
    /// An asynchronous event is accepted and lost.
    Drop(Drop),
    /// A call of S3 or DynamoDB fails.
    Fail(Fail),
    /// A call of S3 or DynamoDB is delayed.
    Slow(Slow),
}

impl Plan {
    /// Replaces logical ids of functions by their names.
    ///
    /// # Errors
    ///
    /// [`FaultError::UnknownFunction`] for an unknown function.
    pub fn named(self, known: impl Fn(&str) -> Option<String>) -> Result<Plan, String> {
        let faults = self.faults.into_iter().map(|fault| fault.named(&known));
        Ok(Plan { seed: self.seed, faults: faults.collect::<Result<_, _>>()? })
    }
}

impl Kind {
    /// The name of the kind in configuration and in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Throttle(_) => "throttle",
            Kind::SlowColdStart(_) => "slow_cold_start",
            Kind::Kill(_) => "kill",
            Kind::Duplicate(_) => "duplicate",
            Kind::Delay(_) => "delay",
            Kind::Reorder(_) => "reorder",
            Kind::Drop(_) => "drop",
            Kind::Fail(_) => "fail",
            Kind::Slow(_) => "slow",
        }
    }

    /// The function that it is restricted to, if any.
    pub fn function(&self) -> Option<String> {
        self.clone().function_mut().cloned()
    }

    fn function_mut(&mut self) -> Option<&mut String> {
        match self {
            Kind::Throttle(Throttle { function })
            | Kind::SlowColdStart(SlowColdStart { function, .. })
            | Kind::Kill(Kill { function, .. })
            | Kind::Duplicate(Duplicate { function })
            | Kind::Delay(Delay { function, .. })
            | Kind::Reorder(Reorder { function, .. })
            | Kind::Drop(Drop { function }) => function.as_mut(),
            Kind::Fail(_) | Kind::Slow(_) => None,
        }
    }

    /// The span of time in it, in milliseconds, and the name of its member.
    fn spans(&self) -> Option<(&'static str, u64)> {
        match self {
            Kind::SlowColdStart(SlowColdStart { millis, .. })
            | Kind::Delay(Delay { millis, .. })
            | Kind::Slow(Slow { millis, .. }) => Some(("millis", *millis)),
            Kind::Reorder(Reorder { within_millis, .. }) => Some(("within_millis", *within_millis)),
            Kind::Kill(Kill { after_millis, .. }) => Some(("after_millis", *after_millis)),
            Kind::Throttle(_) | Kind::Duplicate(_) | Kind::Drop(_) | Kind::Fail(_) => None,
        }
    }
}

impl Fault {
    /// A fault that is injected at every occasion.
    #[must_use]
    pub fn new(kind: impl Into<Kind>) -> Fault {
        Fault { kind: kind.into(), probability: 1.0, count: None }
    }

    /// Sets the probability at each occasion, from 0 to 1.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Fault {
        self.probability = probability;
        self
    }

    /// Sets the maximum number of injections.
    #[must_use]
    pub fn count(mut self, count: u64) -> Fault {
        self.count = Some(count);
        self
    }

    /// Replaces the logical id of the function by its name.
    ///
    /// # Errors
    ///
    /// As [`Plan::named`].
    pub fn named(mut self, known: impl Fn(&str) -> Option<String>) -> Result<Fault, String> {
        let what = self.kind.name();
        if let Some(function) = self.kind.function_mut() {
            *function = known(function).ok_or_else(|| {
                format!("`{what}` names the function `{function}`, which does not exist")
            })?;
        }
        Ok(self)
    }

    /// Validates the numbers.
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(format!("`probability` is from 0 to 1, not {}", self.probability));
        }
        match self.kind.spans() {
            Some((name, millis)) if millis > LONGEST => {
                Err(format!("`{name}` is at most {LONGEST} (a day), not {millis}"))
            }
            _ => Ok(()),
        }
    }
}

/// The serialized form has `probability` and `count` beside the members of the kind.
impl TryFrom<Value> for Fault {
    type Error = String;

    fn try_from(value: Value) -> Result<Fault, String> {
        let Value::Object(mut members) = value else {
            return Err("a fault is an object such as {\"fault\": \"throttle\"}".to_owned());
        };
        let number = |member: Option<Value>, what: &str| match member {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(other) => Err(format!("{what}, not {other}")),
        };
        let probability = number(members.remove("probability"), "`probability` is from 0 to 1")?;
        let what = "`count` is a whole number";
        let count = number(members.remove("count"), what)?;
        let count =
            count.map(|n| n.as_u64().ok_or_else(|| format!("{what}, not {n}"))).transpose()?;
        let kind = serde_json::from_value(Value::Object(members)).map_err(|e| e.to_string())?;
        let probability = probability.and_then(|number| number.as_f64()).unwrap_or(1.0);
        let fault = Fault { kind, probability, count };
        fault.check()?;
        Ok(fault)
    }
}

impl From<Fault> for Value {
    fn from(fault: Fault) -> Value {
        let mut members = match serde_json::to_value(&fault.kind) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        members.retain(|_, value| !value.is_null());
        members.insert("probability".to_owned(), json!(fault.probability));
        if let Some(count) = fault.count {
            members.insert("count".to_owned(), json!(count));
        }
        Value::Object(members)
    }
}

/// Puts a plan in force and returns it with functions by their names. `known` resolves a function's name or logical id to its
/// name.
///
/// # Errors
///
/// [`FaultError`] for the first invalid fault.
pub fn arm(
    platform: &Platform,
    known: impl Fn(&str) -> Option<String>,
    plan: Plan,
    over: CancellationToken,
) -> Result<Plan, String> {
    let plan = plan.named(known)?;
    let faults = Faults::none(over).replaced(plan.clone())?;
    platform.change_faults(|_| Ok::<_, String>((faults, ())))?;
    Ok(plan)
}

/// Whether a fault's optional filter matches a subject.
fn is_about(named: Option<&String>, subject: &str) -> bool {
    named.is_none_or(|named| named == subject)
}
