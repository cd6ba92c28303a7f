//! Standard error that is not read, or is closed: requests are answered, signals end the program, exit codes are right.

#![expect(clippy::disallowed_methods, reason = "the program under test is a process")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A function that logs a line and ends, so that each of its requests fails and is logged.
const TEMPLATE: &str = "
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: x
      CodeUri: .
      Events: {All: {Type: HttpApi, Properties: {Path: /hello, Method: get}}}
";
const BOUND: Duration = Duration::from_secs(60);

fn project() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bootstrap = folder.path().join("bootstrap");
    fs::write(folder.path().join("template.yaml"), TEMPLATE).expect("a file can be written");
    fs::write(&bootstrap, "#!/bin/sh\necho a line of the function\n").expect("a file");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).expect("chmod");
    folder
}

fn hardcap(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hardcap"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::piped());
    command
}

struct Up {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// `127.0.0.1:40000`, of the HTTP API.
    address: String,
}

/// Starts `hardcap up`, and reads its standard error until it listens.
fn up(folder: &Path) -> Up {
    let ports = ["up", "--api-port", "0", "--aws-port", "0", "--ready-file", "ready.json"];
    let mut child = hardcap(folder, &ports).spawn().expect("hardcap starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !said.contains("Ctrl-C") {
        let read = stderr.read_line(&mut said).expect("standard error can be read");
        assert!(read > 0, "it ended: {said}");
    }
    let ready = fs::read(folder.join("ready.json")).expect("the ready file is there");
    let ready: Value = serde_json::from_slice(&ready).expect("JSON");
    let url = ready["apis"]["ServerlessHttpApi"].as_str().expect("an address").to_owned();
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    Up { child, stderr, address }
}

/// The status line of an answer.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{path}: {error}"));
    answer.lines().next().unwrap_or_default().to_owned()
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("it runs");
}

/// Waits for the end; kills it when that takes too long.
fn ended(mut child: Child) -> ExitStatus {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    let (done, wait) = sync_channel(1);
    let waiter = std::thread::spawn(move || done.send(child.wait()));
    let status = wait.recv_timeout(BOUND);
    if status.is_err() {
        let _ = kill_process(pid, Signal::KILL);
    }
    drop(waiter.join());
    status.expect("it ends within a minute").expect("it can be waited for")
}

/// Failing requests, and enough refused ones to fill any pipe.
fn all_are_answered(address: &str) {
    for _ in 0..3 {
        assert_eq!(get(address, "/hello"), "HTTP/1.1 500 Internal Server Error");
    }
    for number in 0..1_000 {
        assert_eq!(get(address, &format!("/none/{number}")), "HTTP/1.1 404 Not Found");
    }
    assert_eq!(get(address, "/hello"), "HTTP/1.1 500 Internal Server Error");
}

#[test]
fn a_closed_standard_error_holds_up_no_request_and_no_signal() {
    let folder = project();
    let Up { child, stderr, address } = up(folder.path());
    drop(stderr);
    all_are_answered(&address);
    signal(&child, Signal::TERM);
    assert_eq!(ended(child).code(), Some(0));
}

#[test]
fn a_standard_error_that_is_not_read_holds_up_no_request_and_no_signal() {
    let folder = project();
    let Up { child, stderr, address } = up(folder.path());
    all_are_answered(&address);
    signal(&child, Signal::INT);
    assert_eq!(ended(child).code(), Some(0));
    drop(stderr);
}

#[test]
fn exec_ends_with_its_command_and_its_exit_code_although_standard_error_is_closed() {
    let folder = project();
    let mut child = hardcap(folder.path(), &["exec", "--", "sh", "-c", "exit 7"]).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(ended(child).code(), Some(7));
}

#[test]
fn exec_passes_sigterm_on_to_its_command_and_ends_with_its_exit_code() {
    let folder = project();
    let script = "trap 'exit 9' TERM; echo begun >&2; while :; do sleep 0.1; done";
    let mut child = hardcap(folder.path(), &["exec", "--", "sh", "-c", script]).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !said.ends_with("begun\n") {
        assert!(stderr.read_line(&mut said).expect("it can be read") > 0, "it ended: {said}");
    }
    signal(&child, Signal::TERM);
    assert_eq!(ended(child).code(), Some(9));
}
