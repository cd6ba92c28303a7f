//! The AWS SDKs that AWS's runtimes contain: boto3 in those of Python, version 3 of the SDK for JavaScript in those of Node from
//! nodejs18.x on. A function whose code imports one and does not contain it gets it from hardcap's cache, installed once.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use hardcap_limits::Millis;
use regex::Regex;
use sha2::{Digest as _, Sha256};

use super::machine::{Machine, Python};
use super::python::InstallError;
use super::{Means, Package, cache, python};
use hardcap_core::clock::Clock;
use hardcap_core::tool::{self, Tool};

/// The maximum number of a function's files that are searched for imports.
const FILES_MAX: usize = 500;
/// The maximum depth of the searched folders.
const DEPTH_MAX: usize = 5;
/// The maximum size of a searched file in bytes. A larger one is a bundle, which contains its packages.
const FILE_BYTES_MAX: u64 = 512 * 1024;
/// The timeout of npm.
const NPM_WITHIN: Millis = Millis(300_000);
/// The first runtime that contains version 3 of the SDK (Lambda developer guide, "Runtime-included SDK versions").
const NODE_WITH_V3: u32 = 18;
const PRELOAD: &str = include_str!("node/preload.cjs");

/// The folder with boto3, for a function that imports it and has it neither in its code nor in its Python. `None` also if it
/// cannot be installed, because the function may not need it.
pub(super) async fn python(
    package: &Package,
    python: &Python,
    machine: &Machine,
    means: &Means<'_>,
) -> Option<PathBuf> {
    if python.has_sdk || python::brings(package, "boto3") {
        return None;
    }
    let uses = |text: &String| text.contains("boto3") || text.contains("botocore");
    if !sources(package.code_folder()?, &["py"]).iter().any(uses) {
        return None;
    }
    let folder = machine.cache.join("boto3").join(&python.tag);
    if folder.join("boto3/__init__.py").is_file() {
        cache::used(&folder);
        return Some(folder);
    }
    if means.only_looks || means.offline {
        return None;
    }
    (means.tell)(&format!(
        "installing boto3, which AWS's Python runtimes contain, for {} into {}, once",
        python.executable.display(),
        folder.display()
    ));
    installed(python::install(python, "boto3", &folder).await, folder, "boto3", means)
}

/// The file that Node loads before the function, if the code imports packages of the SDK that it does not contain.
pub(super) async fn node(
    package: &Package,
    node: &Path,
    major: u32,
    machine: &Machine,
    means: &Means<'_>,
) -> Option<PathBuf> {
    if major < NODE_WITH_V3 {
        return None;
    }
    let code = package.code_folder()?;
    let mut wanted = packages_in(&sources(code, &["js", "mjs", "cjs"]));
    wanted.retain(|name| !brings(package, code, major, name));
    if wanted.is_empty() {
        return None;
    }
    let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let digest = Sha256::new().chain_update(names.join(" ")).chain_update(PRELOAD).finalize();
    let folder = machine.cache.join("aws-sdk-js").join(&hex::encode(digest)[..16]);
    let preload = folder.join("preload.cjs");
    if preload.is_file() {
        cache::used(&folder);
        return Some(preload);
    }
    if means.only_looks || means.offline {
        return None;
    }
    let names = names.join(" ");
    (means.tell)(&format!(
        "installing {names}, which AWS's Node runtimes contain, into {}, once",
        folder.display()
    ));
    let done = match npm_beside(node) {
        Some(npm) => with_preload(&npm, &wanted, &folder).await,
        None => Err(no_npm()),
    };
    installed(done, preload, &names, means)
}

/// The installed folder, or a line with the reason of the failure.
fn installed(
    done: Result<(), InstallError>,
    path: PathBuf,
    what: &str,
    means: &Means<'_>,
) -> Option<PathBuf> {
    match done {
        Ok(()) => Some(path),
        Err(error) => {
            (means.tell)(&format!(
                "{what} was not installed, and code that imports it fails: {error}"
            ));
            None
        }
    }
}

/// npm beside a Node, or on `PATH`.
fn npm_beside(node: &Path) -> Option<PathBuf> {
    let beside = node.parent().map(|folder| folder.join("npm"));
    beside.filter(|npm| tool::is_executable(npm)).or_else(|| tool::find("npm"))
}

fn no_npm() -> InstallError {
    InstallError::Said("npm was not found".to_owned())
}

async fn with_preload(
    npm: &Path,
    names: &BTreeSet<String>,
    folder: &Path,
) -> Result<(), InstallError> {
    let new = cache::begin(folder)?;
    run_npm(npm, names, new.path()).await?;
    fs::write(new.path().join("preload.cjs"), PRELOAD)?;
    Ok(cache::finish(new, folder)?)
}

