//! The configuration: the function's environment, read and validated once.
//!
//! Every invalid variable is reported, so that one deployment can fix all of them. Only `environment` reads variables.

mod start;

use std::str::FromStr;
use std::time::Duration;

use hardcap_limits::{Date, Limits, Millis};
use http::Uri;

use crate::aws;
use crate::clients::Clients;
use crate::environment::values::{
    self, AccessMode, access, bucket_name, key_prefix, limit_override, on_or_off, origins,
    positive, public_url, upstream_url, whole, yes_or_no,
};
use crate::environment::{ConfigError, Lookup, Reader, VariableError, variable};
use crate::headers::ExtraHeaders;
use crate::job::settings::{self, JobsConfig};
use crate::metrics::MetricsConfig;
use crate::session::{self, Cookies, SessionsConfig};
use crate::sign::Scope;
use crate::store::OverflowConfig;
use crate::upload::{self, UploadConfig};
use crate::upstream::UpstreamConfig;

/// The configuration of the proxy.
#[derive(Clone, Debug)]
pub struct Config {
    /// Access control.
    pub access: Access,
    /// The upstream.
    pub upstream: UpstreamConfig,
    /// The storage of responses that exceed Lambda's limit.
    pub overflow: OverflowConfig,
    /// The clients that are redirected to stored responses.
    pub clients: Clients,
    /// Request headers that are sent to the upstream in addition to the known ones.
    pub upstream_headers: ExtraHeaders,
    /// The address that clients use, without a trailing slash; `None` if it is not configured.
    pub public_url: Option<String>,
    /// The limits of the platform that responses must fit.
    pub limits: Limits,
    /// The gateway's timeout, if it differs from AWS's default.
    pub gateway_timeout: Option<Duration>,
    /// The largest response that is delivered at all, in bytes.
    pub max_body: u64,
    /// The origins whose scripts may read responses.
    pub allowed_origins: Vec<String>,
    /// Uploads of request bodies that exceed Lambda's limit.
    pub uploads: UploadConfig,
    /// The storage and the limits of jobs; `None` if jobs are not configured.
    pub jobs: Option<JobsConfig>,
    /// Which metrics are written.
    pub metrics: MetricsConfig,
    /// The log filter, in the syntax of `RUST_LOG`.
    pub log: String,
}

/// The users of the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// `ACCESS=open`: every client that reaches the proxy.
    Open,
    /// Users who log in.
    Sessions(SessionsConfig),
    /// No client: neither a table of users nor `ACCESS=open` is configured.
    Closed,
}

/// The default lifetime of a link.
const LINK_LIFETIME_SECONDS: u64 = 60;
const MAX_BODY_DEFAULT: u64 = 5 * 1024 * 1024 * 1024;
const RUNTIME_VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
];

impl Config {
    /// Reads the environment of this process and fetches the values of references.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], all of them. A missing variable of Lambda itself is one, because the program cannot start without it.
    pub async fn from_environment() -> Result<Config, ConfigError> {
        let missing = RUNTIME_VARIABLES.into_iter().filter(|name| variable(name).is_none());
        let missing: Vec<VariableError> = missing
            .map(|name| VariableError {
                name,
                problem:
                    "is not set; this program runs as a Lambda function, or under `hardcap up`"
                        .to_owned(),
            })
            .collect();
        match start::read(&variable, aws::credentials()).await {
            Ok(config) if missing.is_empty() => Ok(config),
            Ok(_) => Err(ConfigError(missing)),
            Err(ConfigError(found)) => Err(ConfigError([missing, found].concat())),
        }
    }

    /// Reads the variables that `lookup` returns.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], all of them.
    pub fn read(lookup: Lookup<'_>) -> Result<Config, ConfigError> {
        let mut reader = Reader { lookup, errors: Vec::new() };
        let region = reader.optional("AWS_REGION", "", values::text);
        let limits = limits(&mut reader);
        let config = Config {
            access: who(&mut reader),
            upstream: upstream(&mut reader, &region),
            overflow: overflow(&mut reader, &region, &limits),
            clients: reader.optional("OVERFLOW_CLIENTS", "", Clients::read),
            upstream_headers: reader.optional("UPSTREAM_HEADERS", "", ExtraHeaders::read),
            uploads: upload::read(&mut reader, &limits),
            jobs: settings::read(&mut reader, limits.lambda_async_request.max.0),
            public_url: reader.given("PUBLIC_URL", public_url),
            limits,
            gateway_timeout: reader
                .given("GATEWAY_TIMEOUT_MS", positive)
                .map(Duration::from_millis),
            max_body: reader.given("MAX_BODY_BYTES", positive).unwrap_or(MAX_BODY_DEFAULT),
            allowed_origins: reader.optional("ALLOWED_ORIGINS", "", origins),
            metrics: MetricsConfig {
                function: reader.optional("AWS_LAMBDA_FUNCTION_NAME", "proxy", values::text),
                enabled: reader.optional("METRICS", "on", on_or_off),
            },
            log: reader.optional("RUST_LOG", "info,aws=warn,hyper=warn", values::text),
        };
        if reader.errors.is_empty() { Ok(config) } else { Err(ConfigError(reader.errors)) }
    }

