//! The specification of a run: functions, APIs, function URLs, buckets, tables. Nothing in this module runs.
//!
//! Tests build it with a `Builder`, the program reads it from a template. Neither validates it, so a value can be printed,
//! compared and checked before the start.

mod access;
mod bucket_cors;
mod buses;
mod gateway_responses;
mod image;
mod integration;
mod invoke_mode;
mod notifications;
mod publishing;
mod resources;
mod stack;
mod table;
mod topics;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

pub use crate::account::{ACCOUNT_ID, DEFAULT_REGION};
use crate::faults::FaultConfig;
pub use crate::guard::{InvalidTrust, TrustedHost, TrustedOrigin};
pub use crate::keyring::Credential;
pub use access::{
    Access, Authorization, Authorizer, AuthorizerKind, IdentitySource, JwtKey, JwtRules,
};
pub use bucket_cors::{CorsRefusal, check_cors_rule_count};
pub use buses::BusRule;
pub use gateway_responses::{
    GatewayResponse, GatewayResponses, InvalidMapping, Mapping, RESPONSE_TYPES,
};
use hardcap_limits::{Limits, Millis};
pub use image::{CONTAINER_LABEL, Image};
use indexmap::IndexMap;
pub use integration::{
    ActionSubtype, Backend, ContentHandling, CustomIntegration, Integration, IntegrationResponse,
    ParameterPlace, Passthrough, RequestMapping, RequestParameter, ResponseMapping, ServiceAction,
    ServiceCall, service_call,
};
pub use invoke_mode::{InvokeMode, ResponseTransferMode, UnknownInvokeMode};
pub use notifications::{
    BucketNotifications, NotificationRefusal, NotificationTarget, encoded_key,
};
pub use publishing::{PublishedAlias, Publishing};
pub use resources::{
    Attribute, AttributeKind, Bucket, BucketCorsRule, EventSourceMapping, Index, LifecycleRule,
    Parameter, ParameterKind, ParameterTier, Projection, Queue, Secret, SecretValue, Table,
    queue_arn, secret_arn,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
pub use stack::{Output, Stack, StackResource};
pub use table::InvalidTable;
pub use topics::{Subscription, Topic};

/// The default time for which a sandbox is kept idle.
///
/// UNCONFIRMED: AWS publishes no number. Measured by others: 25 to 60 minutes until June 2019, and 10 minutes for every
/// environment since July 2019 (<https://mikhail.io/2019/08/aws-lambda-cold-starts-after-10-minutes/>).
pub const SANDBOX_IDLE: Millis = Millis(10 * 60 * 1000);

/// Everything that one emulator runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The AWS region, such as `us-east-1`. It is part of every ARN and of every signature's scope.
    pub region: String,
    /// The limits in force.
    pub limits: Limits,
    /// The functions, in the order of the template.
    pub functions: Vec<Function>,
    /// REST APIs and HTTP APIs.
    pub apis: Vec<Api>,
    /// Function URLs.
    pub function_urls: Vec<FunctionUrl>,
    /// The buckets that exist at the start.
    pub buckets: Vec<Bucket>,
    /// The DynamoDB tables that exist at the start.
    pub tables: Vec<Table>,
    /// The parameters of Systems Manager that exist at the start.
    pub parameters: Vec<Parameter>,
    /// The secrets of Secrets Manager that exist at the start.
    pub secrets: Vec<Secret>,
    /// The queues of SQS that exist at the start.
    pub queues: Vec<Queue>,
    /// The event source mappings that exist at the start.
    pub mappings: Vec<EventSourceMapping>,
    /// The topics of SNS that exist at the start.
    pub topics: Vec<Topic>,
    /// The names of EventBridge's buses that exist at the start, without `default`, which always exists.
    pub buses: Vec<String>,
    /// The rules of EventBridge that exist at the start.
    pub rules: Vec<BusRule>,
    /// The stack as CloudFormation describes it.
    pub stack: Stack,
    /// The stacks that are nested in it.
    pub nested_stacks: Vec<Stack>,
    /// The URL of another DynamoDB, such as `http://127.0.0.1:8000`, which gets every request unchanged. `None`: the embedded
    /// one.
    pub dynamodb_endpoint: Option<String>,
    /// Key pairs that S3 accepts in addition to `test`/`test` and the pairs of the sandboxes.
    pub credentials: Vec<Credential>,
    /// Verifies signatures on every AWS API, not on S3 alone.
    pub strict_auth: bool,
    /// Faults to inject.
    pub faults: FaultConfig,
    /// The folder for data that outlives the emulator. `None`: data is in memory.
    pub data: Option<PathBuf>,
    /// Additional host names of this machine that clients may use, such as a service's name in a network of containers.
    pub allow_hosts: Vec<TrustedHost>,
    /// Origins whose web pages may call the AWS APIs and the control surface.
    pub allow_origins: Vec<TrustedOrigin>,
    /// The address on which the APIs and the AWS APIs listen. Loopback is the safe choice.
    pub host: IpAddr,
    /// The Python interpreter for functions that are created through Lambda's API. `None`: the first one found.
    pub python: Option<PathBuf>,
    /// The idle timeout of request bodies, 30 seconds by default. The number is hardcap's; AWS documents none.
    pub body_idle: Millis,
    /// The time for which a sandbox is kept idle, by the emulator's clock; [`SANDBOX_IDLE`] by default.
    pub sandbox_idle: Millis,
    /// Whether AWS's runtime client for Python is downloaded if no installed Python has it.
    pub installs_runtimes: bool,
    /// Gives functions the host names that AWS would give their APIs and URLs, and `https`, instead of the local address. For
    /// applications that build links.
    pub aws_hosts: bool,
    /// The port of the first API; 0 for a free port. Further APIs get the following ports.
    pub api_port: u16,
    /// The port of the AWS APIs and of the control surface; 0 for a free port.
    pub aws_port: u16,
    /// Example commands for the live page. Empty: one request for each API and function URL.
    pub tries: Vec<Try>,
    /// Explains the log lines and the response of a failed request on the live page. The program sets the function of
    /// `hardcap explain`; the library has none.
    pub explain: Option<Explain>,
}

