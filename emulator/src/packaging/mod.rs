//! How a function's program is found, and built when it has to be.
//!
//! [`find`] looks at files only; `build::build` runs cargo for what has no program yet.

pub mod build;
pub mod cargo;
pub mod python;
mod unpacked;

pub use unpacked::unpacked_bytes;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hardcap_core::tool;

/// Where a program comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A command as it is, its first word found on `PATH` unless it is a path.
    Command(Vec<String>),
    /// A binary that cargo builds.
    Cargo {
        /// The package, when the folder has more than one.
        package: Option<String>,
        /// The binary.
        bin: String,
    },
}

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

/// What was found for a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The program and its arguments.
    Command(Vec<OsString>),
    /// Cargo has to be asked for the program.
    Cargo(Binary),
    /// Python has to be asked whether it has AWS's runtime: the interpreter and the command.
    Python(OsString, Vec<OsString>),
}

/// A binary that cargo builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// A folder of the workspace.
    pub folder: PathBuf,
    /// The package, when the folder has more than one.
    pub package: Option<String>,
    /// The binary, when the package has more than one.
    pub bin: Option<String>,
    /// Whether it is for Lambda, so that `cargo lambda` builds it where that is installed.
    pub for_lambda: bool,
}

/// Why there is no program to run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n  = help: {help}")]
pub struct PackagingError {
    /// What is missing.
    pub what: String,
    /// The way out.
    pub help: String,
}

impl PackagingError {
    /// An error: what is missing, and what to do.
    pub fn new(what: impl Into<String>, help: impl Into<String>) -> PackagingError {
        PackagingError { what: what.into(), help: help.into() }
    }
}

impl Package {
    /// The folder that the function starts in.
    #[must_use]
    pub fn task_root(&self) -> PathBuf {
        let folder = self.code.as_deref().filter(|code| code.is_dir()).unwrap_or(&self.folder);
        absolute(folder)
    }
}

/// Looks for the program of a function. Starts nothing.
///
/// # Errors
///
/// [`PackagingError`] when there is none: what is missing, and what to do about it.
pub fn find(package: &Package) -> Result<Found, PackagingError> {
    let id = &package.logical_id;
    match &package.program {
        Some(Program::Command(words)) => {
            return command(words, &package.folder, &format!("the function `{id}`"))
                .map(Found::Command);
        }
        Some(Program::Cargo { package: name, bin }) => {
            return Ok(Found::Cargo(Binary {
                folder: absolute(&package.folder),
                package: name.clone(),
                bin: Some(bin.clone()),
                for_lambda: true,
            }));
        }
        None => {}
    }
    let Some(code) = package.code.as_deref().map(absolute) else {
        return Err(PackagingError::new(
            format!("the function `{id}` has no program: its template names no local folder"),
            format!("set `CodeUri`, or write [functions.{id}] command = [\"…\"] in hardcap.toml"),
        ));
    };
    if !code.is_dir() {
        return Err(PackagingError::new(
            format!("the folder of the function `{id}` does not exist: {}", code.display()),
            "`CodeUri` is relative to the template",
        ));
    }
    match package.runtime.as_str() {
        runtime if runtime.starts_with("python") => Ok(python(package, &code)),
        runtime if runtime.starts_with("nodejs") => node(package, &code),
        runtime if runtime.starts_with("provided") => native(package, &code),
        runtime => Err(PackagingError::new(
            format!(
                "the function `{id}` has the runtime {runtime}, for which hardcap knows no program"
            ),
            format!(
                "name the program that polls the Runtime API: [functions.{id}] command = [\"…\"] in hardcap.toml"
            ),
        )),
    }
}

/// A command of `hardcap.toml`: its first word is found, so that it means the same in every folder.
pub fn command(
    words: &[String],
    folder: &Path,
    what: &str,
) -> Result<Vec<OsString>, PackagingError> {
    let name = words.first().map(String::as_str).unwrap_or_default();
    let found = if name.contains('/') {
        let path = absolute(&folder.join(name));
        tool::is_executable(&path).then_some(path)
    } else {
        tool::find(name)
    };
    let Some(program) = found else {
        return Err(PackagingError::new(
            format!("the program of {what} is missing or not executable: {name}"),
            "build or install it, or correct its `command` in hardcap.toml",
        ));
    };
    let arguments = words.iter().skip(1).map(OsString::from);
    Ok(std::iter::once(program.into_os_string()).chain(arguments).collect())
}

