//! Immutable bytes: small ones in memory, large ones in a file.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;

/// The size up to which bytes stay in memory if the store is not durable.
const MEMORY_BYTES_MAX: usize = 128 * 1024;
/// The size of one read or write of a file.
const STEP_BYTES: usize = 1024 * 1024;

/// The place of blobs.
#[derive(Clone, Debug)]
pub(super) struct Blobs {
    folder: Arc<Path>,
    durable: bool,
}

impl Blobs {
    /// Blobs in an existing folder. Durable blobs are always files, and are synced before they count.
    pub(super) fn new(folder: &Path, durable: bool) -> Blobs {
        Blobs { folder: folder.into(), durable }
    }

    /// Starts writing a blob.
    pub(super) fn writer(&self) -> Writer {
        Writer {
            blobs: self.clone(),
            name: new_name(),
            buffer: BytesMut::new(),
            file: None,
            length: 0,
        }
    }

    /// Opens a blob of an earlier run.
    ///
    /// # Errors
    ///
    /// If the file is missing or has another length.
    pub(super) fn reopen(&self, name: &str, length: u64) -> io::Result<Arc<Blob>> {
        let path = self.folder.join(name);
        let found = path
            .metadata()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?
            .len();
        if found != length {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} has {found} bytes instead of {length}", path.display()),
            ));
        }
        Ok(Arc::new(Blob {
            name: name.to_owned(),
            length,
            place: BlobPlace::File(path),
            uses: AtomicUsize::new(0),
        }))
    }
}

fn new_name() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Immutable bytes. A file is removed with its last reference, unless a record keeps it.
#[derive(Debug)]
pub(crate) struct Blob {
    name: String,
    length: u64,
    place: BlobPlace,
    uses: AtomicUsize,
}

#[derive(Debug)]
enum BlobPlace {
    Memory(Bytes),
    File(PathBuf),
}

impl Blob {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Keeps the file: a record refers to it.
    pub(super) fn keep(&self) {
        self.uses.fetch_add(1, Ordering::Relaxed);
    }

    /// Releases the file: no record refers to it any more.
    pub(super) fn release(&self) {
        self.uses.fetch_sub(1, Ordering::Relaxed);
    }

    fn open(&self) -> io::Result<BlobReader> {
        match &self.place {
            BlobPlace::Memory(bytes) => Ok(BlobReader::Memory(bytes.clone())),
            BlobPlace::File(path) => Ok(BlobReader::File(Arc::new(File::open(path)?))),
        }
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        if let (BlobPlace::File(path), 0) = (&self.place, self.uses.load(Ordering::Relaxed)) {
            remove(path);
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "cannot remove a file of S3");
    }
}

/// A blob that is being written. Dropping it before `finish` removes it.
#[derive(Debug)]
pub(crate) struct Writer {
    blobs: Blobs,
    name: String,
    buffer: BytesMut,
    file: Option<Arc<File>>,
    length: u64,
}

impl Writer {
    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// If the disk fails or is full.
    pub(crate) async fn write(&mut self, data: Bytes) -> io::Result<()> {
        self.length += data.len() as u64;
        self.buffer.extend_from_slice(&data);
        if self.buffer.len() < self.limit() {
            return Ok(());
        }
        self.flush().await
    }

    /// The number of bytes that are buffered for one write.
    fn limit(&self) -> usize {
        if self.file.is_none() && !self.blobs.durable { MEMORY_BYTES_MAX } else { STEP_BYTES }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let data = self.buffer.split().freeze();
        let known = self.file.clone();
        let path = self.path();
        let file = blocking(move || {
            let file = match known {
                Some(file) => file,
                None => Arc::new(File::create_new(path)?),
            };
            (&*file).write_all(&data)?;
            Ok(file)
        })
        .await?;
        self.file = Some(file);
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.blobs.folder.join(&self.name)
    }

    /// Finishes the blob. A durable blob is on disk when this returns.
    ///
    /// # Errors
    ///
    /// If the disk fails or is full.
    pub(crate) async fn finish(mut self) -> io::Result<Arc<Blob>> {
        let durable = self.blobs.durable;
        if self.file.is_some() || durable {
            self.flush().await?;
        }
        let place = match self.file.clone() {
            None => BlobPlace::Memory(self.buffer.split().freeze()),
            Some(file) => {
                if durable {
                    blocking(move || file.sync_all()).await?;
                }
                BlobPlace::File(self.path())
            }
        };
        self.file = None;
        let name = std::mem::take(&mut self.name);
        Ok(Arc::new(Blob { name, length: self.length, place, uses: AtomicUsize::new(0) }))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.file.is_some() {
            remove(&self.path());
        }
    }
}

