//! `hardcap report`: renders a run from a file or from a running hardcap.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rustix::fs::Access;

use super::options::GateOptions;
use super::remote::{self, DEFAULT_URL};
use super::up::block_on;
use super::{Failure, GATE_FAILED, terminal};
use hardcap::report::{GateFailure, Report, SavedRun, to_html, to_junit};
use hardcap_core::paths::folder_of;

/// The run, and the format of its report.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  hardcap report                            the run so far of the hardcap on the usual port
  hardcap exec --records run.json -- npm test
  hardcap report run.json --format html > report.html
  hardcap report run.json --fail-on refused --min-headroom 10
  curl -s http://127.0.0.1:4566/_hardcap/records | hardcap report -

Exit codes: 0 success, 1 the run cannot be read, 2 wrong usage, 3 a gate failed")]
pub(super) struct ReportOptions {
    /// A file of --records, - for standard input, or the URL of a running hardcap
    #[arg(env = remote::CONTROL, default_value = DEFAULT_URL)]
    source: String,
    /// The format of the output
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    #[command(flatten)]
    gate: GateOptions,
}

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ReportFormat {
    /// For people, in a terminal
    #[default]
    Table,
    /// For programs
    Json,
    /// For CI: a test case for each limit
    Junit,
    /// For people, in a browser: one self-contained file
    Html,
}

impl ReportFormat {
    /// Renders a run.
    pub(super) fn render(
        self,
        run: &SavedRun,
        report: &Report,
        failures: &[GateFailure],
    ) -> Result<String, Failure> {
        Ok(match self {
            ReportFormat::Table => report.to_table(),
            ReportFormat::Json => {
                let json = serde_json::json!({ "report": report, "failures": failures });
                format!("{json:#}\n")
            }
            ReportFormat::Junit => to_junit(report, failures),
            ReportFormat::Html => to_html(run, report, failures),
        })
    }
}

pub(super) fn report(options: &ReportOptions) -> Result<ExitCode, Failure> {
    let text = read(&options.source)?;
    let of_source = |error| Failure::new(format!("{}: {error}", options.source));
    let run = SavedRun::read(&text).map_err(of_source)?;
    let report = run.report().map_err(of_source)?;
    let failures = options.gate.failures(&report);
    terminal::print(&options.format.render(&run, &report, &failures)?)?;
    for failure in &failures {
        terminal::error(&failure.to_string());
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(GATE_FAILED) })
}

fn read(source: &str) -> Result<Vec<u8>, Failure> {
    if source.starts_with("http://") || source.starts_with("https://") {
        let url = remote::control(source, "records");
        return block_on(remote::get(&url))?.map(Into::into);
    }
    terminal::read(Some(Path::new(source)))
}

/// Writes a run for `hardcap report`.
pub(super) fn write_records(path: &Path, run: &SavedRun) -> Result<(), Failure> {
    let mut text = serde_json::to_string(run).map_err(Failure::new)?;
    text.push('\n');
    write(path, &text)
}

/// Refuses a file that could not be written at the end of a run, before the run.
pub(super) fn check_writable<'p>(
    paths: impl IntoIterator<Item = &'p PathBuf>,
) -> Result<(), Failure> {
    for path in paths {
        let folder = folder_of(path);
        let target = if path.exists() { path } else { folder };
        let access = if folder.is_dir() {
            rustix::fs::access(target, Access::WRITE_OK).map_err(std::io::Error::from)
        } else {
            Err(std::io::Error::from(std::io::ErrorKind::NotFound))
        };
        access.map_err(|error| {
            Failure::new(format!(
                "cannot write {}: {error}\n  = help: name a file in an existing folder that can be written to",
                path.display()
            ))
        })?;
    }
    Ok(())
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("cannot write {}: {error}", path.display()));
    std::fs::write(path, text).map_err(failed)
}
