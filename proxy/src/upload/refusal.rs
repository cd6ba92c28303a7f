//! The refusals of requests for an upload, and of requests that use one: each cause is a separate problem.

use serde_json::{Map, Value, json};

use super::PromiseError;
use super::source::SourceError;
use crate::path::OWN_PREFIX;
use crate::problem::{ProblemDetails, ToProblem, details};
use crate::store::StoreError;

/// Why an upload is refused.
#[derive(Debug, thiserror::Error)]
pub enum UploadRefusal {
    /// The body of an upload request is invalid.
    #[error("invalid upload request: {0}")]
    Bad(#[from] PromiseError),
    /// The upload would be too large.
    #[error("an upload of {length} bytes exceeds the maximum of {max}")]
    TooLarge {
        /// The requested length.
        length: u64,
        /// The largest upload.
        max: u64,
        /// The largest body that needs no upload.
        inline_max: u64,
    },
    /// `X-Upload-Id` is not an id.
    #[error("X-Upload-Id is not an id of an upload")]
    BadId,
    /// The request also has a body.
    #[error("the request names an upload and also has a body of {0} bytes")]
    WithBody(usize),
    /// The upload was not requested, or the bucket has deleted it.
    #[error("there is no upload {0}")]
    Unknown(String),
    /// Another user requested the upload.
    #[error("the upload {0} belongs to another user")]
    Foreign(String),
    /// The upload has expired.
    #[error("the upload {0} has expired")]
    Expired(String),
    /// The upload was requested, but nothing was PUT.
    #[error("no bytes were PUT at the link of the upload {0}")]
    Missing(String),
    /// The stored object has another length.
    #[error("the upload {id} has {found} bytes instead of the promised {promised}")]
    Length {
        /// The upload.
        id: String,
        /// The stored length.
        found: u64,
        /// The promised length.
        promised: u64,
    },
    /// The stored object has another digest.
    #[error("the SHA-256 of the upload {0} differs from the promised one")]
    Digest(String),
    /// S3 failed.
    #[error("the bucket of uploads is unavailable: {0}")]
    Unavailable(#[from] StoreError),
}

impl ToProblem for UploadRefusal {
    fn describe(&self) -> ProblemDetails {
        const AGAIN: &str = "Request a new upload with POST /_proxy/uploads.";
        match self {
            UploadRefusal::Bad(_) => details(
                400,
                "bad-upload",
                "The upload request is invalid",
                "Expected: {\"length\": 10000000, \"type\": \"application/x-ndjson\", \"sha256\": \"…\"}.",
            ),
            UploadRefusal::TooLarge { .. } => details(
                413,
                "upload-too-large",
                "The upload would be too large",
                "Send it as several requests.",
            ),
            UploadRefusal::BadId => details(
                400,
                "bad-upload-id",
                "X-Upload-Id is invalid",
                "POST /_proxy/uploads returns an id.",
            ),
            UploadRefusal::WithBody(_) => details(
                400,
                "upload-with-body",
                "The request has two bodies",
                "Send a request that names an upload with an empty body.",
            ),
            UploadRefusal::Unknown(_) => {
                details(404, "no-such-upload", "There is no such upload", AGAIN)
            }
            UploadRefusal::Foreign(_) => {
                details(403, "not-your-upload", "The upload belongs to another user", AGAIN)
            }
            UploadRefusal::Expired(_) => {
                details(410, "upload-expired", "The upload has expired", AGAIN)
            }
            UploadRefusal::Missing(_) => details(
                409,
                "upload-missing",
                "The upload is missing",
                "PUT the bytes at the link first, and wait for its 200.",
            ),
            UploadRefusal::Length { .. } => {
                details(409, "upload-length", "The upload has a wrong length", AGAIN)
            }
            UploadRefusal::Digest(_) => {
                details(409, "upload-digest", "The upload has a wrong digest", AGAIN)
            }
            UploadRefusal::Unavailable(_) => details(
                503,
                "uploads-unavailable",
                "Uploads are temporarily unavailable",
                "Nothing was sent to the upstream. Send the request again.",
            ),
        }
    }

    fn members(&self) -> Map<String, Value> {
        match self {
            UploadRefusal::TooLarge { max, inline_max, .. } => advice(*max, *inline_max),
            UploadRefusal::Bad(_)
            | UploadRefusal::BadId
            | UploadRefusal::WithBody(_)
            | UploadRefusal::Unknown(_)
            | UploadRefusal::Foreign(_)
            | UploadRefusal::Expired(_)
            | UploadRefusal::Missing(_)
            | UploadRefusal::Length { .. }
            | UploadRefusal::Digest(_)
            | UploadRefusal::Unavailable(_) => Map::new(),
        }
    }
}

/// The sizes that a client must know before it sends a large body.
pub(crate) fn advice(max: u64, inline_max: u64) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("max_inline_bytes".to_owned(), json!(inline_max));
    members.insert("max_upload_bytes".to_owned(), json!(max));
    members.insert("uploads".to_owned(), json!(format!("{OWN_PREFIX}/uploads")));
    members
}

impl ToProblem for SourceError {
    fn describe(&self) -> ProblemDetails {
        match self {
            SourceError::Missing | SourceError::Changed => details(
                409,
                "upload-changed",
                "The upload was changed or deleted",
                "It was not sent. Request a new upload with POST /_proxy/uploads.",
            ),
            SourceError::Differs => details(
                502,
                "upload-damaged",
                "The upload is damaged",
                "Its end was not sent, so the upstream did not receive a whole request. Send the request again.",
            ),
            SourceError::Unreadable(_) => details(
                502,
                "upload-unreadable",
                "The upload cannot be read",
                "Its end was not sent, so the upstream did not receive a whole request. Send the request again.",
            ),
        }
    }
}
