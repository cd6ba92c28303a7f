//! The memory that a stream takes. A program of its own, because it measures the memory of this process.

#![cfg(target_os = "linux")]

use hardcap::Emulator;
use hardcap::config::Function;
use hardcap_limits::Millis;
use hardcap_tests::client::{Call, Client};
use serde_json::json;

/// A figure of the kernel about this process, in bytes.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("the kernel says");
    let line = text.lines().find(|line| line.starts_with(name)).expect(name);
    let kilobytes = line.split_whitespace().nth(1).expect("a number");
    kilobytes.parse::<u64>().expect("a number") * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_megabytes_pass_in_less_than_48() {
    let mut function = Function::new("stream", [env!("CARGO_BIN_EXE_guest"), "stream"]);
    function.timeout = Millis(600_000);
    let emulator = Emulator::builder()
        .limits("current".parse().expect("a day"))
        .set("lambda_stream_rate", 1_000_000_000)
        .function(function)
        .streaming_function_url("stream")
        .start()
        .await
        .expect("an emulator on free ports");
    let client = Client::new();
    let call = |size: u64| {
        let wish = json!({"prelude": {"statusCode": 200}, "size": size}).to_string();
        Call::post(emulator.function_url("stream").unwrap(), wish)
    };
    // Metadata and delimiter have 26 bytes, and the limit is that of all that is posted.
    assert_eq!(client.digest(&call(1)).await.expect("an answer").length, 1);
    let before = status("VmRSS:");
    let whole = client.digest(&call(209_715_174)).await.expect("an answer");
    assert_eq!((whole.status.as_u16(), whole.length), (200, 209_715_174));
    let over = client.digest(&call(209_715_176)).await.expect("an answer");
    assert_eq!((over.status.as_u16(), over.length), (200, 209_715_175), "one byte more arrives");
    let grown = status("VmHWM:").saturating_sub(before);
    assert!(grown < 48 * 1024 * 1024, "{grown} bytes more than before");
    let seen = &emulator.totals().limits["lambda_stream_response"];
    assert_eq!((seen.max, seen.highest, seen.refused), (209_715_200, 209_715_202, 1));
    assert_eq!(client.digest(&call(1)).await.expect("an answer").length, 1);
}
