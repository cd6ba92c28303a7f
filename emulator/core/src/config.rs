//! What an emulator runs: functions, APIs, function URLs, buckets, tables. A specification; nothing here is running.
//!
//! Built by a `Builder` in tests and from a template by the program; validated by neither, so a value can
//! be printed, compared and checked before anything starts.

mod access;
mod gateway_responses;
mod invoke_mode;
mod resources;
mod stack;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::faults::Plan;
pub use crate::guard::{InvalidTrust, TrustedHost, TrustedOrigin};
pub use crate::keyring::Credential;
pub use access::{
    Access, Authorization, Authorizer, AuthorizerKind, FixedResponse, IdentitySource,
};
pub use gateway_responses::{
    GatewayResponse, GatewayResponses, InvalidMapping, Mapping, RESPONSE_TYPES,
};
use hardcap_limits::{Limits, Millis};
use indexmap::IndexMap;
pub use invoke_mode::{InvokeMode, ResponseTransferMode, UnknownInvokeMode};
pub use resources::{
    Attribute, AttributeKind, Bucket, BucketCorsRule, Index, LifecycleRule, Parameter,
    ParameterKind, ParameterTier, Projection, Secret, SecretValue, Table, secret_arn,
};
use serde::{Deserialize, Serialize};
pub use stack::{Output, Stack, StackResource};

/// The region of everything, unless a template says otherwise.
pub const DEFAULT_REGION: &str = "us-east-1";
/// The account of everything: the number that local clouds use.
pub const ACCOUNT_ID: &str = "000000000000";

/// How long a sandbox is kept idle unless a run says otherwise.
///
/// UNCONFIRMED: AWS publishes no number. Measurements of others ended environments after 5 to 7 minutes in most cases (mikhail.io,
/// "When Does Cold Start Happen on AWS Lambda?", 2021-01) and up to 45 minutes.
pub const SANDBOX_IDLE: Millis = Millis(5 * 60 * 1000);

/// All that one emulator runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// `us-east-1` and so on; part of every ARN and of every signature's scope.
    pub region: String,
    /// The limits in force.
    pub limits: Limits,
    /// The functions, in the order of the template.
    pub functions: Vec<Function>,
    /// REST APIs and HTTP APIs.
    pub apis: Vec<Api>,
    /// Functions with an address of their own.
    pub function_urls: Vec<FunctionUrl>,
    /// The buckets that exist from the start.
    pub buckets: Vec<Bucket>,
    /// The DynamoDB tables that exist from the start.
    pub tables: Vec<Table>,
    /// The parameters of Systems Manager that exist from the start.
    pub parameters: Vec<Parameter>,
    /// The secrets of Secrets Manager that exist from the start.
    pub secrets: Vec<Secret>,
    /// What CloudFormation tells of the stack.
    pub stack: Stack,
    /// Another DynamoDB, `http://127.0.0.1:8000`, that is handed every request unchanged; the embedded one when `None`.
    pub dynamodb_endpoint: Option<String>,
    /// Key pairs that S3 knows, beside `test`/`test` and those that functions are given.
    pub credentials: Vec<Credential>,
    /// Verifies signatures on every AWS API, not on S3 alone.
    pub strict_auth: bool,
    /// What goes wrong on purpose.
    pub faults: Plan,
    /// Where data outlives the emulator; in memory when `None`.
    pub data: Option<PathBuf>,
    /// Further names of this machine that clients may use: a service's name in a network of containers.
    pub allow_hosts: Vec<TrustedHost>,
    /// Origins whose web pages may call the AWS APIs and the control surface, as a program may.
    pub allow_origins: Vec<TrustedOrigin>,
    /// Where the APIs and the AWS APIs listen; what runs on this machine alone should be loopback.
    pub host: IpAddr,
    /// The Python that runs functions which are created through Lambda's API; the one that is found first when `None`.
    pub python: Option<PathBuf>,
    /// How long the next bytes of a request body are waited for before the request is refused; 30 seconds as a rule. The
    /// number is hardcap's, as AWS documents none.
    pub body_idle: Millis,
    /// How long a sandbox is kept idle, by the emulator's clock, before it ends; [`SANDBOX_IDLE`] as a rule.
    pub sandbox_idle: Millis,
    /// Whether AWS's runtime client for Python is downloaded where no Python has it.
    pub installs_runtimes: bool,
    /// Tells functions the host names that AWS would give their APIs and URLs, and `https`, instead of the local truth: for
    /// applications that build links.
    pub aws_hosts: bool,
    /// The port of the first API, 0 for any free one; further APIs take the following ports.
    pub api_port: u16,
    /// The port of the AWS APIs and of the control surface, 0 for any free one.
    pub aws_port: u16,
}

