//! Why a request was not answered with what the upstream said: one variant per cause.

use std::time::Duration;

use crate::body::BodyError;
use crate::delivery::{HeadersTooLarge, UnknownMode};
use crate::headers::BadHeader;
use crate::job::Refusal;
use crate::path::BadTarget;
use crate::session;
use crate::store::{PutError, StoreError};
use crate::upload::UploadRefusal;
use crate::upstream::UpstreamError;

/// Everything that can end a request early. `respond` turns it into HTTP.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The proxy was not opened.
    #[error("neither SESSIONS_TABLE nor ACCESS=open is set")]
    Closed,
    /// The path or the query is refused.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// A header is refused.
    #[error(transparent)]
    Header(#[from] BadHeader),
    /// `X-Overflow` holds something unknown.
    #[error(transparent)]
    OverflowMode(#[from] UnknownMode),
    /// A path under `/_proxy` that does not exist.
    #[error("the proxy has no route {0}")]
    OwnRoute(String),
    /// A route of the proxy, with a method it does not know.
    #[error("method not allowed; allowed: {0}")]
    OwnMethod(&'static str),
    /// The client asks for a WebSocket.
    #[error("a Lambda function cannot hold a WebSocket open")]
    WebSocket,
    /// The upstream did not give an answer, or not a whole one.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The upstream leads the client to another host.
    #[error("the upstream redirects to another host: {0}")]
    ForeignRedirect(String),
    /// The headers of an answer fill the envelope alone.
    #[error(transparent)]
    HeadersTooLarge(#[from] HeadersTooLarge),
    /// The answer exceeds `MAX_BODY_BYTES`.
    #[error("the answer is larger than {0} bytes")]
    BodyTooLarge(u64),
    /// The answer could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing is stored under the id, or it is another's.
    #[error("no answer is stored under the id {0}")]
    UnknownAnswer(String),
    /// What was stored under the id has been removed.
    #[error("the answer {0} is no longer stored")]
    AnswerGone(String),
    /// A request about an upload, or one that names an upload.
    #[error(transparent)]
    Upload(#[from] UploadRefusal),
    /// A request about a job.
    #[error(transparent)]
    Job(#[from] Refusal),
    /// A request about logins, or one that needs one.
    #[error(transparent)]
    Session(#[from] session::Refusal),
    /// The time is up.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Deadline(Duration),
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Failure {
        Failure::Upstream(error.into())
    }
}

impl From<PutError> for Failure {
    fn from(error: PutError) -> Failure {
        match error {
            PutError::Store(error) => Failure::Store(error),
            PutError::Body(error) => error.into(),
            PutError::TooLarge(max) => Failure::BodyTooLarge(max),
            PutError::Late(budget) => Failure::Deadline(budget),
        }
    }
}
