//! Tests of the HTTP interface of jobs: the real proxy, a real upstream, and a job function that runs beside them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::upstream::{RawUpstream, answer};
use crate::support::{Reply, ask, config, credentials, event, get, proxy, s3};
use futures_util::future::join_all;
use hardcap_proxy::aws::{Aws, LazyAws};
use hardcap_proxy::clock;
use hardcap_proxy::handler::Proxy;
use hardcap_proxy::handler::job_api::{Jobs, OPENAPI};
use hardcap_proxy::job::forward::{Forward, Tools};
use hardcap_proxy::job::memory::{MemoryBlobs, MemoryQueue, MemoryRows};
use hardcap_proxy::job::ports::{Ports, SystemClock};
use hardcap_proxy::job::{Engine, JobSettings};
use hardcap_proxy::store::ResponseStore;
use hardcap_proxy::upstream::Upstream;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

struct Stage {
    proxy: Proxy,
    engine: Engine,
    blobs: Arc<MemoryBlobs>,
    queue: Arc<MemoryQueue>,
    upstream: RawUpstream,
    /// The events that ran.
    events: Arc<Mutex<Vec<String>>>,
}

/// An address without a listener; links are made but not followed.
const BUCKET: &str = "http://127.0.0.1:9";

async fn stage(upstream: RawUpstream, settings: JobSettings) -> Stage {
    let config = config(&upstream.url, &[]);
    let (blobs, rows) = (Arc::new(MemoryBlobs::default()), Arc::new(MemoryRows::default()));
    let queue = Arc::new(MemoryQueue::new(settings.event_max));
    let clock = Arc::new(SystemClock);
    let ports = Ports { rows, blobs: blobs.clone(), invoker: queue.clone(), clock };
    let credentials = credentials();
    let store = ResponseStore::new(s3(BUCKET), Arc::clone(&credentials), config.overflow.clone());
    let aws = Arc::new(LazyAws::of(Aws { credentials, store }));
    let tools = Tools {
        upstream: Arc::new(Upstream::new(config.upstream.clone())),
        aws,
        uploads: config.uploads.clone(),
        result_max: config.max_body,
    };
    let engine = Engine::new(ports, settings).with::<Forward>(tools);
    let proxy = proxy(config, s3(BUCKET)).with_jobs(Jobs::new(engine.clone(), "jobs"));
    Stage { proxy, engine, blobs, queue, upstream, events: Arc::default() }
}

/// A stage whose jobs run.
async fn running(upstream: RawUpstream) -> Stage {
    let stage = stage(upstream, JobSettings::new(262_144)).await;
    let (queue, engine) = (stage.queue.clone(), stage.engine.clone());
    let events = stage.events.clone();
    tokio::spawn(async move {
        loop {
            while let Some(event) = queue.take() {
                events
                    .lock()
                    .expect("no test panicked with the lock")
                    .push(String::from_utf8_lossy(&event).into_owned());
                let deadline = clock::epoch_millis() + 60_000;
                let engine = engine.clone();
                tokio::spawn(async move { engine.run(&event, deadline).await });
            }
            clock::wait(Duration::from_millis(5)).await;
        }
    });
    stage
}

fn noise(length: usize) -> Vec<u8> {
    let words = (0..length.div_ceil(32)).flat_map(|n| Sha256::digest(n.to_le_bytes()));
    words.take(length).collect()
}

const PREFERS: (&str, &str) = ("Prefer", "respond-async, wait=30");

async fn ended(stage: &Stage, location: &str) -> Value {
    let mut job = Value::Null;
    for _ in 0..6_000 {
        let reply = get(&stage.proxy, location, &[]).await;
        assert_eq!(reply.status, 200, "{:?}", String::from_utf8_lossy(&reply.body));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        job = reply.json();
        if !matches!(job["state"].as_str(), Some("queued" | "running")) {
            return job;
        }
        assert_eq!(reply.header("retry-after"), Some("2"));
        clock::wait(Duration::from_millis(10)).await;
    }
    panic!("the job does not end; last seen: {job}");
}

fn problem(reply: &Reply, status: u16, kind: &str) {
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, status, "{text}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{text}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.json()["type"], format!("urn:hardcap:problem:{kind}"), "{text}");
}

