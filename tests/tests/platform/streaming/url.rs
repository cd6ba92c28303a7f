//! Function URLs with `RESPONSE_STREAM`, and those without that meet a runtime that streams.

use hardcap_limits::Millis;
use hardcap_tests::client::{Answer, Call, Client, RawConnection};
use serde_json::{Value, json};

use super::{FIRST_DAY, Signal, guest, on};
use hardcap::{Builder, Emulator};

async fn start(builder: Builder) -> Emulator {
    builder.start().await.expect("an emulator on free ports")
}

fn streaming(day: &str) -> Builder {
    on(day).streaming_function_url("stream")
}

async fn post(emulator: &Emulator, wish: &Value) -> Answer {
    let url = emulator.function_url("stream").expect("it is configured");
    Client::new().send(&Call::post(url, wish.to_string())).await.expect("an answer")
}

async fn is_healthy(emulator: &Emulator) {
    let answer = post(emulator, &json!({"prelude": {"statusCode": 200}, "first": "well"})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "well"));
}

/// Sends a wish, and gives the connection on which its answer comes.
async fn open(url: &str, wish: &Value) -> RawConnection {
    let mut connection = RawConnection::open(url).await.expect("it listens");
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let body = wish.to_string();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    connection.write(head + &body).await.expect("it is read");
    connection
}

