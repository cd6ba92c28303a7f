//! `hardcap probe` in front of answers that stream.

use hardcap::{Builder, Emulator};
use hardcap_cli::probe::{Direction, Found, Probed, Target, probe};
use hardcap_limits::Limits;

use super::on;

async fn probed(emulator: &Emulator, limits: &Limits, url: &str) -> Probed {
    let target = Target {
        url: format!("{url}?size={{size}}"),
        method: http::Method::GET,
        headers: Vec::new(),
        direction: Direction::Download,
        start: 1_000,
        max: 4_000_000,
    };
    let probed = probe(&target, limits, |_| {}).await.expect("it answers");
    assert_eq!(emulator.totals().bugs, 0);
    probed
}

async fn start(builder: Builder) -> Emulator {
    builder.start().await.expect("an emulator on free ports")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_where_a_stream_is_cut_and_the_limit_that_cuts_it() {
    let builder = on("current").streaming_function_url("stream");
    let emulator = start(builder.set("lambda_stream_response", 1_000_000)).await;
    let mut limits = Limits::current();
    limits.set("lambda_stream_response", 1_000_000).expect("the row exists");
    let probed = probed(&emulator, &limits, emulator.function_url("stream").unwrap()).await;
    // Metadata and delimiter have 26 bytes, and one byte more than the limit arrives.
    assert_eq!(probed.found, Found::Cutoff { passes: 999_975 });
    let shown = probed.to_string();
    assert!(shown.contains("999,976 fails (200 cut off after 999,975 bytes)"), "{shown}");
    assert!(shown.contains("lambda_stream_response, 1,000,000 bytes"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_of_a_stream_that_is_never_cut_passes_everything() {
    let emulator = start(on("current").streaming_function_url("stream")).await;
    let probed =
        probed(&emulator, &Limits::current(), emulator.function_url("stream").unwrap()).await;
    assert_eq!(probed.found, Found::EverythingPasses { max: 4_000_000 });
}
