//! Programs other than functions: build tools and companions. Functions are started in `lambda`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// Ends a process group when standard input ends: when hardcap ends in any way.
const END_GROUP: &str = r#"read -r _; kill -s KILL -- "-$0""#;

/// A program to start.
#[derive(Clone, Debug)]
pub struct Tool {
    /// A path, or a name to search for in `PATH`.
    pub program: OsString,
    /// The arguments, without the program.
    pub arguments: Vec<OsString>,
    /// The working directory.
    pub folder: PathBuf,
    /// Variables in addition to hardcap's own.
    pub environment: Vec<(String, String)>,
    /// Variables of hardcap's own that are removed.
    pub hidden: Vec<OsString>,
}

impl Tool {
    /// A program with its arguments and its working directory.
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

    /// Starts the program in its own process group, with its output piped. It ends with hardcap, and so do its descendants, even
    /// if hardcap is killed. The kernel ends it when the calling thread ends, so the thread must live as long as the program.
    pub fn start(&self) -> std::io::Result<RunningTool> {
        let mut command = self.command();
        command.process_group(0);
        end_with_hardcap(&mut command);
        let child = command.spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).map(Group);
        let guard = group.as_ref().map(Group::guard).transpose()?;
        Ok(RunningTool { child, _guard: guard, group })
    }

    /// Runs a program that may take minutes, such as an installation, to its end, and returns its output. It ends with hardcap,
    /// and so do its descendants, even if hardcap is killed.
    pub async fn finish(&self) -> std::io::Result<std::process::Output> {
        let RunningTool { child, _guard, group } = self.start()?;
        let output = child.wait_with_output().await;
        drop((_guard, group));
        output
    }

    /// Runs a program that takes milliseconds to its end and returns its output. A `kill -9` of hardcap leaves it running.
    pub async fn output(&self) -> std::io::Result<std::process::Output> {
        self.command().output().await
    }

    /// As [`Tool::output`], with this standard input.
    pub async fn output_for(&self, input: &[u8]) -> std::io::Result<std::process::Output> {
        let mut child = self.command().stdin(Stdio::piped()).spawn()?;
        if let Some(mut pipe) = child.stdin.take() {
            // A program that ends without reading says why in its output.
            let _ = pipe.write_all(input).await;
        }
        child.wait_with_output().await
    }

    /// Starts the program in its own process group, without output. It may outlive hardcap: when hardcap ends in any way, only its
    /// standard input ends.
    pub fn start_beyond_hardcap(&self) -> std::io::Result<Child> {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.process_group(0).kill_on_drop(false);
        command.spawn()
    }

    /// Starts the program in the foreground: it has hardcap's terminal and gets the terminal's signals.
    pub fn start_in_foreground(&self) -> std::io::Result<Child> {
        let mut command = self.command();
        command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        command.spawn()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that starts tools and companions"
    )]
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

/// Removes a folder in a process that may outlive hardcap. It is not waited for.
pub(crate) fn remove_beyond_hardcap(folder: &Path) -> std::io::Result<()> {
    let arguments = ["-rf".as_ref(), "--".as_ref(), folder.as_os_str()];
    let mut command = Tool::new("rm", arguments, Path::new("/")).command();
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    // Not by tokio, whose runtime may have ended.
    drop(command.into_std().spawn()?);
    Ok(())
}

/// Whether `cargo run` and `cargo test` set this variable to describe the package of the running program. A build script that
/// inherits such a variable may run again: with those of `ring` inherited, a build compiles ring and all its dependents twice.
fn is_of_cargo_run(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Gives the program the limit of open files that hardcap was started with, if hardcap has raised its own: programs that use
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

/// On other systems only the guard of the group ends it.
#[cfg(not(target_os = "linux"))]
fn end_with_hardcap(_command: &mut Command) {}

/// Makes the kernel end the calling process when its parent ends. Makes only system calls, so that it may be called between
/// fork and exec.
#[cfg(target_os = "linux")]
pub fn end_with(parent: Pid) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the call; then no signal would be sent.
    if rustix::process::getppid() != Some(parent) {
        return Err(std::io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

/// A running program. Dropping it ends the program with all its descendants.
#[derive(Debug)]
pub struct RunningTool {
    /// The process itself.
    pub child: Child,
    /// Ends before the group, whose id may belong to other processes afterwards.
    _guard: Option<Child>,
    group: Option<Group>,
}

impl RunningTool {
    /// Sends SIGTERM to the program and its descendants.
    pub fn terminate(&self) {
        if let Some(group) = &self.group {
            group.signal(Signal::TERM);
        }
    }
}

/// Ends its processes when it is dropped.
#[derive(Debug)]
struct Group(Pid);

impl Group {
    /// Starts the process that ends this group after a `kill -9` of hardcap. The kernel ends only the first process of a group then.
    fn guard(&self) -> std::io::Result<Child> {
        let group = self.0.as_raw_nonzero().to_string();
        let mut command = Tool::new("/bin/sh", ["-c", END_GROUP, &group], Path::new("/")).command();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.process_group(0).spawn()
    }

    fn signal(&self, signal: Signal) {
        // An error means that all of them have ended already.
        let _ = kill_process_group(self.0, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// The location of a program: a path as it is, a name by the folders of `PATH`. `None` if it does not exist.
pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return is_executable(Path::new(program)).then(|| PathBuf::from(program));
    }
    #[expect(clippy::disallowed_methods, reason = "programs are found as the shell finds them")]
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
}

/// Whether this file is executable by anyone.
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tool_does_not_inherit_the_package_variables_of_cargo() {
        // Cargo sets this variable for the tests of this crate, as for a program of `cargo run`.
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