/// Explains a text such as a log line, a response or an error. `None`: nothing in it is recognized.
pub type Explain = fn(&[u8], &Limits) -> Option<String>;

/// An example command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// The purpose.
    pub about: String,
    /// The command, with the placeholders of [`crate::addresses::Addresses`].
    pub command: String,
}

impl Config {
    /// An empty configuration: in memory, on free ports.
    #[must_use]
    pub fn empty(limits: Limits) -> Config {
        Config {
            region: DEFAULT_REGION.to_owned(),
            limits,
            functions: Vec::new(),
            apis: Vec::new(),
            function_urls: Vec::new(),
            buckets: Vec::new(),
            tables: Vec::new(),
            parameters: Vec::new(),
            secrets: Vec::new(),
            queues: Vec::new(),
            mappings: Vec::new(),
            topics: Vec::new(),
            buses: Vec::new(),
            rules: Vec::new(),
            stack: Stack::default(),
            nested_stacks: Vec::new(),
            dynamodb_endpoint: None,
            credentials: Vec::new(),
            strict_auth: false,
            faults: FaultConfig::default(),
            data: None,
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            host: Ipv4Addr::LOCALHOST.into(),
            python: None,
            body_idle: crate::serve::BODY_IDLE,
            sandbox_idle: SANDBOX_IDLE,
            installs_runtimes: false,
            aws_hosts: false,
            api_port: 0,
            aws_port: 0,
            tries: Vec::new(),
            explain: None,
        }
    }
}

impl Config {
    /// The stack of the run and those that are nested in it.
    pub fn stacks(&self) -> impl Iterator<Item = &Stack> {
        std::iter::once(&self.stack).chain(&self.nested_stacks)
    }

