//! Options that more than one command takes, and how their texts are read.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use hardcap_limits::{Date, Limits, ROWS};

use hardcap::report::Report;
use hardcap::report::gate::{self, FailOn, Gate};
use hardcap::settings::Settings;
use hardcap::source::nearest::nearest;
use hardcap_core::config::{Config, TrustedHost, TrustedOrigin};
use hardcap_core::serve::LOOPBACK;

/// Which limits are in force.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct LimitOptions {
    /// The day whose limits are in force: current, classic (2022-04-22), or YYYY-MM-DD [default: `limits` of hardcap.toml, then
    /// current]
    #[arg(long, value_name = "DATE")]
    limits: Option<Date>,
    /// Another number for a limit, such as lambda_sync_response=1MB; more than once for more
    #[arg(long, value_name = "ROW=VALUE", value_parser = row_and_value)]
    set: Vec<(String, u64)>,
}

/// What a run must not show.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct GateOptions {
    /// Fail (exit code 3) on: refused, throttled, fault, or the name of a limit; more than once for more
    #[arg(long, value_name = "WHAT")]
    fail_on: Vec<FailOn>,
    /// Fail when less than this share of any limit was left, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..=100))]
    min_headroom: Option<u64>,
}

impl GateOptions {
    /// What a run did that it must not.
    pub(super) fn failures(&self, report: &Report) -> Vec<gate::Failure> {
        let gate = Gate { fail_on: self.fail_on.clone(), min_headroom_percent: self.min_headroom };
        gate.failures(report)
    }
}

/// How a template is read.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct TemplateOptions {
    /// A value for a parameter of the template; more than once for more
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(super) parameters: Vec<(String, String)>,
    /// The region of everything
    #[arg(long)]
    pub(super) region: Option<String>,
    /// The stack's name [default: `stack` of hardcap.toml, then `stack_name` of samconfig.toml, then hardcap]
    #[arg(long, value_name = "NAME")]
    pub(super) stack_name: Option<String>,
    /// Download nothing: a Python without AWS's runtime client is an error
    #[arg(long, env = "HARDCAP_OFFLINE")]
    pub(super) offline: bool,
}

/// The hosts and web pages that are let in beside this machine's own.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct TrustOptions {
    /// Answer to a further name of this machine, such as a service's in a network of containers; may be repeated
    #[arg(long, value_name = "NAME", env = "HARDCAP_ALLOW_HOST", value_delimiter = ',')]
    allow_host: Vec<TrustedHost>,
    /// Let web pages of an origin, such as http://localhost:5173, call the AWS APIs; may be repeated
    #[arg(long, value_name = "ORIGIN", env = "HARDCAP_ALLOW_ORIGIN", value_delimiter = ',')]
    allow_origin: Vec<TrustedOrigin>,
}

impl TrustOptions {
    /// Puts what `hardcap.toml` trusts and what the command line trusts into a configuration.
    pub(super) fn apply(&self, settings: &Settings, config: &mut Config) {
        config.allow_hosts = [&settings.allow_hosts[..], &self.allow_host].concat();
        config.allow_origins = [&settings.allow_origins[..], &self.allow_origin].concat();
    }
}

/// How a template is run.
#[derive(Args, Clone, Debug)]
pub(super) struct UpOptions {
    #[command(flatten)]
    pub(super) limits: LimitOptions,
    #[command(flatten)]
    pub(super) template: TemplateOptions,
    /// The address to listen on: 0.0.0.0 in a container. There is no authentication: what reaches it can run code
    #[arg(long, value_name = "ADDRESS", env = "HARDCAP_HOST", default_value_t = LOOPBACK)]
    pub(super) host: IpAddr,
    #[command(flatten)]
    pub(super) trust: TrustOptions,
    /// The port of the first API, 0 for any; further APIs and function URLs take the ports after it
    #[arg(long, value_name = "PORT", env = "HARDCAP_PORT", default_value_t = 3000)]
    pub(super) api_port: u16,
    /// The port of the AWS APIs and of the control surface, 0 for any
    #[arg(long, value_name = "PORT", env = "HARDCAP_AWS_PORT", default_value_t = 4566)]
    pub(super) aws_port: u16,
    /// Keep data in this folder; in memory without it
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Write the addresses into this file, as JSON, when everything listens
    #[arg(long, value_name = "FILE", env = "HARDCAP_READY_FILE")]
    pub(super) ready_file: Option<PathBuf>,
    /// Write the run into this file when it ends, for `hardcap report`
    #[arg(long, value_name = "FILE")]
    pub(super) records: Option<PathBuf>,
    /// Stop at the end of standard input, for a test harness: however it ends, nothing is left running
    #[arg(long)]
    pub(super) stop_at_eof: bool,
    /// Build what is edited and put it in place while everything else goes on
    #[arg(long)]
    pub(super) watch: bool,
    /// Run what was built before
    #[arg(long)]
    pub(super) no_build: bool,
    /// Start although AWS would refuse to deploy the template
    #[arg(long)]
    pub(super) allow_invalid: bool,
    /// Tell functions AWS's host names (ID.execute-api.REGION.amazonaws.com) and https, for applications that build links
    #[arg(long)]
    pub(super) aws_hosts: bool,
    /// Verify signatures on every AWS API, not on S3 alone
    #[arg(long)]
    pub(super) strict_auth: bool,
    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print more: once for what each request does, twice for everything
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

impl UpOptions {
    /// A run for another command: on free ports, in memory.
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
            // Whoever calls one function wants its answer; the refusal is said, and holds nobody up.
            allow_invalid: true,
            aws_hosts: false,
            strict_auth: false,
            quiet: false,
            verbose: 0,
        }
    }
}

impl LimitOptions {
    /// The limits of the day, those of `hardcap.toml` on top, and what the command line says on top of them.
    pub(super) fn in_force(&self, settings: &Settings) -> Limits {
        let mut limits = Limits::at(self.limits.or(settings.date).unwrap_or(Date::LATEST));
        settings.apply_limits(&mut limits);
        for (row, value) in &self.set {
            // `row_and_value` accepts only names that the table has.
            let known = limits.set(row, *value);
            debug_assert!(known.is_ok(), "{row} was accepted on the command line");
        }
        limits
    }
}

fn row_and_value(text: &str) -> Result<(String, u64), String> {
    let Some((row, value)) = text.split_once('=') else {
        return Err("write ROW=VALUE, such as lambda_sync_response=1000000".to_owned());
    };
    let known =
        Limits::row(row).ok_or_else(|| match nearest(row, ROWS.iter().map(|row| row.name)) {
            Some(name) => format!("there is no limit `{row}`; did you mean `{name}`?"),
            None => format!("there is no limit `{row}`; `hardcap limits` lists them"),
        })?;
    let number = known.unit.parse(value).map_err(|error| error.to_string())?;
    Ok((row.to_owned(), number))
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
