//! `Emulator::builder()`: an emulator described step by step.

use std::path::Path;

use hardcap_limits::{Date, Limits, Millis};

use hardcap_core::config::{
    Api, ApiKind, Bucket, Config, Credential, EventSourceMapping, Function, FunctionUrl,
    InvokeMode, Parameter, Queue, Secret, Table,
};
use hardcap_core::faults;

use crate::emulator::{Emulator, StartError};

/// Describes an emulator: in memory, on free ports, with the newest limits.
///
/// Each method adds to the description or replaces one value of it. [`Builder::start`] validates it.
#[derive(Clone, Debug)]
pub struct Builder {
    config: Config,
    overrides: Vec<(String, u64)>,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder {
            config: Config::empty(Limits::current()),
            overrides: Vec::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
        }
    }

    /// Enforces the limits of a date. The default is [`Date::LATEST`], the newest limits. [`Date::CLASSIC`], 2022-04-22, has the
    /// limits before response streaming and before events of 1 MB.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::limits::Date;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let classic = Emulator::builder().limits(Date::CLASSIC).start().await?;
    /// assert_eq!(classic.report().limits, "2022-04-22");
    /// let other = Emulator::builder().limits("2024-01-01".parse()?).start().await?;
    /// assert_eq!(other.report().limits, "2024-01-01");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn limits(mut self, date: Date) -> Builder {
        self.config.limits = Limits::at(date);
        self
    }

    /// Injects a fault.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Function;
    /// use hardcap::faults::{Fault, Throttle};
    /// use hardcap::invoke::InvokeError;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder()
    ///     .function(Function::new("echo", ["target/debug/echo"]))
    ///     .fault(Fault::new(Throttle::default()).count(1))
    ///     .start()
    ///     .await?;
    /// let first = emulator.invoke("echo", "{}").await;
    /// assert!(matches!(first, Err(InvokeError::Throttled(_))), "{first:?}");
    /// assert_eq!(emulator.totals().injected["throttle"], 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn fault(self, fault: faults::Fault) -> Builder {
        self.configure(|config| config.faults.faults.push(fault))
    }

    /// Sets the seed of all faults, 0 by default. Runs with the same seed inject the same faults at the same occasions.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::faults::{Drop, Fault};
    ///
    /// let builder = Emulator::builder().fault(Fault::new(Drop::default()).probability(0.5)).fault_seed(7);
    /// ```
    #[must_use]
    pub fn fault_seed(self, seed: u64) -> Builder {
        self.configure(|config| config.faults.seed = seed)
    }

    /// Overrides a limit, in the unit of its row. An unknown name is an error of [`Builder::start`].
    ///
    /// ```
    /// use hardcap::Emulator;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder().set("lambda_sync_response", 10_000).start().await?;
    /// assert_eq!(emulator.report().overrides[0].in_force, 10_000);
    ///
    /// let error = Emulator::builder().set("lambda_sync_respond", 1).start().await.unwrap_err();
    /// assert!(error.to_string().contains("lambda_sync_respond"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn set(mut self, row: &str, value: u64) -> Builder {
        self.overrides.push((row.to_owned(), value));
        self
    }

    /// Adds a function. Its program is started by the first invocation.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Function;
    /// use hardcap::limits::Millis;
    ///
    /// let mut orders = Function::new("orders", ["target/debug/orders"]);
    /// orders.timeout = Millis(10_000);
    /// orders.environment.insert("STAGE".to_owned(), "test".to_owned());
    /// let builder = Emulator::builder().function(orders);
    /// ```
    #[must_use]
    pub fn function(mut self, function: Function) -> Builder {
        self.config.functions.push(function);
        self
    }

    /// Adds an API with all its settings. [`Builder::rest_api`] and [`Builder::http_api`] are shorter.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::{Api, ApiKind, Cors, Function};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cors = Cors { allow_origins: vec!["https://example.com".to_owned()], ..Cors::default() };
    /// let emulator = Emulator::builder()
    ///     .function(Function::new("orders", ["target/debug/orders"]))
    ///     .api(Api::new("Api", ApiKind::Http { cors: Some(cors) }, "prod", &[("GET", "/orders", "orders")]))
    ///     .start()
    ///     .await?;
    /// assert!(emulator.api_url("Api")?.ends_with("/prod"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn api(mut self, api: Api) -> Builder {
        self.config.apis.push(api);
        self
    }

    /// Adds a REST API with the stage `dev` and the binary media type `*/*`. A route is `(method, path, function)`.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Function;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder()
    ///     .function(Function::new("orders", ["target/debug/orders"]))
    ///     .rest_api("Api", &[("GET", "/orders/{id}", "orders"), ("ANY", "/{proxy+}", "orders")])
    ///     .start()
    ///     .await?;
    /// assert!(emulator.api_url("Api")?.ends_with("/dev"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn rest_api(self, logical_id: &str, routes: &[(&str, &str, &str)]) -> Builder {
        let kind = ApiKind::Rest {
            binary_media_types: vec!["*/*".to_owned()],
            minimum_compression_size: None,
        };
        self.api(Api::new(logical_id, kind, "dev", routes))
    }

    /// Adds an HTTP API with the stage `$default` and events of payload format 2.0. A route is `(method, path, function)`.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Function;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder()
    ///     .function(Function::new("orders", ["target/debug/orders"]))
    ///     .http_api("Api", &[("GET", "/orders/{id}", "orders"), ("ANY", "$default", "orders")])
    ///     .start()
    ///     .await?;
    /// assert!(emulator.api_url("Api")?.starts_with("http://127.0.0.1:"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn http_api(self, logical_id: &str, routes: &[(&str, &str, &str)]) -> Builder {
        self.api(Api::new(logical_id, ApiKind::Http { cors: None }, "$default", routes))
    }

    /// Adds a function URL with buffered responses. Its logical id is that of the function, followed by `Url`.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Function;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let echo = Function::new("echo", ["target/debug/echo"]);
    /// let emulator = Emulator::builder().function(echo).function_url("echo").start().await?;
    /// assert!(emulator.function_url("echo")?.starts_with("http://127.0.0.1:"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn function_url(self, function: &str) -> Builder {
        self.function_url_in(function, InvokeMode::Buffered)
    }

    /// Adds a function URL with streamed responses, `InvokeMode: RESPONSE_STREAM`.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Function;
    ///
    /// let feed = Function::new("feed", ["target/debug/feed"]);
    /// let builder = Emulator::builder().function(feed).streaming_function_url("feed");
    /// ```
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

    /// Adds a bucket.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::{Bucket, LifecycleRule};
    ///
    /// let expires = LifecycleRule { expiration_days: Some(7), ..LifecycleRule::default() };
    /// let uploads = Bucket { name: "uploads".to_owned(), lifecycle: vec![expires], ..Bucket::default() };
    /// let builder = Emulator::builder().bucket(uploads);
    /// ```
    #[must_use]
    pub fn bucket(mut self, bucket: Bucket) -> Builder {
        self.config.buckets.push(bucket);
        self
    }

    /// Adds a DynamoDB table.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Table;
    ///
    /// let sessions = Table { ttl_attribute: Some("expires".to_owned()), ..Table::new("sessions", "id") };
    /// let builder = Emulator::builder().table(sessions);
    /// ```
    #[must_use]
    pub fn table(mut self, table: Table) -> Builder {
        self.config.tables.push(table);
        self
    }

    /// Adds a parameter of Systems Manager.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Parameter;
    ///
    /// let builder = Emulator::builder().parameter(Parameter::new("/shop/upstream", "https://example.com"));
    /// ```
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Builder {
        self.config.parameters.push(parameter);
        self
    }

    /// Adds a secret of Secrets Manager.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Secret;
    ///
    /// let builder = Emulator::builder().secret(Secret::new("shop/token", "a secret text"));
    /// ```
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Builder {
        self.config.secrets.push(secret);
        self
    }

    /// Adds a queue of SQS.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Queue;
    ///
    /// let builder = Emulator::builder().queue(Queue::new("orders").with("VisibilityTimeout", "60"));
    /// ```
    #[must_use]
    pub fn queue(mut self, queue: Queue) -> Builder {
        self.config.queues.push(queue);
        self
    }

    /// Adds an event source mapping: a function is invoked with the messages of a queue.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::EventSourceMapping;
    ///
    /// let mapping = EventSourceMapping { batch_size: 1, ..EventSourceMapping::new("orders", "ship") };
    /// let builder = Emulator::builder().mapping(mapping);
    /// ```
    #[must_use]
    pub fn mapping(mut self, mapping: EventSourceMapping) -> Builder {
        self.config.mappings.push(mapping);
        self
    }

    /// Adds a key pair that S3 accepts, beside `test`, `test`.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::config::Credential;
    ///
    /// let key = Credential {
    ///     access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
    ///     secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
    ///     session_token: None,
    /// };
    /// let builder = Emulator::builder().credential(key);
    /// ```
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Builder {
        self.config.credentials.push(credential);
        self
    }

    /// Keeps data in a directory: objects, parameters, secrets, created functions, queued events. The next emulator with this
    /// directory continues with them.
    ///
    /// ```
    /// use hardcap::Emulator;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let directory = tempfile::tempdir()?;
    /// Emulator::builder().data(directory.path()).start().await?.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn data(mut self, directory: &Path) -> Builder {
        self.config.data = Some(directory.to_owned());
        self
    }

    /// Lets the web pages of an origin call the AWS APIs. A text that is not an origin is an error of [`Builder::start`].
    ///
    /// ```
    /// use hardcap::Emulator;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder().allow_origin("http://localhost:5173").start().await?;
    /// assert!(Emulator::builder().allow_origin("localhost").start().await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn allow_origin(mut self, origin: &str) -> Builder {
        self.origins.push(origin.to_owned());
        self
    }

    /// Accepts requests to another host name of this machine, such as the name of a service in a network of containers. A text
    /// that is not a host is an error of [`Builder::start`].
    ///
    /// ```
    /// use hardcap::Emulator;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder().allow_host("hardcap").start().await?;
    /// assert!(Emulator::builder().allow_host("http://hardcap").start().await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn allow_host(mut self, host: &str) -> Builder {
        self.hosts.push(host.to_owned());
        self
    }

    /// Sets the time for which a sandbox is kept idle, by the emulator's clock. The default is 10 minutes.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::limits::Millis;
    ///
    /// let builder = Emulator::builder().sandbox_idle(Millis(60_000));
    /// ```
    #[must_use]
    pub fn sandbox_idle(mut self, span: Millis) -> Builder {
        self.config.sandbox_idle = span;
        self
    }

    /// Sets the idle timeout of request bodies: the maximum time between two pieces. The default is 30 seconds.
    ///
    /// ```
    /// use hardcap::Emulator;
    /// use hardcap::limits::Millis;
    ///
    /// let builder = Emulator::builder().body_idle(Millis(1_000));
    /// ```
    #[must_use]
    pub fn body_idle(mut self, span: Millis) -> Builder {
        self.config.body_idle = span;
        self
    }

    /// Changes any other value of the configuration.
    ///
    /// ```
    /// use hardcap::Emulator;
    ///
    /// let builder = Emulator::builder().configure(|config| {
    ///     config.region = "eu-central-1".to_owned();
    ///     config.strict_auth = true;
    /// });
    /// ```
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Builder {
        change(&mut self.config);
        self
    }

    /// Starts the emulator, as [`Emulator::start`].
    ///
    /// ```
    /// use hardcap::Emulator;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder().start().await?;
    /// let error = Emulator::builder().function_url("absent").start().await.unwrap_err();
    /// assert_eq!(error.to_string(), "absentUrl names the function `absent`, which does not exist");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Emulator::start`]; [`StartError::UnknownRow`] for an unknown name in [`Builder::set`], and [`StartError::Trust`] for
    /// an invalid text in [`Builder::allow_origin`] or [`Builder::allow_host`].
    pub async fn start(mut self) -> Result<Emulator, StartError> {
        for (row, value) in &self.overrides {
            self.config.limits.set(row, *value)?;
        }
        for origin in &self.origins {
            self.config.allow_origins.push(origin.parse()?);
        }
        for host in &self.hosts {
            self.config.allow_hosts.push(host.parse()?);
        }
        Emulator::start(self.config).await
    }
}