/// Installs packages of Node into `below` of a new folder of the cache.
pub(super) async fn install_below(
    node: &Path,
    names: &BTreeSet<String>,
    folder: &Path,
    below: &str,
) -> Result<(), InstallError> {
    let npm = npm_beside(node).ok_or_else(no_npm)?;
    let new = cache::begin(folder)?;
    let target = new.path().join(below);
    fs::create_dir(&target)?;
    run_npm(&npm, names, &target).await?;
    Ok(cache::finish(new, folder)?)
}

async fn run_npm(npm: &Path, names: &BTreeSet<String>, target: &Path) -> Result<(), InstallError> {
    let quiet = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];
    let mut npm = Tool::new(npm, quiet, target);
    npm.arguments.extend(["--loglevel=error", "--prefix"].map(OsString::from));
    npm.arguments.push(target.into());
    npm.arguments.extend(names.iter().map(OsString::from));
    let output = Clock::default().timeout(NPM_WITHIN, npm.finish()).await;
    let output = output.ok_or(InstallError::TooLong(NPM_WITHIN))??;
    if output.status.success() { Ok(()) } else { Err(InstallError::of(&output.stderr)) }
}

/// Whether a function has a package of Node in its code or in a layer.
fn brings(package: &Package, code: &Path, major: u32, name: &str) -> bool {
    let of_layers = package.layers.iter().flat_map(|layer| {
        let folder = layer.join("nodejs");
        [folder.join(format!("node{major}")), folder]
    });
    let mut folders = std::iter::once(code.to_owned()).chain(of_layers);
    folders.any(|folder| folder.join("node_modules").join(name).is_dir())
}

/// The packages of the SDK that sources import.
fn packages_in(sources: &[String]) -> BTreeSet<String> {
    let Ok(import) = Regex::new(r#"["'`](@(?:aws-sdk|smithy)/[a-z0-9][a-z0-9-]*)["'`/]"#) else {
        return BTreeSet::new();
    };
    let names = sources.iter().flat_map(|text| import.captures_iter(text));
    names.map(|found| found[1].to_owned()).collect()
}

/// The texts of a function's own source files, without its packages.
fn sources(code: &Path, extensions: &[&str]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut folders = vec![(code.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let Ok(facts) = entry.metadata() else { continue };
            if facts.is_dir() {
                let is_own = !name.starts_with('.') && name != "node_modules" && name != "venv";
                if is_own && depth < DEPTH_MAX {
                    folders.push((path, depth + 1));
                }
            } else if facts.len() <= FILE_BYTES_MAX
                && name.rsplit_once('.').is_some_and(|(_, end)| extensions.contains(&end))
                && let Ok(text) = fs::read_to_string(&path)
            {
                texts.push(text);
                if texts.len() == FILES_MAX {
                    return texts;
                }
            }
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_by_imports_of_every_form() {
        let sources = [
            r#"import { S3 } from "@aws-sdk/client-s3";"#,
            "const { x } = require('@aws-sdk/lib-dynamodb');",
            "await import(`@smithy/node-http-handler`);",
            r#"import y from "@aws-sdk/client-sns/dist-cjs/z";"#,
            r#"import z from "@aws-sdk"; import w from "@aws-sdk/Client"; // @aws-sdk/client-sqs"#,
        ];
        let found = packages_in(&sources.map(str::to_owned));
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(
            found,
            [
                "@aws-sdk/client-s3",
                "@aws-sdk/client-sns",
                "@aws-sdk/lib-dynamodb",
                "@smithy/node-http-handler"
            ]
        );
    }

    #[test]
    fn sources_are_a_function_s_own_files() {
        let code = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = code.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("app.mjs", "own");
        write("src/deep/other.js", "own");
        write("node_modules/p/index.js", "package");
        write(".venv/x.js", "package");
        write("readme.md", "text");
        write("bundle.js", &"x".repeat(600_000));
        assert_eq!(sources(code.path(), &["js", "mjs"]), ["own", "own"]);
    }

    #[test]
    fn a_package_in_the_code_or_in_a_layer_is_not_installed() {
        let root = tempfile::tempdir().unwrap();
        let (code, layer) = (root.path().join("code"), root.path().join("layer"));
        fs::create_dir_all(code.join("node_modules/@aws-sdk/client-s3")).unwrap();
        fs::create_dir_all(layer.join("nodejs/node_modules/@aws-sdk/client-sqs")).unwrap();
        let package = Package { layers: vec![layer], ..Package::new("F") };
        assert!(brings(&package, &code, 22, "@aws-sdk/client-s3"));
        assert!(brings(&package, &code, 22, "@aws-sdk/client-sqs"));
        assert!(!brings(&package, &code, 22, "@aws-sdk/client-sns"));
    }
}
