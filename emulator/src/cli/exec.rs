//! `hardcap exec`: start on free ports, run a command with the addresses in its environment, report, gate.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

use clap::Args;

use super::Failure;
use super::launch::{Started, start};
use super::options::{LimitOptions, TemplateOptions, UpOptions};
use super::project::Project;
use super::terminal;
use super::up::{Signals, runtime, start_log};
use crate::addresses::Addresses;
use crate::gate::{FailOn, Failure as GateFailure, Gate, to_junit};
use crate::report::Report;
use crate::tool::Tool;

/// The exit code of a run that the gate failed.
const GATE_FAILED: u8 = 3;

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
    /// Fail (exit code 3) on: refused, throttled, fault, or the name of a limit; more than once for more
    #[arg(long, value_name = "WHAT")]
    fail_on: Vec<FailOn>,
    /// Fail when less than this share of any limit was left, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..=100))]
    min_headroom: Option<u64>,
    /// Write the report here as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report here as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Run what was built before
    #[arg(long)]
    no_build: bool,
    /// Print errors, the report and the command's own output only
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn exec(options: &ExecOptions) -> Result<ExitCode, Failure> {
    let up = UpOptions {
        limits: options.limits.clone(),
        template: options.template_options.clone(),
        api_port: 0,
        aws_port: 0,
        data: None,
        ready_file: None,
        no_build: options.no_build,
        strict_auth: false,
        quiet: options.quiet,
        verbose: 0,
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
    let Started { emulator, companions, addresses } = started;
    let region = &project.loaded.config.region;
    let status = run_command(&options.command, &addresses, region, &mut signals).await?;
    let report = emulator.report();
    let clock = emulator.clock().clone();
    tokio::join!(companions.stop(&clock), emulator.stop());

    let gate =
        Gate { fail_on: options.fail_on.clone(), min_headroom_percent: options.min_headroom };
    let failures = gate.failures(&report);
    write_reports(options, &report, &failures)?;
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
    report: &Report,
    failures: &[GateFailure],
) -> Result<(), Failure> {
    if let Some(path) = &options.junit {
        write(path, &to_junit(report, failures))?;
    }
    if let Some(path) = &options.json {
        let json = serde_json::json!({ "report": report, "failures": failures });
        write(path, &format!("{json:#}\n"))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
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
