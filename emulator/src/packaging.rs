//! How a function's program is found, and built when it has to be.

use std::path::PathBuf;

use crate::settings::Program;

/// Where a function's program comes from: what the template and `hardcap.toml` say about it.
#[derive(Clone, Debug)]
pub struct Package {
    /// The function's logical id.
    pub logical_id: String,
    /// `provided.al2023`, `python3.11`, `nodejs20.x`.
    pub runtime: String,
    /// `Handler`.
    pub handler: String,
    /// `CodeUri`, relative to the working directory.
    pub code: Option<PathBuf>,
    /// The template's folder.
    pub folder: PathBuf,
    /// `Metadata: BuildMethod`.
    pub build_method: Option<String>,
    /// `Metadata: BuildProperties: Package`.
    pub cargo_package: Option<String>,
    /// `Metadata: BuildProperties: Binary`.
    pub cargo_bin: Option<String>,
    /// The program that `hardcap.toml` names instead.
    pub program: Option<Program>,
    /// More arguments, from `hardcap.toml`.
    pub arguments: Vec<String>,
    /// The Python that runs the function, from `hardcap.toml`.
    pub python: Option<PathBuf>,
}
