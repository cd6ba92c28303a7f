//! `hardcap up`: build, listen, wait for Ctrl-C, stop everything, print the report.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::Failure;
use super::hints;
use super::options::UpOptions;
use super::project::Project;
use super::ready::ReadyFile;
use super::terminal::{self, BuildProgress};
use crate::addresses::Addresses;
use crate::clock::Clock;
use crate::companion::{Companions, Ready};
use crate::config::Config;
use crate::emulator::Emulator;
use crate::packaging::{self, Binary, Found, PackagingError, build};
use crate::settings::Program;
use crate::tool::Tool;
use crate::{check, serve};

pub(super) fn up(template: Option<PathBuf>, options: UpOptions) -> Result<ExitCode, Failure> {
    start_log(&options);
    let project = Project::open(template, &options.limits, &options.template)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the threads cannot be started: {error}")))?;
    runtime.block_on(run(project, &options))
}

fn start_log(options: &UpOptions) {
    let filter = match (options.quiet, options.verbose) {
        (true, _) => "error",
        (false, 0) => "warn,hardcap=info",
        (false, 1) => "info,hardcap=debug",
        (false, _) => "debug,hardcap=trace",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(terminal::colors())
        .with_target(false)
        .init();
}

async fn run(project: Project, options: &UpOptions) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let ready_file = options.ready_file.as_deref().map(ReadyFile::prepare).transpose()?;
    if !options.quiet {
        terminal::say(&hints::limits_line(&project.loaded.config.limits));
        for finding in check::check(&project.loaded) {
            terminal::finding(&finding);
        }
    }
    // Whatever is under way when a signal comes is dropped, and with it every process that it started.
    let started = tokio::select! {
        started = start(&project, options) => started?,
        () = signals.next() => return Err(Failure::new("stopped before everything listened")),
    };
    let Started { emulator, mut companions, addresses } = started;
    if let Some(ready_file) = &ready_file {
        let limits = project.loaded.config.limits.date().to_string();
        ready_file.write(&addresses, &limits)?;
    }
    if !options.quiet {
        let tries = &project.settings.tries;
        terminal::say(&hints::addresses(&project.loaded.config, &addresses, tries));
    }
    loop {
        tokio::select! {
            () = signals.next() => break,
            ended = companions.ended() => terminal::warning(&ended),
        }
    }
    drop(ready_file);
    let clock = emulator.clock().clone();
    let report = emulator.report();
    let stopping = async {
        tokio::join!(companions.stop(&clock), emulator.stop());
    };
    tokio::select! {
        () = stopping => {}
        // Asked a second time: nothing is waited for.
        () = signals.next() => {}
    }
    if !options.quiet {
        terminal::say(&format!("\n{}", report.to_table()));
    }
    Ok(if report.has_bugs() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Everything that runs.
struct Started {
    emulator: Emulator,
    companions: Companions,
    addresses: Addresses,
}

async fn start(project: &Project, options: &UpOptions) -> Result<Started, Failure> {
    let mut config = project.loaded.config.clone();
    config.api_port = options.api_port;
    config.aws_port = options.aws_port;
    config.data.clone_from(&options.data);
    config.strict_auth = options.strict_auth;
    let ready = find_programs(project, &mut config, options).await.map_err(Failure::new)?;
    let known = Addresses {
        companions: ready.iter().map(|one| (one.settings.name.clone(), one.url())).collect(),
        ..Addresses::default()
    };
    for value in config.functions.iter_mut().flat_map(|f| f.environment.values_mut()) {
        *value = known.fill(value);
    }
    let emulator = Emulator::start(config).await.map_err(Failure::new)?;
    let addresses = Addresses { companions: known.companions, ..emulator.addresses().clone() };
    let mut companions = Companions::default();
    companions.start(&ready, &addresses, &Clock::default()).await.map_err(Failure::new)?;
    Ok(Started { emulator, companions, addresses })
}

/// Gives every function its command and every companion its command and port.
async fn find_programs(
    project: &Project,
    config: &mut Config,
    options: &UpOptions,
) -> Result<Vec<Ready>, PackagingError> {
    let mut binaries: Vec<Binary> = Vec::new();
    let mut found = Vec::new();
    for package in &project.loaded.packages {
        let one = packaging::find(package)?;
        binaries.extend(binary(&one));
        found.push(one);
    }
    let mut companions = Vec::new();
    for companion in &project.settings.companions {
        let one = match &companion.program {
            Program::Command(words) => {
                let what = format!("the companion `{}`", companion.name);
                Found::Command(packaging::command(words, &project.folder, &what)?)
            }
            Program::Cargo { package, bin } => Found::Cargo(Binary {
                folder: packaging::absolute(&project.folder),
                package: package.clone(),
                bin: Some(bin.clone()),
                for_lambda: false,
            }),
        };
        binaries.extend(binary(&one));
        companions.push(one);
    }
    let mut progress = BuildProgress::new(options.quiet);
    let built = build::build(&binaries, options.no_build, &mut progress).await;
    progress.done();
    let mut built = built?.into_iter();
    let functions = config.functions.iter_mut().zip(&project.loaded.packages);
    for ((function, package), found) in functions.zip(found) {
        let id = &package.logical_id;
        function.command = match found {
            Found::Command(command) => command,
            Found::Cargo(_) => built.next().into_iter().map(PathBuf::into_os_string).collect(),
            Found::Python(interpreter, command) => {
                has_runtime(&interpreter, id).await?;
                command
            }
        };
        function.command.extend(package.arguments.iter().map(Into::into));
        function.task_root = package.task_root();
    }
    let mut ready = Vec::new();
    for (settings, found) in project.settings.companions.iter().zip(companions) {
        let command = match found {
            Found::Command(command) | Found::Python(_, command) => command,
            Found::Cargo(_) => built.next().into_iter().map(PathBuf::into_os_string).collect(),
        };
        let folder =
            settings.cwd.as_ref().map_or(project.folder.clone(), |cwd| project.folder.join(cwd));
        let port = free_port(settings.port).await?;
        let folder = packaging::absolute(&folder);
        ready.push(Ready { settings: settings.clone(), command, folder, port });
    }
    Ok(ready)
}

fn binary(found: &Found) -> Option<Binary> {
    match found {
        Found::Cargo(binary) => Some(binary.clone()),
        Found::Command(_) | Found::Python(..) => None,
    }
}

/// Asks Python once, for the log of a function that cannot start says less than this does.
async fn has_runtime(interpreter: &std::ffi::OsStr, id: &str) -> Result<(), PackagingError> {
    let name = interpreter.to_string_lossy();
    let tool = Tool::new(interpreter, ["-c", "import awslambdaric"], std::path::Path::new("."));
    let help = format!(
        "{name} -m pip install awslambdaric, or name another Python: [functions.{id}] python = \"…\" in hardcap.toml"
    );
    match tool.output().await {
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) => Err(PackagingError::new(
            format!("the function `{id}` needs AWS's Python runtime, which {name} does not have"),
            help,
        )),
        Err(error) => Err(PackagingError::new(
            format!("the function `{id}` needs Python, and {name} cannot be run: {error}"),
            help,
        )),
    }
}

/// The port that a companion is told to listen on. Nobody keeps it until then, but the kernel gives free ports in turn.
async fn free_port(wanted: Option<u16>) -> Result<u16, PackagingError> {
    let bound = serve::bind(wanted.unwrap_or(0)).await;
    bound.map(|(_, address)| address.port()).map_err(|error| {
        PackagingError::new(
            format!("a companion {error}"),
            "stop what listens there, or leave `port` out in hardcap.toml for any free one",
        )
    })
}

/// What asks the program to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Failure> {
        let on = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(format!("signals cannot be received: {error}")))
        };
        Ok(Signals {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
