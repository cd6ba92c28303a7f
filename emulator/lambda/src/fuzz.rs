//! The Runtime API of a sandbox without a process, only for the fuzz targets of `tests/src/fuzz`. Not a public interface.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use hardcap_core::config::Function;
use hardcap_core::context::Platform;
use hardcap_limits::{Limits, Millis};
use http::{Request, Response};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::concurrency::Executions;
use crate::file_systems::FileSystems;
use crate::function::{Deployed, SharedResources};
use crate::kernel::Launcher;
use crate::sandbox::{Sandbox, SandboxParts};
use crate::stop::InvokeError;
use crate::stream::StreamSender;
pub use crate::telemetry::SubscriptionError;
use crate::telemetry::{Subscription, SubscriptionApi};
use crate::{Job, Reply, runtime_api};

/// A sandbox whose runtime is the caller.
#[derive(Debug)]
pub struct Runtime {
    sandbox: Arc<Sandbox>,
    deployed: Arc<Deployed>,
    router: Router,
}

/// A running invocation.
#[derive(Debug)]
pub struct Begun {
    /// The request id, which the runtime must name.
    pub request_id: String,
    reply: oneshot::Receiver<Result<Reply, InvokeError>>,
}

impl Begun {
    /// The payload for the invoker, and whether the function failed; `None` before the end of the invocation.
    pub fn reply(&mut self) -> Option<(Bytes, bool)> {
        let reply = self.reply.try_recv().ok()?.ok()?;
        Some((reply.payload, reply.function_error.is_some()))
    }
}

impl Runtime {
    /// A sandbox that has just started.
    pub fn new(platform: &Platform) -> Runtime {
        let stop = CancellationToken::new();
        let resources = Arc::new(SharedResources {
            platform: platform.clone(),
            aws_endpoint: String::new(),
            launcher: Launcher::default(),
            tasks: TaskTracker::new(),
            sandboxes: TaskTracker::new(),
            room: Arc::new(Semaphore::new(1)),
            crowded: Notify::new(),
            idle: Millis(60_000),
            file_systems: FileSystems::default(),
            stop: stop.clone(),
        });
        let function = Arc::new(Function::new("fuzz", ["bootstrap"]));
        let executions = Executions::new(Arc::default(), None);
        let deployed = Arc::new(Deployed::new(function, executions, None, &resources));
        let (initialized, _) = oneshot::channel();
        let home = deployed.home();
        let parts = SandboxParts { phase: "init", home, serving: stop, initialized };
        let sandbox = Sandbox::new(&deployed, parts);
        Runtime { router: runtime_api::router(&sandbox), sandbox, deployed }
    }

    /// Hands an event to the sandbox; `None` if it is not idle. With `as_it_comes` the invoker wants a streamed response.
    pub fn begin(&self, platform: &Platform, event: Bytes, as_it_comes: bool) -> Option<Begun> {
        let ctx = platform.context();
        let permit = self.deployed.executions.permit(&ctx).ok()?;
        let (sender, reply) = oneshot::channel();
        let request_id = ctx.request_id.to_string();
        let outlet = as_it_comes.then(|| StreamSender::new().0);
        let job = Job {
            ctx,
            event,
            client_context: None,
            arn: self.deployed.arn.clone(),
            permit,
            outlet,
            reply: sender,
        };
        self.sandbox.begin(Box::new(job), None).ok()?;
        Some(Begun { request_id, reply })
    }

    /// Handles a request of the runtime or of an extension.
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // The function and its sandbox refer to each other.
        self.deployed.end_all();
        self.sandbox.serving.cancel();
    }
}

/// Parses a subscription of the Telemetry API or the Logs API: the port and the path.
///
/// # Errors
///
/// [`SubscriptionError`] with all that is invalid.
pub fn subscription(
    body: &[u8],
    logs: bool,
    limits: &Limits,
) -> Result<(u16, String), SubscriptionError> {
    let api = if logs { SubscriptionApi::Logs } else { SubscriptionApi::Telemetry };
    Subscription::read(body, api, limits).map(|subscription| subscription.address())
}
