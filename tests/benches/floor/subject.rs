//! What is measured: a process, and where it is invoked.

use std::io;
use std::path::{Path, PathBuf};

use hardcap::Clock;
use hardcap_tests::process::{self, Process};

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
";

/// Where hardcap's own words go, in its folder.
const LOG: &str = "hardcap.log";

/// A running floor or hardcap.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) invoke_url: String,
    process: Process,
    _folder: Option<tempfile::TempDir>,
}

impl Subject {
    /// The floor with as many functions as there will be clients.
    pub(crate) async fn floor(functions: usize) -> io::Result<Subject> {
        let program = std::env::current_exe()?;
        let mut process = Process::start(&program, ["floor", &functions.to_string()], &[])?;
        let invoke_url = process.line().await?;
        Ok(Subject { invoke_url, process, _folder: None })
    }

    /// The program `hardcap` on a template with the function.
    pub(crate) async fn hardcap() -> io::Result<Subject> {
        let folder = tempfile::tempdir()?;
        let function = std::env::current_exe()?;
        std::fs::write(folder.path().join("template.yaml"), TEMPLATE)?;
        let settings =
            format!("[functions.Measured]\ncommand = [{:?}, \"function\"]\n", function.display());
        std::fs::write(folder.path().join("hardcap.toml"), settings)?;
        let (mut process, ready) = start(folder.path())?;
        let ready = until_ready(&mut process, &ready).await?;
        let aws = ready["aws"].as_str().unwrap_or_default();
        let invoke_url = format!("{aws}/2015-03-31/functions/measured/invocations");
        Ok(Subject { invoke_url, process, _folder: Some(folder) })
    }

    /// Ends it, and waits until it has ended.
    pub(crate) async fn stop(self) -> io::Result<()> {
        self.process.stop().await.map(drop)
    }

    /// How much memory it holds, in bytes.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most that it held since [`Subject::forget_peak`], in bytes.
    pub(crate) fn peak(&self) -> io::Result<u64> {
        self.status("VmHWM:")
    }

    /// Makes what it holds now its peak.
    pub(crate) fn forget_peak(&self) -> io::Result<()> {
        std::fs::write(self.file("clear_refs")?, "5")
    }

    fn status(&self, name: &str) -> io::Result<u64> {
        let status = std::fs::read_to_string(self.file("status")?)?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(|| io::Error::other(format!("no {name} in {status}")))
    }

    fn file(&self, name: &str) -> io::Result<PathBuf> {
        let id = self.process.id().ok_or_else(|| io::Error::other("it has ended"))?;
        Ok(PathBuf::from(format!("/proc/{id}/{name}")))
    }
}

/// How long hardcap takes from its start until everything listens, each time, in milliseconds.
pub(crate) async fn start_times(times: usize) -> io::Result<Vec<f64>> {
    let mut took = Vec::new();
    for _ in 0..times {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("template.yaml"), TEMPLATE)?;
        let settings = "[functions.Measured]\ncommand = [\"true\"]\n";
        std::fs::write(folder.path().join("hardcap.toml"), settings)?;
        let watch = Clock::default().stopwatch();
        let (mut process, ready) = start(folder.path())?;
        until_ready(&mut process, &ready).await?;
        took.push(watch.elapsed().as_secs_f64() * 1_000.0);
        process.stop().await?;
    }
    Ok(took)
}

/// The program that `just bench` built.
pub(crate) fn hardcap_binary() -> PathBuf {
    process::beside("hardcap")
}

fn start(folder: &Path) -> io::Result<(Process, PathBuf)> {
    let ready = folder.join("ready.json");
    let template = folder.join("template.yaml");
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
    let process = Process::start_logged(&hardcap_binary(), arguments, &folder.join(LOG))?;
    Ok((process, ready))
}

/// Looks again and again, without a pause that would be measured with it.
async fn until_ready(process: &mut Process, file: &Path) -> io::Result<serde_json::Value> {
    loop {
        if let Ok(text) = std::fs::read_to_string(file)
            && let Ok(ready) = serde_json::from_str(&text)
        {
            return Ok(ready);
        }
        if process.ended()?.is_some() {
            let log = file.with_file_name(LOG);
            let said = std::fs::read_to_string(log).unwrap_or_default();
            return Err(io::Error::other(format!("hardcap ended before it listened: {said}")));
        }
        tokio::task::yield_now().await;
    }
}
