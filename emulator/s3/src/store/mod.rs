//! The storage of buckets and objects: in memory, with large bodies in temporary files, or in a directory.

mod blob;
mod bucket;
mod disk;
mod object;
mod settings;
mod upload;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tempfile::TempDir;

pub(crate) use blob::{Blob, read};
pub(crate) use bucket::{Bucket, PublicAccess};
pub(crate) use object::{Attributes, Object, ObjectChecksum};
pub(crate) use upload::{Part, Upload, UploadInfo};

use super::refusal::Refusal;
use blob::{Blobs, blocking};
use disk::Disk;
use hardcap_core::clock::EpochMillis;
use hardcap_core::config;
use hardcap_core::paths::temporary_folder;

/// All buckets.
#[derive(Debug)]
pub(crate) struct ObjectStore {
    buckets: RwLock<BTreeMap<String, Arc<Bucket>>>,
    /// Serializes the creation and removal of buckets.
    turn: tokio::sync::Mutex<()>,
    blobs: Blobs,
    disk: Option<Disk>,
    /// The folder for large bodies, created for the first one if there is no data directory.
    _scratch: Option<TempDir>,
}

impl ObjectStore {
    /// Opens the store in a directory, or an empty one in memory.
    ///
    /// # Errors
    ///
    /// If the directory is in use, cannot be written to, or contains unreadable records. The message names it.
    pub(super) fn open(directory: Option<&Path>) -> io::Result<ObjectStore> {
        let Some(directory) = directory else {
            let scratch = temporary_folder("hardcap-s3-")?;
            return Ok(ObjectStore {
                buckets: RwLock::default(),
                turn: tokio::sync::Mutex::new(()),
                blobs: Blobs::new(scratch.path(), false),
                disk: None,
                _scratch: Some(scratch),
            });
        };
        let disk = Disk::open(directory)?;
        let blobs = Blobs::new(&disk.blobs(), true);
        let mut buckets = BTreeMap::new();
        for name in disk.buckets()? {
            if let Some(bucket) = Bucket::reopen(&name, &blobs, disk.folder(&name))? {
                buckets.insert(name, Arc::new(bucket));
            }
        }
        let named: HashSet<String> = buckets.values().flat_map(|b| b.blob_names()).collect();
        disk::sweep(&disk.blobs(), &named)?;
        Ok(ObjectStore {
            buckets: RwLock::new(buckets),
            turn: tokio::sync::Mutex::new(()),
            blobs,
            disk: Some(disk),
            _scratch: None,
        })
    }

    /// Creates a template's bucket, or applies the template's configuration to the existing one.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(super) fn provide(&self, wanted: &config::Bucket, now: EpochMillis) -> io::Result<()> {
        let bucket = match self.find(&wanted.name) {
            Some(bucket) => bucket,
            None => self.add(&wanted.name, now)?,
        };
        bucket.change_settings_now(|settings| {
            if let Some(cors) = settings::cors(wanted) {
                settings.cors = Some(cors);
            }
            if let Some(lifecycle) = settings::lifecycle(wanted) {
                settings.lifecycle = Some(lifecycle);
            }
            if let Some(notifications) = settings::notifications(wanted) {
                settings.notifications = Some(notifications);
            }
        })
    }

    fn add(&self, name: &str, now: EpochMillis) -> io::Result<Arc<Bucket>> {
        let folder = self.disk.as_ref().map(|disk| disk.folder(name));
        let bucket = Arc::new(Bucket::create(name, None, now, &self.blobs, folder)?);
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        buckets.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }

    fn find(&self, name: &str) -> Option<Arc<Bucket>> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// A bucket by name.
    ///
    /// # Errors
    ///
    /// `NoSuchBucket`.
    pub(super) fn bucket(&self, name: &str) -> Result<Arc<Bucket>, Refusal> {
        self.find(name).ok_or_else(|| Refusal::no_such_bucket().with("BucketName", name))
    }

    /// All buckets, by name.
    pub(super) fn buckets(&self) -> Vec<Arc<Bucket>> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Creates a bucket with a location constraint, `None` for the region of the run; false if the name exists.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(super) async fn create(
        &self,
        name: &str,
        location: Option<String>,
        now: EpochMillis,
    ) -> Result<bool, Refusal> {
        let _turn = self.turn.lock().await;
        if self.find(name).is_some() {
            return Ok(false);
        }
        let folder = self.disk.as_ref().map(|disk| disk.folder(name));
        let (owned, blobs) = (name.to_owned(), self.blobs.clone());
        let bucket = blocking(move || Bucket::create(&owned, location, now, &blobs, folder))
            .await
            .map_err(|error| Refusal::bug(&error))?;
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        buckets.insert(name.to_owned(), Arc::new(bucket));
        Ok(true)
    }

    /// Removes every bucket with its content, and creates the template's buckets.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(super) async fn reset(
        &self,
        wanted: &[config::Bucket],
        now: EpochMillis,
    ) -> Result<(), Refusal> {
        let _turn = self.turn.lock().await;
        for bucket in self.buckets() {
            bucket.discard().await?;
            let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
            buckets.remove(&bucket.name);
        }
        for bucket in wanted {
            self.provide(bucket, now).map_err(|error| Refusal::bug(&error))?;
        }
        Ok(())
    }

    /// Removes an empty bucket.
    ///
    /// # Errors
    ///
    /// `NoSuchBucket`, `BucketNotEmpty`, or a disk failure.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Refusal> {
        let _turn = self.turn.lock().await;
        self.bucket(name)?.close().await?;
        self.buckets.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }
}
