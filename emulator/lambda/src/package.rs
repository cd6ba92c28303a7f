//! The folder of a deployment package, which exists as long as a sandbox runs from it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A package on disk. A retired package is removed with the last sandbox that runs from it.
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

    /// Keeps the folder beyond the life of this value.
    pub fn keep(&self) {
        self.given_up.store(false, Ordering::Relaxed);
    }

    /// Retires the package after other code has replaced it.
    pub fn retire(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

impl Drop for PackageFolder {
    fn drop(&mut self) {
        if *self.given_up.get_mut() {
            // A folder that cannot be removed now is removed at the next start.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
