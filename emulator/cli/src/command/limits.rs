//! `hardcap limits`: the table.

use std::process::ExitCode;

use hardcap_limits::page;

use super::Failure;
use super::options::LimitOptions;
use super::terminal::print;
use hardcap::settings::Settings;

/// How the table is printed.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// Every fact of every row
    Json,
    /// The document docs/limits.md
    Markdown,
}

pub(super) fn limits(options: &LimitOptions, format: Format) -> Result<ExitCode, Failure> {
    let limits = options.in_force(&Settings::default());
    let text = match format {
        Format::Table => page::text(&limits),
        Format::Markdown => page::markdown(&limits),
        Format::Json => {
            let json = serde_json::to_string_pretty(&page::data(&limits)).map_err(Failure::new)?;
            format!("{json}\n")
        }
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