#[tokio::test]
async fn a_quick_job_responds_inline_with_status_headers_and_bytes() {
    let said = answer(
        "404 Not SearchFuture",
        &[("content-type", "text/x-odd"), ("x-tag", "t")],
        b"\xffno",
    );
    let stage = running(RawUpstream::saying(said).await).await;
    let reply = get(&stage.proxy, "/logs/_search", &[PREFERS]).await;
    assert_eq!((reply.status, reply.body.as_slice()), (404, b"\xffno".as_slice()));
    assert_eq!(reply.header("content-type"), Some("text/x-odd"));
    assert_eq!(reply.header("x-tag"), Some("t"));
    assert_eq!(reply.header("preference-applied"), Some("respond-async, wait=30"));
    let id = reply.header("x-job-id").unwrap();
    let job = ended(&stage, &format!("/_proxy/jobs/{id}")).await;
    assert_eq!((&job["state"], &job["result"]["status"]), (&json!("complete"), &json!(404)));
    assert_eq!(job["result"]["sha256"], hex::encode(Sha256::digest(b"\xffno")));
}

#[tokio::test]
async fn a_client_with_an_endless_wait_waits_until_the_job_has_ended() {
    let stage = running(RawUpstream::saying(answer("200 OK", &[], b"soon")).await).await;
    for seconds in [u64::MAX, u64::MAX / 1000, i64::MAX as u64] {
        let prefer = format!("respond-async, wait={seconds}");
        let reply = get(&stage.proxy, "/x", &[("Prefer", prefer.as_str())]).await;
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"soon".as_slice()), "{prefer}");
        assert_eq!(reply.header("preference-applied"), Some(prefer.as_str()));
    }
}

#[tokio::test]
async fn b5_the_digest_of_a_jobs_response_is_sent_on_request() {
    // RFC 9530, appendix B.1, has this digest of this content.
    let said =
        answer("200 OK", &[("content-type", "application/json")], b"{\"hello\": \"world\"}\n");
    let stage = running(RawUpstream::saying(said).await).await;
    let wants = ("want-repr-digest", "sha-256=1");
    let reply = get(&stage.proxy, "/hello", &[PREFERS, wants]).await;
    let expected = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    assert_eq!(reply.header("repr-digest"), Some(expected), "{reply:?}");
    assert!(reply.header("x-job-id").is_some(), "it was a job");
    let reply = get(&stage.proxy, "/hello", &[PREFERS]).await;
    assert_eq!(reply.header("repr-digest"), None, "{reply:?}");
}

#[tokio::test]
async fn h3_a_result_of_any_size_is_what_the_upstream_sent() {
    const PART: usize = 8 * 1024 * 1024;
    for length in [0, 1, 100_000, PART - 1, PART, PART + 1, 20_000_000] {
        let body = noise(length);
        let headers = [("content-type", "application/octet-stream"), ("content-encoding", "zstd")];
        let stage = running(RawUpstream::saying(answer("200 OK", &headers, &body)).await).await;
        let reply = get(&stage.proxy, "/big", &[PREFERS]).await;
        let id = reply.header("x-job-id").expect("it was quick").to_owned();
        let job = ended(&stage, &format!("/_proxy/jobs/{id}")).await;
        let key = stage.blobs.keys().into_iter().find(|key| key.contains("/result")).unwrap();
        let (described, stored) = stage.blobs.object(&key).unwrap();
        assert!(stored == body, "{length}: {} bytes are stored", stored.len());
        assert_eq!(described.content_type.as_deref(), Some("application/octet-stream"));
        assert_eq!(described.content_encoding.as_deref(), Some("zstd"));
        assert_eq!(job["result"]["bytes"], length);
        assert_eq!(job["result"]["sha256"], hex::encode(Sha256::digest(&body)));
        assert_eq!(stage.blobs.open_uploads(), 0);
        if length <= 100_000 {
            assert_eq!((reply.status, reply.body == body), (200, true), "{length}");
        } else {
            assert_eq!(reply.status, 303, "{length}");
            let location = reply.header("location").unwrap();
            assert!(location.starts_with(&format!("{BUCKET}/answers/jobs/{key}?")), "{location}");
        }
    }
}

#[tokio::test]
async fn a_slow_job_is_accepted_and_found_again_with_a_new_link_each_time() {
    let upstream = RawUpstream::start(|_, _, mut socket| async move {
        clock::wait(Duration::from_millis(300)).await;
        let _ = socket.write_all(&answer("200 OK", &[], b"late")).await;
    });
    let stage = running(upstream.await).await;
    for prefer in ["respond-async", "respond-async, wait=0"] {
        let reply = get(&stage.proxy, "/slow", &[("Prefer", prefer)]).await;
        assert_eq!(reply.status, 202, "{:?}", String::from_utf8_lossy(&reply.body));
        assert_eq!(reply.header("preference-applied"), Some(prefer));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let location = reply.header("location").unwrap().to_owned();
        let accepted = reply.json();
        assert_eq!(location, format!("/_proxy/jobs/{}", accepted["id"].as_str().unwrap()));
        let job = ended(&stage, &location).await;
        assert_eq!((&job["state"], &job["id"]), (&json!("complete"), &accepted["id"]));
        let link = job["result"]["location"].as_str().unwrap();
        assert!(link.contains("X-Amz-Signature"), "{link}");
    }
    let listed = get(&stage.proxy, "/_proxy/jobs", &[]).await.json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 2);
    assert!(listed["jobs"][0]["result"]["location"].is_null(), "a list holds no secrets");
}

