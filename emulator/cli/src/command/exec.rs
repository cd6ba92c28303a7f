//! `hardcap exec`: start on free ports, run a command with the addresses in its environment, report, gate.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::SignalKind;

use super::debug::{self, DebugTarget};
use super::launch::{Started, start};
use super::options::{GateOptions, LimitOptions, TemplateOptions, TrustOptions, UpOptions};
use super::project::Project;
use super::report::{ReportFormat, check_writable, write, write_records};
use super::terminal;
use super::up;
use super::up::{Signals, block_on, start_log};
use super::{Failure, GATE_FAILED};
use crate::output::LogFormat;
use hardcap::report::{GateFailure, Report, SavedRun};
use hardcap_core::addresses::Addresses;
use hardcap_core::config::{Config, Stack};
use hardcap_core::console;
use hardcap_core::tool::Tool;
use hardcap_limits::grouped;

/// The maximum time for writing the first lines before the command starts.
const WRITTEN_WITHIN: Duration = Duration::from_millis(500);

/// The command, and the conditions under which the run fails.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
The environment of the command has:
  AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION: what an SDK needs
  HARDCAP_API_<ID>, HARDCAP_URL_<ID>: the address of each API and function URL, by logical id
  HARDCAP_FUNCTION_<ID>, HARDCAP_TABLE_<ID>, HARDCAP_BUCKET_<ID>, HARDCAP_BUS_<ID>,
  HARDCAP_PARAMETER_<ID>: the names of these resources
  HARDCAP_QUEUE_<ID>: the URL of a queue
  HARDCAP_TOPIC_<ID>, HARDCAP_SECRET_<ID>: the ARN of a topic, of a secret
  HARDCAP_API_KEY_<ID>: an API key that the API accepts
  HARDCAP_OUTPUT_<NAME>: the outputs of the template
  AWS_SAM_STACK_NAME: the name of the stack, for the integration tests of `sam init`
  HARDCAP_CONTROL: the control API
The AWS settings of your shell (profiles, tokens, roles, endpoints) and ~/.aws are hidden from it.

Examples:
  hardcap exec -- npm test
  hardcap exec -- sh -c 'curl -sf \"$HARDCAP_API_ServerlessHttpApi/hello\"'
  hardcap exec --fail-on refused --min-headroom 10 --junit limits.xml -- pytest
  hardcap exec app.yaml --records run.json -- go test ./...
  hardcap exec --debug Hello -- pytest         Hello waits for a debugger, without timeouts

