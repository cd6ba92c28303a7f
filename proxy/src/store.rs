//! Responses in S3: stored in constant memory, whole or not at all, and the links to them.

mod skew;
mod upload;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use crate::body::{BodyError, Gathered, UpstreamBody};
use crate::causes::with_causes;
use crate::clock;
use crate::credentials::CredentialsCache;
use crate::deadline::Deadline;
use crate::headers;
use crate::overflow_id::OverflowId;
use skew::Skew;
use upload::Upload;

/// The length of the excerpt of an error's body, in bytes.
const EXCERPT: usize = 1024;
/// The metadata of an object: the mark of its owner and its digest.
const OWNER: &str = "owner";
const SHA256: &str = "sha256";
/// The credentials must outlive a link by this time.
const LIFE_MARGIN: Duration = Duration::from_secs(30);

/// The configuration of stored responses.
#[derive(Clone, Debug)]
pub struct OverflowConfig {
    /// The bucket.
    pub bucket: String,
    /// The first part of every key, without a slash at either end.
    pub prefix: String,
    /// The lifetime of a link.
    pub link_lifetime: Duration,
    /// The region of the bucket.
    pub region: String,
    /// Whether links have the bucket in their path, for endpoints without virtual hosts.
    pub force_path_style: bool,
    /// Whether browsers are redirected when they load scripts, style sheets and the like.
    pub redirect_assets: bool,
    /// Bodies of more bytes are stored even if they fit inline.
    pub above: Option<u64>,
}

/// A call to S3 failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An operation failed; with its code and message.
    #[error("{0} failed: {1}")]
    Operation(&'static str, String),
    /// No link can be signed.
    #[error("no link can be signed: {0}")]
    NoLink(String),
}

/// Why a response was not stored. No data is left in the bucket.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// S3 failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The response is incomplete.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The response exceeds the maximum.
    #[error("the response is larger than {0} bytes")]
    TooLarge(u64),
    /// The deadline passed.
    #[error("no response within {:.1} s", .0.as_secs_f64())]
    Late(Duration),
}

/// A stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The key.
    pub key: String,
    /// The length in bytes.
    pub size: u64,
    /// The SHA-256 in lower-case hex: of a body in one part, or if it was requested.
    pub sha256: Option<String>,
    /// The beginning of the body.
    pub excerpt: Bytes,
}

/// The metadata of an object in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// The mark of its owner.
    pub mark: String,
    /// The length in bytes.
    pub size: u64,
    /// The SHA-256 in lower-case hex; unknown for an object that was stored in parts.
    pub sha256: Option<String>,
}

/// A link to a stored response. It is a secret: anyone who has it can read the response.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The URL.
    pub location: String,
    /// The time at which the link expires.
    pub expires: SystemTime,
}

impl Link {
    /// The time at which the link expires, as RFC 3339.
    #[must_use]
    pub fn expires_text(&self) -> String {
        clock::rfc3339_of(self.expires)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = self.location.split('?').next().unwrap_or_default();
        write!(f, "Link({public}?…, expires {})", self.expires_text())
    }
}

/// The bucket.
#[derive(Clone, Debug)]
pub struct ResponseStore {
    pub(crate) client: Client,
    credentials: Arc<CredentialsCache>,
    pub(crate) config: OverflowConfig,
    pub(crate) skew: Skew,
}

/// A response to store.
#[derive(Clone, Copy, Debug)]
pub struct StoreRequest<'a> {
    /// The key and its owner.
    pub overflow_id: &'a OverflowId,
    /// The headers of the response; those that describe the bytes are stored with them.
    pub headers: &'a HeaderMap,
    /// The largest body, in bytes.
    pub max: u64,
    /// The deadline.
    pub deadline: Deadline,
    /// Whether the SHA-256 of a body in parts is calculated, which takes longer than its transfer.
    pub needs_sha256: bool,
}

