//! Cold starts: a process is started for an invocation and has the init limit. A failed init is repeated within the invocation.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::{Exceeded, Limit, Millis};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;

use super::environment::{self, EnvironmentInputs};
use super::function::SharedResources;
use super::function::{Deployed, SandboxResources};
use super::kernel::Exit;
use super::launch::{Launch, LaunchError};
use super::log::{Log, Status};
use super::outcome::{self, InvocationEnd};
use super::run::{FirstInit, Measurements, finish, whole_millis};
use super::sandbox::{Sandbox, SandboxParts, ShutdownReason};
use super::{Job, injected, life, runtime_api};
use crate::stop::InvokeError;
use hardcap_core::config::Debugger;
use hardcap_core::context::Context;
use hardcap_core::descriptors::{self, Shortage};
use hardcap_core::record::Observation;
use hardcap_core::serve::{self, LOOPBACK};

/// The time that a cold start waits for the file descriptors of another sandbox, if this process has too few.
const ROOM_WITHIN: Millis = Millis(5_000);

/// The time that a cold start waits for the port of its debugger, and the interval of the attempts.
const PORT_WITHIN: Millis = Millis(10_000);
const PORT_AGAIN: Duration = Duration::from_millis(50);

/// The end of an init.
#[derive(Debug)]
pub(super) enum InitOutcome {
    /// The runtime requested its first event, after this time.
    Ready(Duration),
    /// The init failed.
    Failed(InitError),
}

/// The reason of a failed init.
#[derive(Debug)]
pub(super) enum InitError {
    NotStarted(String),
    /// The machine lacks a resource: an error of hardcap, not of the function.
    Shortage(Shortage),
    Reported {
        body: Bytes,
        error_type: Option<String>,
    },
    Exited(Exit),
    Extension {
        error_type: &'static str,
        message: String,
    },
    TimedOut(Exceeded),
}

impl From<LaunchError> for InitError {
    fn from(error: LaunchError) -> InitError {
        match error {
            LaunchError::Program { message, kind: _ } => InitError::NotStarted(message),
            LaunchError::Shortage(shortage) => InitError::Shortage(shortage),
        }
    }
}

/// Starts a sandbox for a job, and ends the job even if the sandbox fails.
pub(super) async fn cold_start(function: &Arc<Deployed>, job: Box<Job>) {
    let limit = function.init_timeout(&job.ctx.limits);
    let (job, log) = match initialize(function, &job.ctx, limit, "init").await {
        Ok((sandbox, took)) => {
            function.admit_time(&job.ctx, &limit, Millis(whole_millis(took)));
            return hand_over(function, &sandbox, job, FirstInit::Init(took));
        }
        Err(FailedInit { failure: InitError::Shortage(shortage), .. }) => {
            return end_with_shortage(*job, shortage);
        }
        Err(failed) => {
            function.admit_time(&job.ctx, &limit, Millis(whole_millis(failed.took)));
            failed.report("init");
            (job, failed.log)
        }
    };
    // The second init counts against the invocation's timeout.
    let timeout = function.timeout(&job.ctx.limits);
    match initialize(function, &job.ctx, timeout, "invoke").await {
        Ok((sandbox, took)) => hand_over(function, &sandbox, job, FirstInit::Inside(took)),
        Err(FailedInit { failure: InitError::Shortage(shortage), .. }) => {
            end_with_shortage(*job, shortage)
        }
        Err(failed) => {
            failed.report("invoke");
            drop(log);
            end_with_init_error(function, *job, failed);
        }
    }
}

/// Starts a sandbox without a job. No invocation waits for its init, so it becomes idle after it.
pub(super) async fn warm_up(function: &Arc<Deployed>) {
    let home = function.home();
    let log = Arc::clone(&home.log);
    match start(function, home, "init").await {
        Ok(_) => {}
        Err(InitError::NotStarted(message)) => {
            log.platform(&format!("hardcap: {}", cannot_start(function, &message)));
        }
        Err(InitError::Shortage(Shortage(shortage))) => {
            log.platform(&format!("hardcap: the sandbox cannot be started: {shortage}"));
        }
        Err(InitError::Reported { .. } | InitError::Exited(_) | InitError::TimedOut(_)) => {}
        Err(InitError::Extension { message, .. }) => log.platform(&format!("hardcap: {message}")),
    }
}

/// Ends an invocation that hardcap cannot run because the machine lacks a resource.
fn end_with_shortage(job: Job, shortage: Shortage) {
    drop(job.permit);
    let _ = job.reply.send(Err(InvokeError::Shortage(shortage.0)));
}

/// A failed init.
struct FailedInit {
    failure: InitError,
    took: Duration,
    log: Arc<Log>,
    used_mb: u64,
}

