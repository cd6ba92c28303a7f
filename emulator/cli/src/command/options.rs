//! The options that several commands have, and the parsers of their values.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use hardcap_limits::{Date, InvalidNumber, Limits, ROWS};

use super::debug::DebugTarget;
use super::variables::Variable;
use super::{Failure, hints, project, terminal};
use crate::output::LogFormat;
use hardcap::report::{FailOn, Gate, GateFailure, Report};
use hardcap_core::config::{Config, TrustedHost, TrustedOrigin};
use hardcap_core::nearest::nearest;
use hardcap_core::serve::LOOPBACK;
use hardcap_project::settings::Settings;

/// The limits in force.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct LimitOptions {
    /// The date of the limits: current, classic (2022-04-22) or YYYY-MM-DD [default: `limits` of hardcap.toml, then current]
    #[arg(long, value_name = "DATE")]
    limits: Option<Date>,
    /// Override a limit, such as lambda_sync_response=1MB; may be repeated
    #[arg(long, value_name = "ROW=VALUE", value_parser = row_and_value)]
    set: Vec<(String, u64)>,
}

/// The conditions under which a run fails.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct GateOptions {
    /// Fail (exit code 3) on refused, throttled, fault or the name of a limit; may be repeated
    #[arg(long, value_name = "WHAT")]
    fail_on: Vec<FailOn>,
    /// Fail (exit code 3) if less than this share of any limit was left, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..=100))]
    min_headroom: Option<u64>,
}

impl GateOptions {
    /// The conditions that a run did not meet.
    pub(super) fn failures(&self, report: &Report) -> Vec<GateFailure> {
        let gate = Gate { fail_on: self.fail_on.clone(), min_headroom_percent: self.min_headroom };
        gate.failures(report)
    }
}

/// The options for reading a template.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct TemplateOptions {
    /// The value of a parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(super) parameters: Vec<(String, String)>,
    /// The profile of hardcap.toml whose settings take precedence
    #[arg(long, value_name = "NAME", env = "HARDCAP_PROFILE")]
    pub(super) profile: Option<String>,
    /// An environment variable of a function, such as Hello.STAGE=dev; may be repeated
    #[arg(long, value_name = "FUNCTION.NAME=VALUE")]
    pub(super) env: Vec<Variable>,
    /// A file of environment variables: lines NAME=VALUE for all functions and FUNCTION.NAME=VALUE for one, or the JSON of `sam
    /// local --env-vars`; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Vec<PathBuf>,
    /// The AWS region
    #[arg(long)]
    pub(super) region: Option<String>,
    /// The name of the stack [default: `stack` of hardcap.toml, then `stack_name` of samconfig.toml, then hardcap]
    #[arg(long, value_name = "NAME")]
    pub(super) stack_name: Option<String>,
    /// Download nothing; a Python without AWS's runtime client is then an error
    #[arg(long, env = "HARDCAP_OFFLINE")]
    pub(super) offline: bool,
}

/// Further hosts and origins that are trusted.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct TrustOptions {
    /// Accept a further host name, such as that of a service in a container network; may be repeated
    #[arg(long, value_name = "NAME", env = "HARDCAP_ALLOW_HOST", value_delimiter = ',')]
    allow_host: Vec<TrustedHost>,
    /// Let web pages of an origin, such as http://localhost:5173, call the AWS APIs; may be repeated
    #[arg(long, value_name = "ORIGIN", env = "HARDCAP_ALLOW_ORIGIN", value_delimiter = ',')]
    allow_origin: Vec<TrustedOrigin>,
}

impl TrustOptions {
    /// Adds the hosts and origins of `hardcap.toml` and of the command line to a configuration.
    pub(super) fn apply(&self, settings: &Settings, config: &mut Config) {
        config.allow_hosts = [&settings.allow_hosts[..], &self.allow_host].concat();
        config.allow_origins = [&settings.allow_origins[..], &self.allow_origin].concat();
    }
}

