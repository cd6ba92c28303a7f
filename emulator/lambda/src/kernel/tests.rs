//! The interface of the module, with programs of the system. `tests/tests/platform/lambda` tests sandboxes from outside.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hardcap_core::clock::Clock;

use super::{
    Confinement, Exit, Extent, Isolation, Launcher, Process, Program, Rest, SandboxLimits, View,
};

const LIMITS: SandboxLimits =
    SandboxLimits { bytes: 256 << 20, processes: 1_024, file_descriptors: 77 };

/// One sandbox.
struct Sandbox {
    confinement: Confinement,
    launcher: Launcher,
}

impl Sandbox {
    fn new() -> Sandbox {
        let isolation = Arc::new(Isolation::default());
        let confinement = Confinement::new(isolation, LIMITS).expect("the machine has resources");
        Sandbox { confinement, launcher: Launcher::default() }
    }

    /// Starts a program with as much isolation as the kernel permits.
    async fn start(&self, command: &[&str]) -> io::Result<Process> {
        let mut extent = Extent::Whole;
        loop {
            let program = Program {
                command: command.iter().map(OsString::from).collect(),
                folder: "/".into(),
                environment: vec![
                    ("PATH".into(), "/usr/bin:/bin".into()),
                    ("A".into(), "1".into()),
                ],
            };
            let view = View {
                task_root: Path::new("/"),
                layers: &[],
                mounts: &[],
                needed: Vec::new(),
                tmp_mb: 8,
            };
            match self.confinement.start(&self.launcher, program, &view, extent).await {
                Ok(process) => return Ok(process),
                Err(error) => extent = extent.reduced().ok_or(error)?,
            }
        }
    }

    /// The output of a script of the shell, and its exit.
    async fn run(&self, script: &str) -> (String, Exit) {
        let mut process = self.start(&["sh", "-c", script]).await.expect("the shell starts");
        let written = Mutex::new(Vec::new());
        let take = |piece: &[u8]| written.lock().expect("one reader").extend_from_slice(piece);
        while process.output.follow(take).await == Rest::Later {}
        let exit = Exit::of(process.child.wait().await.expect("the shell ends"));
        let written = written.into_inner().expect("one reader");
        (String::from_utf8(written).expect("text"), exit)
    }
}

#[tokio::test]
async fn a_process_has_the_given_variables_and_limits_and_no_others() {
    let sandbox = Sandbox::new();
    let (text, exit) = sandbox.run("env | grep -v ^PWD=; ulimit -n").await;
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("_=")).collect();
    lines.sort_unstable();
    assert_eq!((lines, exit), (vec!["77", "A=1", "PATH=/usr/bin:/bin"], Exit::Clean), "{text}");
}

#[tokio::test]
async fn exits_by_status_and_by_signal_are_distinguished() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run("exit 3").await.1, Exit::Status(3));
    assert_eq!(sandbox.run("kill -9 $$").await.1, Exit::KILLED);
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_an_error_of_its_kind() {
    let sandbox = Sandbox::new();
    let error = sandbox.start(&["/there/is/no/such/program"]).await.expect_err("it is missing");
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    let error = sandbox.start(&["/etc/passwd"]).await.expect_err("it is not executable");
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
}

#[tokio::test]
async fn a_file_in_tmp_outlives_the_process_that_wrote_it() {
    let name = format!("/tmp/hardcap-kernel-{}", std::process::id());
    let sandbox = Sandbox::new();
    let script = format!("echo kept > {name}; echo written; exec sleep 1000");
    let writer = sandbox.start(&["sh", "-c", &script]).await.expect("the shell starts");
    let ignore = |_: &[u8]| {};
    assert_eq!(writer.output.follow(ignore).await, Rest::Later);
    writer.group.kill();
    while writer.output.follow(ignore).await == Rest::Later {}
    assert_eq!(sandbox.run(&format!("cat {name}; rm {name}")).await.0, "kept\n");
}

#[tokio::test]
async fn the_group_of_a_process_ends_with_all_descendants() {
    let sandbox = Sandbox::new();
    let process = sandbox.start(&["sh", "-c", "sleep 1000 & echo started; wait"]).await;
    let process = process.expect("the shell starts");
    let ignore = |_: &[u8]| {};
    assert_eq!(process.output.follow(ignore).await, Rest::Later);
    process.group.kill();
    // Both have the pipe open, so its end is the end of both.
    while process.output.follow(ignore).await == Rest::Later {}
    sandbox.confinement.end(&Clock::default()).await;
}
