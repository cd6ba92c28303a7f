//! Local files that a template includes: `Fn::Transform` with `AWS::Include`, and the definitions that `DefinitionUri` and
//! `BodyS3Location` name.
//!
//! AWS SAM CLI uploads these files when it packages a template, so AWS sees their contents too.

use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Position};
use super::references::kind;
use super::tree::{DEEPEST, MappingEntry, Node, Value};
use super::yaml;

/// The maximum size of an included file in bytes. API Gateway imports at most 6 MB.
const LARGEST: u64 = 8 * 1024 * 1024;
/// The maximum number of included files, which ends a circle of files that include each other.
const MOST_FILES: usize = 100;

/// The reader of included files.
pub(super) struct Includes<'f> {
    folder: &'f Path,
    /// The files that were read.
    pub(super) files: Vec<PathBuf>,
    /// The warnings of the files that were read.
    pub(super) warnings: Vec<Diagnostic>,
}

/// The property of a resource's type that names a file, and the one that its content replaces.
const DEFINITIONS: [(&str, &str, &str); 4] = [
    ("AWS::Serverless::Api", "DefinitionUri", "DefinitionBody"),
    ("AWS::Serverless::HttpApi", "DefinitionUri", "DefinitionBody"),
    ("AWS::ApiGateway::RestApi", "BodyS3Location", "Body"),
    ("AWS::ApiGatewayV2::Api", "BodyS3Location", "Body"),
];

