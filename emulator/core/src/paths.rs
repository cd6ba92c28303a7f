//! File paths as users write them, relative to the current folder.

use std::io;
use std::path::Path;

use tempfile::TempDir;

/// The folder of a file; `.` for a file name without a folder.
///
/// [`Path::parent`] returns an empty path there, which can be joined but neither read nor opened.
///
/// ```
/// use std::path::Path;
///
/// use hardcap_core::paths::folder_of;
///
/// assert_eq!(folder_of(Path::new("template.yaml")), Path::new("."));
/// assert_eq!(folder_of(Path::new("app/template.yaml")), Path::new("app"));
/// ```
pub fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// A new folder for temporary files, removed when it is dropped.
///
/// # Errors
///
/// If the system's folder for temporary files does not exist or cannot be written to. The message names it and `TMPDIR`.
pub fn temporary_folder(prefix: &str) -> io::Result<TempDir> {
    let parent = std::env::temp_dir();
    tempfile::Builder::new().prefix(prefix).tempdir_in(&parent).map_err(|error| {
        // The error of the library contains the random path; its cause is the error of the system.
        let cause = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
        let message = format!(
            "a folder for temporary files cannot be created in {}: {cause}; set TMPDIR to an existing folder that can be written to",
            parent.display()
        );
        io::Error::new(error.kind(), message)
    })
}
