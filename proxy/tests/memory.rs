//! The memory that storing a body in S3 takes. The test has a process of its own, because it measures the process.

#[path = "proxy/support/mod.rs"]
mod support;

use std::fs;

use support::bucket::Bucket;
use support::upstream::{RawUpstream, head};
use support::{config, get, proxy, s3};
use tokio::io::AsyncWriteExt as _;

const LENGTH: usize = 300 * 1024 * 1024;
const PIECE: usize = 64 * 1024;

/// A memory figure of this process, in bytes.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("the kernel says");
    let line = text.lines().find(|line| line.starts_with(name)).expect(name);
    let kilobytes = line.split_whitespace().nth(1).expect("a number");
    kilobytes.parse::<u64>().expect("a number") * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn z7_three_hundred_megabytes_pass_in_less_than_64() {
    let upstream = RawUpstream::start(|_, _, mut socket| async move {
        let headers = [("content-type", "application/octet-stream")];
        let _ = socket.write_all(head("200 OK", &headers, LENGTH).as_bytes()).await;
        let piece = vec![0xa5; PIECE];
        for _ in 0..LENGTH / PIECE {
            if socket.write_all(&piece).await.is_err() {
                return;
            }
        }
    })
    .await;
    let bucket = Bucket::counting().await;
    let proxy = proxy(config(&upstream.url, &[]), s3(&bucket.url));
    assert_eq!(get(&proxy, "/_proxy/ping", &[]).await.status, 200);
    let before = status("VmRSS:");
    let reply = get(&proxy, "/large", &[]).await;
    let peak = status("VmHWM:");
    assert_eq!(reply.status, 303, "{:?}", String::from_utf8_lossy(&reply.body));
    assert_eq!(reply.json()["size"], LENGTH);
    assert_eq!(bucket.counted(), LENGTH as u64);
    let grown = peak.saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "{grown} bytes more than before");
}
