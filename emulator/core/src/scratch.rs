//! Temporary folders of a run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::tool;

/// The time that the removal of a folder may delay the end of hardcap. The files of a function can be hundreds of thousands.
const WITHIN: Duration = Duration::from_millis(300);

/// A temporary folder, which is removed with this value. If the removal takes longer than [`WITHIN`], it continues in another
/// process, which may outlive hardcap.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
}

impl ScratchFolder {
    /// Creates a folder in the system's temporary folder.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn new(prefix: &str) -> io::Result<ScratchFolder> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        Ok(ScratchFolder { path: folder.keep() })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        remove(&self.path, WITHIN);
    }
}

/// Removes a folder. Returns when it is removed, or after `within` if another process continues.
fn remove(folder: &Path, within: Duration) {
    let (done, removed) = sync_channel::<()>(0);
    let path = folder.to_owned();
    let thread = std::thread::Builder::new().name("remover".to_owned()).spawn(move || {
        // A file that cannot be removed stays in the system's temporary folder.
        let _ = fs::remove_dir_all(path);
        drop(done);
    });
    let Ok(thread) = thread else {
        let _ = fs::remove_dir_all(folder);
        return;
    };
    let is_late = removed.recv_timeout(within) == Err(RecvTimeoutError::Timeout);
    if is_late && tool::remove_beyond_hardcap(folder).is_err() {
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_folder_is_removed_with_its_value() {
        let scratch = ScratchFolder::new("hardcap-test-").unwrap();
        let path = scratch.path().to_owned();
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("a/b/c"), "").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn another_process_removes_a_folder_that_takes_too_long() {
        let folder = tempfile::tempdir().unwrap().keep();
        for number in 0..2_000 {
            fs::write(folder.join(number.to_string()), "").unwrap();
        }
        let watch = Clock::default().stopwatch();
        remove(&folder, Duration::ZERO);
        while folder.exists() {
            assert!(watch.elapsed() < Duration::from_secs(60), "{}", folder.display());
            std::thread::yield_now();
        }
    }
}
