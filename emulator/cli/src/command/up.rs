//! `hardcap up`: builds, listens, waits for Ctrl-C, stops everything and prints the report.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use hardcap_limits::Millis;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use super::Failure;
use super::debug;
use super::hints;
use super::launch::{Started, start};
use super::options::UpOptions;
use super::project::Project;
use super::ready::{self, ReadyFile};
use super::reload::Edits;
use super::report::{check_writable, write_records};
use super::terminal;
use super::watch::Watch;
use crate::check::{self, Severity};
use crate::companion::Companions;
use crate::output::{self, Lines};
use hardcap::Emulator;
use hardcap::report::Report;
use hardcap_core::clock::Clock;
use hardcap_core::{code_pages, console};

/// The maximum time for stopping everything after a signal.
const STOP_WITHIN: Millis = Millis(20_000);
/// The maximum time for ending the threads, after everything else has ended.
const THREADS_END_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn up(template: Option<PathBuf>, options: UpOptions) -> Result<ExitCode, Failure> {
    start_log(&options);
    block_on(run(template, options))?
}

/// Runs a command on a new runtime. A thread that is still blocked when the command has ended, such as by a slow disk, is not
/// waited for.
pub(super) fn block_on<T>(command: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the threads: {error}")))?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(THREADS_END_WITHIN);
    Ok(outcome)
}

pub(super) fn start_log(options: &UpOptions) {
    let filter = match (options.quiet, options.verbose) {
        // The library of the S3 protocol logs every refusal as an error, such as a missing key.
        (true, _) => "error,s3s=off",
        // The embedded DynamoDB warns of every response other than 200, such as a condition that was not met.
        (false, 0) => "warn,hardcap=info,dynoxide=error,s3s=off",
        (false, 1) => "info,hardcap=debug,s3s=off",
        (false, _) => "debug,hardcap=trace",
    };
    output::use_format(options.log_format);
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(|| console::StandardError)
        // A log that cannot be written must not cause a panic.
        .log_internal_errors(false)
        .with_ansi(output::colors(&std::io::stderr()))
        .event_format(Lines::new(options.log_format))
        .init();
}

async fn run(template: Option<PathBuf>, mut options: UpOptions) -> Result<ExitCode, Failure> {
    check_writable(&options.records)?;
    let project = Project::open(template.clone(), &options.limits, &options.template)?;
    let loaded = &project.loaded;
    debug::choose_ports(&mut options.debug, &loaded.config.functions, &loaded.packages).await?;
    let options = &options;
    let mut signals = Signals::new()?;
    if options.stop_at_eof {
        signals.end_with_standard_input()?;
    }
    let ready_file = options.ready_file.as_deref().map(ReadyFile::prepare).transpose()?;
    if !options.quiet {
        terminal::say(&hints::limits_line(&project.loaded.config.limits));
        project.say_notes();
        // `start` prints the errors, because it decides on them.
        let found = check::check(&project.loaded);
        for finding in found.iter().filter(|it| it.severity == Severity::Warning) {
            terminal::finding(finding);
        }
        for note in hints::notes(&found) {
            terminal::say(&note);
        }
    }
    // Changes during the first build must not be missed.
    let watch = options.watch.then(|| Watch::new(&project, options)).transpose()?;
    // A signal drops the start, and with it every process that it started.
    let started = tokio::select! {
        started = start(&project, options) => started?,
        _ = signals.next() => return Err(Failure::new("interrupted before startup was complete")),
    };
    let mut started = started;
    let mut edits = watch.map(|watch| Edits::new(template, &project, watch, &started));
    if let Some(ready_file) = &ready_file {
        let debuggers = debug::addresses(&started.functions);
        ready_file.write(&started.addresses, &project.loaded.config, &debuggers)?;
    }
    if !options.quiet {
        let (config, addresses) = (&project.loaded.config, &started.addresses);
        let debuggers = debug::addresses(&started.functions);
        let ready = ready::content(addresses, config, &debuggers)?;
        let members = [("event", "ready".into()), ("ready", ready)];
        let text = hints::addresses(config, addresses, &debuggers);
        terminal::event(&text, "everything listens", members);
    }
    // Templates are not read again soon, nor is anything checked or started.
    code_pages::release();
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
        show_report(&report)?;
    }
    Ok(if report.has_bugs() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes the report of a run to standard error.
pub(super) fn show_report(report: &Report) -> Result<(), Failure> {
    let members = [
        ("event", "report".into()),
        ("report", serde_json::to_value(report).map_err(Failure::new)?),
    ];
    terminal::event(&format!("\n{}", report.to_table()), "the run has ended", members);
    Ok(())
}

/// Stops everything. A second signal ends the wait, and so does [`STOP_WITHIN`]: the kernel and the guard of the control groups
/// then end the remaining processes.
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
            terminal::warning(&format!("some processes did not end within {seconds} seconds and are killed"));
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

/// The requests to end the program.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Completes at the end of standard input, if that ends the run.
    end_of_input: Option<oneshot::Receiver<()>>,
}

impl Signals {
    pub(super) fn new() -> Result<Signals, Failure> {
        let on = |kind| {
            signal(kind).map_err(|error| Failure::new(format!("cannot receive signals: {error}")))
        };
        Ok(Signals {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            end_of_input: None,
        })
    }

    /// Treats the end of standard input as a request to terminate. It arrives when the process at the other end of a pipe has
    /// ended for any reason.
    pub(super) fn end_with_standard_input(&mut self) -> Result<(), Failure> {
        let (ended, end_of_input) = oneshot::channel();
        // A thread, because nothing can interrupt the read.
        let reader =
            std::thread::Builder::new().name("standard-input".to_owned()).spawn(move || {
                // An error ends the input too.
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                let _ = ended.send(());
            });
        reader.map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        self.end_of_input = Some(end_of_input);
        Ok(())
    }

    /// Waits for the next request to end.
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
        // The input ends only once; further waits are for signals.
        self.end_of_input = None;
        kind
    }
}
