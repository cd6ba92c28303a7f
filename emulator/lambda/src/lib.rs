//! The Lambda service: functions, sandboxes and invocations.
//!
//! A function is a real process in its own sandbox. Every limit of an invocation is measured on the bytes that the runtime
//! posted. An asynchronous event ends exactly once. The crate contains no code of a gateway: an event is described by an
//! [`Envelope`] and measured here.
//!
//! Start reading at [`Lambda::invoke`]. [`queue`] contains asynchronous invocation, [`invoke_api`] the Invoke API.

mod aliases;
mod concurrency;
mod container;
mod environment;
pub mod event;
mod extension;
mod extension_api;
mod file_systems;
mod function;
#[doc(hidden)]
pub mod fuzz;
mod hint;
mod hold;
mod init;
mod injected;
pub mod invoke_api;
mod kernel;
mod launch;
mod life;
mod lineage;
mod log;
pub mod naming;
mod outcome;
pub mod package;
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
mod system_log;
mod telemetry;
mod telemetry_api;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_limits::envelope::{Length, Sink};
use hardcap_limits::{Bytes as ByteCount, Count, Exceeded, Limits};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::aliases::AliasTarget;
use self::concurrency::{Account, Permit};
use self::file_systems::FileSystems;
use self::function::SharedResources;
use self::hold::HeldFunctions;
pub use self::hold::Hold;
use self::registry::RegisteredFunction;
use self::stream::{StreamSender, StreamStart};
use crate::stop::{InvokeError, ThrottleReason};
use hardcap_core::config::{Config, Function, RecursiveLoop};
use hardcap_core::context::{Context, Platform};
use hardcap_core::faults;
use hardcap_core::function_name::{FunctionName, qualified};
use hardcap_core::payloads::Part;
use hardcap_core::record::Observation;
use hardcap_core::serve::pool;

/// An event that is described before it is serialized, so that an event over the limit is never serialized.
pub trait Envelope: Send {
    /// Writes or counts the event: the same calls for every sink.
    fn describe(&self, sink: &mut dyn Sink);
}

/// The event of an invocation.
pub enum InvocationEvent {
    /// The body of an Invoke request.
    Posted(Bytes),
    /// A queued event, which was measured and validated when it was queued.
    Queued(Bytes),
    /// An event that a gateway builds from an HTTP request.
    Envelope(Box<dyn Envelope>),
}

impl std::fmt::Debug for InvocationEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, bytes) = match self {
            InvocationEvent::Posted(posted) => ("Posted", Some(posted.len())),
            InvocationEvent::Queued(queued) => ("Queued", Some(queued.len())),
            InvocationEvent::Envelope(_) => ("Envelope", None),
        };
        f.debug_struct(kind).field("bytes", &bytes).finish()
    }
}

/// One invocation of a function.
#[derive(Debug)]
pub struct Invocation {
    /// The function's name, with a version or an alias where one is meant: `orders`, `orders:1`, `orders:live`.
    pub function: String,
    /// The version, where it has been chosen: that of an alias with weights is chosen once.
    pub version: Option<String>,
    /// The event.
    pub event: InvocationEvent,
    /// The decoded JSON of the header `X-Amz-Client-Context`.
    pub client_context: Option<String>,
}

impl Invocation {
    /// The function's name, with the chosen version.
    fn qualified_function(&self) -> Cow<'_, str> {
        match &self.version {
            Some(version) => Cow::Owned(qualified(&self.function, version)),
            None => Cow::Borrowed(&self.function),
        }
    }
}

/// The result of an invocation that reached a sandbox.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The payload for the invoker: the unchanged bytes that the runtime posted, or the platform's error document. Empty for a
    /// streamed response.
    pub payload: Bytes,
    /// The content type of a response that the runtime posted as a stream, for an invoker that wants it buffered.
    pub posted_as_stream: Option<http::HeaderValue>,
    /// The function error, if the function failed.
    pub function_error: Option<FunctionError>,
    /// The last 4 KB of the invocation's log.
    pub log_tail: Bytes,
}

/// The error of a failed function.
#[derive(Clone, Debug)]
pub enum FunctionError {
    /// The runtime reported an error.
    Reported {
        /// `errorType` from the runtime.
        error_type: String,
        /// `errorMessage` from the runtime.
        message: String,
    },
    /// The function's timeout.
    TimedOut(Exceeded),
    /// The response was over the limit.
    ResponseTooLarge(Exceeded),
    /// The process ended, could not be started, or broke the protocol.
    Exited {
        /// `Runtime.ExitError`, `Runtime.InvalidEntrypoint` and so on.
        error_type: String,
        /// `Runtime exited with error: exit status 1`.
        message: String,
    },
}

impl std::fmt::Display for FunctionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FunctionError::Reported { error_type, message }
            | FunctionError::Exited { error_type, message } => {
                write!(f, "{error_type}: {message}")
            }
            FunctionError::TimedOut(exceeded) | FunctionError::ResponseTooLarge(exceeded) => {
                exceeded.fmt(f)
            }
        }
    }
}

