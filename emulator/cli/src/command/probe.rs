//! `hardcap probe`: the exact cutoff of a URL, and the limit that explains it.

use std::process::ExitCode;

use clap::Args;
use http::Method;
use serde_json::json;

use super::Failure;
use super::options::LimitOptions;
use super::terminal;
use super::up::block_on;
use crate::probe::{self, Direction, Found, Probed, Target, Try};
use hardcap_limits::grouped;

/// The version of the JSON format.
const FORMAT: u32 = 1;

/// The target of the probe.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  hardcap probe 'http://127.0.0.1:3000/dev/giant?size={size}'
  hardcap probe 'https://api.example.com/export?rows={size}' -H 'cookie: session=…' --max 100000
  hardcap probe http://127.0.0.1:3000/prod/upload --upload

Exit codes: 0 a cutoff was found, or nothing failed; 1 it could not be found; 2 wrong usage")]
pub(super) struct ProbeOptions {
    /// The URL, with {size} in place of the size
    url: String,
    /// Vary the size of the request body instead
    #[arg(long)]
    upload: bool,
    /// The method [default: GET, POST with --upload]
    #[arg(short = 'X', long)]
    method: Option<Method>,
    /// A header to send; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The first size to try
    #[arg(long, default_value_t = 1024)]
    start: u64,
    /// The largest size to try
    #[arg(long, default_value_t = 64 * 1024 * 1024)]
    max: u64,
    #[command(flatten)]
    limits: LimitOptions,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// A text that is not a header.
#[derive(Debug, thiserror::Error)]
#[error("write NAME: VALUE")]
struct InvalidHeader;

fn header(text: &str) -> Result<(String, String), InvalidHeader> {
    let (name, value) = text.split_once(':').ok_or(InvalidHeader)?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(super) fn probe(options: &ProbeOptions) -> Result<ExitCode, Failure> {
    let limits = options.limits.here(None)?;
    let (direction, method) = match options.upload {
        true => (Direction::Upload, Method::POST),
        false => (Direction::Download, Method::GET),
    };
    let target = Target {
        url: options.url.clone(),
        method: options.method.clone().unwrap_or(method),
        headers: options.headers.clone(),
        direction,
        start: options.start,
        max: options.max,
    };
    let show = |attempt: &Try| {
        terminal::say(&format!("{:>13}  {}", grouped(attempt.size), attempt.status.as_u16()));
    };
    let probed = block_on(probe::probe(&target, &limits, show))?.map_err(Failure::new)?;
    let text =
        if options.json { format!("{:#}\n", to_json(&probed)) } else { format!("{probed}\n") };
    terminal::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn to_json(probed: &Probed) -> serde_json::Value {
    let (passed, failed) = &probed.edge;
    let explanations: Vec<_> = probed
        .explanations
        .iter()
        .map(|one| {
            json!({
                "row": one.row.name,
                "max": one.max,
                "encoded": one.encoded,
                "envelope": [one.envelope_min, one.envelope_max],
                "text": one.to_string(),
            })
        })
        .collect();
    let passes = match probed.found {
        Found::Cutoff { passes } => Some(passes),
        Found::NothingPasses { .. } | Found::EverythingPasses { .. } => None,
    };
    json!({
        "format": FORMAT,
        "passes": passes,
        "requests": probed.requests,
        "passed": passed.as_ref().map(Try::excerpt),
        "failed": failed.as_ref().map(Try::excerpt),
        "explanations": explanations,
        "arithmetic": probed.arithmetic,
        "causes": probed.causes.iter().map(probe::described).collect::<Vec<_>>(),
    })
}
