//! Uploads in the bucket: the link for the PUT, the stored object, and reading it.

use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{Promise, SourceError, UploadTicket, UploadedObject};
use crate::causes::with_causes;
use crate::store::{Link, ResponseStore, StoreError, describe};

/// The headers that the signature of an upload link covers, in addition to `host`.
const BOUND: [&str; 4] =
    ["content-length", "content-type", "if-none-match", "x-amz-checksum-sha256"];

/// A link at which an upload is PUT.
#[derive(Clone, Debug)]
pub struct UploadLink {
    /// The link for the `PUT`.
    pub link: Link,
    /// The headers that must be sent exactly.
    pub headers: Vec<(String, String)>,
}

impl ResponseStore {
    /// Stores the ticket of an upload.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of S3.
    pub async fn put_ticket(&self, key: &str, ticket: &UploadTicket) -> Result<(), StoreError> {
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

    /// The ticket of an upload; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of S3.
    pub async fn ticket(&self, key: &str) -> Result<Option<UploadTicket>, StoreError> {
        let get = self.client.get_object().bucket(&self.config.bucket).key(key).send().await;
        let object = match get {
            Ok(object) => object,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(StoreError::Operation("GetObject", describe(&error))),
        };
        let broken = |why: String| StoreError::Operation("GetObject", why);
        let bytes = object.body.collect().await.map_err(|error| broken(error.to_string()))?;
        let ticket = serde_json::from_slice(&bytes.into_bytes());
        ticket.map(Some).map_err(|error| broken(format!("the ticket is invalid: {error}")))
    }

    /// A link at which S3 accepts only the promised length, type and digest, and only once.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoLink`] without valid credentials.
    pub async fn slot(
        &self,
        key: &str,
        promise: &Promise,
        lifetime: Duration,
    ) -> Result<UploadLink, StoreError> {
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
        // In Lambda the SDK adds a trace header, which is not signed and must not be disclosed.
        let headers = presigned.headers().filter(|(name, _)| BOUND.contains(name));
        Ok(UploadLink {
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            link: Link { location: presigned.uri().to_owned(), expires: signing.expires },
        })
    }

    /// The object under a key; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of S3.
    pub async fn found(&self, key: &str) -> Result<Option<UploadedObject>, StoreError> {
        let head = self.client.head_object().bucket(&self.config.bucket).key(key);
        let object = match head.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(object) => object,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(StoreError::Operation("HeadObject", describe(&error))),
        };
        let digest = object.checksum_sha256().and_then(|text| STANDARD.decode(text).ok());
        Ok(Some(UploadedObject {
            length: object.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
            sha256: digest.map(hex::encode),
            etag: object.e_tag.unwrap_or_default(),
        }))
    }

    /// The bytes under a key, if the object still has this version.
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

/// Whether an error means a missing object. The response to a HEAD has no body with a code.
fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let status = error.raw_response().map(|response| response.status().as_u16());
    error.code() == Some("NoSuchKey")
        || (status == Some(404) && error.code() != Some("NoSuchBucket"))
}