impl FunctionError {
    /// The error type, as records and reports count it.
    pub fn error_type(&self) -> &str {
        match self {
            FunctionError::Reported { error_type, .. }
            | FunctionError::Exited { error_type, .. } => error_type,
            FunctionError::TimedOut(_) => "Sandbox.Timedout",
            FunctionError::ResponseTooLarge(_) => "Function.ResponseSizeTooLarge",
        }
    }
}

/// The functions and their sandboxes. Cheap to clone; dropping the last clone ends every sandbox.
#[derive(Clone, Debug)]
pub struct Lambda {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    platform: Platform,
    /// Ordered by name. Locked only for a lookup or a change, never during a wait.
    aliases: RwLock<BTreeMap<String, AliasTarget>>,
    functions: RwLock<BTreeMap<String, RegisteredFunction>>,
    held: HeldFunctions,
    account: Arc<Account>,
    resources: Arc<SharedResources>,
    /// One task per sandbox.
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

/// An invocation with its permit, on its way to a sandbox.
#[derive(Debug)]
struct Job {
    ctx: Context,
    event: Bytes,
    client_context: Option<http::HeaderValue>,
    /// The invoked ARN, with the qualifier that the invoker named.
    arn: http::HeaderValue,
    permit: Permit,
    /// The channel of a streamed response.
    outlet: Option<StreamSender>,
    reply: oneshot::Sender<Result<Reply, InvokeError>>,
}

impl Lambda {
    /// Registers the functions. The first invocation of a function starts its first sandbox.
    pub fn start(
        platform: &Platform,
        config: &Config,
        aws_endpoint: &str,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Lambda {
        let sandboxes = TaskTracker::new();
        let stop = stop.child_token();
        let resources = Arc::new(SharedResources {
            platform: platform.clone(),
            aws_endpoint: aws_endpoint.to_owned(),
            launcher: kernel::Launcher::default(),
            tasks: tasks.clone(),
            sandboxes: sandboxes.clone(),
            room: Arc::new(tokio::sync::Semaphore::new(room())),
            crowded: tokio::sync::Notify::new(),
            idle: config.sandbox_idle,
            file_systems: FileSystems::new(config.data.clone()),
            stop: stop.clone(),
        });
        let shared = Shared {
            platform: platform.clone(),
            aliases: RwLock::default(),
            functions: RwLock::default(),
            held: HeldFunctions::default(),
            account: Arc::default(),
            resources,
            sandboxes,
            stop,
        };
        let lambda = Lambda { shared: Arc::new(shared) };
        for function in &config.functions {
            lambda.deploy(function.clone(), None);
        }
        lambda
    }

    /// Invokes a function: measures the event, acquires a permit, finds or starts a sandbox, waits for the response. If the
    /// function is held, it waits for the end of that first. AWS refuses an invocation then.
    ///
    /// The invocation belongs to the sandbox: dropping this future ends the wait, not the function.
    pub fn invoke<'a>(
        &'a self,
        ctx: &'a Context,
        invocation: Invocation,
    ) -> BoxFuture<'a, Result<Reply, InvokeError>> {
        Box::pin(async move {
            self.until_prepared(&invocation.qualified_function()).await;
            stream::ended(self.submit(ctx, invocation, None)?).await
        })
    }

