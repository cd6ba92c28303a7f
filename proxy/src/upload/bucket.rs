//! Uploads in the bucket: the link at which one is put, what lies there, and reading it.

use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{Found, Promise, SourceError, Ticket};
use crate::causes::with_causes;
use crate::headers::Lines;
use crate::store::{Link, Store, StoreError, describe};

/// What the signature of a link for an upload covers beside the host.
const BOUND: [&str; 4] =
    ["content-length", "content-type", "if-none-match", "x-amz-checksum-sha256"];

/// Where and how the bytes of an upload are put.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The address, for `PUT`.
    pub link: Link,
    /// The headers that have to be sent with it, exactly.
    pub headers: Lines,
}

impl Store {
    /// Writes down what was promised of an upload.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of S3.
    pub async fn put_ticket(&self, key: &str, ticket: &Ticket) -> Result<(), StoreError> {
        let json = serde_json::to_vec(ticket).expect("texts and numbers have a JSON form");
        self.client
            .put_object()
            .bucket(&self.config.bucket)
            .key(key)
            .content_type("application/json")
            .checksum_sha256(STANDARD.encode(Sha256::digest(&json)))
            .body(ByteStream::from(json))
            .customize()
            .disable_payload_signing()
            .interceptor(self.skew.clone())
            .send()
            .await
            .map_err(|error| StoreError::Operation("PutObject", describe(&error)))?;
        Ok(())
    }

    /// What was promised of an upload; `None` when nobody asked for it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of S3.
    pub async fn ticket(&self, key: &str) -> Result<Option<Ticket>, StoreError> {
        let get = self.client.get_object().bucket(&self.config.bucket).key(key).send().await;
        let object = match get {
            Ok(object) => object,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(StoreError::Operation("GetObject", describe(&error))),
        };
        let broken = |why: String| StoreError::Operation("GetObject", why);
        let bytes = object.body.collect().await.map_err(|error| broken(error.to_string()))?;
        let ticket = serde_json::from_slice(&bytes.into_bytes());
        ticket.map(Some).map_err(|error| broken(format!("the ticket is none: {error}")))
    }

    /// A link at which S3 accepts what was promised: this length, type and digest, and only while nothing is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoLink`] when there are no credentials that live on.
    pub async fn slot(
        &self,
        key: &str,
        promise: &Promise,
        lifetime: Duration,
    ) -> Result<Slot, StoreError> {
        let no_link = |why: &str| StoreError::NoLink(why.to_owned());
        let length = i64::try_from(promise.length).map_err(|_| no_link("the length"))?;
        let digest = hex::decode(&promise.sha256).map_err(|_| no_link("the digest"))?;
        let signing = self.signing(lifetime).await?;
        let presigned = self
            .client
            .put_object()
            .bucket(&self.config.bucket)
            .key(key)
            .content_length(length)
            .content_type(&promise.media_type)
            .checksum_sha256(STANDARD.encode(digest))
            .if_none_match("*")
            .customize()
            .config_override(signing.signed_by)
            .presigned(signing.config)
            .await
            .map_err(|error| StoreError::NoLink(with_causes(&error)))?;
        // Within Lambda the SDK adds the trace of the invocation, which is not signed and nobody else's business.
        let headers = presigned.headers().filter(|(name, _)| BOUND.contains(name));
        Ok(Slot {
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            link: Link { location: presigned.uri().to_owned(), expires: signing.expires },
        })
    }

    /// What lies at a key; `None` when nothing does.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of S3.
    pub async fn found(&self, key: &str) -> Result<Option<Found>, StoreError> {
        let head = self.client.head_object().bucket(&self.config.bucket).key(key);
        let object = match head.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(object) => object,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(StoreError::Operation("HeadObject", describe(&error))),
        };
        let digest = object.checksum_sha256().and_then(|text| STANDARD.decode(text).ok());
        Ok(Some(Found {
            length: object.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
            sha256: digest.map(hex::encode),
            etag: object.e_tag.unwrap_or_default(),
        }))
    }

    /// The bytes at a key, as long as they are this version.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub async fn read(&self, key: &str, etag: &str) -> Result<ByteStream, SourceError> {
        let get = self.client.get_object().bucket(&self.config.bucket).key(key).if_match(etag);
        match get.send().await {
            Ok(object) => Ok(object.body),
            Err(error) if is_missing(&error) => Err(SourceError::Missing),
            Err(error) if error.code() == Some("PreconditionFailed") => Err(SourceError::Changed),
            Err(error) => Err(SourceError::Unreadable(describe(&error))),
        }
    }
}

/// The answer to a HEAD has no body, so S3's code is not in it.
fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let status = error.raw_response().map(|response| response.status().as_u16());
    error.code() == Some("NoSuchKey")
        || (status == Some(404) && error.code() != Some("NoSuchBucket"))
}
