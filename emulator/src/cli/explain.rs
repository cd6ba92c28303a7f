//! `hardcap explain`: which limit a log line, a captured answer or an event met.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use super::Failure;
use super::options::LimitOptions;
use super::terminal;
use crate::explain::Explained;
use crate::settings::Settings;

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
    let text = read(file)?;
    let explained = Explained::new(&text, &limits);
    let output = match format {
        Format::Text => format!("{}\n", explained.to_text(&limits)),
        Format::Json => format!("{:#}\n", explained.to_json(&limits)),
    };
    terminal::print(&output)?;
    Ok(if explained.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is not text is read as far as it is: a log may hold anything.
fn read(file: Option<&Path>) -> Result<String, Failure> {
    let named = file.filter(|path| *path != Path::new("-"));
    let bytes = match named {
        Some(path) => std::fs::read(path)
            .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?,
        None => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::new(format!("standard input cannot be read: {error}")))?;
            bytes
        }
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
