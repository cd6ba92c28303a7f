//! Why a request ended before it had an answer. Every path returns it; one place for each party renders it.

use hardcap_limits::Exceeded;

/// Why a request ended early.
///
/// The three kinds of failure are never mixed: the platform refused ([`Stop::Refused`] and its like), the function failed
/// (not here: a failed function *has* an answer, see [`crate::Reply::fault`]), or hardcap has a bug ([`Stop::Bug`]).
#[derive(Clone, Debug, thiserror::Error)]
pub enum Stop {
    /// A limit of the table.
    #[error("{0}")]
    Refused(Exceeded),
    /// No execution was free: 429.
    #[error("throttled: {0}")]
    Throttled(Throttle),
    /// There is no such function.
    #[error("Function not found: {arn}")]
    FunctionNotFound {
        /// As the caller named it, with `:$LATEST`.
        arn: String,
    },
    /// The event is not JSON.
    #[error("{message}")]
    InvalidEvent {
        /// AWS's text, with the position.
        message: String,
    },
    /// This machine lacks something that the invocation needs, such as file descriptors: what, and what to do about it. Neither
    /// the function nor AWS would fail here, so it counts as a failure of hardcap; the invoker is told the reason.
    #[error("hardcap lacks resources: {0}")]
    Shortage(String),
    /// hardcap failed. Logged with its cause, counted in the report, answered with a fixed text.
    #[error("hardcap failed: {0}")]
    Bug(String),
}

/// Whose concurrency was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Throttle {
    /// The function's reserved concurrency.
    #[error("ReservedFunctionConcurrentInvocationLimitExceeded")]
    Function,
    /// The account's.
    #[error("ConcurrentInvocationLimitExceeded")]
    Account,
}

impl From<Exceeded> for Stop {
    fn from(exceeded: Exceeded) -> Stop {
        Stop::Refused(exceeded)
    }
}
