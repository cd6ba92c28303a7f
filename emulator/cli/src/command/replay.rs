//! `hardcap replay`: repeats failed requests and events of production, and compares the results.

use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::launch::{Started, with_started};
use super::options::{LimitOptions, TemplateOptions, UpOptions};
use super::project::Project;
use super::up::{block_on, start_log};
use super::{Failure, GATE_FAILED, remote, terminal};
use crate::client::{Client, Response};
use crate::replay::{self, Capture, Captured, EventPlace, Exchange, LeftOut, Outcome, Verdict};
use hardcap_core::record::Record;

/// The version of the JSON format.
const FORMAT: u32 = 1;

/// The capture, and the template that it is replayed with.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
A file is one of:
  a HAR          its failed requests are sent to the API that has their route, under any stage
  curl -v 2>&1   its requests, with bodies of the same length: curl does not print what it sends
  an event       goes to the function of its route, byte for byte; with --function, any JSON does
  anything else  log lines, errors, a response: their sizes are compared with the limits, and
                 nothing is started
A request that cannot be sent, or whose route is in no API of the template, is left out and listed.

Examples:
  hardcap replay failed.har
  curl -v https://api.example.com/dev/giant?size=4718560 2>&1 | hardcap replay -
  hardcap replay event.json --function Export --limits 2024-01-01
  hardcap replay error.log

Exit codes: 0 everything sent is reproduced, 1 nothing can be replayed or decided, 2 wrong usage,
3 a part is not reproduced")]
pub(super) struct ReplayOptions {
    /// The capture; - for standard input
    file: PathBuf,
    /// The template [default: the one of this folder]
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// The API or function URL for the requests, by its logical id
    #[arg(long, value_name = "ID")]
    api: Option<String>,
    /// The function for the event
    #[arg(long, value_name = "ID")]
    function: Option<String>,
    /// Also send the requests that did not fail
    #[arg(long)]
    all: bool,
    /// The format of the output
    #[arg(long, value_enum, default_value_t)]
    format: ReplayFormat,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    template_options: TemplateOptions,
    /// Skip the build and run existing programs
    #[arg(long)]
    no_build: bool,
}

/// The format of the output.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum ReplayFormat {
    /// Sentences
    #[default]
    Text,
    /// For programs
    Json,
}