Exit codes: 0 success, 1 it could not start, 2 wrong usage, 3 a gate failed; if the command fails,
its own exit code")]
pub(super) struct ExecOptions {
    /// The template [default: the one of this folder]
    template: Option<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    template_options: TemplateOptions,
    #[command(flatten)]
    trust: TrustOptions,
    #[command(flatten)]
    gate: GateOptions,
    /// Write the report to this file as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report to this file as HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the run to this file, for `hardcap report`
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Start even if AWS would refuse to deploy the template
    #[arg(long)]
    allow_invalid: bool,
    /// Skip the build and run existing programs
    #[arg(long)]
    no_build: bool,
    /// Enforce no timeouts: of functions, of their init, and of the gateways in front of them
    #[arg(long)]
    no_timeouts: bool,
    /// Let a debugger attach to a function in Python or Node on a port [default: 5678 and 9229]: its first invocation waits for
    /// that; it has one sandbox and no timeouts; may be repeated
    #[arg(long, value_name = "FUNCTION[=PORT]")]
    debug: Vec<DebugTarget>,
    /// Give functions AWS's host names (ID.execute-api.REGION.amazonaws.com) and https, for applications that build links
    #[arg(long)]
    aws_hosts: bool,
    /// The format of the lines on standard error, apart from those of the command
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    log_format: LogFormat,
    /// Print only errors, the report and the output of the command
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn exec(options: &ExecOptions) -> Result<ExitCode, Failure> {
    let up = UpOptions {
        no_build: options.no_build,
        aws_hosts: options.aws_hosts,
        allow_invalid: options.allow_invalid,
        no_timeouts: options.no_timeouts,
        debug: options.debug.iter().map(DebugTarget::waiting).collect(),
        quiet: options.quiet,
        log_format: options.log_format,
        trust: options.trust.clone(),
        ..UpOptions::of(options.limits.clone(), options.template_options.clone())
    };
    start_log(&up);
    let files = [&options.junit, &options.json, &options.html, &options.records];
    check_writable(files.into_iter().flatten())?;
    let project = Project::open(options.template.clone(), &up.limits, &up.template)?;
    if !options.quiet {
        project.say_notes();
    }
    block_on(run(&project, up, options))?
}

async fn run(
    project: &Project,
    mut up: UpOptions,
    options: &ExecOptions,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let loaded = &project.loaded;
    debug::choose_ports(&mut up.debug, &loaded.config.functions, &loaded.packages).await?;
    let started = tokio::select! {
        started = start(project, &up) => started?,
        _ = signals.next() => return Err(Failure::new("interrupted before startup was complete")),
    };
    let Started { emulator, companions, addresses, functions } = started;
    debug::waiting_line(&functions).iter().for_each(|line| terminal::say(line));
    let config = &project.loaded.config;
    let status = run_command(&options.command, &addresses, config, &mut signals).await?;
    let run = emulator.saved();
    let report = emulator.report();
    let clock = emulator.clock().clone();
    up::stop(companions, emulator, &clock, &mut signals).await;

    let failures = options.gate.failures(&report);
    write_reports(options, &run, &report, &failures)?;
    up::show_report(&report)?;
    for failure in &failures {
        terminal::error(&failure.to_string());
    }
    Ok(exit_code(status, &failures))
}

/// The maximum size of a variable, with its name and two more bytes (execve(2): 32 pages).
const VARIABLE_MAX: usize = 131_072;

/// What to do if the system refuses the environment or the arguments of a command because of their size.
fn too_long(environment: &[(String, String)]) -> String {
    let size = |(name, value): &&(String, String)| name.len() + value.len() + 2;
    match environment.iter().max_by_key(size).filter(|variable| size(variable) > VARIABLE_MAX) {
        Some((name, value)) => format!(
            "the variable {name} has {} bytes, and Linux passes at most 131,072 bytes in a variable: shorten this output of the template",
            grouped(value.len() as u64)
        ),
        None => "the arguments and the environment together are too long: pass fewer or shorter arguments".to_owned(),
    }
}

async fn run_command(
    words: &[OsString],
    addresses: &Addresses,
    config: &Config,
    signals: &mut Signals,
) -> Result<ExitStatus, Failure> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| Failure::new("the command is missing"))?;
    let mut tool = Tool::new(program.clone(), arguments, Path::new("."));
    tool.environment = environment(addresses, config);
    let inherited = std::env::vars_os().map(|(name, _)| name);
    tool.hidden = inherited.filter(|name| is_developers_own(&name.to_string_lossy())).collect();
    // The lines so far must precede those of the command.
    console::flush(WRITTEN_WITHIN);
    let name = program.to_string_lossy();
    let mut child = tool.start_in_foreground().map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::ArgumentListTooLong => too_long(&tool.environment),
            _ if name.contains(char::is_whitespace) => {
                format!("for a line of shell, write: sh -c '{name}'")
            }
            _ => "check its name and PATH".to_owned(),
        };
        Failure::new(format!("cannot run `{name}`: {error}\n  = help: {help}"))
    })?;
    let mut was_signalled = false;
    loop {
        let signal = tokio::select! {
            status = child.wait() => return status.map_err(Failure::new),
            signal = signals.next() => signal,
        };
        match child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            // The second signal ends the command immediately.
            Some(pid) if was_signalled => {
                // An error means that the command has just ended.
                let _ = kill_process(pid, Signal::KILL);
            }
            // A terminal sends the interrupt to the command as well, which decides how it ends.
            Some(pid) if signal == SignalKind::terminate() => {
                let _ = kill_process(pid, Signal::TERM);
            }
            _ => {}
        }
        was_signalled = true;
    }
}

