//! The cache: a folder for what hardcap creates once and uses in every run.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hardcap_core::clock::Clock;
use hardcap_core::paths::folder_of;

/// `HARDCAP_CACHE`, else `hardcap` in the user's cache folder, else a folder of this user in the system's temporary one.
pub(super) fn folder() -> PathBuf {
    if let Some(folder) = super::machine::variable("HARDCAP_CACHE") {
        return folder.into();
    }
    let caches = super::machine::variable("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || super::machine::variable("HOME").map(|home| PathBuf::from(home).join(".cache"));
    match caches.or_else(home) {
        Some(caches) if std::fs::create_dir_all(&caches).is_ok() => caches.join("hardcap"),
        _ => {
            let user = rustix::process::geteuid().as_raw();
            let folder = std::env::temp_dir().join(format!("hardcap-cache-{user}"));
            // The files of another user would be executed.
            let is_own = std::fs::symlink_metadata(&folder)
                .is_ok_and(|facts| facts.is_dir() && facts.uid() == user);
            if is_own || std::fs::DirBuilder::new().mode(0o700).create(&folder).is_ok() {
                return folder;
            }
            std::env::temp_dir().join(format!("hardcap-cache-{user}-{}", std::process::id()))
        }
    }
}

/// The time for which an unused entry is kept.
const KEPT_FOR: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// Marks an entry as used, by its time of modification.
pub(super) fn used(folder: &Path) {
    if let Ok(file) = std::fs::File::open(folder) {
        // If this fails, the entry is removed and created again later.
        let _ = file.set_modified(now());
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(Clock::default().now().0)
}

/// Removes the entries of one kind that no run has used for [`KEPT_FOR`], and the folders of interrupted installations.
fn remove_unused(parent: &Path, now: SystemTime) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|facts| facts.modified());
        let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
        if age.is_some_and(|age| age > KEPT_FOR) {
            // An entry that cannot be removed now is removed by a later run.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Creates a folder once. `fill` writes into a new folder, which is then renamed. If two processes do this at the same time,
/// both succeed and one of the two folders is kept.
///
/// # Errors
///
/// The error of the file system, or of `fill`. An incomplete folder never gets the name.
pub(super) fn make_once(
    folder: &Path,
    fill: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    if folder.is_dir() {
        used(folder);
        return Ok(());
    }
    let new = begin(folder)?;
    fill(new.path())?;
    finish(new, folder)
}

/// A new folder beside its later name. Dropping it removes it.
///
/// # Errors
///
/// The error of the file system. A cache of another user is refused, because its files would be executed.
pub(super) fn begin(folder: &Path) -> io::Result<tempfile::TempDir> {
    let parent = folder_of(folder);
    std::fs::create_dir_all(parent)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", parent.display())))?;
    let (owner, user) = (parent.metadata()?.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        let message = format!("{} belongs to another user; set HARDCAP_CACHE", parent.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    remove_unused(parent, now());
    tempfile::Builder::new().prefix(".new-").tempdir_in(parent)
}

/// Renames a folder of [`begin`] to its name.
///
/// # Errors
///
/// The error of the file system. It is not an error if another process was faster.
pub(super) fn finish(new: tempfile::TempDir, folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(new.path(), std::fs::Permissions::from_mode(0o755))?;
    match std::fs::rename(new.path(), folder) {
        // The temporary name does not exist any more.
        Ok(()) => {
            let _ = new.keep();
            Ok(())
        }
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_no_run_uses_are_removed_when_another_is_made() {
        let cache = tempfile::tempdir().unwrap();
        let make = |name: &str| make_once(&cache.path().join(name), |_| Ok(())).unwrap();
        let set_age = |name: &str, days: u64| {
            let folder = std::fs::File::open(cache.path().join(name)).unwrap();
            folder.set_modified(now() - Duration::from_secs(days * 24 * 60 * 60)).unwrap();
        };
        for name in ["old", "used", "new"] {
            make(name);
        }
        set_age("old", 61);
        set_age("used", 61);
        set_age("new", 59);
        make("used");
        make("another");
        let exists = |name: &str| cache.path().join(name).is_dir();
        assert!(!exists("old"));
        assert!(exists("used") && exists("new") && exists("another"));
    }
}
