//! Nested stacks: `AWS::CloudFormation::Stack` and `AWS::Serverless::Application` whose templates are files on this machine.
//!
//! A nested template is read on the first use of its outputs or resources, with the values that its parent gives to its
//! parameters. Its resources are added to those of the parent. Their logical ids begin with the path of the nested stack, as in
//! AWS SAM CLI: `Nested/Function`. Names that AWS would generate contain that path too.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use hardcap_limits::Limits;
use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};

use super::diagnostic::{Diagnostic, Position};
use super::properties::Properties;
use super::references::kind;
use super::scope::Scope;
use super::stack::shown;
use super::tree::{MappingEntry, Node, Value};
use super::{LARGEST, Loaded};
use crate::packaging;
use crate::rules::Ignored;
use crate::settings::Settings;
use hardcap_core::config::Config;

/// The stacks that contain a template. The default is that of a template that no stack contains.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    /// The logical ids of the nested stacks from the outermost template to this one, each followed by `/`.
    pub(super) path: String,
    /// The files of the templates that contain this one.
    templates: Vec<PathBuf>,
    /// The names of functions in other templates of the run.
    functions: Vec<String>,
    /// Parameters whose values cannot be evaluated in the parent, with the error.
    pub(super) without_value: IndexMap<String, Diagnostic>,
}

/// The nested stacks of a template, and the settings to read their templates with.
pub(super) struct Nesting<'a> {
    pub(super) around: Around,
    template: PathBuf,
    settings: &'a Settings,
    limits: Limits,
    /// By logical id.
    stacks: RefCell<IndexMap<String, NestedStack>>,
}

/// The progress of a nested stack.
enum NestedStack {
    /// Its template is being read.
    Reading,
    /// Its template is not on this machine.
    LeftOut,
    Read(Box<Loaded>),
}

impl NestedStack {
    fn loaded(&self) -> Option<&Loaded> {
        match self {
            NestedStack::Read(loaded) => Some(loaded),
            NestedStack::Reading | NestedStack::LeftOut => None,
        }
    }
}

impl<'a> Nesting<'a> {
    pub(super) fn new(
        around: Around,
        template: &Path,
        settings: &'a Settings,
        limits: Limits,
    ) -> Nesting<'a> {
        Nesting {
            around,
            template: template.to_owned(),
            settings,
            limits,
            stacks: RefCell::default(),
        }
    }

    /// The folder that locations are relative to.
    fn folder(&self) -> &Path {
        self.template.parent().unwrap_or(Path::new("."))
    }
}

/// Whether a type of resource is a nested stack.
pub(super) fn is_nested(kind: &str) -> bool {
    matches!(kind, "AWS::CloudFormation::Stack" | "AWS::Serverless::Application")
}

/// A name of at most `most` characters. The end of a longer name is replaced by a digest, so it stays unique.
pub(super) fn fitted(name: String, most: usize) -> String {
    if name.len() <= most {
        return name;
    }
    let digest = hex::encode(Sha256::digest(&name));
    let kept: String = name.chars().take(most - 9).collect();
    format!("{kept}-{}", &digest[..8])
}