    /// Checks that every route, every authorizer and every function URL names a function of this configuration.
    ///
    /// # Errors
    ///
    /// [`UnknownFunction`] for the first one that does not.
    pub fn check_targets(&self) -> Result<(), UnknownFunction> {
        // A target may have an alias or a version after a colon. Whether it exists is decided at each invocation, as on AWS.
        let known = |target: &str| {
            let name = target.split(':').next().unwrap_or_default();
            self.functions.iter().any(|function| function.name == name)
        };
        let routes = self.apis.iter().flat_map(|api| {
            let routes =
                api.routes.iter().filter(|route| route.calls_function()).map(move |route| {
                    (
                        format!("{} {} of {}", route.method, route.path, api.logical_id),
                        &route.function,
                    )
                });
            let authorizers = api.authorizers.iter().map(move |one| {
                (format!("the authorizer {} of {}", one.name, api.logical_id), &one.function)
            });
            routes.chain(authorizers)
        });
        let urls = self.function_urls.iter().map(|url| (url.logical_id.clone(), &url.function));
        for (target, function) in routes.chain(urls) {
            if !known(function) {
                return Err(UnknownFunction { target, function: function.clone() });
            }
        }
        Ok(())
    }

    /// Every text in which addresses are filled in: values of environments, parameters, secrets, integrations, the stack's outputs,
    /// commands to try.
    pub fn placeholders_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let variables =
            self.functions.iter_mut().flat_map(|function| function.environment.values_mut());
        let parameters = self.parameters.iter_mut().map(|parameter| &mut parameter.value);
        let secrets = self.secrets.iter_mut().filter_map(|secret| match &mut secret.value {
            Some(SecretValue::String(text)) => Some(text),
            Some(SecretValue::Binary(_)) | None => None,
        });
        let stacks = std::iter::once(&mut self.stack).chain(&mut self.nested_stacks);
        let outputs = stacks.flat_map(|stack| &mut stack.outputs).map(|output| &mut output.value);
        let tries = self.tries.iter_mut().map(|one| &mut one.command);
        let routes = self.apis.iter_mut().flat_map(|api| &mut api.routes);
        let integrations = routes.flat_map(|route| route.integration.placeholders_mut());
        variables.chain(parameters).chain(secrets).chain(outputs).chain(tries).chain(integrations)
    }
}

/// A route or a function URL names a function that the configuration does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{target} names the function `{function}`, which does not exist")]
pub struct UnknownFunction {
    /// The route with its API, or the function URL.
    pub target: String,
    /// The name of the function.
    pub function: String,
}

/// A file system that a function mounts (`FileSystemConfigs`): here a folder of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// The ARN of the access point. Functions with the same one share the folder.
    pub access_point: String,
    /// `LocalMountPath`: `/mnt/NAME`.
    pub mount_path: String,
}

/// A Lambda function: its program and its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The logical id in a template, such as `ProxyFunction`; equal to `name` without a template.
    pub logical_id: String,
    /// The function's name: the last part of its ARN.
    pub name: String,
    /// The published version that this is, such as `1`. `None`: `$LATEST`.
    pub version: Option<String>,
    /// The version and the aliases that a template deploys with the function.
    pub publishing: Publishing,
    /// The program that talks to the Runtime API, and its arguments.
    pub command: Vec<OsString>,
    /// The container image that runs instead of `command`.
    pub image: Option<Image>,
    /// The reason why the function has no program. It fails invocations, not the deployment: Lambda does not validate the
    /// content of a package.
    pub no_program: Option<String>,
    /// The working directory of the program, `LAMBDA_TASK_ROOT`.
    pub task_root: PathBuf,
    /// `_HANDLER`.
    pub handler: String,
    /// The runtime's identifier, such as `provided.al2023` or `python3.11`.
    pub runtime: String,
    /// Memory in MB (of 1,048,576 bytes).
    pub memory_mb: u32,
    /// The size of `/tmp` in MB (of 1,048,576 bytes), `EphemeralStorage`. `None`: AWS's minimum.
    pub ephemeral_storage_mb: Option<u32>,
    /// The function's timeout.
    pub timeout: Millis,
    /// Whether timeouts are enforced: the function's own, that of its init, and those of the gateways in front of it. False
    /// for a function that a person steps through.
    pub has_timeouts: bool,
    /// The debugger of the function, if it has one. The function then has one sandbox, which starts with the emulator, is
    /// never frozen and does not end while it is idle; its memory is not limited, because the debugger uses a part of it. Only
    /// one version of a function has it: the one that the template publishes, else `$LATEST`.
    pub debugger: Option<Debugger>,
    /// The configured environment, in its order. `${hardcap:aws}` and the other placeholders of
    /// [`Addresses`](crate::addresses::Addresses) are replaced when the emulator starts.
    pub environment: IndexMap<String, String>,
    /// Folders that AWS would merge into `/opt`, later ones on top. The files in their `extensions` folders are external
    /// extensions.
    pub layers: Vec<PathBuf>,
    /// The ARNs of layers that are not on this machine. They are left out.
    pub absent_layers: Vec<String>,
    /// Additional external extensions, each named by its file.
    pub extensions: Vec<PathBuf>,
    /// The file systems that it mounts.
    pub file_systems: Vec<FileSystem>,
    /// Reserved concurrency: executions reserved for this function, and its maximum.
    pub reserved_concurrency: Option<u32>,
    /// The configuration of its asynchronous events.
    pub events: EventInvokeConfig,
    /// The function's setting for recursive loops.
    pub recursive_loop: RecursiveLoop,
    /// The format and the levels of its log.
    pub logging: Logging,
    /// The schedules that invoke it.
    pub schedules: Vec<Schedule>,
    /// Properties without effect here.
    pub declared: Declared,
}

