//! An object and its attributes.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::blob::{Blob, BlobSlice, Blobs};
use crate::checksum::Checksum;
use hardcap_core::clock::EpochMillis;

/// A stored object. It is immutable: a write replaces it.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// The key.
    pub(crate) key: Arc<str>,
    /// The time of creation, in milliseconds.
    pub(crate) modified: EpochMillis,
    /// The attributes from the request.
    pub(crate) attributes: Attributes,
    /// Keys and values, ordered by key. They can change while the object stays the same.
    pub(crate) tags: Vec<(String, String)>,
    /// The entity tag, without quotes.
    pub(crate) etag: String,
    /// The checksum.
    pub(crate) checksum: Option<ObjectChecksum>,
    /// The id of the upload that it was completed from, by which a repeated completion is recognized.
    pub(crate) upload: Option<String>,
    /// The blobs of its bytes, in order.
    pub(crate) body: Vec<Arc<Blob>>,
}

/// The attributes that a client sets and receives again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// `Content-Type` and similar headers, in lower case; values as Latin-1 bytes.
    pub(crate) headers: Vec<(String, String)>,
    /// `x-amz-meta-*` without the prefix, likewise.
    pub(crate) metadata: Vec<(String, String)>,
    /// `STANDARD` by default.
    pub(crate) storage_class: Option<String>,
}

/// A checksum of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectChecksum {
    /// The digest of the bytes, or of the checksums of the parts.
    pub(crate) checksum: Checksum,
    /// The number of parts of a composite checksum; `None` for one of all bytes.
    pub(crate) parts: Option<usize>,
    /// The digests of the parts of a composite checksum, in order. Older records do not have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    part_values: Vec<Vec<u8>>,
}

impl ObjectChecksum {
    /// The checksum of all bytes.
    pub(crate) fn of_bytes(checksum: Checksum) -> ObjectChecksum {
        ObjectChecksum { checksum, parts: None, part_values: Vec::new() }
    }

    /// The composite checksum of parts with these checksums, and theirs.
    pub(crate) fn of_parts(checksum: Checksum, parts: &[&Checksum]) -> ObjectChecksum {
        let part_values = parts.iter().map(|part| part.value.clone()).collect();
        ObjectChecksum { checksum, parts: Some(parts.len()), part_values }
    }

    /// The checksum of a part, counted from 0, of a composite checksum.
    pub(crate) fn of_part(&self, index: usize) -> Option<Checksum> {
        let value = self.part_values.get(index)?.clone();
        Some(Checksum { algorithm: self.checksum.algorithm, value })
    }

    /// The header value: `…==-3` for a composite checksum of three parts.
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
    /// The length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.body.iter().map(|blob| blob.length()).sum()
    }

    /// The slices that contain `length` bytes from `start` on.
    pub(crate) fn slices(&self, start: u64, length: u64) -> Vec<BlobSlice> {
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
            slices.push(BlobSlice { blob: blob.clone(), start: skip, length });
            left -= length;
            skip = 0;
        }
        slices
    }

    /// `Last-Modified` has no milliseconds.
    pub(crate) fn modified_seconds(&self) -> i64 {
        i64::try_from(self.modified.0 / 1000).unwrap_or(i64::MAX)
    }
}

/// A reference to a blob in a record.
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

/// The record of an object.
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
