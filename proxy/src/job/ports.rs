//! The interfaces of the engine: rows, blobs, invocations and time. Three of the four are AWS services.
//!
//! The traits are small, so that [`memory`](super::memory) can replace AWS with every fault that AWS has.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use crate::clock::{Clock, EpochMillis, SystemClock};

/// The future of a call to a port.
pub type PortFuture<'a, T> = BoxFuture<'a, Result<T, PortError>>;

/// Why a call to a port failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// A transient error. It is unknown whether the call took effect.
    #[error("{0}")]
    Unavailable(String),
    /// A permanent error: a permission, a name, a size.
    #[error("{0}")]
    Refused(String),
    /// The payload of an invocation is too large for Lambda.
    #[error("the payload is too large for Lambda: {0}")]
    TooLarge(String),
    /// Lambda stopped a chain of invocations.
    #[error("Lambda stopped the chain of invocations: {0}")]
    Recursion(String),
    /// The object, the upload or the row does not exist.
    #[error("{0} does not exist")]
    Missing(String),
}

impl PortError {
    /// Whether a retry can succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, PortError::Unavailable(_))
    }
}

/// An item of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableItem {
    /// The key.
    pub key: String,
    /// The number of writes, which is the condition of the next one.
    pub version: u64,
    /// The content, as JSON.
    pub document: String,
    /// The time from which a sweeper processes the item; `None` if nothing is left to do.
    pub due: Option<EpochMillis>,
    /// The time from which the table may delete the item.
    pub forget: EpochMillis,
}

/// One write. `version` must follow the stored version; 1 means that no item exists.
pub type Change = TableItem;

/// Whether a conditional write took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All changes were written.
    Yes,
    /// The write had no effect, because another version was stored.
    Conflict,
}

/// Due items, and the start of the next page.
#[derive(Clone, Debug, Default)]
pub struct DuePage {
    /// The items.
    pub items: Vec<TableItem>,
    /// The start of the next page; `None` on the last one.
    pub next: Option<String>,
}

/// A table with conditional writes.
pub trait Rows: Send + Sync {
    /// Reads an item with strong consistency.
    fn read<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<TableItem>>;

    /// Writes all changes, each under its condition, or none.
    fn write(&self, changes: Vec<Change>) -> PortFuture<'_, Written>;

    /// The items that are due at `now`, in any order.
    fn due(&self, now: EpochMillis, from: Option<String>) -> PortFuture<'_, DuePage>;
}

/// The headers of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
}

/// A stored part.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// The number, from 1 on.
    #[serde(rename = "n")]
    pub number: i32,
    /// The `ETag` that S3 returned.
    #[serde(rename = "e")]
    pub tag: String,
    /// The SHA-256 of its bytes, in base64.
    #[serde(rename = "c")]
    pub checksum: String,
}

/// An open multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenUpload {
    /// The key of the object.
    pub key: String,
    /// The id of the upload.
    pub id: String,
}

/// A bucket. Keys are relative to the configured prefix.
pub trait Blobs: Send + Sync {
    /// Stores an object, replacing an existing one.
    fn put<'a>(
        &'a self,
        key: &'a str,
        described: &'a ObjectHeaders,
        bytes: Bytes,
    ) -> PortFuture<'a, ()>;

    /// Reads an object; [`PortError::Missing`] if it does not exist.
    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Bytes>;

    /// The length of an object in bytes, if it exists.
    fn size<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<u64>>;

    /// Begins a multipart upload and returns its id.
    fn begin<'a>(&'a self, key: &'a str, described: &'a ObjectHeaders) -> PortFuture<'a, String>;

    /// Stores a part, replacing an existing one; [`PortError::Missing`] if the upload has ended.
    fn part<'a>(
        &'a self,
        upload: &'a OpenUpload,
        number: i32,
        bytes: Bytes,
    ) -> PortFuture<'a, Part>;

    /// Completes an object from parts; [`PortError::Missing`] if the upload has ended.
    fn complete<'a>(&'a self, upload: &'a OpenUpload, parts: &'a [Part]) -> PortFuture<'a, ()>;

    /// Aborts an upload. An upload that has already ended is not an error.
    fn abort<'a>(&'a self, upload: &'a OpenUpload) -> PortFuture<'a, ()>;

    /// The keys that begin with `prefix`.
    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Vec<String>>;

    /// The open uploads to keys that begin with `prefix`.
    fn uploads<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Vec<OpenUpload>>;

    /// Deletes an object. A missing object is not an error.
    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()>;
}

/// Invokes the job function asynchronously.
pub trait Invoker: Send + Sync {
    /// Returns once Lambda has accepted the event.
    fn invoke(&self, payload: Bytes) -> PortFuture<'_, ()>;
}

/// All ports.
#[derive(Clone)]
pub struct Ports {
    /// The table.
    pub rows: Arc<dyn Rows>,
    /// The bucket.
    pub blobs: Arc<dyn Blobs>,
    /// The job function.
    pub invoker: Arc<dyn Invoker>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
