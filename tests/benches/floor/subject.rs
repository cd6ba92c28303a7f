//! What is measured: a process that serves the Invoke API, and its functions.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use hardcap::Clock;
use hardcap_tests::process::{self, Process};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::load::Work;
use crate::sign;
use crate::wire::Wire;

/// The kinds of subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectKind {
    Floor,
    Hardcap,
    CargoLambda,
    ServerlessOffline,
    Plain,
    Moto,
    S3sFs,
}

impl SubjectKind {
    /// Those that invoke functions, in the order in which they are measured and shown. The first is the measure of the others.
    pub(crate) const FUNCTIONS: [SubjectKind; 4] = [
        SubjectKind::Floor,
        SubjectKind::Hardcap,
        SubjectKind::CargoLambda,
        SubjectKind::ServerlessOffline,
    ];
    /// Those that store objects, likewise.
    pub(crate) const STORES: [SubjectKind; 4] =
        [SubjectKind::Plain, SubjectKind::Hardcap, SubjectKind::Moto, SubjectKind::S3sFs];

    pub(crate) fn name(self) -> &'static str {
        match self {
            SubjectKind::Floor => "floor",
            SubjectKind::Hardcap => "hardcap",
            SubjectKind::CargoLambda => "cargo-lambda",
            SubjectKind::ServerlessOffline => "serverless-offline",
            SubjectKind::Plain => "plain",
            SubjectKind::Moto => "moto",
            SubjectKind::S3sFs => "s3s-fs",
        }
    }

    /// The program that must be installed; `None` for what this repository builds.
    fn program(self, peers: &Path) -> Option<PathBuf> {
        match self {
            SubjectKind::Floor | SubjectKind::Hardcap | SubjectKind::Plain => None,
            SubjectKind::Moto => Some(peers.join("moto/bin/moto_server")),
            SubjectKind::S3sFs => Some(peers.join("s3s-fs/bin/s3s-fs")),
            SubjectKind::CargoLambda => Some(peers.join("venv/bin/cargo-lambda")),
            SubjectKind::ServerlessOffline => Some(peers.join("node_modules/.bin/serverless")),
        }
    }

    /// The version of the program that is measured.
    pub(crate) async fn version(self, peers: &Path) -> String {
        let of_package = |name: &str| {
            let file = peers.join("node_modules").join(name).join("package.json");
            let package = std::fs::read(file).ok()?;
            let package: serde_json::Value = serde_json::from_slice(&package).ok()?;
            Some(format!("{name} {}", package["version"].as_str()?))
        };
        match self {
            SubjectKind::Floor | SubjectKind::Hardcap | SubjectKind::Plain => {
                format!("{} of this repository", self.name())
            }
            SubjectKind::CargoLambda => {
                said(&peers.join("venv/bin/cargo-lambda"), &["lambda", "--version"]).await
            }
            SubjectKind::Moto => format!(
                "moto {}",
                said(&peers.join("moto/bin/python"), &["-c", MOTO_VERSION]).await
            ),
            SubjectKind::S3sFs => said(&peers.join("s3s-fs/bin/s3s-fs"), &["--version"]).await,
            SubjectKind::ServerlessOffline => {
                let names = ["serverless-offline", "serverless"];
                let versions: Vec<String> = names.into_iter().filter_map(of_package).collect();
                versions.join(" with ")
            }
        }
    }

    /// Whether it can be measured here.
    pub(crate) fn is_installed(self, peers: &Path) -> bool {
        self.program(peers).is_none_or(|program| program.exists())
    }
}

/// What a program says about itself.
async fn said(program: &Path, arguments: &[&str]) -> String {
    let folder = program.parent().unwrap_or(Path::new("/"));
    let said = process::output(program, arguments, folder).await;
    let said = said.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    said.unwrap_or_else(|error| error.to_string())
}

const MOTO_VERSION: &str = "import moto; print(moto.__version__)";

/// Where a subject is called.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// The path of the Invoke API; empty for a store.
    path: String,
    /// Address and path of the REST API, where it is not that of the Invoke API.
    rest: Option<(SocketAddr, String)>,
}

impl Target {
    /// A whole Invoke request with this event.
    pub(crate) fn invoke(&self, event: &[u8]) -> Vec<u8> {
        self.request(self.address, &self.path, "application/json", event)
    }

    /// The same emulator, with another function.
    pub(crate) fn of_function(&self, name: &str) -> Target {
        Target { path: format!("/2015-03-31/functions/{name}/invocations"), ..self.clone() }
    }

