//! The code of a function: a folder, an archive, a text in the template, or not on this machine.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::image::{self, DockerAsset, ImageSource};
use super::unzip::{UnzipError, unzip};
use super::{Package, PackagingError, absolute, cache};

/// The maximum unpacked size of an archive in bytes. It is ten times Lambda's limit, so that a package that is too large for
/// Lambda is reported by the check of its size and not by this one.
const UNPACKED_MAX: u64 = 10 * 250 * 1024 * 1024;

/// The location of a function's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A folder, a `.zip` or `.jar` file, or a single source file.
    Local(PathBuf),
    /// The source text of a file `index`, `InlineCode` or `ZipFile`.
    Inline(String),
    /// A container image.
    Image(Box<ImageSource>),
    /// An object in S3 that is not on this machine, by its key.
    Uploaded(String),
    /// The template names no code.
    Unnamed,
}

impl Package {
    /// The package with its code in a folder: archives and inline code are written into the cache.
    ///
    /// # Errors
    ///
    /// [`PackagingError`] if the code is not on this machine, or an archive cannot be unpacked.
    pub fn opened(&self, cache: &Path) -> Result<Package, PackagingError> {
        let mut package = self.clone();
        for layer in &mut package.layers {
            let is_archive = layer.is_file();
            let opened = is_archive.then(|| unpacked("a layer", &self.logical_id, layer, cache));
            // The process starts in another folder, where a relative path would name another file.
            *layer = absolute(&opened.transpose()?.unwrap_or_else(|| layer.clone()));
        }
        if package.program.is_some() && matches!(package.code, Code::Inline(_)) {
            return Ok(package);
        }
        let local = match &self.code {
            Code::Uploaded(key) => uploaded(&absolute(&self.folder), key),
            Code::Inline(text) => Some(inline(self, text, cache)?),
            Code::Local(path) => Some(path.clone()),
            Code::Image(_) | Code::Unnamed => None,
        };
        if let Code::Image(source) = &mut package.code {
            source.open(&self.folder);
        }
        if let Some(path) = local {
            let is_archive = path.is_file();
            let opened = is_archive.then(|| unpacked("the code", &self.logical_id, &path, cache));
            package.code = Code::Local(opened.transpose()?.unwrap_or(path));
        }
        Ok(package)
    }

    /// The folder of the code, or the error if there is no code.
    pub(super) fn folder_of_code(&self) -> Result<PathBuf, PackagingError> {
        let id = &self.logical_id;
        let named = |what: String, help: String| Err(PackagingError::new(what, help));
        let code = format!("[functions.{id}] code = \"folder\"");
        match &self.code {
            Code::Local(path) if path.is_dir() => Ok(absolute(path)),
            Code::Local(path) if path.symlink_metadata().is_ok() => named(
                format!(
                    "the code of the function `{id}` is neither a folder nor a file: {}",
                    path.display()
                ),
                format!("correct the path, or write {code} in hardcap.toml"),
            ),
            Code::Local(path) => named(
                format!("the code of the function `{id}` does not exist: {}", path.display()),
                format!(
                    "build it, correct the path, which is relative to the template, or write {code} in hardcap.toml"
                ),
            ),
            Code::Image(source) => Err(image::missing(source, id, "it has no folder")),
            Code::Uploaded(key) => named(
                format!(
                    "the code of the function `{id}` is an object in S3 that is not on this machine: {key}"
                ),
                format!("write {code} in hardcap.toml"),
            ),
            Code::Unnamed | Code::Inline(_) => named(
                format!("the template names no code for the function `{id}`"),
                format!("set `Code` or `CodeUri`, or write {code} in hardcap.toml"),
            ),
        }
    }
}