impl ResponseStore {
    /// A store whose client uses `credentials` for every request.
    #[must_use]
    pub fn new(
        client: Client,
        credentials: Arc<CredentialsCache>,
        config: OverflowConfig,
    ) -> ResponseStore {
        ResponseStore { client, credentials, config, skew: Skew::default() }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &OverflowConfig {
        &self.config
    }

    /// Stores a body and returns once S3 has all of it.
    ///
    /// # Errors
    ///
    /// [`PutError`] of S3, of the upstream, of the size or of the deadline. No data is left in the bucket then.
    pub async fn put(
        &self,
        entry: StoreRequest<'_>,
        body: Gathered,
    ) -> Result<StoredResponse, PutError> {
        match body {
            Gathered::Whole(bytes) => {
                let put = self.put_object(entry, bytes);
                let late = |clock::Late| PutError::Late(entry.deadline.budget);
                clock::before(entry.deadline.at, put).await.map_err(late)?
            }
            Gathered::More(body) => self.put_parts(entry, body).await,
        }
    }

    async fn put_object(
        &self,
        entry: StoreRequest<'_>,
        body: Bytes,
    ) -> Result<StoredResponse, PutError> {
        let digest = Sha256::digest(&body);
        let sha256 = hex::encode(digest);
        let stored = StoredResponse {
            key: entry.overflow_id.key.clone(),
            size: body.len() as u64,
            sha256: Some(sha256.clone()),
            excerpt: excerpt_of(&body),
        };
        let described = |name: &str| headers::get(entry.headers, name).map(Cow::into_owned);
        self.client
            .put_object()
            .bucket(&self.config.bucket)
            .key(&entry.overflow_id.key)
            .cache_control("no-store")
            .set_content_type(described("content-type"))
            .set_content_encoding(described("content-encoding"))
            .set_content_language(described("content-language"))
            .set_content_disposition(described("content-disposition"))
            .metadata(OWNER, &entry.overflow_id.mark)
            .metadata(SHA256, sha256)
            .checksum_sha256(STANDARD.encode(digest))
            .body(ByteStream::from(body))
            .customize()
            // The checksum above is signed, and S3 compares it before it stores anything.
            .disable_payload_signing()
            .interceptor(self.skew.clone())
            .send()
            .await
            .map_err(|error| operation("PutObject", &error))?;
        Ok(stored)
    }

    async fn put_parts(
        &self,
        entry: StoreRequest<'_>,
        body: UpstreamBody,
    ) -> Result<StoredResponse, PutError> {
        let late = |clock::Late| PutError::Late(entry.deadline.budget);
        let created = clock::before(entry.deadline.at, self.create_upload(entry));
        let upload_id = created.await.map_err(late)??;
        let upload = Upload { store: self, entry, upload_id: &upload_id };
        let done = clock::before(entry.deadline.at, upload.run(body)).await;
        match done.map_err(late).and_then(|done| done) {
            Ok(stored) => Ok(stored),
            Err(failure) => {
                upload.abort().await;
                Err(failure)
            }
        }
    }

    async fn create_upload(&self, entry: StoreRequest<'_>) -> Result<String, PutError> {
        let described = |name: &str| headers::get(entry.headers, name).map(Cow::into_owned);
        let created = self
            .client
            .create_multipart_upload()
            .bucket(&self.config.bucket)
            .key(&entry.overflow_id.key)
            .cache_control("no-store")
            .set_content_type(described("content-type"))
            .set_content_encoding(described("content-encoding"))
            .set_content_language(described("content-language"))
            .set_content_disposition(described("content-disposition"))
            .metadata(OWNER, &entry.overflow_id.mark)
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .checksum_type(ChecksumType::FullObject)
            .customize()
            .interceptor(self.skew.clone())
            .send()
            .await
            .map_err(|error| operation("CreateMultipartUpload", &error))?;
        let missing = || {
            let why = "the response has no upload id".to_owned();
            PutError::Store(StoreError::Operation("CreateMultipartUpload", why))
        };
        created.upload_id.ok_or_else(missing)
    }

    /// The metadata of a key; `None` if the object does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::Operation`] if S3 fails.
    pub async fn find(&self, key: &str) -> Result<Option<StoredObject>, StoreError> {
        let asked = self.client.head_object().bucket(&self.config.bucket).key(key);
        let object = match asked.customize().interceptor(self.skew.clone()).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => {
                return Ok(None);
            }
            Err(error) => return Err(StoreError::Operation("HeadObject", describe(&error))),
        };
        let said = |name: &str| object.metadata().and_then(|all| all.get(name)).cloned();
        Ok(Some(StoredObject {
            mark: said(OWNER).unwrap_or_default(),
            size: object.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
            sha256: said(SHA256),
        }))
    }

