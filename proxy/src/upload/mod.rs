//! Request bodies that exceed Lambda's limit: uploaded to S3 first, and named by the request that uses them.
//!
//! A client requests an upload with its length, type and digest, and gets a link at which S3 accepts exactly those bytes, once.
//! The request then has an empty body and the header `X-Upload-Id`. A ticket beside the object has the promised properties, and
//! the stored object is compared with it.

mod bucket;
mod refusal;
mod source;

use std::time::Duration;

use hardcap_limits::Limits;
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::environment::{Reader, values};
use crate::object::{self, ObjectError};

pub use bucket::UploadLink;
pub use refusal::UploadRefusal;
pub(crate) use refusal::advice;
pub use source::{RequestBody, SourceError, UploadSource, Uploaded};

pub use crate::headers::UPLOAD_ID;

/// The size of an event without its body, in bytes: at most 10 KB of headers, twice in payload 1.0, and the request context.
const BESIDE_THE_BODY: u64 = 32 * 1024;
/// The longest media type, in bytes.
const TYPE_MAX: usize = 255;
/// The maximum of `UPLOAD_KEEP_SECONDS`. The bucket deletes uploads after a few days.
const KEPT_SECONDS_MAX: u64 = 86_400;

/// The configuration of uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadConfig {
    /// The first part of every key, without a slash at either end.
    pub prefix: String,
    /// The lifetime of the link for the PUT.
    pub link_lifetime: Duration,
    /// The time for which an upload can be used after it was requested.
    pub kept: Duration,
    /// The largest upload, in bytes.
    pub max: u64,
    /// The largest body that needs no upload, in bytes, if it is encoded as base64.
    pub inline_max: u64,
}

/// Reads the configuration of uploads.
pub(crate) fn read(reader: &mut Reader<'_>, limits: &Limits) -> UploadConfig {
    let largest = limits.s3_put.max.0;
    let max = reader.given("UPLOAD_MAX_BYTES", |text| max(text, largest));
    let kept = reader.optional("UPLOAD_KEEP_SECONDS", "3600", kept);
    let link = reader.optional("UPLOAD_TTL_SECONDS", "900", values::positive);
    UploadConfig {
        prefix: reader.optional("UPLOAD_PREFIX", "uploads", values::key_prefix),
        link_lifetime: Duration::from_secs(link.min(kept)),
        kept: Duration::from_secs(kept),
        max: max.unwrap_or(largest),
        inline_max: limits.lambda_sync_request.max.0.saturating_sub(BESIDE_THE_BODY) / 4 * 3,
    }
}

/// Why a setting of uploads is invalid.
#[derive(Debug, thiserror::Error)]
enum SettingError {
    /// The number.
    #[error(transparent)]
    Value(#[from] values::ValueError),
    /// The size exceeds the maximum of S3.
    #[error("{0} is more than the maximum of one PUT to S3, {1}")]
    TooLarge(u64, u64),
    /// The time exceeds that of the bucket's lifecycle.
    #[error("{0} s is longer than the bucket is certain to keep uploads, {KEPT_SECONDS_MAX} s")]
    TooLong(u64),
}

fn max(text: &str, largest: u64) -> Result<u64, SettingError> {
    match values::positive(text)? {
        max if max > largest => Err(SettingError::TooLarge(max, largest)),
        max => Ok(max),
    }
}

fn kept(text: &str) -> Result<u64, SettingError> {
    match values::positive(text)? {
        seconds if seconds > KEPT_SECONDS_MAX => Err(SettingError::TooLong(seconds)),
        seconds => Ok(seconds),
    }
}

impl UploadConfig {
    /// The key of the bytes of an upload.
    #[must_use]
    pub fn key(&self, id: &str) -> String {
        format!("{}/{id}/body", self.prefix)
    }

    /// The key of the ticket of an upload.
    #[must_use]
    pub fn ticket_key(&self, id: &str) -> String {
        format!("{}/{id}/ticket", self.prefix)
    }
}

/// A new unguessable id of an upload.
#[must_use]
pub fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// Reads an id that a client sent.
///
/// # Errors
///
/// [`UploadRefusal::BadId`] for a text that [`new_id`] cannot return, so that no other text becomes part of a key.
pub fn known_id(text: &str) -> Result<&str, UploadRefusal> {
    let canonical = Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text);
    canonical.then_some(text).ok_or(UploadRefusal::BadId)
}

