//! The emulator as a whole: binds every port, starts every surface, stops everything.

use std::path::Path;

use hardcap_limits::{Date, Exceeded, Limits, Millis, UnknownRow};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::aws::{Aws, Surfaces};
use crate::control::{Control, Stores};
use crate::control_plane::{ControlPlane, Parts};
use crate::dynamodb::DynamoDb;
use crate::function_urls::FunctionUrls;
use crate::gateway::Gateway;
use crate::report::Report;
use crate::report::saved::Saved;
use crate::sockets::Sockets;
use hardcap_core::addresses::Addresses;
use hardcap_core::clock::Clock;
use hardcap_core::config::{
    Api, ApiKind, Bucket, Config, Credential, Function, FunctionUrl, InvokeMode, Parameter, Secret,
    Table, UnknownFunction,
};
use hardcap_core::context::Platform;
use hardcap_core::faults;
use hardcap_core::keyring::Keyring;
use hardcap_core::record::{Recorder, Totals};
use hardcap_core::serve;
use hardcap_lambda::Lambda;
use hardcap_lambda::invoke_api;
use hardcap_lambda::queue::Queue;
use hardcap_s3::S3;

/// A running emulator. It listens when [`Emulator::start`] returns; dropping it stops it and every process it started.
///
/// ```no_run
/// use hardcap::Emulator;
/// use hardcap::config::Function;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let emulator = Emulator::builder()
///     .function(Function::new("echo", ["target/release/guest", "echo"]))
///     .rest_api("Api", &[("ANY", "/{proxy+}", "echo")])
///     .start()
///     .await?;
/// println!("{}", emulator.api_url("Api"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping an emulator stops it: keep it in a variable for as long as it is needed"]
pub struct Emulator {
    addresses: Addresses,
    platform: Platform,
    lambda: Lambda,
    plane: ControlPlane,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Why an emulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken or not permitted.
    #[error("{0}; choose another port, or 0 for any free one")]
    Port(std::io::Error),
    /// The data directory cannot be used.
    #[error("{0}")]
    Data(String),
    /// Something names a function that does not exist.
    #[error(transparent)]
    UnknownFunction(#[from] UnknownFunction),
    /// A fault that cannot be.
    #[error("a fault cannot be: {0}")]
    Fault(String),
    /// A limit that the table does not have.
    #[error("{0}")]
    UnknownRow(#[from] UnknownRow),
}

impl Emulator {
    /// Describes an emulator step by step; for tests.
    pub fn builder() -> Builder {
        Builder { config: Config::empty(Limits::classic()), overrides: Vec::new() }
    }

    /// Starts everything that a configuration names, and returns when it listens.
    ///
    /// # Errors
    ///
    /// [`StartError`] when a port is taken, the data directory is unusable, or a route names an unknown function. Nothing
    /// is left running then.
    pub async fn start(mut config: Config) -> Result<Emulator, StartError> {
        config.check_targets()?;
        let sockets = Sockets::bind(&config).await.map_err(StartError::Port)?;
        let addresses = sockets.addresses(&config);
        for value in config.told() {
            *value = addresses.fill(value);
        }

        let keyring = Keyring::new(&config.credentials);
        let platform = Platform::new(&config.region, config.limits.clone(), keyring);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let s3 =
            S3::open(&platform, &config).map_err(|error| StartError::Data(error.to_string()))?;
        let lambda = Lambda::start(&platform, &config, &addresses.aws, &tasks, stop.clone());
        let urls = FunctionUrls::new(&platform, &lambda, &config, (&tasks, &stop));
        let parts = Parts { lambda: &lambda, s3: &s3, urls, aws_url: &addresses.aws };
        let plane =
            ControlPlane::open(&platform, &config, parts).await.map_err(StartError::Data)?;
        // A fault may be for a function that an earlier run created.
        let plan = std::mem::take(&mut config.faults);
        config.faults = faults::arm(&platform, |name| lambda.name_of(name), plan, stop.clone())
            .map_err(StartError::Fault)?;
        let dynamodb = DynamoDb::new(&platform, &config, stop.clone()).map_err(StartError::Data)?;
        let queue = Queue::open(&platform, &config, &lambda, &s3, (&tasks, &stop));
        let queue = queue.map_err(StartError::Data)?;
        let stores = Stores { lambda: &lambda, s3: &s3, dynamodb: &dynamodb, queue: &queue };
        let control = Control::new(&platform, &config, &addresses, stores);

        let router = plane.serve_rest_of(invoke_api::router(lambda.clone(), queue.clone()));
        let surfaces = Surfaces { lambda: router, control: control.router(), s3, dynamodb };
        let aws = Aws::new(&platform, &config, surfaces).map_err(StartError::Data)?;
        serve::serve(
            sockets.aws.0,
            stop.clone(),
            &tasks,
            serve::Surface::Aws(config.body_idle),
            move |request, _peer| {
                let aws = aws.clone();
                async move { aws.handle(request).await }
            },
        );
        let mut bound = sockets.gateways.into_iter();
        let apis = config.apis.iter().map(|api| Gateway::for_api(&platform, &lambda, api, &config));
        for ((listener, _), gateway) in bound.by_ref().take(config.apis.len()).zip(apis) {
            let gateway = std::sync::Arc::new(gateway);
            serve::serve(
                listener,
                stop.clone(),
                &tasks,
                serve::Surface::Gateway(config.body_idle),
                move |request, peer| {
                    let gateway = gateway.clone();
                    async move { gateway.handle(request, peer).await }
                },
            );
        }
        for ((listener, address), url) in bound.zip(&config.function_urls) {
            plane.serve_url(listener, address.port(), url);
        }
        plane.start().await.map_err(StartError::Data)?;
        queue.start(&config);
        Ok(Emulator { addresses, platform, lambda, plane, stop, tasks })
    }

    /// Where everything listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What `AWS_ENDPOINT_URL` is set to.
    #[must_use]
    pub fn aws_url(&self) -> &str {
        &self.addresses.aws
    }

    /// The control surface.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.addresses.control
    }

    /// The address of an API, with its stage.
    ///
    /// # Panics
    ///
    /// When there is no such API: in a test, that is the test's mistake.
    #[must_use]
    pub fn api_url(&self, logical_id: &str) -> &str {
        self.addresses
            .apis
            .get(logical_id)
            .unwrap_or_else(|| panic!("no API is called `{logical_id}`: {:?}", self.addresses.apis))
    }

    /// The address of a function URL, by its logical id or by the function's.
    ///
    /// # Panics
    ///
    /// When there is no such function URL: in a test, that is the test's mistake.
    #[must_use]
    pub fn function_url(&self, logical_id: &str) -> &str {
        let urls = &self.addresses.function_urls;
        urls.get(logical_id)
            .or_else(|| urls.get(&format!("{logical_id}Url")))
            .unwrap_or_else(|| panic!("no function URL is called `{logical_id}`: {urls:?}"))
    }

    /// What happened so far, folded by limit.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::new(&self.platform.limits(), &self.totals())
    }

