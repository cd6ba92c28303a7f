//! The only place that starts processes: programs under test, and cargo where one of them is not built yet.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A program that runs until it is stopped or dropped. Its standard error is this process's.
#[derive(Debug)]
#[must_use = "the program is told to end when this is dropped"]
pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a program, with variables on top of this process's.
    ///
    /// # Errors
    ///
    /// When it cannot be started; the message names it.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
    ) -> io::Result<Process> {
        Process::start_with(program, arguments, variables, Stdio::inherit())
    }

    /// As [`Process::start`], with its standard error in a file.
    ///
    /// # Errors
    ///
    /// As [`Process::start`], and when there can be no such file.
    pub fn start_logged<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        log: &Path,
    ) -> io::Result<Process> {
        Process::start_logged_with(program, arguments, &[], log)
    }

    /// As [`Process::start_logged`], with variables on top of this process's.
    ///
    /// # Errors
    ///
    /// As [`Process::start_logged`].
    pub fn start_logged_with<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
        log: &Path,
    ) -> io::Result<Process> {
        Process::start_with(program, arguments, variables, std::fs::File::create(log)?.into())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the module that starts processes")]
    fn start_with<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
        stderr: Stdio,
    ) -> io::Result<Process> {
        let mut child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .stderr(stderr)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let program = program.display();
                io::Error::new(error.kind(), format!("cannot start {program}: {error}"))
            })?;
        let stdout = child.stdout.take().expect("the standard output was asked for");
        Ok(Process { child, lines: BufReader::new(stdout).lines() })
    }

    /// The next line of its standard output.
    ///
    /// # Errors
    ///
    /// When it ended without one.
    pub async fn line(&mut self) -> io::Result<String> {
        self.lines.next_line().await?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::UnexpectedEof, format!("{:?} ended", self.child))
        })
    }

    /// Its process id; `None` when it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// When it cannot be asked for.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Tells it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn stop(mut self) -> io::Result<ExitStatus> {
        self.terminate();
        self.child.wait().await
    }

    fn terminate(&self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = id.and_then(Pid::from_raw) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.terminate();
    }
}

/// Runs a program to its end, and gives what it wrote.
///
/// # Errors
///
/// When it cannot be started; the message names it.
#[expect(clippy::disallowed_methods, reason = "this is the module that starts processes")]
pub async fn output<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
    folder: &Path,
) -> io::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    command.output().await.map_err(|error| {
        let program = program.display();
        io::Error::new(error.kind(), format!("cannot run {program}: {error}"))
    })
}

/// A program that answers each line with a line. Its standard error is this process's.
#[derive(Debug)]
pub struct Dialogue {
    child: std::process::Child,
    asks: std::process::ChildStdin,
    answers: std::io::BufReader<std::process::ChildStdout>,
}

impl Dialogue {
    /// Starts a program.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    #[expect(clippy::disallowed_methods, reason = "this is the module that starts processes")]
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> io::Result<Dialogue> {
        let mut child = std::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipe = || io::Error::other("a pipe that was asked for is missing");
        let asks = child.stdin.take().ok_or_else(pipe)?;
        let answers = std::io::BufReader::new(child.stdout.take().ok_or_else(pipe)?);
        Ok(Dialogue { child, asks, answers })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// When the program ended without one.
    pub fn ask(&mut self, line: &str) -> io::Result<String> {
        use std::io::{BufRead as _, Write as _};
        writeln!(self.asks, "{line}")?;
        let mut answer = String::new();
        match self.answers.read_line(&mut answer)? {
            0 => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{:?} ended", self.child)))
            }
            _ => Ok(answer),
        }
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `PATH`, where programs are looked for.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "what is started finds programs as this process does"
)]
pub fn search_path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// Runs a program to its end, with variables on top of this process's.
///
/// # Errors
///
/// When it cannot be started.
#[expect(clippy::disallowed_methods, reason = "this is the module that starts processes")]
pub fn output_with<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
    variables: &[(&str, &str)],
) -> io::Result<Output> {
    std::process::Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
}

/// A binary of the workspace, built in the profile of the running test: built now, unless it is there and new.
///
/// cargo builds the binaries of a test's own package before the test, but not those of another package, except where that
/// package's tests are built too, as `cargo test --workspace` does. Then nothing is built here.
///
/// # Panics
///
/// When it cannot be built; cargo's own output says why.
#[must_use]
pub fn binary(package: &str, name: &str) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
    let folder = profile_folder();
    let path = beside(name);
    let built = BUILT.get_or_init(Mutex::default);
    let mut built = built.lock().unwrap_or_else(PoisonError::into_inner);
    let own = package == env!("CARGO_PKG_NAME");
    if built.insert(name.to_owned()) && !own && !is_newer_than_sources(&path) {
        build(&folder, name);
    }
    assert!(path.is_file(), "{} does not exist; `cargo build -p {package}`", path.display());
    path
}

/// Where cargo puts a program of the profile that the running one was built in.
#[must_use]
pub fn beside(name: &str) -> PathBuf {
    profile_folder().join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Whether a program is there and younger than everything it could be made of.
fn is_newer_than_sources(program: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|facts| facts.modified()).ok();
    let Some(built) = modified(program) else { return false };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths: Vec<PathBuf> = ["Cargo.lock", "Cargo.toml", "emulator", "proxy"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            let Ok(entries) = path.read_dir() else { return false };
            paths.extend(entries.flatten().map(|entry| entry.path()));
        } else if modified(&path).is_none_or(|source| source > built) {
            return false;
        }
    }
    true
}

/// Builds as `cargo test --workspace` does: with a test among what is built, cargo enables the same features, and compiles
/// no dependency a second time.
#[expect(clippy::disallowed_methods, reason = "this is the module that starts processes")]
fn build(folder: &Path, name: &str) {
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let target = folder.parent().expect("a profile's folder lies in the target folder");
    let mut cargo = std::process::Command::new(env!("CARGO"));
    // Cargo tells a test about the test's package, and ring's build script is run again when it hears something else than
    // before: all that depends on ring would be compiled twice.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let status = cargo
        .args(["build", "--quiet", "--workspace", "--bin", name, "--test", "allocations"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .status();
    assert!(
        status.as_ref().is_ok_and(ExitStatus::success),
        "cargo could not build {name}: {status:?}"
    );
}

/// `target/debug` or `target/release`: where cargo put the running test.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    let folder = test.parent().expect("the running test lies in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.to_owned()
}
