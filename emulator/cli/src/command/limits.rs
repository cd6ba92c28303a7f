//! `hardcap limits`: the table, one row of it, or the differences between two dates.

use std::process::ExitCode;

use clap::Args;
use hardcap_limits::{Date, Limits, ROWS, page};

use super::Failure;
use super::hints;
use super::options::LimitOptions;
use super::terminal::{self, print};
use hardcap_core::nearest::nearest;

/// The format of the table.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum LimitsFormat {
    /// Aligned columns
    #[default]
    Table,
    /// Every fact of every row
    Json,
    /// The document docs/limits.md
    Markdown,
}

/// The part of the table to print.
#[derive(Args, Debug)]
pub(super) struct LimitsOptions {
    /// One limit by its name [default: the whole table]
    #[arg(value_name = "ROW", conflicts_with = "diff")]
    row: Option<String>,
    /// Two dates: print the limits whose numbers differ
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], conflicts_with_all = ["format", "limits", "set"])]
    diff: Vec<Date>,
    #[command(flatten)]
    limits: LimitOptions,
    /// The format of the table, or of the limit
    #[arg(long, value_enum, default_value_t)]
    format: LimitsFormat,
}

pub(super) fn limits(options: &LimitsOptions) -> Result<ExitCode, Failure> {
    if let [before, after] = options.diff[..] {
        let notes = [before, after].into_iter().filter_map(hints::unknown_day);
        notes.for_each(|note| terminal::say(&note));
        print(&page::diff(&Limits::at(before), &Limits::at(after)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let limits = options.limits.here(None)?;
    let row = match &options.row {
        Some(name) => Some(Limits::row(name).ok_or_else(|| unknown(name))?),
        None => None,
    };
    let text = match (options.format, row) {
        (LimitsFormat::Table, None) => page::text(&limits),
        (LimitsFormat::Table, Some(row)) => page::row(&limits, row),
        (LimitsFormat::Markdown, None) => page::markdown(&limits),
        (LimitsFormat::Markdown, Some(row)) => page::markdown_of(row),
        (LimitsFormat::Json, row) => {
            let mut data = page::data(&limits);
            if let Some(row) = row {
                data.rows.retain(|one| one.row.name == row.name);
                data.failures = &[];
            }
            let json = serde_json::to_string_pretty(&data).map_err(Failure::new)?;
            format!("{json}\n")
        }
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str) -> Failure {
    let nearest = nearest(name, ROWS.iter().map(|row| row.name));
    let help = nearest.map_or_else(
        || "`hardcap limits` lists them".to_owned(),
        |nearest| format!("did you mean `{nearest}`?"),
    );
    Failure::new(format!("there is no limit `{name}`; {help}"))
}