    /// What happened so far, as a file that `hardcap report` reads.
    #[must_use]
    pub fn saved(&self) -> Saved {
        Saved::new(&self.platform.limits(), &self.platform.recorder)
    }

    /// The sums of all records so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.platform.recorder.totals()
    }

    /// The records themselves.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.platform.recorder
    }

    /// Waits until no asynchronous event waits or is under way.
    pub async fn events_ended(&self) {
        let mut records = self.platform.recorder.watch();
        // Whatever ends an event is recorded, so each look after the first follows a change. One that was missed is no loss.
        while self.totals().events.pending() > 0 {
            let _ = records.recv().await;
        }
    }

    /// Puts a function of the configuration in the place of the one of its name, or makes it known: what runs is finished by the
    /// old one, the next invocation gets the new one.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] when it reserves more executions than are left; nothing is changed then.
    pub async fn deploy(&self, function: Function) -> Result<(), Exceeded> {
        self.plane.deploy(function).await
    }

    /// The emulator's clock, which can be advanced.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.platform.clock
    }

    /// Stops everything: requests under way have a few seconds to finish, then every process ends with its group.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.lambda.stop().await;
        self.tasks.wait().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Describes an emulator for a test: everything in memory, on free ports, with the classic limits.
#[derive(Clone, Debug)]
pub struct Builder {
    config: Config,
    overrides: Vec<(String, u64)>,
}