/// Properties of a function in a template that have no effect here, or only one of their values has. AWS refuses other values than those of
/// its model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// `Description`.
    pub description: Option<String>,
    /// `Architectures`.
    pub architectures: Option<Vec<String>>,
    /// `PackageType`.
    pub package_type: Option<String>,
    /// `Mode` of `TracingConfig`.
    pub tracing_mode: Option<String>,
    /// `ApplyOn` of `SnapStart`.
    pub snap_start: Option<String>,
    /// `LogFormat` of `LoggingConfig`.
    pub log_format: Option<String>,
    /// `ApplicationLogLevel` of `LoggingConfig`.
    pub application_log_level: Option<String>,
    /// `SystemLogLevel` of `LoggingConfig`.
    pub system_log_level: Option<String>,
}

impl Function {
    /// A function with AWS's defaults: 3 seconds, 128 MB, `provided.al2023`, no environment.
    ///
    /// ```
    /// use hardcap_core::config::Function;
    ///
    /// let function = Function::new("echo", ["target/release/guest", "echo"]);
    /// assert_eq!(function.timeout.0, 3_000);
    /// assert_eq!(function.memory_mb, 128);
    /// ```
    #[must_use]
    pub fn new<A: Into<OsString>>(name: &str, command: impl IntoIterator<Item = A>) -> Function {
        Function {
            logical_id: name.to_owned(),
            name: name.to_owned(),
            version: None,
            publishing: Publishing::default(),
            command: command.into_iter().map(Into::into).collect(),
            image: None,
            no_program: None,
            task_root: PathBuf::from("."),
            handler: "bootstrap".to_owned(),
            runtime: "provided.al2023".to_owned(),
            memory_mb: 128,
            ephemeral_storage_mb: None,
            timeout: Millis(3_000),
            has_timeouts: true,
            debugger: None,
            environment: IndexMap::new(),
            layers: Vec::new(),
            absent_layers: Vec::new(),
            extensions: Vec::new(),
            file_systems: Vec::new(),
            reserved_concurrency: None,
            events: EventInvokeConfig::default(),
            recursive_loop: RecursiveLoop::default(),
            logging: Logging::default(),
            schedules: Vec::new(),
            declared: Declared::default(),
        }
    }

    /// The command that starts the program: the one of its debugger, if that has one.
    #[must_use]
    pub fn start_command(&self) -> &[OsString] {
        match &self.debugger {
            Some(Debugger::Port { command, .. }) => command,
            Some(Debugger::Process) | None => &self.command,
        }
    }

