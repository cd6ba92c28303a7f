//! S3 and web pages: what a bucket's rules, a presigned URL and a secret key permit.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use hardcap::Emulator;
use hardcap::config::{Bucket, BucketCorsRule, Credential};
use hardcap_tests::client::{Answer, Call};
use http::Method;

use super::calls::{RefusalFormat, Shown, builder, from_page, nothing_happened, sdk, send};

const SECRET: (&str, &str) = ("AKIASECRET", "of-nobody-else");
const PUBLISHED: (&str, &str) = ("test", "test");

const SCRIPT: Shown = &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
const IMAGE: Shown =
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
const WINDOW: Shown = &[
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];
const FRAME: Shown = &[
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "iframe"),
];
const REDIRECTED: Shown = &[("origin", "null"), ("sec-fetch-site", "cross-site")];
const OWN: Shown = &[("sec-fetch-site", "same-origin")];

async fn emulator() -> Emulator {
    let open = BucketCorsRule {
        allowed_origins: vec!["https://app.example".to_owned()],
        allowed_methods: vec!["GET".to_owned(), "PUT".to_owned()],
        ..BucketCorsRule::default()
    };
    let open = Bucket { name: "open".to_owned(), cors: vec![open], ..Bucket::default() };
    let credential = Credential {
        access_key_id: SECRET.0.to_owned(),
        secret_access_key: SECRET.1.to_owned(),
        session_token: None,
    };
    builder().bucket(open).credential(credential).start().await.unwrap()
}

fn minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()
}

async fn link(emulator: &Emulator, keys: (&str, &str), method: &Method, place: &str) -> Call {
    let (bucket, key) = place.split_once('/').unwrap();
    let sdk = sdk(emulator, keys.0, keys.1);
    let presigned = match *method {
        Method::PUT => sdk.put_object().bucket(bucket).key(key).presigned(minute()).await.unwrap(),
        Method::DELETE => {
            sdk.delete_object().bucket(bucket).key(key).presigned(minute()).await.unwrap()
        }
        Method::HEAD => {
            sdk.head_object().bucket(bucket).key(key).presigned(minute()).await.unwrap()
        }
        _ => sdk.get_object().bucket(bucket).key(key).presigned(minute()).await.unwrap(),
    };
    Call::new(method.clone(), presigned.uri())
}

async fn store(emulator: &Emulator, place: &str, kind: &str) {
    let (bucket, key) = place.split_once('/').unwrap();
    let put = sdk(emulator, "test", "test").put_object().bucket(bucket).key(key);
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"<p>text");
    put.content_type(kind).body(body).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_the_published_key_opens_in_a_window_and_does_nothing_else_for_a_page() {
    let emulator = emulator().await;
    store(&emulator, "open/key", "text/plain").await;
    for (method, page, status) in [
        (Method::GET, WINDOW, 200),
        (Method::GET, SCRIPT, 403),
        (Method::GET, REDIRECTED, 403),
        (Method::GET, IMAGE, 403),
        (Method::GET, FRAME, 403),
        (Method::GET, OWN, 403),
        (Method::HEAD, SCRIPT, 403),
        (Method::PUT, SCRIPT, 403),
        (Method::PUT, WINDOW, 403),
        (Method::DELETE, SCRIPT, 403),
        (Method::GET, &[], 200),
    ] {
        let call = link(&emulator, PUBLISHED, &method, "open/key").await;
        let answer = send(&from_page(&call, page)).await;
        assert_eq!(answer.status, status, "{method} {page:?}: {answer:?}");
    }
    let call = link(&emulator, PUBLISHED, &Method::PUT, "bucket/new").await;
    RefusalFormat::S3.refusal(&send(&from_page(&call.body("x"), SCRIPT)).await);
    nothing_happened(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_a_secret_key_reads_as_on_aws_and_writes_by_a_rule_alone() {
    let emulator = emulator().await;
    store(&emulator, "open/key", "text/plain").await;
    for (method, page, status) in [
        (Method::GET, WINDOW, 200),
        (Method::GET, SCRIPT, 200),
        (Method::GET, REDIRECTED, 200),
        (Method::GET, IMAGE, 200),
        (Method::GET, FRAME, 200),
        (Method::HEAD, SCRIPT, 200),
        (Method::PUT, SCRIPT, 403),
        (Method::DELETE, SCRIPT, 403),
        (Method::PUT, &[("origin", "https://app.example")], 200),
        (Method::DELETE, &[("origin", "https://app.example")], 403),
    ] {
        let call = link(&emulator, SECRET, &method, "open/key").await;
        let answer = send(&from_page(&call, page)).await;
        assert_eq!(answer.status, status, "{method} {page:?}: {answer:?}");
        let readable = answer.header("access-control-allow-origin");
        let by_rule = page.contains(&("origin", "https://app.example")) && method != Method::DELETE;
        assert_eq!(readable, by_rule.then_some("https://app.example"), "{method} {page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_the_bucket_lets_a_page_in_with_any_key_and_without_one_nothing_changes() {
    let emulator = emulator().await;
    store(&emulator, "open/key", "text/plain").await;
    let app: Shown = &[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
    let get = link(&emulator, PUBLISHED, &Method::GET, "open/key").await;
    let answer = send(&from_page(&get, app)).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "<p>text"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    let unsigned = Call::get(format!("{}/open/key", emulator.aws_url()));
    let answer = send(&from_page(&unsigned, app)).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.text().contains("<Message>Access Denied</Message>"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_shown_as_documents_are_sandboxed_and_programs_get_awss_headers() {
    let emulator = emulator().await;
    for (kind, page, is_sandboxed) in [
        ("text/html", WINDOW, true),
        ("image/svg+xml", WINDOW, true),
        ("application/pdf", WINDOW, false),
        ("text/html", &[][..], false),
        ("text/html", &[("accept", "text/html")], true),
    ] {
        store(&emulator, "open/page", kind).await;
        let get = link(&emulator, PUBLISHED, &Method::GET, "open/page").await;
        let answer = send(&from_page(&get, page)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let policy = answer.header("content-security-policy");
        assert_eq!(policy.is_some(), is_sandboxed, "{kind} {page:?}: {answer:?}");
        assert!(policy.is_none_or(|policy| policy.starts_with("sandbox")), "{policy:?}");
    }
    let error = Call::get(format!("{}/open/none", emulator.aws_url()));
    let answer: Answer = send(&from_page(&error, WINDOW)).await;
    assert!(answer.header("content-security-policy").is_some(), "an error is XML: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_in_the_host_is_this_machine() {
    let emulator = emulator().await;
    store(&emulator, "open/key", "text/plain").await;
    let port = emulator.aws_url().rsplit_once(':').unwrap().1;
    for host in ["open.localhost", "open.s3.localhost", "open.s3.us-east-1.localhost"] {
        let call = Call::get(format!("{}/key", emulator.aws_url()));
        let answer = send(&call.header("host", format!("{host}:{port}"))).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.text().contains("<Message>Access Denied</Message>"), "{host}: {answer:?}");
    }
}