/// Runs blocking work on the disk without blocking the runtime's threads.
pub(super) async fn blocking<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

enum BlobReader {
    Memory(Bytes),
    File(Arc<File>),
}

/// A range of a blob.
#[derive(Clone, Debug)]
pub(crate) struct BlobSlice {
    /// Keeps the bytes alive if the object is deleted or replaced during the read.
    pub(crate) blob: Arc<Blob>,
    /// The offset of the first byte.
    pub(crate) start: u64,
    /// The number of bytes.
    pub(crate) length: u64,
}

/// Reads slices one after the other.
pub(crate) fn read(slices: Vec<BlobSlice>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let reading = SliceReader { slices: slices.into_iter(), current: None };
    futures_util::stream::try_unfold(reading, |mut reading| async move {
        let next = reading.next().await?;
        Ok(next.map(|data| (data, reading)))
    })
}

struct SliceReader {
    slices: std::vec::IntoIter<BlobSlice>,
    current: Option<(BlobSlice, BlobReader)>,
}

impl SliceReader {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some((slice, source)) = &mut self.current
                && slice.length > 0
            {
                let data = source.take(slice).await?;
                slice.start += data.len() as u64;
                slice.length -= data.len() as u64;
                return Ok(Some(data));
            }
            let Some(slice) = self.slices.next() else { return Ok(None) };
            let source = slice.blob.open()?;
            self.current = Some((slice, source));
        }
    }
}

impl BlobReader {
    async fn take(&self, slice: &BlobSlice) -> io::Result<Bytes> {
        let start = slice.start;
        let length = usize::try_from(slice.length).unwrap_or(usize::MAX).min(STEP_BYTES);
        match self {
            BlobReader::Memory(bytes) => {
                let start = usize::try_from(start).map_err(io::Error::other)?;
                Ok(bytes.slice(start..start + length))
            }
            BlobReader::File(file) => {
                let file = file.clone();
                blocking(move || {
                    let mut data = BytesMut::zeroed(length);
                    file.read_exact_at(&mut data, start)?;
                    Ok(data.freeze())
                })
                .await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    async fn written(blobs: &Blobs, data: &[u8]) -> Arc<Blob> {
        let mut writer = blobs.writer();
        for piece in data.chunks(100_000) {
            writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        writer.finish().await.unwrap()
    }

    async fn content(blob: &Arc<Blob>, start: u64, length: u64) -> Vec<u8> {
        let slice = BlobSlice { blob: blob.clone(), start, length };
        read(vec![slice]).try_collect::<Vec<_>>().await.unwrap().concat()
    }

    fn files(folder: &Path) -> usize {
        folder.read_dir().unwrap().count()
    }

    #[tokio::test]
    async fn small_blobs_stay_in_memory_and_large_ones_become_files() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path(), false);
        let data: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let small = written(&blobs, &data[..131_071]).await;
        assert_eq!(files(folder.path()), 0);
        let large = written(&blobs, &data).await;
        assert_eq!(files(folder.path()), 1);
        assert_eq!(content(&small, 0, 131_071).await, &data[..131_071]);
        assert_eq!(content(&large, 0, 3_000_000).await, data);
        assert_eq!(content(&large, 1_048_570, 12).await, &data[1_048_570..1_048_582]);
    }

    #[tokio::test]
    async fn a_file_is_removed_with_its_last_reference_unless_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path(), true);
        let blob = written(&blobs, b"").await;
        assert_eq!(files(folder.path()), 1);
        drop(blob);
        assert_eq!(files(folder.path()), 0);
        let blob = written(&blobs, b"kept").await;
        blob.keep();
        drop(blob);
        assert_eq!(files(folder.path()), 1);
    }

    #[tokio::test]
    async fn an_unfinished_writer_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Blobs::new(folder.path(), false).writer();
        writer.write(Bytes::from(vec![0; 2_000_000])).await.unwrap();
        assert_eq!(files(folder.path()), 1);
        drop(writer);
        assert_eq!(files(folder.path()), 0);
    }
}
