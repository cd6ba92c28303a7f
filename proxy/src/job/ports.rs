//! What the engine needs of the world: rows, blobs, a way to invoke, and the time. Three of the four are AWS.
//!
//! The traits are small, so that [`memory`](super::memory) can stand in for AWS with every fault that AWS has.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use crate::clock::{Clock, EpochMillis, SystemClock};

/// A future that a port gives back.
pub type Pending<'a, T> = BoxFuture<'a, Result<T, PortError>>;

/// Why a port did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// It may work when it is asked again. Whether it took effect is not known.
    #[error("{0}")]
    Unavailable(String),
    /// It will never work: a permission, a name, a size.
    #[error("{0}")]
    Refused(String),
    /// The invoked payload is larger than Lambda takes.
    #[error("the payload is larger than Lambda takes: {0}")]
    TooLarge(String),
    /// Lambda stopped a chain of invocations.
    #[error("Lambda stopped the chain of invocations: {0}")]
    Recursion(String),
    /// What was asked for is not there.
    #[error("{0} is not there")]
    Missing(String),
}

impl PortError {
    /// Whether it is worth asking again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, PortError::Unavailable(_))
    }
}

/// A row as it lies in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub key: String,
    /// Counts the writes; the condition of the next one.
    pub version: u64,
    /// What is in it, as JSON.
    pub document: String,
    /// When a sweeper has to look at it; `None` when nothing is left to do.
    pub due: Option<EpochMillis>,
    /// When the table may forget it.
    pub forget: EpochMillis,
}

/// One write: `item.version` has to follow the version that is there, and 1 follows nothing.
pub type Change = Item;

/// Whether a conditional write took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it.
    Yes,
    /// Nothing: another version was there.
    Conflict,
}

/// Items that are due, and where the next ones begin.
#[derive(Clone, Debug, Default)]
pub struct DuePage {
    /// The items.
    pub items: Vec<Item>,
    /// What to pass to get more; `None` at the end.
    pub next: Option<String>,
}

/// A table with conditional writes.
pub trait Rows: Send + Sync {
    /// Reads an item as it is now, not as it was.
    fn read<'a>(&'a self, key: &'a str) -> Pending<'a, Option<Item>>;

    /// Writes all of them, each under its condition, or none.
    fn write(&self, changes: Vec<Change>) -> Pending<'_, Written>;

    /// Items that were due at `now`, in no order.
    fn due(&self, now: EpochMillis, from: Option<String>) -> Pending<'_, DuePage>;
}

/// What is said of an object besides its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
}

/// A part that is stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// 1 and up.
    #[serde(rename = "n")]
    pub number: i32,
    /// What S3 called it.
    #[serde(rename = "e")]
    pub tag: String,
    /// The SHA-256 of its bytes, in base64.
    #[serde(rename = "c")]
    pub checksum: String,
}

/// A multipart upload under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenUpload {
    /// The key it will have.
    pub key: String,
    /// Its id.
    pub id: String,
}

/// A bucket. Keys are below a prefix that only the configuration knows.
pub trait Blobs: Send + Sync {
    /// Stores bytes, over what was there.
    fn put<'a>(&'a self, key: &'a str, described: &'a Described, bytes: Bytes) -> Pending<'a, ()>;

    /// Reads all of an object; [`PortError::Missing`] when there is none.
    fn get<'a>(&'a self, key: &'a str) -> Pending<'a, Bytes>;

    /// The length of an object, when there is one.
    fn size<'a>(&'a self, key: &'a str) -> Pending<'a, Option<u64>>;

    /// Begins a multipart upload.
    fn begin<'a>(&'a self, key: &'a str, described: &'a Described) -> Pending<'a, String>;

    /// Stores a part, over what had its number; [`PortError::Missing`] when the upload has ended.
    fn part<'a>(&'a self, upload: &'a OpenUpload, number: i32, bytes: Bytes) -> Pending<'a, Part>;

    /// Makes an object of parts; [`PortError::Missing`] when the upload has ended.
    fn complete<'a>(&'a self, upload: &'a OpenUpload, parts: &'a [Part]) -> Pending<'a, ()>;

    /// Ends an upload and forgets its parts. That it has ended already is no error.
    fn abort<'a>(&'a self, upload: &'a OpenUpload) -> Pending<'a, ()>;

    /// The keys that begin with `prefix`.
    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<String>>;

    /// The uploads under way to keys that begin with `prefix`.
    fn uploads<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<OpenUpload>>;

    /// Removes an object. That there is none is no error.
    fn delete<'a>(&'a self, key: &'a str) -> Pending<'a, ()>;
}

/// The job function, as it invokes itself: asynchronously, and with nothing but a payload.
pub trait Invoker: Send + Sync {
    /// Returns once Lambda has accepted the event.
    fn invoke(&self, payload: Bytes) -> Pending<'_, ()>;
}

/// All ports together.
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