#[tokio::test]
async fn j9_a_key_creates_one_job_and_refuses_another_body() {
    let upstream = RawUpstream::saying(answer("200 OK", &[], b"x")).await;
    let stage = stage(upstream, JobSettings::new(262_144)).await;
    let post = |body: &'static str| {
        let mut event = event("POST", "/_proxy/jobs", &[("Idempotency-Key", "one")]);
        event["body"] = json!(body);
        event
    };
    let first = post(r#"{"index":"logs"}"#);
    let replies = join_all((0..100).map(|_| ask(&stage.proxy, &first))).await;
    let locations: std::collections::BTreeSet<String> = replies
        .iter()
        .map(|reply| {
            assert_eq!(reply.status, 202, "{:?}", String::from_utf8_lossy(&reply.body));
            reply.header("location").unwrap().to_owned()
        })
        .collect();
    assert_eq!(locations.len(), 1, "one job");
    let other = ask(&stage.proxy, &post(r#"{"index":"other"}"#)).await;
    problem(&other, 422, "idempotency-key-reused");
    let listed = get(&stage.proxy, "/_proxy/jobs", &[]).await.json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1);
    let same = get(&stage.proxy, "/x", &[("Prefer", "respond-async"), ("Idempotency-Key", "two")]);
    let again = get(&stage.proxy, "/x", &[("Prefer", "respond-async"), ("Idempotency-Key", "two")]);
    let (same, again) = (same.await, again.await);
    assert_eq!(same.header("location"), again.header("location"));
    let other = get(&stage.proxy, "/y", &[("Prefer", "respond-async"), ("Idempotency-Key", "two")]);
    problem(&other.await, 422, "idempotency-key-reused");
    let bad = get(&stage.proxy, "/y", &[("Prefer", "respond-async"), ("Idempotency-Key", "é")]);
    problem(&bad.await, 400, "bad-idempotency-key");
}

#[tokio::test]
async fn h2_unknown_jobs_are_404_expired_ones_410_and_ended_ones_stay_ended() {
    let upstream = || RawUpstream::saying(answer("200 OK", &[], b"x"));
    let stage1 = stage(upstream().await, JobSettings::new(262_144)).await;
    let endless = format!("/_proxy/jobs/{}", "a".repeat(5_000));
    let odd = ["/_proxy/jobs/6f1c", "/_proxy/jobs/open", "/_proxy/jobs/owner.open", &endless];
    for path in odd {
        problem(&get(&stage1.proxy, path, &[]).await, 404, "no-such-job");
    }
    let cancel = |location: &str| event("DELETE", location, &[]);
    let reply = get(&stage1.proxy, "/x", &[("Prefer", "respond-async")]).await;
    let location = reply.header("location").unwrap().to_owned();
    for _ in 0..2 {
        let cancelled = ask(&stage1.proxy, &cancel(&location)).await;
        assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &json!("cancelled")));
    }
    problem(&ask(&stage1.proxy, &cancel("/_proxy/jobs/6f1c")).await, 404, "no-such-job");
    let put = ask(&stage1.proxy, &event("PUT", &location, &[])).await;
    problem(&put, 405, "method-not-allowed");
    assert_eq!(put.header("allow"), Some("GET, DELETE"));

    let settings = JobSettings { retention: Duration::ZERO, ..JobSettings::new(262_144) };
    let stage2 = stage(upstream().await, settings).await;
    let reply = get(&stage2.proxy, "/x", &[("Prefer", "respond-async")]).await;
    let location = reply.header("location").unwrap().to_owned();
    problem(&ask(&stage2.proxy, &cancel(&location)).await, 410, "job-gone");
    problem(&get(&stage2.proxy, &location, &[]).await, 410, "job-gone");
    let listed = get(&stage2.proxy, "/_proxy/jobs", &[]).await.json();
    assert_eq!(listed, json!({ "jobs": [] }));
}

