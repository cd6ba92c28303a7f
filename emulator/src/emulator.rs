//! The emulator as a whole: binds the ports, starts and stops the services.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_limits::{Exceeded, Millis, UnknownRow};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::aws::{Aws, Services};
use crate::builder::Builder;
use crate::control::{Control, Stores};
use crate::control_plane::{ControlPlane, Parts};
use crate::function_urls::FunctionUrls;
use crate::invoke::{AcceptError, InvokeError, InvokeResponse};
use crate::messages::Messages;
use crate::report::{Report, SavedRun};
use crate::sockets::Sockets;
use hardcap_core::addresses::Addresses;
use hardcap_core::clock::Clock;
use hardcap_core::config::{Config, Function, InvalidTrust, UnknownFunction};
use hardcap_core::context::Platform;
use hardcap_core::faults::{self, FaultError};
use hardcap_core::guard::Trust;
use hardcap_core::keyring::Keyring;
use hardcap_core::record::{Recorder, Totals};
use hardcap_core::serve;
use hardcap_gateway::{Backends, Gateway};
use hardcap_lambda::invoke_api;
use hardcap_lambda::queue::Queue;
use hardcap_lambda::{Invocation, InvocationEvent, Lambda};
use hardcap_s3::S3;
use hardcap_services::dynamodb::DynamoDb;
use hardcap_services::secrets::Secrets;
use hardcap_services::ssm::Ssm;

