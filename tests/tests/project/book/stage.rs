//! A folder in which the commands of a page run, as a reader runs them, with the built program as `hardcap`.
//!
//! The usual ports may be taken, so every run listens on free ones: `HARDCAP_PORT` and the like say so, and the addresses in
//! commands and outputs are replaced.

#![expect(clippy::disallowed_methods, reason = "the commands of the pages are processes")]

use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hardcap_tests::eventually::eventually_blocking;
use hardcap_tests::process::binary;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

use super::page::root;

/// No command of a page may take longer.
const COMMAND_WITHIN: Duration = Duration::from_secs(180);
/// Where nothing listens: what asks a running hardcap must not find one of another program.
const NOBODY: &str = "http://127.0.0.1:1";

/// A folder, and the hardcap that runs in it.
pub(crate) struct Stage {
    folder: TempDir,
    programs: TempDir,
    running: Option<Running>,
}

/// A hardcap in the background.
struct Running {
    child: Child,
    log: PathBuf,
    /// What a page calls an address, and what it is here.
    addresses: Vec<(String, String)>,
    control: String,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    /// Both outputs, as a terminal shows them, with the addresses that the page uses.
    pub(crate) output: String,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let programs = tempfile::tempdir().unwrap();
        symlink(binary("hardcap", "hardcap"), programs.path().join("hardcap")).unwrap();
        Stage { folder: tempfile::tempdir().unwrap(), programs, running: None }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Where programs are looked for: hardcap, what `just setup` installs, what the machine has.
    pub(crate) fn path(&self) -> String {
        let own = self.programs.path().display();
        let installed = root().join("target/venv/bin");
        format!("{own}:{}:{}", installed.display(), hardcap_tests::process::search_path())
    }

    pub(crate) fn has_program(&self, name: &str) -> bool {
        std::env::split_paths(&self.path()).any(|folder| folder.join(name).is_file())
    }

    fn command(&self, line: &str) -> Command {
        let control = self.running.as_ref().map_or(NOBODY, |running| &running.control);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("exec 2>&1\n{line}")])
            .current_dir(self.folder.path())
            .env("PATH", self.path())
            .env("HARDCAP_PORT", "0")
            .env("HARDCAP_AWS_PORT", "0")
            .env("HARDCAP_READY_FILE", self.ready_file())
            .env("HARDCAP_CONTROL", control)
            .env("NO_COLOR", "1")
            // Of the project that runs this test.
            .env_remove("VIRTUAL_ENV")
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    fn ready_file(&self) -> PathBuf {
        self.programs.path().join("ready.json")
    }

    fn addresses(&self) -> &[(String, String)] {
        self.running.as_ref().map_or(&[], |running| &running.addresses)
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, line: &str) -> Ran {
        let mut line = line.to_owned();
        for (shown, real) in self.addresses() {
            line = line.replace(shown, real);
        }
        let mut child = self.command(&line).stdout(Stdio::piped()).spawn().unwrap();
        let group = Pid::from_child(&child);
        let mut pipe = child.stdout.take().unwrap();
        // What a command leaves running keeps the pipe open; the group is ended with the command.
        let reader = std::thread::spawn(move || {
            let mut output = Vec::new();
            pipe.read_to_end(&mut output).unwrap();
            output
        });
        let code = wait(&mut child, COMMAND_WITHIN);
        // It fails when the group has ended.
        let _ = kill_process_group(group, Signal::KILL);
        let output = String::from_utf8_lossy(&reader.join().unwrap()).into_owned();
        assert!(code.is_some(), "`{line}` did not end within {COMMAND_WITHIN:?}: {output}");
        Ran { code: code.unwrap(), output: self.as_shown(output) }
    }

    /// With the addresses that the page uses.
    fn as_shown(&self, mut output: String) -> String {
        for (shown, real) in self.addresses() {
            output = output.replace(real, shown);
        }
        output
    }

    /// Runs a command that goes on, until everything listens.
    pub(crate) fn start(&mut self, line: &str) {
        self.stop();
        let ready = match line.split_once("--ready-file ") {
            Some((_, rest)) => {
                let name = rest.split(' ').next().unwrap_or_default();
                self.folder.path().join(name)
            }
            None => self.ready_file(),
        };
        let _ = std::fs::remove_file(&ready);
        let log = self.programs.path().join("up.log");
        let file = std::fs::File::create(&log).unwrap();
        // The shell becomes hardcap, so that its exit code is that of hardcap.
        let (before, last) =
            line.rsplit_once("&&").map_or(("", line), |(before, last)| (before, last));
        let becomes = if before.is_empty() { String::new() } else { format!("{before} && ") };
        let mut child =
            self.command(&format!("{becomes}exec {last}")).stdout(file).spawn().unwrap();
        let what = format!("`{line}` listens");
        let addresses: Value = eventually_blocking(COMMAND_WITHIN, &what, || {
            if let Ok(text) = std::fs::read(&ready) {
                return Ok(serde_json::from_slice(&text).unwrap());
            }
            let said = std::fs::read_to_string(&log).unwrap();
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "`{line}` ended before it listened: {said}");
            Err(said)
        });
        let authority = |url: &Value| {
            let rest = url.as_str().unwrap().split("://").nth(1).unwrap();
            rest.split('/').next().unwrap().to_owned()
        };
        let mut pairs = vec![("127.0.0.1:4566".to_owned(), authority(&addresses["aws"]))];
        let fronts = ["apis", "function_urls"].into_iter().flat_map(|kind| {
            addresses[kind].as_object().unwrap().values().map(authority).collect::<Vec<_>>()
        });
        for (at, front) in fronts.enumerate() {
            pairs.push((format!("127.0.0.1:{}", 3000 + at), front));
        }
        let control = addresses["control"].as_str().unwrap().to_owned();
        self.running = Some(Running { child, log, addresses: pairs, control });
    }

    /// What the hardcap in the background has written, with the addresses that the page uses.
    pub(crate) fn said(&self) -> String {
        let running = self.running.as_ref().expect("a hardcap runs in the background");
        self.as_shown(std::fs::read_to_string(&running.log).unwrap())
    }

    pub(crate) fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// Stops what runs in the background, as Ctrl-C does.
    pub(crate) fn stop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let group = Pid::from_child(&running.child);
        kill_process_group(group, Signal::INT).unwrap();
        let code = wait(&mut running.child, COMMAND_WITHIN);
        let said = || std::fs::read_to_string(&running.log).unwrap();
        assert_eq!(code, Some(Some(0)), "it did not end well: {}", said());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            let _ = kill_process_group(Pid::from_child(&running.child), Signal::KILL);
            let _ = running.child.wait();
        }
    }
}

/// The exit code of a process; `None` when it has not ended within the time.
fn wait(child: &mut Child, within: Duration) -> Option<Option<i32>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code());
        }
        if begun.elapsed() > within {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The folder of a project that pages refer to by a name.
pub(crate) fn prepare(stage: &Stage, name: &str) {
    match name {
        "empty" => {}
        "sample" => {
            let ran = stage.run("hardcap init");
            assert_eq!(ran.code, Some(0), "{ran:?}");
        }
        other => panic!("there is no project `{other}`"),
    }
}
