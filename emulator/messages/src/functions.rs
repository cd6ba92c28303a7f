//! How this crate asks for invocations. Lambda is in another crate, so the emulator implements [`Functions`].

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_core::context::Context;
use hardcap_limits::Millis;

/// The functions of the emulator.
pub trait Functions: fmt::Debug + Send + Sync {
    /// The timeout of a function; `None` if it does not exist. `function` is `NAME` or `NAME:QUALIFIER`.
    fn timeout(&self, function: &str) -> Option<Millis>;

    /// The most bytes of the event of [`Functions::invoke`].
    fn event_max(&self) -> u64;

    /// Invokes a function and waits for its response: what an event source does. The context's trace identifies the chain of
    /// requests, so that recursive loops are found.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the function failed or was not invoked.
    fn invoke(
        &self,
        ctx: Context,
        function: String,
        event: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, Failure>>;

    /// Queues an event for a function: what topics and buses do. Retries, destinations and the limits of asynchronous events apply.
    ///
    /// # Errors
    ///
    /// [`Failure::TooLarge`] or [`Failure::NotInvoked`] if the event was not accepted.
    fn accept(
        &self,
        ctx: Context,
        function: String,
        event: Bytes,
    ) -> BoxFuture<'_, Result<(), Failure>>;
}

/// The reason why an invocation has no successful response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The function failed: an error that it reported, a timeout, a response over the limit.
    #[error("the function failed: {0}")]
    Function(String),
    /// The concurrency is used up. The same invocation can succeed later.
    #[error("the function is throttled: {0}")]
    Throttled(String),
    /// A limit of Lambda refused the event. It is recorded.
    #[error("{0}")]
    TooLarge(String),
    /// Lambda refused the invocation, the function does not exist, or hardcap failed.
    #[error("{0}")]
    NotInvoked(String),
}

/// Where the functions are once the emulator has started. Cheap to clone.
///
/// Lambda's queue of asynchronous events sends records to queues, topics and buses, and these invoke functions. So the services
/// hold each other. [`FunctionsSlot::clear`] ends that when the emulator stops.
#[derive(Clone, Debug, Default)]
pub struct FunctionsSlot(Arc<RwLock<Option<Arc<dyn Functions>>>>);

impl FunctionsSlot {
    /// Sets the functions.
    pub fn set(&self, functions: Arc<dyn Functions>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(functions);
    }

    /// Removes the functions.
    pub fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The functions; `None` before the start and after the stop.
    #[must_use]
    pub fn get(&self) -> Option<Arc<dyn Functions>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
