//! The places of the code of a function and its layers, as SAM, CloudFormation, CDK and Serverless write them. Opens no file.

use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use super::properties::Properties;
use super::references::kind;
use super::tree::{MappingEntry, Node, Value};
use crate::packaging::image::ImageBuild;
use crate::packaging::{Code, ImageSource, PublicLayer};
use crate::settings::FunctionSettings;

/// The folders that paths are relative to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folders<'a> {
    /// The folder of the template.
    pub(super) template: &'a Path,
    /// The folder of `hardcap.toml`; without one, the folder of the template.
    pub(super) project: &'a Path,
}

/// The code of an `AWS::Serverless::Function`.
pub(super) fn of_sam(
    properties: &Properties<'_>,
    entry: &MappingEntry,
    own: Option<&FunctionSettings>,
    folders: Folders<'_>,
) -> Result<Code, Diagnostic> {
    let uri = properties.node("CodeUri")?;
    let inline = properties.node("InlineCode")?;
    let is_image = is_image(properties)?;
    if let Some(code) = own.and_then(|own| own.code.as_ref()) {
        return Ok(Code::Local(folders.project.join(code)));
    }
    if is_image {
        let uri = properties.text("ImageUri").ok().flatten();
        return image(properties, entry, uri, folders).map(|image| Code::Image(Box::new(image)));
    }
    if inline.is_some() {
        return Ok(properties.text("InlineCode")?.map_or(Code::Unnamed, Code::Inline));
    }
    match uri.map(|node| &node.value) {
        // The default of SAM's `CodeUri` is the template's folder (aws-sam-cli, `DEFAULT_CODEURI`, read on 2026-11-29).
        None => Ok(Code::Local(folders.template.join("."))),
        Some(Value::Map(_)) => object(properties, "CodeUri", ["Key", "S3Key"], folders),
        Some(_) => Ok(located(properties.text("CodeUri")?, folders)),
    }
}

/// The code of an `AWS::Lambda::Function`.
pub(super) fn of_raw(
    properties: &Properties<'_>,
    entry: &MappingEntry,
    own: Option<&FunctionSettings>,
    folders: Folders<'_>,
) -> Result<Code, Diagnostic> {
    let code = properties.node("Code")?;
    let is_image = is_image(properties)?;
    if let Some(code) = own.and_then(|own| own.code.as_ref()) {
        return Ok(Code::Local(folders.project.join(code)));
    }
    let uri = code.and_then(|code| code.get("ImageUri"));
    if is_image || uri.is_some() {
        let uri = uri.and_then(|uri| properties.scope.text(uri, "`ImageUri`").ok());
        return image(properties, entry, uri, folders).map(|image| Code::Image(Box::new(image)));
    }
    // CDK's assets; `aws:asset:property` is the property that the asset belongs to.
    if let Some(asset) = asset(entry) {
        return Ok(Code::Local(folders.template.join(asset)));
    }
    match code.map(|node| &node.value) {
        None => Ok(Code::Unnamed),
        Some(Value::Map(_)) => object(properties, "Code", ["S3Key", "Key"], folders),
        // `aws cloudformation package` replaces a path here by the location of the upload.
        Some(_) => Ok(located(properties.text("Code")?, folders)),
    }
}

fn is_image(properties: &Properties<'_>) -> Result<bool, Diagnostic> {
    let package_type = properties.node("PackageType")?;
    let is_image = package_type.is_some_and(|node| node.value == Value::Text("Image".to_owned()));
    Ok(properties.node("ImageUri")?.is_some() || is_image)
}

/// The image of a function, with `ImageConfig` and with the members of `Metadata` that `sam build` reads.
fn image(
    properties: &Properties<'_>,
    entry: &MappingEntry,
    uri: Option<String>,
    folders: Folders<'_>,
) -> Result<ImageSource, Diagnostic> {
    let mut image = ImageSource { uri, ..ImageSource::default() };
    if let Some(config) = properties.child("ImageConfig")? {
        image.entry_point = config.texts("EntryPoint")?;
        image.command = config.texts("Command")?;
        image.working_directory = config.text("WorkingDirectory")?;
        config.finish();
    }
    let Some(metadata) = entry.value.get("Metadata") else { return Ok(image) };
    let what = format!("`Metadata` of {}", properties.what);
    let metadata = Properties::new(properties.scope, what, metadata)?;
    let Some(context) = metadata.text("DockerContext")? else { return Ok(image) };
    // The name and the tag are those of `sam build` (aws-sam-cli, `_build_lambda_image`, read on 2026-11-30).
    let name = metadata.text("DockerImage")?.unwrap_or_else(|| entry.key.clone()).to_lowercase();
    let tag = metadata.text("DockerTag")?.unwrap_or_else(|| "latest".to_owned());
    image.build = Some(ImageBuild {
        name: format!("{name}:{tag}"),
        context: folders.template.join(context),
        dockerfile: metadata.text("Dockerfile")?,
        arguments: metadata.text_map("DockerBuildArgs")?,
        target: metadata.text("DockerBuildTarget")?,
        options: metadata.texts("DockerBuildExtraParams")?,
    });
    Ok(image)
}

