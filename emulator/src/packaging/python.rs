//! Whether a Python has AWS's runtime.

use std::ffi::OsStr;
use std::path::Path;

use super::PackagingError;
use hardcap_core::tool::Tool;

/// Asks Python once, for the log of a function that cannot start says less than this does. `folder` is where it starts, and
/// so may hold the runtime itself.
///
/// # Errors
///
/// [`PackagingError`] with the way out.
pub async fn has_runtime(
    interpreter: &OsStr,
    id: &str,
    folder: &Path,
) -> Result<(), PackagingError> {
    let name = interpreter.to_string_lossy();
    let tool = Tool::new(interpreter, ["-c", "import awslambdaric"], folder);
    let help = format!(
        "{name} -m pip install awslambdaric, or name another Python in hardcap.toml: [functions.{id}] python = \"…\", or \
         python = \"…\" at its top for functions that are created through Lambda's API"
    );
    match tool.output().await {
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) => Err(PackagingError::new(
            format!("the function `{id}` needs AWS's Python runtime, which {name} does not have"),
            help,
        )),
        Err(error) => Err(PackagingError::new(
            format!("the function `{id}` needs Python, and {name} cannot be run: {error}"),
            help,
        )),
    }
}
