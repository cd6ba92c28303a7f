//! Request bodies that Lambda cannot carry: through the real proxy, the emulator's S3 and an upstream that verifies
//! signatures.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hardcap::Emulator;
use hardcap::config::{Bucket, Function, Table};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::eventually::eventually;
use hardcap_tests::functions::proxy;
use hardcap_tests::process::binary;
use hardcap_tests::search::{Search, SearchConfig};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const TYPE: &str = "application/x-ndjson";

struct Stage {
    emulator: Emulator,
    search: Search,
    client: Client,
}

async fn stage(variables: &[(&str, &str)]) -> Stage {
    let search = Search::start(SearchConfig::default()).await.unwrap();
    let mut function = proxy(&search.url(), "answers");
    let jobs = [("JOBS_TABLE", "jobs"), ("JOB_FUNCTION", "job")];
    for (name, value) in jobs.iter().chain(variables) {
        function.environment.insert((*name).to_owned(), (*value).to_owned());
    }
    let job = Function::new("job", [binary("hardcap-proxy", "job")]);
    let environment = function.environment.clone();
    let job = Function { environment, memory_mb: 128, timeout: Millis(60_000), ..job };
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(function)
        .function(job)
        .function_url("proxy")
        .rest_api("Rest", &[("ANY", "/{proxy+}", "proxy")])
        .http_api("Http", &[("ANY", "/{proxy+}", "proxy")])
        .bucket(Bucket { name: "answers".to_owned(), ..Bucket::default() })
        .table(Table::new("jobs", "pk"))
        .start()
        .await
        .unwrap();
    search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
    Stage { emulator, search, client: Client::new() }
}

