//! The unpacked size of a package.

use std::fs::File;
use std::io;
use std::path::Path;

use zip::ZipArchive;

/// Folders that build tools leave out of a package.
const LEFT_OUT: [&str; 4] = [".aws-sam", ".git", ".hg", "__pycache__"];

/// The bytes of the files in a folder or in a zip file. Links are not followed, because a package contains them as links.
///
/// # Errors
///
/// If a file or a folder cannot be read, or the file is not a zip.
pub fn unpacked_bytes(path: &Path) -> io::Result<u64> {
    if path.is_file() {
        let mut archive = ZipArchive::new(File::open(path)?)?;
        let sizes = (0..archive.len()).map(|at| archive.by_index_raw(at).map(|file| file.size()));
        return Ok(sizes.sum::<Result<u64, _>>()?);
    }
    let mut bytes = 0;
    for entry in path.read_dir()? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_file() {
            bytes += entry.metadata()?.len();
        } else if kind.is_dir() && !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            bytes += unpacked_bytes(&entry.path())?;
        }
    }
    Ok(bytes)
}
