//! Python functions: the choice of the interpreter and of AWS's runtime client.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hardcap_limits::Millis;

use super::machine::{Machine, Python};
use super::{
    Means, Package, PackagingError, Resolved, absolute, absolute_program, cache, public_layers, sdk,
};
use hardcap_core::clock::Clock;
use hardcap_core::tool::{self, Tool};

/// The code for the interpreter: it adds the layers to the path and starts AWS's runtime client.
const START: &str = include_str!("python/start.py");
/// The timeout of the installation of the runtime client.
const INSTALL_WITHIN: Millis = Millis(120_000);

/// The command of a Python function: an interpreter by its absolute path, and AWS's runtime client.
///
/// # Errors
///
/// [`PackagingError`] if there is no Python, or the client is neither found nor installed.
pub(super) async fn resolve(
    package: &Package,
    machine: &mut Machine,
    means: &Means<'_>,
) -> Result<Resolved, PackagingError> {
    let python = choose(package, machine).await?;
    let has_client = python.has_client || brings_client(package);
    let client = if has_client { None } else { client(package, &python, machine, means).await? };
    let client = client.map(PathBuf::into_os_string).unwrap_or_default();
    let command = vec![
        python.executable.clone().into_os_string(),
        OsString::from("-c"),
        OsString::from(START),
        client,
        sdk::python(package, &python, machine, means).await.unwrap_or_default().into_os_string(),
    ];
    let [major, minor, patch] = python.version;
    let declared = package.runtime.strip_prefix("python").unwrap_or_default();
    let note = (declared != format!("{major}.{minor}")).then(|| {
        let program = python.executable.display();
        format!("{} runs on Python {major}.{minor}.{patch} ({program})", package.runtime)
    });
    let layers = public_layers::python(&package.public_layers, &python, machine, means).await;
    Ok(Resolved { command, note, layers, image: None })
}

/// The command of [`resolve`], changed so that the interpreter listens for a debugger before it loads the function.
pub(super) fn under_debugpy(mut command: Vec<OsString>, port: u16, waits: bool) -> Vec<OsString> {
    let wait = if waits { "debugpy.wait_for_client()\n" } else { "" };
    let listen = format!("import debugpy\ndebugpy.listen((\"127.0.0.1\", {port}))\n{wait}");
    if let Some(script) = command.get_mut(2) {
        let mut whole = OsString::from(listen);
        whole.push(&script);
        *script = whole;
    }
    // Without it, a Python from 3.11 on warns that breakpoints may be missed. Older ones ignore the option.
    command.insert(1, "-Xfrozen_modules=off".into());
    command
}

/// The interpreter: the first candidate that starts.
async fn choose(package: &Package, machine: &mut Machine) -> Result<Python, PackagingError> {
    let id = &package.logical_id;
    let wanted = package.runtime.as_str();
    if let Some(given) = &package.python {
        let program = absolute_program(&package.project, given);
        return machine.python(&program).await.ok_or_else(|| {
            PackagingError::new(
                format!("the Python of the function `{id}` does not start: {}", program.display()),
                format!("correct `python` of [functions.{id}] in hardcap.toml"),
            )
        });
    }
    for candidate in candidates(package, machine) {
        if let Some(python) = machine.python(&candidate).await {
            return Ok(python);
        }
    }
    Err(PackagingError::new(
        format!("the function `{id}` needs Python ({wanted}), and no Python was found"),
        format!("install {wanted}, or name one: [functions.{id}] python = \"…\" in hardcap.toml"),
    ))
}

/// The candidates, the best first: the virtual environments of the code, the template and the project, the active one, then the
/// runtime's version on `PATH` and in the folders of pyenv, conda and Homebrew, then any version.
fn candidates(package: &Package, machine: &Machine) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let code = package.code_folder().map(absolute);
    let folders = [code, Some(absolute(&package.folder)), Some(absolute(&package.project))];
    for folder in folders.into_iter().flatten() {
        found.extend(
            [".venv", "venv"].map(|environment| folder.join(environment).join("bin/python")),
        );
    }
    found.extend(machine.virtual_env.iter().map(|environment| environment.join("bin/python")));
    let exact = package.runtime.as_str();
    found.extend(machine.path.iter().map(|folder| folder.join(exact)));
    found.extend(machine.pyenv.iter().flat_map(|root| pyenv_versions(root, exact)));
    found.extend(machine.homebrew.iter().map(|folder| folder.join(exact)));
    found.extend(machine.conda.iter().map(|environment| environment.join("bin/python")));
    for name in ["python3", "python"] {
        found.extend(machine.path.iter().map(|folder| folder.join(name)));
    }
    found.retain(|program| tool::is_executable(program));
    found
}