impl Config {
    /// Nothing to run, in memory, on free ports.
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
            stack: Stack::default(),
            dynamodb_endpoint: None,
            credentials: Vec::new(),
            strict_auth: false,
            faults: Plan::default(),
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
        }
    }
}

impl Config {
    /// Checks that every route, every authorizer and every function URL names a function of this configuration.
    ///
    /// # Errors
    ///
    /// [`UnknownFunction`] for the first that does not.
    pub fn check_targets(&self) -> Result<(), UnknownFunction> {
        let known = |name: &str| self.functions.iter().any(|function| function.name == name);
        let routes = self.apis.iter().flat_map(|api| {
            let routes =
                api.routes.iter().filter(|route| route.fixed.is_none()).map(move |route| {
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

    /// Every text that a function or a client is told, in its environment, a parameter, a secret or an output of the
    /// stack: where addresses are filled in.
    pub fn told(&mut self) -> impl Iterator<Item = &mut String> {
        let variables =
            self.functions.iter_mut().flat_map(|function| function.environment.values_mut());
        let parameters = self.parameters.iter_mut().map(|parameter| &mut parameter.value);
        let secrets = self.secrets.iter_mut().filter_map(|secret| match &mut secret.value {
            Some(SecretValue::String(text)) => Some(text),
            Some(SecretValue::Binary(_)) | None => None,
        });
        let outputs = self.stack.outputs.iter_mut().map(|output| &mut output.value);
        variables.chain(parameters).chain(secrets).chain(outputs)
    }
}

/// A route or a function URL names a function that the configuration does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{target} names the function `{function}`, which does not exist")]
pub struct UnknownFunction {
    /// The route, with its API, or the function URL.
    pub target: String,
    /// The name of the function.
    pub function: String,
}

/// A Lambda function: the program and what AWS is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name in a template, `ProxyFunction`; equal to `name` where there is no template.
    pub logical_id: String,
    /// The function's name, the last part of its ARN.
    pub name: String,
    /// The program that talks to the Runtime API, and its arguments.
    pub command: Vec<OsString>,
    /// Why there is no program, where that stops an invocation and not the deployment: Lambda takes a package without
    /// looking into it.
    pub no_program: Option<String>,
    /// The folder the program starts in, `LAMBDA_TASK_ROOT`.
    pub task_root: PathBuf,
    /// `_HANDLER`.
    pub handler: String,
    /// The runtime's identifier, `provided.al2023`, `python3.11`.
    pub runtime: String,
    /// Memory in MB (of 1,048,576 bytes).
    pub memory_mb: u32,
    /// The size of `/tmp` in MB (of 1,048,576 bytes), `EphemeralStorage`; AWS's least when `None`.
    pub ephemeral_storage_mb: Option<u32>,
    /// The function's own timeout.
    pub timeout: Millis,
    /// The environment that the user configured, in the order given. `${hardcap:aws}` and the other placeholders of
    /// [`Addresses`](crate::addresses::Addresses) are replaced by addresses when the emulator starts.
    pub environment: IndexMap<String, String>,
    /// Folders that AWS would lay over `/opt`, the later ones on top. The files in their `extensions` are external
    /// extensions.
    pub layers: Vec<PathBuf>,
    /// Programs that are started as external extensions, each under the name of its file, on top of those of the layers.
    pub extensions: Vec<PathBuf>,
    /// Executions reserved for this function, which are also the most it may have.
    pub reserved_concurrency: Option<u32>,
    /// What becomes of its asynchronous events.
    pub events: EventInvokeConfig,
    /// Whether a chain of requests may pass it for ever.
    pub recursive_loop: RecursiveLoop,
    /// What invokes it from time to time.
    pub schedules: Vec<Schedule>,
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
            command: command.into_iter().map(Into::into).collect(),
            no_program: None,
            task_root: PathBuf::from("."),
            handler: "bootstrap".to_owned(),
            runtime: "provided.al2023".to_owned(),
            memory_mb: 128,
            ephemeral_storage_mb: None,
            timeout: Millis(3_000),
            environment: IndexMap::new(),
            layers: Vec::new(),
            extensions: Vec::new(),
            reserved_concurrency: None,
            events: EventInvokeConfig::default(),
            recursive_loop: RecursiveLoop::default(),
            schedules: Vec::new(),
        }
    }

    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`
    #[must_use]
    pub fn arn(&self, region: &str) -> String {
        format!("arn:aws:lambda:{region}:{ACCOUNT_ID}:function:{}", self.name)
    }
}

/// What becomes of a function's asynchronous events. AWS's defaults where nothing is set: two retries, six hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventInvokeConfig {
    /// Attempts after the first, when the function fails.
    pub maximum_retry_attempts: Option<u32>,
    /// The oldest that an event may become, retries and throttles included.
    pub maximum_event_age: Option<Millis>,
    /// The ARN of what is told of events that succeeded.
    pub on_success: Option<String>,
    /// The ARN of what is told of events that failed for good.
    pub on_failure: Option<String>,
    /// The ARN of the queue or topic that failed events are sent to.
    pub dead_letter: Option<String>,
}

/// What happens when a chain of requests passes a function again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecursiveLoop {
    /// The chain is stopped.
    #[default]
    Terminate,
    /// The chain goes on.
    Allow,
}

/// A rule that invokes a function at a fixed rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The rule's name, the last part of its ARN.
    pub name: String,
    /// The time between two events.
    pub rate: Millis,
    /// The event as JSON; EventBridge's own when `None`.
    pub input: Option<String>,
}

/// An API of API Gateway, with one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The name in a template.
    pub logical_id: String,
    /// REST or HTTP, and what only one of them has.
    pub kind: ApiKind,
    /// The stage's name; `$default` serves an HTTP API at the root.
    pub stage: String,
    /// The stage's variables, in the order given.
    pub stage_variables: IndexMap<String, String>,
    /// What a REST API says in its own words where it has no answer of a function.
    pub gateway_responses: GatewayResponses,
    /// The Lambda authorizers that routes name.
    pub authorizers: Vec<Authorizer>,
    /// The API keys that routes with [`Access::api_key_required`] take.
    pub api_keys: Vec<String>,
    /// Method and path to function.
    pub routes: Vec<Route>,
}

impl Api {
    /// An API with routes `(method, path, function)`, in the payload format that its kind has by default.
    #[must_use]
    pub fn new(logical_id: &str, kind: ApiKind, stage: &str, routes: &[(&str, &str, &str)]) -> Api {
        let payload_format = match kind {
            ApiKind::Rest { .. } => PayloadFormat::V1,
            ApiKind::Http { .. } => PayloadFormat::V2,
        };
        let route = |(method, path, function): &(&str, &str, &str)| Route {
            method: (*method).to_owned(),
            path: (*path).to_owned(),
            function: (*function).to_owned(),
            payload_format,
            timeout: None,
            response_transfer_mode: ResponseTransferMode::Buffered,
            calls_with_post: true,
            access: Access::default(),
            fixed: None,
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

    /// What stands before every path: `/STAGE`, or nothing for the stage `$default`.
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
        /// Request bodies of these media types reach the function as base64; `*/*` is all.
        binary_media_types: Vec<String>,
        /// Answers of at least this many bytes are compressed for clients that accept it; off when `None`.
        minimum_compression_size: Option<u64>,
    },
    /// An HTTP API: events of payload format 2.0, or 1.0 by route.
    Http {
        /// The cross-origin rules that the gateway answers itself.
        cors: Option<Cors>,
    },
}

/// One method and path of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET`, or `ANY`.
    pub method: String,
    /// `/`, `/items/{id}`, `/files/{path+}`; `$default` on an HTTP API takes what no other route takes.
    pub path: String,
    /// The [`Function::name`] that answers.
    pub function: String,
    /// The event's shape. A REST API only has [`PayloadFormat::V1`].
    pub payload_format: PayloadFormat,
    /// The integration's own timeout; the gateway's largest when `None`.
    pub timeout: Option<Millis>,
    /// Whether the answer is handed on as it comes: of a REST API only.
    pub response_transfer_mode: ResponseTransferMode,
    /// Whether Lambda is called with POST, the one method that it takes; if not, a REST API answers 500.
    pub calls_with_post: bool,
    /// What a request must bring.
    pub access: Access,
    /// What is answered instead of what a function answers, as a mock integration does; `function` is empty then.
    pub fixed: Option<FixedResponse>,
}

/// The shape of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadFormat {
    /// 1.0: REST APIs, and HTTP APIs that ask for it.
    V1,
    /// 2.0: HTTP APIs and function URLs.
    V2,
}

/// Cross-origin rules of an HTTP API or a function URL.
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
    /// Cookies and authorization may be sent.
    pub allow_credentials: bool,
    /// How long a browser may keep the answer, in seconds.
    pub max_age_seconds: Option<u64>,
}

/// A function's own address.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FunctionUrl {
    /// The name in a template: the function's, with `Url` behind it.
    pub logical_id: String,
    /// The [`Function::name`] that answers.
    pub function: String,
    /// The cross-origin rules.
    pub cors: Option<Cors>,
    /// Whether answers are handed on as they come.
    pub invoke_mode: InvokeMode,
    /// Whether requests that are not signed are refused: `AuthType: AWS_IAM`. Who signed, and how, is not looked at.
    pub only_signed: bool,
}