impl FailedInit {
    fn report(&self, phase: &str) {
        let reported;
        let error_type = match &self.failure {
            InitError::NotStarted(_) | InitError::Shortage(_) => "Runtime.InvalidEntrypoint",
            InitError::Exited(_) => "Runtime.ExitError",
            InitError::Extension { error_type, .. } => error_type,
            InitError::Reported { body, error_type } => {
                reported = outcome::reported_type(body, error_type.as_deref());
                &reported
            }
            InitError::TimedOut(_) => "",
        };
        let status = match self.failure {
            InitError::TimedOut(_) => Status::Timeout,
            InitError::NotStarted(_)
            | InitError::Shortage(_)
            | InitError::Reported { .. }
            | InitError::Exited(_)
            | InitError::Extension { .. } => Status::Error(error_type),
        };
        self.log.failed_init(self.took, phase, status);
    }
}

/// Hands the invocation to the sandbox that was started for it, or ends it if that sandbox has ended already.
fn hand_over(function: &Arc<Deployed>, sandbox: &Arc<Sandbox>, job: Box<Job>, first: FirstInit) {
    let (FirstInit::Init(took) | FirstInit::Inside(took)) = first;
    let name = function.function.name.clone();
    job.ctx.record(Observation::ColdStart { function: name, millis: whole_millis(took) });
    if let Err(job) = sandbox.begin(job, Some(first)) {
        let ended =
            Measurements { duration: Duration::ZERO, init: None, used_mb: sandbox.used_mb() };
        log_start(function, &sandbox.log, &job);
        finish(function, &sandbox.log, *job, InvocationEnd::Broken("Runtime.Unknown"), &ended);
    }
}

/// Ends the invocation with the error of its second init.
fn end_with_init_error(function: &Deployed, job: Job, failed: FailedInit) {
    let FailedInit { failure, took, log, used_mb } = failed;
    let ending = match failure {
        // Already handled by the caller.
        InitError::Shortage(shortage) => InvocationEnd::NotStarted(shortage.0),
        InitError::NotStarted(message) => {
            log.platform(&format!("hardcap: {}", cannot_start(function, &message)));
            InvocationEnd::NotStarted(message)
        }
        InitError::Exited(exit) => InvocationEnd::Exited(exit),
        InitError::Extension { error_type, message } => {
            InvocationEnd::Extension { error_type, message }
        }
        InitError::Reported { body, error_type } => InvocationEnd::Reported { body, error_type },
        InitError::TimedOut(exceeded) => InvocationEnd::TimedOut(exceeded),
    };
    log_start(function, &log, &job);
    let timeout = function.timeout(&job.ctx.limits);
    function.admit_time(&job.ctx, &timeout, Millis(whole_millis(took)));
    finish(function, &log, job, ending, &Measurements { duration: took, init: None, used_mb });
}

/// Writes the first line of an invocation that no runtime gets.
fn log_start(function: &Deployed, log: &Log, job: &Job) {
    if let Some(line) = log.start_line(&function.start(&job.ctx)) {
        log.platform(&line);
    }
}

fn cannot_start(function: &Deployed, message: &str) -> String {
    if let Some(image) = &function.function.image {
        let (function, image) = (&function.function.name, &image.name);
        return format!(
            "the image {image} of the function `{function}` cannot be started: {message}"
        );
    }
    let command = function.function.start_command();
    let command: Vec<_> = command.iter().map(|it| it.to_string_lossy()).collect();
    format!(
        "the function `{}` cannot be started: {message}. Its command is `{}`, in the folder {}",
        function.function.name,
        command.join(" "),
        function.task_root.display()
    )
}

/// Starts a process and waits until it requests its first event.
async fn initialize(
    function: &Arc<Deployed>,
    ctx: &Context,
    limit: Limit<Millis>,
    phase: &'static str,
) -> Result<(Arc<Sandbox>, Duration), FailedInit> {
    let stopwatch = ctx.clock.stopwatch();
    let home = function.home();
    let log = Arc::clone(&home.log);
    log.start_for(&ctx.request_id);
    // The limit is inclusive, so the timeout is one millisecond more.
    let allowed = Millis(limit.max.0.saturating_add(1));
    let late = injected::start_late(function, ctx, allowed).await;
    if late == allowed {
        function.keep_resources(Some(home));
        let failure = InitError::TimedOut(limit.exceeded_by(stopwatch.elapsed_millis()));
        return Err(FailedInit { failure, took: stopwatch.elapsed(), log, used_mb: 0 });
    }
    let (sandbox, initialized) = match start(function, home, phase).await {
        Ok(started) => started,
        Err(failure) => {
            return Err(FailedInit { failure, took: stopwatch.elapsed(), log, used_mb: 0 });
        }
    };
    let left = Millis(allowed.0 - late.0);
    let failure = match ctx.clock.timeout(left, initialized).await {
        Some(Ok(InitOutcome::Ready(took))) => {
            // Without it, the log and the memory of the first invocation would have no process to be read from.
            tokio::select! {
                () = sandbox.running.cancelled() => {}
                () = sandbox.serving.cancelled() => {}
            }
            match injected::kill_before_next(function, ctx).await {
                None => return Ok((sandbox, took + Duration::from_millis(late.0))),
                Some(killed) => InitError::Exited(killed),
            }
        }
        Some(Ok(InitOutcome::Failed(failure))) => failure,
        Some(Err(_)) => InitError::NotStarted("its sandbox was abandoned".to_owned()),
        None => InitError::TimedOut(limit.exceeded_by(stopwatch.elapsed_millis())),
    };
    let (took, used_mb) = (stopwatch.elapsed(), sandbox.used_mb());
    let timed_out = matches!(failure, InitError::TimedOut(_));
    sandbox.abandon(if timed_out { ShutdownReason::Timeout } else { ShutdownReason::Failure });
    // The next attempt reuses the resources of this one, so they must be returned first.
    sandbox.serving.cancelled().await;
    Err(FailedInit { failure, took, log, used_mb })
}