impl Builder {
    /// The numbers and texts of another day.
    #[must_use]
    pub fn limits(mut self, date: Date) -> Builder {
        self.config.limits = Limits::at(date);
        self
    }

    /// Something that goes wrong on purpose.
    #[must_use]
    pub fn fault(self, fault: faults::Fault) -> Builder {
        self.configure(|config| config.faults.faults.push(fault))
    }

    /// What the dice of faults are seeded with: two runs with the same seed decide alike.
    #[must_use]
    pub fn fault_seed(self, seed: u64) -> Builder {
        self.configure(|config| config.faults.seed = seed)
    }

    /// Another number for one row, in the row's unit. An unknown name is an error of [`Builder::start`].
    #[must_use]
    pub fn set(mut self, row: &str, value: u64) -> Builder {
        self.overrides.push((row.to_owned(), value));
        self
    }

    /// A function.
    #[must_use]
    pub fn function(mut self, function: Function) -> Builder {
        self.config.functions.push(function);
        self
    }

    /// An API as the configuration has it.
    #[must_use]
    pub fn api(mut self, api: Api) -> Builder {
        self.config.apis.push(api);
        self
    }

    /// A REST API on stage `dev` that takes every media type as binary, with routes `(method, path, function)`.
    #[must_use]
    pub fn rest_api(self, logical_id: &str, routes: &[(&str, &str, &str)]) -> Builder {
        let kind = ApiKind::Rest {
            binary_media_types: vec!["*/*".to_owned()],
            minimum_compression_size: None,
        };
        self.api(Api::new(logical_id, kind, "dev", routes))
    }

    /// An HTTP API on stage `$default`, with routes `(method, path, function)` of payload format 2.0.
    #[must_use]
    pub fn http_api(self, logical_id: &str, routes: &[(&str, &str, &str)]) -> Builder {
        self.api(Api::new(logical_id, ApiKind::Http { cors: None }, "$default", routes))
    }

    /// A function URL, called after the function with `Url` behind it.
    #[must_use]
    pub fn function_url(self, function: &str) -> Builder {
        self.function_url_in(function, InvokeMode::Buffered)
    }

    /// A function URL that hands answers on as they come.
    #[must_use]
    pub fn streaming_function_url(self, function: &str) -> Builder {
        self.function_url_in(function, InvokeMode::ResponseStream)
    }

    fn function_url_in(mut self, function: &str, invoke_mode: InvokeMode) -> Builder {
        self.config.function_urls.push(FunctionUrl {
            logical_id: format!("{function}Url"),
            function: function.to_owned(),
            invoke_mode,
            ..FunctionUrl::default()
        });
        self
    }

    /// A bucket.
    #[must_use]
    pub fn bucket(mut self, bucket: Bucket) -> Builder {
        self.config.buckets.push(bucket);
        self
    }

    /// A DynamoDB table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Builder {
        self.config.tables.push(table);
        self
    }

    /// A parameter of Systems Manager.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Builder {
        self.config.parameters.push(parameter);
        self
    }

    /// A secret of Secrets Manager.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Builder {
        self.config.secrets.push(secret);
        self
    }

    /// A key pair that S3 knows.
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Builder {
        self.config.credentials.push(credential);
        self
    }

    /// Keeps data in a directory.
    #[must_use]
    pub fn data(mut self, directory: &Path) -> Builder {
        self.config.data = Some(directory.to_owned());
        self
    }

    /// How long a sandbox is kept idle, by the emulator's clock.
    #[must_use]
    pub fn sandbox_idle(mut self, span: Millis) -> Builder {
        self.config.sandbox_idle = span;
        self
    }

    /// How long the next bytes of a request body are waited for.
    #[must_use]
    pub fn body_idle(mut self, span: Millis) -> Builder {
        self.config.body_idle = span;
        self
    }

    /// Changes anything else of the configuration.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Builder {
        change(&mut self.config);
        self
    }

    /// Starts it; see [`Emulator::start`].
    ///
    /// # Errors
    ///
    /// As [`Emulator::start`], and [`StartError::UnknownRow`] for a name that [`Builder::set`] was given.
    pub async fn start(mut self) -> Result<Emulator, StartError> {
        for (row, value) in &self.overrides {
            self.config.limits.set(row, *value)?;
        }
        Emulator::start(self.config).await
    }
}
