//! The ports in memory, for tests and for trying a kind of job without AWS. They refuse what AWS refuses.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use super::ports::{
    Blobs, Change, DuePage, EpochMillis, Invoker, ObjectHeaders, OpenUpload, Part, PortError,
    PortFuture, Rows, TableItem, Written,
};

/// The page size of [`MemoryRows::due`], small so that tests have several pages.
const PAGE: usize = 3;
/// The largest item of DynamoDB, in bytes.
const ITEM_MAX: usize = 409_600;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A table.
#[derive(Debug, Default)]
pub struct MemoryRows {
    items: Mutex<BTreeMap<String, TableItem>>,
}

impl MemoryRows {
    /// All items.
    #[must_use]
    pub fn items(&self) -> Vec<TableItem> {
        lock(&self.items).values().cloned().collect()
    }

    /// Replaces an item unconditionally.
    pub fn set(&self, item: TableItem) {
        lock(&self.items).insert(item.key.clone(), item);
    }

    fn write_now(&self, changes: Vec<Change>) -> Result<Written, PortError> {
        let mut items = lock(&self.items);
        for change in &changes {
            if change.key.len() + change.document.len() > ITEM_MAX {
                return Err(PortError::Refused("Item size has exceeded the maximum".to_owned()));
            }
            let before = items.get(&change.key).map_or(0, |item| item.version);
            if before + 1 != change.version {
                return Ok(Written::Conflict);
            }
        }
        for change in changes {
            items.insert(change.key.clone(), change);
        }
        Ok(Written::Yes)
    }
}

impl Rows for MemoryRows {
    fn read<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<TableItem>> {
        Box::pin(async move { Ok(lock(&self.items).get(key).cloned()) })
    }

    fn write(&self, changes: Vec<Change>) -> PortFuture<'_, Written> {
        Box::pin(async move { self.write_now(changes) })
    }

    fn due(&self, now: EpochMillis, from: Option<String>) -> PortFuture<'_, DuePage> {
        Box::pin(async move {
            let items = lock(&self.items);
            let after =
                items.values().filter(|item| from.as_ref().is_none_or(|from| item.key > *from));
            let due = after.filter(|item| item.due.is_some_and(|due| due <= now));
            let page: Vec<TableItem> = due.take(PAGE).cloned().collect();
            let next =
                if page.len() == PAGE { page.last().map(|item| item.key.clone()) } else { None };
            Ok(DuePage { items: page, next })
        })
    }
}

#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, (ObjectHeaders, Bytes)>,
    uploads: BTreeMap<String, Upload>,
    begun: u64,
}

#[derive(Debug, Default)]
struct Upload {
    key: String,
    described: ObjectHeaders,
    parts: BTreeMap<i32, Bytes>,
}

/// A bucket.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    bucket: Mutex<Bucket>,
}

impl MemoryBlobs {
    /// An object and its headers.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<(ObjectHeaders, Bytes)> {
        lock(&self.bucket).objects.get(key).cloned()
    }

    /// The keys of all objects.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        lock(&self.bucket).objects.keys().cloned().collect()
    }

    /// The number of open uploads.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        lock(&self.bucket).uploads.len()
    }

    fn complete_now(&self, upload: &OpenUpload, parts: &[Part]) -> Result<(), PortError> {
        let mut bucket = lock(&self.bucket);
        let open = bucket.uploads.get(&upload.id).ok_or_else(|| missing(&upload.id))?;
        let mut whole = BytesMut::new();
        let mut last = 0;
        for part in parts {
            let there = open.parts.get(&part.number).filter(|bytes| tag(bytes) == part.tag);
            let there = there.filter(|_| part.number > last);
            let Some(bytes) = there else {
                return Err(PortError::Refused(format!("InvalidPart: {}", part.number)));
            };
            whole.extend_from_slice(bytes);
            last = part.number;
        }
        if parts.is_empty() {
            return Err(PortError::Refused("MalformedXML: no parts".to_owned()));
        }
        let described = open.described.clone();
        bucket.objects.insert(upload.key.clone(), (described, whole.freeze()));
        bucket.uploads.remove(&upload.id);
        Ok(())
    }
}

