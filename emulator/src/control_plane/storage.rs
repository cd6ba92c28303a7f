//! The storage of packages and of functions: below `--data`, or in a temporary folder of the run.
//!
//! The folder of a function contains its description and one folder for each package. A package is complete before the
//! description names it. A package that no description names was left by an interrupted run, and is removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{FunctionEntry, Saved};
use hardcap_core::durable;
use hardcap_core::scratch::ScratchFolder;
use hardcap_lambda::package::PackageFolder;

const DESCRIPTION: &str = "function.json";
/// The package as it was uploaded.
const ZIP: &str = "package.zip";
/// The unpacked package.
const CODE: &str = "code";

/// The folder of all functions.
#[derive(Debug)]
pub(super) struct Storage {
    root: PathBuf,
    /// Whether functions are kept after the end of the emulator.
    is_durable: bool,
    _scratch: Option<ScratchFolder>,
}

impl Storage {
    /// Opens the folder of an earlier run, or a new one.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub(super) fn open(data: Option<&Path>) -> io::Result<Storage> {
        let Some(data) = data else {
            let scratch = ScratchFolder::new("hardcap-functions-")?;
            let root = scratch.path().to_owned();
            return Ok(Storage { root, is_durable: false, _scratch: Some(scratch) });
        };
        let root = data.join("functions");
        fs::create_dir_all(&root)?;
        // A process starts in another folder, where a relative path would name another file.
        let root = root.canonicalize()?;
        Ok(Storage { root, is_durable: true, _scratch: None })
    }

    /// Whether functions are kept after the end of the emulator.
    pub(super) fn is_durable(&self) -> bool {
        self.is_durable
    }

    /// The functions of an earlier run. Folders that no description names are removed.
    pub(super) fn read(&self) -> io::Result<Vec<Saved>> {
        let mut found = Vec::new();
        for folder in folders(&self.root)? {
            let description = folder.join(DESCRIPTION);
            if !description.try_exists()? {
                fs::remove_dir_all(folder)?;
                continue;
            }
            let saved: Saved = durable::read(&description)?;
            let kept: Vec<PathBuf> =
                saved.folders().into_iter().map(|name| folder.join(name)).collect();
            for other in folders(&folder)?.into_iter().filter(|it| !kept.contains(it)) {
                fs::remove_dir_all(other)?;
            }
            found.push(saved);
        }
        Ok(found)
    }

    /// A new, empty folder for a package, which is removed unless it is kept.
    pub(super) fn new_package(&self, function: &str) -> io::Result<PackageFolder> {
        let path = self.root.join(function).join(super::entry::new_revision());
        fs::create_dir_all(path.join(CODE))?;
        Ok(PackageFolder::new(path))
    }

    /// The folder of an existing package.
    pub(super) fn package(&self, function: &str, folder: &str) -> Arc<PackageFolder> {
        let package = PackageFolder::new(self.root.join(function).join(folder));
        package.keep();
        Arc::new(package)
    }

    /// Stores a function, if it was created through the API and functions are kept.
    pub(super) async fn save(&self, entry: &FunctionEntry) -> io::Result<()> {
        if !self.is_durable || entry.about.code.folder.is_none() {
            return Ok(());
        }
        let folder = self.root.join(&entry.function.name);
        let text = serde_json::to_vec_pretty(&Saved::of(entry))?;
        let written = tokio::task::spawn_blocking(move || {
            let beside = folder.join(format!("{DESCRIPTION}.new"));
            durable::replace(&folder.join(DESCRIPTION), &beside, &text)
        });
        written.await.map_err(io::Error::other)?
    }

    /// Removes a function. Its package is removed with the last sandbox that runs it.
    pub(super) fn forget(&self, function: &str) -> io::Result<()> {
        match fs::remove_file(self.root.join(function).join(DESCRIPTION)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The zip file of a package.
pub(super) fn zip_of(package: &PackageFolder) -> PathBuf {
    package.path().join(ZIP)
}

/// The files of a package.
pub(super) fn code_of(package: &PackageFolder) -> PathBuf {
    package.path().join(CODE)
}

fn folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        found.extend(path.is_dir().then_some(path));
    }
    found.sort();
    Ok(found)
}