    /// A link with the configured lifetime, or with that of the credentials if it is shorter.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoLink`] without valid credentials.
    pub async fn link(&self, key: &str) -> Result<Link, StoreError> {
        let signing = self.signing(self.config.link_lifetime).await?;
        let presigned = self
            .client
            .get_object()
            .bucket(&self.config.bucket)
            .key(key)
            .customize()
            .config_override(signing.signed_by)
            .presigned(signing.config)
            .await
            .map_err(|error| StoreError::NoLink(with_causes(&error)))?;
        Ok(Link { location: presigned.uri().to_owned(), expires: signing.expires })
    }

    /// The signing parameters of a link. The lifetime is at most that of the credentials.
    pub(crate) async fn signing(&self, wanted: Duration) -> Result<Signing, StoreError> {
        let credentials = self.credentials.lasting(wanted + LIFE_MARGIN).await;
        let credentials = credentials.map_err(|error| StoreError::NoLink(error.to_string()))?;
        let lifetime = lifetime_of_link(wanted, &credentials, clock::now())?;
        let now = self.skew.now();
        let config = PresigningConfig::builder()
            .start_time(now)
            .expires_in(lifetime)
            .build()
            .map_err(|error| StoreError::NoLink(error.to_string()))?;
        let signed_by = aws_sdk_s3::config::Config::builder().credentials_provider(credentials);
        Ok(Signing { config, signed_by, expires: now + lifetime })
    }
}

/// The signing parameters of a link.
pub(crate) struct Signing {
    pub(crate) config: PresigningConfig,
    pub(crate) signed_by: aws_sdk_s3::config::Builder,
    pub(crate) expires: SystemTime,
}

/// The lifetime of a link, bounded by that of the credentials, with which the link would end.
fn lifetime_of_link(
    wanted: Duration,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Duration, StoreError> {
    let Some(expiry) = credentials.expiry() else {
        return Ok(wanted);
    };
    let left = expiry.duration_since(now).unwrap_or_default();
    let lifetime = Duration::from_secs(wanted.as_secs().min(left.as_secs()));
    if lifetime.is_zero() {
        return Err(StoreError::NoLink("the function's credentials have expired".to_owned()));
    }
    if lifetime < wanted {
        tracing::warn!(
            seconds = lifetime.as_secs(),
            "a link has a shorter lifetime than configured, because its credentials expire"
        );
    }
    Ok(lifetime)
}

fn excerpt_of(body: &Bytes) -> Bytes {
    // A copy: a slice would keep the whole body in memory.
    Bytes::copy_from_slice(&body[..body.len().min(EXCERPT)])
}

fn operation<E>(name: &'static str, error: &SdkError<E>) -> PutError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    PutError::Store(StoreError::Operation(name, describe(error)))
}

pub(crate) fn describe<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        // The response to a HEAD has no body with a code.
        _ => match error {
            SdkError::ServiceError(failed) => format!("HTTP {}", failed.raw().status().as_u16()),
            _ => with_causes(error),
        },
    }
}

#[cfg(test)]
mod tests;