    /// Warnings about valid but risky settings. `serves` is whether this program responds to clients; the functions `job` and
    /// `sweeper` do not.
    #[must_use]
    pub fn warnings(&self, serves: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        if serves {
            warnings.extend(self.access.warning());
        }
        let seconds = self.overflow.link_lifetime.as_secs();
        if serves && seconds < LINK_LIFETIME_SECONDS {
            warnings.push(format!(
                "OVERFLOW_TTL_SECONDS={seconds}: links shorter-lived than {LINK_LIFETIME_SECONDS} s \
                 fail for slow clients and clocks that differ"
            ));
        }
        for (row, value) in self.limits.overridden() {
            warnings.push(format!("LIMIT_OVERRIDES: {} is {value}", row.name));
        }
        warnings
    }
}

impl Access {
    fn warning(&self) -> Option<String> {
        let text = match self {
            Access::Open => {
                "ACCESS=open: every client that reaches this proxy uses the upstream with the rights of \
                 this function"
            }
            Access::Sessions(config) if config.settings.cookies == Cookies::PlainHttp => {
                "SESSION_COOKIES=plain-http: anyone who can read the traffic can take over a session; use \
                 it only for a browser on this machine"
            }
            Access::Sessions(_) => return None,
            Access::Closed => {
                "neither SESSIONS_TABLE nor ACCESS=open is set, so every request is refused"
            }
        };
        Some(text.to_owned())
    }
}

/// Reads the access control. `Open` needs the explicit `ACCESS=open`.
fn who(reader: &mut Reader<'_>) -> Access {
    let word = reader.given("ACCESS", access);
    let sessions = session::read(reader);
    match (word, sessions) {
        (Some(AccessMode::Open), _) => Access::Open,
        (_, Some(config)) => Access::Sessions(config),
        (Some(AccessMode::Sessions), None) => {
            let problem = "is not set, but ACCESS=sessions needs it; set it to the table of users and sessions";
            reader
                .errors
                .push(VariableError { name: "SESSIONS_TABLE", problem: problem.to_owned() });
            Access::Closed
        }
        (None, None) => Access::Closed,
    }
}

fn upstream(reader: &mut Reader<'_>, region: &str) -> UpstreamConfig {
    let url = reader.required(
        "UPSTREAM_URL",
        "the address of the cluster, such as https://search-x.eu-west-1.es.amazonaws.com",
        Uri::from_static("http://unset/"),
        upstream_url,
    );
    let service = reader.optional("UPSTREAM_SERVICE", "es", values::service);
    let scope = service.map(|service| {
        let stated = reader.given("UPSTREAM_REGION", values::text);
        let region = stated.unwrap_or_else(|| region.to_owned());
        if region.is_empty() {
            let problem =
                "is not set, and AWS_REGION is not set either; requests are signed for a region"
                    .to_owned();
            reader.errors.push(VariableError { name: "UPSTREAM_REGION", problem });
        }
        Scope { service, region }
    });
    let connect_timeout = reader.optional("UPSTREAM_CONNECT_TIMEOUT_MS", "3000", positive);
    let idle_timeout = reader.optional("UPSTREAM_IDLE_TIMEOUT_MS", "20000", positive);
    let basic_auth = crate::settings::read(reader, region, scope.is_some());
    UpstreamConfig {
        url,
        scope,
        basic_auth,
        connect_timeout: Duration::from_millis(connect_timeout),
        idle_timeout: Duration::from_millis(idle_timeout),
    }
}

fn overflow(reader: &mut Reader<'_>, region: &str, limits: &Limits) -> OverflowConfig {
    let bucket = "the bucket for responses that are too large for Lambda";
    let bucket = reader.required("OVERFLOW_BUCKET", bucket, String::new(), bucket_name);
    let endpoint = reader.given("AWS_ENDPOINT_URL_S3", values::text);
    let endpoint = endpoint.or(reader.given("AWS_ENDPOINT_URL", values::text));
    if region.is_empty() {
        let problem = "is not set; links to the bucket contain its region".to_owned();
        reader.errors.push(VariableError { name: "AWS_REGION", problem });
    }
    let seconds = reader.given("OVERFLOW_TTL_SECONDS", positive).unwrap_or(LINK_LIFETIME_SECONDS);
    if let Err(exceeded) = limits.s3_presign_expiry.admit(Millis(seconds.saturating_mul(1000))) {
        let problem =
            format!("{seconds} s is longer than a link of S3 may live, {} s", exceeded.max / 1000);
        reader.errors.push(VariableError { name: "OVERFLOW_TTL_SECONDS", problem });
    }
    OverflowConfig {
        bucket,
        prefix: reader.optional("OVERFLOW_PREFIX", "overflow", key_prefix),
        link_lifetime: Duration::from_secs(seconds),
        region: region.to_owned(),
        force_path_style: reader
            .given("S3_FORCE_PATH_STYLE", yes_or_no)
            .unwrap_or(endpoint.is_some()),
        redirect_assets: reader.optional("OVERFLOW_REDIRECT_ASSETS", "false", yes_or_no),
        above: reader.given("OVERFLOW_ABOVE_BYTES", whole),
    }
}

fn limits(reader: &mut Reader<'_>) -> Limits {
    let date = reader.optional("LIMITS", "classic", Date::from_str);
    let mut limits = Limits::at(date);
    let overrides = reader.optional("LIMIT_OVERRIDES", "", |text| {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(limit_override).collect::<Result<Vec<_>, _>>()
    });
    for (name, value) in overrides {
        if let Err(error) = limits.set(&name, value) {
            let problem = error.to_string();
            reader.errors.push(VariableError { name: "LIMIT_OVERRIDES", problem });
        }
    }
    limits
}

#[cfg(test)]
mod tests;
