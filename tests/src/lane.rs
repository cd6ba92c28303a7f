//! The lanes that need more than Rust: whether they run, and where what they need is.

use std::path::{Path, PathBuf};

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
    if variable("HARDCAP_LANES").as_deref() != Some("all") {
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
    let all = variable("HARDCAP_LANES").as_deref() == Some("all");
    if !all {
        eprintln!("left out, for it takes minutes: {what} (HARDCAP_LANES=all)");
    }
    all
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
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent");
    let target =
        variable("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let program = target.join("release/hardcap");
    assert!(program.is_file(), "{} is not built: just release", program.display());
    Some(program)
}

#[expect(clippy::disallowed_methods, reason = "the module that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
