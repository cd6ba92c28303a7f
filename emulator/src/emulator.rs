//! The emulator as a whole: binds every port, starts every surface, stops everything.

use std::sync::Arc;

use hardcap_limits::{Exceeded, UnknownRow};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::aws::{Aws, Surfaces};
use crate::builder::Builder;
use crate::control::{Control, Stores};
use crate::control_plane::{ControlPlane, Parts};
use crate::dynamodb::DynamoDb;
use crate::function_urls::FunctionUrls;
use crate::gateway::Gateway;
use crate::report::Report;
use crate::report::saved::Saved;
use crate::secrets::Secrets;
use crate::sockets::Sockets;
use crate::ssm::Ssm;
use hardcap_core::addresses::Addresses;
use hardcap_core::clock::Clock;
use hardcap_core::config::{Config, Function, InvalidTrust, UnknownFunction};
use hardcap_core::context::Platform;
use hardcap_core::faults::{self, FaultError};
use hardcap_core::guard::Trust;
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
    Fault(FaultError),
    /// A limit that the table does not have.
    #[error("{0}")]
    UnknownRow(#[from] UnknownRow),
    /// An origin or a host that cannot be trusted.
    #[error("{0}")]
    Trust(#[from] InvalidTrust),
}

impl Emulator {
    /// Describes an emulator step by step; for tests.
    pub fn builder() -> Builder {
        Builder::new()
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
        for value in config.placeholders_mut() {
            *value = addresses.fill(value);
        }

        let keyring = Keyring::new(&config.credentials);
        let trust =
            Trust::new(config.host, &config.region, &config.allow_hosts, &config.allow_origins);
        let platform =
            Platform::new(&config.region, config.limits.clone(), keyring).trusting(trust);
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
        let queue = queue.map_err(|error| StartError::Data(error.to_string()))?;
        let ssm = Ssm::open(&platform, &config).map_err(StartError::Data)?;
        let secrets = Secrets::open(&platform, &config).map_err(StartError::Data)?;
        let stores = Stores {
            lambda: &lambda,
            s3: &s3,
            dynamodb: &dynamodb,
            ssm: &ssm,
            secrets: &secrets,
            queue: &queue,
        };
        let control = Control::new(&platform, &config, &addresses, stores);

        let router = plane.serve_rest_of(invoke_api::router(lambda.clone(), queue.clone()));
        let control = control.router();
        let surfaces = Surfaces { lambda: router, control, s3, dynamodb, ssm, secrets };
        let aws = Aws::new(&platform, &config, surfaces);
        aws.serve(sockets.aws.0, &lambda, config.body_idle, (&tasks, &stop));
        let mut bound = sockets.gateways.into_iter();
        let apis = config.apis.iter().map(|api| Gateway::for_api(&platform, &lambda, api, &config));
        for ((listener, _), gateway) in bound.by_ref().take(config.apis.len()).zip(apis) {
            let gateway = Arc::new(gateway);
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