/// The path of CDK's asset in `Metadata`, relative to the template.
fn asset(entry: &MappingEntry) -> Option<&str> {
    let Value::Text(path) = &entry.value.get("Metadata")?.get("aws:asset:path")?.value else {
        return None;
    };
    Some(path)
}

/// A path or an address of S3.
fn located(text: Option<String>, folders: Folders<'_>) -> Code {
    match text {
        None => Code::Unnamed,
        Some(text) => match text.strip_prefix("s3://") {
            Some(address) => {
                let key = address.split_once('/').map_or(address, |(_, key)| key);
                Code::Uploaded(key.to_owned())
            }
            None => Code::Local(folders.template.join(text)),
        },
    }
}

/// An object of S3, or the text of `ZipFile`.
fn object(
    properties: &Properties<'_>,
    property: &str,
    keys: [&str; 2],
    folders: Folders<'_>,
) -> Result<Code, Diagnostic> {
    let Some(child) = properties.child(property)? else { return Ok(Code::Unnamed) };
    child.without_effect(&["S3Bucket", "Bucket", "S3ObjectVersion", "Version", "SourceKMSKeyArn"]);
    let inline = child.text("ZipFile")?;
    let mut key = None;
    for name in keys {
        key = key.or(child.text(name)?);
    }
    child.finish();
    Ok(match (inline, key) {
        (Some(text), _) => Code::Inline(text),
        (None, Some(key)) => Code::Uploaded(key),
        (None, None) => located(None, folders),
    })
}

/// The layers of a function: those of `hardcap.toml`, else the layers of the template whose code is on this machine, and the ARNs of the
/// others. A layer whose content is public is among the others until it is installed, and has no warning.
pub(super) fn layers(
    properties: &Properties<'_>,
    logical_id: &str,
    own: Option<&FunctionSettings>,
    folders: Folders<'_>,
) -> Result<(Vec<PathBuf>, Vec<String>), Diagnostic> {
    let node = properties.node("Layers")?;
    let named = own.map(|own| own.layers.as_slice()).unwrap_or_default();
    if !named.is_empty() {
        return Ok((named.iter().map(|layer| folders.project.join(layer)).collect(), Vec::new()));
    }
    let Some(node) = node else { return Ok((Vec::new(), Vec::new())) };
    let (mut layers, mut absent) = (Vec::new(), Vec::new());
    for item in node.items(&properties.name("Layers"))? {
        if let Some(layer) = local_layer(properties, item, folders) {
            layers.push(layer);
            continue;
        }
        let arn = properties.scope.text(item, "a layer").ok();
        if arn.as_deref().and_then(PublicLayer::of).is_some() {
            absent.extend(arn);
            continue;
        }
        let layer = arn.as_ref().map_or("a layer".to_owned(), |arn| format!("the layer `{arn}`"));
        let message =
            format!("{layer} of {} is not on this machine, and is left out", properties.what);
        properties.scope.warn(Diagnostic::new(item.at, message).help(format!(
            "name folders with the content of its layers: [functions.{logical_id}] layers = [\"…\"] in hardcap.toml"
        )));
        absent.extend(arn);
    }
    Ok((layers, absent))
}

/// The code of a `LayerVersion` in the same template that a `Ref` names.
fn local_layer(properties: &Properties<'_>, item: &Node, folders: Folders<'_>) -> Option<PathBuf> {
    let Value::Text(name) = &item.get("Ref")?.value else { return None };
    let resource = properties.scope.resource(name)?;
    let what = match kind(resource) {
        "AWS::Serverless::LayerVersion" => "ContentUri",
        "AWS::Lambda::LayerVersion" => "Content",
        _ => return None,
    };
    if let Some(asset) = asset(resource) {
        return Some(folders.template.join(asset));
    }
    let content = resource.value.get("Properties")?.get(what)?;
    let path = properties.scope.text(content, "the content of a layer").ok()?;
    (!path.starts_with("s3://")).then(|| folders.template.join(path))
}
