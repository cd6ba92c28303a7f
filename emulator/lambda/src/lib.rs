//! Lambda: functions, their sandboxes, and what happens in one invocation.
//!
//! It promises that a function is a real process in a sandbox of its own, that every limit of an invocation is measured on the
//! bytes that the runtime posted, and that an asynchronous event ends exactly once. It never knows a gateway: an event is
//! described by an [`Envelope`] and measured here.
//!
//! Start reading at [`Lambda::invoke`]. [`queue`] has asynchronous events, [`invoke_api`] Lambda's own API for invocations.

mod concurrency;
mod control_group;
mod environment;
pub mod event;
mod extension;
mod extension_api;
mod function;
#[doc(hidden)]
pub mod fuzz;
mod hint;
mod init;
mod injected;
pub mod invoke_api;
mod isolation;
mod launch;
mod life;
mod lineage;
mod log;
mod memory;
pub mod name;
mod outcome;
mod output;
pub mod package;
mod process;
pub mod queue;
pub mod refusal;
mod registry;
pub mod rules;
mod run;
mod runtime_api;
mod sandbox;
mod state;
pub mod stop;
pub mod stream;
mod telemetry;
mod telemetry_api;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use hardcap_limits::envelope::{Length, Sink};
use hardcap_limits::{Bytes as ByteCount, Count, Exceeded, Limits};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::concurrency::{Account, Permit};
use self::function::Surroundings;
use self::registry::Registered;
use self::stream::{Opened, Outlet};
use crate::stop::{Stop, Throttle};
use hardcap_core::config::{Config, Function, RecursiveLoop};
use hardcap_core::context::{Context, Platform};
use hardcap_core::faults;
use hardcap_core::payloads::Part;
use hardcap_core::record::What;

/// An event that is described before it is built, so that one that is too large is never built.
pub trait Envelope: Send {
    /// Writes or counts the event: the same calls on every sink.
    fn describe(&self, sink: &mut dyn Sink);
}

/// What a function is handed.
pub enum Event {
    /// The body of an Invoke request, as it came.
    Posted(Bytes),
    /// An event that was measured and read when it was queued.
    Queued(Bytes),
    /// What a gateway makes of an HTTP request.
    Envelope(Box<dyn Envelope>),
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, bytes) = match self {
            Event::Posted(posted) => ("Posted", Some(posted.len())),
            Event::Queued(queued) => ("Queued", Some(queued.len())),
            Event::Envelope(_) => ("Envelope", None),
        };
        f.debug_struct(kind).field("bytes", &bytes).finish()
    }
}

/// One call of a function.
#[derive(Debug)]
pub struct Invocation {
    /// [`hardcap_core::config::Function::name`].
    pub function: String,
    /// The event.
    pub event: Event,
    /// The JSON that the header `X-Amz-Client-Context` carries, decoded.
    pub client_context: Option<String>,
}

/// The end of an invocation that reached a sandbox.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What the invoker gets: the bytes that the runtime posted, untouched, or the platform's error document. Empty for an
    /// answer that was handed on as it came.
    pub payload: Bytes,
    /// The content type of an answer that the runtime posted as a stream, and whose invoker wants it whole.
    pub posted_as_stream: Option<http::HeaderValue>,
    /// Why the function failed, when it did.
    pub fault: Option<Fault>,
    /// The last 4 KB of the invocation's log.
    pub log_tail: Bytes,
}

/// How a function failed.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The runtime reported an error.
    Reported {
        /// `errorType` as the runtime gave it.
        error_type: String,
        /// `errorMessage` as the runtime gave it.
        message: String,
    },
    /// The function's timeout.
    TimedOut(Exceeded),
    /// The answer was too large.
    ResponseTooLarge(Exceeded),
    /// The process ended, could not be started, or broke the protocol.
    Exited {
        /// `Runtime.ExitError`, `Runtime.InvalidEntrypoint` and so on.
        error_type: String,
        /// `Runtime exited with error: exit status 1`.
        message: String,
    },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Reported { error_type, message } | Fault::Exited { error_type, message } => {
                write!(f, "{error_type}: {message}")
            }
            Fault::TimedOut(exceeded) | Fault::ResponseTooLarge(exceeded) => exceeded.fmt(f),
        }
    }
}

