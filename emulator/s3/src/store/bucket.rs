//! A bucket: its objects by key, its uploads, its configuration.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use s3s::dto::{BucketLifecycleConfiguration, CORSConfiguration};
use serde::{Deserialize, Serialize};

use super::blob::{Blobs, Writer, blocking};
use super::object::{Object, ObjectRecord};
use super::upload::{Upload, UploadInfo};
use crate::refusal::Refusal;
use crate::region;
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::BucketNotifications;
use hardcap_core::durable::{Folder, file_of};

/// The number of locks for writes. Keys are distributed over them by hash.
const TURNS: usize = 64;

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) created: EpochMillis,
    /// The location constraint; `None` for the region of the run.
    location: Option<String>,
    settings: RwLock<Arc<Settings>>,
    contents: RwLock<Contents>,
    uploads: RwLock<BTreeMap<(String, String), Arc<Upload>>>,
    /// The number of uploads since the start, for the order of those of one millisecond.
    begun: AtomicU64,
    /// A write holds the lock of its key from the check of the existing object to its replacement.
    turns: [Mutex<()>; TURNS],
    hasher: RandomState,
    blobs: Blobs,
    folder: Option<Folder>,
}

/// The configuration of a bucket.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) cors: Option<CORSConfiguration>,
    pub(crate) lifecycle: Option<BucketLifecycleConfiguration>,
    /// The bucket's tags; `None` if no tag set was put.
    #[serde(default)]
    pub(crate) tags: Option<Vec<(String, String)>>,
    /// The public access block.
    #[serde(default)]
    pub(crate) public_access: PublicAccess,
    /// The notifications; `None` for a bucket that notifies nothing.
    #[serde(default)]
    pub(crate) notifications: Option<BucketNotifications>,
}

/// The public access block. It is stored and returned; nothing here is public anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PublicAccess {
    /// `BlockPublicAcls`, `IgnorePublicAcls`, `BlockPublicPolicy`, `RestrictPublicBuckets`
    Blocked([bool; 4]),
    /// The configuration was deleted.
    Deleted,
}

impl Default for PublicAccess {
    /// All four settings, the default of every bucket since 2023-04 (recorded 2026-02-21).
    fn default() -> PublicAccess {
        PublicAccess::Blocked([true; 4])
    }
}

#[derive(Debug, Default)]
struct Contents {
    gone: bool,
    objects: BTreeMap<Arc<str>, Arc<Object>>,
}

#[derive(Serialize, Deserialize)]
struct BucketRecord {
    created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    settings: Settings,
}

impl Bucket {
    /// Creates a bucket.
    pub(super) fn create(
        name: &str,
        location: Option<String>,
        created: EpochMillis,
        blobs: &Blobs,
        folder: Option<Folder>,
    ) -> io::Result<Bucket> {
        let mut bucket = Bucket::empty(name, created, blobs, folder);
        bucket.location = location;
        if let Some(folder) = &bucket.folder {
            folder.inner("objects").create()?;
            folder.inner("uploads").create()?;
        }
        bucket.save(Settings::default())?;
        Ok(bucket)
    }

    /// Opens a bucket of an earlier run. A folder without a record is a bucket whose creation or removal was interrupted.
    pub(super) fn reopen(name: &str, blobs: &Blobs, folder: Folder) -> io::Result<Option<Bucket>> {
        if !folder.names()?.iter().any(|name| name == "bucket.json") {
            folder.remove_all()?;
            return Ok(None);
        }
        let record: BucketRecord = folder.read("bucket.json")?;
        let mut bucket =
            Bucket::empty(name, EpochMillis(record.created), blobs, Some(folder.clone()));
        bucket.location = record.location;
        bucket.settings = RwLock::new(Arc::new(record.settings));
        let objects = folder.inner("objects");
        for name in objects.names()? {
            let object = objects.read::<ObjectRecord>(&name)?.reopen(blobs)?;
            object.body.iter().for_each(|blob| blob.keep());
            bucket.contents_mut().objects.insert(object.key.clone(), Arc::new(object));
        }
        let uploads = folder.inner("uploads");
        for id in uploads.names()? {
            let folder = uploads.inner(&id);
            if folder.names()?.iter().any(|name| name == "upload.json") {
                bucket.add_upload(Arc::new(Upload::reopen(folder, blobs)?));
            } else {
                folder.remove_all()?;
            }
        }
        Ok(Some(bucket))
    }

    fn empty(name: &str, created: EpochMillis, blobs: &Blobs, folder: Option<Folder>) -> Bucket {
        Bucket {
            name: name.to_owned(),
            created,
            location: None,
            settings: RwLock::default(),
            contents: RwLock::default(),
            uploads: RwLock::default(),
            begun: AtomicU64::new(0),
            turns: std::array::from_fn(|_| Mutex::new(())),
            hasher: RandomState::new(),
            blobs: blobs.clone(),
            folder,
        }
    }

