//! What runs an uploaded package.

use std::path::{Path, PathBuf};

use crate::packaging::{self, Found, Package, PackagingError, python};
use hardcap_core::config::Function;

/// Gives a function the program that its package holds, or the reason why it has none: Lambda, too, finds out only when
/// the function is invoked.
pub(super) async fn provide(function: &mut Function, code: &Path, python: Option<&Path>) {
    function.task_root = code.to_owned();
    let found = find(function, code, python).await;
    function.no_program = found.as_ref().err().map(ToString::to_string);
    function.command = found.unwrap_or_default();
}

async fn find(
    function: &Function,
    code: &Path,
    python: Option<&Path>,
) -> Result<Vec<std::ffi::OsString>, PackagingError> {
    let package = Package {
        logical_id: function.name.clone(),
        runtime: function.runtime.clone(),
        handler: function.handler.clone(),
        code: Some(code.to_owned()),
        // Where runtimes are looked for that the package does not bring: the folder that hardcap was started in.
        folder: PathBuf::from("."),
        build_method: None,
        cargo_package: None,
        cargo_bin: None,
        program: None,
        arguments: Vec::new(),
        python: python.map(Path::to_owned),
    };
    match packaging::find(&package)? {
        Found::Command(command) => Ok(command),
        Found::Python(interpreter, command) => {
            python::has_runtime(&interpreter, &function.name, code).await?;
            Ok(command)
        }
        // A package is run as it is, and never built.
        Found::Cargo(_) => Err(PackagingError::new(
            format!("the package of the function `{}` has no `bootstrap`", function.name),
            "put the built program into the package, at its root, under that name",
        )),
    }
}
