//! What a run leaves in the log: one line a request, and no secret.

use crate::support::bucket::Bucket;
use crate::support::upstream::{RawUpstream, answer};
use crate::support::{config, get, proxy, s3};
use crate::whole_log;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Requests with a password that the upstream accepts, and that it refuses.
async fn with_a_password(upstream: &str) {
    let services = MockServer::start().await;
    let value = json!({ "SecretString": "proxy:canary-password" });
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(value))
        .mount(&services)
        .await;
    let services_url = services.uri();
    let changes = [
        ("UPSTREAM_SERVICE", "none"),
        ("UPSTREAM_BASIC_AUTH", "secret:upstream"),
        ("AWS_ENDPOINT_URL", services_url.as_str()),
    ];
    let bucket = Bucket::keeping().await;
    let proxy = proxy(config(upstream, &changes), s3(&bucket.url));
    assert_eq!(get(&proxy, "/small", &[]).await.status, 200);
    assert_eq!(get(&proxy, "/denied", &[]).await.status, 401);
}

#[tokio::test]
async fn p5_a_request_is_logged_in_one_line_without_secrets() {
    let (_turn, log) = whole_log().await;
    let upstream = RawUpstream::start(|_, request, mut socket| async move {
        let body =
            if request.line.contains("large") { vec![0xff; 9_000_000] } else { b"ok".to_vec() };
        let status = if request.line.contains("denied") { "401 Unauthorized" } else { "200 OK" };
        let headers = [("set-cookie", "canary-answer-cookie=1"), ("content-type", "text/plain")];
        let _ = socket.write_all(&answer(status, &headers, &body)).await;
    })
    .await;
    let bucket = Bucket::keeping().await;
    let proxy =
        proxy(config(&upstream.url, &[("LIMIT_OVERRIDES", "rest_timeout=5000")]), s3(&bucket.url));
    let secrets = [
        ("authorization", "canary-authorization"),
        ("cookie", "canary-cookie"),
        ("x-amz-security-token", "canary-token"),
        ("x-overflow", "redirect"),
    ];
    get(&proxy, "/small?q=canary-query", &secrets).await;
    let large = get(&proxy, "/large?q=canary-query", &secrets[..2]).await;
    get(&proxy, "/a/../canary?q=canary-query", &[]).await;
    with_a_password(&upstream.url).await;
    let text = log.text();
    assert_eq!(large.status, 303);
    let location = large.header("location").expect("it leads somewhere");
    let signature = location.split("X-Amz-Signature=").nth(1).expect("it is signed");
    assert!(!text.contains(&signature[..32]), "the link is a secret");
    for secret in [
        "X-Amz-Signature",
        "canary-auth",
        "canary-cookie",
        "canary-token",
        "canary-query",
        "canary-answer",
        "canary-password",
        "Y2FuYXJ5LXBhc3N3b3Jk",
    ] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }

    let lines = log.of("access");
    assert_eq!(lines.len(), 5, "{text}");
    let fields = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        (text("method"), text("path"), line["status"].as_u64(), text("delivery"))
    };
    let get = || "GET".to_owned();
    assert_eq!(
        fields(&lines[0]),
        (get(), "/small".to_owned(), Some(200), "inline-text".to_owned())
    );
    assert_eq!(fields(&lines[1]), (get(), "/large".to_owned(), Some(303), "redirect".to_owned()));
    assert_eq!(lines[2]["status"], 400);
    assert_eq!(lines[2]["delivery"], "refused");
    let posted = lines[0]["envelope_bytes"].as_u64().expect("it is measured");
    assert_eq!(lines[0]["headroom"].as_u64(), Some(6_291_556 - posted));
    assert!(lines[1]["s3_ms"].is_u64() && lines[1]["upstream_ms"].is_u64(), "{}", lines[1]);
    assert!(lines[0].get("s3_ms").is_none(), "{}", lines[0]);
}