    /// Where a kind of work is done.
    pub(crate) fn address(&self, work: Work) -> SocketAddr {
        match (work, &self.rest) {
            (Work::Rest, Some((address, _))) => *address,
            _ => self.address,
        }
    }

    /// A whole request to the REST API with this body.
    pub(crate) fn rest(&self, body: &[u8]) -> Vec<u8> {
        let path = self.rest.as_ref().map_or(self.path.as_str(), |(_, path)| path);
        self.request(self.address(Work::Rest), path, "application/octet-stream", body)
    }

    /// A whole request for the object that is measured.
    pub(crate) fn object(&self, method: &str, body: &[u8]) -> Vec<u8> {
        self.signed(method, OBJECT, body)
    }

    /// A whole request that is signed.
    fn signed(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let (address, length) = (self.address, body.len());
        let signature = sign::headers(method, path, address);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{signature}content-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }

    fn request(&self, address: SocketAddr, path: &str, media_type: &str, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(body);
        request
    }
}

/// A running subject.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) kind: SubjectKind,
    pub(crate) target: Target,
    process: Process,
    /// The functions that it does not start itself.
    functions: Vec<Process>,
    _folder: Option<tempfile::TempDir>,
}

/// Where the peers are installed, and how many functions a subject needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) peers: &'a Path,
    pub(crate) functions: usize,
    pub(crate) work: Work,
}

impl Subject {
    /// Starts a subject, and waits until it listens. Also returns how long that took, in milliseconds.
    pub(crate) async fn start(kind: SubjectKind, setup: Setup<'_>) -> io::Result<(Subject, f64)> {
        let watch = Clock::default().stopwatch();
        let started = match kind {
            SubjectKind::Floor => floor(setup).await,
            SubjectKind::Hardcap => hardcap(&<_>::default()).await,
            SubjectKind::CargoLambda => cargo_lambda(setup).await,
            SubjectKind::ServerlessOffline => serverless_offline(setup).await,
            SubjectKind::Plain => plain().await,
            SubjectKind::Moto => moto(setup).await,
            SubjectKind::S3sFs => s3s_fs(setup).await,
        };
        let (subject, took) = started
            .map(|subject| (subject, watch.elapsed()))
            .map_err(|error| io::Error::other(format!("{}: {error}", kind.name())))?;
        Ok((subject.with_functions(setup.functions)?, took.as_secs_f64() * 1_000.0))
    }

    /// Starts the functions of a subject that does not start them itself.
    fn with_functions(mut self, functions: usize) -> io::Result<Subject> {
        if self.kind == SubjectKind::CargoLambda {
            let api = format!("{}/.rt", self.target.address);
            let program = std::env::current_exe()?;
            let variables = [("AWS_LAMBDA_RUNTIME_API", api.as_str())];
            self.functions = (0..functions)
                .map(|_| Process::start(&program, ["function"], &variables))
                .collect::<io::Result<_>>()?;
        }
        Ok(self)
    }

    /// Ends it, and waits until it has ended.
    pub(crate) async fn stop(self) -> io::Result<()> {
        self.process.stop().await?;
        drop(self.functions);
        Ok(())
    }

    /// How much memory it holds, in bytes.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        let id = self.process.id().ok_or_else(|| io::Error::other("it has ended"))?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(|| io::Error::other(format!("no VmRSS in {status}")))
    }
}

/// The program that `just bench` built.
pub(crate) fn hardcap_binary() -> PathBuf {
    process::beside("hardcap")
}

async fn floor(setup: Setup<'_>) -> io::Result<Subject> {
    let program = std::env::current_exe()?;
    let functions = setup.functions.to_string();
    let rest = if setup.work == Work::Rest { &["rest"][..] } else { &[] };
    let arguments = [&["floor", &functions], rest].concat();
    let mut process = Process::start(&program, arguments, &[])?;
    let address = process.line().await?;
    let address = address.parse().map_err(io::Error::other)?;
    let target =
        Target { name: SubjectKind::Floor.name(), address, path: "/".to_owned(), rest: None };
    Ok(Subject { kind: SubjectKind::Floor, target, process, functions: Vec::new(), _folder: None })
}

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Measured:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: measured
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: .
      Timeout: 30
      MemorySize: 512
  Binary:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: .
      MemorySize: 512
      Events: {Post: {Type: Api, Properties: {Path: /binary, Method: post, RestApiId: !Ref Api}}}
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: dev, BinaryMediaTypes: ['*/*']}
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: measured
";

/// The bucket and the object that are measured.
const BUCKET: &str = "/measured";
const OBJECT: &str = "/measured/object";

/// Where the log of a subject goes, in its folder.
const LOG: &str = "subject.log";

