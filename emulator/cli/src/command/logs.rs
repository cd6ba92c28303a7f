//! `hardcap logs`: the log lines of the functions of a running hardcap, and with `--follow` all further ones.

use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use http::Method;
use http_body_util::BodyExt as _;
use regex::Regex;
use serde::Deserialize;
use time::macros::format_description;

use super::remote::{self, DEFAULT_URL};
use super::since::Since;
use super::up::{Signals, block_on};
use super::{Failure, terminal};
use crate::client::with_causes;
use crate::output;
use hardcap_core::clock::EpochMillis;
use hardcap_core::log_buffer::{LogLine, shown_lines};

/// The lines to print, and their format.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  hardcap logs                     all kept lines of all functions
  hardcap logs --follow Hello      the lines of one function, until Ctrl-C
  hardcap logs --since 5m --grep 'ERROR|Task timed out'
  hardcap logs --since 14:05       from a time of day on, in UTC
  hardcap logs --json | jq -r .text")]
pub(super) struct LogsOptions {
    /// The function, by its logical id or its name; all of them without it
    function: Option<String>,
    /// Continue until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only lines from a time on: a span before now (30s, 5m, 2h, 1d) or a time (14:05, 2026-11-30T14:05) in UTC
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Only lines that a regular expression matches; (?i) at its beginning ignores case
    #[arg(long, value_name = "REGEX")]
    grep: Option<Regex>,
    /// The running hardcap
    #[arg(long, value_name = "URL", env = remote::CONTROL, default_value = DEFAULT_URL)]
    url: String,
    /// The format of the lines
    #[arg(long, value_enum, default_value_t)]
    format: LogsFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// The format of the lines.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum LogsFormat {
    /// Time, function and line
    #[default]
    Text,
    /// One object a line
    Json,
}

#[derive(Deserialize)]
struct Lines {
    lines: Vec<LogLine>,
}

#[derive(Deserialize)]
struct Now {
    now_ms: EpochMillis,
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
            // A function's name has no character that a query would have to escape.
            format!("?function={name}")
        }
    };
    let printer = Printer::new(options).await?;
    if options.follow {
        let mut signals = Signals::new()?;
        let url = remote::control(&options.url, &format!("logs/live{query}"));
        return tokio::select! {
            followed = follow(&url, &printer) => followed,
            _ = signals.next() => Ok(()),
        };
    }
    let url = remote::control(&options.url, &format!("logs{query}"));
    let kept: Lines = remote::get_json(&url).await?;
    for line in &kept.lines {
        if !printer.print(line)? {
            break;
        }
    }
    Ok(())
}

/// Prints lines until the stream ends or standard output is no longer read.
async fn follow(url: &str, printer: &Printer<'_>) -> Result<(), Failure> {
    let request = remote::request(Method::GET, url, &[], Bytes::new())?;
    let response = remote::client()?.begin(request).await;
    let response = response.map_err(|error| remote::unreachable(url, &error))?;
    if !response.status().is_success() {
        return Err(Failure::new(format!("{url} responded {}", response.status())));
    }
    let mut body = response.into_body();
    let mut events = Events::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let cause = with_causes(&error);
            Failure::new(format!("the connection to hardcap has ended: {cause}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        for (name, data) in events.take(&data) {
            match name.as_str() {
                "line" => {
                    let line = serde_json::from_str(&data);
                    let line = line.map_err(|error| Failure::new(format!("{error} in {data}")))?;
                    if !printer.print(&line)? {
                        return Ok(());
                    }
                }
                "missed" => terminal::warning(&format!(
                    "{data} lines are missing here: they were written faster than they were read"
                )),
                _ => {}
            }
        }
    }
    terminal::say("hardcap has ended");
    Ok(())
}

/// Prints the lines that are wanted.
struct Printer<'o> {
    since: Option<EpochMillis>,
    grep: Option<&'o Regex>,
    format: LogsFormat,
    colors: bool,
}

impl Printer<'_> {
    /// Asks the running hardcap for its time, because its clock can be advanced.
    async fn new(options: &LogsOptions) -> Result<Printer<'_>, Failure> {
        let since = match options.since {
            None => None,
            Some(since) => {
                let now: Now = remote::get_json(&remote::control(&options.url, "clock")).await?;
                Some(since.at(now.now_ms))
            }
        };
        let format = if options.json { LogsFormat::Json } else { options.format };
        let colors = output::colors(&std::io::stdout());
        Ok(Printer { since, grep: options.grep.as_ref(), format, colors })
    }

    fn wants(&self, line: &LogLine) -> bool {
        self.since.is_none_or(|since| line.at >= since)
            && self.grep.is_none_or(|grep| grep.is_match(&line.text))
    }

    /// Prints a line if it is wanted, and returns whether standard output is still read.
    fn print(&self, line: &LogLine) -> Result<bool, Failure> {
        if !self.wants(line) {
            return Ok(true);
        }
        let text = match self.format {
            LogsFormat::Json => serde_json::to_string(line).map_err(Failure::new)?,
            LogsFormat::Text => {
                let format = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
                let at = line.at.to_utc().format(format).map_err(Failure::new)?;
                let name = output::colored_name(&line.function, self.colors);
                let shown = shown_lines(&line.text).map(|text| format!("{at} {name} | {text}"));
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