/// A running emulator. It listens when [`Emulator::start`] returns. Dropping it stops it and every process that it started.
///
/// ```
/// use hardcap::Emulator;
/// use hardcap::config::Function;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let emulator = Emulator::builder()
///     .function(Function::new("echo", ["target/debug/echo"]))
///     .rest_api("Api", &[("ANY", "/{proxy+}", "echo")])
///     .start()
///     .await?;
/// println!("{}", emulator.api_url("Api")?);
/// emulator.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping an emulator stops it: keep it in a variable for as long as it is needed"]
pub struct Emulator {
    addresses: Addresses,
    platform: Platform,
    lambda: Lambda,
    queue: Queue,
    plane: ControlPlane,
    control: Control,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The error of an emulator that could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is in use or not permitted.
    #[error("{0}; choose another port, or 0 for any free one")]
    Port(std::io::Error),
    /// AWS would refuse a resource of the configuration, or the data directory cannot be used.
    #[error("{0}")]
    Data(Box<dyn std::error::Error + Send + Sync>),
    /// A route, an authorizer or a function URL names a function that does not exist.
    #[error(transparent)]
    UnknownFunction(#[from] UnknownFunction),
    /// A fault is invalid.
    #[error("invalid fault: {0}")]
    Fault(FaultError),
    /// The limits table has no such row.
    #[error("{0}")]
    UnknownRow(#[from] UnknownRow),
    /// The text is not an origin or a host, or must not be trusted.
    #[error("{0}")]
    Trust(#[from] InvalidTrust),
}

/// The error of a lookup by a name that the emulator does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} `{name}`; there {are}", are = listed(.known))]
pub struct UnknownName {
    /// `API`, `function URL` or `function`.
    pub kind: &'static str,
    /// The name that was looked up.
    pub name: String,
    /// The names that exist.
    pub known: Vec<String>,
}

fn listed(known: &[String]) -> String {
    match known {
        [] => "is none".to_owned(),
        [one] => format!("is `{one}`"),
        many => format!("are `{}`", many.join("`, `")),
    }
}

impl StartError {
    fn data(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StartError {
        StartError::Data(error.into())
    }
}

impl Emulator {
    /// Describes an emulator step by step: in memory, on free ports, with the newest limits.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Starts everything that a configuration names, and returns when it listens.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::{Bucket, Config};
    /// use hardcap::limits::Limits;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// let mut config = Config::empty(Limits::current());
    /// config.region = "eu-central-1".to_owned();
    /// config.buckets.push(Bucket { name: "reports".to_owned(), ..Bucket::default() });
    /// let emulator = Emulator::start(config).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StartError`] if a port is in use, the data directory cannot be used, or a route names an unknown function. Then
    /// nothing keeps running.
    pub async fn start(config: Config) -> Result<Emulator, StartError> {
        Emulator::open(config).await
    }

    /// A future of a type of its own would be compiled by each crate that awaits it, with all services that it starts.
    #[inline(never)]
    fn open(config: Config) -> BoxFuture<'static, Result<Emulator, StartError>> {
        Box::pin(Emulator::start_services(config))
    }

    async fn start_services(mut config: Config) -> Result<Emulator, StartError> {
        config.check_targets()?;
        let sockets = Sockets::bind(&config).await.map_err(StartError::Port)?;
        let addresses = sockets.addresses(&config);
        for value in config.placeholders_mut() {
            *value = addresses.fill(value);
        }

        let keyring = Keyring::new(&config.credentials);
        let trust =
            Trust::new(config.host, &config.region, &config.allow_hosts, &config.allow_origins);
        let platform =
            Platform::new(&config.region, config.limits.clone(), keyring).trusting(trust);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let s3 = S3::open(&platform, &config).map_err(StartError::data)?;
        let messages =
            Messages::open(&platform, &config, (&tasks, &stop)).map_err(StartError::data)?;
        let lambda = Lambda::start(&platform, &config, &addresses.aws, &tasks, stop.clone());
        let urls = FunctionUrls::new(&platform, &lambda, &config, (&tasks, &stop));
        let mappings = &messages.mappings;
        let parts = Parts {
            lambda: &lambda,
            s3: &s3,
            mappings,
            urls,
            aws_url: &addresses.aws,
            tasks: &tasks,
            stop: &stop,
        };
        let plane =
            ControlPlane::open(&platform, &config, parts).await.map_err(StartError::data)?;
        // A fault may be for a function that an earlier run created.
        let plan = std::mem::take(&mut config.faults);
        config.faults = faults::arm(&platform, |name| lambda.name_of(name), plan, stop.clone())
            .map_err(StartError::Fault)?;
        let dynamodb = DynamoDb::new(&platform, &config, stop.clone()).map_err(StartError::data)?;
        let targets = messages.targets(&s3);
        let queue = Queue::open(&platform, &config, &lambda, targets, (&tasks, &stop));
        let queue = queue.map_err(StartError::data)?;
        let ssm = Ssm::open(&platform, &config).map_err(StartError::data)?;
        let secrets = Secrets::open(&platform, &config).map_err(StartError::data)?;
        let stores = Stores {
            lambda: &lambda,
            s3: &s3,
            dynamodb: &dynamodb,
            ssm: &ssm,
            secrets: &secrets,
            queue: &queue,
            messages: &messages,
        };
        let control = Control::new(&platform, &config, &addresses, stores);

        let router = plane.serve_rest_of(invoke_api::router(lambda.clone(), queue.clone()));
        let s3_of_buckets = s3.clone();
        let services = Services {
            lambda: router,
            control: control.router(),
            s3,
            dynamodb,
            ssm,
            secrets,
            messages: messages.clone(),
        };
        let aws = Aws::new(&platform, &config, services);
        let backends = aws.backends(&addresses.aws);
        aws.serve(sockets.aws.0, &lambda, config.body_idle, (&tasks, &stop));
        let mut bound = sockets.gateways.into_iter();
        let gateways = bound.by_ref().take(config.apis.len()).map(|(listener, _)| listener);
        serve_gateways(gateways, (&platform, &lambda, &backends), &config, (&tasks, &stop));
        for ((listener, address), url) in bound.zip(&config.function_urls) {
            plane.serve_url(listener, address.port(), url);
        }
        plane.start().await.map_err(StartError::data)?;
        queue.start(&config);
        messages.start(&config, (&lambda, &queue), (&tasks, &stop));
        s3_of_buckets.notify_through(Arc::new(messages));
        Ok(Emulator { addresses, platform, lambda, queue, plane, control, stop, tasks })
    }

    /// The addresses of all listeners.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// let emulator = hardcap::Emulator::builder().http_api("Api", &[]).start().await?;
    /// assert_eq!(emulator.addresses().apis.keys().collect::<Vec<_>>(), ["Api"]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The URL of the AWS APIs: the value of `AWS_ENDPOINT_URL`. The key pair `test`, `test` is valid.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// let emulator = hardcap::Emulator::builder().start().await?;
    /// assert!(emulator.aws_url().starts_with("http://127.0.0.1:"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn aws_url(&self) -> &str {
        &self.addresses.aws
    }

    /// The URL of the control surface. `docs/control-api.md` describes its routes; the live page is at its root.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// let emulator = hardcap::Emulator::builder().start().await?;
    /// assert_eq!(emulator.control_url(), format!("{}/_hardcap", emulator.aws_url()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.addresses.control
    }

    /// The URL of an API with its stage, without a slash at the end.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = hardcap::Emulator::builder().rest_api("Api", &[]).start().await?;
    /// assert!(emulator.api_url("Api")?.ends_with("/dev"));
    /// assert_eq!(emulator.api_url("Ap").unwrap_err().to_string(), "there is no API `Ap`; there is `Api`");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnknownName`] if there is no API of this logical id.
    pub fn api_url(&self, logical_id: &str) -> Result<&str, UnknownName> {
        let urls = &self.addresses.apis;
        let url = urls.get(logical_id).map(String::as_str);
        url.ok_or_else(|| UnknownName::new("API", logical_id, urls.keys().cloned()))
    }

    /// The URL of a function URL, by its own logical id or by that of its function.
    ///
    /// ```
    /// use hardcap::config::Function;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let echo = Function::new("echo", ["target/debug/echo"]);
    /// let emulator = hardcap::Emulator::builder().function(echo).function_url("echo").start().await?;
    /// assert_eq!(emulator.function_url("echo")?, emulator.function_url("echoUrl")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnknownName`] if there is no such function URL.
    pub fn function_url(&self, logical_id: &str) -> Result<&str, UnknownName> {
        let urls = &self.addresses.function_urls;
        let url = urls.get(logical_id).or_else(|| urls.get(&format!("{logical_id}Url")));
        url.map(String::as_str)
            .ok_or_else(|| UnknownName::new("function URL", logical_id, urls.keys().cloned()))
    }

    /// The configuration of a function as it is now, by its name or its logical id.
    ///
    /// ```
    /// use hardcap::config::Function;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let echo = Function::new("echo", ["target/debug/echo"]);
    /// let emulator = hardcap::Emulator::builder().function(echo).start().await?;
    /// assert_eq!(emulator.function("echo")?.memory_mb, 128);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnknownName`] if there is no such function.
    pub fn function(&self, name: &str) -> Result<Arc<Function>, UnknownName> {
        let functions = self.lambda.functions();
        let found = functions.iter().find(|it| it.name == name || it.logical_id == name).cloned();
        let names = || functions.iter().map(|function| function.name.clone());
        found.ok_or_else(|| UnknownName::new("function", name, names()))
    }

    /// Invokes a function and waits for its response, as Lambda's `Invoke` with the invocation type `RequestResponse`. The
    /// event is JSON; an empty one is `{}`. A function that fails has a response, with
    /// [`function_error`](InvokeResponse::function_error).
    ///
    /// ```
    /// use hardcap::config::Function;
    /// use hardcap::invoke::InvokeError;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let absent = Function::new("absent", ["/no/such/program"]);
    /// let emulator = hardcap::Emulator::builder().function(absent).start().await?;
    /// let response = emulator.invoke("absent", "{}").await?;
    /// let error = response.function_error.expect("the program does not exist");
    /// assert_eq!(error.error_type(), "Runtime.InvalidEntrypoint");
    ///
    /// let refused = emulator.invoke("absent", vec![b' '; 6_291_457]).await;
    /// assert!(matches!(refused, Err(InvokeError::Refused(_))), "{refused:?}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvokeError`] if the invocation did not reach the function: the event is too large or not JSON, the concurrency is used
    /// up, the function does not exist, or hardcap itself failed.
    pub async fn invoke(
        &self,
        function: &str,
        event: impl Into<Bytes>,
    ) -> Result<InvokeResponse, InvokeError> {
        self.invoke_bytes(function, event.into()).await
    }

    /// A boxed future, for the same reason as [`Emulator::open`].
    #[inline(never)]
    fn invoke_bytes(
        &self,
        function: &str,
        event: Bytes,
    ) -> BoxFuture<'_, Result<InvokeResponse, InvokeError>> {
        let function = self.lambda.name_of(function).unwrap_or_else(|| function.to_owned());
        Box::pin(async move {
            let ctx = self.platform.context();
            let event = InvocationEvent::Posted(event);
            let invocation = Invocation { function, version: None, event, client_context: None };
            let reply = self.lambda.invoke(&ctx, invocation).await?;
            Ok(InvokeResponse::new(&ctx.request_id, reply))
        })
    }

