//! Records in a folder: each a file that is there whole or not at all, whenever the process or the machine ends.
//!
//! There is no journal and no index. A record is written beside its place, brought to the disk, and renamed; what a
//! record does not name is rubbish, swept when the folder is opened.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

/// A folder that holds everything that S3 stores.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    /// Held until the end, so that no other emulator uses the folder meanwhile.
    _lock: File,
}

impl Disk {
    /// Opens or makes the folder.
    ///
    /// # Errors
    ///
    /// When it cannot be written to or is in use; the message names it.
    pub(super) fn open(root: &Path) -> io::Result<Disk> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("the data directory {}: {error}", root.display()))
        };
        for folder in ["blobs", "buckets", "new"] {
            fs::create_dir_all(root.join(folder)).map_err(named)?;
        }
        let lock = File::create(root.join("lock")).map_err(named)?;
        lock.try_lock().map_err(|_| {
            io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!(
                    "the data directory {} is in use by another emulator: stop it, or choose another directory",
                    root.display()
                ),
            )
        })?;
        for entry in fs::read_dir(root.join("new")).map_err(named)? {
            fs::remove_file(entry.map_err(named)?.path()).map_err(named)?;
        }
        Ok(Disk { root: root.to_owned(), _lock: lock })
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(super) fn folder(&self, bucket: &str) -> Folder {
        Folder { path: self.root.join("buckets").join(bucket), new: self.root.join("new") }
    }

    /// The buckets that an earlier run left.
    pub(super) fn buckets(&self) -> io::Result<Vec<String>> {
        entries(&self.root.join("buckets"))
    }
}

/// A folder of records.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Where records are written before they are renamed; on the same file system.
    new: PathBuf,
}

impl Folder {
    /// A folder inside this one.
    pub(super) fn inner(&self, name: &str) -> Folder {
        Folder { path: self.path.join(name), new: self.new.clone() }
    }

    /// Makes it, and those above it.
    pub(super) fn create(&self) -> io::Result<()> {
        fs::create_dir_all(&self.path)
    }

    /// Writes or replaces a record. It has reached the disk when this returns.
    pub(super) fn write(&self, name: &str, record: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_vec(record).map_err(io::Error::other)?;
        let beside = self.new.join(uuid::Uuid::new_v4().simple().to_string());
        let mut file = File::create_new(&beside)?;
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        let renamed = written.and_then(|()| fs::rename(&beside, self.path.join(name)));
        if renamed.is_err() {
            let _ = fs::remove_file(&beside);
        }
        renamed?;
        File::open(&self.path)?.sync_all()
    }

    /// Removes a record, if it is there.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the folder with all its records, if it is there.
    pub(super) fn remove_all(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// When it is missing or no such record; the message names the file and the way out.
    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        let path = self.path.join(name);
        let unreadable = |error: &dyn std::fmt::Display| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} cannot be read: {error}. Remove that file, or choose another data directory",
                    path.display()
                ),
            )
        };
        let text = fs::read(&path).map_err(|error| unreadable(&error))?;
        serde_json::from_slice(&text).map_err(|error| unreadable(&error))
    }

    /// The names of all records; none when there is no such folder.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        entries(&self.path)
    }
}

fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    read.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// The file of a key: its digest, for a key may hold slashes, dots and 1,024 bytes.
pub(super) fn file_of(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// Removes the blobs that nothing names.
pub(super) fn sweep(blobs: &Path, named: &std::collections::HashSet<String>) -> io::Result<()> {
    for name in entries(blobs)? {
        if !named.contains(&name) {
            fs::remove_file(blobs.join(name))?;
        }
    }
    Ok(())
}
