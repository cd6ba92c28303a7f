//! A multipart upload in progress.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::blob::{Blob, Blobs, blocking};
use super::object::{Attributes, BlobRecord};
use crate::checksum::{Algorithm, Checksum};
use crate::refusal::Refusal;
use hardcap_core::clock::EpochMillis;
use hardcap_core::durable::Folder;

/// A multipart upload: the attributes of its object, and its parts.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) about: UploadInfo,
    state: Mutex<UploadState>,
    /// Parts are written to disk one at a time, so that index and disk agree on the latest one.
    turn: Mutex<()>,
    folder: Option<Folder>,
}

/// The parameters of CreateMultipartUpload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UploadInfo {
    /// `UploadId`
    pub(crate) id: String,
    /// The key of the object.
    pub(crate) key: String,
    /// The time of creation, in milliseconds since 1970.
    pub(crate) initiated: u64,
    /// The attributes of the object.
    pub(crate) attributes: Attributes,
    /// The tags of the object.
    #[serde(default)]
    pub(crate) tags: Vec<(String, String)>,
    /// The checksum algorithm of the parts.
    pub(crate) algorithm: Option<Algorithm>,
    /// Whether the object's checksum is composite.
    pub(crate) composite: bool,
    /// The entity tag and the time of the object that had this key at the start.
    #[serde(default)]
    pub(crate) before: Option<(String, u64)>,
}

impl UploadInfo {
    /// The place in a list of uploads: key, then time of initiation (S3 API reference, ListMultipartUploads).
    pub(crate) fn order(&self) -> (&str, u64, &str) {
        (&self.key, self.initiated, &self.id)
    }
}

#[derive(Debug, Default)]
struct UploadState {
    closed: bool,
    parts: BTreeMap<u16, Arc<Part>>,
}

/// An uploaded part.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) number: u16,
    pub(crate) modified: EpochMillis,
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Option<Checksum>,
    pub(crate) blob: Arc<Blob>,
}

#[derive(Serialize, Deserialize)]
struct PartRecord {
    number: u16,
    modified: u64,
    md5: [u8; 16],
    checksum: Option<Checksum>,
    blob: BlobRecord,
}

impl Upload {
    /// Creates an upload.
    pub(super) fn create(about: UploadInfo, folder: Option<Folder>) -> io::Result<Upload> {
        if let Some(folder) = &folder {
            folder.inner("parts").create()?;
            folder.write("upload.json", &about)?;
        }
        Ok(Upload { about, state: Mutex::default(), turn: Mutex::new(()), folder })
    }

    /// Opens an upload of an earlier run.
    pub(super) fn reopen(folder: Folder, blobs: &Blobs) -> io::Result<Upload> {
        let about = folder.read("upload.json")?;
        let mut state = UploadState::default();
        let parts = folder.inner("parts");
        for name in parts.names()? {
            let record: PartRecord = parts.read(&name)?;
            let blob = record.blob.reopen(blobs)?;
            blob.keep();
            let part = Part {
                number: record.number,
                modified: EpochMillis(record.modified),
                md5: record.md5,
                checksum: record.checksum,
                blob,
            };
            state.parts.insert(part.number, Arc::new(part));
        }
        Ok(Upload { about, state: Mutex::new(state), turn: Mutex::new(()), folder: Some(folder) })
    }

    /// Stores a part, replacing an earlier one with its number.
    ///
    /// # Errors
    ///
    /// If the upload was completed or aborted, or the disk fails.
    pub(crate) async fn put(self: &Arc<Self>, part: Part) -> Result<(), Refusal> {
        if self.folder.is_none() {
            return self.store(part);
        }
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.store(part))
            .await
            .unwrap_or_else(|error| Err(Refusal::bug(&error)))
    }

    fn store(&self, part: Part) -> Result<(), Refusal> {
        let gone = || Refusal::no_such_upload().with("UploadId", self.about.id.clone());
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state().closed {
            return Err(gone());
        }
        if let Some(folder) = &self.folder {
            let record = PartRecord {
                number: part.number,
                modified: part.modified.0,
                md5: part.md5,
                checksum: part.checksum.clone(),
                blob: BlobRecord::of(&part.blob),
            };
            let name = format!("{}.json", part.number);
            let written = folder.inner("parts").write(&name, &record);
            written
                .map_err(|error| if self.state().closed { gone() } else { Refusal::bug(&error) })?;
        }
        let mut state = self.state();
        if state.closed {
            return Err(gone());
        }
        part.blob.keep();
        if let Some(replaced) = state.parts.insert(part.number, Arc::new(part)) {
            replaced.blob.release();
        }
        Ok(())
    }

    /// The uploaded parts, by number.
    pub(crate) fn parts(&self) -> Vec<Arc<Part>> {
        self.state().parts.values().cloned().collect()
    }

    /// A part by its number.
    pub(crate) fn part(&self, number: u16) -> Option<Arc<Part>> {
        self.state().parts.get(&number).cloned()
    }

    /// Ends the upload and removes everything that no object uses.
    pub(super) async fn close(&self) -> io::Result<()> {
        let parts = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.parts)
        };
        for part in parts.values() {
            part.blob.release();
        }
        match self.folder.clone() {
            Some(folder) => blocking(move || folder.remove_all()).await,
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, UploadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
