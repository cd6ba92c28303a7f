//! Helpers of these tests: a proxy, an upstream on a real socket, a bucket on a real socket, and events.

#![allow(dead_code, reason = "every test file uses its own part of the vocabulary")]
#![allow(missing_docs, unreachable_pub, reason = "this is not a library")]

pub mod bucket;
pub mod log;
pub mod upstream;

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region, RequestChecksumCalculation};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap_proxy::aws::{Aws, LazyAws};
use hardcap_proxy::config::Config;
use hardcap_proxy::credentials::CredentialsCache;
use hardcap_proxy::handler::Proxy;
use hardcap_proxy::store::ResponseStore;
use serde_json::{Value, json};

/// Lambda's limit on a response: 6 MiB + 100, of 2022-04-22.
pub const CLASSIC: usize = 6_291_556;
/// More than any test takes.
pub const PLENTY: Duration = Duration::from_secs(600);

/// The configuration for an upstream; `changes` may replace any variable.
pub fn config(upstream: &str, changes: &[(&str, &str)]) -> Config {
    let base = [
        ("UPSTREAM_URL", upstream),
        ("OVERFLOW_BUCKET", "answers"),
        ("AWS_REGION", "eu-west-1"),
        ("ACCESS", "open"),
        ("S3_FORCE_PATH_STYLE", "true"),
    ];
    Config::read(&|name| {
        let found = changes.iter().chain(&base).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
    .expect("the configuration of the test is valid")
}

pub fn credentials() -> Arc<CredentialsCache> {
    let fixed = Credentials::new("AKIDEXAMPLE", "secret", Some("token".to_owned()), None, "test");
    Arc::new(CredentialsCache::new(SharedCredentialsProvider::new(fixed)))
}

/// A client of a bucket on this address.
pub fn s3(endpoint: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .retry_config(quick_retries())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// The usual number of retries, without waits.
pub fn quick_retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(1))
}

pub fn proxy(config: Config, s3: aws_sdk_s3::Client) -> Proxy {
    let credentials = credentials();
    let store = ResponseStore::new(s3, Arc::clone(&credentials), config.overflow.clone());
    Proxy::with_aws(config, LazyAws::of(Aws { credentials, store }))
}

/// The response that the gateway would send to the client.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub posted: usize,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

/// A client that follows redirects.
pub const CURL: &str = "curl/8.5.0";

/// An event of a function URL, from curl unless the headers name another client.
pub fn event(method: &str, path: &str, headers: &[(&str, &str)]) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    headers.entry("user-agent").or_insert_with(|| json!(CURL));
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "domainName": "abc.lambda-url.eu-west-1.on.aws",
            "http": {"method": method, "sourceIp": "192.0.2.9"},
            "stage": "$default",
        },
        "isBase64Encoded": false,
    })
}

/// Sends an event and reads the envelope as a gateway does.
pub async fn ask(proxy: &Proxy, event: &Value) -> Reply {
    ask_within(proxy, event, PLENTY).await
}

pub async fn ask_within(proxy: &Proxy, event: &Value, lambda: Duration) -> Reply {
    let request = serde_json::from_str(&event.to_string()).expect("it is an event");
    let posted = proxy.handle(request, lambda).await;
    let envelope: Value = serde_json::from_slice(&posted).expect("the envelope is JSON");
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in envelope["headers"].as_object().expect("there are headers") {
        headers.push((name.clone(), value.as_str().expect("a text").to_owned()));
    }
    for cookie in envelope["cookies"].as_array().into_iter().flatten() {
        headers.push(("set-cookie".to_owned(), cookie.as_str().expect("a text").to_owned()));
    }
    let body = envelope["body"].as_str().expect("there is a body");
    let body = if envelope["isBase64Encoded"] == json!(true) {
        STANDARD.decode(body).expect("it is base64")
    } else {
        body.as_bytes().to_vec()
    };
    let status =
        u16::try_from(envelope["statusCode"].as_u64().expect("a number")).expect("a status");
    Reply { status, headers, body, posted: posted.len() }
}

pub async fn get(proxy: &Proxy, path: &str, headers: &[(&str, &str)]) -> Reply {
    ask(proxy, &event("GET", path, headers)).await
}
