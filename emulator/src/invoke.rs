//! Invocations by a test: the response of [`Emulator::invoke`](crate::Emulator::invoke), and the errors of it and of
//! [`Emulator::invoke_async`](crate::Emulator::invoke_async).

use bytes::Bytes;

pub use hardcap_lambda::FunctionError;
use hardcap_lambda::Reply;
pub use hardcap_lambda::queue::{AcceptError, QueueFull};
pub use hardcap_lambda::stop::{InvokeError, ThrottleReason};

/// The response of an invocation that reached the function.
#[derive(Clone, Debug)]
pub struct InvokeResponse {
    /// The request id, as in the records and in the function's log.
    pub request_id: String,
    /// The bytes that the runtime posted, unchanged; the error as JSON if the function failed.
    pub payload: Bytes,
    /// The error, if the function failed.
    pub function_error: Option<FunctionError>,
    /// The last 4 KB of the invocation's log.
    pub log_tail: Bytes,
}

impl InvokeResponse {
    pub(crate) fn new(request_id: &str, reply: Reply) -> InvokeResponse {
        let Reply { payload, function_error, log_tail, .. } = reply;
        InvokeResponse { request_id: request_id.to_owned(), payload, function_error, log_tail }
    }
}