    /// As [`Lambda::invoke`] for a streamed response: returns when the runtime begins to respond.
    pub fn invoke_streaming<'a>(
        &'a self,
        ctx: &'a Context,
        invocation: Invocation,
    ) -> BoxFuture<'a, Result<StreamStart, InvokeError>> {
        Box::pin(async move {
            self.until_prepared(&invocation.qualified_function()).await;
            let (outlet, opening) = StreamSender::new();
            let replied = self.submit(ctx, invocation, Some(outlet))?;
            stream::opened(opening, replied).await
        })
    }

    fn submit(
        &self,
        ctx: &Context,
        invocation: Invocation,
        outlet: Option<StreamSender>,
    ) -> Result<oneshot::Receiver<Result<Reply, InvokeError>>, InvokeError> {
        let function = self.find(&invocation.qualified_function())?;
        let name = &function.function.name;
        let event = measured(ctx, invocation.event)?;
        ctx.keep(Part::Event, &event);
        let trace = lineage::extended(&ctx.trace, function.deployed.passed);
        let ctx = Context { trace: trace.into(), ..ctx.clone() };
        let permit = if faults::is_throttled(&ctx, name) {
            Err(ThrottleReason::Account)
        } else {
            function.deployed.executions.permit(&ctx)
        };
        let permit = permit.map_err(|throttle| {
            ctx.record(Observation::Throttled { function: name.clone() });
            InvokeError::Throttled(throttle)
        })?;
        let client_context =
            invocation.client_context.and_then(|json| http::HeaderValue::try_from(json).ok());
        let (reply, replied) = oneshot::channel();
        let arn = match invocation.function.split_once(':') {
            Some((_, qualifier)) => {
                let arn = function.function.arn(&self.shared.platform.region);
                http::HeaderValue::try_from(format!("{arn}:{qualifier}"))
                    .unwrap_or_else(|_| function.deployed.arn.clone())
            }
            None => function.deployed.arn.clone(),
        };
        let job = Box::new(Job { ctx, event, client_context, arn, permit, outlet, reply });
        function.deployed.enqueue(job);
        Ok(replied)
    }

    /// Whether response streaming exists with these limits.
    pub fn streams(limits: &Limits) -> bool {
        limits.lambda_stream_response.has_begun()
    }

    /// Stops a chain of requests that has passed a function too often, unless the function allows recursive loops. Before the
    /// first day of the limit AWS did not detect loops.
    pub fn admit_chain(&self, ctx: &Context, function: &str) -> Result<(), InvokeError> {
        let RegisteredFunction { function, deployed } = self.find(function)?;
        if function.recursive_loop == RecursiveLoop::Allow
            || !ctx.limits.lambda_recursion.has_begun()
        {
            return Ok(());
        }
        let passes = lineage::invocations(&ctx.trace, deployed.passed);
        Ok(ctx.admit(&ctx.limits.lambda_recursion, Count(passes))?)
    }

    /// The trace header for a request that a function makes within a chain of requests.
    pub fn trace_after(&self, trace: &str, function: &str) -> String {
        let passed = self.find(function).map(|it| it.deployed.passed);
        passed.map_or_else(|_| trace.to_owned(), |passed| lineage::extended(trace, passed))
    }

    /// A function's configuration.
    pub fn function(&self, name: &str) -> Option<Arc<Function>> {
        Some(self.registered(name)?.function)
    }

    /// Whether a function with this name exists.
    pub fn has(&self, function: &str) -> bool {
        self.registered(function).is_some()
    }

    /// The most bytes of the event of a synchronous invocation.
    pub fn event_max(&self) -> u64 {
        self.shared.platform.limits().lambda_sync_request.max.0
    }

    /// Refuses the event of a synchronous invocation before it is sent to Lambda's API, if it is too large: for a caller that has
    /// a response of its own for that. One that passes is measured by the API.
    pub fn refuse_event(&self, ctx: &Context, size: ByteCount) -> Result<(), InvokeError> {
        if ctx.limits.lambda_sync_request.admit(size).is_ok() {
            return Ok(());
        }
        admit_event(ctx, size)
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
    pub fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.shared.stop.cancel();
            self.shared.sandboxes.close();
            self.shared.sandboxes.wait().await;
            self.shared.end_all();
            kernel::ensure_guard();
        })
    }

    fn registered(&self, name: &str) -> Option<RegisteredFunction> {
        let name = self.resolved(name);
        let functions = self.shared.functions.read().unwrap_or_else(PoisonError::into_inner);
        functions.get(name.as_ref()).cloned()
    }

    fn find(&self, name: &str) -> Result<RegisteredFunction, InvokeError> {
        self.registered(name).ok_or_else(|| InvokeError::FunctionNotFound {
            arn: FunctionName::parse(name, &self.shared.platform.region).arn(),
        })
    }
}

/// The number of sandboxes that the file descriptors of this process allow.
fn room() -> usize {
    let sandboxes = usize::try_from(hardcap_core::descriptors::sandboxes_max());
    sandboxes.unwrap_or(usize::MAX).min(tokio::sync::Semaphore::MAX_PERMITS)
}

/// Serializes a measured event. This is the only place that compares an event with its limit.
fn measured(ctx: &Context, event: InvocationEvent) -> Result<Bytes, InvokeError> {
    match event {
        InvocationEvent::Posted(event) => {
            admit_event(ctx, ByteCount::of(&event))?;
            event::must_be_json(&event)?;
            // An Invoke without a body passes an empty object, as users of SDKs report; not recorded.
            Ok(if event.is_empty() { Bytes::from_static(b"{}") } else { event })
        }
        InvocationEvent::Queued(event) => Ok(event),
        InvocationEvent::Envelope(envelope) => {
            let mut length = Length::default();
            envelope.describe(&mut length);
            admit_event(ctx, length.bytes())?;
            let capacity = usize::try_from(length.bytes().0).map_err(|_| {
                InvokeError::Bug("an admitted event does not fit into memory".to_owned())
            })?;
            let mut event = pool::take(capacity);
            envelope.describe(&mut event);
            Ok(pool::freeze(event))
        }
    }
}

/// Compares an event's size with its limit.
pub fn admit_event(ctx: &Context, length: ByteCount) -> Result<(), InvokeError> {
    Ok(ctx.admit(&ctx.limits.lambda_sync_request, length)?)
}
