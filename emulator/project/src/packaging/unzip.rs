//! Unpacks a deployment package into a folder. Nothing is written outside the folder, and at most the permitted number of bytes.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

/// The maximum length of a symbolic link's target in bytes, as on Linux.
const TARGET_MAX: u64 = 4096;

/// The error of unpacking. The files that were written stay: the owner of the folder removes it.
#[derive(Debug, thiserror::Error)]
pub enum UnzipError {
    /// It is not a zip file, or one with names or links that lead out of the folder.
    #[error("{0}")]
    Invalid(String),
    /// It contains more bytes than permitted: the number that was counted or declared.
    #[error("it contains at least {0} bytes")]
    TooLarge(u64),
    /// A file or a folder cannot be written.
    #[error("{0}")]
    Disk(io::Error),
}

impl From<ZipError> for UnzipError {
    fn from(error: ZipError) -> UnzipError {
        UnzipError::Invalid(error.to_string())
    }
}

/// Unpacks a zip file into an existing, empty folder. Returns the number of bytes of its files.
///
/// Bytes are counted as they are decompressed, because the declared sizes may be wrong. Links are created last, so that
/// nothing is written through one, and none may lead out of the folder.
pub fn unzip(package: File, folder: &Path, most: u64) -> Result<u64, UnzipError> {
    let mut archive = ZipArchive::new(BufReader::new(package))?;
    if archive.has_duplicate_names() {
        return Err(UnzipError::Invalid("two entries have the same name".to_owned()));
    }
    let declared = archive.decompressed_size().unwrap_or(0);
    if declared > u128::from(most) {
        return Err(UnzipError::TooLarge(u64::try_from(declared).unwrap_or(u64::MAX)));
    }
    let mut links: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut paths = HashSet::new();
    let mut written = 0;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at)?;
        let path = safe_path(&entry.name()?)?;
        if entry.is_dir() {
            fs::create_dir_all(folder.join(&path)).map_err(unusable)?;
        } else if entry.is_symlink() {
            links.push((path.clone(), target(&mut entry)?));
        } else {
            let mode = entry.unix_mode().unwrap_or(0o644) & 0o777 | 0o600;
            written += write(&mut entry, &folder.join(&path), mode, most - written)?;
        }
        paths.insert(path);
    }
    let linked: HashSet<&Path> = links.iter().map(|(path, _)| path.as_path()).collect();
    for path in &paths {
        if let Some(link) = path.ancestors().skip(1).find(|folder| linked.contains(folder)) {
            let message = format!("{} lies below the link {}", path.display(), link.display());
            return Err(UnzipError::Invalid(message));
        }
    }
    for (path, target) in links {
        link(folder, &path, &target)?;
    }
    Ok(written)
}

/// A name as a path below the folder: relative, and never upwards.
fn safe_path(name: &str) -> Result<PathBuf, UnzipError> {
    let path = Path::new(name);
    let is_safe = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    if name.contains('\0') || name.is_empty() || !path.components().all(is_safe) {
        let shown = name.escape_debug();
        return Err(UnzipError::Invalid(format!("`{shown}` would lie outside the package")));
    }
    Ok(path.components().filter(|it| matches!(it, Component::Normal(_))).collect())
}

/// Writes one file and returns its number of bytes.
fn write(entry: &mut impl Read, path: &Path, mode: u32, most: u64) -> Result<u64, UnzipError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(unusable)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(unusable)?;
    let mut limited = entry.take(most + 1);
    let mut buffer = vec![0; 64 * 1024];
    let mut written = 0;
    loop {
        let read = limited.read(&mut buffer).map_err(damaged)?;
        if read == 0 {
            break;
        }
        written += read as u64;
        if written > most {
            return Err(UnzipError::TooLarge(written));
        }
        file.write_all(&buffer[..read]).map_err(UnzipError::Disk)?;
    }
    file.set_permissions(Permissions::from_mode(mode)).map_err(UnzipError::Disk)?;
    Ok(written)
}

fn target(entry: &mut impl Read) -> Result<PathBuf, UnzipError> {
    let mut target = String::new();
    entry.take(TARGET_MAX + 1).read_to_string(&mut target).map_err(damaged)?;
    if target.is_empty() || target.len() as u64 > TARGET_MAX || target.contains('\0') {
        return Err(UnzipError::Invalid("a link has no target".to_owned()));
    }
    Ok(PathBuf::from(target))
}

/// Creates a link whose target is in the folder, both as it is written and as the system resolves it.
fn link(folder: &Path, path: &Path, target: &Path) -> Result<(), UnzipError> {
    let outside =
        || UnzipError::Invalid(format!("the link {} leads out of the package", path.display()));
    let mut depth = path.components().count() - 1;
    for component in target.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(outside)?,
            Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    let place = folder.join(path);
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).map_err(unusable)?;
    }
    symlink(target, &place).map_err(unusable)?;
    // Through another link it may still lead elsewhere. A link without a target yet is checked when the next one is created.
    match (place.canonicalize(), folder.canonicalize()) {
        (Ok(end), Ok(folder)) if !end.starts_with(&folder) => Err(outside()),
        _ => Ok(()),
    }
}

