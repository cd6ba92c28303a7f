//! The command line: arguments in, exit code out. Results go to standard output, messages to standard error.

mod check;
mod debug;
mod discover;
mod exec;
mod explain;
mod health;
#[cfg(test)]
mod help_tests;
mod hints;
mod init;
mod invoke;
mod launch;
mod limits;
mod logs;
mod manual;
mod options;
mod probe;
mod project;
mod ready;
mod reload;
mod remote;
mod replay;
mod report;
mod samconfig;
mod since;
mod terminal;
mod up;
mod variables;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::output::{self, Level, Source};
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
  hardcap init && hardcap               write a sample project and run it
  hardcap                               run the template of this folder, until Ctrl-C
  hardcap up app.yaml --watch           reload a function when its source changes
  hardcap check                         find what AWS would refuse, without running anything
  hardcap exec --fail-on refused -- npm test
  hardcap probe 'http://127.0.0.1:3000/dev/giant?size={size}'
  hardcap invoke Hello -e event.json --log
  hardcap logs --follow Hello
  hardcap explain error.log             name the limit that a log or a response is about
  hardcap replay failed.har             reproduce a failure of production here
  hardcap report run.json --format html > report.html
  hardcap limits --limits 2018-01-01    print the limits as they were on a day
  hardcap health                        exit with 0 if a hardcap is running

Exit codes:
  0  success
  1  failure: a wrong template, a missing program, a port that is taken, a finding of `check` that
     is an error
  2  wrong usage of the command line
  3  a gate failed: the run met a limit that --fail-on or --min-headroom forbids
  `exec` ends with the exit code of its command if that is not 0

Results go to standard output, everything else to standard error.";

const CHECK_EXAMPLES: &str = "\
Examples:
  hardcap check                                check the template of this folder
  hardcap check app.yaml --limits 2024-01-01   as AWS would have accepted it on a day
  hardcap check --format github                annotate a pull request in GitHub Actions
  hardcap check --format sarif > hardcap.sarif

Exit codes: 0 no errors, 1 at least one error, 2 wrong usage";

const EXPLAIN_EXAMPLES: &str = "\
The input is recognized: events, responses, errors of SDKs and services, log lines as text and as
JSON, exports of CloudWatch Logs, access logs, traces, the output of curl, error pages. Every line
counts. If a text has several possible causes, they are ranked.

Examples:
  hardcap explain error.log
  aws logs tail /aws/lambda/export --since 1h | hardcap explain
  hardcap explain response.json --limits 2024-01-01 --format json

Exit codes: 0 something was explained, 1 nothing was explained, 2 wrong usage";

const UP_EXAMPLES: &str = "\
If no template is named, it runs the first of these: .aws-sam/build/template.yaml; template.yaml,
template.yml or template.json; the template that samconfig.toml names; the only stack in cdk.out;
.serverless/cloudformation-template-update-stack.json.

Examples:
  hardcap up                                   run the template of this folder, until Ctrl-C
  hardcap up cdk.out/Shop.template.json        run one stack of several
  hardcap up --watch                           reload a function when its source changes
  hardcap up --limits 2018-01-01               with the limits and texts of that day
  hardcap up --set lambda_sync_response=10000  with one limit lowered
  hardcap up --parameter Stage=dev --data .hardcap
  hardcap up --api-port 0 --aws-port 0 --ready-file ready.json
  hardcap up --records run.json                keep the run, for `hardcap report run.json`
  hardcap up --debug Hello                     let a debugger attach, without timeouts
  hardcap up --env Hello.STAGE=dev --env-file .env
  hardcap up --profile ci                      with [profiles.ci] of hardcap.toml
  hardcap up --log-format json                 write one JSON object a line on standard error

Exit codes: 0 stopped by a signal, 1 it could not start, 2 wrong usage";

const HEALTH_EXAMPLES: &str = "\
Examples:
  hardcap health                                       on the usual port
  hardcap health http://127.0.0.1:14566                on another port
  hardcap health > /dev/null && npm test

Exit codes: 0 healthy, 1 no response or another response, 2 wrong usage";

