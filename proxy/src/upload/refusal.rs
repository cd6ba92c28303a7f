//! What may be wrong with a request for an upload, or with one that names an upload: each cause is its own problem.

use serde_json::{Map, Value, json};

use super::source::SourceError;
use crate::path::OWN_PREFIX;
use crate::problem::{Problem, Refused, row};
use crate::store::StoreError;

/// Why an upload is not taken, or not used.
#[derive(Debug, thiserror::Error)]
pub enum UploadRefusal {
    /// The body of a request for an upload.
    #[error("invalid upload request: {0}")]
    Bad(String),
    /// It would be too large.
    #[error("{length} bytes are more than an upload may have, {max}")]
    TooLarge {
        /// The length that was asked for.
        length: u64,
        /// The largest upload.
        max: u64,
        /// The largest body that needs none.
        inline_max: u64,
    },
    /// `X-Upload-Id` holds something else.
    #[error("X-Upload-Id is not an id that this proxy gave")]
    BadId,
    /// There is a body as well.
    #[error("the request names an upload, and has a body of {0} bytes beside it")]
    WithBody(usize),
    /// Nobody asked for it, or the bucket has removed it.
    #[error("there is no upload {0}")]
    Unknown(String),
    /// Someone else asked for it.
    #[error("the upload {0} is someone else's")]
    Foreign(String),
    /// Its time is over.
    #[error("the time to use the upload {0} is over")]
    Expired(String),
    /// It was asked for, but nothing was put.
    #[error("nothing was put at the link of the upload {0}")]
    Missing(String),
    /// What lies there has another length.
    #[error("the upload {id} has {found} bytes, and {promised} were promised")]
    Length {
        /// The upload.
        id: String,
        /// What lies there.
        found: u64,
        /// What was promised.
        promised: u64,
    },
    /// What lies there has another digest.
    #[error("the upload {0} has another SHA-256 than was promised")]
    Digest(String),
    /// S3 did not answer.
    #[error("uploads cannot be reached: {0}")]
    Unavailable(#[from] StoreError),
}

impl Refused for UploadRefusal {
    fn describe(&self) -> Problem {
        const AGAIN: &str = "Request another one with POST /_proxy/uploads.";
        match self {
            UploadRefusal::Bad(_) => row(
                400,
                "bad-upload",
                "The upload is not understood",
                "Expected is {\"length\": 10000000, \"type\": \"application/x-ndjson\", \"sha256\": \"…\"}.",
            ),
            UploadRefusal::TooLarge { .. } => row(
                413,
                "upload-too-large",
                "The upload would be too large",
                "Send it as several requests.",
            ),
            UploadRefusal::BadId => row(
                400,
                "bad-upload-id",
                "X-Upload-Id is not understood",
                "POST /_proxy/uploads gives an id.",
            ),
            UploadRefusal::WithBody(_) => row(
                400,
                "upload-with-body",
                "The request has two bodies",
                "A request that names an upload has an empty body.",
            ),
            UploadRefusal::Unknown(_) => {
                row(404, "no-such-upload", "There is no such upload", AGAIN)
            }
            UploadRefusal::Foreign(_) => {
                row(403, "not-your-upload", "The upload belongs to someone else", AGAIN)
            }
            UploadRefusal::Expired(_) => {
                row(410, "upload-expired", "The upload has expired", AGAIN)
            }
            UploadRefusal::Missing(_) => row(
                409,
                "upload-missing",
                "The upload is missing",
                "PUT the bytes at the link first, and wait for its 200.",
            ),
            UploadRefusal::Length { .. } => {
                row(409, "upload-length", "The upload has a wrong length", AGAIN)
            }
            UploadRefusal::Digest(_) => {
                row(409, "upload-digest", "The upload has a wrong digest", AGAIN)
            }
            UploadRefusal::Unavailable(_) => row(
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

/// What a client has to know before it sends a large body.
pub(crate) fn advice(max: u64, inline_max: u64) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("max_inline_bytes".to_owned(), json!(inline_max));
    members.insert("max_upload_bytes".to_owned(), json!(max));
    members.insert("uploads".to_owned(), json!(format!("{OWN_PREFIX}/uploads")));
    members
}

impl Refused for SourceError {
    fn describe(&self) -> Problem {
        match self {
            SourceError::Missing | SourceError::Changed => row(
                409,
                "upload-changed",
                "The upload is not what it was",
                "Nothing of it was sent. Ask for another one with POST /_proxy/uploads.",
            ),
            SourceError::Differs => row(
                502,
                "upload-damaged",
                "The upload did not arrive whole",
                "Its end was not sent, so the upstream has no whole request. Send it again.",
            ),
            SourceError::Unreadable(_) => row(
                502,
                "upload-unreadable",
                "The upload cannot be read",
                "Its end was not sent, so the upstream has no whole request. Send it again.",
            ),
        }
    }
}