pub(super) fn replay(options: &ReplayOptions) -> Result<ExitCode, Failure> {
    let bytes = terminal::read(Some(&options.file))?;
    let limits = options.limits.here(options.template_options.profile.as_deref())?;
    let capture = Capture::read(&bytes, &limits, options.function.is_some());
    let capture = capture
        .map_err(|error| Failure::new(format!("{}: {error}", terminal::name(&options.file))))?;
    let mut left_out = Vec::new();
    let verdicts = match capture {
        Capture::Sizes(explained) => replay::verdicts(&explained, &limits),
        Capture::Event(event) => block_on(run(options, Work::Event(event)))??.0,
        Capture::Exchanges(captured) => {
            let (chosen, mut not_sent) = choose(captured, options.all)?;
            let (verdicts, unplaced) = block_on(run(options, Work::Exchanges(chosen)))??;
            not_sent.extend(unplaced);
            not_sent.sort_by_key(|one| one.entry);
            left_out = not_sent;
            verdicts
        }
    };
    show(&verdicts, &left_out, options.format)?;
    let has = |outcome| verdicts.iter().any(|verdict| verdict.outcome == outcome);
    Ok(if has(Outcome::NotReproduced) {
        ExitCode::from(GATE_FAILED)
    } else if has(Outcome::Unknown) || verdicts.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The requests to send: those that failed, or all.
fn choose(captured: Captured, all: bool) -> Result<(Vec<Exchange>, Vec<LeftOut>), Failure> {
    let failed = |one: &Exchange| one.status.is_none_or(|status| status >= 400);
    let Captured { exchanges, left_out } = captured;
    let before = exchanges.len();
    let chosen: Vec<Exchange> = exchanges.into_iter().filter(|one| all || failed(one)).collect();
    if let Some(fine) = before.checked_sub(chosen.len()).filter(|fine| *fine > 0) {
        terminal::say(&format!("{fine} of {before} requests did not fail; --all sends them too"));
    }
    if chosen.is_empty() {
        let reasons: Vec<String> = left_out.iter().map(described).collect();
        let why =
            if reasons.is_empty() { String::new() } else { format!("\n{}", reasons.join("\n")) };
        return Err(Failure::new(format!(
            "the capture has no failed request that can be sent{why}"
        )));
    }
    Ok((chosen, left_out))
}

fn described(one: &LeftOut) -> String {
    format!("left out: entry {}, {}: {}", one.entry, one.what, one.reason)
}

fn show(verdicts: &[Verdict], left_out: &[LeftOut], format: ReplayFormat) -> Result<(), Failure> {
    let text = match format {
        ReplayFormat::Text => {
            let verdicts = verdicts.iter().map(Verdict::to_text);
            verdicts.chain(left_out.iter().map(|one| described(one) + "\n")).collect()
        }
        ReplayFormat::Json => format!(
            "{:#}\n",
            json!({ "format": FORMAT, "verdicts": verdicts, "left_out": left_out })
        ),
    };
    terminal::print(&text).map(drop)
}

/// The part of a capture that needs running functions.
enum Work {
    Exchanges(Vec<Exchange>),
    Event(Bytes),
}

async fn run(options: &ReplayOptions, work: Work) -> Result<(Vec<Verdict>, Vec<LeftOut>), Failure> {
    let up = UpOptions {
        no_build: options.no_build,
        quiet: true,
        ..UpOptions::of(options.limits.clone(), options.template_options.clone())
    };
    start_log(&up);
    let project = Project::open(options.template.clone(), &up.limits, &up.template)?;
    with_started(&project, &up, "everything was replayed", async |started| {
        Replay { options, project: &project, started, client: remote::client()? }.all(work).await
    })
    .await
}

/// The replay of a capture with a running project.
struct Replay<'a> {
    options: &'a ReplayOptions,
    project: &'a Project,
    started: &'a Started,
    client: Client,
}

impl Replay<'_> {
    async fn all(&self, work: Work) -> Result<(Vec<Verdict>, Vec<LeftOut>), Failure> {
        let (mut verdicts, mut left_out) = (Vec::new(), Vec::new());
        match work {
            Work::Event(event) => verdicts.push(self.event(event).await?),
            Work::Exchanges(exchanges) => {
                for exchange in exchanges {
                    match self.exchange(exchange).await? {
                        Ok(verdict) => verdicts.push(verdict),
                        Err(one) => left_out.push(one),
                    }
                }
            }
        }
        Ok((verdicts, left_out))
    }

    /// Sends a request, or returns why it is left out: most captures also have requests to other hosts.
    async fn exchange(&self, exchange: Exchange) -> Result<Result<Verdict, LeftOut>, Failure> {
        let (config, addresses) = (&self.project.loaded.config, &self.started.addresses);
        let what = format!("{} {}", exchange.method, exchange.url);
        let place =
            replay::place_exchange(&exchange, config, addresses, self.options.api.as_deref());
        let place = match place {
            Ok(place) => place,
            Err(error) => {
                let reason = error.to_string();
                return Ok(Err(LeftOut { entry: exchange.entry, what, reason }));
            }
        };
        let mut notes = exchange.notes;
        if !place.others.is_empty() {
            notes.push(format!(
                "other targets that have this route: {}; --api chooses another than {}",
                place.others.join(", "),
                place.logical_id
            ));
        }
        let method = Method::from_bytes(exchange.method.as_bytes()).map_err(Failure::new)?;
        let (response, records) =
            self.send(method, &place.url, &exchange.headers, exchange.body).await?;
        let what = format!("{what} through {}", place.logical_id);
        let here = response.status.as_u16();
        Ok(Ok(replay::of_exchange(what, exchange.status, here, &records, notes)))
    }

    async fn event(&self, event: Bytes) -> Result<Verdict, Failure> {
        let json: Value = serde_json::from_slice(&event).map_err(Failure::new)?;
        let config = &self.project.loaded.config;
        let place = replay::place_event(&json, config, self.options.function.as_deref());
        let EventPlace { function, notes } = place.map_err(Failure::new)?;
        let what = format!("an event of {} bytes for {function}", event.len());
        let aws = &self.started.addresses.aws;
        let url = format!("{aws}/2015-03-31/functions/{function}/invocations");
        let (response, records) = self.send(Method::POST, &url, &[], event).await?;
        Ok(replay::of_event(what, failure(&response), &records, notes))
    }

    /// Sends one request and returns its response with the records of the emulator. There are no other requests at that time.
    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<(Response, Vec<Record>), Failure> {
        let recorder = self.started.emulator.recorder();
        recorder.reset();
        let response = remote::send(&self.client, method, url, headers, body).await?;
        Ok((response, recorder.newest()))
    }
}

/// The failure of an invocation.
fn failure(response: &Response) -> Option<String> {
    let text = String::from_utf8_lossy(&response.body);
    let shown: String = text.chars().take(300).collect();
    if !response.status.is_success() {
        return Some(format!("refused with {}: {shown}", response.status.as_u16()));
    }
    if let Some(error) = response.header("x-amz-function-error") {
        return Some(format!("the function failed ({error}): {shown}"));
    }
    let proxied: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let status = proxied["statusCode"].as_u64().filter(|status| *status >= 500)?;
    Some(format!("the function itself responds with the status {status}"))
}