/// The error of an entry that conflicts with an earlier entry, such as a file below a file.
fn unusable(error: io::Error) -> UnzipError {
    match error.kind() {
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidFilename => UnzipError::Invalid(error.to_string()),
        _ => UnzipError::Disk(error),
    }
}

/// The error of an incomplete or corrupt entry.
fn damaged(error: io::Error) -> UnzipError {
    UnzipError::Invalid(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Seek as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A package with these files, and these links.
    fn package(files: &[(&str, &str)], links: &[(&str, &str)]) -> File {
        let mut zip = ZipWriter::new(tempfile::tempfile().unwrap());
        let options = SimpleFileOptions::default();
        for (name, content) in files {
            zip.start_file(*name, options.unix_permissions(0o755)).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        for (name, target) in links {
            zip.add_symlink(*name, *target, options).unwrap();
        }
        let mut file = zip.finish().unwrap();
        file.rewind().unwrap();
        file
    }

    /// The folder may be written to, and nothing beside it.
    fn unpacked(package: File, most: u64) -> (Result<u64, UnzipError>, tempfile::TempDir) {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("task");
        fs::create_dir(&folder).unwrap();
        let done = unzip(package, &folder, most);
        let beside: Vec<_> = fs::read_dir(outer.path()).unwrap().map(|it| it.unwrap()).collect();
        assert_eq!(beside.len(), 1, "{beside:?}");
        (done, outer)
    }

    #[test]
    fn files_arrive_with_their_permissions_and_links_inside_are_kept() {
        let files = [("bootstrap", "run"), ("lib/a.py", "a = 1")];
        // The declared size of a package has the targets of its links too.
        let (done, outer) = unpacked(package(&files, &[("lib/b.py", "../lib/a.py")]), 8 + 11);
        assert_eq!(done.unwrap(), 8);
        let task = outer.path().join("task");
        let mode = fs::metadata(task.join("bootstrap")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(fs::read_to_string(task.join("lib/b.py")).unwrap(), "a = 1");
    }

    #[test]
    fn one_byte_more_than_allowed_is_too_large() {
        let files = [("a", "1234"), ("b", "5678")];
        assert!(matches!(unpacked(package(&files, &[]), 8).0, Ok(8)));
        assert!(matches!(unpacked(package(&files, &[]), 7).0, Err(UnzipError::TooLarge(8))));
    }

    #[test]
    fn nothing_gets_outside() {
        for (files, links) in [
            (&[("../escaped", "x")][..], &[][..]),
            (&[("a/../../escaped", "x")], &[]),
            (&[("/tmp/hardcap-escaped", "x")], &[]),
            (&[], &[("up", "..")]),
            (&[], &[("root", "/etc")]),
            (&[("d/a", "x")], &[("d/up", "../..")]),
            (&[("up/escaped", "x")], &[("up", ".")]),
            (&[("d/a", "x")], &[("here", "d"), ("there", "here/../..")]),
            (&[("a", "x"), ("a/b", "y")], &[]),
            (&[("a", "x"), ("./a", "y")], &[]),
        ] {
            let (done, _outer) = unpacked(package(files, links), 1000);
            assert!(matches!(done, Err(UnzipError::Invalid(_))), "{files:?} {links:?}: {done:?}");
        }
    }

    #[test]
    fn declared_sizes_of_a_package_are_not_trusted() {
        // A megabyte of zeros that is declared as three bytes, in the directory and in the local header.
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file("a", SimpleFileOptions::default()).unwrap();
        zip.write_all(&vec![0; 1_000_000]).unwrap();
        let mut bytes = zip.finish().unwrap().into_inner();
        let size = 1_000_000_u32.to_le_bytes();
        let found: Vec<usize> =
            (0..bytes.len() - 4).filter(|at| bytes[*at..*at + 4] == size).collect();
        assert!(!found.is_empty(), "the declared size is found");
        for at in found {
            bytes[at..at + 4].copy_from_slice(&3_u32.to_le_bytes());
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let (done, outer) = unpacked(file, 1000);
        assert!(matches!(done, Err(UnzipError::TooLarge(_) | UnzipError::Invalid(_))), "{done:?}");
        let written = fs::metadata(outer.path().join("task/a")).unwrap().len();
        assert!(written <= 1000, "{written} bytes were written");
    }

    #[test]
    fn a_file_that_is_not_a_zip_is_invalid() {
        for bytes in [&b""[..], b"PK", b"not a zip at all", &[0; 5000]] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            file.rewind().unwrap();
            assert!(matches!(unpacked(file, 10).0, Err(UnzipError::Invalid(_))), "{bytes:?}");
        }
    }
}
