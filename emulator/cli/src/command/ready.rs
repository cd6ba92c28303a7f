//! The ready file: where everything listens, for whoever waits until it does.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;

use super::Failure;
use super::exec::{environment, is_of_the_developer};
use hardcap_core::addresses::Addresses;
use hardcap_core::config::Config;
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
    limits: String,
    region: &'a str,
    stack: &'a str,
    outputs: IndexMap<&'a str, String>,
    /// The names of resources, by logical id.
    functions: IndexMap<&'a str, &'a str>,
    tables: IndexMap<&'a str, &'a str>,
    buckets: IndexMap<&'a str, &'a str>,
    /// What `hardcap exec` sets for its command. `null` is a variable that is set here and has to be removed.
    environment: IndexMap<String, Option<String>>,
}

impl<'a> Content<'a> {
    fn new(addresses: &'a Addresses, config: &'a Config) -> Content<'a> {
        let resources = &config.stack.resources;
        let named = |kind: &str| {
            let found = resources.iter().filter(|resource| resource.kind == kind);
            found.map(|one| (one.logical_id.as_str(), one.physical_id.as_str())).collect()
        };
        let outputs = config.stack.outputs.iter();
        let inherited = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        let hidden = inherited.filter(|name| is_of_the_developer(name)).map(|name| (name, None));
        let set = environment(addresses, config).into_iter();
        Content {
            aws: &addresses.aws,
            apis: &addresses.apis,
            function_urls: &addresses.function_urls,
            control: &addresses.control,
            companions: &addresses.companions,
            limits: config.limits.date().to_string(),
            region: &config.region,
            stack: &config.stack.name,
            outputs: outputs.map(|it| (it.key.as_str(), addresses.fill(&it.value))).collect(),
            functions: named("AWS::Lambda::Function"),
            tables: named("AWS::DynamoDB::Table"),
            buckets: named("AWS::S3::Bucket"),
            environment: hidden.chain(set.map(|(name, value)| (name, Some(value)))).collect(),
        }
    }
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
    pub(super) fn write(&self, addresses: &Addresses, config: &Config) -> Result<(), Failure> {
        let content = Content::new(addresses, config);
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
