//! The folder of a deployment package, which stays for as long as a sandbox runs from it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A package on disk. Once it has been given up it is removed with the last sandbox that runs from it.
#[derive(Debug)]
pub struct PackageFolder {
    path: PathBuf,
    given_up: AtomicBool,
}

impl PackageFolder {
    /// A folder that is removed unless [`PackageFolder::keep`] is called.
    pub fn new(path: PathBuf) -> PackageFolder {
        PackageFolder { path, given_up: AtomicBool::new(true) }
    }

    /// The folder of the unpacked code.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder outlives this value.
    pub fn keep(&self) {
        self.given_up.store(false, Ordering::Relaxed);
    }

    /// Other code has taken its place.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

impl Drop for PackageFolder {
    fn drop(&mut self) {
        if *self.given_up.get_mut() {
            // What cannot be removed is found and removed by the next start.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
