//! Durable records in a folder. Each is a file that is written atomically, so that a crash of the process or the machine leaves
//! the old or the new version.
//!
//! There is no journal and no index. A record is written to a temporary file, synced, and renamed. S3, Parameter Store and
//! Secrets Manager keep their data with `--data` in such records. S3 holds the lock of the data directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::paths::folder_of;

/// A folder of records.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    new: PathBuf,
}

impl Folder {
    /// Opens or creates a folder of records below `root`, and removes the leftovers of interrupted writes.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to. The message names it.
    pub fn open(root: &Path) -> io::Result<Folder> {
        let folder = Folder::new(root.join("records"), root.join("new"));
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("the data directory {}: {error}", root.display()))
        };
        folder.create().map_err(named)?;
        clear(&folder.new).map_err(named)?;
        Ok(folder)
    }

    /// A folder of records. Records are written in `new` before they are renamed, so both are on the same file system.
    pub fn new(path: PathBuf, new: PathBuf) -> Folder {
        Folder { path, new }
    }

    /// A subfolder of this folder.
    pub fn inner(&self, name: &str) -> Folder {
        Folder { path: self.path.join(name), new: self.new.clone() }
    }

    /// Creates the folder and its parents.
    pub fn create(&self) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        sync(folder_of(&self.path))
    }

    /// Writes or replaces a record. The record is on disk when this returns.
    pub fn write(&self, name: &str, record: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_vec(record).map_err(io::Error::other)?;
        let beside = self.new.join(uuid::Uuid::new_v4().simple().to_string());
        replace(&self.path.join(name), &beside, &text)
    }

    /// Removes a record, if it exists. The removal is on disk when this returns.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync(&self.path),
        }
    }

    /// Removes the folder with all its records, if it exists.
    pub fn remove_all(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// If the file is missing or is not a record of this type. The message names the file and says what to do.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        read(&self.path.join(name))
    }

    /// The names of all records; empty if the folder does not exist.
    pub fn names(&self) -> io::Result<Vec<String>> {
        entries(&self.path)
    }
}

/// Writes or replaces a file atomically: it is written to `beside`, on the same file system, and renamed. The file is on disk
/// when this returns.
///
/// # Errors
///
/// If the disk fails. The file is unchanged then.
pub fn replace(path: &Path, beside: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(beside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| fs::rename(beside, path));
    if renamed.is_err() {
        let _ = fs::remove_file(beside);
    }
    renamed?;
    sync(folder_of(path))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Reads a record.
///
/// # Errors
///
/// If the file is missing or is not a record of this type. The message names the file and says what to do.
pub fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let unreadable = |error: &dyn std::fmt::Display| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "{} cannot be read: {error}. Remove that file, or choose another data directory",
                path.display()
            ),
        )
    };
    let text = fs::read(path).map_err(|error| unreadable(&error))?;
    serde_json::from_slice(&text).map_err(|error| unreadable(&error))
}

/// The names of all entries of a folder; empty if the folder does not exist.
pub fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    read.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// The file name for a key: its digest, because a key may contain slashes and dots and be 1,024 bytes long.
pub fn file_of(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// Creates the folder `new`, or removes the leftovers of interrupted writes from it.
///
/// # Errors
///
/// If the folder cannot be read or written to.
pub fn clear(new: &Path) -> io::Result<()> {
    fs::create_dir_all(new)?;
    for name in entries(new)? {
        fs::remove_file(new.join(name))?;
    }
    Ok(())
}

/// A map in memory that is also stored in a folder of records, if it has one. A failed change changes nothing.
#[derive(Debug)]
pub struct DurableMap<T> {
    entries: BTreeMap<String, T>,
    folder: Option<Folder>,
}

#[derive(Serialize)]
struct Record<'a, T> {
    key: &'a str,
    value: &'a T,
}

#[derive(Deserialize)]
struct OwnedRecord<T> {
    key: String,
    value: T,
}

