//! The program of a function: how it is found, and built if it is missing.
//!
//! [`find`] only looks for files; `build::build` runs cargo for missing programs, and [`resolve`] chooses interpreters.

pub mod build;
mod cache;
pub mod cargo;
pub mod debugger;
mod handler;
pub mod image;
pub mod machine;
mod node;
mod other;
pub mod public_layers;
mod python;
pub mod runtimes;
mod sdk;
mod source;
mod unpacked;
pub mod unzip;

pub use handler::missing_handler;
pub use image::ImageSource;
pub use public_layers::{Installed, PublicLayer};
pub use source::Code;
pub(crate) use source::uploaded;
pub use unpacked::unpacked_bytes;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use hardcap_core::config::Image;
use hardcap_core::tool;

/// The source of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A command. Its first word is a path, or the name of a program on `PATH`.
    Command(Vec<String>),
    /// A binary that cargo builds.
    Cargo {
        /// The package, if the folder has more than one.
        package: Option<String>,
        /// The binary.
        bin: String,
    },
}

/// The properties of a function that decide on its program, from the template and `hardcap.toml`.
#[derive(Clone, Debug)]
pub struct Package {
    /// The function's logical id.
    pub logical_id: String,
    /// `provided.al2023`, `python3.11`, `nodejs20.x`.
    pub runtime: String,
    /// `Handler`.
    pub handler: String,
    /// The location of its code.
    pub code: Code,
    /// The folders of its layers.
    pub layers: Vec<PathBuf>,
    /// Layers that AWS publishes and whose packages can be installed.
    pub public_layers: Vec<PublicLayer>,
    /// The template's folder.
    pub folder: PathBuf,
    /// The folder of `hardcap.toml`; the template's if there is no such file.
    pub project: PathBuf,
    /// `Metadata: BuildMethod`.
    pub build_method: Option<String>,
    /// `Metadata: BuildProperties: Package`.
    pub cargo_package: Option<String>,
    /// `Metadata: BuildProperties: Binary`.
    pub cargo_bin: Option<String>,
    /// The program that `hardcap.toml` names instead.
    pub program: Option<Program>,
    /// Additional arguments, from `hardcap.toml`.
    pub arguments: Vec<String>,
    /// The Python that runs the function, from `hardcap.toml`.
    pub python: Option<PathBuf>,
}

/// The result of the search for a function's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The program and its arguments.
    Command(Vec<OsString>),
    /// Cargo builds the program.
    Cargo(Binary),
    /// A Python function: [`resolve`] chooses the interpreter.
    Python,
    /// A Node function: [`resolve`] chooses the interpreter.
    Node,
    /// A container image: [`resolve`] finds or builds it.
    Image(Box<ImageSource>),
}

/// The command that starts a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// The container image that runs instead.
    pub image: Option<Image>,
    /// The difference from AWS, in one line: another version of the interpreter.
    pub note: Option<String>,
    /// The public layers that are in the cache. They follow the layers of the package.
    pub layers: Vec<Installed>,
}

impl Resolved {
    /// A command that needs nothing else.
    #[must_use]
    pub fn of(command: Vec<OsString>) -> Resolved {
        Resolved { command, image: None, note: None, layers: Vec::new() }
    }
}

/// The permitted means of finding an interpreter and AWS's runtime client.
pub struct Means<'a> {
    /// Nothing is downloaded.
    pub offline: bool,
    /// Nothing is installed, and a missing client is not an error: for `hardcap check`.
    pub only_looks: bool,
    /// Images are not built.
    pub no_build: bool,
    /// Receives one line when something is installed.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

impl std::fmt::Debug for Means<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Means { offline, only_looks, no_build, tell: _ } = self;
        write!(f, "Means {{ offline: {offline}, only_looks: {only_looks}, no_build: {no_build} }}")
    }
}

impl Default for Means<'_> {
    fn default() -> Self {
        Means { offline: false, only_looks: false, no_build: false, tell: &|_| {} }
    }
}

/// A binary that cargo builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// A folder of the workspace.
    pub folder: PathBuf,
    /// The package, if the folder has more than one.
    pub package: Option<String>,
    /// The binary, if the package has more than one.
    pub bin: Option<String>,
    /// Whether it is for Lambda. Then `cargo lambda` builds it, if that is installed.
    pub for_lambda: bool,
}

/// The error of a function or a companion service without a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n  = help: {help}")]
pub struct PackagingError {
    /// The error: the program or the file that is missing.
    pub what: String,
    /// The remedy.
    pub help: String,
}

impl PackagingError {
    /// An error: what is missing, and what to do.
    pub fn new(what: impl Into<String>, help: impl Into<String>) -> PackagingError {
        PackagingError { what: what.into(), help: help.into() }
    }
}

impl Package {
    /// A package without properties, of the function with this logical id.
    #[must_use]
    pub fn new(logical_id: &str) -> Package {
        Package {
            logical_id: logical_id.to_owned(),
            runtime: "provided.al2023".to_owned(),
            handler: "bootstrap".to_owned(),
            code: Code::Unnamed,
            layers: Vec::new(),
            public_layers: Vec::new(),
            folder: PathBuf::from("."),
            project: PathBuf::from("."),
            build_method: None,
            cargo_package: None,
            cargo_bin: None,
            program: None,
            arguments: Vec::new(),
            python: None,
        }
    }

