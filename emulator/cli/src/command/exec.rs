//! `hardcap exec`: start on free ports, run a command with the addresses in its environment, report, gate.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

use clap::Args;

use super::launch::{Started, start};
use super::options::{GateOptions, LimitOptions, TemplateOptions, UpOptions};
use super::project::Project;
use super::report::{Format, write, write_records};
use super::terminal;
use super::up::{Signals, runtime, start_log};
use super::{Failure, GATE_FAILED};
use hardcap::report::Report;
use hardcap::report::gate::Failure as GateFailure;
use hardcap::report::saved::Saved;
use hardcap_core::addresses::Addresses;
use hardcap_core::tool::Tool;

/// What is run, and what must not happen.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
The command finds in its environment:
  AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION   what an SDK needs
  HARDCAP_API_<ID>, HARDCAP_URL_<ID>     the address of each API and function URL, by logical id
  HARDCAP_CONTROL                        the control surface

Examples:
  hardcap exec -- npm test
  hardcap exec app.yaml --fail-on refused --min-headroom 10 --junit limits.xml -- pytest")]
pub(super) struct ExecOptions {
    /// The template [default: template.yaml, template.yml or template.json]
    template: Option<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    template_options: TemplateOptions,
    #[command(flatten)]
    gate: GateOptions,
    /// Write the report here as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report here as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report here as a page of HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the run here, for `hardcap report`
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Start although AWS would refuse to deploy the template
    #[arg(long)]
    allow_invalid: bool,
    /// Run what was built before
    #[arg(long)]
    no_build: bool,
    /// Print errors, the report and the command's own output only
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn exec(options: &ExecOptions) -> Result<ExitCode, Failure> {
    let up = UpOptions {
        no_build: options.no_build,
        allow_invalid: options.allow_invalid,
        quiet: options.quiet,
        ..UpOptions::of(options.limits.clone(), options.template_options.clone())
    };
    start_log(&up);
    let project = Project::open(options.template.clone(), &up.limits, &up.template)?;
    runtime()?.block_on(run(&project, &up, options))
}

async fn run(
    project: &Project,
    up: &UpOptions,
    options: &ExecOptions,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let started = tokio::select! {
        started = start(project, up) => started?,
        () = signals.next() => return Err(Failure::new("stopped before everything listened")),
    };
    let Started { emulator, companions, addresses, .. } = started;
    let region = &project.loaded.config.region;
    let status = run_command(&options.command, &addresses, region, &mut signals).await?;
    let run = emulator.saved();
    let report = emulator.report();
    let clock = emulator.clock().clone();
    tokio::join!(companions.stop(&clock), emulator.stop());

    let failures = options.gate.failures(&report);
    write_reports(options, &run, &report, &failures)?;
    terminal::say(&format!("\n{}", report.to_table()));
    for failure in &failures {
        terminal::error(&failure.to_string());
    }
    Ok(exit_code(status, &failures))
}

async fn run_command(
    words: &[OsString],
    addresses: &Addresses,
    region: &str,
    signals: &mut Signals,
) -> Result<ExitStatus, Failure> {
    let (program, arguments) = words.split_first().ok_or_else(|| Failure::new("no command"))?;
    let mut tool = Tool::new(program.clone(), arguments, Path::new("."));
    tool.environment = environment(addresses, region);
    let name = program.to_string_lossy();
    let mut child = tool
        .start_in_foreground()
        .map_err(|error| Failure::new(format!("`{name}` cannot be run: {error}")))?;
    loop {
        tokio::select! {
            status = child.wait() => return status.map_err(Failure::new),
            // A terminal has told the command too; it decides how it ends.
            () = signals.next() => {}
        }
    }
}

fn environment(addresses: &Addresses, region: &str) -> Vec<(String, String)> {
    let mut variables = vec![
        ("AWS_ENDPOINT_URL".to_owned(), addresses.aws.clone()),
        ("AWS_ACCESS_KEY_ID".to_owned(), "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "test".to_owned()),
        ("AWS_REGION".to_owned(), region.to_owned()),
        ("AWS_DEFAULT_REGION".to_owned(), region.to_owned()),
        ("HARDCAP_CONTROL".to_owned(), addresses.control.clone()),
    ];
    let apis = addresses.apis.iter().map(|(id, url)| (format!("HARDCAP_API_{id}"), url.clone()));
    let urls =
        addresses.function_urls.iter().map(|(id, url)| (format!("HARDCAP_URL_{id}"), url.clone()));
    variables.extend(apis.chain(urls));
    variables
}

fn write_reports(
    options: &ExecOptions,
    run: &Saved,
    report: &Report,
    failures: &[GateFailure],
) -> Result<(), Failure> {
    for (path, format) in [
        (&options.junit, Format::Junit),
        (&options.json, Format::Json),
        (&options.html, Format::Html),
    ] {
        if let Some(path) = path {
            write(path, &format.render(run, report, failures)?)?;
        }
    }
    match &options.records {
        Some(path) => write_records(path, run),
        None => Ok(()),
    }
}

/// The command's own code where it failed, 128 and the signal's number where it was killed, as shells do; else the gate's.
fn exit_code(status: ExitStatus, failures: &[GateFailure]) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    match u8::try_from(code) {
        Ok(0) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(0) => ExitCode::from(GATE_FAILED),
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::FAILURE,
    }
}
