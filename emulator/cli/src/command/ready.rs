//! The ready file: where everything listens, for whoever waits until it does.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;

use super::Failure;
use hardcap_core::addresses::Addresses;
use hardcap_core::paths::folder_of;

/// A file that exists exactly while everything listens.
#[derive(Debug)]
pub(super) struct ReadyFile {
    path: PathBuf,
}

#[derive(Serialize)]
struct Content<'a> {
    aws: &'a str,
    apis: &'a IndexMap<String, String>,
    function_urls: &'a IndexMap<String, String>,
    control: &'a str,
    companions: &'a IndexMap<String, String>,
    limits: &'a str,
}

impl ReadyFile {
    /// Takes away what an earlier run left, so that nobody reads old addresses.
    pub(super) fn prepare(path: &Path) -> Result<ReadyFile, Failure> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path, &error)),
            _ => Ok(ReadyFile { path: path.to_owned() }),
        }
    }

    /// Writes the file whole: whoever sees it sees all of it.
    pub(super) fn write(&self, addresses: &Addresses, limits: &str) -> Result<(), Failure> {
        let content = Content {
            aws: &addresses.aws,
            apis: &addresses.apis,
            function_urls: &addresses.function_urls,
            control: &addresses.control,
            companions: &addresses.companions,
            limits,
        };
        let mut json = serde_json::to_vec_pretty(&content).map_err(Failure::new)?;
        json.push(b'\n');
        let folder = folder_of(&self.path);
        let mut file =
            tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&self.path, &error))?;
        file.write_all(&json).map_err(|error| failed(&self.path, &error))?;
        file.persist(&self.path).map_err(|error| failed(&self.path, &error.error))?;
        Ok(())
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // When it is gone already, that is what is wanted.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!(
        "the ready file {} cannot be written: {error}\n  = help: --ready-file names a file in a folder that exists",
        path.display()
    ))
}
