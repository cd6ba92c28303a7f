//! The ready file: the addresses of a run, for a program that waits until everything listens.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use super::Failure;
use super::exec::{environment, is_developers_own};
use hardcap_core::addresses::Addresses;
use hardcap_core::config::{Config, Stack};
use hardcap_core::paths::folder_of;

/// A file that exists while everything listens.
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
    /// What `Ref` of resources is, by logical id: the URL of a queue, the ARN of a topic and of a secret, else the name.
    functions: IndexMap<String, &'a str>,
    tables: IndexMap<String, &'a str>,
    buckets: IndexMap<String, &'a str>,
    queues: IndexMap<String, &'a str>,
    topics: IndexMap<String, &'a str>,
    buses: IndexMap<String, &'a str>,
    parameters: IndexMap<String, &'a str>,
    secrets: IndexMap<String, &'a str>,
    /// The addresses of debuggers, by the logical id of the function. `null`: by process id.
    debuggers: &'a IndexMap<&'a str, Option<String>>,
    /// The environment that `hardcap exec` gives to its command. `null`: a variable that has to be removed.
    environment: IndexMap<String, Option<String>>,
}

impl<'a> Content<'a> {
    fn new(
        addresses: &'a Addresses,
        config: &'a Config,
        debuggers: &'a IndexMap<&'a str, Option<String>>,
    ) -> Content<'a> {
        let named = |kind: &str| {
            let resources = config.stacks().flat_map(Stack::resources_of_run);
            let found = resources.filter(|(_, resource)| resource.kind == kind);
            found.map(|(id, resource)| (id, resource.physical_id.as_str())).collect()
        };
        let outputs = config.stack.outputs.iter();
        let inherited = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        let hidden = inherited.filter(|name| is_developers_own(name)).map(|name| (name, None));
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
            queues: named("AWS::SQS::Queue"),
            topics: named("AWS::SNS::Topic"),
            buses: named("AWS::Events::EventBus"),
            parameters: named("AWS::SSM::Parameter"),
            secrets: named("AWS::SecretsManager::Secret"),
            debuggers,
            environment: hidden.chain(set.map(|(name, value)| (name, Some(value)))).collect(),
        }
    }
}

/// The content of the ready file.
pub(super) fn content(
    addresses: &Addresses,
    config: &Config,
    debuggers: &IndexMap<&str, Option<String>>,
) -> Result<Value, Failure> {
    serde_json::to_value(Content::new(addresses, config, debuggers)).map_err(Failure::new)
}

impl ReadyFile {
    /// Removes the file of an earlier run, whose addresses are no longer valid.
    pub(super) fn prepare(path: &Path) -> Result<ReadyFile, Failure> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path, &error)),
            _ => Ok(ReadyFile { path: path.to_owned() }),
        }
    }

    /// Writes the file atomically.
    pub(super) fn write(
        &self,
        addresses: &Addresses,
        config: &Config,
        debuggers: &IndexMap<&str, Option<String>>,
    ) -> Result<(), Failure> {
        let content = content(addresses, config, debuggers)?;
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
        // An error means that the file does not exist.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!(
        "cannot write the ready file {}: {error}\n  = help: name a file in an existing folder with --ready-file",
        path.display()
    ))
}