/// A program that polls the Runtime API itself.
fn native(package: &Package, code: &Path) -> Result<Found, PackagingError> {
    let id = &package.logical_id;
    let manifest = code.join("Cargo.toml");
    let by_cargo = package.build_method.as_deref() == Some("rust-cargolambda");
    let bootstrap = code.join("bootstrap");
    if !by_cargo && bootstrap.is_file() {
        if !tool::is_executable(&bootstrap) {
            return Err(PackagingError::new(
                format!(
                    "the program of the function `{id}` is not executable: {}",
                    bootstrap.display()
                ),
                format!("chmod +x {}", bootstrap.display()),
            ));
        }
        return Ok(Found::Command(vec![bootstrap.into_os_string()]));
    }
    if manifest.is_file() {
        return Ok(Found::Cargo(Binary {
            folder: code.to_owned(),
            package: package.cargo_package.clone(),
            bin: package.cargo_bin.clone(),
            for_lambda: true,
        }));
    }
    Err(PackagingError::new(
        format!("the function `{id}` has no program in {}", code.display()),
        "put a `bootstrap` or a Cargo.toml there, or name its command in hardcap.toml",
    ))
}

/// AWS's own Python runtime, under the interpreter of `hardcap.toml`, of a virtual environment, or of the machine.
fn python(package: &Package, code: &Path) -> Found {
    let given = package.python.as_ref().map(|python| package.folder.join(python));
    let environments = [code.join(".venv/bin/python"), package.folder.join(".venv/bin/python")];
    let interpreter = given
        .or_else(|| environments.into_iter().find(|python| tool::is_executable(python)))
        .map_or_else(
            || OsString::from("python3"),
            |python| absolute_program(Path::new("."), &python).into_os_string(),
        );
    let command =
        vec![interpreter.clone(), "-m".into(), "awslambdaric".into(), (&package.handler).into()];
    Found::Python(interpreter, command)
}

/// AWS's own Node runtime, from the function's packages or those of the template's folder.
fn node(package: &Package, code: &Path) -> Result<Found, PackagingError> {
    let id = &package.logical_id;
    let client = [code, package.folder.as_path()]
        .map(|folder| absolute(folder).join("node_modules/aws-lambda-ric/bin/index.mjs"))
        .into_iter()
        .chain(globally_installed())
        .find(|client| client.is_file());
    let Some(client) = client else {
        return Err(PackagingError::new(
            format!("the function `{id}` needs AWS's Node runtime, which is not installed"),
            format!("npm install aws-lambda-ric in {}", code.display()),
        ));
    };
    let Some(node) = tool::find("node") else {
        return Err(PackagingError::new(
            format!("the function `{id}` needs Node, which is not on PATH"),
            "install Node",
        ));
    };
    Ok(Found::Command(vec![
        node.into_os_string(),
        client.into_os_string(),
        (&package.handler).into(),
    ]))
}

/// Where `npm install --global` puts packages: beside the folder of the program.
fn globally_installed() -> Option<PathBuf> {
    let node = tool::find("node")?.canonicalize().ok()?;
    let prefix = node.parent()?.parent()?;
    Some(prefix.join("lib/node_modules/aws-lambda-ric/bin/index.mjs"))
}

/// An interpreter that `hardcap.toml` names: a path of its folder. A virtual environment's is a link, which must not be
/// followed: where it lies is how it finds its packages.
pub fn absolute_program(folder: &Path, program: &Path) -> PathBuf {
    let path = folder.join(program);
    std::path::absolute(&path).unwrap_or(path)
}

/// An absolute path without `.` in it, which a process that starts in another folder understands too.
pub fn absolute(path: &Path) -> PathBuf {
    // The parent of a bare file name is an empty path, which means this folder.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or(path)
}
