//! The data folder of S3: one folder of records for each bucket, and the blobs that records refer to. A blob without a record
//! is the leftover of an interrupted write and is removed when the folder is opened.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use hardcap_core::durable::{self, Folder, entries};

/// The folder that contains all data of S3.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    /// Held until the end, so that no other emulator uses the folder.
    _lock: File,
}

/// How long a lock may take. A process that is being started holds the locks of the program that starts it, until it has
/// become another program.
const LOCKED_WITHIN: Duration = Duration::from_secs(2);

/// The file, once it is locked; `None` if another emulator holds the lock.
fn locked(file: File) -> Option<File> {
    if file.try_lock().is_ok() {
        return Some(file);
    }
    let (sender, receiver) = sync_channel(1);
    std::thread::spawn(move || {
        if file.lock().is_ok() {
            // If it took too long, the file is closed here, which unlocks it.
            let _ = sender.try_send(file);
        }
    });
    receiver.recv_timeout(LOCKED_WITHIN).ok()
}

impl Disk {
    /// Opens or creates the folder.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to or is in use. The message names it.
    pub(super) fn open(root: &Path) -> io::Result<Disk> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("the data directory {}: {error}", root.display()))
        };
        for folder in ["blobs", "buckets"] {
            fs::create_dir_all(root.join(folder)).map_err(named)?;
        }
        let lock = File::create(root.join("lock")).map_err(named)?;
        let lock = locked(lock).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!(
                    "the data directory {} is in use by another emulator: stop it, or choose another directory",
                    root.display()
                ),
            )
        })?;
        durable::clear(&root.join("new")).map_err(named)?;
        Ok(Disk { root: root.to_owned(), _lock: lock })
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(super) fn folder(&self, bucket: &str) -> Folder {
        Folder::new(self.root.join("buckets").join(bucket), self.root.join("new"))
    }

    /// The buckets of an earlier run.
    pub(super) fn buckets(&self) -> io::Result<Vec<String>> {
        entries(&self.root.join("buckets"))
    }
}

/// Removes the blobs without a record.
pub(super) fn sweep(blobs: &Path, named: &std::collections::HashSet<String>) -> io::Result<()> {
    for name in entries(blobs)? {
        if !named.contains(&name) {
            fs::remove_file(blobs.join(name))?;
        }
    }
    Ok(())
}
