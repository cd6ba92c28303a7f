//! The Runtime API of a sandbox without a process, for the fuzz targets of `tests/src/fuzz`. Not a public interface: nothing else
//! may use it.

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
use crate::function::{Deployed, Surroundings};
use crate::process::Launcher;
use crate::sandbox::{Parts, Sandbox};
use crate::stop::Stop;
use crate::stream::Outlet;
use crate::telemetry::{Api, Subscription};
use crate::{Job, Reply, runtime_api};

/// A sandbox whose runtime is the caller.
#[derive(Debug)]
pub struct Runtime {
    sandbox: Arc<Sandbox>,
    deployed: Arc<Deployed>,
    router: Router,
}

/// An invocation under way.
#[derive(Debug)]
pub struct Begun {
    /// The id that the runtime has to name.
    pub request_id: String,
    reply: oneshot::Receiver<Result<Reply, Stop>>,
}

impl Begun {
    /// What the invoker got, once the invocation has ended: the payload, and whether the function failed.
    pub fn reply(&mut self) -> Option<(Bytes, bool)> {
        let reply = self.reply.try_recv().ok()?.ok()?;
        Some((reply.payload, reply.fault.is_some()))
    }
}

impl Runtime {
    /// A sandbox that has just started.
    pub fn new(platform: &Platform) -> Runtime {
        let stop = CancellationToken::new();
        let surroundings = Arc::new(Surroundings {
            platform: platform.clone(),
            aws_endpoint: String::new(),
            launcher: Launcher::default(),
            tasks: TaskTracker::new(),
            sandboxes: TaskTracker::new(),
            room: Arc::new(Semaphore::new(1)),
            crowded: Notify::new(),
            idle: Millis(60_000),
            stop: stop.clone(),
        });
        let function = Arc::new(Function::new("fuzz", ["bootstrap"]));
        let executions = Executions::new(Arc::default(), None);
        let deployed = Arc::new(Deployed::new(function, executions, None, &surroundings));
        let (initialized, _) = oneshot::channel();
        let home = deployed.home();
        let parts = Parts { phase: "init", home, serving: stop, initialized };
        let sandbox = Sandbox::new(&deployed, parts);
        Runtime { router: runtime_api::router(&sandbox), sandbox, deployed }
    }

    /// Hands an event to the sandbox; `None` where it does not wait for one. With `as_it_comes` the invoker takes a stream.
    pub fn begin(&self, platform: &Platform, event: Bytes, as_it_comes: bool) -> Option<Begun> {
        let ctx = platform.context();
        let permit = self.deployed.executions.permit(&ctx).ok()?;
        let (sender, reply) = oneshot::channel();
        let request_id = ctx.request_id.to_string();
        let outlet = as_it_comes.then(|| Outlet::new().0);
        let job = Job { ctx, event, client_context: None, permit, outlet, reply: sender };
        self.sandbox.begin(Box::new(job), None).ok()?;
        Some(Begun { request_id, reply })
    }

    /// A request of the runtime or of an extension. Waits as long as the request has to.
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // The function and its sandbox know each other.
        self.deployed.end_all();
        self.sandbox.serving.cancel();
    }
}

/// Reads a subscription of the Telemetry API, or of the Logs API: the port, the path, and the bytes of a batch.
///
/// # Errors
///
/// What is wrong with it.
pub fn subscription(body: &[u8], logs: bool, limits: &Limits) -> Result<(u16, String), String> {
    let api = if logs { Api::Logs } else { Api::Telemetry };
    let read = Subscription::read(body, api, limits);
    read.map(|it| it.address()).map_err(|invalid| invalid.message())
}