/// The promised properties of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// The length in bytes.
    #[serde(deserialize_with = "crate::integer::required")]
    pub length: u64,
    /// The media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// SHA-256 of the bytes, in lower-case hex.
    pub sha256: String,
}

/// Why a request for an upload is invalid.
#[derive(Debug, thiserror::Error)]
pub enum PromiseError {
    /// The body is not the expected object.
    #[error(transparent)]
    Body(ObjectError),
    /// An empty body needs no upload.
    #[error("`length` is 0; an empty body needs no upload")]
    Empty,
    /// The digest is malformed.
    #[error("`sha256` is not 64 digits of lower-case hexadecimal")]
    Sha256,
    /// The media type is malformed.
    #[error("`type` is not a media type such as application/x-ndjson")]
    MediaType,
}

impl Promise {
    /// Reads the body of a request for an upload.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::Bad`] for an invalid body; [`UploadRefusal::TooLarge`].
    pub fn of(body: &[u8], config: &UploadConfig) -> Result<Promise, UploadRefusal> {
        let promise: Promise = object::read(body).map_err(PromiseError::Body)?;
        let Promise { length, media_type, sha256 } = &promise;
        if *length == 0 {
            return Err(PromiseError::Empty.into());
        }
        if *length > config.max {
            let (max, inline_max) = (config.max, config.inline_max);
            return Err(UploadRefusal::TooLarge { length: *length, max, inline_max });
        }
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if sha256.len() != 64 || !sha256.bytes().all(lower_hex) {
            return Err(PromiseError::Sha256.into());
        }
        let header = media_type.bytes().all(|byte| (0x20..0x7f).contains(&byte))
            && HeaderValue::from_str(media_type).is_ok();
        // A signature collapses runs of spaces, so it could not distinguish such types.
        let plain = media_type.trim() == media_type && !media_type.contains("  ");
        if !header || !plain || !media_type.contains('/') || media_type.len() > TYPE_MAX {
            return Err(PromiseError::MediaType.into());
        }
        Ok(promise)
    }
}

/// The stored record of a requested upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadTicket {
    /// The owner.
    pub owner: String,
    /// Until when a request may use the upload, in milliseconds since 1970.
    pub usable_until: u64,
    /// The promised properties.
    pub promise: Promise,
}

/// The stored object of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadedObject {
    /// The length in bytes.
    pub length: u64,
    /// The SHA-256 that S3 computed, in lower-case hex; `None` if S3 has none of the whole object.
    pub sha256: Option<String>,
    /// The version, for conditional reads.
    pub etag: String,
}

impl UploadTicket {
    /// Checks that a request may use this upload.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::Foreign`] and [`UploadRefusal::Expired`].
    pub fn admit(&self, id: &str, owner: &str, now: u64) -> Result<(), UploadRefusal> {
        if self.owner != owner {
            return Err(UploadRefusal::Foreign(id.to_owned()));
        }
        if now >= self.usable_until {
            return Err(UploadRefusal::Expired(id.to_owned()));
        }
        Ok(())
    }

    /// Compares the stored object with the promised properties.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::Missing`], [`UploadRefusal::Length`] and [`UploadRefusal::Digest`].
    pub fn redeem(
        &self,
        id: &str,
        found: Option<UploadedObject>,
    ) -> Result<Uploaded, UploadRefusal> {
        let id = id.to_owned();
        let Some(found) = found else {
            return Err(UploadRefusal::Missing(id));
        };
        let Promise { length, sha256, .. } = &self.promise;
        if found.length != *length {
            return Err(UploadRefusal::Length { id, found: found.length, promised: *length });
        }
        if found.sha256.as_ref() != Some(sha256) {
            return Err(UploadRefusal::Digest(id));
        }
        Ok(Uploaded { id, length: *length, sha256: sha256.clone(), etag: found.etag })
    }
}

#[cfg(test)]
mod tests;
