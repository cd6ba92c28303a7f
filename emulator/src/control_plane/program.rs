//! The program of an uploaded package.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use hardcap_limits::Millis;

use super::Shared;
use hardcap_core::clock::Clock;
use hardcap_core::config::Function;
use hardcap_project::packaging::machine::Machine;
use hardcap_project::packaging::{self, Code, Found, Means, Package, PackagingError};

/// The time that a request waits for a program that may have to be installed.
const AT_ONCE: Millis = Millis(1_000);

/// The command of a program, or why it cannot run on this machine, once that is known.
pub(super) type Preparation = BoxFuture<'static, Result<Vec<OsString>, String>>;

/// Finds the program of a function in its package. A package without a program is not an error of the request: Lambda too reports
/// it only when the function is invoked. The rest of the preparation is returned if it does not end at once, and can be an
/// installation.
///
/// # Errors
///
/// The reason why nothing could be installed, with the remedy. It is in the function as well.
pub(super) async fn provide_at_once(
    function: &mut Function,
    code: &Path,
    shared: &Shared,
) -> Result<Option<Preparation>, String> {
    if !shared.installs {
        provide(function, code, shared).await;
        return Ok(None);
    }
    let Some(mut preparation) = begin(function, code, shared) else { return Ok(None) };
    match Clock::default().timeout(AT_ONCE, &mut preparation).await {
        Some(prepared) => give(function, prepared).map(|()| None),
        None => Ok(Some(preparation)),
    }
}

/// As [`provide_at_once`], however long it takes. The reason of a failure is only in the function.
pub(super) async fn provide(function: &mut Function, code: &Path, shared: &Shared) {
    if let Some(preparation) = begin(function, code, shared) {
        let _ = give(function, preparation.await);
    }
}

/// Gives a function its prepared program.
pub(super) fn give(
    function: &mut Function,
    prepared: Result<Vec<OsString>, String>,
) -> Result<(), String> {
    function.no_program = prepared.as_ref().err().cloned();
    prepared.map(|command| function.command = command)
}

fn begin(function: &mut Function, code: &Path, shared: &Shared) -> Option<Preparation> {
    function.task_root = code.to_owned();
    function.command = Vec::new();
    function.no_program = None;
    // They would start the code before.
    function.debugger = None;
    function.image = None;
    let package = Package {
        runtime: function.runtime.clone(),
        handler: function.handler.clone(),
        code: Code::Local(code.to_owned()),
        // Runtimes that the package does not contain are searched in the working directory of hardcap.
        folder: PathBuf::from("."),
        project: PathBuf::from("."),
        python: shared.python.clone(),
        ..Package::new(&function.name)
    };
    match packaging::find(&package) {
        Ok(Found::Command(command)) => function.command = command,
        Ok(found) => {
            let offline = !shared.installs;
            return Some(Box::pin(async move {
                let resolved = resolve(found, &package, offline).await;
                resolved.map_err(|error| error.to_string())
            }));
        }
        Err(error) => function.no_program = Some(error.to_string()),
    }
    None
}

async fn resolve(
    found: Found,
    package: &Package,
    offline: bool,
) -> Result<Vec<OsString>, PackagingError> {
    let tell = |line: &str| tracing::info!("{line}");
    let means = Means { offline, tell: &tell, ..Means::default() };
    let resolved = packaging::resolve(found, package, &mut Machine::here(), &means).await?;
    if let Some(note) = resolved.note {
        tracing::warn!(function = package.logical_id, "{note}");
    }
    Ok(resolved.command)
}
