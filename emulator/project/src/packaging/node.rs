//! Node functions: the choice of the Node, and of AWS's runtime client if it is installed, else hardcap's own runtime.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::machine::Machine;
use super::{Means, Package, PackagingError, Resolved, absolute, cache, public_layers, sdk};
use hardcap_core::tool;

/// The files of the runtime, `index.mjs` first.
const FILES: [(&str, &str); 12] = [
    ("index.mjs", include_str!("node/index.mjs")),
    ("resolve.mjs", include_str!("node/resolve.mjs")),
    ("runtime.cjs", include_str!("node/runtime.cjs")),
    ("callbacks.cjs", include_str!("node/callbacks.cjs")),
    ("client.cjs", include_str!("node/client.cjs")),
    ("context.cjs", include_str!("node/context.cjs")),
    ("errors.cjs", include_str!("node/errors.cjs")),
    ("handler.cjs", include_str!("node/handler.cjs")),
    ("log.cjs", include_str!("node/log.cjs")),
    ("promises.cjs", include_str!("node/promises.cjs")),
    ("store.cjs", include_str!("node/store.cjs")),
    ("stream.cjs", include_str!("node/stream.cjs")),
];

/// The first major version whose runtime accepts no callbacks. AWS's client does so from its version 4 on.
const WITHOUT_CALLBACKS: u32 = 24;

/// The command of a Node function.
///
/// # Errors
///
/// [`PackagingError`] if there is no Node, or the runtime cannot be written.
pub(super) async fn resolve(
    package: &Package,
    machine: &mut Machine,
    means: &Means<'_>,
) -> Result<Resolved, PackagingError> {
    let id = &package.logical_id;
    let declared = package.runtime.strip_prefix("nodejs").unwrap_or_default();
    let declared: Option<u32> = declared.split('.').next().and_then(|major| major.parse().ok());
    let Some((program, version)) = choose(declared, machine).await else {
        return Err(PackagingError::new(
            format!("the function `{id}` needs Node ({}), and no Node was found", package.runtime),
            "install Node, or put it on PATH",
        ));
    };
    let entry = match installed_client(package, &program, declared.unwrap_or(version[0])) {
        Some(entry) => entry,
        None => own_runtime(&machine.cache).map_err(|error| {
            PackagingError::new(
                format!("the runtime for Node cannot be written: {error}"),
                "set HARDCAP_CACHE to a folder that can be written",
            )
        })?,
    };
    let [major, minor, patch] = version;
    let note = declared.is_none_or(|declared| declared != major).then(|| {
        format!("{} runs on Node {major}.{minor}.{patch} ({})", package.runtime, program.display())
    });
    let preload = sdk::node(package, &program, declared.unwrap_or(version[0]), machine, means);
    let mut command = vec![program.clone().into_os_string()];
    if let Some(preload) = preload.await {
        command.extend(["--require".into(), preload.into_os_string()]);
    }
    command.push(entry.clone().into_os_string());
    // AWS's client of version 3 takes the handler as an argument; the others read `_HANDLER`.
    if entry.ends_with("bin/index.mjs") {
        command.push((&package.handler).into());
    }
    let layers = public_layers::node(&package.public_layers, &program, machine, means).await;
    Ok(Resolved { command, note, layers, image: None })
}

/// The Node of the wanted version, from `PATH` or from nvm's folder; else the first that starts.
async fn choose(wanted: Option<u32>, machine: &mut Machine) -> Option<(PathBuf, [u32; 3])> {
    let mut candidates: Vec<PathBuf> =
        machine.path.iter().map(|folder| folder.join("node")).collect();
    candidates.extend(machine.nvm.iter().flat_map(|root| nvm_versions(root, wanted)));
    candidates.retain(|program| tool::is_executable(program));
    let mut first = None;
    for candidate in candidates {
        let Some(version) = machine.node(&candidate).await else { continue };
        if wanted.is_none_or(|wanted| wanted == version[0]) {
            return Some((candidate, version));
        }
        first.get_or_insert((candidate, version));
    }
    first
}

