//! Where the programs are that `just setup`, `just static` and `just release` install or build.
//!
//! A test that needs one is `#[ignore = "needs …: just test-all"]`, so it is reported as ignored where the program may be missing.
//! `just test-all` runs it, and then a missing program is a failure: every function here panics.

use std::path::{Path, PathBuf};

/// `chromedriver`, which `just setup` installs with Debian's `chromium`.
///
/// # Panics
///
/// When it is not on the search path.
#[must_use]
pub fn chromedriver() -> PathBuf {
    on_search_path("chromedriver")
}

/// `valgrind`, which `just setup` installs from the system's packages.
///
/// # Panics
///
/// When it is not on the search path.
#[must_use]
pub fn valgrind() -> PathBuf {
    on_search_path("valgrind")
}

/// Docker's client. `just setup` starts a daemon on Linux.
///
/// # Panics
///
/// When it is not on the search path.
#[must_use]
pub fn docker() -> PathBuf {
    on_search_path("docker")
}

fn on_search_path(name: &str) -> PathBuf {
    let path = variable("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = found.find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: run `just setup`"))
}

/// Python with AWS's own Lambda runtime. `HARDCAP_PYTHON` names another Python than the one of `just setup`.
///
/// # Panics
///
/// When it does not exist.
#[must_use]
pub fn python() -> PathBuf {
    let own = workspace().join("target/venv/bin/python3");
    there(variable("HARDCAP_PYTHON").map_or(own, PathBuf::from), "setup")
}

/// `target/release/hardcap`.
///
/// # Panics
///
/// When it is not built.
#[must_use]
pub fn release_program() -> PathBuf {
    there(target().join("release/hardcap"), "release")
}

/// A program that `just setup` installs beside Python, such as `aws` or `cargo-lambda`.
///
/// # Panics
///
/// When it does not exist.
#[must_use]
pub fn tool(name: &str) -> PathBuf {
    there(workspace().join("target/venv/bin").join(name), "setup")
}

/// AWS's Lambda runtime for Node: the file that Node runs.
///
/// # Panics
///
/// When it does not exist.
#[must_use]
pub fn node_runtime() -> PathBuf {
    let package = "aws-lambda-ric-3.3.0/node_modules/aws-lambda-ric/bin/index.mjs";
    there(cache().join(package), "setup")
}

/// hardcap's own runtime for Node: the file that Node runs.
#[must_use]
pub fn own_node_runtime() -> PathBuf {
    workspace().join("emulator/project/src/packaging/node/index.mjs")
}

/// The folder of the clients of Elasticsearch and OpenSearch: `js` with `node_modules`, and the virtual environments `python8`
/// and `python7`.
///
/// # Panics
///
/// When their installation has not ended.
#[must_use]
pub fn search_clients() -> PathBuf {
    let folder = cache().join("search-clients-1");
    let _ = there(folder.join(".installed"), "setup");
    folder
}

/// The script of axe-core, the rules of accessibility.
///
/// # Panics
///
/// When it does not exist.
#[must_use]
pub fn axe() -> PathBuf {
    there(cache().join("axe-core-4.14.1/node_modules/axe-core/axe.min.js"), "setup")
}

/// The folder of static programs that the container's image is made of: `hardcap`, and the function `guest`.
///
/// # Panics
///
/// When they are not built.
#[must_use]
pub fn image() -> PathBuf {
    let folder = target().join("image");
    let _ = there(folder.join("hardcap"), "static");
    folder
}

fn there(file: PathBuf, recipe: &str) -> PathBuf {
    assert!(file.exists(), "{} is missing: run `just {recipe}`", file.display());
    file
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent")
}

/// Where `just setup` keeps what takes long to install.
fn cache() -> PathBuf {
    let own = variable("HARDCAP_CACHE").map(PathBuf::from);
    let cache = own.or_else(|| {
        let caches = variable("XDG_CACHE_HOME").map(PathBuf::from);
        let caches = caches.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")));
        Some(caches?.join("hardcap"))
    });
    cache.expect("there is a home")
}

/// Where cargo builds.
fn target() -> PathBuf {
    variable("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "the module that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