/// The folder of an unpacked archive, named by the digest of the archive: the same archive is unpacked once. A file that is not
/// an archive is a package by itself, as AWS SAM CLI and the AWS CLI zip it (`FORCE_ZIP` in `packageable_resources.py`).
fn unpacked(what: &str, id: &str, archive: &Path, cache: &Path) -> Result<PathBuf, PackagingError> {
    let failed = |why: String| {
        PackagingError::new(
            format!(
                "{what} of the function `{id}` cannot be unpacked: {}: {why}",
                archive.display()
            ),
            "build the archive again; it must be a zip file",
        )
    };
    let digest = digest_of(archive).map_err(|error| failed(error.to_string()))?;
    if let Some(name) = single_file(archive) {
        let digest = Sha256::new().chain_update(name.as_encoded_bytes()).chain_update(&digest);
        let digest = hex::encode(digest.finalize());
        let folder = cache.join("code").join(format!("file-{}", &digest[..32]));
        let fill = |new: &Path| std::fs::copy(archive, new.join(name)).map(drop);
        cache::make_once(&folder, fill).map_err(|error| failed(error.to_string()))?;
        return Ok(folder);
    }
    let folder = cache.join("code").join(digest);
    if folder.is_dir() {
        cache::used(&folder);
    } else {
        let new = cache::begin(&folder).map_err(|error| failed(error.to_string()))?;
        let file = File::open(archive).map_err(|error| failed(error.to_string()))?;
        unzip(file, new.path(), UNPACKED_MAX)
            .map_err(|error: UnzipError| failed(error.to_string()))?;
        cache::finish(new, &folder).map_err(|error| failed(error.to_string()))?;
    }
    Ok(folder)
}

/// The name of a file that is not an archive: by its ending, or by its first bytes.
fn single_file(path: &Path) -> Option<&OsStr> {
    let ends = |ending: &str| path.extension().is_some_and(|it| it.eq_ignore_ascii_case(ending));
    let mut first = [0; 2];
    let mut is_archive = || {
        File::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok() && first == *b"PK"
    };
    if ends("zip") || ends("jar") || is_archive() { None } else { path.file_name() }
}

/// The file that a tool will upload under this key. CDK names it in `*.assets.json`; Serverless writes it to the folder of the
/// template.
pub(crate) fn uploaded(folder: &Path, key: &str) -> Option<PathBuf> {
    let in_assets = asset_manifests(folder).find_map(|manifest| {
        let asset = manifest.files.into_values().find(|asset| {
            asset.destinations.values().any(|destination| destination.object_key == key)
        });
        Some(folder.join(asset?.source.path?))
    });
    let beside = || Path::new(key).file_name().map(|name| folder.join(name));
    in_assets.or_else(|| beside().filter(|path| path.is_file()))
}

/// CDK's asset manifests in a folder.
pub(super) fn asset_manifests(folder: &Path) -> impl Iterator<Item = AssetManifest> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let manifests = paths.filter(|path| path.to_string_lossy().ends_with(".assets.json"));
    manifests.filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok())
}

/// The used part of CDK's asset manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssetManifest {
    #[serde(default)]
    files: HashMap<String, Asset>,
    #[serde(default)]
    pub(super) docker_images: HashMap<String, DockerAsset>,
}

#[derive(Deserialize)]
struct Asset {
    source: AssetSource,
    #[serde(default)]
    destinations: HashMap<String, Destination>,
}

#[derive(Deserialize)]
struct AssetSource {
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    object_key: String,
}

fn digest_of(archive: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut file = File::open(archive)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
    }
    Ok(hex::encode(digest.finalize())[..32].to_owned())
}

