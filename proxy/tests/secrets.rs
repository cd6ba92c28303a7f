//! What a run leaves in the log: one line a request, and no secret.

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::bucket::Bucket;
use support::upstream::{RawUpstream, answer};
use support::{config, get, proxy, s3};
use tokio::io::AsyncWriteExt as _;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().expect("nobody panicked").clone();
        String::from_utf8(bytes).expect("a log is text")
    }

    /// The access lines.
    fn access(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON"));
        lines.filter(|line: &Value| line["target"] == "access").collect()
    }
}

// One test, for a log is of the whole process.
#[tokio::test]
async fn p5_a_request_leaves_one_line_and_no_secret() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter("info,hardcap_proxy=trace")
        .with_writer(log.clone())
        .init();
    let upstream = RawUpstream::start(|_, request, mut socket| async move {
        let body =
            if request.line.contains("large") { vec![0xff; 9_000_000] } else { b"ok".to_vec() };
        let headers = [("set-cookie", "canary-answer-cookie=1"), ("content-type", "text/plain")];
        let _ = socket.write_all(&answer("200 OK", &headers, &body)).await;
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
    ] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }

    let lines = log.access();
    assert_eq!(lines.len(), 3, "{text}");
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
