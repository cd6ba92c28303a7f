//! File paths as users write them, relative to the current folder.

use std::path::Path;

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