impl Fault {
    /// The error's type, as records and reports count it.
    pub fn error_type(&self) -> &str {
        match self {
            Fault::Reported { error_type, .. } | Fault::Exited { error_type, .. } => error_type,
            Fault::TimedOut(_) => "Sandbox.Timedout",
            Fault::ResponseTooLarge(_) => "Function.ResponseSizeTooLarge",
        }
    }
}

/// The functions and their sandboxes. Cheap to clone; the last one that is dropped ends every sandbox.
#[derive(Clone, Debug)]
pub struct Lambda {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    platform: Platform,
    /// By name. Held for a look or a change, never while anything is waited for.
    functions: RwLock<BTreeMap<String, Registered>>,
    account: Arc<Account>,
    surroundings: Arc<Surroundings>,
    /// One task a sandbox.
    sandboxes: TaskTracker,
    stop: CancellationToken,
}

impl Shared {
    fn end_all(&self) {
        let functions = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        functions.values().for_each(|registered| registered.deployed.end_all());
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
        self.end_all();
    }
}

/// An invocation that has its permit, on its way to a sandbox.
#[derive(Debug)]
struct Job {
    ctx: Context,
    event: Bytes,
    client_context: Option<http::HeaderValue>,
    permit: Permit,
    /// Where an answer goes that its invoker wants as it comes.
    outlet: Option<Outlet>,
    reply: oneshot::Sender<Result<Reply, Stop>>,
}

impl Lambda {
    /// Makes the functions known; a sandbox is started by the first invocation that needs one.
    pub fn start(
        platform: &Platform,
        config: &Config,
        aws_endpoint: &str,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Lambda {
        let sandboxes = TaskTracker::new();
        let stop = stop.child_token();
        let surroundings = Arc::new(Surroundings {
            platform: platform.clone(),
            aws_endpoint: aws_endpoint.to_owned(),
            launcher: process::Launcher::default(),
            tasks: tasks.clone(),
            sandboxes: sandboxes.clone(),
            room: Arc::new(tokio::sync::Semaphore::new(room())),
            crowded: tokio::sync::Notify::new(),
            idle: config.sandbox_idle,
            stop: stop.clone(),
        });
        let shared = Shared {
            platform: platform.clone(),
            functions: RwLock::default(),
            account: Arc::default(),
            surroundings,
            sandboxes,
            stop,
        };
        let lambda = Lambda { shared: Arc::new(shared) };
        for function in &config.functions {
            lambda.deploy(function.clone(), None);
        }
        lambda
    }

    /// Runs a function once: measures the event, takes a permit, finds or starts a sandbox, waits for its answer.
    ///
    /// The run belongs to the sandbox: dropping this future ends the wait, not the function.
    pub async fn invoke(&self, ctx: &Context, invocation: Invocation) -> Result<Reply, Stop> {
        stream::ended(self.submit(ctx, invocation, None)?).await
    }

    /// As [`Lambda::invoke`], for an answer that is wanted as it comes: returns when the runtime begins to answer.
    pub async fn invoke_streaming(
        &self,
        ctx: &Context,
        invocation: Invocation,
    ) -> Result<Opened, Stop> {
        let (outlet, opening) = Outlet::new();
        let replied = self.submit(ctx, invocation, Some(outlet))?;
        stream::opened(opening, replied).await
    }

    fn submit(
        &self,
        ctx: &Context,
        invocation: Invocation,
        outlet: Option<Outlet>,
    ) -> Result<oneshot::Receiver<Result<Reply, Stop>>, Stop> {
        let function = self.find(&invocation.function)?;
        let event = measured(ctx, invocation.event)?;
        ctx.keep(Part::Event, &event);
        let arn = function.function.arn(&self.shared.platform.region);
        let trace = lineage::extended(&ctx.trace, &arn);
        let ctx = &Context { trace: trace.into(), ..ctx.clone() };
        let permit = if faults::is_throttled(ctx, &invocation.function) {
            Err(Throttle::Account)
        } else {
            function.deployed.executions.permit(ctx)
        };
        let permit = permit.map_err(|throttle| {
            ctx.record(What::Throttled { function: invocation.function.clone() });
            Stop::Throttled(throttle)
        })?;
        let client_context =
            invocation.client_context.and_then(|json| http::HeaderValue::try_from(json).ok());
        let (reply, replied) = oneshot::channel();
        let ctx = ctx.clone();
        let job = Box::new(Job { ctx, event, client_context, permit, outlet, reply });
        function.deployed.take_on(job);
        Ok(replied)
    }

    /// Whether there is response streaming, with the limits of a run.
    pub fn streams(limits: &Limits) -> bool {
        limits.lambda_stream_response.has_begun()
    }

    /// Stops a chain of requests that has passed a function too often, unless the function allows it. Before the first day of the
    /// limit AWS did not look for loops.
    pub fn admit_chain(&self, ctx: &Context, function: &str) -> Result<(), Stop> {
        let function = self.find(function)?.function;
        if function.recursive_loop == RecursiveLoop::Allow
            || !ctx.limits.lambda_recursion.has_begun()
        {
            return Ok(());
        }
        let arn = function.arn(&self.shared.platform.region);
        let passes = lineage::invocations(&ctx.trace, &arn);
        Ok(ctx.admit(&ctx.limits.lambda_recursion, Count(passes))?)
    }

    /// The trace header that a chain of requests carries on from a function.
    pub fn trace_after(&self, trace: &str, function: &str) -> String {
        let arn = self.find(function).map(|it| it.function.arn(&self.shared.platform.region));
        arn.map_or_else(|_| trace.to_owned(), |arn| lineage::extended(trace, &arn))
    }

    /// A function as it is configured.
    pub fn function(&self, name: &str) -> Option<Arc<Function>> {
        Some(self.registered(name)?.function)
    }

    /// Whether a function has this name.
    pub fn has(&self, function: &str) -> bool {
        self.registered(function).is_some()
    }

    /// A context for a request that has just arrived at Lambda's API.
    pub fn context(&self) -> Context {
        self.shared.platform.context()
    }

    /// The region of every ARN.
    pub fn region(&self) -> &str {
        &self.shared.platform.region
    }

    /// Ends every sandbox with all its processes, and returns when they have ended.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.sandboxes.close();
        self.shared.sandboxes.wait().await;
        self.shared.end_all();
        control_group::see_to_guard();
    }

