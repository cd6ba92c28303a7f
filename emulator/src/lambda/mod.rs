//! Lambda: functions, their sandboxes, and what happens in one invocation.

use bytes::Bytes;
use hardcap_limits::Exceeded;
use hardcap_limits::envelope::Sink;

use crate::context::Context;
use crate::stop::Stop;

/// An event that is described before it is built, so that one that is too large is never built.
pub(crate) trait Envelope: Send {
    /// Writes or counts the event: the same calls on every sink.
    fn describe(&self, sink: &mut dyn Sink);
}

/// What a function is handed.
pub(crate) enum Event {
    /// The body of an Invoke request, as it came.
    Posted(Bytes),
    /// What a gateway makes of an HTTP request.
    Envelope(Box<dyn Envelope>),
}

/// One call of a function.
pub(crate) struct Invocation {
    /// [`crate::config::Function::name`].
    pub(crate) function: String,
    /// The event.
    pub(crate) event: Event,
    /// The header `X-Amz-Client-Context`, base64 as it came.
    pub(crate) client_context: Option<String>,
}

/// The end of an invocation that reached a sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// What the invoker gets: the bytes that the runtime posted, untouched, or the platform's error document.
    pub(crate) payload: Bytes,
    /// Why the function failed, when it did.
    pub(crate) fault: Option<Fault>,
    /// The last 4 KB of the invocation's log.
    pub(crate) log_tail: Bytes,
}

/// How a function failed.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The runtime reported an error.
    Reported {
        /// `errorType` as the runtime gave it.
        error_type: String,
        /// `errorMessage` as the runtime gave it.
        message: String,
    },
    /// The function's timeout.
    TimedOut(Exceeded),
    /// The answer was too large.
    ResponseTooLarge(Exceeded),
    /// The process ended.
    Exited {
        /// `Runtime exited with error: exit status 1`.
        message: String,
    },
}

/// The functions and their sandboxes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Lambda;

impl Lambda {
    /// Runs a function once: measures the event, takes a permit, finds or starts a sandbox, waits for its answer.
    ///
    /// The run belongs to the sandbox: dropping this future ends the wait, not the function.
    pub(crate) async fn invoke(
        &self,
        _ctx: &Context,
        _invocation: Invocation,
    ) -> Result<Reply, Stop> {
        Err(Stop::Bug("not built yet".to_owned()))
    }
}
impl Lambda {
    pub(crate) fn start(
        _: &crate::context::Platform,
        _: &crate::config::Config,
        _: &str,
        _: &tokio_util::task::TaskTracker,
        _: tokio_util::sync::CancellationToken,
    ) -> Lambda {
        Lambda
    }
    pub(crate) fn router(&self) -> axum::Router {
        axum::Router::new()
    }
    pub(crate) async fn stop(&self) {}
}
