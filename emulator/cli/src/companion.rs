//! Companion services: programs beside the functions, such as the upstream of a proxy.

use std::ffi::OsString;
use std::path::PathBuf;

use bytes::Bytes;
use hardcap_limits::Millis;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;

use hardcap_core::addresses::Addresses;
use hardcap_core::clock::Clock;
use hardcap_core::tool::{RunningTool, Tool};
use hardcap_project::packaging::PackagingError;
use hardcap_project::settings::Companion;

/// The interval between two checks whether a companion is ready.
const LOOK_AGAIN: Millis = Millis(20);
/// The maximum time of one check: a companion may accept the connection and not respond.
const LOOK: Millis = Millis(1_000);
/// The time that a companion has to end after SIGTERM, before it is killed.
const END_WITHIN: Millis = Millis(3_000);

/// The maximum size of a line, in bytes. A longer line is shown in pieces.
const LONGEST_LINE: u64 = 16 * 1024;

/// The running companions. Dropping them ends them with all their descendants.
#[derive(Debug, Default)]
pub(crate) struct Companions {
    running: Vec<(String, RunningTool)>,
}

/// A companion with its command and its port.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) settings: Companion,
    pub(crate) command: Vec<OsString>,
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
}

impl Ready {
    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Companions {
    /// Starts them one after the other: each waits until the previous one is ready.
    pub(crate) async fn start(
        &mut self,
        all: &[Ready],
        addresses: &Addresses,
        clock: &Clock,
    ) -> Result<(), PackagingError> {
        for one in all {
            let mut running = start(one, addresses)?;
            let shown = [
                forward(&one.settings.name, running.child.stdout.take()),
                forward(&one.settings.name, running.child.stderr.take()),
            ];
            if let Err(error) = until_ready(one, &mut running, clock).await {
                // Its output precedes the error that refers to it. A descendant may hold the pipe open.
                drop(running);
                let _ = clock.timeout(LOOK, futures_util::future::join_all(shown)).await;
                return Err(error);
            }
            self.running.push((one.settings.name.clone(), running));
        }
        Ok(())
    }

    /// Waits until one of them ends, which is unexpected. Returns a message with its name and its exit status.
    pub(crate) async fn ended(&mut self) -> String {
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        let waits = self.running.iter_mut().map(|(name, running)| {
            let wait = async move { (name.clone(), running.child.wait().await) };
            Box::pin(wait)
        });
        let ((name, status), at, _) = futures_util::future::select_all(waits).await;
        self.running.remove(at);
        match status {
            Ok(status) => format!("the companion `{name}` ended: {status}"),
            Err(error) => format!("the companion `{name}` was lost: {error}"),
        }
    }

    /// Sends SIGTERM to all, and kills those that do not end.
    pub(crate) async fn stop(self, clock: &Clock) {
        for (_, running) in &self.running {
            running.terminate();
        }
        for (_, mut running) in self.running {
            let _ = clock.timeout(END_WITHIN, running.child.wait()).await;
        }
    }
}

fn start(one: &Ready, addresses: &Addresses) -> Result<RunningTool, PackagingError> {
    let port = one.port.to_string();
    let fill = |text: &str| addresses.fill(&text.replace("${port}", &port));
    let (program, first) = one.command.split_first().expect("a command has at least its program");
    let own = one.settings.arguments.iter().map(|argument| OsString::from(fill(argument)));
    let first = first.iter().map(|word| OsString::from(fill(&word.to_string_lossy())));
    let mut tool = Tool::new(program, first.chain(own), &one.folder);
    tool.environment.push(("PORT".to_owned(), port.clone()));
    for (name, value) in &one.settings.environment {
        tool.environment.push((name.clone(), fill(value)));
    }
    tool.start().map_err(|error| {
        PackagingError::new(
            format!("the companion `{}` cannot be started: {error}", one.settings.name),
            format!("its program is {}", program.to_string_lossy()),
        )
    })
}

/// Waits until the companion is ready, has ended, or has not become ready in time.
async fn until_ready(
    one: &Ready,
    running: &mut RunningTool,
    clock: &Clock,
) -> Result<(), PackagingError> {
    let Companion { name, ready, ready_within, .. } = &one.settings;
    let waited = clock.stopwatch();
    loop {
        let responds = clock.timeout(LOOK, responds(one)).await.unwrap_or(false);
        if responds {
            return Ok(());
        }
        if let Some(status) = clock.timeout(LOOK_AGAIN, running.child.wait()).await {
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            return Err(PackagingError::new(
                format!("the companion `{name}` ended before it was ready: {how}"),
                "read its last lines above, and correct its arguments or environment in hardcap.toml",
            ));
        }
        if waited.elapsed_millis() >= *ready_within {
            let what = match ready {
                Some(path) => {
                    format!("{}{path} does not respond with a status below 500", one.url())
                }
                None => format!("nothing listens on {}", one.url()),
            };
            return Err(PackagingError::new(
                format!(
                    "the companion `{name}` was not ready within {} s: {what}",
                    ready_within.0 / 1000
                ),
                "does it listen on the port in PORT? `ready_within_seconds` gives it more time",
            ));
        }
    }
}

async fn responds(one: &Ready) -> bool {
    let Some(path) = &one.settings.ready else {
        return TcpStream::connect(("127.0.0.1", one.port)).await.is_ok();
    };
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let Ok(uri) = format!("{}{path}", one.url()).parse() else { return false };
    client.get(uri).await.is_ok_and(|response| !response.status().is_server_error())
}

/// Writes the output of a companion to the log, until it closes its pipe.
fn forward(
    name: &str,
    pipe: Option<impl AsyncRead + Unpin + Send + 'static>,
) -> tokio::task::JoinHandle<()> {
    let name = name.to_owned();
    tokio::spawn(async move {
        let Some(pipe) = pipe else { return };
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        loop {
            // A companion may never end a line.
            let mut piece = (&mut pipe).take(LONGEST_LINE);
            if !piece.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
                return;
            }
            let text = String::from_utf8_lossy(&line);
            crate::output::companion(&name, text.trim_end());
            line.clear();
        }
    })
}
