//! Streams that end badly: an error behind them, a connection cut, a process gone, a time over, an invoker who left.

use hardcap_limits::Millis;
use serde_json::{Value, json};

use super::{FIRST_DAY, Signal, Streaming, first_bytes, guest, on, read};

const TRAILERS: [&str; 2] = [
    "Lambda-Runtime-Function-Error-Type: Function.Midway",
    // {"errorMessage":"it broke"}
    "Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJpdCBicm9rZSJ9",
];

/// Streams half an answer that ends so; on the first day the last event tells how.
async fn half(end: Value) -> (Streaming, super::Streamed) {
    let mut function = guest("stream");
    function.timeout = Millis(2_000);
    let builder = on(FIRST_DAY).configure(|config| config.functions = vec![function]);
    let streaming = Streaming::start(builder).await;
    let signal = Signal::new().await;
    let event = json!({"first": "half", "wait_for": signal.address, "size": 3, "end": end});
    let mut output = streaming.open(&event).await;
    assert_eq!(first_bytes(&mut output, 4).await, b"half");
    // It goes on when its first byte has been read: what a process posts just before it ends may find nobody there.
    signal.give().await;
    let streamed = read(&mut output).await;
    assert_eq!(streamed.text(), "xxx", "what was streamed before the end is there");
    (streaming, streamed)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_behind_the_stream_is_reported_by_the_last_event() {
    let (streaming, streamed) = half(json!({"trailers": TRAILERS})).await;
    assert_eq!(streamed.complete.error_code(), Some("Function.Midway"));
    assert_eq!(streamed.complete.error_details(), Some(r#"{"errorMessage":"it broke"}"#));
    assert_eq!(streaming.streamed(), [(7, Some("Function.Midway".to_owned()))]);
    streaming.is_healthy().await;
    assert_eq!(streaming.emulator.totals().cold_starts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_truncates_the_answer() {
    let (streaming, streamed) = half(json!("broken")).await;
    assert_eq!(streamed.complete.error_code(), Some("Runtime.TruncatedResponse"));
    assert!(!streamed.log().contains("\tStatus: "), "a REPORT line of 2023: {}", streamed.log());
    streaming.is_healthy().await;
    assert_eq!(streaming.emulator.totals().cold_starts, 1, "the process has lived on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_in_the_middle_is_an_exit() {
    let (streaming, streamed) = half(json!({"exit": 3})).await;
    assert_eq!(streamed.complete.error_code(), Some("Runtime.ExitError"));
    let details = streamed.complete.error_details().unwrap_or_default();
    assert!(details.contains("Runtime exited with error: exit status 3"), "{details}");
    streaming.is_healthy().await;
    assert_eq!(streaming.emulator.totals().cold_starts, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_time_ends_a_stream_in_the_middle() {
    let (streaming, streamed) = half(json!("hang")).await;
    assert_eq!(streamed.complete.error_code(), Some("Sandbox.Timedout"));
    assert!(!streamed.log().contains("\tStatus: "), "a REPORT line of 2023: {}", streamed.log());
    streaming.is_healthy().await;
    let totals = streaming.emulator.totals();
    assert_eq!((totals.cold_starts, totals.limits["lambda_timeout"].refused), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn since_the_capture_of_2026_09_15_the_last_event_says_nothing_and_the_records_do() {
    let streaming = Streaming::start(on("current")).await;
    let event = json!({"first": "half", "end": {"trailers": TRAILERS}});
    let streamed = streaming.stream(&event).await;
    assert_eq!(streamed.text(), "half");
    assert_eq!((streamed.complete.error_code(), streamed.complete.error_details()), (None, None));
    assert_eq!(streaming.streamed(), [(4, Some("Function.Midway".to_owned()))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_fails_before_it_answers_is_its_error_document() {
    let builder = on(FIRST_DAY).function(guest("behave")).function(guest("script"));
    let streaming = Streaming::start(builder).await;
    let mut output = streaming.open_function("behave", &json!({"error": "no luck"})).await;
    let streamed = read(&mut output).await;
    let document: Value = serde_json::from_slice(&streamed.bytes).unwrap();
    assert_eq!(document["errorMessage"], "no luck");
    assert_eq!(streamed.complete.error_details(), Some(streamed.text().as_str()));

    let mut output = streaming.open_function("script", &json!([{"exit": 4}])).await;
    let streamed = read(&mut output).await;
    assert_eq!(streamed.complete.error_code(), Some("Runtime.ExitError"));
    assert!(streaming.streamed().is_empty(), "no answer has begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoker_who_leaves_does_not_end_the_function() {
    let streaming = Streaming::start(on("current").set("lambda_stream_rate", 1)).await;
    let signal = Signal::new().await;
    let event = json!({"first": "first", "wait_for": signal.address, "size": 30_000_000});
    let mut output = streaming.open(&event).await;
    first_bytes(&mut output, 5).await;
    drop(output);
    signal.give().await;
    // At one byte a second it could not end, if what nobody wants were held back.
    streaming.until(|totals| totals.invocations == 1).await;
    assert_eq!(streaming.streamed(), [(30_000_005, None)]);
    streaming.is_healthy().await;
    assert_eq!(streaming.emulator.totals().cold_starts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_answer_is_under_way_every_other_call_is_a_wrong_state() {
    let builder = on("current").function(guest("script"));
    let streaming = Streaming::start(builder).await;
    let signal = Signal::new().await;
    let event = json!([{"while_streaming": {"wait_for": signal.address, "steps": [
        {"post": {"to": "response", "body": "2"}},
        {"post": {"to": "error", "body": "{}"}},
    ]}}]);
    let mut output = streaming.open_function("script", &event).await;
    assert_eq!(first_bytes(&mut output, 5).await, b"begun");
    signal.give().await;
    assert_eq!(read(&mut output).await.text(), " and ended");
    let mut output = streaming.open_function("script", &json!(["tell"])).await;
    let heard: Vec<String> = serde_json::from_slice(&read(&mut output).await.bytes).unwrap();
    assert_eq!(heard.len(), 3, "{heard:?}");
    for refused in &heard[..2] {
        assert!(refused.starts_with("403 "), "{heard:?}");
        assert!(refused.contains("from InvocationResponse to "), "{heard:?}");
    }
    assert_eq!(heard[2], r#"202 {"status":"OK"}"#);
}