/// Reads until a text has come.
async fn read_until(connection: &mut RawConnection, text: &str) -> String {
    let read = connection.read_until(text).await.expect("it can be read");
    let read = String::from_utf8_lossy(&read).into_owned();
    assert!(read.ends_with(text), "{read}");
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_byte_reaches_the_client_before_the_last_is_made() {
    let emulator = start(streaming("current")).await;
    let signal = Signal::new().await;
    let wish = json!({
        "prelude": {"statusCode": 200, "headers": {"content-type": "text/event-stream"}},
        "first": "data: first\n\n", "wait_for": signal.address, "size": 3,
    });
    let mut connection = open(emulator.function_url("stream").unwrap(), &wish).await;
    let head = read_until(&mut connection, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    read_until(&mut connection, "data: first\n\n").await;
    signal.give().await;
    read_until(&mut connection, "xxx\r\n0\r\n\r\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prelude_becomes_status_headers_and_cookies() {
    let emulator = start(streaming("current")).await;
    let prelude = json!({
        "statusCode": 206,
        "headers": {"Content-Type": "application/x-owned", "X-Owned": "yes"},
        "cookies": ["s=1; Path=/", "t=2; HttpOnly"],
    });
    let answer = post(&emulator, &json!({"prelude": prelude, "first": "body\0with\0zeros"})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (206, "body\0with\0zeros"));
    assert_eq!(answer.header("content-type"), Some("application/x-owned"));
    assert_eq!(answer.header("x-owned"), Some("yes"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["s=1; Path=/", "t=2; HttpOnly"]);
    assert!(answer.header("x-amzn-requestid").is_some(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_prelude_the_bytes_are_the_body_and_the_runtimes_type_is_the_clients() {
    let emulator = start(streaming("current").function(guest("echo"))).await;
    let answer = post(&emulator, &json!({"content_type": "text/html", "first": "<p>"})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "<p>"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    let answer = post(&emulator, &json!({"first": "bytes"})).await;
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    // Captured on 2026-09-15: what looks like a buffered answer is none here.
    let buffered = r#"{"statusCode": 404, "body": "gone"}"#;
    let wish = json!({"whole": true, "content_type": "application/json", "first": buffered});
    let answer = post(&emulator, &wish).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, buffered));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prelude_may_come_in_pieces_and_its_body_may_be_empty() {
    let emulator = start(streaming("current")).await;
    // The whole of it as text: its delimiter is cut by nothing, but the chunk has more than it.
    let first = "{\"statusCode\":201}\0\0\0\0\0\0\0\0rest";
    let content_type = "application/vnd.awslambda.http-integration-response";
    let answer = post(&emulator, &json!({"content_type": content_type, "first": first})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (201, "rest"));
    let answer = post(&emulator, &json!({"prelude": {"statusCode": 301}})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (301, ""));
    let answer = post(&emulator, &json!({"prelude": {"statusCode": 204}, "size": 10})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (204, ""));
    // A runtime that has nothing to send has not sent the prelude either.
    let answer = post(&emulator, &json!({"content_type": content_type})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_prelude_is_a_malformed_response() {
    let emulator = start(streaming("current")).await;
    let content_type = "application/vnd.awslambda.http-integration-response";
    for first in ["{}", "not json\0\0\0\0\0\0\0\0x", "{\"statusCode\":7}\0\0\0\0\0\0\0\0x"] {
        let answer = post(&emulator, &json!({"content_type": content_type, "first": first})).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (502, "Internal Server Error"));
        is_healthy(&emulator).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_16_kilobytes_pass_and_one_byte_more_do_not() {
    let emulator = start(streaming("current")).await;
    let prelude = |length: usize| {
        let frame = json!({"statusCode": 200, "headers": {"x-long": ""}}).to_string().len();
        json!({"statusCode": 200, "headers": {"x-long": "x".repeat(length - frame)}})
    };
    let answer = post(&emulator, &json!({"prelude": prelude(16_384), "first": "body"})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "body"));
    let answer = post(&emulator, &json!({"prelude": prelude(16_385), "first": "body"})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (502, "Internal Server Error"));
    assert_eq!(emulator.totals().limits["rest_stream_metadata"].refused, 1);
    is_healthy(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_cut_one_byte_beyond_the_limit_and_ends_as_others_do() {
    let emulator = start(streaming("current").set("lambda_stream_response", 100_026)).await;
    let prelude = json!({"statusCode": 200});
    let delimited = prelude.to_string().len() + 8;
    assert_eq!(delimited, 26, "the prelude counts too");
    for (size, arrives) in [(100_000, 100_000), (100_001, 100_001), (150_000, 100_001)] {
        let answer = post(&emulator, &json!({"prelude": prelude, "size": size})).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, arrives), "{size}");
    }
    let seen = &emulator.totals().limits["lambda_stream_response"];
    assert_eq!((seen.highest, seen.refused), (150_026, 2));
    is_healthy(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_the_middle_ends_the_body_and_an_error_before_it_is_502() {
    let mut function = guest("stream");
    function.timeout = Millis(2_000);
    let builder = streaming("current").configure(|config| config.functions[0] = function);
    let builder = builder.function(guest("init-error")).streaming_function_url("init-error");
    let emulator = start(builder).await;
    let prelude = json!({"statusCode": 200});
    let trailers = ["Lambda-Runtime-Function-Error-Type: Function.Midway"];
    for end in [json!({"trailers": trailers}), json!("broken"), json!({"exit": 1}), json!("hang")] {
        // It goes on when its first byte has been read: what a process posts just before it ends may find nobody there.
        let signal = Signal::new().await;
        let wish = json!({
            "prelude": prelude, "first": "half", "wait_for": signal.address, "size": 1_000, "end": end,
        });
        let mut connection = open(emulator.function_url("stream").unwrap(), &wish).await;
        read_until(&mut connection, "half").await;
        signal.give().await;
        let rest = connection.read_to_end().await.expect("it can be read");
        assert_eq!(rest.iter().filter(|&&byte| byte == b'x').count(), 1_000, "{end}");
        assert!(rest.ends_with(b"0\r\n\r\n"), "{end}: {}", rest.escape_ascii());
    }
    let faults = emulator.totals().faults;
    let expected =
        ["Function.Midway", "Runtime.TruncatedResponse", "Runtime.ExitError", "Sandbox.Timedout"];
    assert_eq!(faults.keys().collect::<Vec<_>>(), expected, "the records know each of them");
    is_healthy(&emulator).await;

    let url = emulator.function_url("init-error").unwrap();
    let answer = Client::new().send(&Call::post(url, "{}")).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.text()), (502, "Internal Server Error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buffered_url_takes_the_head_of_a_stream_and_not_its_body() {
    let emulator = start(on("current").function_url("stream")).await;
    let prelude = json!({"statusCode": 201, "headers": {"x-owned": "yes"}});
    let answer = post(&emulator, &json!({"prelude": prelude, "first": "body"})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (201, ""));
    assert_eq!(answer.header("x-owned"), Some("yes"));
    let answer = post(&emulator, &json!({"content_type": "text/html", "first": "<p>"})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "<p>"));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_its_day_a_streaming_url_is_buffered() {
    let emulator = start(streaming("classic")).await;
    let buffered = r#"{"statusCode": 404, "body": "gone"}"#;
    let answer = post(&emulator, &json!({"first": buffered})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (404, "gone"));
    let emulator = start(streaming(FIRST_DAY)).await;
    is_healthy(&emulator).await;
}
