//! `hardcap explain`: the limit that a log line, an error, a captured response or an event is about.

use std::path::Path;
use std::process::ExitCode;

use super::Failure;
use super::options::LimitOptions;
use super::terminal;
use crate::explain::{Explained, unpacked};

/// The length of an input from which the progress is shown, in bytes.
const LARGE: usize = 4 << 20;

/// The format of the output.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum ExplainFormat {
    /// Sentences
    #[default]
    Text,
    /// For programs
    Json,
}

/// The exit code is 1 if nothing was explained.
pub(super) fn explain(
    file: Option<&Path>,
    options: &LimitOptions,
    format: ExplainFormat,
) -> Result<ExitCode, Failure> {
    let limits = options.here(None)?;
    let name = file.map_or_else(|| "standard input".to_owned(), terminal::name);
    let invalid = |error| Failure::new(format!("{name} cannot be unpacked: {error}"));
    let input = unpacked(terminal::read(file)?).map_err(invalid)?;
    let explained = match input.len() {
        0..LARGE => Explained::new(&input, &limits),
        _ => terminal::with_progress("reading the text", || Explained::new(&input, &limits)),
    };
    let output = match format {
        ExplainFormat::Text => format!("{}\n", explained.to_text(&limits)),
        ExplainFormat::Json => format!("{:#}\n", explained.to_json(&limits)),
    };
    terminal::print(&output)?;
    Ok(if explained.is_explained() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
