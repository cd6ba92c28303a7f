//! A body far larger than the function that passes it on.
//!
//! A program of its own, because it measures the memory of every process that this one has started.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hardcap::Emulator;
use hardcap::config::Bucket;
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::content::{Content, ContentKind};
use hardcap_tests::functions::proxy;
use hardcap_tests::search::{Search, SearchConfig};

#[tokio::test(flavor = "multi_thread")]
async fn a_gibibyte_passes_a_function_of_128_megabytes() {
    let search = Search::start(SearchConfig::default()).await.unwrap();
    let mut function = proxy(&search.url(), "overflow");
    // A function URL waits for as long as the function may run; a gateway would not wait for a gibibyte.
    function.timeout = Millis(600_000);
    assert_eq!(function.memory_mb, 128);
    let data = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(function)
        .function_url("proxy")
        .bucket(Bucket { name: "overflow".to_owned(), ..Bucket::default() })
        .data(data.path())
        .start()
        .await
        .unwrap();
    search.ask_for_keys_at(format!("{}/keys", emulator.control_url()));
    let client = Client::new();
    let call = |content: Content| {
        Call::get(format!("{}{}", emulator.function_url("proxy").unwrap(), content.path()))
    };

    let gibibyte = Content { kind: ContentKind::Incompressible, size: 1_073_741_824, seed: 12 };
    let digested = client.fetch_digest(&call(gibibyte)).await.unwrap();
    assert_eq!((digested.status.as_u16(), digested.length), (200, 1_073_741_824), "{digested:?}");
    assert_eq!(digested.sha256, gibibyte.digest());
    let peak = peak_megabytes_of_children();
    assert!((1..128).contains(&peak), "the function held {peak} MB");

    let small = Content { kind: ContentKind::Json, size: 1_000, seed: 12 };
    assert_eq!(client.send(&call(small)).await.unwrap().sha256(), small.digest());
}

/// The most that a process held which this one started, and the emulator runs in this one.
fn peak_megabytes_of_children() -> u64 {
    let own = format!("PPid:\t{}\n", std::process::id());
    let processes = std::fs::read_dir("/proc").unwrap();
    let statuses = processes
        .filter_map(|process| std::fs::read_to_string(process.ok()?.path().join("status")).ok());
    let peaks = statuses.filter(|status| status.contains(&own)).filter_map(|status| {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().trim_end_matches(" kB").parse::<u64>().ok()
    });
    peaks.max().unwrap_or(0) / 1_000
}
