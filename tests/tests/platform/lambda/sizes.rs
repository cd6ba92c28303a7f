//! The two limits of an invocation: at them, one over, and healthy after.

use hardcap::Emulator;
use hardcap_limits::Date;
use hardcap_tests::client::RawConnection;
use serde_json::json;

use super::{Lambda, assert_fault, guest, log};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_the_function_and_its_answer_the_invoker_byte_for_byte() {
    let lambda = Lambda::with([guest("echo")]).await;
    for event in ["{}", " {\"a\" :  [1, 2.50, \"\\u00e4ö\"]} ", "null", "\"\"", "3"] {
        let answer = lambda.invoke("echo", event).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (200, event.trim()),
            "{}",
            log(&answer)
        );
        assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
        assert_eq!(answer.header("x-amz-function-error"), None);
        assert!(answer.header("x-amzn-trace-id").is_some_and(|trace| trace.starts_with("Root=1-")));
    }
    assert_eq!(lambda.emulator.totals().cold_starts, 1, "one client, one sandbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_may_have_6291556_bytes_and_not_one_more() {
    let lambda = Lambda::with([guest("bloat")]).await;
    let largest = lambda.invoke("bloat", json!({"size": 6_291_556})).await;
    assert_eq!(largest.body.len(), 6_291_556);
    assert_eq!(largest.header("x-amz-function-error"), None);

    for size in [6_291_557, 7_340_034] {
        let over = lambda.invoke("bloat", json!({"size": size})).await;
        assert_fault(
            &over,
            r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
        );
        assert_eq!(over.header("x-amz-executed-version"), Some("$LATEST"));
        let log = log(&over);
        assert!(log.contains(&size.to_string()) && log.contains("6291556"), "{log}");
        lambda.is_healthy("bloat", json!({})).await;
    }
}

/// A string of 6 MiB, which is two bytes more with its quotes, and an event of 5,000,012 bytes.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_sizes_recorded_on_2025_11_24_pass() {
    let lambda = Lambda::with([guest("bloat"), guest("echo")]).await;
    let string = lambda.invoke("bloat", json!({"size": 6_291_458})).await;
    assert_eq!(string.header("x-amz-function-error"), None);
    assert_eq!((string.status.as_u16(), string.body.len()), (200, 6_291_458));
    let event = format!("{{\"key\":\"{}\"}}", "x".repeat(5_000_002));
    assert_eq!(event.len(), 5_000_012);
    let echoed = lambda.invoke("echo", &event).await;
    assert_eq!((echoed.status.as_u16(), echoed.text() == event), (200, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_may_have_6291456_bytes_and_not_one_more() {
    let lambda = Lambda::with([guest("echo")]).await;
    let event = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let largest = lambda.invoke("echo", event(6_291_456)).await;
    assert_eq!(largest.body.len(), 6_291_456, "{:?}", largest.status);

    let over = lambda.invoke("echo", event(6_291_457)).await;
    assert_eq!(over.status, 413);
    assert_eq!(over.header("x-amzn-errortype"), Some("RequestEntityTooLargeException"));
    assert_eq!(
        over.text(),
        r#"{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#
    );
    let seen = &lambda.emulator.totals().limits["lambda_sync_request"];
    assert_eq!((seen.highest, seen.refused), (6_291_457, 1));
    lambda.is_healthy("echo", "{}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_2018_the_text_for_a_response_that_is_too_large_differs() {
    let date = "2018-01-01".parse().unwrap();
    let builder = Emulator::builder().limits(date).function(guest("bloat"));
    let lambda = Lambda::start(builder).await;
    let over = lambda.invoke("bloat", json!({"size": 6_291_560})).await;
    assert_fault(&over, r#"{"errorMessage":"body size is too long"}"#);
    let log = log(&over);
    assert!(log.contains("body size is too long"), "{log}");
    assert!(log.contains("6291560") && log.contains("6291556"), "{log}");
    lambda.is_healthy("bloat", json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_giant_of_zappa_passes_with_4718559_bytes_and_fails_with_one_more() {
    let lambda = Lambda::with([guest("giant")]).await;
    let event = |size: &str| json!({"queryStringParameters": {"size": size}});
    let passes = lambda.invoke("giant", event("4718559")).await;
    assert_eq!(passes.header("x-amz-function-error"), None, "{}", log(&passes));
    assert_eq!(passes.body.len(), 6_291_556, "the envelope fills the limit to the byte");

    let fails = lambda.invoke("giant", event("4718560")).await;
    assert_eq!(fails.header("x-amz-function-error"), Some("Unhandled"));
    let log = log(&fails);
    assert!(log.contains("6291560") && log.contains("6291556"), "{log}");
    lambda.is_healthy("giant", event("0")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_limit_is_enforced_to_the_byte_too() {
    let builder = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("bloat"))
        .set("lambda_sync_request", 100)
        .set("lambda_sync_response", 50);
    let lambda = Lambda::start(builder).await;
    let event = |size: usize, length: usize| {
        let event = json!({"size": size}).to_string();
        format!("{event}{}", " ".repeat(length - event.len()))
    };
    for (size, length, status, fault) in [
        (50, 100, 200, None),
        (51, 100, 200, Some("Unhandled")),
        (50, 101, 413, None),
        (50, 100, 200, None),
    ] {
        let answer = lambda.invoke("bloat", event(size, length)).await;
        assert_eq!(answer.status, status, "{size} {length}: {answer:?}");
        assert_eq!(answer.header("x-amz-function-error"), fault, "{size} {length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_declared_length_is_counted() {
    let lambda = Lambda::start(
        Emulator::builder()
            .limits(Date::CLASSIC)
            .function(guest("echo"))
            .set("lambda_sync_request", 20),
    )
    .await;
    for (event, status) in
        [(format!("\"{}\"", "x".repeat(18)), "200"), (format!("\"{}\"", "x".repeat(19)), "413")]
    {
        let mut connection = RawConnection::open(lambda.emulator.aws_url()).await.unwrap();
        let head = "POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        let message = format!("{head}{:x}\r\n{event}\r\n0\r\n\r\n", event.len());
        connection.write(message).await.unwrap();
        let answer = String::from_utf8(connection.read_to_end().await.unwrap()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}
