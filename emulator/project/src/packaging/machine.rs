//! The interpreters of this machine. The properties of each are read once.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use hardcap_limits::Millis;
use serde::Deserialize;

use hardcap_core::clock::Clock;
use hardcap_core::tool::{self, Tool};

/// The time within which an interpreter must print its properties.
const PROBE_WITHIN: Millis = Millis(20_000);
/// Prints the used properties of a Python as JSON.
const PROBE: &str = include_str!("python/probe.py");

/// A Python, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Python {
    /// The program itself: the one that a shim of pyenv starts, or the link in a virtual environment.
    pub executable: PathBuf,
    /// The interpreter that a virtual environment was created with. It may have pip if the environment does not.
    pub base: PathBuf,
    /// Major, minor and patch.
    pub version: [u32; 3],
    /// `cpython-311-linux-x86_64`: packages that are installed for it fit others with the same tag.
    pub tag: String,
    /// Whether it has AWS's runtime client.
    pub has_client: bool,
    /// Whether it has boto3, AWS's SDK.
    pub has_sdk: bool,
}

/// The locations of interpreters, and the interpreters whose properties are known.
#[derive(Debug, Default)]
pub struct Machine {
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// The active virtual environment.
    pub virtual_env: Option<PathBuf>,
    /// The active conda environment.
    pub conda: Option<PathBuf>,
    /// The root of pyenv.
    pub pyenv: Option<PathBuf>,
    /// The root of nvm.
    pub nvm: Option<PathBuf>,
    /// The folder of Homebrew's programs.
    pub homebrew: Vec<PathBuf>,
    /// The cache, with AWS's runtime client and the runtime for Node.
    pub cache: PathBuf,
    pub(super) pythons: HashMap<PathBuf, Option<Python>>,
    pub(super) nodes: HashMap<PathBuf, Option<[u32; 3]>>,
    /// Docker's client, or why it cannot be used; `None` until it was looked for.
    pub(super) docker: Option<Result<PathBuf, DockerError>>,
}

impl Machine {
    /// This machine, by the environment variables of hardcap.
    pub fn here() -> Machine {
        let home = variable("HOME").map(PathBuf::from);
        let in_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
        Machine {
            path: std::env::split_paths(&variable("PATH").unwrap_or_default()).collect(),
            virtual_env: variable("VIRTUAL_ENV").map(PathBuf::from),
            conda: variable("CONDA_PREFIX").map(PathBuf::from),
            pyenv: variable("PYENV_ROOT").map(PathBuf::from).or_else(|| in_home(".pyenv")),
            nvm: variable("NVM_DIR").map(PathBuf::from).or_else(|| in_home(".nvm")),
            homebrew: ["/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin", "/usr/local/bin"]
                .map(PathBuf::from)
                .to_vec(),
            cache: super::cache::folder(),
            ..Machine::default()
        }
    }

    /// The properties of a Python; `None` if it does not start.
    pub async fn python(&mut self, program: &Path) -> Option<Python> {
        if let Some(known) = self.pythons.get(program) {
            return known.clone();
        }
        // -E: the function does not have the variables of this process, so they must have no effect here either.
        let output = ask(program, ["-E", "-c", PROBE]).await;
        let python = output.and_then(|output| serde_json::from_slice::<Python>(&output).ok());
        self.pythons.insert(program.to_owned(), python.clone());
        python
    }

    /// Docker's client.
    ///
    /// # Errors
    ///
    /// [`DockerError`]: the client is missing, or it does not reach a daemon.
    pub async fn docker(&mut self) -> Result<PathBuf, DockerError> {
        let known = match &self.docker {
            Some(known) => known.clone(),
            None => docker().await,
        };
        self.docker.insert(known).clone()
    }

    /// Whether a Python has debugpy.
    pub async fn has_debugpy(&mut self, program: &Path) -> bool {
        ask(program, ["-E", "-c", "import debugpy"]).await.is_some()
    }

    /// The version of a Node; `None` if it does not start.
    pub async fn node(&mut self, program: &Path) -> Option<[u32; 3]> {
        if let Some(known) = self.nodes.get(program) {
            return *known;
        }
        let output = ask(program, ["--version"]).await;
        let version = output.and_then(|output| version(&String::from_utf8_lossy(&output)));
        self.nodes.insert(program.to_owned(), version);
        version
    }
}

/// Why no container can run on this machine, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerError {
    /// The client is not installed.
    #[error("Docker is not installed here: install it")]
    NoClient,
    /// The client does not start.
    #[error("{} cannot be run: {error}", client.display())]
    NotStarted {
        /// The client.
        client: PathBuf,
        /// The error of the system.
        error: String,
    },
    /// The client does not end.
    #[error("Docker does not respond: restart its daemon")]
    NoResponse,
    /// The client does not reach a daemon. The text is its last line.
    #[error("Docker cannot be used here ({0}): start its daemon")]
    NoDaemon(String),
}

async fn docker() -> Result<PathBuf, DockerError> {
    let client = tool::find("docker").ok_or(DockerError::NoClient)?;
    let arguments = ["version", "--format", "{{.Server.Version}}"];
    let tool = Tool::new(&client, arguments, Path::new("/"));
    match Clock::default().timeout(PROBE_WITHIN, tool.output()).await {
        None => Err(DockerError::NoResponse),
        Some(Err(error)) => Err(DockerError::NotStarted { client, error: error.to_string() }),
        Some(Ok(output)) if output.status.success() => Ok(client),
        Some(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            Err(DockerError::NoDaemon(last.trim().to_owned()))
        }
    }
}

async fn ask<const N: usize>(program: &Path, arguments: [&str; N]) -> Option<Vec<u8>> {
    let tool = Tool::new(program, arguments, Path::new("/"));
    let output = Clock::default().timeout(PROBE_WITHIN, tool.output()).await?.ok()?;
    output.status.success().then_some(output.stdout)
}

/// `v20.11.1`
fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.trim().strip_prefix('v')?.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next()?])
}

/// A variable of hardcap's own environment; an empty one is not set.
#[expect(
    clippy::disallowed_methods,
    reason = "interpreters and caches are found where the shell finds them"
)]
pub(super) fn variable(name: impl AsRef<OsStr>) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_three_numbers_behind_a_v() {
        assert_eq!(version("v20.11.1\n"), Some([20, 11, 1]));
        for text in ["", "20.11.1", "v20", "v20.x.1", "node: not found"] {
            assert_eq!(version(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_program_that_does_not_start_or_prints_something_else_is_not_an_interpreter() {
        let mut machine = Machine::default();
        for program in ["/does/not/exist", "/bin/true", "/bin/false"] {
            assert_eq!(machine.python(Path::new(program)).await, None, "{program}");
            assert_eq!(machine.node(Path::new(program)).await, None, "{program}");
        }
    }
}