/// Whether a variable is a setting of the developer's AWS clients: credentials, roles, profiles, endpoints. A test that inherits
/// one can reach AWS. Settings of output and retries are not among them.
pub(super) fn is_developers_own(name: &str) -> bool {
    const NAMES: [&str; 28] = [
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_ACCOUNT_ID",
        "AWS_CONFIG_FILE",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_CREDENTIAL_FILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_DEFAULTS_MODE",
        "AWS_DELEGATION_TOKEN",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH",
        "AWS_S3_USE_ARN_REGION",
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_EXPIRATION",
        "AWS_SESSION_TOKEN",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_VAULT",
        "AMAZON_ACCESS_KEY_ID",
        "BOTO_CONFIG",
    ];
    const BEGINNINGS: [&str; 7] = [
        "AWS_CONTAINER_",
        "AWS_EC2_METADATA_",
        "AWS_ENDPOINT_URL",
        "AWS_ROLE_",
        "AWS_SSO_",
        "AWS_WEB_IDENTITY_",
        "AWS_LOGIN_",
    ];
    NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// The resources whose `Ref` is in the environment: the word in the variable's name, and the type.
const NAMED: [(&str, &str); 8] = [
    ("FUNCTION", "AWS::Lambda::Function"),
    ("TABLE", "AWS::DynamoDB::Table"),
    ("BUCKET", "AWS::S3::Bucket"),
    ("QUEUE", "AWS::SQS::Queue"),
    ("TOPIC", "AWS::SNS::Topic"),
    ("BUS", "AWS::Events::EventBus"),
    ("PARAMETER", "AWS::SSM::Parameter"),
    ("SECRET", "AWS::SecretsManager::Secret"),
];

/// The environment of a command: the settings of an SDK, and the names of the template's resources.
pub(super) fn environment(addresses: &Addresses, config: &Config) -> Vec<(String, String)> {
    let region = &config.region;
    let mut variables: Vec<(String, String)> = [
        ("AWS_ENDPOINT_URL", addresses.aws.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        // An empty file, because the developer's profiles have real accounts and endpoints.
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_SAM_STACK_NAME", &config.stack.name),
        ("HARDCAP_CONTROL", &addresses.control),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let mut add = |kind: &str, id: &str, value: &str| {
        // Logical ids have letters and digits only, and a slash behind a nested stack. A variable cannot have other characters.
        let id = id.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        variables.push((format!("HARDCAP_{kind}_{id}"), value.to_owned()));
    };
    addresses.apis.iter().for_each(|(id, url)| add("API", id, url));
    addresses.function_urls.iter().for_each(|(id, url)| add("URL", id, url));
    for api in &config.apis {
        api.api_keys.iter().take(1).for_each(|key| add("API_KEY", &api.logical_id, key));
    }
    for (id, resource) in config.stacks().flat_map(Stack::resources_of_run) {
        if let Some((kind, _)) = NAMED.iter().find(|(_, kind)| *kind == resource.kind) {
            add(kind, &id, &resource.physical_id);
        }
    }
    for output in &config.stack.outputs {
        add("OUTPUT", &output.key, &addresses.fill(&output.value));
    }
    variables
}

fn write_reports(
    options: &ExecOptions,
    run: &SavedRun,
    report: &Report,
    failures: &[GateFailure],
) -> Result<(), Failure> {
    for (path, format) in [
        (&options.junit, ReportFormat::Junit),
        (&options.json, ReportFormat::Json),
        (&options.html, ReportFormat::Html),
    ] {
        if let Some(path) = path {
            write(path, &format.render(run, report, failures)?)?;
        }
    }
    match &options.records {
        Some(path) => write_records(path, run),
        None => Ok(()),
    }
}

/// The exit code of the command if it failed; 128 plus the signal's number if a signal ended it, as in shells; else that of the gate.
fn exit_code(status: ExitStatus, failures: &[GateFailure]) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    match u8::try_from(code) {
        Ok(0) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(0) => ExitCode::from(GATE_FAILED),
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_developers_own, too_long};

    #[test]
    fn a_variable_over_the_maximum_of_linux_is_named_and_otherwise_the_arguments() {
        let help = |bytes: usize| {
            let long = ("HARDCAP_OUTPUT_Long".to_owned(), "x".repeat(bytes));
            too_long(&[("A".to_owned(), "b".to_owned()), long])
        };
        // With the 19 bytes of its name, `=` and the final NUL.
        assert!(help(131_051).starts_with("the arguments and the environment together"));
        assert!(help(131_052).starts_with("the variable HARDCAP_OUTPUT_Long has 131,052 bytes"));
    }

    #[test]
    fn credentials_roles_profiles_and_endpoints_are_hidden_and_an_application_s_variables_are_not()
    {
        for name in [
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_ROLE_ARN",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        ] {
            assert!(is_developers_own(name), "{name}");
        }
        for name in
            ["AWS_STORAGE_BUCKET_NAME", "AWS_PAGER", "AWS_MAX_ATTEMPTS", "PATH", "AWS_CA_BUNDLE"]
        {
            assert!(!is_developers_own(name), "{name}");
        }
    }
}