impl Scope<'_> {
    /// The name of a nested stack. AWS adds a random end.
    pub(super) fn nested_name(&self, entry: &MappingEntry) -> String {
        format!("{}-{}", self.names.stack, entry.key)
    }

    /// Reads the template of a nested stack, once. A template that is not on this machine is left out with a warning.
    pub(super) fn read_nested(&self, entry: &MappingEntry) -> Result<(), Diagnostic> {
        match self.nesting.stacks.borrow().get(&entry.key) {
            None => {}
            Some(NestedStack::Read(_) | NestedStack::LeftOut) => return Ok(()),
            Some(NestedStack::Reading) => {
                let message = format!(
                    "the parameters of the nested stack `{}` depend on its own outputs",
                    entry.key
                );
                return Err(Diagnostic::new(entry.at, message));
            }
        }
        let keep = |stack| self.nesting.stacks.borrow_mut().insert(entry.key.clone(), stack);
        keep(NestedStack::Reading);
        let of = Properties::of(self, "the nested stack", entry)?;
        of.without_effect(&["NotificationARNs", "Tags", "TimeoutInMinutes", "Name", "Description"]);
        let Some(template) = nested_template(&of, entry)? else {
            keep(NestedStack::LeftOut);
            return Ok(());
        };
        let mut around = Around {
            path: format!("{}{}/", self.nesting.around.path, entry.key),
            templates: self.nesting.around.templates.clone(),
            ..Around::default()
        };
        around.templates.push(packaging::absolute(&self.nesting.template));
        if around.templates.contains(&packaging::absolute(&template)) {
            let message =
                format!("the nested stack `{}` contains itself: {}", entry.key, template.display());
            return Err(Diagnostic::new(entry.at, message));
        }
        let mut settings = self.settings_of(entry);
        if let Some(parameters) = of.child("Parameters")? {
            for parameter in parameters.entries() {
                let name = parameter.key.clone();
                match parameters.value(&name) {
                    Ok(Some(value)) => {
                        settings.parameters.insert(name, shown(&value));
                    }
                    Ok(None) => {}
                    // This is an error only if the nested template uses the parameter.
                    Err(diagnostic) => {
                        around.without_value.insert(name, diagnostic);
                    }
                }
            }
        }
        around.functions = self.own_functions();
        around.functions.extend(self.functions_elsewhere());
        let text = read_template(&of, &template)?;
        of.finish();
        let limits = self.nesting.limits.clone();
        let loaded = super::load_within(&text, &template, &settings, limits, around);
        let mut loaded = loaded.map_err(|error| Diagnostic::in_another_file(entry.at, error))?;
        loaded.files.push(template);
        keep(NestedStack::Read(Box::new(loaded)));
        Ok(())
    }

    /// The value of an output of a nested stack; `None` if the stack is left out.
    pub(super) fn nested_output(
        &self,
        entry: &MappingEntry,
        output: &str,
        at: Position,
    ) -> Result<Option<Node>, Diagnostic> {
        if !self.exists(entry)? {
            return Ok(None);
        }
        self.read_nested(entry)?;
        let stacks = self.nesting.stacks.borrow();
        let Some(NestedStack::Read(loaded)) = stacks.get(&entry.key) else { return Ok(None) };
        let outputs = &loaded.config.stack.outputs;
        if let Some(found) = outputs.iter().find(|known| known.key == output) {
            return Ok(Some(Node::text(at, found.value.as_str())));
        }
        let message = format!(
            "the nested stack `{}` has no output `{output}`, or its value cannot be evaluated here",
            entry.key
        );
        let known = outputs.iter().map(|known| known.key.as_str());
        Err(Diagnostic::new(at, message).nearest(output, known))
    }

    /// The names of functions in the templates around this one and in its nested stacks.
    pub(super) fn functions_elsewhere(&self) -> Vec<String> {
        let stacks = self.nesting.stacks.borrow();
        let nested = stacks.values().filter_map(NestedStack::loaded);
        let nested = nested.flat_map(|loaded| &loaded.config.functions);
        let nested = nested.map(|function| function.name.clone());
        self.nesting.around.functions.iter().cloned().chain(nested).collect()
    }

    fn own_functions(&self) -> Vec<String> {
        let functions = self.resources.iter().filter(|entry| super::references::is_function(entry));
        functions.filter_map(|entry| self.function_name(entry).ok()).collect()
    }

    /// The settings for a nested template: the functions below its path, and no values of parameters.
    fn settings_of(&self, entry: &MappingEntry) -> Settings {
        let own = self.nesting.settings;
        let below = format!("{}/", entry.key);
        let functions = own.functions.iter();
        let functions = functions
            .filter_map(|(id, of)| Some((id.strip_prefix(&below)?.to_owned(), of.clone())))
            .collect();
        Settings {
            stack: Some(self.nested_name(entry)),
            // A nested template has the project folder of the run.
            folder: Some(own.folder.clone().unwrap_or_else(|| self.nesting.folder().to_owned())),
            functions,
            parameters: IndexMap::new(),
            parameter_defaults: IndexMap::new(),
            ignore: Vec::new(),
            ..own.clone()
        }
    }

    /// The nested stacks that were read, with their logical ids.
    pub(super) fn take_nested(&self) -> Vec<(String, Loaded)> {
        let stacks = std::mem::take(&mut *self.nesting.stacks.borrow_mut());
        let read = |(id, stack)| match stack {
            NestedStack::Read(loaded) => Some((id, *loaded)),
            NestedStack::Reading | NestedStack::LeftOut => None,
        };
        stacks.into_iter().filter_map(read).collect()
    }
}

