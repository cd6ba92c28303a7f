//! `hardcap up`: build, listen, wait for Ctrl-C, stop everything, print the report.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::Failure;
use super::hints;
use super::launch::{Started, start};
use super::options::UpOptions;
use super::project::Project;
use super::ready::ReadyFile;
use super::reload::Edits;
use super::report::write_records;
use super::terminal;
use super::watch::Watch;
use crate::check::{self, Severity};

pub(super) fn up(template: Option<PathBuf>, options: UpOptions) -> Result<ExitCode, Failure> {
    start_log(&options);
    runtime()?.block_on(run(template, &options))
}

/// The threads that everything runs on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the threads cannot be started: {error}")))
}

pub(super) fn start_log(options: &UpOptions) {
    let filter = match (options.quiet, options.verbose) {
        // The library of the S3 protocol calls every refusal an error, a missing key among them.
        (true, _) => "error,s3s=off",
        // The embedded DynamoDB warns of every answer that is not 200, a condition that was not met among them.
        (false, 0) => "warn,hardcap=info,dynoxide=error,s3s=off",
        (false, 1) => "info,hardcap=debug,s3s=off",
        (false, _) => "debug,hardcap=trace",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(terminal::colors())
        .with_target(false)
        .init();
}

async fn run(template: Option<PathBuf>, options: &UpOptions) -> Result<ExitCode, Failure> {
    let project = Project::open(template.clone(), &options.limits, &options.template)?;
    let mut signals = Signals::new()?;
    let ready_file = options.ready_file.as_deref().map(ReadyFile::prepare).transpose()?;
    if !options.quiet {
        terminal::say(&hints::limits_line(&project.loaded.config.limits));
        // What AWS would refuse is said by `start`, which decides on it.
        let found = check::check(&project.loaded);
        for finding in found.iter().filter(|it| it.severity == Severity::Warning) {
            terminal::finding(finding);
        }
        for note in hints::notes(&found) {
            terminal::say(&note);
        }
    }
    // What is edited while the first build runs is seen too.
    let watch = options.watch.then(|| Watch::new(&project, options)).transpose()?;
    // Whatever is under way when a signal comes is dropped, and with it every process that it started.
    let started = tokio::select! {
        started = start(&project, options) => started?,
        () = signals.next() => return Err(Failure::new("stopped before everything listened")),
    };
    let mut started = started;
    let mut edits = watch.map(|watch| Edits::new(template, &project, watch, &started));
    if let Some(ready_file) = &ready_file {
        let limits = project.loaded.config.limits.date().to_string();
        ready_file.write(&started.addresses, &limits)?;
    }
    if !options.quiet {
        let tries = &project.settings.tries;
        terminal::say(&hints::addresses(&project.loaded.config, &started.addresses, tries));
    }
    match &mut edits {
        Some(edits) => edits.until_stopped(&mut started, options, &mut signals).await,
        None => until_stopped(&mut started, &mut signals).await,
    }
    let Started { emulator, companions, .. } = started;
    drop(ready_file);
    let clock = emulator.clock().clone();
    let report = emulator.report();
    if let Some(path) = &options.records {
        write_records(path, &emulator.saved())?;
    }
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

async fn until_stopped(started: &mut Started, signals: &mut Signals) {
    loop {
        tokio::select! {
            () = signals.next() => return,
            ended = started.companions.ended() => terminal::warning(&ended),
        }
    }
}

/// What asks the program to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Signals, Failure> {
        let on = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(format!("signals cannot be received: {error}")))
        };
        Ok(Signals {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