const LIMITS_EXAMPLES: &str = "\
Examples:
  hardcap limits                               the newest numbers
  hardcap limits lambda_sync_response          one limit: its history, and the error of each party
  hardcap limits --diff classic current        what has changed since 2022-04-22
  hardcap limits --limits 2018-01-01           as they were on a day
  hardcap limits --format json | jq '.rows[] | select(.name == \"lambda_sync_response\")'
  hardcap limits --format markdown > limits.md";

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a template until Ctrl-C, then print the report
    #[command(after_help = UP_EXAMPLES)]
    Up {
        /// The template [default: the one of this folder]
        template: Option<PathBuf>,
        #[command(flatten)]
        options: UpOptions,
    },
    /// Find what AWS would refuse to deploy and what fails later, without running anything
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The template [default: the one of this folder]
        template: Option<PathBuf>,
        #[command(flatten)]
        limits: LimitOptions,
        #[command(flatten)]
        template_options: options::TemplateOptions,
        /// The format of the findings
        #[arg(long, value_enum, default_value_t)]
        format: check::CheckFormat,
    },
    /// Start everything on free ports, run a command, stop and report; optionally fail if a limit was met
    Exec(Box<exec::ExecOptions>),
    /// Find the exact size at which a URL starts to fail, and the limit that explains it
    Probe(probe::ProbeOptions),
    /// Name the limit that a log line, an error, a response or an event is about, and what to do
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// The file; standard input if it is absent or -
        file: Option<PathBuf>,
        #[command(flatten)]
        limits: LimitOptions,
        /// The format of the output
        #[arg(long, value_enum, default_value_t)]
        format: explain::ExplainFormat,
    },
    /// Reproduce a production failure locally: from a HAR, curl -v, an event, or a log
    Replay(Box<replay::ReplayOptions>),
    /// Invoke a function with an event and print its response
    Invoke(Box<invoke::InvokeOptions>),
    /// Print the logs of functions
    Logs(logs::LogsOptions),
    /// Write a sample project that runs immediately, or a hardcap.toml for an existing template
    Init(init::InitOptions),
    /// Render a run as a table, JSON, JUnit or HTML: from the file of --records, or from a running hardcap
    Report(report::ReportOptions),
    /// Exit with 0 if a running hardcap is healthy, for scripts and containers
    #[command(after_help = HEALTH_EXAMPLES)]
    Health {
        /// The address of its AWS port or of its control API
        #[arg(env = remote::CONTROL, default_value = remote::DEFAULT_URL)]
        url: String,
    },
    /// Print the completion script of a shell
    #[command(after_help = "\
Examples:
  hardcap completions bash > ~/.local/share/bash-completion/completions/hardcap
  hardcap completions zsh > \"${fpath[1]}/_hardcap\"
  hardcap completions fish > ~/.config/fish/completions/hardcap.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder, one for each command
    #[command(after_help = "\
Examples:
  hardcap man ~/.local/share/man/man1 && man hardcap-exec")]
    Man {
        /// The folder; created if it does not exist
        folder: PathBuf,
    },
    /// Print the table of limits, one limit, or the differences between two dates
    #[command(after_help = LIMITS_EXAMPLES)]
    Limits(limits::LimitsOptions),
}

/// The maximum time for writing the last lines on standard error.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);
/// The exit code of a run that did not pass its gate.
const GATE_FAILED: u8 = 3;

/// The error of a command, shown after `error: `.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

impl Failure {
    fn new(message: impl std::fmt::Display) -> Failure {
        Failure(message.to_string())
    }
}

/// The arguments of this process.
fn parsed() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|mut error| {
        let words: Vec<String> = std::env::args().skip(1).collect();
        if let Some(tip) = tip(&error, &words) {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
        error.exit()
    })
}

/// What to do about a command of `exec` without `--` before it, and about an argument too many.
fn tip(error: &clap::Error, words: &[String]) -> Option<String> {
    let name = words.first()?;
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    if name == "exec" && !words.iter().any(|word| word == "--") {
        return (is_unknown || error.kind() == ErrorKind::MissingRequiredArgument)
            .then(|| "write `--` before the command: hardcap exec -- npm test".to_owned());
    }
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if !is_unknown || argument.starts_with('-') {
        return None;
    }
    let program = Arguments::command();
    let mut positionals = program.find_subcommand(name)?.get_positionals();
    let only = positionals.next()?.get_id().as_str().to_uppercase();
    let help = format!(
        "`hardcap {name}` takes one {only}: remove `{argument}`, or quote a value that has spaces"
    );
    Some(help)
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = parsed();
    hardcap_core::descriptors::raise();
    // A panic must not wait for standard error.
    std::panic::set_hook(Box::new(|panic| {
        let message = format!("hardcap panicked: {panic}");
        output::write(Level::Error, Source::Hardcap, &message, &message, []);
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
        Some(Command::Completions { shell }) => manual::completions(shell),
        Some(Command::Man { folder }) => manual::man(&folder),
        Some(Command::Limits(options)) => limits::limits(&options),
    };
    let code = outcome.unwrap_or_else(|Failure(message)| {
        terminal::error(&message);
        ExitCode::FAILURE
    });
    console::flush(WRITTEN_WITHIN);
    code
}