/// The file of a nested template; `None` with a warning if it is not on this machine.
fn nested_template(
    of: &Properties<'_>,
    entry: &MappingEntry,
) -> Result<Option<PathBuf>, Diagnostic> {
    let folder = of.scope.nesting.folder();
    let key =
        if kind(entry) == "AWS::Serverless::Application" { "Location" } else { "TemplateURL" };
    let node = of.node(key)?;
    // CDK's metadata has the path of the asset, relative to `cdk.out`.
    let asset = entry.value.get("Metadata").and_then(|of| of.get("aws:asset:path"));
    if let Some(Value::Text(asset)) = asset.map(|node| &node.value) {
        return Ok(Some(folder.join(asset)));
    }
    let left_out = |message: String, help: &str| {
        of.scope.warn(Diagnostic::new(of.at, message).rule("not-emulated").help(help));
        Ok(None)
    };
    let Some(node) = node else {
        return left_out(
            format!("{} has no `{key}`: it is left out", of.what),
            "name a file beside this template to run it",
        );
    };
    // A map without an intrinsic function names an application of the repository.
    if let Some(id) = node.get("ApplicationId") {
        let id = of.scope.text(id, "`ApplicationId`").unwrap_or_default();
        return left_out(
            format!(
                "{} is an application of the Serverless Application Repository, which is not on this machine: it is left out: {id}",
                of.what
            ),
            "its outputs have placeholder values; name a local template in `Location` to run it",
        );
    }
    let location = of.required_text(key)?;
    if !location.contains("://") {
        return Ok(Some(folder.join(location)));
    }
    // CDK and `sam package` keep the files that they upload beside the template.
    let object = location.rsplit('/').next().unwrap_or_default();
    match packaging::uploaded(folder, object) {
        Some(file) => Ok(Some(file)),
        None => left_out(
            format!(
                "the template of {} is not on this machine: it is left out: {location}",
                of.what
            ),
            "name a file beside this template to run it",
        ),
    }
}

fn read_template(of: &Properties<'_>, path: &Path) -> Result<String, Diagnostic> {
    let failed = |why: String| {
        let message =
            format!("the template of {} cannot be read: {}: {why}", of.what, path.display());
        Diagnostic::new(of.at, message).help("correct its path, which is relative to this template")
    };
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > LARGEST as u64 {
        return Err(failed(format!(
            "the file has {size} bytes; the maximum of a template is {LARGEST}"
        )));
    }
    std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))
}

impl Loaded {
    /// Adds a nested stack to its parent.
    pub(super) fn nest(&mut self, logical_id: &str, mut nested: Loaded) {
        let prefix = |id: &mut String| id.insert_str(0, &format!("{logical_id}/"));
        let Config { functions, apis, function_urls, queues, stack, nested_stacks, .. } =
            &mut nested.config;
        functions.iter_mut().for_each(|it| prefix(&mut it.logical_id));
        apis.iter_mut().for_each(|it| prefix(&mut it.logical_id));
        function_urls.iter_mut().for_each(|it| prefix(&mut it.logical_id));
        queues.iter_mut().for_each(|it| prefix(&mut it.logical_id));
        nested.packages.iter_mut().for_each(|it| prefix(&mut it.logical_id));
        nested.ignored.iter_mut().for_each(|Ignored { resource, .. }| {
            resource.iter_mut().for_each(prefix);
        });
        nested_stacks.insert(0, std::mem::take(stack));
        nested_stacks.iter_mut().for_each(|stack| prefix(&mut stack.path));
        let places = std::mem::take(&mut nested.places).into_iter();
        nested.places = places.map(|(id, place)| (format!("{logical_id}/{id}"), place)).collect();
        // Only the parameters of the outermost template are given from outside.
        nested.parameters.clear();
        self.join(nested);
    }
}