impl<T: Serialize + DeserializeOwned> DurableMap<T> {
    /// Opens the map that an earlier run stored below `root`, or an empty one. Without a root the map is only in memory.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to, or contains a file that is not a record of this type. The message names it.
    pub fn open(root: Option<&Path>) -> io::Result<DurableMap<T>> {
        let Some(root) = root else {
            return Ok(DurableMap { entries: BTreeMap::new(), folder: None });
        };
        let folder = Folder::open(root)?;
        let mut entries = BTreeMap::new();
        for name in folder.names()? {
            let OwnedRecord { key, value } = folder.read(&name)?;
            entries.insert(key, value);
        }
        Ok(DurableMap { entries, folder: Some(folder) })
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.entries.get(key)
    }

    /// All keys and values, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Writes or replaces a value. The value is on disk when this returns.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn put(&mut self, key: &str, value: T) -> io::Result<()> {
        if let Some(folder) = &self.folder {
            folder.write(&file_of(key), &Record { key, value: &value })?;
        }
        self.entries.insert(key.to_owned(), value);
        Ok(())
    }

    /// Removes a value; false if the key does not exist.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn remove(&mut self, key: &str) -> io::Result<bool> {
        if !self.entries.contains_key(key) {
            return Ok(false);
        }
        if let Some(folder) = &self.folder {
            folder.remove(&file_of(key))?;
        }
        Ok(self.entries.remove(key).is_some())
    }

    /// Removes every value.
    ///
    /// # Errors
    ///
    /// If the disk fails. Values that were removed before stay removed.
    pub fn clear(&mut self) -> io::Result<()> {
        let keys: Vec<String> = self.entries.keys().cloned().collect();
        keys.iter().try_for_each(|key| self.remove(key).map(|_| ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reopened_map_has_the_values_that_were_put_and_not_removed() {
        let root = tempfile::tempdir().unwrap();
        let mut table = DurableMap::open(Some(root.path())).unwrap();
        for key in ["/a/../b", "\u{e9}", ""] {
            table.put(key, format!("one {key}")).unwrap();
        }
        table.put("", "two".to_owned()).unwrap();
        assert!(table.remove("\u{e9}").unwrap());
        assert!(!table.remove("\u{e9}").unwrap());
        fs::write(root.path().join("new/half"), "{").unwrap();

        let mut table = DurableMap::<String>::open(Some(root.path())).unwrap();
        let kept: Vec<_> = table.iter().collect();
        assert_eq!(kept, [("", &"two".to_owned()), ("/a/../b", &"one /a/../b".to_owned())]);
        table.clear().unwrap();
        assert_eq!(table.iter().count(), 0);
        assert_eq!(DurableMap::<String>::open(Some(root.path())).unwrap().iter().count(), 0);
        assert_eq!(entries(&root.path().join("new")).unwrap(), [""; 0]);
    }

    #[test]
    fn a_truncated_record_is_an_error_that_names_its_file() {
        let root = tempfile::tempdir().unwrap();
        let mut table = DurableMap::open(Some(root.path())).unwrap();
        table.put("a", vec![1, 2, 3]).unwrap();
        let file = root.path().join("records").join(file_of("a"));
        let text = fs::read(&file).unwrap();
        for length in 0..text.len() {
            fs::write(&file, &text[..length]).unwrap();
            let error = DurableMap::<Vec<u8>>::open(Some(root.path())).unwrap_err().to_string();
            assert!(error.contains(file.to_str().unwrap()), "{length}: {error}");
        }
    }

    #[test]
    fn a_failed_write_keeps_the_old_value() {
        let root = tempfile::tempdir().unwrap();
        let mut table = DurableMap::open(Some(root.path())).unwrap();
        table.put("a", 1).unwrap();
        fs::remove_dir_all(root.path().join("new")).unwrap();
        assert!(table.put("a", 2).is_err());
        assert_eq!(table.get("a"), Some(&1));
        assert_eq!(DurableMap::open(Some(root.path())).unwrap().get("a"), Some(&1));
    }
}