    /// The location constraint, given the region of the run; `us-east-1` for none.
    pub(crate) fn location<'b>(&'b self, run: &'b str) -> &'b str {
        self.location.as_deref().unwrap_or(run)
    }

    /// The region, given the region of the run.
    pub(crate) fn region<'b>(&'b self, run: &'b str) -> &'b str {
        region::of_constraint(self.location(run))
    }

    /// Starts writing the bytes of an object or a part.
    pub(crate) fn writer(&self) -> Writer {
        self.blobs.writer()
    }

    /// The object with a key.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Object>> {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        contents.objects.get(key).cloned()
    }

    /// Visits the objects after `after` in the byte order of their keys, until `visit` returns false.
    pub(crate) fn visit(&self, after: Bound<&str>, mut visit: impl FnMut(&Arc<Object>) -> bool) {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        for object in contents.objects.range::<str, _>((after, Bound::Unbounded)).map(|(_, o)| o) {
            if !visit(object) {
                return;
            }
        }
    }

    /// Stores an object if `allowed` accepts the existing one. The check and the replacement are atomic.
    ///
    /// # Errors
    ///
    /// The refusal of `allowed`, a deleted bucket, or a disk failure.
    pub(crate) async fn put(
        self: &Arc<Self>,
        object: Object,
        allowed: impl FnOnce(Option<&Object>) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        let key = object.key.clone();
        self.change(key, Some(Arc::new(object)), allowed).await.map(|_replaced| ())
    }

    /// Removes the object with a key, if it exists and `allowed` accepts it, and returns it.
    ///
    /// # Errors
    ///
    /// As [`Bucket::put`].
    pub(crate) async fn remove(
        self: &Arc<Self>,
        key: &str,
        allowed: impl FnOnce(Option<&Object>) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<Option<Arc<Object>>, Refusal> {
        self.change(key.into(), None, allowed).await
    }

    /// Replaces or removes the object with a key, and returns the one that was there.
    async fn change(
        self: &Arc<Self>,
        key: Arc<str>,
        object: Option<Arc<Object>>,
        allowed: impl FnOnce(Option<&Object>) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<Option<Arc<Object>>, Refusal> {
        if self.folder.is_none() {
            return self.change_now(&key, object, allowed);
        }
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.change_now(&key, object, allowed))
            .await
            .unwrap_or_else(|error| Err(Refusal::bug(&error)))
    }

    fn change_now(
        &self,
        key: &Arc<str>,
        object: Option<Arc<Object>>,
        allowed: impl FnOnce(Option<&Object>) -> Result<(), Refusal>,
    ) -> Result<Option<Arc<Object>>, Refusal> {
        let _turn = self.turn(key);
        let current = self.get(key);
        allowed(current.as_deref())?;
        if let Some(folder) = self.folder.as_ref().map(|folder| folder.inner("objects")) {
            let written = match &object {
                Some(object) => folder.write(&file_of(key), &ObjectRecord::of(object)),
                None => folder.remove(&file_of(key)),
            };
            written
                .map_err(|error| if self.is_gone() { self.gone() } else { Refusal::bug(&error) })?;
        }
        let replaced = {
            let mut contents = self.contents_mut();
            if contents.gone {
                return Err(self.gone());
            }
            match object {
                Some(object) => {
                    object.body.iter().for_each(|blob| blob.keep());
                    contents.objects.insert(key.clone(), object)
                }
                None => contents.objects.remove(key),
            }
        };
        if let Some(replaced) = &replaced {
            replaced.body.iter().for_each(|blob| blob.release());
        }
        Ok(replaced)
    }

    fn turn(&self, key: &str) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(key);
        let index = usize::try_from(hash % TURNS as u64).unwrap_or(0);
        self.turns[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the bucket, if it is empty.
    pub(super) async fn close(&self) -> Result<(), Refusal> {
        {
            let mut contents = self.contents_mut();
            if !contents.objects.is_empty() {
                return Err(Refusal::bucket_not_empty().with("BucketName", self.name.clone()));
            }
            contents.gone = true;
        }
        self.remove_all().await
    }

    /// Removes the bucket with its content.
    pub(super) async fn discard(&self) -> Result<(), Refusal> {
        let objects = {
            let mut contents = self.contents_mut();
            contents.gone = true;
            std::mem::take(&mut contents.objects)
        };
        for blob in objects.values().flat_map(|object| &object.body) {
            blob.release();
        }
        self.remove_all().await
    }

    async fn remove_all(&self) -> Result<(), Refusal> {
        for upload in self.uploads() {
            self.end_upload(&upload).await?;
        }
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        // The record is removed first: a folder without a record is not a bucket, even if the removal is interrupted.
        blocking(move || folder.remove("bucket.json").and_then(|()| folder.remove_all()))
            .await
            .map_err(|error| Refusal::bug(&error))
    }

    fn is_gone(&self) -> bool {
        self.contents.read().unwrap_or_else(PoisonError::into_inner).gone
    }

    fn gone(&self) -> Refusal {
        Refusal::no_such_bucket().with("BucketName", self.name.clone())
    }

    fn contents_mut(&self) -> std::sync::RwLockWriteGuard<'_, Contents> {
        self.contents.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the configuration.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(crate) async fn change_settings(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Settings) + Send + 'static,
    ) -> Result<(), Refusal> {
        let this = self.clone();
        blocking(move || this.change_settings_now(change)).await.map_err(|e| Refusal::bug(&e))
    }

    /// As [`Bucket::change_settings`], for callers that may block.
    pub(super) fn change_settings_now(&self, change: impl FnOnce(&mut Settings)) -> io::Result<()> {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Settings::clone(&settings);
        change(&mut changed);
        *settings = Arc::new(self.save(changed)?);
        Ok(())
    }

    fn save(&self, settings: Settings) -> io::Result<Settings> {
        let record =
            BucketRecord { created: self.created.0, location: self.location.clone(), settings };
        if let Some(folder) = &self.folder {
            folder.write("bucket.json", &record)?;
        }
        Ok(record.settings)
    }

    /// The id of an upload that is initiated now. Ids sort in the order of initiation, so a marker keeps its place in a list
    /// after its upload has ended.
    pub(crate) fn new_upload_id(&self, initiated: EpochMillis) -> String {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{number:016x}{}", initiated.0, uuid::Uuid::new_v4().simple())
    }

    /// Starts an upload.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(crate) async fn begin_upload(&self, about: UploadInfo) -> Result<Arc<Upload>, Refusal> {
        let folder = self.folder.as_ref().map(|folder| folder.inner("uploads").inner(&about.id));
        let created = match folder {
            None => Upload::create(about, None),
            folder => blocking(move || Upload::create(about, folder)).await,
        };
        let upload = Arc::new(created.map_err(|error| Refusal::bug(&error))?);
        self.add_upload(upload.clone());
        Ok(upload)
    }

    fn add_upload(&self, upload: Arc<Upload>) {
        let name = (upload.about.key.clone(), upload.about.id.clone());
        self.uploads.write().unwrap_or_else(PoisonError::into_inner).insert(name, upload);
    }

    /// The upload with a key and an id.
    pub(crate) fn upload(&self, key: &str, id: &str) -> Result<Arc<Upload>, Refusal> {
        let uploads = self.uploads.read().unwrap_or_else(PoisonError::into_inner);
        uploads
            .get(&(key.to_owned(), id.to_owned()))
            .cloned()
            .ok_or_else(|| Refusal::no_such_upload().with("UploadId", id))
    }

    /// All uploads, by key, those of one key in the order of their initiation.
    pub(crate) fn uploads(&self) -> Vec<Arc<Upload>> {
        let uploads = self.uploads.read().unwrap_or_else(PoisonError::into_inner);
        let mut uploads: Vec<_> = uploads.values().cloned().collect();
        uploads.sort_by(|a, b| a.about.order().cmp(&b.about.order()));
        uploads
    }

    /// Removes an upload from the list, so that only one request can complete or abort it.
    pub(crate) fn take_upload(&self, key: &str, id: &str) -> Result<Arc<Upload>, Refusal> {
        let mut uploads = self.uploads.write().unwrap_or_else(PoisonError::into_inner);
        uploads
            .remove(&(key.to_owned(), id.to_owned()))
            .ok_or_else(|| Refusal::no_such_upload().with("UploadId", id))
    }

    /// Returns an upload whose completion failed to the list.
    pub(crate) fn return_upload(&self, upload: Arc<Upload>) {
        self.add_upload(upload);
    }

    /// Ends an upload and removes its parts.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(crate) async fn end_upload(&self, upload: &Upload) -> Result<(), Refusal> {
        let name = (upload.about.key.clone(), upload.about.id.clone());
        self.uploads.write().unwrap_or_else(PoisonError::into_inner).remove(&name);
        upload.close().await.map_err(|error| Refusal::bug(&error))
    }

    /// The names of all referenced blobs.
    pub(super) fn blob_names(&self) -> Vec<String> {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        let objects = contents.objects.values().flat_map(|object| &object.body);
        let mut names: Vec<String> = objects.map(|blob| blob.name().to_owned()).collect();
        let uploads = self.uploads().into_iter().flat_map(|upload| upload.parts());
        names.extend(uploads.map(|part| part.blob.name().to_owned()));
        names
    }
}
