//! Versions: PublishVersion, and the deletion of one version. A version is an immutable copy of the code and of the
//! configuration. All responses were recorded on 2025-11-25: LocalStack's `TestLambdaVersions`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap_limits::Bytes;
use http::Request;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Shared;
use super::aliases;
use super::answer::{Done, Outcome, Problem, conflict, invalid, over_limit, precondition_failed};
use super::entry::{Alias, Code, FunctionEntry, Shown, Status, new_revision};
use super::request::{input, named};
use super::storage::code_of;
use hardcap_core::config::Function;
use hardcap_core::context::Context;
use hardcap_core::function_name::LATEST;
use hardcap_lambda::AliasTarget;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublishInput {
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
}

/// `POST /2015-03-31/functions/{name}/versions`
pub(super) async fn create(
    shared: &Shared,
    ctx: &Context,
    name: &str,
    request: Request<Body>,
) -> Outcome {
    let input: PublishInput = input(request).await?;
    let region = &*shared.platform.region;
    let named = named(name, None, region)?;
    let _turn = shared.turn.lock().await;
    let entry = shared.find(&named)?;
    shared.must_be_settled(&entry)?;
    if input.revision_id.is_some_and(|revision| revision != entry.about.revision_id) {
        return Err(precondition_failed());
    }
    let current = &entry.about.code.sha256;
    if let Some(given) = input.code_sha256.filter(|given| given != current) {
        return Err(invalid(format!(
            "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the \
             CodeSHA256 in $LATEST."
        )));
    }
    let published = publish(shared, ctx, entry, input.description).await?;
    let version = published.function.version().to_owned();
    Ok(Done::Created(published.configuration(region, Some(&version), Shown::Current)))
}

/// Publishes the current code and configuration of a function, and returns the version. If nothing has changed since the last
/// version, it is returned.
pub(super) async fn publish(
    shared: &Shared,
    ctx: &Context,
    mut entry: FunctionEntry,
    description: Option<String>,
) -> Result<FunctionEntry, Problem> {
    let mut version = FunctionEntry { versions: BTreeMap::new(), ..entry.clone() };
    if entry.package.is_none() {
        copy(shared, ctx, &mut version).await?;
    }
    if let Some((_, last)) = entry.versions.last_key_value().filter(|(_, it)| it.is_like(&version))
    {
        return Ok(last.clone());
    }
    let number = entry.about.last_version + 1;
    entry.about.last_version = number;
    version.function =
        Arc::new(Function { version: Some(number.to_string()), ..(*version.function).clone() });
    version.about.description = description.unwrap_or(version.about.description);
    version.about.revision_id = new_revision();
    version.about.last_modified = ctx.arrived;
    version.about.url = None;
    version.about.policy = None;
    version.about.aliases = BTreeMap::new();
    if version.status.is_preparing() {
        version.status = Status::Creating;
    }
    if let Some(package) = &version.package {
        package.keep();
    }
    shared.lambda.deploy((*version.function).clone(), version.package.clone());
    entry.versions.insert(number, version.clone());
    shared.configure(entry).await?;
    Ok(version)
}

/// Deletes one version, unless an alias points to it. The deletion of a missing version succeeds.
pub(super) async fn delete(shared: &Shared, mut entry: FunctionEntry, version: &str) -> Outcome {
    let aliases = aliases::of_version(&entry, version);
    if !aliases.is_empty() {
        // The text is in public logs, such as that of an issue of go-lambda-cleanup of 2022-12-12.
        let names = aliases.join(", ");
        return Err(conflict(format!(
            "Unable to delete version because the following aliases reference it: [{names}]"
        )));
    }
    let removed = version.parse().ok().and_then(|number: u64| entry.versions.remove(&number));
    let Some(removed) = removed else { return Ok(Done::NoContent) };
    let name = entry.function.name.clone();
    let is_shared = std::iter::once(&entry)
        .chain(entry.versions.values())
        .any(|other| other.about.code.folder == removed.about.code.folder);
    shared.configure(entry).await?;
    shared.lambda.remove_version(&name, version);
    if let Some(package) = removed.package.filter(|_| !is_shared) {
        package.retire();
    }
    Ok(Done::NoContent)
}

impl FunctionEntry {
    /// A published version.
    pub(super) fn version(&self, version: &str) -> Option<&FunctionEntry> {
        self.versions.get(&version.parse().ok()?)
    }

    /// `$LATEST`, a version, or the version that an alias points to.
    pub(super) fn qualified(self, qualifier: &str) -> Option<FunctionEntry> {
        if qualifier == LATEST {
            return Some(self);
        }
        let alias = self.about.aliases.get(qualifier).map(|alias| alias.version.clone());
        match alias.as_deref() {
            Some(LATEST) => Some(self),
            Some(version) => self.version(version).cloned(),
            None => self.version(qualifier).cloned(),
        }
    }

    /// Whether a version would be a copy of this one.
    fn is_like(&self, other: &FunctionEntry) -> bool {
        let comparable = |entry: &FunctionEntry| Function {
            version: None,
            task_root: PathBuf::new(),
            command: Vec::new(),
            reserved_concurrency: None,
            ..(*entry.function).clone()
        };
        self.about.code.sha256 == other.about.code.sha256
            && self.about.role == other.about.role
            && self.about.without_effect == other.about.without_effect
            && comparable(self) == comparable(other)
    }
}