/// The options for running a template.
#[derive(Args, Clone, Debug)]
pub(super) struct UpOptions {
    #[command(flatten)]
    pub(super) limits: LimitOptions,
    #[command(flatten)]
    pub(super) template: TemplateOptions,
    /// The address to listen on, such as 0.0.0.0 in a container. There is no authentication: a client that can connect can run code
    #[arg(long, value_name = "ADDRESS", env = "HARDCAP_HOST", default_value_t = LOOPBACK)]
    pub(super) host: IpAddr,
    #[command(flatten)]
    pub(super) trust: TrustOptions,
    /// The port of the first API; 0 for any free port. Further APIs and function URLs use the ports after it
    #[arg(long, value_name = "PORT", env = "HARDCAP_PORT", default_value_t = 3000)]
    pub(super) api_port: u16,
    /// The port of the AWS APIs and of the control API; 0 for any free port
    #[arg(long, value_name = "PORT", env = "HARDCAP_AWS_PORT", default_value_t = 4566)]
    pub(super) aws_port: u16,
    /// Keep data in this folder; without it, data is in memory
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Write the addresses to this file as JSON when everything listens
    #[arg(long, value_name = "FILE", env = "HARDCAP_READY_FILE")]
    pub(super) ready_file: Option<PathBuf>,
    /// Write the run to this file when it ends, for `hardcap report`
    #[arg(long, value_name = "FILE")]
    pub(super) records: Option<PathBuf>,
    /// Stop at the end of standard input, for a test framework that keeps a pipe open
    #[arg(long)]
    pub(super) stop_at_eof: bool,
    /// Watch sources; rebuild and reload the functions that changed
    #[arg(long)]
    pub(super) watch: bool,
    /// Skip the build and run existing programs
    #[arg(long)]
    pub(super) no_build: bool,
    /// Start even if AWS would refuse to deploy the template
    #[arg(long)]
    pub(super) allow_invalid: bool,
    /// Give functions AWS's host names (ID.execute-api.REGION.amazonaws.com) and https, for applications that build links
    #[arg(long)]
    pub(super) aws_hosts: bool,
    /// Enforce no timeouts: of functions, of their init, and of the gateways in front of them
    #[arg(long)]
    pub(super) no_timeouts: bool,
    /// Let a debugger attach to a function: Python and Node listen on a port [default: 5678 and 9229]; it has one sandbox and no
    /// timeouts; may be repeated
    #[arg(long, value_name = "FUNCTION[=PORT]")]
    pub(super) debug: Vec<DebugTarget>,
    /// Verify signatures on every AWS API, not only on S3
    #[arg(long)]
    pub(super) strict_auth: bool,
    /// The format of the lines on standard error: json is one object a line, for programs
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) log_format: LogFormat,
    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print more: once for the steps of each request, twice for everything
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

impl UpOptions {
    /// The options of a run for another command: on free ports, in memory.
    pub(super) fn of(limits: LimitOptions, template: TemplateOptions) -> UpOptions {
        UpOptions {
            limits,
            template,
            host: LOOPBACK,
            trust: TrustOptions::default(),
            api_port: 0,
            aws_port: 0,
            data: None,
            ready_file: None,
            records: None,
            stop_at_eof: false,
            watch: false,
            no_build: false,
            // The command is about one function, which may be valid. The findings are printed as warnings.
            allow_invalid: true,
            aws_hosts: false,
            no_timeouts: false,
            debug: Vec::new(),
            strict_auth: false,
            log_format: LogFormat::Text,
            quiet: false,
            verbose: 0,
        }
    }
}

impl LimitOptions {
    /// The limits of a command without a template, with the settings of `hardcap.toml` in this folder. Prints a note if nothing is
    /// known of their day.
    pub(super) fn here(&self, profile: Option<&str>) -> Result<Limits, Failure> {
        let (settings, _) = project::read_settings(Path::new("."), profile)?;
        let limits = self.in_force(&settings);
        hints::unknown_day(limits.date()).iter().for_each(|note| terminal::say(note));
        Ok(limits)
    }

    /// The limits of the date, with the numbers of `hardcap.toml` and then those of the command line.
    pub(super) fn in_force(&self, settings: &Settings) -> Limits {
        let mut limits = Limits::at(self.limits.or(settings.date).unwrap_or(Date::LATEST));
        settings.apply_limits(&mut limits);
        for (row, value) in &self.set {
            // `row_and_value` accepts only known names.
            let known = limits.set(row, *value);
            debug_assert!(known.is_ok(), "{row} was accepted on the command line");
        }
        limits
    }
}

/// A text that is not the override of a limit.
#[derive(Debug, thiserror::Error)]
enum InvalidOverride {
    #[error("write ROW=VALUE, such as lambda_sync_response=1000000")]
    Form,
    #[error("there is no limit `{row}`; {help}")]
    Row { row: String, help: String },
    #[error(transparent)]
    Number(#[from] InvalidNumber),
}

fn row_and_value(text: &str) -> Result<(String, u64), InvalidOverride> {
    let (row, value) = text.split_once('=').ok_or(InvalidOverride::Form)?;
    let known = Limits::row(row).ok_or_else(|| {
        let help = match nearest(row, ROWS.iter().map(|row| row.name)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "`hardcap limits` lists them".to_owned(),
        };
        InvalidOverride::Row { row: row.to_owned(), help }
    })?;
    Ok((row.to_owned(), known.unit.parse(value)?))
}

/// A text that is not the value of a parameter.
#[derive(Debug, thiserror::Error)]
#[error("write NAME=VALUE")]
struct InvalidParameter;

fn name_and_value(text: &str) -> Result<(String, String), InvalidParameter> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(InvalidParameter),
    }
}
