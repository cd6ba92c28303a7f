//! The life of a sandbox, in its own task: its processes are started, supervised and reaped.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardcap_limits::Millis;
use tokio::process::Child;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::function::Deployed;
use super::init::InitError;
use super::kernel::{Exit, Process, Rest};
use super::launch::{Launch, LaunchError};
use super::sandbox::{RunningProcess, RuntimeEnd, Sandbox, ShutdownReason};
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::Debugger;

/// The interval of the checks of a busy sandbox, and so the maximum delay of freezing it.
const TICK: Millis = Millis(20);
/// Runs until every process of the sandbox has ended, for any reason.
///
/// `_room` is returned when all of them have ended.
pub(super) async fn live(
    sandbox: Arc<Sandbox>,
    launch: Launch,
    _room: OwnedSemaphorePermit,
    stop: CancellationToken,
) {
    let end = match begin(&sandbox, &launch, &stop).await {
        Ok(child) => supervise(&sandbox, child, &stop).await,
        Err(end) => end,
    };
    if may_be_out_of_memory(&launch, &end) && launch.was_out_of_memory().await {
        sandbox.was_out_of_memory();
    }
    sandbox.ended(end);
    sandbox.wind_down(launch).await;
}

/// Docker is asked only about a container that SIGKILL has ended.
fn may_be_out_of_memory(launch: &Launch, end: &RuntimeEnd) -> bool {
    launch.container().is_none() || matches!(end, RuntimeEnd::Exited(Exit::KILLED))
}

/// Starts the extensions, and the runtime after all of them have registered.
async fn begin(
    sandbox: &Arc<Sandbox>,
    launch: &Launch,
    stop: &CancellationToken,
) -> Result<Child, RuntimeEnd> {
    for program in extensions(&sandbox.function)? {
        start_extension(sandbox, launch, &program).await?;
    }
    while sandbox.is_registering() && !sandbox.is_dead() {
        tokio::select! {
            () = sandbox.wake.notified() => {}
            () = stop.cancelled() => sandbox.abandon(ShutdownReason::Spindown),
        }
    }
    if sandbox.is_dead() {
        return Err(RuntimeEnd::GivenUp);
    }
    let process = launch.runtime(&sandbox.function).await;
    let Process { child, group, output } =
        process.map_err(|error| RuntimeEnd::NotStarted(error.into()))?;
    let pid = group.pid();
    sandbox.runs(RunningProcess { group, output, container: launch.container() });
    match &sandbox.function.function.debugger {
        None => {}
        Some(Debugger::Port { port, .. }) => sandbox
            .log
            .platform(&format!("hardcap: process {pid} accepts a debugger on 127.0.0.1:{port}")),
        Some(Debugger::Process) => {
            sandbox.log.platform(&format!("hardcap: a debugger can attach to process {pid}"));
        }
    }
    Ok(child)
}

/// The programs of the external extensions: those in `extensions` of the layers, and the configured ones. Those of an image are
/// inside of it.
fn extensions(function: &Deployed) -> Result<Vec<PathBuf>, RuntimeEnd> {
    if function.function.image.is_some() {
        return Ok(Vec::new());
    }
    let mut programs: Vec<PathBuf> = Vec::new();
    let mut add = |program: PathBuf| {
        // Layers are merged: a file of a later layer replaces that of an earlier one.
        programs.retain(|other| other.file_name() != program.file_name());
        programs.push(program);
    };
    for layer in &function.function.layers {
        let folder = layer.join("extensions");
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut files: Vec<_> =
            entries.flatten().map(|it| it.path()).filter(|path| path.is_file()).collect();
        files.sort();
        files.into_iter().for_each(&mut add);
    }
    for program in &function.function.extensions {
        let program = std::path::absolute(program).map_err(|error| {
            RuntimeEnd::NotStarted(InitError::NotStarted(format!("{}: {error}", program.display())))
        })?;
        add(program);
    }
    Ok(programs)
}

async fn start_extension(
    sandbox: &Arc<Sandbox>,
    launch: &Launch,
    program: &Path,
) -> Result<(), RuntimeEnd> {
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |message: String| {
        let failure = InitError::Extension { error_type: "Extension.LaunchError", message };
        Err(RuntimeEnd::NotStarted(failure))
    };
    if !sandbox.expect_extension(&name) {
        return failed(format!("too many extensions: {name} exceeds the limit"));
    }
    match launch.extension(&sandbox.function, program).await {
        Ok(Process { child, group, output }) => {
            sandbox.extension_runs(&name, child, (group, output));
            Ok(())
        }
        Err(LaunchError::Shortage(shortage)) => {
            Err(RuntimeEnd::NotStarted(InitError::Shortage(shortage)))
        }
        Err(LaunchError::Program { message, kind }) => {
            let denied = kind == io::ErrorKind::PermissionDenied;
            let error_type = if denied { "PermissionDenied" } else { "UnknownError" };
            sandbox.extension_not_launched(&name, error_type);
            failed(message)
        }
    }
}

async fn supervise(
    sandbox: &Arc<Sandbox>,
    mut child: Child,
    stop: &CancellationToken,
) -> RuntimeEnd {
    let resources = &sandbox.function.resources;
    let clock = resources.platform.clock.clone();
    let mut writes = true;
    let mut stopping = false;
    let status = loop {
        let span = sandbox.run_checks(TICK);
        let idle_until = sandbox.idle_until();
        tokio::select! {
            status = child.wait() => break status,
            rest = sandbox.follow(), if writes => writes = rest != Rest::Never,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                sandbox.abandon(ShutdownReason::Spindown);
            }
            () = clock.sleep_until(idle_until.unwrap_or(EpochMillis(0))), if idle_until.is_some() => {
                sandbox.end_if_idle(false);
            }
            () = resources.crowded.notified(), if idle_until.is_some() => {
                if !sandbox.end_if_idle(true) {
                    resources.crowded.notify_one();
                }
            }
            _ = clock.timeout(span, sandbox.wake.notified()) => {}
        }
    };
    sandbox.finish_response().await;
    RuntimeEnd::Exited(status.map_or_else(
        |error| {
            tracing::error!(%error, "cannot wait for a process");
            Exit::Signal(0)
        },
        if sandbox.function.function.image.is_some() { Exit::of_container } else { Exit::of },
    ))
}
