//! `hardcap check`: findings about a template that is not started.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::Failure;
use super::options::{LimitOptions, TemplateOptions};
use super::project::{Project, ProjectError};
use super::terminal::{self, print};
use super::up::block_on;
use crate::check::{Finding, Severity, Silenced};
use hardcap_project::packaging::machine::Machine;
use hardcap_project::packaging::{self, Found, Means, PackagingError, Resolved};

/// The format of findings.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum CheckFormat {
    /// One finding a line
    #[default]
    Text,
    /// An object with the findings and their numbers
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands of GitHub Actions, which show each finding at its line
    Github,
    /// JUnit XML with a test case for each finding
    Junit,
}

/// Finds the program of each function and asks the interpreters for their versions. Nothing is built or installed.
async fn programs(project: &Project) -> Vec<Finding> {
    let mut machine = Machine::here();
    let means = Means { only_looks: true, ..Means::default() };
    let mut findings = Vec::new();
    for package in &project.loaded.packages {
        let place = project.loaded.places.get(&package.logical_id);
        let place = place.map(|(path, position)| format!("{}:{position}", path.display()));
        let mut add = |severity, code, message| {
            let resource = Some(package.logical_id.clone());
            findings.push(Finding { severity, code, resource, place: place.clone(), message });
        };
        let error = |error: &PackagingError| format!("{}; {}", error.what, error.help);
        let opened = package.opened(&machine.cache);
        let found = opened.and_then(|package| Ok((packaging::find(&package)?, package)));
        let (found, package) = match found {
            Ok(found) => found,
            Err(missing) => {
                let severity =
                    if package.is_elsewhere() { Severity::Note } else { Severity::Error };
                add(severity, "no-program", error(&missing));
                continue;
            }
        };
        if let Some(missing) = packaging::missing_handler(&package) {
            add(Severity::Error, "no-handler", error(&missing));
        }
        if let Found::Cargo(_) = found {
            continue;
        }
        let is_image = matches!(found, Found::Image(_));
        match packaging::resolve(found, &package, &mut machine, &means).await {
            Ok(Resolved { image: Some(image), .. }) => {
                let limits = &project.loaded.config.limits;
                let id = &package.logical_id;
                if let Some(refused) = crate::check::refused_image(limits, id, &image) {
                    add(Severity::Error, "package-size", refused);
                }
                let message = format!("`{id}` runs in a container of the image {}", image.name);
                add(Severity::Note, "container-image", message);
            }
            Ok(_) if is_image => {
                let id = &package.logical_id;
                let message =
                    format!("`{id}` runs in a container whose image is built at the start");
                add(Severity::Note, "container-image", message);
            }
            Ok(resolved) => {
                if let Some(note) = resolved.note {
                    add(Severity::Warning, "runtime-version", note);
                }
            }
            Err(missing) if is_image => add(Severity::Note, "no-program", error(&missing)),
            Err(missing) => add(Severity::Error, "no-program", error(&missing)),
        }
    }
    findings
}

/// Checks a template. The exit code is 1 if a finding is an error.
pub(super) fn check(
    template: Option<PathBuf>,
    limits: &LimitOptions,
    options: &TemplateOptions,
    format: CheckFormat,
) -> Result<ExitCode, Failure> {
    let project = match Project::read(template, limits, options) {
        Ok(project) => project,
        Err(ProjectError::Template(error)) => {
            // A program that reads another format expects the error among the findings.
            if !matches!(format, CheckFormat::Text) {
                show(&crate::check::unreadable(&error), &[], format)?;
            }
            return Err(Failure::new(error));
        }
        Err(ProjectError::Other(failure)) => return Err(failure),
    };
    project.say_notes();
    let mut findings = crate::check::all(&project.loaded);
    findings.extend(block_on(programs(&project))?);
    let (findings, silenced) = crate::check::sorted_out(&project.loaded, findings);
    show(&findings, &silenced, format)?;
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints the findings in a format; the text is followed by their numbers on standard error.
fn show(findings: &[Finding], silenced: &[Silenced], format: CheckFormat) -> Result<(), Failure> {
    match format {
        CheckFormat::Text => {
            let mut text = String::new();
            for finding in findings {
                writeln!(text, "{finding}").map_err(Failure::new)?;
            }
            print(&text)?;
            let count = |severity: Severity| {
                let number = findings.iter().filter(|it| it.severity == severity).count();
                format!("{number} {severity}{}", if number == 1 { "" } else { "s" })
            };
            let mut counts =
                [Severity::Error, Severity::Warning, Severity::Note].map(count).to_vec();
            if !silenced.is_empty() {
                counts.push(format!("{} silenced", silenced.len()));
            }
            terminal::say(&counts.join(", "));
            Ok(())
        }
        CheckFormat::Json => print(&crate::check::to_json(findings, silenced)).map(drop),
        CheckFormat::Sarif => print(&crate::check::to_sarif(findings)).map(drop),
        CheckFormat::Github => print(&crate::check::to_github(findings)).map(drop),
        CheckFormat::Junit => print(&crate::check::to_junit(findings)).map(drop),
    }
}
