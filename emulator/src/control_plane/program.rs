//! The program of an uploaded package.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Shared;
use hardcap_core::config::Function;
use hardcap_project::packaging::machine::Machine;
use hardcap_project::packaging::{self, Code, Means, Package, PackagingError};

/// Sets the program of a function from its package, or the reason why there is none. Lambda too reports this only when the
/// function is invoked.
pub(super) async fn provide(function: &mut Function, code: &Path, shared: &Shared) {
    function.task_root = code.to_owned();
    let found = find(function, code, shared).await;
    function.no_program = found.as_ref().err().map(ToString::to_string);
    function.command = found.unwrap_or_default();
    // They would start the code before.
    function.debugger = None;
    function.image = None;
}

async fn find(
    function: &Function,
    code: &Path,
    shared: &Shared,
) -> Result<Vec<OsString>, PackagingError> {
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
    let found = packaging::find(&package)?;
    let tell = |line: &str| tracing::info!("{line}");
    let means = Means { offline: !shared.installs, tell: &tell, ..Means::default() };
    let resolved = packaging::resolve(found, &package, &mut Machine::here(), &means).await?;
    if let Some(note) = resolved.note {
        tracing::warn!(function = function.name, "{note}");
    }
    Ok(resolved.command)
}
