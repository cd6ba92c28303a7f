//! The errors of a request: one variant for each cause.

use std::time::Duration;

use crate::body::BodyError;
use crate::delivery::{HeadersTooLarge, UnknownMode};
use crate::headers::BadHeader;
use crate::job::JobRefusal;
use crate::path::BadTarget;
use crate::session;
use crate::store::{PutError, StoreError};
use crate::upload::UploadRefusal;
use crate::upstream::UpstreamError;

/// An error that ends a request. `respond` turns it into an HTTP response.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Access is not configured.
    #[error("neither SESSIONS_TABLE nor ACCESS=open is set")]
    Closed,
    /// The path or the query is refused.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// A header is refused.
    #[error(transparent)]
    Header(#[from] BadHeader),
    /// The value of `X-Overflow` is unknown.
    #[error(transparent)]
    OverflowMode(#[from] UnknownMode),
    /// A path under `/_proxy` that does not exist.
    #[error("the proxy has no route {0}")]
    OwnRoute(String),
    /// A method that the route does not have.
    #[error("method not allowed; allowed: {0}")]
    OwnMethod(&'static str),
    /// The client asks for a WebSocket.
    #[error("a Lambda function cannot hold a WebSocket open")]
    WebSocket,
    /// The upstream did not send a whole response.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The upstream redirects the client to another host.
    #[error("the upstream redirects to another host: {0}")]
    ForeignRedirect(String),
    /// The headers of a response exceed the envelope by themselves.
    #[error(transparent)]
    HeadersTooLarge(#[from] HeadersTooLarge),
    /// The response exceeds `MAX_BODY_BYTES`.
    #[error("the response is larger than {0} bytes")]
    BodyTooLarge(u64),
    /// The response could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No response of this user is stored under the id.
    #[error("no response is stored under the id {0}")]
    UnknownResponse(String),
    /// The response under the id was removed.
    #[error("the response {0} is no longer stored")]
    ResponseGone(String),
    /// A request about an upload, or one that names an upload.
    #[error(transparent)]
    Upload(#[from] UploadRefusal),
    /// A request about a job.
    #[error(transparent)]
    Job(#[from] JobRefusal),
    /// A request about logins, or one that requires a login.
    #[error(transparent)]
    Session(#[from] session::SessionRefusal),
    /// The deadline passed.
    #[error("no response within {:.1} s", .0.as_secs_f64())]
    Deadline(Duration),
}

impl From<BodyError> for ProxyError {
    fn from(error: BodyError) -> ProxyError {
        ProxyError::Upstream(error.into())
    }
}

impl From<PutError> for ProxyError {
    fn from(error: PutError) -> ProxyError {
        match error {
            PutError::Store(error) => ProxyError::Store(error),
            PutError::Body(error) => error.into(),
            PutError::TooLarge(max) => ProxyError::BodyTooLarge(max),
            PutError::Late(budget) => ProxyError::Deadline(budget),
        }
    }
}
