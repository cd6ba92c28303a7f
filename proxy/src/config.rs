//! The environment of the function, read once and validated whole.
//!
//! Every mistake is found and named, so that one deployment mends them all. This is the only module that reads the
//! environment.

mod start;

use std::str::FromStr;
use std::time::Duration;

use hardcap_limits::{Date, Limits, Millis};
use http::Uri;

use crate::aws;
use crate::clients::Clients;
use crate::environment::values::{
    Word, access, bucket_name, key_prefix, limit_override, on_or_off, origins, positive,
    public_url, upstream_url, whole, yes_or_no,
};
use crate::environment::{Lookup, Mistake, Mistakes, Reader, variable};
use crate::headers::Extra;
use crate::job::settings::{self, JobsConfig};
use crate::session::{self, Cookies, SessionsConfig};
use crate::sign::Scope;
use crate::store::OverflowConfig;
use crate::upload::{self, UploadConfig};
use crate::upstream::UpstreamConfig;

/// Everything the proxy is told from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may use the proxy.
    pub access: Access,
    /// What it stands in front of.
    pub upstream: UpstreamConfig,
    /// Where answers go that Lambda cannot carry.
    pub overflow: OverflowConfig,
    /// Which clients are redirected to answers that Lambda cannot carry.
    pub clients: Clients,
    /// Which headers of requests go upstream beside those that are known to be needed.
    pub upstream_headers: Extra,
    /// The address that clients use, without a slash at the end; `None` when it is not stated.
    pub public_url: Option<String>,
    /// The limits of the platform, for the deliveries to fit.
    pub limits: Limits,
    /// How long the front door waits, when it is not what it usually is.
    pub gateway_timeout: Option<Duration>,
    /// The largest answer that is passed on at all, in bytes.
    pub max_body: u64,
    /// Origins whose scripts may read answers.
    pub allowed_origins: Vec<String>,
    /// How request bodies are taken that Lambda cannot carry.
    pub uploads: UploadConfig,
    /// Where jobs are kept, and within which bounds; `None` where there are none.
    pub jobs: Option<JobsConfig>,
    /// Which metrics are written.
    pub metrics: MetricsConfig,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub log: String,
}

/// Which metrics are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// The name of the function, by which metrics are told apart.
    pub function: String,
    /// Whether the lines of the log are metrics as well.
    pub enabled: bool,
}

/// Who may use the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// `ACCESS=open`: everyone who reaches it.
    Open,
    /// Whoever logs in, unless something else is said.
    Sessions(SessionsConfig),
    /// Nobody: it was told neither of a table of users nor `ACCESS=open`.
    Closed,
}

/// How long a link lives where nothing else is configured.
const LINK_LIFETIME_SECONDS: u64 = 60;
const MAX_BODY_DEFAULT: u64 = 5 * 1024 * 1024 * 1024;
const RUNTIME_VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
];

impl Config {
    /// Reads the environment of this process, and what it refers to.
    ///
    /// # Errors
    ///
    /// [`Mistakes`]: all of them. The variables of Lambda itself are among them, for without them nothing can start.
    pub async fn from_environment() -> Result<Config, Mistakes> {
        let missing = RUNTIME_VARIABLES.into_iter().filter(|name| variable(name).is_none());
        let missing: Vec<Mistake> = missing
            .map(|name| Mistake {
                name,
                problem:
                    "is not set; this program runs as a Lambda function, or under `hardcap up`"
                        .to_owned(),
            })
            .collect();
        match start::read(&variable, aws::credentials()).await {
            Ok(config) if missing.is_empty() => Ok(config),
            Ok(_) => Err(Mistakes(missing)),
            Err(Mistakes(found)) => Err(Mistakes([missing, found].concat())),
        }
    }