/// Writes inline code as CloudFormation packs it: one file called `index`.
fn inline(package: &Package, text: &str, cache: &Path) -> Result<PathBuf, PackagingError> {
    let id = &package.logical_id;
    let extension = match package.runtime.as_str() {
        runtime if runtime.starts_with("python") => "py",
        runtime if runtime.starts_with("nodejs") => "js",
        runtime => {
            return Err(PackagingError::new(
                format!("the function `{id}` has inline code for {runtime}"),
                "AWS accepts inline code for Node and Python only",
            ));
        }
    };
    let name = format!("index.{extension}");
    // CloudFormation puts this module beside inline code that uses it (user guide, "cfn-response module").
    let module = match extension {
        "py" => ("cfnresponse", "cfnresponse.py", include_str!("python/cfnresponse.py")),
        _ => ("cfn-response", "cfn-response.js", include_str!("node/cfn-response.js")),
    };
    let module = text.contains(module.0).then_some((module.1, module.2));
    let digest = Sha256::new().chain_update(text).chain_update(module.map_or("", |it| it.1));
    let digest = hex::encode(digest.finalize());
    let folder = cache.join("code").join(format!("inline-{extension}-{}", &digest[..32]));
    let fill = |new: &Path| {
        if let Some((file, text)) = module {
            std::fs::write(new.join(file), text)?;
        }
        std::fs::write(new.join(&name), text)
    };
    cache::make_once(&folder, fill).map_err(|error| {
        PackagingError::new(
            format!("the inline code of the function `{id}` cannot be written: {error}"),
            "set HARDCAP_CACHE to a folder that can be written",
        )
    })?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn package(code: Code) -> Package {
        Package { runtime: "python3.12".to_owned(), code, ..Package::new("F") }
    }

    #[test]
    fn an_archive_is_unpacked_once_and_anew_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("code.zip");
        let write = |text: &str| {
            let mut zip = zip::ZipWriter::new(File::create(&archive).unwrap());
            zip.start_file("app.py", zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
            zip.finish().unwrap();
        };
        let cache = folder.path().join("cache");
        let open = || {
            let opened = package(Code::Local(archive.clone())).opened(&cache).unwrap();
            opened.folder_of_code().unwrap()
        };
        write("one");
        let first = open();
        assert_eq!(std::fs::read_to_string(first.join("app.py")).unwrap(), "one");
        assert_eq!(open(), first);
        write("two");
        assert_eq!(std::fs::read_to_string(open().join("app.py")).unwrap(), "two");
        assert_eq!(std::fs::read_dir(cache.join("code")).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_is_not_an_archive_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("code.jar");
        std::fs::write(&archive, "no zip").unwrap();
        let cache = folder.path().join("cache");
        let error = package(Code::Local(archive)).opened(&cache).expect_err("it is a text");
        assert!(
            error.what.starts_with("the code of the function `F` cannot be unpacked: "),
            "{error}"
        );
        assert_eq!(std::fs::read_dir(cache.join("code")).unwrap().count(), 0);
    }

    #[test]
    fn a_source_file_is_a_package_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (source, cache) = (folder.path().join("app.py"), folder.path().join("cache"));
        std::fs::write(folder.path().join("beside.py"), "").unwrap();
        let open = |text: &str| {
            std::fs::write(&source, text).unwrap();
            let opened = package(Code::Local(source.clone())).opened(&cache).unwrap();
            opened.folder_of_code().unwrap()
        };
        let one = open("a = 1");
        assert_eq!(std::fs::read_to_string(one.join("app.py")).unwrap(), "a = 1");
        assert_eq!(std::fs::read_dir(&one).unwrap().count(), 1);
        assert_eq!(std::fs::read_to_string(open("a = 2").join("app.py")).unwrap(), "a = 2");
        assert_eq!(open("a = 1"), one);
    }

    #[test]
    fn inline_code_is_a_file_called_index() {
        let cache = tempfile::tempdir().unwrap();
        let opened = package(Code::Inline("a = 1".to_owned())).opened(cache.path()).unwrap();
        let file = opened.folder_of_code().unwrap().join("index.py");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a = 1");
        assert!(!file.with_file_name("cfnresponse.py").exists());
    }

    #[test]
    fn inline_code_that_answers_cloudformation_has_its_module_beside_it() {
        let cache = tempfile::tempdir().unwrap();
        let code = Code::Inline("import cfnresponse".to_owned());
        let opened = package(code).opened(cache.path()).unwrap();
        assert!(opened.folder_of_code().unwrap().join("cfnresponse.py").is_file());
        let code = Code::Inline("const r = require('cfn-response');".to_owned());
        let node = Package { runtime: "nodejs22.x".to_owned(), ..package(code) };
        let opened = node.opened(cache.path()).unwrap();
        assert!(opened.folder_of_code().unwrap().join("cfn-response.js").is_file());
    }

    #[test]
    fn code_that_is_not_here_is_named_with_its_remedy() {
        for (code, what) in [
            (
                Code::Image(Box::new(ImageSource {
                    uri: Some("1.dkr/x:1".to_owned()),
                    ..ImageSource::default()
                })),
                "the function `F` is a container image: 1.dkr/x:1",
            ),
            (
                Code::Uploaded("a/b.zip".to_owned()),
                "is an object in S3 that is not on this machine: a/b.zip",
            ),
            (Code::Unnamed, "the template names no code for the function `F`"),
            (
                Code::Local("/no/where".into()),
                "the code of the function `F` does not exist: /no/where",
            ),
            (
                Code::Local("/dev/null".into()),
                "the code of the function `F` is neither a folder nor a file: /dev/null",
            ),
        ] {
            let error = package(code).folder_of_code().expect_err("it is not here");
            assert!(error.what.contains(what), "{error}");
            assert!(error.help.contains("[functions.F] co"), "{error}");
        }
    }
}
