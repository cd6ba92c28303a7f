//! The body of a request to the upstream: inline, or read from the bucket while it is sent.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::UploadConfig;
use crate::http_client::{BoxError, OutgoingBody};
use crate::store::ResponseStore;

/// An upload that was compared with its ticket. It contains no bucket and no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploaded {
    /// The upload.
    pub id: String,
    /// In bytes.
    pub length: u64,
    /// SHA-256, in lower-case hex.
    pub sha256: String,
    /// The version of the object.
    pub etag: String,
}

/// An upload and its location.
#[derive(Clone, Debug)]
pub struct UploadSource {
    /// The upload.
    pub uploaded: Uploaded,
    /// Its media type.
    pub media_type: String,
    key: String,
    store: ResponseStore,
}

impl UploadSource {
    /// An upload in this bucket.
    #[must_use]
    pub fn new(
        uploaded: Uploaded,
        media_type: String,
        config: &UploadConfig,
        store: &ResponseStore,
    ) -> UploadSource {
        UploadSource { key: config.key(&uploaded.id), uploaded, media_type, store: store.clone() }
    }
}

/// Why an upload cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The object was deleted.
    #[error("the upload is no longer in the bucket")]
    Missing,
    /// The object was replaced.
    #[error("the upload was replaced in the bucket after it was checked")]
    Changed,
    /// The bytes do not have the promised digest.
    #[error("the bytes of the upload do not have its SHA-256")]
    Differs,
    /// S3 failed.
    #[error("the upload cannot be read: {0}")]
    Unreadable(String),
}

/// The body of an outgoing request.
#[derive(Clone, Debug)]
pub enum RequestBody {
    /// The body of the event.
    Inline(Bytes),
    /// An upload.
    Uploaded(Box<UploadSource>),
}

impl RequestBody {
    /// SHA-256 of the body, in lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        match self {
            RequestBody::Inline(bytes) => hex::encode(Sha256::digest(bytes)),
            RequestBody::Uploaded(source) => source.uploaded.sha256.clone(),
        }
    }

    /// The length of an upload; an inline body has its own.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self {
            RequestBody::Inline(_) => None,
            RequestBody::Uploaded(source) => Some(source.uploaded.length),
        }
    }

    /// The body from its beginning, for each attempt.
    ///
    /// # Errors
    ///
    /// [`SourceError`] if the upload no longer exists.
    pub async fn open(&self) -> Result<OutgoingBody, SourceError> {
        match self {
            RequestBody::Inline(bytes) => {
                Ok(Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync())
            }
            RequestBody::Uploaded(source) => {
                let bytes = source.store.read(&source.key, &source.uploaded.etag).await?;
                let reading = Reading {
                    bytes,
                    hash: Sha256::new(),
                    held: None,
                    sha256: source.uploaded.sha256.clone(),
                };
                let pieces = stream::try_unfold(reading, Reading::next);
                Ok(StreamBody::new(pieces.map_err(BoxError::from)).boxed_unsync())
            }
        }
    }
}

/// A body that is being read. The last piece is sent only after the digest of the whole was verified, so that a changed body
/// never arrives whole.
struct Reading {
    bytes: ByteStream,
    hash: Sha256,
    held: Option<Bytes>,
    sha256: String,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Frame<Bytes>, Reading)>, SourceError> {
        while let Some(piece) = self.bytes.next().await {
            let piece = piece.map_err(|error| SourceError::Unreadable(error.to_string()))?;
            self.hash.update(&piece);
            if let Some(earlier) = self.held.replace(piece) {
                return Ok(Some((Frame::data(earlier), self)));
            }
        }
        let Some(last) = self.held.take() else {
            return Ok(None);
        };
        if hex::encode(std::mem::take(&mut self.hash).finalize()) != self.sha256 {
            return Err(SourceError::Differs);
        }
        Ok(Some((Frame::data(last), self)))
    }
}