impl Shared {
    /// Publishes the version of a function with `AutoPublishAlias`, and points the template's aliases.
    ///
    /// The version runs the code in the template's folder, as the function does. A reload removes the previous version.
    pub(super) fn deployed(&self, mut entry: FunctionEntry) -> FunctionEntry {
        let publishing = entry.function.publishing.clone();
        let version = publishing.version.then(|| self.publish_deployed(&mut entry));
        for alias in publishing.aliases {
            let version = version.clone().filter(|_| !alias.latest);
            let version = version.unwrap_or_else(|| LATEST.to_owned());
            let target = AliasTarget { version: version.clone(), additional: None };
            self.lambda.point_alias(&entry.function.name, &alias.name, target);
            let (description, revision_id) = (String::new(), new_revision());
            let pointing = Alias { version, description, additional: None, revision_id };
            entry.about.aliases.insert(alias.name, pointing);
        }
        entry
    }

    /// Publishes the code in the template's folder, and removes the previous version.
    fn publish_deployed(&self, entry: &mut FunctionEntry) -> String {
        let number = entry.about.last_version + 1;
        entry.about.last_version = number;
        let version = number.to_string();
        let mut function = Function { version: Some(version.clone()), ..(*entry.function).clone() };
        if let Some(events) = &function.publishing.events {
            function.events = events.clone();
        }
        self.lambda.deploy(function.clone(), None);
        let before = entry.versions.extract_if(.., |_, version| version.package.is_none());
        for (before, _) in before {
            self.lambda.remove_version(&function.name, &before.to_string());
        }
        let (function, about) = (Arc::new(function), entry.about.clone());
        let (versions, status) = (BTreeMap::new(), Status::Settled);
        let published = FunctionEntry { function, about, package: None, versions, status };
        entry.versions.insert(number, published);
        version
    }
}

/// Copies the code of a function that runs in its template's folder.
async fn copy(shared: &Shared, ctx: &Context, version: &mut FunctionEntry) -> Result<(), Problem> {
    let folder = shared.storage.new_package(&version.function.name)?;
    let function = Arc::clone(&version.function);
    let most = ctx.limits.lambda_unzipped.max.0;
    let copying = tokio::task::spawn_blocking(move || {
        let copied = copied(&function, &code_of(&folder), most);
        (folder, copied)
    });
    let (folder, copied) = copying.await.map_err(|error| Problem::Bug(error.to_string()))?;
    let (function, code) = match copied {
        Ok(copied) => copied,
        Err(CopyError::TooLarge(observed)) => {
            let limit = ctx.limits.lambda_unzipped;
            let exceeded = ctx.admit(&limit, Bytes(observed)).err();
            let exceeded = exceeded.unwrap_or_else(|| limit.exceeded_by(Bytes(observed)));
            return Err(over_limit(&exceeded, &[]));
        }
        Err(CopyError::Disk(error)) => return Err(error.into()),
    };
    version.function = Arc::new(function);
    version.about.code = code;
    version.package = Some(Arc::new(folder));
    Ok(())
}

#[derive(Debug)]
enum CopyError {
    TooLarge(u64),
    Disk(io::Error),
}

impl From<io::Error> for CopyError {
    fn from(error: io::Error) -> CopyError {
        CopyError::Disk(error)
    }
}

/// The program's file in the copy, if it is not below the code.
const PROGRAM: &str = ".hardcap-program";

fn copied(function: &Function, to: &Path, most: u64) -> Result<(Function, Code), CopyError> {
    let from = std::path::absolute(&function.task_root)?;
    let mut copy = Copy { digest: Sha256::new(), size: 0, most };
    copy.tree(&from, &from, to)?;
    let moved = |word: &OsString| match Path::new(word).strip_prefix(&from) {
        Ok(below) => to.join(below).into_os_string(),
        Err(_) => word.clone(),
    };
    let mut command: Vec<OsString> = function.command.iter().map(moved).collect();
    if let Some(program) = command.first_mut()
        && function.runtime.starts_with("provided")
        && !Path::new(program).starts_with(to)
        && Path::new(program).is_file()
    {
        let place = to.join(PROGRAM);
        copy.file(Path::new(program), Path::new(PROGRAM), &place)?;
        *program = place.into_os_string();
    }
    let name = to.parent().and_then(Path::file_name);
    let code = Code {
        sha256: STANDARD.encode(copy.digest.finalize()),
        size: copy.size,
        folder: name.map(|name| name.to_string_lossy().into_owned()),
    };
    Ok((Function { task_root: to.to_owned(), command, ..function.clone() }, code))
}

/// A copy in progress, and its size so far.
struct Copy {
    digest: Sha256,
    /// The bytes of all files.
    size: u64,
    most: u64,
}

impl Copy {
    /// Copies a folder. Repositories and the builds of Cargo are left out.
    fn tree(&mut self, root: &Path, from: &Path, to: &Path) -> Result<(), CopyError> {
        let mut entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let is_cargo = from.join("Cargo.toml").is_file();
        for entry in entries {
            let name = entry.file_name();
            if name == ".git" || name == ".aws-sam" || (is_cargo && name == "target") {
                continue;
            }
            let (path, place) = (entry.path(), to.join(&name));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                fs::create_dir_all(&place)?;
                self.tree(root, &path, &place)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&path)?;
                self.digest.update(target.as_os_str().as_encoded_bytes());
                std::os::unix::fs::symlink(target, &place)?;
            } else if kind.is_file() {
                self.file(&path, path.strip_prefix(root).unwrap_or(&path), &place)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, name: &Path, to: &Path) -> Result<(), CopyError> {
        self.size = self.size.saturating_add(fs::metadata(from)?.len());
        if self.size > self.most {
            return Err(CopyError::TooLarge(self.size));
        }
        fs::copy(from, to)?;
        self.digest.update(name.as_os_str().as_encoded_bytes());
        let mut file = fs::File::open(to)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            self.digest.update(&buffer[..read]);
        }
    }
}
