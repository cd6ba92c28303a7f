//! Delivers an asynchronous event twice under the same request id, as AWS's at-least-once delivery permits. The event still
//! ends once, with the result of the second delivery. The occasion is an attempt.

use serde::{Deserialize, Serialize};

use super::{FaultKind, is_about};
use crate::context::Context;

/// Delivers asynchronous events twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duplicate {
    /// The function; every function if absent.
    pub function: Option<String>,
}

impl From<Duplicate> for FaultKind {
    fn from(duplicate: Duplicate) -> FaultKind {
        FaultKind::Duplicate(duplicate)
    }
}

/// Whether this attempt is duplicated.
pub fn is_duplicated(ctx: &Context, function: &str) -> bool {
    let of = |kind: &FaultKind| match kind {
        FaultKind::Duplicate(it) => is_about(it.function.as_ref(), function),
        _ => false,
    };
    ctx.faults.inject(ctx, function, of).is_some()
}
