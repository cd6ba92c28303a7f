//! An object and what is known of it.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::blob::{Blob, Blobs, Slice};
use crate::checksum::Checksum;
use hardcap_core::clock::EpochMillis;

/// An object as it is stored: it never changes, it is only replaced.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// The key.
    pub(crate) key: Arc<str>,
    /// When it was created, to the millisecond.
    pub(crate) modified: EpochMillis,
    /// What it was sent with.
    pub(crate) attributes: Attributes,
    /// Keys and values, by key. They can change without the object being another one.
    pub(crate) tags: Vec<(String, String)>,
    /// The entity tag, without quotes.
    pub(crate) etag: String,
    /// The checksum.
    pub(crate) checksum: Option<ObjectChecksum>,
    /// The upload that it was completed from, by which a repeated completion is known.
    pub(crate) upload: Option<String>,
    /// The bytes, one after the other.
    pub(crate) body: Vec<Arc<Blob>>,
}

/// What a client says of an object and is told again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// `Content-Type` and its like, in lower case, as they were sent; values as bytes in Latin-1.
    pub(crate) headers: Vec<(String, String)>,
    /// `x-amz-meta-*` without the prefix, likewise.
    pub(crate) metadata: Vec<(String, String)>,
    /// `STANDARD` unless told otherwise.
    pub(crate) storage_class: Option<String>,
}

/// A checksum of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectChecksum {
    /// Of the bytes, or of the checksums of the parts.
    pub(crate) checksum: Checksum,
    /// How many parts a checksum of checksums is made of; none for one of all bytes.
    pub(crate) parts: Option<usize>,
}

impl ObjectChecksum {
    /// As headers have it: `…==-3` for one of three parts.
    pub(crate) fn text(&self) -> String {
        match self.parts {
            Some(parts) => format!("{}-{parts}", self.checksum.base64()),
            None => self.checksum.base64(),
        }
    }

    /// `x-amz-checksum-type`
    pub(crate) fn kind(&self) -> &'static str {
        if self.parts.is_some() { "COMPOSITE" } else { "FULL_OBJECT" }
    }
}

impl Object {
    /// The number of bytes.
    pub(crate) fn length(&self) -> u64 {
        self.body.iter().map(|blob| blob.length()).sum()
    }

    /// The pieces that hold `length` bytes from `start` on.
    pub(crate) fn slices(&self, start: u64, length: u64) -> Vec<Slice> {
        let (mut skip, mut left) = (start, length);
        let mut slices = Vec::new();
        for blob in &self.body {
            if skip >= blob.length() {
                skip -= blob.length();
                continue;
            }
            let length = left.min(blob.length() - skip);
            if length == 0 {
                break;
            }
            slices.push(Slice { blob: blob.clone(), start: skip, length });
            left -= length;
            skip = 0;
        }
        slices
    }

    /// `Last-Modified` knows no milliseconds.
    pub(crate) fn modified_seconds(&self) -> i64 {
        i64::try_from(self.modified.0 / 1000).unwrap_or(i64::MAX)
    }
}

/// A blob as it is named in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BlobRecord {
    name: String,
    length: u64,
}

impl BlobRecord {
    pub(super) fn of(blob: &Blob) -> BlobRecord {
        BlobRecord { name: blob.name().to_owned(), length: blob.length() }
    }

    pub(super) fn reopen(&self, blobs: &Blobs) -> io::Result<Arc<Blob>> {
        blobs.reopen(&self.name, self.length)
    }
}

/// An object as a file has it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ObjectRecord {
    key: String,
    modified: u64,
    attributes: Attributes,
    #[serde(default)]
    tags: Vec<(String, String)>,
    etag: String,
    checksum: Option<ObjectChecksum>,
    #[serde(default)]
    upload: Option<String>,
    body: Vec<BlobRecord>,
}

impl ObjectRecord {
    pub(super) fn of(object: &Object) -> ObjectRecord {
        ObjectRecord {
            key: object.key.to_string(),
            modified: object.modified.0,
            attributes: object.attributes.clone(),
            tags: object.tags.clone(),
            etag: object.etag.clone(),
            checksum: object.checksum.clone(),
            upload: object.upload.clone(),
            body: object.body.iter().map(|blob| BlobRecord::of(blob)).collect(),
        }
    }

    pub(super) fn reopen(self, blobs: &Blobs) -> io::Result<Object> {
        let body = self.body.iter().map(|blob| blob.reopen(blobs)).collect::<io::Result<_>>()?;
        Ok(Object {
            key: self.key.into(),
            modified: EpochMillis(self.modified),
            attributes: self.attributes,
            tags: self.tags,
            etag: self.etag,
            checksum: self.checksum,
            upload: self.upload,
            body,
        })
    }
}