    /// Reads variables from wherever `lookup` finds them.
    ///
    /// # Errors
    ///
    /// [`Mistakes`]: all of them.
    pub fn read(lookup: Lookup<'_>) -> Result<Config, Mistakes> {
        let mut reader = Reader { lookup, mistakes: Vec::new() };
        let region = reader.optional("AWS_REGION", "", |text| Ok(text.to_owned()));
        let limits = limits(&mut reader);
        let config = Config {
            access: who(&mut reader),
            upstream: upstream(&mut reader, &region),
            overflow: overflow(&mut reader, &region, &limits),
            clients: reader.optional("OVERFLOW_CLIENTS", "", Clients::read),
            upstream_headers: reader.optional("UPSTREAM_HEADERS", "", Extra::read),
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
                function: reader
                    .optional("AWS_LAMBDA_FUNCTION_NAME", "proxy", |text| Ok(text.to_owned())),
                enabled: reader.optional("METRICS", "on", on_or_off),
            },
            log: reader.optional("RUST_LOG", "info,aws=warn,hyper=warn", |t| Ok(t.to_owned())),
        };
        if reader.mistakes.is_empty() { Ok(config) } else { Err(Mistakes(reader.mistakes)) }
    }

    /// What works, but deserves a word in the log: settings that somebody chose. `serves` is whether this program answers
    /// clients; the jobs and the sweeper have nobody to let in.
    #[must_use]
    pub fn warnings(&self, serves: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        if serves {
            warnings.extend(self.access.warning());
        }
        let seconds = self.overflow.link_lifetime.as_secs();
        if serves && seconds < LINK_LIFETIME_SECONDS {
            warnings.push(format!(
                "OVERFLOW_TTL_SECONDS={seconds}: links that live shorter than {LINK_LIFETIME_SECONDS} s \
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
                "ACCESS=open: everyone who reaches this proxy uses the upstream with the rights of \
                 this function"
            }
            Access::Sessions(config) if config.settings.cookies == Cookies::PlainHttp => {
                "SESSION_COOKIES=plain-http: whoever sees the traffic can take over a session; this \
                 is for a browser on this machine alone"
            }
            Access::Sessions(_) => return None,
            Access::Closed => {
                "neither SESSIONS_TABLE nor ACCESS=open is set, so every request is refused"
            }
        };
        Some(text.to_owned())
    }
}

/// Who may use the proxy: people who log in, or everyone, but the latter in plain words only.
fn who(reader: &mut Reader<'_>) -> Access {
    let word = reader.given("ACCESS", access);
    let sessions = session::read(reader);
    match (word, sessions) {
        (Some(Word::Open), _) => Access::Open,
        (_, Some(config)) => Access::Sessions(config),
        (Some(Word::Sessions), None) => {
            let problem =
                "is not set, but ACCESS=sessions is; it is the table of users and sessions";
            reader.mistakes.push(Mistake { name: "SESSIONS_TABLE", problem: problem.to_owned() });
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
    let service = reader.optional("UPSTREAM_SERVICE", "es", |text| match text {
        "es" | "aoss" => Ok(Some(text.to_owned())),
        "none" => Ok(None),
        _ => Err(format!("`{text}` is none of `es`, `aoss` and `none`")),
    });
    let scope = service.map(|service| {
        let stated = reader.given("UPSTREAM_REGION", |text| Ok(text.to_owned()));
        let region = stated.unwrap_or_else(|| region.to_owned());
        if region.is_empty() {
            let problem = "is not set, and neither is AWS_REGION; requests are signed for a region"
                .to_owned();
            reader.mistakes.push(Mistake { name: "UPSTREAM_REGION", problem });
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
    let bucket = "the bucket for answers that are too large for Lambda";
    let bucket = reader.required("OVERFLOW_BUCKET", bucket, String::new(), bucket_name);
    let endpoint = reader.given("AWS_ENDPOINT_URL_S3", |text| Ok(text.to_owned()));
    let endpoint = endpoint.or(reader.given("AWS_ENDPOINT_URL", |text| Ok(text.to_owned())));
    if region.is_empty() {
        let problem = "is not set; the bucket's links name its region".to_owned();
        reader.mistakes.push(Mistake { name: "AWS_REGION", problem });
    }
    let seconds = reader.given("OVERFLOW_TTL_SECONDS", positive).unwrap_or(LINK_LIFETIME_SECONDS);
    if let Err(exceeded) = limits.s3_presign_expiry.admit(Millis(seconds.saturating_mul(1000))) {
        let problem =
            format!("{seconds} s is longer than S3 lets a link live, {} s", exceeded.max / 1000);
        reader.mistakes.push(Mistake { name: "OVERFLOW_TTL_SECONDS", problem });
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
    let date = reader.optional("LIMITS", "classic", |text| {
        Date::from_str(text).map_err(|error| error.to_string())
    });
    let mut limits = Limits::at(date);
    let overrides = reader.optional("LIMIT_OVERRIDES", "", |text| {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(limit_override).collect::<Result<Vec<_>, _>>()
    });
    for (name, value) in overrides {
        if let Err(error) = limits.set(&name, value) {
            let problem = error.to_string();
            reader.mistakes.push(Mistake { name: "LIMIT_OVERRIDES", problem });
        }
    }
    limits
}

#[cfg(test)]
mod tests;
