//! A project with two functions of the guest, and hardcap run in its folder.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use hardcap_tests::client::Client;
use hardcap_tests::eventually::eventually;
use hardcap_tests::process::{self, Process, binary};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const TEMPLATE: &str = "
Resources:
  Giant:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: giant-of-the-stack
      CodeUri: .
      Events: {Get: {Type: Api, Properties: {Path: /giant, Method: get, RestApiId: !Ref Rest}}}
  Behave:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Timeout: 30
      Events: {All: {Type: HttpApi, Properties: {Path: /behave, Method: post}}}
  Rest:
    Type: AWS::Serverless::Api
    Properties: {StageName: dev, BinaryMediaTypes: ['*/*']}
";

pub(crate) struct Project {
    folder: TempDir,
}

/// A hardcap that runs in the background.
pub(crate) struct Up {
    process: Process,
    /// The address of the AWS APIs.
    pub(crate) aws: String,
    log: PathBuf,
}

impl Project {
    pub(crate) fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        let guest = binary(env!("CARGO_PKG_NAME"), "guest");
        let guest = guest.display();
        let settings = format!(
            "[functions.Giant]\ncommand = [\"{guest}\", \"giant\"]\n[functions.Behave]\ncommand = [\"{guest}\", \"behave\"]\n"
        );
        std::fs::write(folder.path().join("template.yaml"), TEMPLATE).unwrap();
        std::fs::write(folder.path().join("hardcap.toml"), settings).unwrap();
        Project { folder }
    }

    /// Writes a file of the project, and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        run(self.path(), arguments).await
    }

    /// Writes a program of the project as a whole, so it is never started incomplete.
    pub(crate) fn program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let written = self.write("program.new", text);
        std::fs::set_permissions(&written, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(written, self.path().join(name)).unwrap();
    }

    /// `hardcap up` on free ports, once it listens.
    pub(crate) async fn up(&self, more: &[&str]) -> Up {
        self.write("template.yaml", TEMPLATE);
        self.up_as_it_is(more).await
    }

    /// As [`Project::up_as_it_is`], with so many file descriptors: the soft and the hard limit.
    pub(crate) async fn up_with_descriptors(&self, descriptors: u32) -> Up {
        self.up_by(&format!("ulimit -n {descriptors}; exec \"$@\"")).await
    }

    /// As [`Project::up_as_it_is`], started by a command of the shell, whose arguments are hardcap and its arguments.
    pub(crate) async fn up_by(&self, command: &str) -> Up {
        let hardcap = hardcap();
        self.start(Path::new("/bin/sh"), &["-c", command, "sh", hardcap.to_str().unwrap()], &[])
            .await
    }

    /// As [`Project::up`], with the template that has been written.
    pub(crate) async fn up_as_it_is(&self, more: &[&str]) -> Up {
        self.start(&hardcap(), &[], more).await
    }

    async fn start(&self, program: &Path, before: &[&str], more: &[&str]) -> Up {
        let template = self.path().join("template.yaml").display().to_string();
        let ready = self.path().join("ready.json");
        let ports = ["--api-port", "0", "--aws-port", "0", "--ready-file"];
        let ready_file = [ready.to_str().unwrap()];
        let arguments = [before, &["up", &template], &ports[..], &ready_file, more].concat();
        let log = self.path().join("up.log");
        let mut process = Process::start_logged(program, &arguments, &log).unwrap();
        let addresses = addresses(&mut process, &ready, &log).await;
        Up { process, aws: addresses["aws"].as_str().unwrap().to_owned(), log }
    }
}

/// The addresses of a `hardcap up`, once its ready file is there.
pub(crate) async fn addresses(process: &mut Process, ready: &Path, log: &Path) -> Value {
    eventually(Duration::from_secs(120), "`hardcap up` listens", async || {
        if let Ok(text) = std::fs::read(ready) {
            return Ok(serde_json::from_slice(&text).unwrap());
        }
        let said = std::fs::read_to_string(log).unwrap();
        let ended = process.ended().unwrap();
        assert!(ended.is_none(), "it has ended: {ended:?}: {said}");
        Err(said)
    })
    .await
}

impl Up {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    pub(crate) async fn stop(self) {
        self.stop_with(0).await;
    }

    /// Stops it, and expects this exit code.
    pub(crate) async fn stop_with(self, code: i32) {
        let status = self.process.stop().await.unwrap();
        let said = std::fs::read_to_string(&self.log).unwrap();
        assert_eq!(status.code(), Some(code), "{said}");
    }

    /// The file of its log.
    pub(crate) fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// Its messages so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// A route of the control API.
    pub(crate) async fn control(&self, route: &str) -> Value {
        Client::new().get(format!("{}/_hardcap/{route}", self.aws)).await.unwrap().json()
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) printed: String,
    /// Standard error.
    pub(crate) said: String,
}

/// The program.
pub(crate) fn hardcap() -> PathBuf {
    binary("hardcap", "hardcap")
}

/// Runs hardcap in a folder to its end.
pub(crate) async fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } =
        process::output(&hardcap(), arguments, folder).await.unwrap();
    Ran {
        code: status.code(),
        printed: String::from_utf8(stdout).unwrap(),
        said: String::from_utf8(stderr).unwrap(),
    }
}
