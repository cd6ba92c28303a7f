//! Fault injection, seeded so that a run can be repeated.
//!
//! One file for each kind: its configuration and its injection. A [`FaultConfig`] is the configuration of a run, [`Faults`] are the
//! faults in force. Each request sees one snapshot, taken on arrival together with the limits. Every injected fault is recorded
//! under its own name, so that it is never unexpected for AWS's behaviour.

mod active;
mod cold_start;
mod delay;
mod drop;
mod duplicate;
mod fail;
mod kill;
mod reorder;
mod seeded_rng;
mod slow;
mod throttle;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

pub use cold_start::SlowColdStart;
pub use delay::Delay;
pub use drop::Drop;
pub use duplicate::Duplicate;
pub use fail::{Fail, InjectedError};
pub use kill::{Kill, Phase};
pub use reorder::Reorder;
pub use slow::{Service, Slow};
pub use throttle::Throttle;

pub use active::Faults;
pub use cold_start::slow_cold_start;
pub use delay::delay;
pub use drop::is_dropped;
pub use duplicate::is_duplicated;
pub use fail::injected_error;
pub use kill::kill;
pub use reorder::reorder;
pub use slow::slow_down;
pub use throttle::is_throttled;

use crate::context::Platform;

/// The maximum delay of a fault: a day, in milliseconds.
const LONGEST: u64 = 24 * 60 * 60 * 1000;

/// The maximum of `count`, because larger numbers are inexact in JavaScript, such as the live page.
const COUNT_MAX: u64 = (1 << 53) - 1;

/// The faults of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultConfig {
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
    pub kind: FaultKind,
    /// The probability at each occasion, from 0 to 1.
    pub probability: f64,
    /// The maximum number of injections; unlimited if `None`.
    pub count: Option<u64>,
}

/// The kinds of faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum FaultKind {
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

/// A fault that cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The fault is restricted to a function that does not exist.
    #[error("`{fault}` names the function `{function}`, which does not exist")]
    UnknownFunction {
        /// The kind of fault.
        fault: &'static str,
        /// The name or logical id.
        function: String,
    },
    /// The value is not a JSON object.
    #[error("expected an object such as {{\"fault\": \"throttle\"}}")]
    NotAnObject,
    /// The probability, as it was written, is not a number from 0 to 1.
    #[error("`probability` must be a number from 0 to 1, not {0}")]
    Probability(String),
    /// The count, as it was written, is not a whole number below 2^53.
    #[error("`count` must be a whole number of at most {max}, not {0}", max = COUNT_MAX)]
    Count(String),
    /// A span of time exceeds the maximum.
    #[error("`{member}` must be at most {max} (a day), not {millis}", max = LONGEST)]
    TooLong {
        /// The member that contains the span.
        member: &'static str,
        /// The span, in milliseconds.
        millis: u64,
    },
    /// A member is missing, unknown, or has a value of another type.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    /// The maximum number of faults is in force.
    #[error("{max} faults are in force, which is the maximum; remove one first", max = active::FAULTS_MAX)]
    TooMany,
}

impl FaultConfig {
    /// Replaces logical ids of functions by their names.
    ///
    /// # Errors
    ///
    /// [`FaultError::UnknownFunction`] for an unknown function.
    pub fn named(self, known: impl Fn(&str) -> Option<String>) -> Result<FaultConfig, FaultError> {
        let faults = self.faults.into_iter().map(|fault| fault.named(&known));
        Ok(FaultConfig { seed: self.seed, faults: faults.collect::<Result<_, _>>()? })
    }
}

impl FaultKind {
    /// The name of the kind in configuration and in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            FaultKind::Throttle(_) => "throttle",
            FaultKind::SlowColdStart(_) => "slow_cold_start",
            FaultKind::Kill(_) => "kill",
            FaultKind::Duplicate(_) => "duplicate",
            FaultKind::Delay(_) => "delay",
            FaultKind::Reorder(_) => "reorder",
            FaultKind::Drop(_) => "drop",
            FaultKind::Fail(_) => "fail",
            FaultKind::Slow(_) => "slow",
        }
    }

    /// The function that it is restricted to, if any.
    pub fn function(&self) -> Option<String> {
        self.clone().function_mut().cloned()
    }

    fn function_mut(&mut self) -> Option<&mut String> {
        match self {
            FaultKind::Throttle(Throttle { function })
            | FaultKind::SlowColdStart(SlowColdStart { function, .. })
            | FaultKind::Kill(Kill { function, .. })
            | FaultKind::Duplicate(Duplicate { function })
            | FaultKind::Delay(Delay { function, .. })
            | FaultKind::Reorder(Reorder { function, .. })
            | FaultKind::Drop(Drop { function }) => function.as_mut(),
            FaultKind::Fail(_) | FaultKind::Slow(_) => None,
        }
    }

    /// The span of time in it, in milliseconds, and the name of its member.
    fn spans(&self) -> Option<(&'static str, u64)> {
        match self {
            FaultKind::SlowColdStart(SlowColdStart { millis, .. })
            | FaultKind::Delay(Delay { millis, .. })
            | FaultKind::Slow(Slow { millis, .. }) => Some(("millis", *millis)),
            FaultKind::Reorder(Reorder { within_millis, .. }) => {
                Some(("within_millis", *within_millis))
            }
            FaultKind::Kill(Kill { after_millis, .. }) => Some(("after_millis", *after_millis)),
            FaultKind::Throttle(_)
            | FaultKind::Duplicate(_)
            | FaultKind::Drop(_)
            | FaultKind::Fail(_) => None,
        }
    }
}

impl Fault {
    /// A fault that is injected at every occasion.
    #[must_use]
    pub fn new(kind: impl Into<FaultKind>) -> Fault {
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
    /// As [`FaultConfig::named`].
    pub fn named(mut self, known: impl Fn(&str) -> Option<String>) -> Result<Fault, FaultError> {
        let fault = self.kind.name();
        if let Some(function) = self.kind.function_mut() {
            let unknown = || FaultError::UnknownFunction { fault, function: function.clone() };
            *function = known(function).ok_or_else(unknown)?;
        }
        Ok(self)
    }

    /// Validates the numbers.
    fn check(&self) -> Result<(), FaultError> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(FaultError::Probability(self.probability.to_string()));
        }
        match self.kind.spans() {
            Some((member, millis)) if millis > LONGEST => {
                Err(FaultError::TooLong { member, millis })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The serialized form has `probability` and `count` beside the members of the kind.
impl TryFrom<Value> for Fault {
    type Error = FaultError;

    fn try_from(value: Value) -> Result<Fault, FaultError> {
        let Value::Object(mut members) = value else { return Err(FaultError::NotAnObject) };
        let probability = match members.remove("probability") {
            None | Some(Value::Null) => 1.0,
            Some(value) => {
                value.as_f64().ok_or_else(|| FaultError::Probability(value.to_string()))?
            }
        };
        let count = match members.remove("count") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let count = value.as_u64().filter(|count| *count <= COUNT_MAX);
                Some(count.ok_or_else(|| FaultError::Count(value.to_string()))?)
            }
        };
        let kind = serde_json::from_value(Value::Object(members))?;
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
    plan: FaultConfig,
    over: CancellationToken,
) -> Result<FaultConfig, FaultError> {
    let plan = plan.named(known)?;
    let faults = Faults::none(over).replaced(plan.clone())?;
    platform.change_faults(|_| Ok::<_, FaultError>((faults, ())))?;
    Ok(plan)
}

/// Whether a fault's optional filter matches a subject.
fn is_about(named: Option<&String>, subject: &str) -> bool {
    named.is_none_or(|named| named == subject)
}