    fn registered(&self, name: &str) -> Option<Registered> {
        let functions = self.shared.functions.read().unwrap_or_else(PoisonError::into_inner);
        functions.get(name).cloned()
    }

    fn find(&self, name: &str) -> Result<Registered, Stop> {
        self.registered(name).ok_or_else(|| Stop::FunctionNotFound {
            arn: name::Named::parse(name, &self.shared.platform.region).arn(),
        })
    }
}

/// How many sandboxes the file descriptors of this process are enough for.
fn room() -> usize {
    let sandboxes = usize::try_from(hardcap_core::descriptors::sandboxes_max());
    sandboxes.unwrap_or(usize::MAX).min(tokio::sync::Semaphore::MAX_PERMITS)
}

/// The event as bytes, once it has been measured: the only place that compares it with its limit.
fn measured(ctx: &Context, event: Event) -> Result<Bytes, Stop> {
    match event {
        Event::Posted(event) => {
            admit_event(ctx, ByteCount::of(&event))?;
            event::must_be_json(&event)?;
            // An Invoke without a body hands over an empty object: what SDKs' users see; not recorded.
            Ok(if event.is_empty() { Bytes::from_static(b"{}") } else { event })
        }
        Event::Queued(event) => Ok(event),
        Event::Envelope(envelope) => {
            let mut length = Length::default();
            envelope.describe(&mut length);
            admit_event(ctx, length.bytes())?;
            let capacity = usize::try_from(length.bytes().0).map_err(|_| {
                Stop::Bug("an event larger than the memory was admitted".to_owned())
            })?;
            let mut event = Vec::with_capacity(capacity);
            envelope.describe(&mut event);
            Ok(event.into())
        }
    }
}

/// Compares an event's length with its limit.
pub fn admit_event(ctx: &Context, length: ByteCount) -> Result<(), Stop> {
    Ok(ctx.admit(&ctx.limits.lambda_sync_request, length)?)
}
