//! The body of a request to the upstream: at hand, or read from the bucket as it is sent.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::UploadConfig;
use crate::http_client::{BodyFailure, OutgoingBody};
use crate::store::Store;

/// An upload that was compared with what was promised. It names no bucket and no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploaded {
    /// The upload.
    pub id: String,
    /// In bytes.
    pub length: u64,
    /// SHA-256, in lower-case hex.
    pub sha256: String,
    /// The one version that is meant.
    pub etag: String,
}

/// An upload, and where it is.
#[derive(Clone, Debug)]
pub struct Source {
    /// Which.
    pub uploaded: Uploaded,
    /// Its media type.
    pub media_type: String,
    key: String,
    store: Store,
}

impl Source {
    /// An upload in this bucket.
    #[must_use]
    pub fn new(
        uploaded: Uploaded,
        media_type: String,
        config: &UploadConfig,
        store: &Store,
    ) -> Source {
        Source { key: config.key(&uploaded.id), uploaded, media_type, store: store.clone() }
    }
}

/// Why an upload cannot be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It was removed.
    #[error("the upload is gone from the bucket")]
    Missing,
    /// Something else was put in its place.
    #[error("the upload was replaced in the bucket since it was compared")]
    Changed,
    /// Its bytes are others than were promised.
    #[error("the bytes of the upload are not those of its SHA-256")]
    Differs,
    /// S3 failed.
    #[error("the upload cannot be read: {0}")]
    Unreadable(String),
}

/// The body of a request as it leaves.
#[derive(Clone, Debug)]
pub enum RequestBody {
    /// It came with the request.
    Inline(Bytes),
    /// It was uploaded before.
    Uploaded(Box<Source>),
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

    /// The length, where the body itself does not tell it.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self {
            RequestBody::Inline(_) => None,
            RequestBody::Uploaded(source) => Some(source.uploaded.length),
        }
    }

    /// The body, from its beginning: as often as it is sent.
    ///
    /// # Errors
    ///
    /// [`SourceError`] when it is no longer there.
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
                Ok(StreamBody::new(pieces.map_err(BodyFailure::from)).boxed_unsync())
            }
        }
    }
}

/// A body that is read. Its last piece is held back until the digest of all of it is known to be right: so what differs
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
