//! Cold starts: a process is started for an invocation and has the init limit. A failed init is repeated within the invocation.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::{Exceeded, Limit, Millis};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;

use super::environment::{self, Facts};
use super::function::Surroundings;
use super::function::{Deployed, Home};
use super::launch::{Launch, NotStarted};
use super::log::{self, Log, Status};
use super::outcome::{self, Ending};
use super::process::Exit;
use super::run::{Ended, First, finish, whole_millis};
use super::sandbox::{Parts, Reason, Sandbox};
use super::{Job, injected, life, runtime_api};
use crate::stop::Stop;
use hardcap_core::context::Context;
use hardcap_core::descriptors;
use hardcap_core::record::What;
use hardcap_core::serve::{self, LOOPBACK};

/// The time that a cold start waits for the file descriptors of another sandbox, if this process has too few.
const ROOM_WITHIN: Millis = Millis(5_000);

/// The end of an init.
#[derive(Debug)]
pub(super) enum InitEnd {
    /// The runtime requested its first event, after this time.
    Ready(Duration),
    /// The init failed.
    Failed(InitFailure),
}

/// The reason of a failed init.
#[derive(Debug)]
pub(super) enum InitFailure {
    NotStarted(String),
    /// The machine lacks a resource: an error of hardcap, not of the function.
    Shortage(String),
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

impl From<NotStarted> for InitFailure {
    fn from(not_started: NotStarted) -> InitFailure {
        match not_started {
            NotStarted::Program(message) => InitFailure::NotStarted(message),
            NotStarted::Shortage(message) => InitFailure::Shortage(message),
        }
    }
}

/// Starts a sandbox for a job, and ends the job even if the sandbox fails.
pub(super) async fn cold_start(function: &Arc<Deployed>, job: Box<Job>) {
    let limit = job.ctx.limits.lambda_init;
    let (job, log) = match initialize(function, &job.ctx, limit, "init").await {
        Ok((sandbox, took)) => {
            let _ = job.ctx.admit(&limit, Millis(whole_millis(took)));
            return hand_over(function, &sandbox, job, First::Init(took));
        }
        Err(Failed { failure: InitFailure::Shortage(shortage), .. }) => {
            return turn_away(*job, shortage);
        }
        Err(failed) => {
            let observed = Millis(whole_millis(failed.took));
            let _ = job.ctx.admit(&limit, observed);
            failed.report("init");
            (job, failed.log)
        }
    };
    // The second init counts against the invocation's timeout.
    let timeout = job.ctx.limits.lambda_timeout.lowered_to(function.function.timeout);
    match initialize(function, &job.ctx, timeout, "invoke").await {
        Ok((sandbox, took)) => hand_over(function, &sandbox, job, First::Inside(took)),
        Err(Failed { failure: InitFailure::Shortage(shortage), .. }) => turn_away(*job, shortage),
        Err(failed) => {
            failed.report("invoke");
            drop(log);
            give_up(function, *job, failed);
        }
    }
}

/// Ends an invocation that hardcap cannot run because the machine lacks a resource.
fn turn_away(job: Job, shortage: String) {
    drop(job.permit);
    let _ = job.reply.send(Err(Stop::Shortage(shortage)));
}

/// A failed init.
struct Failed {
    failure: InitFailure,
    took: Duration,
    log: Arc<Log>,
    used_mb: u64,
}

impl Failed {
    fn report(&self, phase: &str) {
        let reported;
        let error_type = match &self.failure {
            InitFailure::NotStarted(_) | InitFailure::Shortage(_) => "Runtime.InvalidEntrypoint",
            InitFailure::Exited(_) => "Runtime.ExitError",
            InitFailure::Extension { error_type, .. } => error_type,
            InitFailure::Reported { body, error_type } => {
                reported = outcome::reported_type(body, error_type.as_deref());
                &reported
            }
            InitFailure::TimedOut(_) => "",
        };
        let status = match self.failure {
            InitFailure::TimedOut(_) => Status::Timeout,
            _ => Status::Error(error_type),
        };
        self.log.platform(&log::init_report_line(self.took, phase, status));
    }
}

/// Hands the invocation to the sandbox that was started for it, or ends it if that sandbox has ended already.
fn hand_over(function: &Arc<Deployed>, sandbox: &Arc<Sandbox>, job: Box<Job>, first: First) {
    let (First::Init(took) | First::Inside(took)) = first;
    let name = function.function.name.clone();
    job.ctx.record(What::ColdStart { function: name, millis: whole_millis(took) });
    if let Err(job) = sandbox.begin(job, Some(first)) {
        let ended = Ended { duration: Duration::ZERO, init: None, used_mb: sandbox.used_mb() };
        sandbox.log.platform(&log::start_line(&job.ctx.request_id));
        finish(function, &sandbox.log, *job, Ending::Broken("Runtime.Unknown"), &ended);
    }
}

/// Ends the invocation with the error of its second init.
fn give_up(function: &Deployed, job: Job, failed: Failed) {
    let Failed { failure, took, log, used_mb } = failed;
    let ending = match failure {
        // Already handled by the caller.
        InitFailure::Shortage(message) => Ending::NotStarted(message),
        InitFailure::NotStarted(message) => {
            log.platform(&format!("hardcap: {}", cannot_start(function, &message)));
            Ending::NotStarted(message)
        }
        InitFailure::Exited(exit) => Ending::Exited(exit),
        InitFailure::Extension { error_type, message } => Ending::Extension { error_type, message },
        InitFailure::Reported { body, error_type } => Ending::Reported { body, error_type },
        InitFailure::TimedOut(exceeded) => Ending::TimedOut(exceeded),
    };
    log.platform(&log::start_line(&job.ctx.request_id));
    let timeout = job.ctx.limits.lambda_timeout.lowered_to(function.function.timeout);
    let _ = job.ctx.admit(&timeout, Millis(whole_millis(took)));
    finish(function, &log, job, ending, &Ended { duration: took, init: None, used_mb });
}

fn cannot_start(function: &Deployed, message: &str) -> String {
    let command: Vec<_> = function.function.command.iter().map(|it| it.to_string_lossy()).collect();
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
) -> Result<(Arc<Sandbox>, Duration), Failed> {
    let stopwatch = ctx.clock.stopwatch();
    let home = function.home();
    let log = Arc::clone(&home.log);
    // The limit is inclusive, so the timeout is one millisecond more.
    let allowed = Millis(limit.max.0 + 1);
    let late = injected::start_late(function, ctx, allowed).await;
    if late == allowed {
        function.leave(Some(home));
        let failure = InitFailure::TimedOut(limit.exceeded_by(stopwatch.elapsed_millis()));
        return Err(Failed { failure, took: stopwatch.elapsed(), log, used_mb: 0 });
    }
    let (sandbox, initialized) = match start(function, home, phase).await {
        Ok(started) => started,
        Err(failure) => {
            return Err(Failed { failure, took: stopwatch.elapsed(), log, used_mb: 0 });
        }
    };
    let left = Millis(allowed.0 - late.0);
    let failure = match ctx.clock.timeout(left, initialized).await {
        Some(Ok(InitEnd::Ready(took))) => match injected::kill_before_next(function, ctx).await {
            None => return Ok((sandbox, took + Duration::from_millis(late.0))),
            Some(killed) => InitFailure::Exited(killed),
        },
        Some(Ok(InitEnd::Failed(failure))) => failure,
        Some(Err(_)) => InitFailure::NotStarted("its sandbox was abandoned".to_owned()),
        None => InitFailure::TimedOut(limit.exceeded_by(stopwatch.elapsed_millis())),
    };
    let (took, used_mb) = (stopwatch.elapsed(), sandbox.used_mb());
    let timed_out = matches!(failure, InitFailure::TimedOut(_));
    sandbox.abandon(if timed_out { Reason::Timeout } else { Reason::Failure });
    // The next attempt reuses the resources of this one, so they must be returned first.
    sandbox.serving.cancelled().await;
    Err(Failed { failure, took, log, used_mb })
}

type Started = (Arc<Sandbox>, oneshot::Receiver<InitEnd>);

/// Starts the processes of a sandbox with its own Runtime API.
async fn start(
    function: &Arc<Deployed>,
    home: Home,
    phase: &'static str,
) -> Result<Started, InitFailure> {
    let surroundings = &function.surroundings;
    let (room, listener, address) = match prepared(surroundings).await {
        Ok(prepared) => prepared,
        Err(shortage) => {
            function.leave(Some(home));
            return Err(InitFailure::Shortage(shortage));
        }
    };
    let credential = surroundings
        .platform
        .keyring
        .issue_for(surroundings.platform.clock.wall(), &function.function.name);
    let facts = Facts {
        function: &function.function,
        region: &surroundings.platform.region,
        runtime_api: &address.to_string(),
        aws_endpoint: &surroundings.aws_endpoint,
        credential: &credential,
        log_stream: &home.log_stream,
        host_path: &environment::host_path(),
    };
    let launch = match Launch::new(function, &facts, Arc::clone(&home.isolation)) {
        Ok(launch) => launch,
        Err(not_started) => {
            function.leave(Some(home));
            return Err(not_started.into());
        }
    };
    let (initialized, ready) = oneshot::channel();
    let serving = CancellationToken::new();
    let parts = Parts { phase, home, serving: serving.clone(), initialized };
    let sandbox = Sandbox::new(function, parts);
    function.started(&sandbox);
    runtime_api::serve(&sandbox, listener, serving, &surroundings.tasks);
    let stop = surroundings.stop.clone();
    surroundings.sandboxes.spawn(life::live(Arc::clone(&sandbox), launch, room, stop));
    Ok((sandbox, ready))
}

/// Acquires the resources of a sandbox: room among the file descriptors of this process, and a port for its Runtime API.
/// Without room it ends an idle sandbox, and waits a while.
///
/// # Errors
///
/// The missing resource, and what to do about it.
async fn prepared(
    surroundings: &Surroundings,
) -> Result<(OwnedSemaphorePermit, TcpListener, SocketAddr), String> {
    let room = Arc::clone(&surroundings.room);
    let room = match Arc::clone(&room).try_acquire_owned() {
        Ok(room) => Some(room),
        Err(_) => {
            surroundings.crowded.notify_one();
            let clock = &surroundings.platform.clock;
            clock.timeout(ROOM_WITHIN, room.acquire_owned()).await.and_then(Result::ok)
        }
    };
    let room = room.ok_or_else(|| {
        let running = surroundings.sandboxes.len();
        let advice = descriptors::advice();
        format!("{running} sandboxes are running, and file descriptors for another one are missing. {advice}")
    })?;
    let (listener, address) = serve::bind(LOOPBACK, 0).await.map_err(|error| {
        descriptors::shortage(&error).unwrap_or_else(|| {
            format!("cannot bind a port for the Runtime API of a sandbox: {error}")
        })
    })?;
    Ok((room, listener, address))
}
