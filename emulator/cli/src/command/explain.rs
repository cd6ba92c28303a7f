//! `hardcap explain`: which limit a log line, a captured answer or an event met.

use std::path::Path;
use std::process::ExitCode;

use super::Failure;
use super::options::LimitOptions;
use super::terminal;
use crate::explain::Explained;
use hardcap::settings::Settings;

/// How it is printed.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// Sentences
    #[default]
    Text,
    /// For machines
    Json,
}

/// Exit code 1 when nothing was recognized, so that a script can tell.
pub(super) fn explain(
    file: Option<&Path>,
    options: &LimitOptions,
    format: Format,
) -> Result<ExitCode, Failure> {
    let limits = options.in_force(&Settings::default());
    // What is not text is read as far as it is: a log may hold anything.
    let bytes = terminal::read(file)?;
    let text = String::from_utf8_lossy(&bytes);
    let explained = Explained::new(&text, &limits);
    let output = match format {
        Format::Text => format!("{}\n", explained.to_text(&limits)),
        Format::Json => format!("{:#}\n", explained.to_json(&limits)),
    };
    terminal::print(&output)?;
    Ok(if explained.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