/// The programs of one major version that nvm has installed.
fn nvm_versions(root: &Path, wanted: Option<u32>) -> Vec<PathBuf> {
    let Some(wanted) = wanted else { return Vec::new() };
    let folder = root.join("versions/node");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with(&format!("v{wanted}."))).collect();
    names.sort();
    names.into_iter().rev().map(|name| folder.join(name).join("bin/node")).collect()
}

/// AWS's client, if it is installed and complete: in the packages of the code, the template or the project, or globally.
fn installed_client(package: &Package, node: &Path, major: u32) -> Option<PathBuf> {
    let code = package.code_folder().map(absolute);
    let folders = [code, Some(absolute(&package.folder)), Some(absolute(&package.project))];
    let local = folders.into_iter().flatten().map(|folder| folder.join("node_modules"));
    // `npm install --global` installs packages beside the folder of the program.
    let real = node.canonicalize().ok();
    let global = real.as_deref().and_then(Path::parent).and_then(Path::parent);
    let global = global.map(|prefix| prefix.join("lib/node_modules"));
    local.chain(global).find_map(|modules| client_entry(&modules.join("aws-lambda-ric"), major))
}

/// The program of AWS's client in its own folder, as the `bin` of its package.json names it.
fn client_entry(folder: &Path, major: u32) -> Option<PathBuf> {
    let text = std::fs::read_to_string(folder.join("package.json")).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    let refuses_callbacks = !json["version"].as_str()?.starts_with(['1', '2', '3']);
    let bin = json["bin"].as_str().or_else(|| json["bin"]["aws-lambda-ric"].as_str())?;
    let entry = absolute(&folder.join(bin));
    // The client ends immediately without this file, if npm has not run the package's build.
    let native = ["rapid-client.node", "dist/rapid-client.node", "build/Release/rapid-client.node"];
    let is_built = native.iter().any(|file| folder.join(file).is_file());
    let fits = refuses_callbacks == (major >= WITHOUT_CALLBACKS);
    (fits && is_built && entry.is_file()).then_some(entry)
}

/// Writes hardcap's own runtime into the cache, once for each version of it.
fn own_runtime(cache: &Path) -> io::Result<PathBuf> {
    let mut digest = Sha256::new();
    for (name, text) in FILES {
        digest.update(name);
        digest.update(text);
    }
    let folder = cache.join("node").join(&hex::encode(digest.finalize())[..16]);
    cache::make_once(&folder, |new| {
        FILES.iter().try_for_each(|(name, text)| std::fs::write(new.join(name), text))
    })?;
    Ok(folder.join("index.mjs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_entry_of_awss_client_is_what_its_package_names_where_it_fits_and_is_built() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (old, new) = (root.join("3"), root.join("4"));
        write(
            &old.join("package.json"),
            r#"{"version": "3.3.0", "bin": {"aws-lambda-ric": "bin/index.mjs"}}"#,
        );
        write(&old.join("bin/index.mjs"), "");
        write(
            &new.join("package.json"),
            r#"{"version": "4.0.2", "bin": {"aws-lambda-ric": "./index.mjs"}}"#,
        );
        write(&new.join("index.mjs"), "");
        assert_eq!(client_entry(&old, 20), None, "it is not built");
        write(&old.join("dist/rapid-client.node"), "");
        write(&new.join("rapid-client.node"), "");
        assert_eq!(client_entry(&old, 20), Some(old.join("bin/index.mjs")));
        assert_eq!(client_entry(&old, 24), None, "its functions may call back");
        assert_eq!(client_entry(&new, 24), Some(new.join("index.mjs")));
        assert_eq!(client_entry(&new, 22), None, "its functions may not call back");
        assert_eq!(client_entry(&root, 24), None);
    }

    #[test]
    fn the_runtime_is_written_once_and_whole() {
        let cache = tempfile::tempdir().unwrap();
        let entry = own_runtime(cache.path()).unwrap();
        let names = std::fs::read_dir(entry.parent().unwrap()).unwrap().count();
        assert_eq!(names, 12);
        assert_eq!(own_runtime(cache.path()).unwrap(), entry);
        assert_eq!(std::fs::read_dir(cache.path().join("node")).unwrap().count(), 1);
    }
}