/// Bytes that no compression and no repetition makes small.
fn content(length: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(length + 32);
    let mut block = Sha256::digest(b"content");
    while bytes.len() < length {
        bytes.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    bytes.truncate(length);
    bytes.into()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// An upload that the proxy offers.
struct Offer(Value);

impl Offer {
    fn id(&self) -> &str {
        self.0["id"].as_str().unwrap()
    }

    fn url(&self) -> &str {
        self.0["url"].as_str().unwrap()
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        let headers = self.0["headers"].as_object().unwrap().iter();
        headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
    }

    /// The PUT as it is asked for, of these bytes.
    fn put(&self, bytes: &Bytes) -> Call {
        self.put_with(bytes, |_, value| Some(value.to_owned()))
    }

    /// The same with other headers. The length is always that of the bytes, as every client has it.
    fn put_with(&self, bytes: &Bytes, change: impl Fn(&str, &str) -> Option<String>) -> Call {
        let mut call = Call::new(Method::PUT, self.url()).body(bytes.clone());
        for (name, value) in self.headers() {
            if let Some(value) = change(name, value).filter(|_| name != "content-length") {
                call = call.header(name, value);
            }
        }
        call
    }
}

impl Stage {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.function_url("proxy").unwrap().trim_end_matches('/'))
    }

    async fn send(&self, call: Call) -> Answer {
        self.client.send(&call).await.expect("there is an answer")
    }

    async fn asks(&self, length: usize, digest: &str) -> Answer {
        let body = json!({ "length": length, "type": TYPE, "sha256": digest }).to_string();
        self.send(Call::post(self.url("/_proxy/uploads"), body)).await
    }

    async fn offer(&self, bytes: &[u8]) -> Offer {
        let offered = self.asks(bytes.len(), &sha256(bytes)).await;
        assert_eq!(offered.status, 201, "{offered:?}");
        assert_eq!(offered.header("cache-control"), Some("no-store"));
        Offer(offered.json())
    }

    async fn uploaded(&self, bytes: &Bytes) -> Offer {
        let offer = self.offer(bytes).await;
        let put = self.send(offer.put(bytes)).await;
        assert_eq!(put.status, 200, "{put:?}");
        offer
    }

    fn bulk(&self, id: &str) -> Call {
        Call::post(self.url("/logs/_bulk"), "").header("x-upload-id", id)
    }

    /// Sends a request that names an upload, and expects a problem.
    async fn refused(&self, call: Call, status: u16, kind: &str) -> Value {
        let answer = self.send(call).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:hardcap:problem:{kind}"), "{problem}");
        problem
    }

    /// What the upstream received last: how many bytes, their digest and their type.
    fn received(&self) -> (u64, String, Vec<String>) {
        let received = self.search.received().pop().expect("the upstream was asked");
        assert_eq!(received.refusal, None, "the signature covers the body: {received:?}");
        assert!(received.header("x-upload-id").is_empty(), "{received:?}");
        assert!(received.header("transfer-encoding").is_empty(), "{received:?}");
        (received.body_bytes, received.body_sha256.clone(), received.header("content-type"))
    }

    /// A client of the bucket's own, that may do everything.
    fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(self.emulator.aws_url())
            .force_path_style(true)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::new("us-east-1"))
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// Puts something where the upload belongs, past the proxy.
    async fn replace(&self, id: &str, bytes: &[u8]) {
        let put = self.s3().put_object().bucket("answers").key(format!("uploads/{id}/body"));
        let put = put.checksum_sha256(STANDARD.encode(Sha256::digest(bytes)));
        put.body(ByteStream::from(bytes.to_vec())).send().await.unwrap();
    }

    /// Changes the ticket of an upload, past the proxy.
    async fn change_ticket(&self, id: &str, change: impl FnOnce(&mut Value)) {
        let (s3, key) = (self.s3(), format!("uploads/{id}/ticket"));
        let ticket = s3.get_object().bucket("answers").key(&key).send().await.unwrap();
        let ticket = ticket.body.collect().await.unwrap().into_bytes();
        let mut ticket = serde_json::from_slice(&ticket).unwrap();
        change(&mut ticket);
        let body = ByteStream::from(ticket.to_string().into_bytes());
        s3.put_object().bucket("answers").key(&key).body(body).send().await.unwrap();
    }

    /// The most memory that the proxy's process has had, in bytes.
    fn peak_memory(&self) -> u64 {
        let mut peaks = Vec::new();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let read = |name: &str| std::fs::read(process.path().join(name)).unwrap_or_default();
            let program = std::fs::read_link(process.path().join("exe")).unwrap_or_default();
            let environment = String::from_utf8_lossy(&read("environ")).into_owned();
            if program.file_name().is_none_or(|name| name != "proxy")
                || !environment.contains(self.emulator.aws_url())
            {
                continue;
            }
            let status = String::from_utf8_lossy(&read("status")).into_owned();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            peaks.push(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024);
        }
        peaks.into_iter().max().expect("the proxy runs")
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn j10_ninety_megabytes_reach_the_upstream_whole_and_in_constant_memory() {
    let stage = stage(&[]).await;
    let bytes = content(90_000_000);
    let offer = stage.uploaded(&bytes).await;
    // Whatever the type of the request without a body: the promise holds.
    let call = stage.bulk(offer.id()).header("content-type", "text/plain");
    let answer = stage.send(call).await;
    let expected = (90_000_000, sha256(&bytes), vec![TYPE.to_owned()]);
    assert_eq!(stage.received(), expected, "{answer:?}");
    let peak = stage.peak_memory();
    assert!(peak < 64 * 1024 * 1024, "{peak} bytes for a body of {}", bytes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn j10_s3_accepts_what_was_promised_and_nothing_else() {
    let stage = stage(&[]).await;
    let bytes = content(1_000);
    let offer = stage.offer(&bytes).await;
    let changed = |of: &'static str, to: String| {
        move |name: &str, value: &str| Some(if name == of { to.clone() } else { value.to_owned() })
    };
    let without =
        |of: &'static str| move |name: &str, value: &str| (name != of).then(|| value.to_owned());
    let other = content(1_001).slice(1..);
    let checksum = STANDARD.encode(Sha256::digest(&other));
    let refused = [
        (offer.put(&content(1_001)), 403, "SignatureDoesNotMatch"),
        (offer.put(&bytes.slice(1..)), 403, "SignatureDoesNotMatch"),
        (offer.put(&Bytes::new()), 403, "SignatureDoesNotMatch"),
        (
            offer.put_with(&bytes, changed("content-type", "text/html".to_owned())),
            403,
            "SignatureDoesNotMatch",
        ),
        (offer.put_with(&bytes, without("content-type")), 403, "SignatureDoesNotMatch"),
        (
            offer.put_with(&other, changed("x-amz-checksum-sha256", checksum)),
            403,
            "SignatureDoesNotMatch",
        ),
        (offer.put_with(&other, without("x-amz-checksum-sha256")), 403, "SignatureDoesNotMatch"),
        (offer.put_with(&bytes, without("if-none-match")), 403, "SignatureDoesNotMatch"),
        (offer.put(&other), 400, "BadDigest"),
        (offer.put(&bytes).header("x-amz-acl", "public-read"), 403, "AccessDenied"),
    ];
    for (at, (call, status, code)) in refused.into_iter().enumerate() {
        let answer = stage.send(call).await;
        assert_eq!(answer.status, status, "{at}: {answer:?}");
        let expected = format!("<Code>{code}</Code>");
        assert!(answer.text().contains(&expected), "{at}: {answer:?}");
    }
    stage.refused(stage.bulk(offer.id()), 409, "upload-missing").await;
    let put = stage.send(offer.put(&bytes)).await;
    assert_eq!(put.status, 200, "{put:?}");
    let again = stage.send(offer.put(&bytes)).await;
    assert_eq!(again.status, 412, "once: {again:?}");
    assert!(again.text().contains("<Code>PreconditionFailed</Code>"), "{again:?}");
    stage.send(stage.bulk(offer.id())).await;
    assert_eq!(stage.received(), (1_000, sha256(&bytes), vec![TYPE.to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn j10_the_link_of_an_upload_ends() {
    let stage = stage(&[]).await;
    let bytes = content(10);
    let (early, late) = (stage.offer(&bytes).await, stage.offer(&bytes).await);
    stage.emulator.clock().advance(Millis(880_000)).await;
    assert_eq!(stage.send(early.put(&bytes)).await.status, 200);
    stage.emulator.clock().advance(Millis(21_000)).await;
    let answer = stage.send(late.put(&bytes)).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.text().contains("<Message>Request has expired</Message>"), "{answer:?}");
    stage.refused(stage.bulk(late.id()), 409, "upload-missing").await;
    let fresh = stage.offer(&bytes).await;
    assert_eq!(stage.send(fresh.put(&bytes)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn j10_each_thing_that_is_wrong_with_an_upload_has_its_own_problem() {
    let stage = stage(&[]).await;
    let bytes = content(1_000);
    let offer = stage.uploaded(&bytes).await;
    let id = offer.id();
    stage.refused(stage.bulk("../jobs"), 400, "bad-upload-id").await;
    let nobodys = "00000000-0000-4000-8000-000000000000";
    stage.refused(stage.bulk(nobodys), 404, "no-such-upload").await;
    stage.refused(stage.bulk(id).body("more"), 400, "upload-with-body").await;

    stage.replace(id, &content(1_001)).await;
    let problem = stage.refused(stage.bulk(id), 409, "upload-length").await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("has 1001 bytes instead of the promised 1000"), "{detail}");
    stage.replace(id, &content(1_001).slice(1..)).await;
    stage.refused(stage.bulk(id), 409, "upload-digest").await;
    stage.replace(id, &bytes).await;

    stage.change_ticket(id, |ticket| ticket["owner"] = json!("someone else")).await;
    stage.refused(stage.bulk(id), 403, "not-your-upload").await;
    stage.change_ticket(id, |ticket| ticket["owner"] = json!("open")).await;
    stage.change_ticket(id, |ticket| ticket["usable_until"] = json!(1)).await;
    stage.refused(stage.bulk(id), 410, "upload-expired").await;
    assert_eq!(stage.search.received().len(), 0, "nothing of this reached the upstream");

    stage.change_ticket(id, |ticket| ticket["usable_until"] = json!(1_u64 << 45)).await;
    stage.send(stage.bulk(id)).await;
    assert_eq!(stage.received().1, sha256(&bytes), "the upload itself is as good as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn j11_the_link_of_an_upload_holds_a_signature_and_nothing_that_was_not_asked_for() {
    let stage = stage(&[]).await;
    let offer = stage.offer(&content(1_000)).await;
    let query = offer.url().split_once('?').unwrap().1;
    let mut names: Vec<&str> = query.split('&').filter_map(|part| part.split('=').next()).collect();
    names.sort_unstable();
    let expected = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "x-id",
    ];
    assert_eq!(names, expected, "no checksum of an empty body among them");
    let signed = "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match%3Bx-amz-checksum-sha256";
    assert!(query.contains(signed), "{query}");
    assert!(query.contains("X-Amz-Expires=900"), "{query}");
    let mut headers = offer.headers();
    headers.sort_unstable();
    let checksum = STANDARD.encode(Sha256::digest(content(1_000)));
    let expected = [
        ("content-length", "1000"),
        ("content-type", TYPE),
        ("if-none-match", "*"),
        ("x-amz-checksum-sha256", checksum.as_str()),
    ];
    assert_eq!(headers, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn j12_a_body_that_is_too_large_gets_the_maximum_size() {
    let stage = stage(&[("UPLOAD_MAX_BYTES", "1000")]).await;
    let digest = "0".repeat(64);
    let largest = stage.asks(1_000, &digest).await;
    assert_eq!(largest.status, 201, "{largest:?}");
    let body = json!({ "length": 1_001, "type": TYPE, "sha256": digest }).to_string();
    let call = Call::post(stage.url("/_proxy/uploads"), body);
    let problem = stage.refused(call, 413, "upload-too-large").await;
    let advice = stage.send(Call::get(stage.url("/_proxy/uploads"))).await.json();
    let expected = json!({
        "max_inline_bytes": 4_694_016, "max_upload_bytes": 1_000, "uploads": "/_proxy/uploads",
    });
    assert_eq!(advice, expected);
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&problem[name], value, "{problem}");
    }
    assert_eq!(stage.asks(1_000, &digest).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn j12_a_body_of_the_advertised_length_needs_no_upload_at_any_door() {
    let stage = stage(&[]).await;
    let bytes = content(4_694_016);
    let doors = [
        stage.emulator.api_url("Rest").unwrap(),
        stage.emulator.api_url("Http").unwrap(),
        stage.emulator.function_url("proxy").unwrap(),
    ];
    for door in doors {
        let mut call =
            Call::post(format!("{}/logs/_bulk", door.trim_end_matches('/')), bytes.clone());
        call = call.header("content-type", "application/octet-stream");
        for number in 0..9 {
            call = call.header(format!("x-long-{number}"), "x".repeat(1_000));
        }
        stage.send(call).await;
        assert_eq!(stage.received().1, sha256(&bytes), "through {door}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_the_body_of_a_job() {
    let stage = stage(&[]).await;
    let bytes = content(20_000_000);
    let offer = stage.uploaded(&bytes).await;
    let call = stage.bulk(offer.id()).header("prefer", "respond-async");
    let accepted = stage.send(call.clone()).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let location = accepted.header("location").unwrap().to_owned();
    let job: Value = eventually(Duration::from_secs(120), "the job ends", async || {
        let job: Value = stage.send(Call::get(stage.url(&location))).await.json();
        if matches!(job["state"].as_str(), Some("complete" | "failed")) {
            Ok(job)
        } else {
            Err(job)
        }
    })
    .await;
    assert_eq!(job["state"], "complete", "{job}");
    assert_eq!(stage.received(), (20_000_000, sha256(&bytes), vec![TYPE.to_owned()]));

    stage.replace(offer.id(), &content(30)).await;
    stage.refused(call, 409, "upload-length").await;
}
