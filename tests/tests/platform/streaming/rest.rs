//! REST APIs whose routes have `responseTransferMode: STREAM`.

use hardcap::config::{Api, ApiKind, ResponseTransferMode};
use hardcap::{Builder, Emulator};
use hardcap_limits::Millis;
use hardcap_tests::client::{Answer, Call, Client, RawConnection};
use serde_json::{Value, json};

use super::{Signal, on};

/// A REST API whose only route streams, with a timeout of its own.
fn rest(day: &str, timeout: Option<Millis>) -> Builder {
    let kind = ApiKind::Rest { binary_media_types: Vec::new(), minimum_compression_size: None };
    let mut api = Api::new("Api", kind, "dev", &[("POST", "/stream", "stream")]);
    api.routes[0].response_transfer_mode = ResponseTransferMode::Stream;
    api.routes[0].timeout = timeout;
    on(day).api(api)
}

async fn start(builder: Builder) -> Emulator {
    builder.start().await.expect("an emulator on free ports")
}

fn url(emulator: &Emulator) -> String {
    format!("{}/stream", emulator.api_url("Api").expect("it is configured"))
}

async fn post(emulator: &Emulator, wish: &Value) -> Answer {
    let call = Call::post(url(emulator), wish.to_string());
    Client::new().send(&call).await.expect("an answer")
}

/// All that comes on a connection of its own, which a cut stream breaks.
async fn raw(emulator: &Emulator, wish: &Value) -> String {
    let mut connection = RawConnection::open(&url(emulator)).await.expect("it listens");
    let body = wish.to_string();
    let head = format!(
        "POST /dev/stream HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    connection.write(head + &body).await.expect("it is read");
    let read = connection.read_to_end().await.expect("it can be read");
    String::from_utf8_lossy(&read).into_owned()
}

async fn is_healthy(emulator: &Emulator) {
    let answer = post(emulator, &json!({"prelude": {"statusCode": 200}, "first": "well"})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "well"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_is_the_metadata_and_binary_needs_no_media_type() {
    let emulator = start(rest("current", None)).await;
    let prelude = json!({
        "statusCode": 201,
        "headers": {"content-type": "image/png", "date": "mine"},
        "multiValueHeaders": {"x-mv": ["hello", "world"]},
        "cookies": ["c1=blue", "c2=red"],
    });
    let answer = post(&emulator, &json!({"prelude": prelude, "first": "\u{1}\u{0}\u{7f}"})).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (201, &b"\x01\x00\x7f"[..]));
    assert_eq!(answer.header("content-type"), Some("image/png"));
    assert_eq!(answer.header("x-amzn-remapped-date"), Some("mine"));
    let all = |name: &str| answer.headers.get_all(name).iter().cloned().collect::<Vec<_>>();
    assert_eq!(all("x-mv"), ["hello", "world"]);
    assert_eq!(all("set-cookie"), ["c1=blue", "c2=red"]);
    assert!(answer.header("x-amz-apigw-id").is_some(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_begins_before_it_ends() {
    let emulator = start(rest("current", None)).await;
    let signal = Signal::new().await;
    let wish = json!({
        "prelude": {"statusCode": 200}, "first": "first", "wait_for": signal.address, "size": 1,
    });
    let mut connection = RawConnection::open(&url(&emulator)).await.unwrap();
    let body = wish.to_string();
    let head = format!(
        "POST /dev/stream HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write(head).await.unwrap();
    connection.read_until("first").await.unwrap();
    signal.give().await;
    let rest = connection.read_until("x\r\n0\r\n\r\n").await.unwrap();
    assert!(rest.ends_with(b"x\r\n0\r\n\r\n"), "{}", rest.escape_ascii());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_larger_than_ten_megabytes_and_than_lambdas_six_passes() {
    let builder = rest("current", None).set("lambda_stream_rate", 1_000_000_000);
    let emulator = start(builder.set("rest_stream_rate", 1_000_000_000)).await;
    let wish = json!({"prelude": {"statusCode": 200}, "size": 20_000_000});
    let answer = post(&emulator, &wish).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 20_000_000));
    is_healthy(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_has_a_bandwidth_of_its_own() {
    let builder = rest("current", None).set("rest_stream_burst", 300_000);
    let emulator = start(builder.set("rest_stream_rate", 1_000_000)).await;
    let watch = emulator.clock().stopwatch();
    let wish = json!({"prelude": {"statusCode": 200}, "size": 1_300_000});
    assert_eq!(post(&emulator, &wish).await.body.len(), 1_300_000);
    let took = watch.elapsed();
    assert!(took.as_millis() >= 1_000, "a million bytes beyond the burst in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_metadata_is_malformed() {
    let emulator = start(rest("current", None)).await;
    for wish in [json!({}), json!({"first": "no metadata"}), json!({"size": 100_000})] {
        let answer = post(&emulator, &wish).await;
        assert_eq!(answer.status, 502, "{wish}");
        assert_eq!(answer.text(), r#"{"message": "Internal server error"}"#, "{wish}");
        is_healthy(&emulator).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_has_not_begun_in_time_is_504() {
    let emulator = start(rest("current", Some(Millis(1_500)))).await;
    is_healthy(&emulator).await;
    let answer = post(&emulator, &json!({"end": "hang"})).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.text(), r#"{"message": "Endpoint request timed out"}"#);
    let seen = &emulator.totals().limits["rest_stream_timeout"];
    assert_eq!((seen.refused, seen.max), (1, 1_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_of_fifteen_minutes_holds_for_streams_alone() {
    let longer = Some(Millis(900_001));
    let emulator = start(rest("current", longer)).await;
    is_healthy(&emulator).await;
    assert_eq!(emulator.totals().limits["rest_stream_timeout"].max, 900_000);
    let emulator = start(rest("2025-11-18", longer)).await;
    post(&emulator, &json!({"first": r#"{"statusCode":200}"#})).await;
    assert_eq!(emulator.totals().limits["rest_timeout"].max, 29_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_silent_for_too_long_is_cut_off() {
    let emulator = start(rest("current", None).set("rest_stream_idle", 500)).await;
    is_healthy(&emulator).await;
    let wish = json!({"prelude": {"statusCode": 200}, "first": "half", "end": "hang"});
    let read = raw(&emulator, &wish).await;
    assert!(read.starts_with("HTTP/1.1 200 OK") && read.contains("half"), "{read}");
    assert!(!read.ends_with("0\r\n\r\n"), "the client must see that it is not whole: {read}");
    let seen = &emulator.totals().limits["rest_stream_idle"];
    assert_eq!((seen.refused, seen.max), (1, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_takes_too_long_is_cut_off() {
    let emulator = start(rest("current", Some(Millis(2_000)))).await;
    is_healthy(&emulator).await;
    let wish = json!({"prelude": {"statusCode": 200}, "first": "half", "end": "hang"});
    let read = raw(&emulator, &wish).await;
    assert!(read.contains("half") && !read.ends_with("0\r\n\r\n"), "{read}");
    assert_eq!(emulator.totals().limits["rest_stream_timeout"].refused, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_its_day_a_streaming_route_is_buffered() {
    let emulator = start(rest("2025-11-18", None)).await;
    let whole = json!({"first": r#"{"statusCode":203,"body":"whole"}"#});
    let answer = post(&emulator, &whole).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (203, "whole"));
    let emulator = start(rest("2025-11-19", None)).await;
    is_healthy(&emulator).await;
}
