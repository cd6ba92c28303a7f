//! The lanes that need more than Rust: whether they run, and where what they need is.

use std::path::{Path, PathBuf};

/// Where `chromedriver` is, when the lane of the real browser runs (`HARDCAP_LANES=all`).
///
/// # Panics
///
/// When the lane is asked for and there is none: `just setup` installs Debian's `chromium` and `chromium-driver`.
#[must_use]
pub fn chromedriver() -> Option<PathBuf> {
    if variable("HARDCAP_LANES").as_deref() != Some("all") {
        eprintln!("left out: a real browser (HARDCAP_LANES=all after `just setup`)");
        return None;
    }
    let path = variable("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("chromedriver"));
    let found = found.into_iter().find(|program| program.is_file());
    assert!(found.is_some(), "chromedriver is missing: `just setup` installs it");
    found
}

/// Python with AWS's own Lambda runtime, when the lane of real runtimes runs.
///
/// `None` where only Rust is asked for, with a word about it on standard error. The lane runs with `HARDCAP_LANES=all`;
/// `HARDCAP_PYTHON` names another Python than the one that `just setup` makes.
///
/// # Panics
///
/// When the lane is asked for and Python is not there: a lane never passes by being skipped.
#[must_use]
pub fn python() -> Option<PathBuf> {
    if !full() {
        eprintln!("left out: real Python (HARDCAP_LANES=all after `just setup`)");
        return None;
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent");
    let own = workspace.join("target/venv/bin/python3");
    let python = variable("HARDCAP_PYTHON").map_or(own, PathBuf::from);
    assert!(python.exists(), "{} is missing: `just setup` makes it", python.display());
    Some(python)
}

/// Whether what takes minutes of real time runs; `what` is said where it is left out.
#[must_use]
pub fn takes_minutes(what: &str) -> bool {
    if !full() {
        eprintln!("left out, for it takes minutes: {what} (HARDCAP_LANES=all)");
    }
    full()
}

/// Whether everything runs (`HARDCAP_LANES=all`): what is only large, and needs nothing but time, is smaller without it.
#[must_use]
pub fn full() -> bool {
    variable("HARDCAP_LANES").as_deref() == Some("all")
}

/// `target/release/hardcap`, when the lane of release programs runs (`HARDCAP_LANES=release`, as `just release` sets it).
///
/// # Panics
///
/// When the lane is asked for and the program is not built.
#[must_use]
pub fn release_program() -> Option<PathBuf> {
    if variable("HARDCAP_LANES").as_deref() != Some("release") {
        eprintln!("left out: the shipped application in release (just release)");
        return None;
    }
    let program = target().join("release/hardcap");
    assert!(program.is_file(), "{} is not built: just release", program.display());
    Some(program)
}

/// A program that `just setup` installs beside Python, such as `aws`. Only for tests whose lane runs.
///
/// # Panics
///
/// When it is not there.
#[must_use]
pub fn tool(name: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent");
    let tool = workspace.join("target/venv/bin").join(name);
    assert!(tool.exists(), "{} is missing: `just setup` makes it", tool.display());
    tool
}

/// cargo-lambda, when the lane of real tools runs.
///
/// # Panics
///
/// When the lane is asked for and the program is not there.
#[must_use]
pub fn cargo_lambda() -> Option<PathBuf> {
    if !full() {
        eprintln!("left out: cargo-lambda (HARDCAP_LANES=all after `just setup`)");
        return None;
    }
    Some(tool("cargo-lambda"))
}

/// AWS's Lambda runtime for Node, the file that Node runs, when the lane of real runtimes runs.
///
/// # Panics
///
/// When the lane is asked for and the runtime is not there.
#[must_use]
pub fn node_runtime() -> Option<PathBuf> {
    if !full() {
        eprintln!("left out: real Node (HARDCAP_LANES=all after `just setup`)");
        return None;
    }
    let package = "aws-lambda-ric-3.3.0/node_modules/aws-lambda-ric/bin/index.mjs";
    let runtime = cache().join(package);
    assert!(runtime.is_file(), "{} is missing: `just setup` makes it", runtime.display());
    Some(runtime)
}

/// The folder of the search clients that `just setup` installs, when the tests of real clients run (`HARDCAP_LANES=all`): `js`
/// with `node_modules`, and the virtual environments `python8` and `python7`.
///
/// # Panics
///
/// When they are asked for and not there.
#[must_use]
pub fn search_clients() -> Option<PathBuf> {
    if !full() {
        eprintln!("left out: real search clients (HARDCAP_LANES=all after `just setup`)");
        return None;
    }
    let folder = cache().join("search-clients-1");
    assert!(folder.join(".installed").is_file(), "{} is missing: `just setup`", folder.display());
    Some(folder)
}

/// The script of axe-core, the rules of accessibility, for the tests of a real browser; only where [`chromedriver`] is.
///
/// # Panics
///
/// When it is not there.
#[must_use]
pub fn axe() -> PathBuf {
    let script = cache().join("axe-core-4.14.1/node_modules/axe-core/axe.min.js");
    assert!(script.is_file(), "{} is missing: `just setup` makes it", script.display());
    script
}

/// hardcap's own runtime for Node, the file that Node runs, when the lane of real runtimes runs.
///
/// # Panics
///
/// When the lane is asked for and its preparation is not there.
#[must_use]
pub fn own_node_runtime() -> Option<PathBuf> {
    node_runtime()?;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent");
    Some(workspace.join("emulator/src/packaging/node/index.mjs"))
}

/// The folder of static programs that the container's image is made of, when the lane of real programs runs
/// (`HARDCAP_LANES=all`): `hardcap`, and the function `guest`.
///
/// # Panics
///
/// When the lane is asked for and the programs are not built.
#[must_use]
pub fn image() -> Option<PathBuf> {
    if !full() {
        eprintln!("left out: the container (HARDCAP_LANES=all after `just setup static`)");
        return None;
    }
    let folder = target().join("image");
    assert!(folder.join("hardcap").is_file(), "{} is not built: just static", folder.display());
    Some(folder)
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
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent");
    variable("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "the module that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