/// The interpreters of one minor version below pyenv's root, the newest first.
fn pyenv_versions(root: &Path, exact: &str) -> Vec<PathBuf> {
    let prefix = format!("{}.", exact.trim_start_matches("python"));
    let Ok(entries) = std::fs::read_dir(root.join("versions")) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut versions: Vec<(u32, String)> =
        names.filter_map(|name| Some((name.strip_prefix(&prefix)?.parse().ok()?, name))).collect();
    versions.sort_by(|one, other| other.cmp(one));
    let program =
        |(_, name): (u32, String)| root.join("versions").join(name).join("bin").join(exact);
    versions.into_iter().map(program).collect()
}

fn brings_client(package: &Package) -> bool {
    brings(package, "awslambdaric")
}

/// Whether the package or one of its layers contains this Python package.
pub(super) fn brings(package: &Package, name: &str) -> bool {
    let client = &format!("{name}/__init__.py");
    let library = format!("lib/{}/site-packages", package.runtime);
    let layers = package.layers.iter().map(|layer| layer.join("python"));
    let layers = layers.flat_map(|folder| [folder.join(&library), folder]);
    let code = package.code_folder().map(Path::to_owned);
    code.into_iter().chain(layers).any(|folder| folder.join(client).is_file())
}

/// The folder with the client for Pythons of this kind, which hardcap installs once.
async fn client(
    package: &Package,
    python: &Python,
    machine: &Machine,
    means: &Means<'_>,
) -> Result<Option<PathBuf>, PackagingError> {
    let folder = machine.cache.join("awslambdaric").join(&python.tag);
    if folder.join("awslambdaric/__init__.py").is_file() {
        cache::used(&folder);
        return Ok(Some(folder));
    }
    if means.only_looks {
        return Ok(None);
    }
    let program = python.executable.display();
    let by_hand = format!(
        "run {program} -m pip install awslambdaric, or name another Python: [functions.{}] python = \"…\" in hardcap.toml",
        package.logical_id
    );
    let what = format!(
        "the function `{}` needs AWS's Python runtime, which {program} does not have",
        package.logical_id
    );
    if means.offline {
        return Err(PackagingError::new(format!("{what}; nothing is installed offline"), by_hand));
    }
    (means.tell)(&format!(
        "installing AWS's Python runtime (awslambdaric) for {program} into {}, once",
        folder.display()
    ));
    match install(python, "awslambdaric", &folder).await {
        Ok(()) => Ok(Some(folder)),
        Err(why) => {
            Err(PackagingError::new(format!("{what}, and installing it failed: {why}"), by_hand))
        }
    }
}

/// Installs a package with pip: that of the interpreter, of the one that its virtual environment was made with, or uv's.
pub(super) async fn install(
    python: &Python,
    name: &str,
    folder: &Path,
) -> Result<(), InstallError> {
    install_below(python, name, folder, "").await
}

/// As [`install`], into `below` of the folder.
pub(super) async fn install_below(
    python: &Python,
    name: &str,
    folder: &Path,
    below: &str,
) -> Result<(), InstallError> {
    let new = cache::begin(folder)?;
    let target = new.path().join(below);
    let mut why = InstallError::Said(String::new());
    for pip in pips(python) {
        match run_pip(pip, name, &target).await {
            Ok(()) => return Ok(cache::finish(new, folder)?),
            // A virtual environment without pip is usual, so the first other reason is reported.
            Err(error) if why.says_little() => why = error,
            Err(_) => {}
        }
    }
    Err(why)
}

/// The error of an installation.
#[derive(Debug, thiserror::Error)]
pub(super) enum InstallError {
    /// A folder cannot be written, or the installer does not start.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The installer exceeded its timeout.
    #[error("the installer has not ended within {} s", seconds(*.0))]
    TooLong(Millis),
    /// The last line that the installer wrote.
    #[error("{0}")]
    Said(String),
}

fn seconds(span: Millis) -> u64 {
    span.0 / 1000
}

impl InstallError {
    /// Whether the reason of another installer is more useful.
    fn says_little(&self) -> bool {
        matches!(self, InstallError::Said(why) if why.is_empty() || why.ends_with("No module named pip"))
    }