/// Starts hardcap with further resources and further settings.
pub(crate) async fn hardcap((resources, further): &(String, String)) -> io::Result<Subject> {
    let folder = tempfile::tempdir()?;
    let function = std::env::current_exe()?;
    let (template, ready) = (folder.path().join("template.yaml"), folder.path().join("ready.json"));
    std::fs::write(&template, [TEMPLATE, resources].concat())?;
    let settings = format!(
        "[functions.Measured]\ncommand = [{0:?}, \"function\"]\n[functions.Binary]\ncommand = [{0:?}, \"function\", \"rest\"]\n",
        function.display()
    );
    std::fs::write(folder.path().join("hardcap.toml"), settings + further)?;
    let arguments = [
        "up".as_ref(),
        template.as_os_str(),
        "--api-port".as_ref(),
        "0".as_ref(),
        "--aws-port".as_ref(),
        "0".as_ref(),
        "--ready-file".as_ref(),
        ready.as_os_str(),
    ];
    let log = folder.path().join(LOG);
    let mut process = Process::start_logged(&hardcap_binary(), arguments, &log)?;
    let ready = until_ready(&mut process, &ready, &log).await?;
    let address = ready["aws"].as_str().and_then(|url| url.strip_prefix("http://"));
    let address = address.unwrap_or_default().parse().map_err(io::Error::other)?;
    let path = "/2015-03-31/functions/measured/invocations".to_owned();
    let url = ready["apis"]["Api"].as_str().and_then(|url| url.strip_prefix("http://"));
    let rest = url
        .and_then(|url| url.split_once('/'))
        .and_then(|(address, stage)| Some((address.parse().ok()?, format!("/{stage}/binary"))));
    let target = Target { name: SubjectKind::Hardcap.name(), address, path, rest };
    let (functions, _folder) = (Vec::new(), Some(folder));
    Ok(Subject { kind: SubjectKind::Hardcap, target, process, functions, _folder })
}

/// cargo-lambda with its Runtime API alone: the functions are the same processes as those of the floor, one for each client.
async fn cargo_lambda(setup: Setup<'_>) -> io::Result<Subject> {
    let folder = tempfile::tempdir()?;
    let manifest = folder.path().join("Cargo.toml");
    std::fs::write(&manifest, "[package]\nname = \"measured\"\nversion = \"0.1.0\"\n")?;
    std::fs::create_dir(folder.path().join("src"))?;
    std::fs::write(folder.path().join("src/main.rs"), "fn main() {}\n")?;
    let address = free_address()?;
    let (port, functions) = (address.port().to_string(), setup.functions.to_string());
    let arguments = [
        "lambda".as_ref(),
        "watch".as_ref(),
        "--only-lambda-apis".as_ref(),
        "--ignore-changes".as_ref(),
        "--invoke-address".as_ref(),
        "127.0.0.1".as_ref(),
        "--invoke-port".as_ref(),
        port.as_ref(),
        "--concurrency".as_ref(),
        functions.as_ref(),
        "--manifest-path".as_ref(),
        manifest.as_os_str(),
    ];
    let program = setup.peers.join("venv/bin/cargo-lambda");
    let log = folder.path().join(LOG);
    let mut process = Process::start_logged(&program, arguments, &log)?;
    until_listening(&mut process, address, &log).await?;
    let path = "/2015-03-31/functions/_/invocations".to_owned();
    let target = Target { name: SubjectKind::CargoLambda.name(), address, path, rest: None };
    let (functions, _folder) = (Vec::new(), Some(folder));
    Ok(Subject { kind: SubjectKind::CargoLambda, target, process, functions, _folder })
}

const SERVERLESS: &str = "\
service: measured
frameworkVersion: '3'
provider:
  name: aws
  runtime: nodejs20.x
  timeout: 30
plugins:
  - serverless-offline
functions:
  measured:
    handler: handler.measured
";

/// The same function in JavaScript, because serverless-offline runs no function in Rust.
const HANDLER: &str = "\
const responses = new Map();
exports.measured = async (event) => {
  const bytes = Number(event.response);
  if (!responses.has(bytes)) responses.set(bytes, 'y'.repeat(bytes - 2));
  return responses.get(bytes);
};
";