#[tokio::test]
async fn a_failed_job_has_its_reason_and_an_uncertain_request_is_sent_once() {
    let upstream = RawUpstream::start(|_, _, mut socket| async move {
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    });
    let stage = running(upstream.await).await;
    let reply = ask(&stage.proxy, &event("POST", "/_reindex", &[PREFERS])).await;
    problem(&reply, 502, "job-ended");
    assert_eq!(stage.upstream.received().len(), 1, "never twice");
    let listed = get(&stage.proxy, "/_proxy/jobs", &[]).await.json();
    let id = listed["jobs"][0]["id"].as_str().unwrap();
    let job = ended(&stage, &format!("/_proxy/jobs/{id}")).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("upstream")));
    assert!(
        job["error"]["detail"]
            .as_str()
            .unwrap()
            .contains("It is unknown whether the request took effect"),
        "{job}"
    );
    assert!(job["result"].is_null());
}

#[tokio::test]
async fn j8_too_many_jobs_of_one_owner_are_429_and_jobs_switched_off_are_503() {
    let upstream = || RawUpstream::saying(answer("200 OK", &[], b"x"));
    let settings = JobSettings { per_owner_max: 2, ..JobSettings::new(262_144) };
    let few = stage(upstream().await, settings).await;
    for status in [202, 202, 429] {
        let reply = get(&few.proxy, "/x", &[("Prefer", "respond-async")]).await;
        assert_eq!(reply.status, status);
        if status == 429 {
            problem(&reply, 429, "too-many-jobs");
            assert_eq!(reply.header("retry-after"), Some("30"));
        }
    }
    let off = JobSettings { enabled: false, ..JobSettings::new(262_144) };
    let off = stage(upstream().await, off).await;
    problem(&get(&off.proxy, "/x", &[("Prefer", "respond-async")]).await, 503, "jobs-stopped");
}

#[tokio::test]
async fn j14_an_event_contains_neither_headers_nor_body_nor_path_of_the_request() {
    let stage = running(RawUpstream::saying(answer("200 OK", &[], b"x")).await).await;
    let headers = [PREFERS, ("X-Api-Key", "canary-header"), ("Cookie", "sid=canary-cookie")];
    let mut event = event("POST", "/logs/_search?q=canary-query", &headers);
    event["body"] = json!("canary-body");
    assert_eq!(ask(&stage.proxy, &event).await.status, 200);
    let events = stage.events.lock().unwrap().clone();
    assert_eq!(events.len(), 1);
    assert!(!events[0].contains("canary"), "{}", events[0]);
}

#[tokio::test]
async fn a_proxy_without_jobs_ignores_the_preference_and_has_no_job_routes() {
    let upstream = RawUpstream::saying(answer("200 OK", &[], b"at once")).await;
    let proxy = proxy(config(&upstream.url, &[]), s3(BUCKET));
    let reply = get(&proxy, "/x", &[PREFERS]).await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"at once".as_slice()));
    assert_eq!(reply.header("preference-applied"), None);
    problem(&get(&proxy, "/_proxy/jobs", &[]).await, 501, "no-jobs");
}

#[tokio::test]
async fn an_invalid_export_is_refused_before_it_begins() {
    let upstream = RawUpstream::saying(answer("200 OK", &[], b"x")).await;
    let stage = stage(upstream, JobSettings::new(262_144)).await;
    for body in [
        "",
        "[]",
        r#"["logs",{},null,false]"#,
        "{}",
        r#"{"index":""}"#,
        r#"{"index":"../_cluster"}"#,
        r#"{"index":"_all"}"#,
        r#"{"index":"a","search":{"size":1}}"#,
        r#"{"index":"a","bucket":"b"}"#,
        r#"{"index":"a","page_size":0}"#,
        r#"{"index":"a","page_size":7.5}"#,
    ] {
        let mut event = event("POST", "/_proxy/jobs", &[]);
        event["body"] = json!(body);
        problem(&ask(&stage.proxy, &event).await, 400, "bad-export");
    }
    assert!(stage.blobs.keys().is_empty());
}

#[tokio::test]
async fn the_description_is_served_as_it_is_checked_in_and_names_every_route() {
    let upstream = RawUpstream::saying(answer("200 OK", &[], b"x")).await;
    let proxy = proxy(config(&upstream.url, &[]), s3(BUCKET));
    let reply = get(&proxy, "/_proxy/openapi.json", &[]).await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, OPENAPI.as_bytes()));
    let description = reply.json();
    let paths: Vec<&String> = description["paths"].as_object().unwrap().keys().collect();
    for path in [
        "/_proxy/ping",
        "/_proxy/login",
        "/_proxy/logout",
        "/_proxy/session",
        "/_proxy/jobs",
        "/_proxy/jobs/{id}",
        "/_proxy/openapi.json",
        "/_proxy/overflow/{id}",
    ] {
        assert!(paths.iter().any(|known| *known == path), "{path}");
    }
}