impl<'f> Includes<'f> {
    pub(super) fn new(folder: &'f Path) -> Includes<'f> {
        Includes { folder, files: Vec::new(), warnings: Vec::new() }
    }

    /// Replaces every inclusion of a local file by the file's content.
    pub(super) fn expand(&mut self, mut template: Node) -> Result<Node, Diagnostic> {
        self.node(&mut template, 0)?;
        if let Value::Map(sections) = &mut template.value
            && let Some(resources) = sections.find_mut("Resources")
            && let Value::Map(resources) = &mut resources.value.value
        {
            for resource in resources {
                self.definition(resource)?;
            }
        }
        Ok(template)
    }

    fn node(&mut self, node: &mut Node, depth: usize) -> Result<(), Diagnostic> {
        if depth > DEEPEST {
            return Err(Diagnostic::new(
                node.at,
                format!("the included files are nested deeper than {DEEPEST} levels"),
            ));
        }
        match &mut node.value {
            Value::Absent | Value::Text(_) => Ok(()),
            Value::List(items) => items.iter_mut().try_for_each(|item| self.node(item, depth + 1)),
            Value::Map(entries) => {
                if let Some(transform) = entries.find("Fn::Transform")
                    && let Some(included) = self.included(&transform.value)?
                {
                    entries.remove("Fn::Transform");
                    let alone = entries.is_empty();
                    match included.value {
                        Value::Map(more) => entries.extend(more),
                        other if alone => {
                            node.value = other;
                            return self.node(node, depth + 1);
                        }
                        _ => {
                            return Err(Diagnostic::new(
                                node.at,
                                "the included file is not a mapping, so it cannot be included beside other keys",
                            ));
                        }
                    }
                    return self.node(node, depth + 1);
                }
                entries.into_iter().try_for_each(|entry| self.node(&mut entry.value, depth + 1))
            }
        }
    }

    /// The content of the file that an `AWS::Include` names; `None` for another transform, and for a file on S3.
    fn included(&mut self, transform: &Node) -> Result<Option<Node>, Diagnostic> {
        let is_include = transform.get("Name").is_some_and(|name| is(name, "AWS::Include"));
        let location = transform.get("Parameters").and_then(|given| given.get("Location"));
        match (is_include, location) {
            (true, Some(Node { value: Value::Text(location), at, .. })) => self.read(location, *at),
            _ => Ok(None),
        }
    }

    /// Replaces the location of a definition by the definition.
    fn definition(&mut self, resource: &mut MappingEntry) -> Result<(), Diagnostic> {
        let of_kind = DEFINITIONS.iter().find(|(of, ..)| *of == kind(resource));
        let Some((_, uri, body)) = of_kind else { return Ok(()) };
        let Value::Map(attributes) = &mut resource.value.value else { return Ok(()) };
        let Some(properties) = attributes.find_mut("Properties") else {
            return Ok(());
        };
        let Value::Map(properties) = &mut properties.value.value else { return Ok(()) };
        let Some(MappingEntry {
            at: key_at,
            value: Node { at, value: Value::Text(location), .. },
            ..
        }) = properties.find(uri).cloned()
        else {
            return Ok(());
        };
        if let Some(mut content) = self.read(&location, at)? {
            self.node(&mut content, 0)?;
            properties.remove(uri);
            properties.insert(MappingEntry { key: (*body).to_owned(), at: key_at, value: content });
        }
        Ok(())
    }

    /// The content of a local file, with the position of the inclusion; `None` for a file that is not local.
    fn read(&mut self, location: &str, at: Position) -> Result<Option<Node>, Diagnostic> {
        if location.contains("://") || location.contains("${") {
            return Ok(None);
        }
        if self.files.len() >= MOST_FILES {
            return Err(Diagnostic::new(
                at,
                format!("this template includes more than {MOST_FILES} files"),
            ));
        }
        let path = self.folder.join(location);
        let text = read_text(&path, self.folder).map_err(|why| {
            Diagnostic::new(
                at,
                format!("the included file {} cannot be read: {why}", path.display()),
            )
            .help("correct the path, which is relative to the template's folder")
        })?;
        let inside = |diagnostic: Diagnostic| {
            let message = format!("{}:{}: {}", path.display(), diagnostic.at, diagnostic.message);
            Diagnostic { at, message, ..diagnostic }
        };
        let document = yaml::parse(&text).map_err(inside)?;
        self.warnings.extend(document.warnings.into_iter().map(inside));
        self.files.push(path.clone());
        Ok(Some(relocated(document.root, at)))
    }
}

/// The error of an included file.
#[derive(Debug, thiserror::Error)]
enum IncludeError {
    /// The file does not exist, must not be read, or is not UTF-8.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The path names a folder, a pipe or a device.
    #[error("the path is not a file")]
    NotAFile,
    /// The file is outside of the project. Its text would be in errors, and `hardcap check` may run on a template of a stranger.
    #[error("it is outside of the project, which is {}", .0.display())]
    Outside(PathBuf),
    /// The file is larger than the maximum.
    #[error("the file has {0} bytes, and the maximum is {LARGEST}")]
    TooLarge(u64),
}

fn read_text(path: &Path, folder: &Path) -> Result<String, IncludeError> {
    let metadata = std::fs::metadata(path)?;
    let (path, project) = (path.canonicalize()?, project(folder)?);
    // `sam build` writes a template into a folder of its own, from which it names files of the project.
    let is_below_here = std::env::current_dir().is_ok_and(|here| path.starts_with(here));
    if !is_below_here && !path.starts_with(&project) {
        return Err(IncludeError::Outside(project));
    }
    if !metadata.is_file() {
        return Err(IncludeError::NotAFile);
    }
    if metadata.len() > LARGEST {
        return Err(IncludeError::TooLarge(metadata.len()));
    }
    Ok(std::fs::read_to_string(path)?)
}

/// The repository that contains a folder, or the folder.
fn project(folder: &Path) -> std::io::Result<PathBuf> {
    // The parent of `template.yaml` is an empty path.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize()?;
    let repository = folder.ancestors().find(|ancestor| ancestor.join(".git").exists());
    Ok(repository.unwrap_or(&folder).to_owned())
}

fn is(node: &Node, wanted: &str) -> bool {
    matches!(&node.value, Value::Text(text) if text == wanted)
}

/// The same tree with one position for all nodes, because errors show lines of the template only.
fn relocated(node: Node, at: Position) -> Node {
    let value = match node.value {
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| relocated(item, at)).collect())
        }
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|entry| MappingEntry { key: entry.key, at, value: relocated(entry.value, at) })
                .collect(),
        ),
        other => other,
    };
    Node::new(at, value)
}
