//! Programs that are not functions: tools that build, and companions. The functions' own start in `lambda`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// A program to start.
#[derive(Clone, Debug)]
pub struct Tool {
    /// A path, or a name that is looked for in `PATH`.
    pub program: OsString,
    /// The arguments, without the program.
    pub arguments: Vec<OsString>,
    /// The folder it starts in.
    pub folder: PathBuf,
    /// Variables on top of hardcap's own.
    pub environment: Vec<(String, String)>,
    /// Variables of hardcap's own that the program does not get.
    pub hidden: Vec<OsString>,
}

impl Tool {
    /// A program with its arguments, started in a folder.
    pub fn new<A: AsRef<OsStr>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> Tool {
        Tool {
            program: program.into(),
            arguments: arguments.into_iter().map(|a| a.as_ref().to_owned()).collect(),
            folder: folder.to_owned(),
            environment: Vec::new(),
            hidden: Vec::new(),
        }
    }

    /// Starts the program in a process group of its own, with its output piped. It ends with hardcap, also with one that is
    /// killed: so a thread is to call this that lasts as long, for the kernel counts the threads.
    pub fn start(&self) -> std::io::Result<Running> {
        let mut command = self.command();
        command.process_group(0);
        end_with_hardcap(&mut command);
        let child = command.spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).map(Group);
        Ok(Running { child, group })
    }

    /// Runs the program to its end, for a short answer.
    pub async fn output(&self) -> std::io::Result<std::process::Output> {
        self.command().output().await
    }

    /// Starts the program in the foreground: it has hardcap's terminal, and gets the signals that the terminal sends.
    pub fn start_in_foreground(&self) -> std::io::Result<Child> {
        let mut command = self.command();
        command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        command.spawn()
    }

    #[expect(clippy::disallowed_methods, reason = "tools and companions start here")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_cargo_run(name)) {
            command.env_remove(name);
        }
        for name in &self.hidden {
            command.env_remove(name);
        }
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        with_inherited_limits(&mut command);
        command
    }
}

/// Whether a variable is one that `cargo run` and `cargo test` give to the program that they start, about its own package. Build
/// scripts see these too, as long as cargo does not set them anew, and those of `ring` are run again when they differ: a build
/// that inherits them compiles ring, and all that depends on it, twice.
fn is_of_cargo_run(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Gives the program the limit of open files that hardcap was started with, where hardcap has raised its own: programs that use
/// `select` need a low one.
#[expect(unsafe_code, reason = "what a process does to itself before exec has no safe form")]
fn with_inherited_limits(command: &mut Command) {
    use rustix::process::{Resource, setrlimit};
    let Some(limit) = crate::descriptors::started_with() else { return };
    // SAFETY: between fork and exec the closure makes one system call.
    unsafe { command.pre_exec(move || Ok(setrlimit(Resource::Nofile, limit)?)) };
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "what a process does to itself before exec has no safe form")]
fn end_with_hardcap(command: &mut Command) {
    let hardcap = rustix::process::getpid();
    // SAFETY: between fork and exec the closure makes system calls only.
    unsafe { command.pre_exec(move || end_with(hardcap)) };
}

/// Elsewhere a `kill -9` of hardcap leaves companions behind.
#[cfg(not(target_os = "linux"))]
fn end_with_hardcap(_command: &mut Command) {}

/// Makes the kernel end the calling process when its parent ends, however that comes about. Only system calls, so that it may be
/// called between fork and exec.
#[cfg(target_os = "linux")]
pub fn end_with(parent: Pid) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before that: then nobody would send the signal.
    if rustix::process::getppid() != Some(parent) {
        return Err(std::io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

/// A program that runs. Dropping it ends it with everything that it started.
#[derive(Debug)]
pub struct Running {
    /// The process itself.
    pub child: Child,
    group: Option<Group>,
}

impl Running {
    /// Asks the program and all that it started to end.
    pub fn terminate(&self) {
        if let Some(group) = &self.group {
            group.signal(Signal::TERM);
        }
    }
}

/// Ends its processes when it is dropped, however that comes about.
#[derive(Debug)]
struct Group(Pid);

impl Group {
    fn signal(&self, signal: Signal) {
        // It fails when all of them have ended, which is what is wanted.
        let _ = kill_process_group(self.0, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Where a program is: a path as it is, a name in the folders of `PATH`. `None` when there is none.
pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return is_executable(Path::new(program)).then(|| PathBuf::from(program));
    }
    #[expect(clippy::disallowed_methods, reason = "programs are found where the shell finds them")]
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
}

/// Whether somebody may run this file.
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tool_hears_nothing_of_the_package_that_cargo_runs_us_for() {
        // Cargo sets this one for the tests of this crate, as it does for a program of `cargo run`.
        let inherited = std::env::vars_os().any(|(name, _)| name == "CARGO_PKG_NAME");
        assert!(inherited, "this test is started by cargo");
        let mut tool = Tool::new("env", [""; 0], Path::new("."));
        tool.environment.push(("OWN".to_owned(), "1".to_owned()));
        let output = tool.output().await.expect("there is `env`");
        let variables = String::from_utf8_lossy(&output.stdout);
        assert!(variables.contains("OWN=1") && variables.contains("PATH="), "{variables}");
        assert!(!variables.contains("CARGO_PKG_"), "{variables}");
        assert!(!variables.contains("CARGO_MANIFEST_"), "{variables}");
    }
}