async fn serverless_offline(setup: Setup<'_>) -> io::Result<Subject> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("serverless.yml"), SERVERLESS)?;
    std::fs::write(folder.path().join("handler.js"), HANDLER)?;
    std::os::unix::fs::symlink(
        setup.peers.join("node_modules"),
        folder.path().join("node_modules"),
    )?;
    let (address, http, websocket) = (free_address()?, free_address()?, free_address()?);
    // `serverless` reads the service of the folder that it is started in.
    let command = format!(
        "cd '{}' && SLS_TELEMETRY_DISABLED=1 SLS_NOTIFICATIONS_MODE=off exec node_modules/.bin/serverless offline --host \
         127.0.0.1 --lambdaPort {} --httpPort {} --websocketPort {}",
        folder.path().display(),
        address.port(),
        http.port(),
        websocket.port()
    );
    let log = folder.path().join(LOG);
    let mut process = Process::start_logged(Path::new("/bin/sh"), ["-c", &command], &log)?;
    until_listening(&mut process, address, &log).await?;
    let path = "/2015-03-31/functions/measured-dev-measured/invocations".to_owned();
    let target = Target { name: SubjectKind::ServerlessOffline.name(), address, path, rest: None };
    let (functions, _folder) = (Vec::new(), Some(folder));
    Ok(Subject { kind: SubjectKind::ServerlessOffline, target, process, functions, _folder })
}

async fn plain() -> io::Result<Subject> {
    let program = std::env::current_exe()?;
    let mut process = Process::start(&program, ["plain"], &[])?;
    let address = process.line().await?.parse().map_err(io::Error::other)?;
    Ok(store(SubjectKind::Plain, address, process, None))
}

async fn moto(setup: Setup<'_>) -> io::Result<Subject> {
    let (folder, address) = (tempfile::tempdir()?, free_address()?);
    let program = setup.peers.join("moto/bin/moto_server");
    let (log, port) = (folder.path().join(LOG), address.port().to_string());
    let arguments = ["-H", "127.0.0.1", "-p", &port];
    let mut process = Process::start_logged(&program, arguments, &log)?;
    until_listening(&mut process, address, &log).await?;
    let subject = store(SubjectKind::Moto, address, process, Some(folder));
    create_bucket(&subject).await?;
    Ok(subject)
}

async fn s3s_fs(setup: Setup<'_>) -> io::Result<Subject> {
    let (folder, address) = (tempfile::tempdir()?, free_address()?);
    let program = setup.peers.join("s3s-fs/bin/s3s-fs");
    let (log, port) = (folder.path().join(LOG), address.port().to_string());
    let root = folder.path().join("root");
    std::fs::create_dir(&root)?;
    let arguments = [
        "--host".as_ref(),
        "127.0.0.1".as_ref(),
        "--port".as_ref(),
        port.as_ref(),
        "--access-key".as_ref(),
        sign::ACCESS_KEY_ID.as_ref(),
        "--secret-key".as_ref(),
        sign::SECRET.as_ref(),
        root.as_os_str(),
    ];
    let mut process = Process::start_logged(&program, arguments, &log)?;
    until_listening(&mut process, address, &log).await?;
    let subject = store(SubjectKind::S3sFs, address, process, Some(folder));
    create_bucket(&subject).await?;
    Ok(subject)
}

fn store(
    kind: SubjectKind,
    address: SocketAddr,
    process: Process,
    folder: Option<tempfile::TempDir>,
) -> Subject {
    let target = Target { name: kind.name(), address, path: String::new(), rest: None };
    Subject { kind, target, process, functions: Vec::new(), _folder: folder }
}

async fn create_bucket(subject: &Subject) -> io::Result<()> {
    let mut wire = Wire::new(TcpStream::connect(subject.target.address).await?);
    let request = subject.target.signed("PUT", BUCKET, &[]);
    wire.stream.write_all(&request).await?;
    wire.receive().await
}

fn free_address() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Looks again and again, without a pause that would be measured with it.
async fn until_ready(
    process: &mut Process,
    file: &Path,
    log: &Path,
) -> io::Result<serde_json::Value> {
    loop {
        if let Ok(text) = std::fs::read_to_string(file)
            && let Ok(ready) = serde_json::from_str(&text)
        {
            return Ok(ready);
        }
        still_runs(process, log)?;
        tokio::task::yield_now().await;
    }
}

/// Connects again and again, with a pause far below what is measured.
async fn until_listening(process: &mut Process, address: SocketAddr, log: &Path) -> io::Result<()> {
    while TcpStream::connect(address).await.is_err() {
        still_runs(process, log)?;
        Clock::default().pause(std::time::Duration::from_millis(1)).await;
    }
    Ok(())
}

fn still_runs(process: &mut Process, log: &Path) -> io::Result<()> {
    match process.ended()? {
        None => Ok(()),
        Some(_) => {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            Err(io::Error::other(format!("ended before it listened: {said}")))
        }
    }
}
