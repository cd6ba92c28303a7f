//! Errors of invocations that end without a response. Every path returns this type, and one module per party renders it.

use hardcap_limits::Exceeded;

/// The error of an invocation that ended without a response.
///
/// Three kinds are never mixed: the platform refused ([`InvokeError::Refused`] and the following), the function failed (not here: a
/// failed function *has* a response, see [`crate::Reply::function_error`]), or hardcap failed ([`InvokeError::Bug`] and [`InvokeError::Shortage`]).
#[derive(Clone, Debug, thiserror::Error)]
pub enum InvokeError {
    /// A limit of the table.
    #[error("{0}")]
    Refused(Exceeded),
    /// The concurrency is used up: 429.
    #[error("throttled: {0}")]
    Throttled(ThrottleReason),
    /// The function does not exist.
    #[error("Function not found: {arn}")]
    FunctionNotFound {
        /// The ARN as the caller named it, with `:$LATEST`.
        arn: String,
    },
    /// The event is not JSON.
    #[error("{message}")]
    InvalidEvent {
        /// AWS's text, with the position.
        message: String,
    },
    /// The machine lacks a resource that the invocation needs, such as file descriptors, with advice. Neither the function nor
    /// AWS would fail here, so it counts as an internal error, but the invoker gets the reason.
    #[error("hardcap lacks resources: {0}")]
    Shortage(String),
    /// An internal error: logged with its cause, counted in the report, answered with a fixed text.
    #[error("hardcap failed: {0}")]
    Bug(String),
}

/// The kind of concurrency that was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThrottleReason {
    /// The function's reserved concurrency.
    #[error("ReservedFunctionConcurrentInvocationLimitExceeded")]
    Function,
    /// The account's concurrency.
    #[error("ConcurrentInvocationLimitExceeded")]
    Account,
}

impl From<Exceeded> for InvokeError {
    fn from(exceeded: Exceeded) -> InvokeError {
        InvokeError::Refused(exceeded)
    }
}
