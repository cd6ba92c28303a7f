//! A SAM or CloudFormation template, read into the [`Config`] that the emulator runs.
//!
//! The modules in the order of reading: `yaml` parses the text into a tree, `include` adds the local files that it names,
//! `foreach` and `expand` expand loops and SAM's shorthands, `scope` and `intrinsics` evaluate expressions when a property is
//! read (`properties`), and `assemble` turns resources into functions, APIs and buckets. `nested` reads the templates of nested
//! stacks in the same way. Only `include`, `access` and `nested` open files. No module starts a program.

mod access;
mod api;
mod assemble;
mod asynchronous;
mod attributes;
mod bucket;
mod code;
mod connect;
mod dependencies;
mod expand;
mod foreach;
mod function;
mod gateway_responses;
mod include;
mod integration;
mod intrinsics;
mod localize;
mod names;
mod nested;
mod notifications;
mod openapi;
mod parameter;
mod password;
mod preflights;
mod properties;
mod publishing;
mod queues;
mod raw_api;
mod references;
mod relax;
mod rules;
mod scope;
mod stack;
mod stored;
mod streaming;
mod topics;
mod yaml;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use hardcap_limits::Limits;
use indexmap::IndexMap;

pub use crate::source::diagnostic::{Position, TemplateError, Warning};

use crate::packaging::Package;
use crate::rules::Ignored;
use crate::settings::Settings;
use crate::source::diagnostic::{self, Source};
use crate::source::tree;
use hardcap_core::config::Config;
use nested::Around;

/// The maximum size of a template in bytes. The quota of CloudFormation is 1 MB.
const LARGEST: usize = 4 * 1024 * 1024;

/// The content of a template.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration of the run. Its functions have no command yet: [`crate::packaging`] finds their programs.
    pub config: Config,
    /// The package of each function, in the order of `config.functions`.
    pub packages: Vec<Package>,
    /// The names of the template's parameters.
    pub parameters: Vec<String>,
    /// Warnings of parts of the template that have no effect here, or another effect than on AWS.
    pub warnings: Vec<Warning>,
    /// The file and the position of each resource, by logical id.
    pub places: IndexMap<String, (PathBuf, Position)>,
    /// The rules of `hardcap check` that are silenced.
    pub ignored: Vec<Ignored>,
    /// The local files that the template includes.
    pub files: Vec<PathBuf>,
    /// The logical id of each resource with a name that the template may choose, by its kind and name.
    pub named: IndexMap<(NamedKind, String), String>,
}

/// A kind of resource that a finding names by its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedKind {
    /// A bucket of S3.
    Bucket,
    /// A parameter of Systems Manager.
    Parameter,
    /// A secret of Secrets Manager.
    Secret,
}

/// Reads a template with its parameters and overrides.
///
/// ```
/// use std::path::Path;
/// use hardcap_project::settings::Settings;
///
/// let text = "Resources: {Files: {Type: 'AWS::S3::Bucket', Properties: {BucketName: files}}}";
/// let limits = hardcap_limits::Limits::classic();
/// let loaded = hardcap_project::template::load(text, Path::new("template.yaml"), &Settings::default(), limits)?;
/// assert_eq!(loaded.config.buckets[0].name, "files");
/// # Ok::<(), hardcap_project::template::TemplateError>(())
/// ```
///
/// # Errors
///
/// [`TemplateError`] if the text is not YAML or the template is invalid: with file, line and column.
pub fn load(
    text: &str,
    path: &Path,
    settings: &Settings,
    limits: Limits,
) -> Result<Loaded, TemplateError> {
    load_within(text, path, settings, limits, Around::default())
}

/// Reads a template that may belong to a nested stack.
fn load_within(
    text: &str,
    path: &Path,
    settings: &Settings,
    limits: Limits,
    around: Around,
) -> Result<Loaded, TemplateError> {
    let source = Source { path, text };
    if text.len() > LARGEST {
        let message =
            format!("this file has {} bytes; the maximum of a template is {LARGEST}", text.len());
        return Err(
            source.error(diagnostic::Diagnostic::new(Position { line: 1, column: 1 }, message))
        );
    }
    read(&source, settings, limits, around).map_err(|diagnostic| source.error(diagnostic))
}

fn read(
    source: &Source<'_>,
    settings: &Settings,
    limits: Limits,
    around: Around,
) -> Result<Loaded, diagnostic::Diagnostic> {
    let document = yaml::parse(source.text)?;
    let mut includes = include::Includes::new(source.path.parent().unwrap_or(Path::new(".")));
    let template = includes.expand(document.root)?;
    let template = foreach::expand(template, &settings.given())?;
    let template = expand::expand(template)?;
    let mut loaded = assemble::assemble(&template, source, settings, limits, around)?;
    loaded.files.extend(includes.files);
    let warnings = document.warnings.into_iter().chain(includes.warnings);
    loaded.warnings.extend(warnings.map(|diagnostic| source.warning(diagnostic)));
    // The warnings of this template come first.
    loaded.warnings.sort_by_key(|it| (it.path != source.path, it.path.clone(), it.position));
    Ok(loaded)
}

impl Loaded {
    /// Adds the resources of a further template.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] when both declare a resource of the same logical id.
    pub fn add(&mut self, other: Loaded, other_text: &str) -> Result<(), TemplateError> {
        for (logical_id, (path, position)) in &other.places {
            if let Some((first, at)) = self.places.get(logical_id) {
                let message =
                    format!("`{logical_id}` is already declared in {}:{at}", first.display());
                let diagnostic = diagnostic::Diagnostic::new(*position, message)
                    .help("give one of them another logical id");
                return Err(Source { path, text: other_text }.error(diagnostic));
            }
        }
        self.join(other);
        Ok(())
    }

    fn join(&mut self, other: Loaded) {
        self.config.functions.extend(other.config.functions);
        self.config.apis.extend(other.config.apis);
        self.config.function_urls.extend(other.config.function_urls);
        self.config.buckets.extend(other.config.buckets);
        self.config.tables.extend(other.config.tables);
        self.config.parameters.extend(other.config.parameters);
        self.config.secrets.extend(other.config.secrets);
        self.config.queues.extend(other.config.queues);
        self.config.mappings.extend(other.config.mappings);
        self.config.topics.extend(other.config.topics);
        self.config.buses.extend(other.config.buses);
        self.config.rules.extend(other.config.rules);
        self.config.stack.outputs.extend(other.config.stack.outputs);
        self.config.stack.resources.extend(other.config.stack.resources);
        self.config.nested_stacks.extend(other.config.nested_stacks);
        self.packages.extend(other.packages);
        self.parameters.extend(other.parameters);
        self.warnings.extend(other.warnings);
        self.places.extend(other.places);
        self.files.extend(other.files);
        self.ignored.extend(other.ignored);
        self.named.extend(other.named);
    }
}
