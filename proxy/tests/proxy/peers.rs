//! Tests of errors of other signing proxies, one for each, that no failure mode of this proxy covers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::upstream::{RawUpstream, answer};
use crate::support::{ask, config, event, get, proxy, s3};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future,
};
use hardcap_proxy::aws::{Aws, LazyAws};
use hardcap_proxy::credentials::CredentialsCache;
use hardcap_proxy::handler::Proxy;
use hardcap_proxy::store::ResponseStore;
use serde_json::json;

/// A bucket that these tests do not use.
const NO_BUCKET: &str = "http://127.0.0.1:9";

fn with_provider(upstream: &str, provider: impl ProvideCredentials + 'static) -> Proxy {
    let credentials = Arc::new(CredentialsCache::new(SharedCredentialsProvider::new(provider)));
    let config = config(upstream, &[]);
    let store =
        ResponseStore::new(s3(NO_BUCKET), Arc::clone(&credentials), config.overflow.clone());
    Proxy::with_aws(config, LazyAws::of(Aws { credentials, store }))
}

/// Returns a new key for each call, each valid for half a minute.
#[derive(Debug, Default)]
struct Rotating(AtomicU64);

impl ProvideCredentials for Rotating {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let (id, token) = (format!("AKID{number}"), format!("token-{number}"));
        let expiry = hardcap_proxy::clock::now() + Duration::from_secs(30);
        let credentials = Credentials::new(id, "secret", Some(token), Some(expiry), "test");
        future::ProvideCredentials::ready(Ok(credentials))
    }
}

#[derive(Debug)]
struct Failing;

impl ProvideCredentials for Failing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("there are none")))
    }
}

/// access-es never refreshed its credentials; opensearch-py mixed key and token during a refresh.
#[tokio::test]
async fn credentials_are_current_and_consistent() {
    let upstream = RawUpstream::saying(answer("200 OK", &[], b"ok")).await;
    let proxy = with_provider(&upstream.url, Rotating::default());
    for _ in 0..4 {
        assert_eq!(get(&proxy, "/", &[]).await.status, 200);
    }
    for (number, received) in upstream.received().iter().enumerate() {
        let authorization = received.header("authorization").unwrap();
        assert!(authorization.contains(&format!("Credential=AKID{number}/")), "{authorization}");
        let token = format!("token-{number}");
        assert_eq!(received.header("x-amz-security-token"), Some(token.as_str()));
    }
}

/// aws-signing-proxy logged the error and forwarded the request without a signature.
#[tokio::test]
async fn a_request_that_cannot_be_signed_is_not_sent() {
    let upstream = RawUpstream::saying(answer("200 OK", &[], b"ok")).await;
    let proxy = with_provider(&upstream.url, Failing);
    for method in ["GET", "POST"] {
        let reply = ask(&proxy, &event(method, "/_search", &[])).await;
        assert_eq!(
            (reply.status, &reply.json()["type"]),
            (502, &json!("urn:hardcap:problem:unsigned"))
        );
    }
    assert!(upstream.received().is_empty());
}

/// aws-es-proxy forwarded six headers: each new one of Kibana needed a release, and a gzipped `_bulk` broke.
#[tokio::test]
async fn needed_request_headers_and_all_response_headers_are_forwarded() {
    let headers = [
        ("content-type", "application/x-ndjson"),
        ("content-encoding", "gzip"),
        ("accept", "application/vnd.elasticsearch+json;compatible-with=8"),
        ("kbn-xsrf", "true"),
        ("osd-version", "2.19.0"),
        ("x-opaque-id", "1"),
        ("x-team-of-ours", "configured"),
    ];
    let back = [("x-elastic-product", "Elasticsearch"), ("warning", "299 - \"x\""), ("x-new", "1")];
    let upstream = RawUpstream::saying(answer("200 OK", &back, b"{}")).await;
    let proxy = proxy(config(&upstream.url, &[("UPSTREAM_HEADERS", "x-team-*")]), s3(NO_BUCKET));
    let mut bulk = event("POST", "/_bulk", &[&headers[..], &[("x-never-heard-of", "x")]].concat());
    let packed = [0x1f, 0x8b, 0x08, 0x00, 0xff, 0x00];
    bulk["isBase64Encoded"] = json!(true);
    bulk["body"] = json!("H4sIAP8A");
    let reply = ask(&proxy, &bulk).await;
    let received = &upstream.received()[0];
    for (name, value) in headers {
        assert_eq!(received.header(name), Some(value), "{name}");
    }
    assert_eq!(received.header("x-never-heard-of"), None);
    assert_eq!(received.body, packed);
    for (name, value) in back {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
}

/// aws-es-kibana made everything that looked like a script cacheable, including private `.json` responses.
#[tokio::test]
async fn only_the_upstream_makes_responses_cacheable() {
    let plain = RawUpstream::saying(answer("200 OK", &[("content-type", "a/b")], b"x")).await;
    let proxy = proxy(config(&plain.url, &[]), s3(NO_BUCKET));
    for path in ["/app.js", "/users.json", "/_search", "/x.css?v=1"] {
        let reply = get(&proxy, path, &[]).await;
        assert_eq!(
            (reply.header("cache-control"), reply.header("expires")),
            (None, None),
            "{path}"
        );
    }
    let kept = [("cache-control", "private, max-age=60"), ("etag", "\"1\"")];
    let upstream = RawUpstream::saying(answer("200 OK", &kept, b"x")).await;
    let proxy = crate::support::proxy(config(&upstream.url, &[]), s3(NO_BUCKET));
    let reply = get(&proxy, "/app.js", &[]).await;
    assert_eq!(reply.header("cache-control"), Some("private, max-age=60"));
}

/// access-es responded with 500 if the upstream sent no content type.
#[tokio::test]
async fn a_response_without_a_content_type_is_delivered() {
    for (line, body) in
        [("200 OK", &b"x"[..]), ("204 No Content", b""), ("404 Not SearchFuture", b"x")]
    {
        let upstream = RawUpstream::saying(answer(line, &[], body)).await;
        let proxy = proxy(config(&upstream.url, &[]), s3(NO_BUCKET));
        let reply = get(&proxy, "/", &[]).await;
        assert_eq!(reply.status.to_string(), line[..3]);
        assert_eq!((reply.body.as_slice(), reply.header("content-type")), (body, None));
    }
}

/// aws-es-proxy stopped at a request for `/terminate-proxy`, without authentication.
#[tokio::test]
async fn no_path_stops_the_proxy() {
    let upstream = RawUpstream::saying(answer("200 OK", &[], b"the upstream's")).await;
    let proxy = proxy(config(&upstream.url, &[]), s3(NO_BUCKET));
    for path in ["/terminate-proxy", "/shutdown", "/metrics", "/health", "/ping"] {
        assert_eq!(get(&proxy, path, &[]).await.body, b"the upstream's", "{path}");
    }
}