type Started = (Arc<Sandbox>, oneshot::Receiver<InitOutcome>);

/// Starts the processes of a sandbox with its own Runtime API.
async fn start(
    function: &Arc<Deployed>,
    home: SandboxResources,
    phase: &'static str,
) -> Result<Started, InitError> {
    let resources = &function.resources;
    if let Some(Debugger::Port { port, .. }) = &function.function.debugger {
        until_free(function, *port).await;
    }
    let (room, listener, address) = match prepared(resources).await {
        Ok(prepared) => prepared,
        Err(shortage) => {
            function.keep_resources(Some(home));
            return Err(InitError::Shortage(shortage));
        }
    };
    let credential = resources
        .platform
        .keyring
        .issue_for(resources.platform.clock.wall(), &function.function.name);
    let facts = EnvironmentInputs {
        function: &function.function,
        region: &resources.platform.region,
        runtime_api: &address.to_string(),
        aws_endpoint: &resources.aws_endpoint,
        credential: &credential,
        log_stream: &home.log_stream,
        host_path: &environment::host_path(),
    };
    // The end of hardcap waits for a container that is being created.
    let _starting = resources.sandboxes.token();
    let launch = match Launch::new(function, &facts, Arc::clone(&home.isolation)).await {
        Ok(launch) => launch,
        Err(not_started) => {
            function.keep_resources(Some(home));
            return Err(not_started.into());
        }
    };
    let (initialized, ready) = oneshot::channel();
    let serving = CancellationToken::new();
    let parts = SandboxParts { phase, home, serving: serving.clone(), initialized };
    let sandbox = Sandbox::new(function, parts);
    function.started(&sandbox);
    runtime_api::serve(&sandbox, listener, serving, &resources.tasks);
    let stop = resources.stop.clone();
    resources.sandboxes.spawn(life::live(Arc::clone(&sandbox), launch, room, stop));
    Ok((sandbox, ready))
}

/// Waits until the port of a debugger is free: the processes of the sandbox before may still be ending. If it stays in use, the
/// debugger's own error is in the function's log.
async fn until_free(function: &Deployed, port: u16) {
    let clock = &function.resources.platform.clock;
    let waited = clock.stopwatch();
    while serve::bind(LOOPBACK, port).await.is_err() && waited.elapsed_millis() < PORT_WITHIN {
        clock.pause(PORT_AGAIN).await;
    }
}

/// Acquires the resources of a sandbox: room among the file descriptors of this process, and a port for its Runtime API.
/// Without room it ends an idle sandbox, and waits a while.
///
/// # Errors
///
/// [`Shortage`] with the missing resource, and what to do about it.
async fn prepared(
    resources: &SharedResources,
) -> Result<(OwnedSemaphorePermit, TcpListener, SocketAddr), Shortage> {
    let room = Arc::clone(&resources.room);
    let room = match Arc::clone(&room).try_acquire_owned() {
        Ok(room) => Some(room),
        Err(_) => {
            resources.crowded.notify_one();
            let clock = &resources.platform.clock;
            clock.timeout(ROOM_WITHIN, room.acquire_owned()).await.and_then(Result::ok)
        }
    };
    let room = room.ok_or_else(|| {
        let running = resources.sandboxes.len();
        let advice = descriptors::advice();
        Shortage(format!("{running} sandboxes are running, and file descriptors for another one are missing. {advice}"))
    })?;
    let (listener, address) = serve::bind(LOOPBACK, 0).await.map_err(|error| {
        descriptors::shortage(&error).unwrap_or_else(|| {
            Shortage(format!("cannot bind a port for the Runtime API of a sandbox: {error}"))
        })
    })?;
    Ok((room, listener, address))
}