    /// The last line of an installer's output.
    pub(super) fn of(stderr: &[u8]) -> InstallError {
        let said = String::from_utf8_lossy(stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        InstallError::Said(last.unwrap_or("the installer gave no reason").trim().to_owned())
    }
}

/// The programs that install packages for an interpreter, without the package and the folder.
fn pips(python: &Python) -> Vec<Tool> {
    let quiet = ["--quiet", "--no-input", "--disable-pip-version-check"];
    let pip = |interpreter: &Path| {
        let words = ["-m", "pip", "install"].into_iter().chain(quiet);
        Tool::new(interpreter, words, Path::new("/"))
    };
    let mut pips = vec![pip(&python.executable)];
    if python.base != python.executable {
        pips.push(pip(&python.base));
    }
    pips.extend(tool::find("uv").map(|uv| {
        let mut uv = Tool::new(uv, ["pip", "install", "--quiet", "--python"], Path::new("/"));
        uv.arguments.push(python.executable.clone().into_os_string());
        uv
    }));
    pips
}

async fn run_pip(mut pip: Tool, name: &str, target: &Path) -> Result<(), InstallError> {
    pip.arguments.extend(["--target".into(), target.as_os_str().to_owned(), name.into()]);
    let output = Clock::default().timeout(INSTALL_WITHIN, pip.finish()).await;
    let output = output.ok_or(InstallError::TooLong(INSTALL_WITHIN))??;
    if output.status.success() { Ok(()) } else { Err(InstallError::of(&output.stderr)) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::Code;
    use super::*;

    /// A project with a code folder, and programs at these paths.
    fn project(programs: &[&str]) -> (tempfile::TempDir, Package, Machine) {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        let code = root.join("project/template/code");
        std::fs::create_dir_all(&code).unwrap();
        for program in programs {
            let path = root.join(program);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "#!/bin/sh\nexit 1\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let package = Package {
            runtime: "python3.12".to_owned(),
            code: Code::Local(code),
            folder: root.join("project/template"),
            project: root.join("project"),
            ..Package::new("F")
        };
        let machine = Machine {
            path: vec![root.join("shims"), root.join("bin")],
            virtual_env: Some(root.join("active")),
            conda: Some(root.join("conda")),
            pyenv: Some(root.join("pyenv")),
            homebrew: vec![root.join("brew")],
            cache: root.join("cache"),
            ..Machine::default()
        };
        (outer, package, machine)
    }

    #[test]
    fn pythons_are_tried_in_the_documented_order() {
        let order = [
            "project/template/code/.venv/bin/python",
            "project/template/code/venv/bin/python",
            "project/template/.venv/bin/python",
            "project/venv/bin/python",
            "active/bin/python",
            "shims/python3.12",
            "bin/python3.12",
            "pyenv/versions/3.12.10/bin/python3.12",
            "pyenv/versions/3.12.9/bin/python3.12",
            "brew/python3.12",
            "conda/bin/python",
            "shims/python3",
            "bin/python3",
            "bin/python",
        ];
        let others = ["pyenv/versions/3.1.2/bin/python3.12", "bin/python3.13"];
        let (outer, package, machine) = project(&[&order[..], &others[..]].concat());
        let root = outer.path().canonicalize().unwrap();
        let found = candidates(&package, &machine);
        let found: Vec<&Path> =
            found.iter().map(|path| path.strip_prefix(&root).unwrap()).collect();
        assert_eq!(found, order.map(Path::new));
    }

    #[tokio::test]
    async fn without_a_python_that_starts_the_runtime_is_named() {
        let (_outer, package, mut machine) = project(&["bin/python3.12"]);
        let error = choose(&package, &mut machine).await.expect_err("it exits with 1");
        assert_eq!(
            error.to_string(),
            "the function `F` needs Python (python3.12), and no Python was found\n  = help: install python3.12, or name \
             one: [functions.F] python = \"…\" in hardcap.toml"
        );
    }

    #[tokio::test]
    async fn a_python_that_hardcap_toml_names_is_the_only_one_that_is_tried() {
        let (_outer, mut package, mut machine) = project(&["project/mine", "bin/python3.12"]);
        package.python = Some("mine".into());
        let error = choose(&package, &mut machine).await.expect_err("it exits with 1");
        assert!(
            error.what.starts_with("the Python of the function `F` does not start: "),
            "{error}"
        );
        assert!(error.what.ends_with("/project/mine"), "{error}");
    }

    #[test]
    fn a_package_or_a_layer_may_bring_the_client() {
        let (outer, mut package, _machine) = project(&[]);
        assert!(!brings_client(&package));
        let layer = outer.path().join("layer");
        package.layers = vec![layer.clone()];
        let folder = layer.join("python/lib/python3.12/site-packages/awslambdaric");
        std::fs::create_dir_all(&folder).unwrap();
        assert!(!brings_client(&package));
        std::fs::write(folder.join("__init__.py"), "").unwrap();
        assert!(brings_client(&package));
    }

    #[tokio::test]
    async fn offline_nothing_is_installed_and_the_command_is_named() {
        let (_outer, package, machine) = project(&[]);
        let python = Python {
            executable: "/opt/py/bin/python3.12".into(),
            base: "/opt/py/bin/python3.12".into(),
            version: [3, 12, 1],
            tag: "cpython-312-linux-x86_64".to_owned(),
            has_client: false,
            has_sdk: false,
        };
        let means = Means { offline: true, ..Means::default() };
        let error = client(&package, &python, &machine, &means).await.expect_err("it is offline");
        assert!(
            error.help.starts_with("run /opt/py/bin/python3.12 -m pip install awslambdaric"),
            "{error}"
        );
        assert!(!machine.cache.exists());
    }
}
