//! `Expect: 100-continue`, as curl sends it for bodies of more than 1 MiB: through every gateway and the Invoke API, at the
//! limits, by clients that wait for the 100 and by clients that do not.

use std::time::Duration;

use hardcap::Emulator;
use hardcap_limits::Millis;
use hardcap_tests::client::{Call, Client};

use super::{all_gateways, mirror};

/// JSON as Python writes it: its first space is in the body's first ten bytes.
fn json(size: usize) -> Vec<u8> {
    let frame = br#"{"image": ""}"#.len();
    format!(r#"{{"image": "{}"}}"#, "A".repeat(size.saturating_sub(frame))).into_bytes()
}

fn urls(emulator: &Emulator, function: &str) -> [(&'static str, String); 3] {
    [
        ("Rest", format!("{}/x", emulator.api_url("Rest").expect("it is configured"))),
        ("Http", format!("{}/x", emulator.api_url("Http").expect("it is configured"))),
        ("Url", emulator.function_url(function).expect("it is configured").to_owned()),
    ]
}

fn post(url: &str, body: Vec<u8>) -> Call {
    Call::post(url, body).header("content-type", "application/json")
}

#[tokio::test]
async fn a_body_behind_expect_arrives_whole_at_every_gateway() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let client = Client::new();
    for (gateway, url) in urls(&emulator, "body") {
        for size in [20, 59_999, 60_001, 70_000, 1_500_000, 4_000_000] {
            let call = post(&url, json(size));
            let waited = call.send_when_asked().await.unwrap();
            assert!(waited.asked, "{gateway} {size}: {waited:?}");
            assert!(waited.answer.body == call.body, "{gateway} {size}: {waited:?}");
            let at_once = call.clone().header("Expect", "100-continue");
            let answer = client.send(&at_once).await.unwrap();
            assert!(answer.body == call.body, "{gateway} {size}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_without_asking_for_it() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let client = Client::new();
    let invoke = "/2015-03-31/functions/body/invocations";
    let cases = urls(&emulator, "body").into_iter().zip([10_485_760, 10_485_760, 6_291_456]);
    let invoke = (("Invoke", format!("{}{invoke}", emulator.aws_url())), 6_291_456);
    for ((surface, url), max) in cases.chain([invoke]) {
        let over = post(&url, json(max + 1));
        let waited = over.send_when_asked().await.unwrap();
        assert!(!waited.asked, "{surface}: {waited:?}");
        assert_eq!(waited.answer.status, 413, "{surface}: {waited:?}");
        assert_eq!(waited.answer.header("connection"), Some("close"), "{surface}: {waited:?}");
        let at_once = over.clone().header("expect", "100-continue");
        for call in [over, at_once] {
            let answer = client.send(&call).await.unwrap();
            assert_eq!(answer.status, 413, "{surface}: {answer:?}");
        }
        // At the limit the body is read; then it is the event that is too large, but for the Invoke API.
        let at = post(&url, json(max)).send_when_asked().await.unwrap();
        assert!(at.asked, "{surface}: {at:?}");
        let status = if surface == "Invoke" { 200 } else { 413 };
        assert_eq!(at.answer.status, status, "{surface}: {at:?}");
        let small = client.send(&post(&url, json(20))).await.unwrap();
        assert_eq!(small.status, 200, "{surface}: {small:?}");
    }
    assert_eq!(emulator.totals().bugs, 0);
}

#[tokio::test]
async fn a_body_of_nine_exabytes_is_refused_at_once() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let invoke = format!("{}/2015-03-31/functions/body/invocations", emulator.aws_url());
    for (surface, url) in urls(&emulator, "body").into_iter().chain([("Invoke", invoke)]) {
        let mut connection = hardcap_tests::client::RawConnection::open(&url).await.unwrap();
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let head = "host: localhost\r\ncontent-length: 9223372036854775808\r\n\r\n";
        connection.write(format!("POST /{path} HTTP/1.1\r\n{head}")).await.unwrap();
        let clock = emulator.clock();
        let status = clock.timeout(Millis(10_000), connection.read_until("\r\n")).await;
        let status = status.expect("an answer within ten seconds").unwrap();
        assert!(status.starts_with(b"HTTP/1.1 413 "), "{surface}: {}", status.escape_ascii());
    }
}

#[tokio::test]
async fn a_body_that_stops_is_answered_after_the_configured_idle_time_on_every_surface() {
    let idle = Millis(200);
    let emulator = all_gateways(mirror("body")).configure(|config| config.body_idle = idle);
    let emulator = emulator.start().await.unwrap();
    let aws = emulator.aws_url();
    let others = [
        ("Invoke", format!("{aws}/2015-03-31/functions/body/invocations")),
        ("Create", format!("{aws}/2015-03-31/functions")),
        ("S3", format!("{aws}/bucket/key")),
        ("Control", format!("{aws}/_hardcap/limits")),
    ];
    for (surface, url) in urls(&emulator, "body").into_iter().chain(others) {
        let watch = emulator.clock().stopwatch();
        let mut connection = hardcap_tests::client::RawConnection::open(&url).await.unwrap();
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let method = if surface == "Control" { "PUT" } else { "POST" };
        let head =
            format!("{method} /{path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n");
        connection.write(head + "{\"ten\": 1,").await.unwrap();
        let status = emulator.clock().timeout(Millis(10_000), connection.read_until("\r\n")).await;
        let status = status.unwrap_or_else(|| panic!("{surface}: no answer")).unwrap();
        assert!(status.starts_with(b"HTTP/1.1 4"), "{surface}: {}", status.escape_ascii());
        assert!(watch.elapsed() < Duration::from_secs(10), "{surface}");
    }
    assert_eq!(emulator.totals().invocations, 0);
    assert_eq!(emulator.totals().bugs, 0);
}