    /// The folder or archive of the code, if it is on this machine.
    #[must_use]
    pub fn local_code(&self) -> Option<&Path> {
        match &self.code {
            Code::Local(path) => Some(path),
            Code::Inline(_) | Code::Image(_) | Code::Uploaded(_) | Code::Unnamed => None,
        }
    }

    /// Whether the template names code that need not be on this machine, such as a container image. This is not an error of the
    /// template.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.code, Code::Image(_) | Code::Uploaded(_))
    }

    /// Whether the function runs from a container image.
    #[must_use]
    pub fn is_image(&self) -> bool {
        self.program.is_none() && matches!(self.code, Code::Image(_))
    }

    /// The folder of the code, if it is a folder on this machine.
    pub(crate) fn code_folder(&self) -> Option<&Path> {
        match &self.code {
            Code::Local(path) if path.is_dir() => Some(path),
            _ => None,
        }
    }

    fn has_no_layer(&self) -> bool {
        self.layers.is_empty() && self.public_layers.is_empty()
    }

    /// The folder that the function starts in.
    #[must_use]
    pub fn task_root(&self) -> PathBuf {
        absolute(self.code_folder().unwrap_or(&self.folder))
    }
}

/// Chooses the interpreter of a Python or Node function, and finds or builds a container image.
///
/// # Errors
///
/// [`PackagingError`] if no interpreter starts, AWS's runtime client is neither found nor installed, or an image cannot run here.
pub fn resolve<'a>(
    found: Found,
    package: &'a Package,
    machine: &'a mut machine::Machine,
    means: &'a Means<'_>,
) -> BoxFuture<'a, Result<Resolved, PackagingError>> {
    Box::pin(async move {
        match found {
            Found::Python => python::resolve(package, machine, means).await,
            Found::Node => node::resolve(package, machine, means).await,
            Found::Image(source) => image::resolve(&source, package, machine, means).await,
            Found::Command(command) => Ok(Resolved::of(command)),
            Found::Cargo(_) => Err(PackagingError::new(
                format!("the package of the function `{}` has no `bootstrap`", package.logical_id),
                "put the built program into the package, at its root, under that name",
            )),
        }
    })
}

/// Searches the program of a function. It starts no process.
///
/// # Errors
///
/// [`PackagingError`] if there is no program: what is missing, and what to do.
pub fn find(package: &Package) -> Result<Found, PackagingError> {
    let id = &package.logical_id;
    match &package.program {
        Some(Program::Command(words)) => {
            return command(words, &package.project, &format!("the function `{id}`"))
                .map(Found::Command);
        }
        Some(Program::Cargo { package: name, bin }) => {
            return Ok(Found::Cargo(Binary {
                folder: absolute(&package.project),
                package: name.clone(),
                bin: Some(bin.clone()),
                for_lambda: true,
            }));
        }
        None => {}
    }
    for layer in &package.layers {
        if !layer.is_dir() {
            return Err(PackagingError::new(
                format!("the layer of the function `{id}` is not a folder: {}", layer.display()),
                "build it, or correct `layers` in hardcap.toml; its paths are relative to that file",
            ));
        }
    }
    if let Code::Image(source) = &package.code {
        return Ok(Found::Image(source.clone()));
    }
    let code = package.folder_of_code()?;
    match package.runtime.as_str() {
        runtime if runtime.starts_with("python") => Ok(Found::Python),
        runtime if runtime.starts_with("nodejs") => Ok(Found::Node),
        runtime if runtime.starts_with("provided") => native(package, &code),
        _ => other::command(package, &code).map(Found::Command),
    }
}

/// A command of `hardcap.toml`. Its first word is resolved, so that it names the same program in every folder.
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
        let mut command = shell_of(&bootstrap);
        command.push(bootstrap.into_os_string());
        return Ok(Found::Command(command));
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

/// Bash for a script with `#!/bin/sh`, else nothing. Amazon Linux's `sh` is Bash, that of many machines is not, and AWS's own
/// `bootstrap` has `set -euo pipefail` (Lambda developer guide, "Building a custom runtime for AWS Lambda").
fn shell_of(script: &Path) -> Vec<OsString> {
    use std::io::Read as _;
    let mut head = Vec::with_capacity(128);
    let read = std::fs::File::open(script).and_then(|file| file.take(128).read_to_end(&mut head));
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let option = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("#!/bin/sh"));
    let (Ok(_), Some(option), Some(bash)) = (read, option, tool::find("bash")) else {
        return Vec::new();
    };
    // The kernel gives an interpreter at most one argument.
    let option = Some(option.trim()).filter(|option| !option.is_empty());
    let mut command = vec![bash.into_os_string(), OsString::from("--posix")];
    command.extend(option.map(OsString::from));
    command
}

/// An interpreter that `hardcap.toml` names, relative to its folder. In a virtual environment it is a link. The link must not be
/// resolved, because the interpreter finds its packages by the location of the link.
pub fn absolute_program(folder: &Path, program: &Path) -> PathBuf {
    let path = folder.join(program);
    std::path::absolute(&path).unwrap_or(path)
}

/// An absolute path without `.`, which names the same file for a process that starts in another folder.
pub fn absolute(path: &Path) -> PathBuf {
    // The parent of a bare file name is an empty path, which stands for this folder.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or(path)
}