    /// Queues an event for a function, as Lambda's `Invoke` with the invocation type `Event`. Returns the request id of the event,
    /// which all its attempts have.
    ///
    /// ```
    /// use hardcap::config::{EventInvokeConfig, Function};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut absent = Function::new("absent", ["/no/such/program"]);
    /// absent.events = EventInvokeConfig { maximum_retry_attempts: Some(0), ..EventInvokeConfig::default() };
    /// let emulator = hardcap::Emulator::builder().function(absent).start().await?;
    /// emulator.invoke_async("absent", "{}").await?;
    /// emulator.events_ended().await;
    /// assert_eq!(emulator.totals().events.retries_exhausted, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AcceptError`] if the event is too large or not JSON, the function does not exist, or the queue is full.
    pub async fn invoke_async(
        &self,
        function: &str,
        event: impl Into<Bytes>,
    ) -> Result<String, AcceptError> {
        let ctx = self.platform.context();
        let function = self.lambda.name_of(function).unwrap_or_else(|| function.to_owned());
        self.lambda.admit_chain(&ctx, &function)?;
        self.queue.accept(&ctx, &function, event.into(), false).await?;
        Ok(ctx.request_id.to_string())
    }

    /// The records of the run so far, summed by limit.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// let emulator = hardcap::Emulator::builder().start().await?;
    /// assert!(emulator.report().rows.is_empty(), "nothing was measured");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn report(&self) -> Report {
        Report::new(&self.platform.limits(), &self.totals())
    }

    /// The run so far as a value that serializes to the file of `--records`, which `hardcap report` renders.
    ///
    /// ```
    /// use hardcap::report::SavedRun;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = hardcap::Emulator::builder().start().await?;
    /// let file = serde_json::to_vec(&emulator.saved())?;
    /// assert!(SavedRun::read(&file)?.records.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn saved(&self) -> SavedRun {
        SavedRun::new(&self.platform.limits(), &self.platform.recorder)
    }

    /// The sums over all records so far.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// let emulator = hardcap::Emulator::builder().start().await?;
    /// assert_eq!(emulator.totals().invocations, 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.platform.recorder.totals()
    }

    /// The newest 10,000 records, and every later record as it happens.
    ///
    /// ```
    /// use hardcap::config::Function;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let absent = Function::new("absent", ["/no/such/program"]);
    /// let emulator = hardcap::Emulator::builder().function(absent).start().await?;
    /// let request_id = emulator.invoke("absent", "{}").await?.request_id;
    /// assert!(!emulator.recorder().of_request(&request_id).is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.platform.recorder
    }

    /// Waits until the queue of asynchronous events is empty: every event has ended. An event that waits for a retry ends after
    /// the clock was advanced; see [`Emulator::advance_clock`].
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// let emulator = hardcap::Emulator::builder().start().await?;
    /// emulator.events_ended().await;
    /// assert_eq!(emulator.totals().events.pending(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn events_ended(&self) {
        self.until(|totals| totals.events.pending() == 0).await;
    }

    /// Waits until the sums over all records fulfil a condition. It waits for ever if they never do.
    ///
    /// ```
    /// use hardcap::config::Function;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let absent = Function::new("absent", ["/no/such/program"]);
    /// let emulator = hardcap::Emulator::builder().function(absent).start().await?;
    /// emulator.invoke_async("absent", "{}").await?;
    /// emulator.until(|totals| totals.invocations == 1).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn until(&self, mut condition: impl FnMut(&Totals) -> bool) {
        let mut records = self.platform.recorder.watch();
        // Sums change only with a record, so each check after the first follows one. A missed record does no harm.
        while !condition(&self.totals()) {
            let _ = records.recv().await;
        }
    }

    /// Deploys a function: replaces the one of the same name, or adds it. Running invocations end on the old version; the next
    /// invocation starts on the new one.
    ///
    /// ```
    /// use hardcap::config::Function;
    /// use hardcap::limits::Millis;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let echo = Function::new("echo", ["target/debug/echo"]);
    /// let emulator = hardcap::Emulator::builder().function(echo.clone()).start().await?;
    /// emulator.deploy(Function { timeout: Millis(10_000), ..echo }).await?;
    /// assert_eq!(emulator.function("echo")?.timeout, Millis(10_000));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Exceeded`] if it reserves more concurrency than is left. Then nothing is changed.
    pub async fn deploy(&self, function: Function) -> Result<(), Exceeded> {
        self.plane.deploy(function).await
    }

    /// The emulator's clock.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// let emulator = hardcap::Emulator::builder().start().await?;
    /// assert!(emulator.clock().now() >= emulator.clock().wall());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.platform.clock
    }

    /// Advances the emulator's clock, for tests of everything that depends on the calendar: presigned URLs expire, retries of
    /// events become due, idle sandboxes end. Objects and items that have expired are deleted when this returns. Tasks that
    /// slept until a time have been woken but may not have finished: wait for their records, or for
    /// [`Emulator::events_ended`]. Functions are real processes, so their timeouts are not affected.
    ///
    /// ```
    /// use hardcap::limits::Millis;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// let emulator = hardcap::Emulator::builder().start().await?;
    /// let before = emulator.clock().now();
    /// emulator.advance_clock(Millis(3_600_000)).await;
    /// assert!(emulator.clock().now().since(before) >= Millis(3_600_000));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn advance_clock(&self, span: Millis) {
        self.control.advance_clock(span).await;
    }

    /// Stops everything: requests under way have a few seconds to finish, then every process ends with its group. Dropping the
    /// emulator does the same without waiting.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), hardcap::StartError> {
    /// hardcap::Emulator::builder().start().await?.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.lambda.stop().await;
        self.tasks.wait().await;
    }
}

/// Serves the APIs on their listeners.
fn serve_gateways(
    listeners: impl Iterator<Item = TcpListener>,
    (platform, lambda, backends): (&Platform, &Lambda, &Backends),
    config: &Config,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) {
    let apis = config.apis.iter();
    let apis = apis.map(|api| Gateway::for_api(platform, lambda, backends, api, config));
    for (listener, gateway) in listeners.zip(apis) {
        let gateway = Arc::new(gateway);
        let kind = serve::ListenerKind::Gateway(config.body_idle);
        serve::serve(listener, stop.clone(), tasks, kind, move |request, peer| {
            let gateway = gateway.clone();
            async move { gateway.handle(request, peer).await }
        });
    }
}

impl UnknownName {
    fn new(kind: &'static str, name: &str, known: impl Iterator<Item = String>) -> UnknownName {
        UnknownName { kind, name: name.to_owned(), known: known.collect() }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
