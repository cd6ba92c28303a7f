//! The command line: arguments in, exit code out. Everything for people goes to standard error.

mod check;
mod discover;
mod exec;
mod explain;
mod health;
mod hints;
mod init;
mod invoke;
mod launch;
mod limits;
mod logs;
mod options;
mod probe;
mod project;
mod ready;
mod reload;
mod remote;
mod replay;
mod report;
mod samconfig;
mod terminal;
mod up;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use hardcap_core::console;
use options::{LimitOptions, UpOptions};

/// Meet the limits of AWS Lambda and API Gateway on your own machine, byte for byte.
#[derive(Parser, Debug)]
#[command(name = "hardcap", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: UpOptions,
}

const EXAMPLES: &str = "\
Examples:
  hardcap                                   run template.yaml of this folder
  hardcap up app.yaml --limits current      with the newest limits instead of those of 2022-04-22
  hardcap up --watch                        what is edited is built and put in place, all else goes on
  hardcap up --set lambda_sync_response=1000000 --api-port 0 --aws-port 0 --ready-file ready.json
  hardcap check                             what AWS would refuse, and what people regret later
  hardcap limits --limits 2018-01-01        the table as it was on a day
  hardcap exec --fail-on refused -- npm test
  hardcap probe 'http://127.0.0.1:3000/dev/giant?size={size}'
  hardcap init                              a project that runs at once, in an empty folder
  hardcap invoke Hello -e event.json --log
  hardcap report run.json --format html > report.html
  hardcap replay failed.har                 whether it fails here too, where, and by how many bytes
  hardcap explain error.log                 which limit a log or a captured answer met
  hardcap health                            whether it listens, for scripts and containers

Exit codes:
  0  done
  1  failed: a wrong template, a missing program, a port that is taken, a finding of `check` that is an error
  2  the command line itself is wrong
  3  a gate failed: the run met a limit that it was told not to meet
  `exec` ends with the exit code of the command that it ran, where that is not 0

Machine-readable output goes to standard output, everything else to standard error.";

const CHECK_EXAMPLES: &str = "\
Examples:
  hardcap check app.yaml --limits current
  hardcap check --format github              in a workflow: findings at their lines of a pull request
  hardcap check --format sarif > hardcap.sarif

Exit codes: 0 nothing would fail, 1 something would, 2 the command line is wrong";

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a template until Ctrl-C, then print the report
    Up {
        /// The template [default: template.yaml, template.yml or template.json]
        template: Option<PathBuf>,
        #[command(flatten)]
        options: UpOptions,
    },
    /// Look at a template without running it
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The template [default: template.yaml, template.yml or template.json]
        template: Option<PathBuf>,
        #[command(flatten)]
        limits: LimitOptions,
        #[command(flatten)]
        template_options: options::TemplateOptions,
        /// How the findings are printed
        #[arg(long, value_enum, default_value_t)]
        format: check::Format,
    },
    /// Run a command against a template, then report, and fail if the gate says so
    Exec(Box<exec::ExecOptions>),
    /// Find the exact size at which a URL stops answering, and the limit that explains it
    Probe(probe::ProbeOptions),
    /// Name the limit that a log line, an error, a response or an event is about, and what to do
    #[command(after_help = "\
The input is recognized: events, responses, errors of SDKs and services, log lines as text and JSON, exports of CloudWatch Logs, access
logs, traces, output of curl, error pages. Every line counts; where a text has several causes they are ranked.

Examples:
  hardcap explain error.log
  aws logs tail /aws/lambda/export --since 1h | hardcap explain
  hardcap explain response.json --limits current --format json

Exit codes: 0 something was explained, 1 nothing was, 2 the command line is wrong")]
    Explain {
        /// The file; standard input without it or for -
        file: Option<PathBuf>,
        #[command(flatten)]
        limits: LimitOptions,
        /// How it is printed
        #[arg(long, value_enum, default_value_t)]
        format: explain::Format,
    },
    /// Reproduce a production failure locally: from a HAR, curl -v, an event, or a log
    Replay(Box<replay::ReplayOptions>),
    /// Hand one event to one function
    Invoke(Box<invoke::InvokeOptions>),
    /// Print what functions have logged
    Logs(logs::LogsOptions),
    /// Write what a project needs to begin: a hardcap.toml, and where there is no template, one with a function
    Init(init::InitOptions),
    /// Render a run again: from the file that --records wrote, or from a hardcap that runs
    Report(report::ReportOptions),
    /// Ask a running hardcap whether it listens; the exit code says so too
    Health {
        /// Its control surface
        #[arg(default_value = "http://127.0.0.1:4566/_hardcap")]
        url: String,
    },
    /// Print the table of limits
    Limits {
        #[command(flatten)]
        limits: LimitOptions,
        /// How the table is printed
        #[arg(long, value_enum, default_value_t)]
        format: limits::Format,
    },
}

/// How long the last lines on standard error may take to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);
/// The exit code of a run that a gate failed.
const GATE_FAILED: u8 = 3;

/// Why a command did not do what it was asked to. Shown after `error: `.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

impl Failure {
    fn new(message: impl std::fmt::Display) -> Failure {
        Failure(message.to_string())
    }
}

/// Runs the program on the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    hardcap_core::descriptors::raise();
    // A panic must not wait for standard error either.
    std::panic::set_hook(Box::new(|panic| {
        console::write(format!("hardcap panicked: {panic}\n").as_bytes());
    }));
    let outcome = match arguments.command {
        None => up::up(None, arguments.up),
        Some(Command::Up { template, options }) => up::up(template, options),
        Some(Command::Check { template, limits, template_options, format }) => {
            check::check(template, &limits, &template_options, format)
        }
        Some(Command::Exec(options)) => exec::exec(&options),
        Some(Command::Probe(options)) => probe::probe(&options),
        Some(Command::Explain { file, limits, format }) => {
            explain::explain(file.as_deref(), &limits, format)
        }
        Some(Command::Replay(options)) => replay::replay(&options),
        Some(Command::Invoke(options)) => invoke::invoke(&options),
        Some(Command::Logs(options)) => logs::logs(&options),
        Some(Command::Init(options)) => init::init(&options),
        Some(Command::Report(options)) => report::report(&options),
        Some(Command::Health { url }) => health::health(&url),
        Some(Command::Limits { limits, format }) => limits::limits(&limits, format),
    };
    let code = outcome.unwrap_or_else(|Failure(message)| {
        terminal::error(&message);
        ExitCode::FAILURE
    });
    console::flush(WRITTEN_WITHIN);
    code
}