    /// The published version, or `$LATEST`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.version.as_deref().unwrap_or("$LATEST")
    }

    /// `NAME`, or `NAME:VERSION` of a published version.
    #[must_use]
    pub fn qualified_name(&self) -> String {
        match &self.version {
            Some(version) => format!("{}:{version}", self.name),
            None => self.name.clone(),
        }
    }

    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`
    #[must_use]
    pub fn arn(&self, region: &str) -> String {
        format!("arn:aws:lambda:{region}:{ACCOUNT_ID}:function:{}", self.name)
    }
}

/// `LoggingConfig` of a function. The default is text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// The levels of a log in JSON, `None` for text.
    pub json: Option<LogLevels>,
}

/// The least levels that are logged, such as `INFO`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevels {
    /// Of the function: `TRACE` to `FATAL`.
    pub application: String,
    /// Of Lambda itself: `DEBUG` to `WARN`.
    pub system: String,
}

impl Default for LogLevels {
    fn default() -> LogLevels {
        LogLevels { application: "INFO".to_owned(), system: "INFO".to_owned() }
    }
}

/// How a debugger attaches to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Debugger {
    /// The function's program listens for a debugger.
    Port {
        /// The port of the loopback interface.
        port: u16,
        /// The command that makes the program listen. It takes the place of the function's own.
        command: Vec<OsString>,
    },
    /// A debugger attaches by the id of the function's process, which the log shows.
    Process,
}

/// The configuration of a function's asynchronous invocations. AWS's defaults: two retries, six hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventInvokeConfig {
    /// Attempts after the first one, if the function fails.
    pub maximum_retry_attempts: Option<u32>,
    /// The maximum age of an event, including retries and throttles.
    pub maximum_event_age: Option<Millis>,
    /// The ARN of the destination for successful events.
    pub on_success: Option<String>,
    /// The ARN of the destination for failed events.
    pub on_failure: Option<String>,
    /// The ARN of the dead-letter queue or topic.
    pub dead_letter: Option<String>,
}

/// The action when Lambda detects a recursive loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecursiveLoop {
    /// The chain is stopped.
    #[default]
    Terminate,
    /// The chain goes on.
    Allow,
}

/// An EventBridge rule that invokes a function at a fixed rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The rule's name, the last part of its ARN.
    pub name: String,
    /// The interval between two events.
    pub rate: Millis,
    /// The event as JSON. `None`: EventBridge's scheduled event.
    pub input: Option<String>,
}

/// An API of API Gateway, with one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The logical id in a template.
    pub logical_id: String,
    /// REST or HTTP, with the settings that only one of them has.
    pub kind: ApiKind,
    /// The stage's name. `$default` serves an HTTP API at the root.
    pub stage: String,
    /// The stage's variables, in the order given.
    pub stage_variables: IndexMap<String, String>,
    /// Customized responses of a REST API for requests that end without a function's response.
    pub gateway_responses: GatewayResponses,
    /// The Lambda authorizers that routes name.
    pub authorizers: Vec<Authorizer>,
    /// The API keys that routes with [`Access::api_key_required`] accept.
    pub api_keys: Vec<String>,
    /// Routes from method and path to function.
    pub routes: Vec<Route>,
}

impl Api {
    /// An API with routes `(method, path, function)` in the default payload format of its kind.
    #[must_use]
    pub fn new(logical_id: &str, kind: ApiKind, stage: &str, routes: &[(&str, &str, &str)]) -> Api {
        let payload_format = match kind {
            ApiKind::Rest { .. } => PayloadFormat::V1,
            ApiKind::Http { .. } => PayloadFormat::V2,
        };
        let route = |(method, path, function): &(&str, &str, &str)| {
            Route::to_function(method, path, function, payload_format)
        };
        Api {
            logical_id: logical_id.to_owned(),
            kind,
            stage: stage.to_owned(),
            stage_variables: IndexMap::new(),
            gateway_responses: GatewayResponses::new(),
            authorizers: Vec::new(),
            api_keys: Vec::new(),
            routes: routes.iter().map(route).collect(),
        }
    }

    /// The prefix of every path: `/STAGE`, or nothing for the stage `$default`.
    #[must_use]
    pub fn stage_path(&self) -> String {
        match self.stage.as_str() {
            "$default" => String::new(),
            stage => format!("/{stage}"),
        }
    }
}

/// The two kinds of API Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiKind {
    /// A REST API: events of payload format 1.0.
    Rest {
        /// Request bodies of these media types reach the function as base64. `*/*` matches all.
        binary_media_types: Vec<String>,
        /// The minimum size in bytes of responses that are compressed for clients that accept it. `None`: no compression.
        minimum_compression_size: Option<u64>,
    },
    /// An HTTP API: events of payload format 2.0, or 1.0 by route.
    Http {
        /// The CORS configuration, which the gateway itself applies.
        cors: Option<Cors>,
    },
}

/// One method and path of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET`, or `ANY`.
    pub method: String,
    /// `/`, `/items/{id}`, `/files/{path+}`. `$default` on an HTTP API takes all unmatched requests.
    pub path: String,
    /// The [`Function::name`] of the integration, with an alias where it names one: `orders:live`. Empty if it calls no function.
    pub function: String,
    /// The event's shape. A REST API only has [`PayloadFormat::V1`].
    pub payload_format: PayloadFormat,
    /// The integration's timeout. `None`: the gateway's maximum.
    pub timeout: Option<Millis>,
    /// Whether the response is buffered or streamed. Only a REST API streams.
    pub response_transfer_mode: ResponseTransferMode,
    /// Whether the integration calls Lambda with POST, the only method that Lambda accepts. Otherwise a REST API answers 500.
    pub calls_with_post: bool,
    /// The access control of the route.
    pub access: Access,
    /// What the route does with a request.
    pub integration: Integration,
}

impl Route {
    /// A route to a function by Lambda proxy, without access control and with the gateway's timeout.
    #[must_use]
    pub fn to_function(
        method: &str,
        path: &str,
        function: &str,
        payload_format: PayloadFormat,
    ) -> Route {
        Route {
            method: method.to_owned(),
            path: path.to_owned(),
            function: function.to_owned(),
            payload_format,
            timeout: None,
            response_transfer_mode: ResponseTransferMode::Buffered,
            calls_with_post: true,
            access: Access::default(),
            integration: Integration::Proxy,
        }
    }

    /// A route with another integration, which calls no function.
    #[must_use]
    pub fn with(method: &str, path: &str, integration: Integration) -> Route {
        Route { integration, ..Route::to_function(method, path, "", PayloadFormat::V1) }
    }

    /// Whether the integration calls a function.
    #[must_use]
    pub fn calls_function(&self) -> bool {
        !self.function.is_empty()
    }

    /// The name of the function, without the alias that the integration may name.
    #[must_use]
    pub fn function_name(&self) -> &str {
        self.function.split_once(':').map_or(&self.function, |(name, _)| name)
    }
}

/// The id of an API: ten letters and digits, the same in every run. `Ref` gives it, and events name it.
#[must_use]
pub fn api_id(logical_id: &str) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let digest = Sha256::digest(format!("api\0{logical_id}\0"));
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    digest.iter().take(10).map(letter).collect()
}

/// The shape of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadFormat {
    /// 1.0: REST APIs, and HTTP APIs that configure it.
    V1,
    /// 2.0: HTTP APIs and function URLs.
    V2,
}

/// The CORS configuration of an HTTP API or a function URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// `*`, or exact origins.
    pub allow_origins: Vec<String>,
    /// Methods, or `*`.
    pub allow_methods: Vec<String>,
    /// Request headers, or `*`.
    pub allow_headers: Vec<String>,
    /// Response headers that scripts may read.
    pub expose_headers: Vec<String>,
    /// Whether cookies and authorization may be sent.
    pub allow_credentials: bool,
    /// How long a browser may cache a preflight response, in seconds.
    pub max_age_seconds: Option<u64>,
}

/// A function URL.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FunctionUrl {
    /// The logical id in a template: the function's, followed by `Url`.
    pub logical_id: String,
    /// The [`Function::name`] that it invokes.
    pub function: String,
    /// The CORS configuration.
    pub cors: Option<Cors>,
    /// Whether responses are buffered or streamed.
    pub invoke_mode: InvokeMode,
    /// Whether a request must be signed with a known key: `AuthType: AWS_IAM`. Policies are not evaluated.
    pub only_signed: bool,
    /// Whether no statement of the function's policy permits everyone to invoke the URL, so that requests without a signature are
    /// refused.
    pub lacks_permission: bool,
}
