//! `hardcap check`: findings without a run.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::Failure;
use super::options::{LimitOptions, TemplateOptions};
use super::project::Project;
use super::terminal::{self, print};
use crate::check::{Finding, Severity};
use hardcap::packaging;

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// One finding a line
    #[default]
    Text,
    /// An object with the findings and their numbers
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands of GitHub Actions, which show each finding at its line
    Github,
    /// JUnit's XML, a test case a finding
    Junit,
}

#[derive(Serialize)]
struct Findings<'a> {
    errors: usize,
    warnings: usize,
    findings: &'a [Finding],
}

/// Looks at a template. Exit code 1 when something would fail.
pub(super) fn check(
    template: Option<PathBuf>,
    limits: &LimitOptions,
    options: &TemplateOptions,
    format: Format,
) -> Result<ExitCode, Failure> {
    let project = Project::open(template, limits, options)?;
    let mut findings = crate::check::check(&project.loaded);
    for package in &project.loaded.packages {
        if let Err(error) = packaging::find(package) {
            let place = project.loaded.places.get(&package.logical_id);
            findings.push(Finding {
                severity: Severity::Error,
                code: "no-program",
                place: place.map(|(path, position)| format!("{}:{position}", path.display())),
                message: format!("{}; {}", error.what, error.help),
            });
        }
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    match format {
        Format::Text => {
            let mut text = String::new();
            for finding in &findings {
                writeln!(text, "{finding}").map_err(Failure::new)?;
            }
            print(&text)?;
            terminal::say(&format!("{errors} errors, {warnings} warnings"));
        }
        Format::Json => {
            let all = Findings { errors, warnings, findings: &findings };
            let json = serde_json::to_string_pretty(&all).map_err(Failure::new)?;
            print(&format!("{json}\n"))?;
        }
        Format::Sarif => print(&crate::check::to_sarif(&findings))?,
        Format::Github => print(&crate::check::to_github(&findings))?,
        Format::Junit => print(&crate::check::to_junit(&findings))?,
    }
    Ok(if errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
