//! The rows of streams: `lambda_stream_response`, `lambda_stream_burst` and `lambda_stream_rate`.

use hardcap_limits::Millis;
use serde_json::json;

use super::{FIRST_DAY, Streaming, first_bytes, guest, on, read};

#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_a_stream_is_whole_and_beyond_it_one_byte_more_arrives() {
    let streaming = Streaming::start(on("current").set("lambda_stream_response", 100_000)).await;
    for (posted, arrives, refused) in
        [(100_000, 100_000, 0), (100_001, 100_001, 1), (100_002, 100_001, 2), (300_000, 100_001, 3)]
    {
        let streamed = streaming.stream(&json!({"size": posted})).await;
        assert_eq!(streamed.bytes.len(), arrives, "of {posted}");
        // The function is not told: it posts all of it, and hears that it is well.
        let log = streamed.log();
        assert!(!log.contains("Status: "), "{log}");
        assert_eq!(log.contains("hardcap: lambda_stream_response"), refused > 0, "{log}");
        let seen = &streaming.emulator.totals().limits["lambda_stream_response"];
        assert_eq!((seen.refused, seen.max), (refused, 100_000));
    }
    let too_large = Some("Function.ResponseSizeTooLarge".to_owned());
    assert_eq!(streaming.streamed()[3], (300_000, too_large));
    streaming.is_healthy().await;
    assert_eq!(streaming.emulator.totals().cold_starts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_megabytes_are_the_limit_on_the_first_day() {
    let streaming = Streaming::start(on(FIRST_DAY).set("lambda_stream_rate", 1_000_000_000)).await;
    let streamed = streaming.stream(&json!({"size": 20_971_520})).await;
    assert_eq!((streamed.bytes.len(), streamed.complete.error_code()), (20_971_520, None));
    let streamed = streaming.stream(&json!({"size": 20_971_522})).await;
    assert_eq!(streamed.bytes.len(), 20_971_521);
    assert_eq!(streamed.complete.error_code(), Some("Function.ResponseSizeTooLarge"));
    streaming.is_healthy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_bytes_come_at_once_and_the_others_at_the_rate() {
    let builder = on("current").set("lambda_stream_burst", 300_000);
    let streaming = Streaming::start(builder.set("lambda_stream_rate", 1_000_000)).await;
    let watch = streaming.emulator.clock().stopwatch();
    let streamed = streaming.stream(&json!({"size": 1_300_000})).await;
    let took = watch.elapsed();
    assert_eq!(streamed.bytes.len(), 1_300_000);
    assert!(took.as_millis() >= 1_000, "a million bytes beyond the burst in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_burst_is_not_held_back() {
    // At this rate one byte more would take a second, and one piece more a day.
    let builder = on("current").set("lambda_stream_burst", 1_000_000);
    let streaming = Streaming::start(builder.set("lambda_stream_rate", 1)).await;
    let mut output = streaming.open(&json!({"size": 1_000_000})).await;
    assert_eq!(first_bytes(&mut output, 1_000_000).await.len(), 1_000_000);
    read(&mut output).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_waits_for_an_invoker_who_does_not_read_and_no_longer_than_its_time() {
    let mut function = guest("stream");
    function.timeout = Millis(3_000);
    let builder = on("current").set("lambda_stream_burst", 1_000_000_000);
    let builder = builder.configure(|config| config.functions = vec![function]);
    let streaming = Streaming::start(builder).await;
    let mut output = streaming.open(&json!({"first": "first", "size": 100_000_000})).await;
    // What it posts has nowhere to be: neither here nor in the emulator.
    streaming.until(|totals| totals.invocations == 1).await;
    let [(posted, Some(fault))] = &streaming.streamed()[..] else {
        panic!("{:?}", streaming.streamed());
    };
    assert_eq!(fault, "Sandbox.Timedout");
    assert!(*posted < 50_000_000, "{posted} bytes were taken from it");
    let left = read(&mut output).await;
    assert!(left.text().starts_with("first"), "what was streamed before is still there");
    assert!(left.bytes.len() as u64 <= *posted);
    streaming.is_healthy().await;
}
