//! `hardcap logs`: what functions of a running hardcap have logged, and with `-f` what they log from now on.

use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use http::Method;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use time::macros::format_description;

use super::remote::{self, DEFAULT_URL};
use super::up::{Signals, block_on};
use super::{Failure, terminal};
use crate::client::with_causes;
use hardcap_core::log_buffer::{LogLine, shown_lines};

/// Whose lines, and how.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  hardcap logs                     every line that is kept, of all functions
  hardcap logs --follow Hello      the lines of one function, until Ctrl-C
  hardcap logs --format json | jq -r .text")]
pub(super) struct LogsOptions {
    /// The function, by its logical id or its name; all of them without it
    function: Option<String>,
    /// Go on until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// The hardcap that runs
    #[arg(long, value_name = "URL", env = remote::CONTROL, default_value = DEFAULT_URL)]
    url: String,
    /// How lines are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How lines are printed.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// When, who, what
    #[default]
    Text,
    /// One object a line
    Json,
}

#[derive(Deserialize)]
struct Lines {
    lines: Vec<LogLine>,
}

pub(super) fn logs(options: &LogsOptions) -> Result<ExitCode, Failure> {
    block_on(run(options))??;
    Ok(ExitCode::SUCCESS)
}

async fn run(options: &LogsOptions) -> Result<(), Failure> {
    let query = match &options.function {
        None => String::new(),
        Some(wanted) => {
            let functions = remote::functions(&options.url).await?;
            let name = remote::choose(functions, Some(wanted))?.name;
            // A function's name has nothing in it that a query would have to escape.
            format!("?function={name}")
        }
    };
    if options.follow {
        let mut signals = Signals::new()?;
        let url = remote::control(&options.url, &format!("logs/live{query}"));
        return tokio::select! {
            followed = follow(&url, options.format) => followed,
            _ = signals.next() => Ok(()),
        };
    }
    let url = remote::control(&options.url, &format!("logs{query}"));
    let kept: Lines = serde_json::from_slice(&remote::get(&url).await?)
        .map_err(|error| Failure::new(format!("{url} is no log: {error}")))?;
    kept.lines.iter().try_for_each(|line| options.format.print(line))
}

/// Prints lines for as long as they come.
async fn follow(url: &str, format: Format) -> Result<(), Failure> {
    let request = remote::request(Method::GET, url, &[], Bytes::new())?;
    let response = remote::client()?.begin(request).await;
    let response = response.map_err(|error| remote::unreachable(url, &error))?;
    if !response.status().is_success() {
        return Err(Failure::new(format!("{url} answers {}", response.status())));
    }
    let mut body = response.into_body();
    let mut events = Events::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Failure::new(format!(
                "hardcap has ended, or the connection has: {}",
                with_causes(&error)
            ))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        for (name, data) in events.take(&data) {
            match name.as_str() {
                "line" => {
                    let line = serde_json::from_str(&data);
                    let line = line.map_err(|error| Failure::new(format!("{error} in {data}")))?;
                    format.print(&line)?;
                }
                "missed" => {
                    terminal::warning(&format!("{data} lines came too fast, and are missed"))
                }
                _ => {}
            }
        }
    }
    terminal::say("hardcap has ended");
    Ok(())
}

impl Format {
    fn print(self, line: &LogLine) -> Result<(), Failure> {
        let text = match self {
            Format::Json => serde_json::to_string(line).map_err(Failure::new)?,
            Format::Text => {
                let format = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
                let at = line.at.to_utc().format(format).map_err(Failure::new)?;
                let shown =
                    shown_lines(&line.text).map(|text| format!("{at} {} | {text}", line.function));
                shown.collect::<Vec<_>>().join("\n")
            }
        };
        terminal::print(&format!("{text}\n"))
    }
}

/// Server-sent events, put together from pieces as they come.
#[derive(Default)]
struct Events {
    unread: Vec<u8>,
    name: String,
}

impl Events {
    /// The events that end in this piece: their names and their data.
    fn take(&mut self, piece: &[u8]) -> Vec<(String, String)> {
        self.unread.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let rest = self.unread.split_off(end + 1);
            let line = std::mem::replace(&mut self.unread, rest);
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut self.name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                events.push((self.name.clone(), data.to_owned()));
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_from_any_pieces() {
        let sent = b": keep alive\n\nevent: line\ndata: {\"a\":1}\n\nevent: missed\ndata: 7\n\n";
        for size in 1..sent.len() {
            let mut events = Events::default();
            let all: Vec<_> = sent.chunks(size).flat_map(|piece| events.take(piece)).collect();
            let expected = [("line", "{\"a\":1}"), ("missed", "7")];
            assert_eq!(all, expected.map(|(name, data)| (name.to_owned(), data.to_owned())));
        }
    }
}