fn missing(what: &str) -> PortError {
    PortError::Missing(what.to_owned())
}

fn tag(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..8])
}

impl Blobs for MemoryBlobs {
    fn put<'a>(
        &'a self,
        key: &'a str,
        described: &'a ObjectHeaders,
        bytes: Bytes,
    ) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let object = (described.clone(), bytes);
            lock(&self.bucket).objects.insert(key.to_owned(), object);
            Ok(())
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Bytes> {
        Box::pin(
            async move { self.object(key).map(|(_, bytes)| bytes).ok_or_else(|| missing(key)) },
        )
    }

    fn size<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<u64>> {
        Box::pin(async move { Ok(self.object(key).map(|(_, bytes)| bytes.len() as u64)) })
    }

    fn begin<'a>(&'a self, key: &'a str, described: &'a ObjectHeaders) -> PortFuture<'a, String> {
        Box::pin(async move {
            let mut bucket = lock(&self.bucket);
            bucket.begun += 1;
            let id = format!("upload-{}", bucket.begun);
            let (key, described) = (key.to_owned(), described.clone());
            bucket.uploads.insert(id.clone(), Upload { key, described, ..Upload::default() });
            Ok(id)
        })
    }

    fn part<'a>(
        &'a self,
        upload: &'a OpenUpload,
        number: i32,
        bytes: Bytes,
    ) -> PortFuture<'a, Part> {
        Box::pin(async move {
            let mut bucket = lock(&self.bucket);
            let open = bucket.uploads.get_mut(&upload.id).ok_or_else(|| missing(&upload.id))?;
            let part = Part { number, tag: tag(&bytes), checksum: String::new() };
            open.parts.insert(number, bytes);
            Ok(part)
        })
    }

    fn complete<'a>(&'a self, upload: &'a OpenUpload, parts: &'a [Part]) -> PortFuture<'a, ()> {
        Box::pin(async move { self.complete_now(upload, parts) })
    }

    fn abort<'a>(&'a self, upload: &'a OpenUpload) -> PortFuture<'a, ()> {
        Box::pin(async move {
            lock(&self.bucket).uploads.remove(&upload.id);
            Ok(())
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Vec<String>> {
        Box::pin(async move {
            let keys = self.keys();
            Ok(keys.into_iter().filter(|key| key.starts_with(prefix)).collect())
        })
    }

    fn uploads<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Vec<OpenUpload>> {
        Box::pin(async move {
            let bucket = lock(&self.bucket);
            let open = bucket.uploads.iter().filter(|(_, upload)| upload.key.starts_with(prefix));
            Ok(open
                .map(|(id, upload)| OpenUpload { key: upload.key.clone(), id: id.clone() })
                .collect())
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()> {
        Box::pin(async move {
            lock(&self.bucket).objects.remove(key);
            Ok(())
        })
    }
}

/// The queue of the job function; the caller takes events and runs them.
#[derive(Debug)]
pub struct MemoryQueue {
    max: u64,
    events: Mutex<VecDeque<Bytes>>,
}

impl MemoryQueue {
    /// A queue that refuses payloads of more than `max` bytes.
    #[must_use]
    pub fn new(max: u64) -> MemoryQueue {
        MemoryQueue { max, events: Mutex::default() }
    }

    /// Takes the oldest event.
    pub fn take(&self) -> Option<Bytes> {
        lock(&self.events).pop_front()
    }
}

impl Invoker for MemoryQueue {
    fn invoke(&self, payload: Bytes) -> PortFuture<'_, ()> {
        Box::pin(async move {
            if payload.len() as u64 > self.max {
                let why = format!("{} byte payload, limit {} bytes", payload.len(), self.max);
                return Err(PortError::TooLarge(why));
            }
            lock(&self.events).push_back(payload);
            Ok(())
        })
    }
}
