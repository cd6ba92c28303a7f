//! `Emulator::builder()`: an emulator described step by step.

use std::path::Path;

use hardcap_limits::{Date, Limits, Millis};

use hardcap_core::config::{
    Api, ApiKind, Bucket, Config, Credential, Function, FunctionUrl, InvokeMode, Parameter, Secret,
    Table,
};
use hardcap_core::faults;

use crate::emulator::{Emulator, StartError};

/// Describes an emulator for a test: everything in memory, on free ports, with the classic limits.
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
            config: Config::empty(Limits::classic()),
            overrides: Vec::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
        }
    }

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

    /// Lets the web pages of an origin, such as `http://localhost:5173`, call the AWS APIs as a program may. A text that is not
    /// an origin is an error of [`Builder::start`].
    #[must_use]
    pub fn allow_origin(mut self, origin: &str) -> Builder {
        self.origins.push(origin.to_owned());
        self
    }

    /// Answers to a further name of this machine, such as `hardcap` in a network of containers. A text that is not a host is an
    /// error of [`Builder::start`].
    #[must_use]
    pub fn allow_host(mut self, host: &str) -> Builder {
        self.hosts.push(host.to_owned());
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
    /// As [`Emulator::start`]; [`StartError::UnknownRow`] for a name that [`Builder::set`] was given, and [`StartError::Trust`]
    /// for a text that [`Builder::allow_origin`] or [`Builder::allow_host`] was given.
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
