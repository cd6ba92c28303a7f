//! `hardcap up`: build, listen, wait for Ctrl-C, stop everything, print the report.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use hardcap_limits::Millis;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
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
use crate::companion::Companions;
use hardcap::Emulator;
use hardcap_core::clock::Clock;
use hardcap_core::console;

/// How long everything may take to end after a signal.
const STOP_WITHIN: Millis = Millis(20_000);
/// How long the threads may take to end, once everything else has.
const THREADS_END_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn up(template: Option<PathBuf>, options: UpOptions) -> Result<ExitCode, Failure> {
    start_log(&options);
    block_on(run(template, &options))?
}

/// Runs a command on the threads that everything runs on. What still blocks one of them when the command has ended, such as
/// a slow disk, is not waited for.
pub(super) fn block_on<T>(command: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the threads cannot be started: {error}")))?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(THREADS_END_WITHIN);
    Ok(outcome)
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
        .with_writer(|| console::StandardError)
        // A log that cannot be written is no reason to panic.
        .log_internal_errors(false)
        .with_ansi(terminal::colors())
        .with_target(false)
        .init();
}

async fn run(template: Option<PathBuf>, options: &UpOptions) -> Result<ExitCode, Failure> {
    let project = Project::open(template.clone(), &options.limits, &options.template)?;
    let mut signals = Signals::new()?;
    if options.stop_at_eof {
        signals.end_with_standard_input()?;
    }
    let ready_file = options.ready_file.as_deref().map(ReadyFile::prepare).transpose()?;
    if !options.quiet {
        project.note.iter().for_each(|note| terminal::say(note));
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
        _ = signals.next() => return Err(Failure::new("stopped before everything listened")),
    };
    let mut started = started;
    let mut edits = watch.map(|watch| Edits::new(template, &project, watch, &started));
    if let Some(ready_file) = &ready_file {
        ready_file.write(&started.addresses, &project.loaded.config)?;
    }
    if !options.quiet {
        terminal::say(&hints::addresses(&project.loaded.config, &started.addresses));
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
    stop(companions, emulator, &clock, &mut signals).await;
    if !options.quiet {
        terminal::say(&format!("\n{}", report.to_table()));
    }
    Ok(if report.has_bugs() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Stops everything that runs. A second signal ends the wait at once, and so does [`STOP_WITHIN`]: the kernel and the guard of
/// the control groups then end what is left.
pub(super) async fn stop(
    companions: Companions,
    emulator: Emulator,
    clock: &Clock,
    signals: &mut Signals,
) {
    let stopping = async {
        tokio::join!(companions.stop(clock), emulator.stop());
    };
    tokio::select! {
        stopped = clock.timeout(STOP_WITHIN, stopping) => if stopped.is_none() {
            let seconds = STOP_WITHIN.0 / 1000;
            terminal::warning(&format!("not everything had ended after {seconds} seconds: it is killed"));
        },
        _ = signals.next() => {}
    }
}

async fn until_stopped(started: &mut Started, signals: &mut Signals) {
    loop {
        tokio::select! {
            _ = signals.next() => return,
            ended = started.companions.ended() => terminal::warning(&ended),
        }
    }
}

/// What asks the program to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Told at the end of standard input, where that ends the run too.
    end_of_input: Option<oneshot::Receiver<()>>,
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
            end_of_input: None,
        })
    }

    /// Takes the end of standard input as a request to terminate: it comes when the process at the other end of a pipe has ended,
    /// however that came.
    pub(super) fn end_with_standard_input(&mut self) -> Result<(), Failure> {
        let (ended, end_of_input) = oneshot::channel();
        // A thread of its own: nothing can interrupt the read, and nothing has to wait for the thread.
        let reader =
            std::thread::Builder::new().name("standard-input".to_owned()).spawn(move || {
                // An error ends the input as well.
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                let _ = ended.send(());
            });
        reader.map_err(|error| Failure::new(format!("a thread cannot be started: {error}")))?;
        self.end_of_input = Some(end_of_input);
        Ok(())
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> SignalKind {
        let end_of_input = async {
            match &mut self.end_of_input {
                Some(end) => {
                    let _ = end.await;
                }
                None => std::future::pending().await,
            }
        };
        let kind = tokio::select! {
            _ = self.interrupt.recv() => return SignalKind::interrupt(),
            _ = self.terminate.recv() => return SignalKind::terminate(),
            () = end_of_input => SignalKind::terminate(),
        };
        // It ends once: a further wait is for signals.
        self.end_of_input = None;
        kind
    }
}
