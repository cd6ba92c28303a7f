//! Gateways from outside: real sockets, real functions, every limit at its edge.

mod expect;
mod story;

use std::fmt::Write as _;

use hardcap::config::{Api, ApiKind, Cors, Function, FunctionUrl, InvokeMode, Route};
use hardcap::{Builder, Emulator};
use hardcap_limits::{Date, Millis};
use hardcap_tests::arbitrary;
use hardcap_tests::client::{Answer, Call, Client, RawConnection};
use hardcap_tests::functions::guest;
use hardcap_tests::process::binary;
use http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

/// The function that shows what it was given, called after the way it does.
fn mirror(mode: &str) -> Function {
    let program = binary(env!("CARGO_PKG_NAME"), "mirror");
    let mut function = Function::new(mode, [program.into_os_string(), mode.into()]);
    function.timeout = Millis(30_000);
    function
}

/// One function behind every kind of gateway.
fn all_gateways(function: Function) -> Builder {
    let name = function.name.clone();
    let routes = [("ANY", "/{proxy+}", name.as_str()), ("ANY", "/", name.as_str())];
    Emulator::builder()
        .limits(Date::CLASSIC)
        .function(function)
        .rest_api("Rest", &routes)
        .http_api("Http", &routes)
        .function_url(&name)
}

async fn post(url: &str, content_type: &str, body: impl Into<bytes::Bytes>) -> Answer {
    let call = Call::post(url, body).header("content-type", content_type);
    Client::new().send(&call).await.expect("an answer")
}

#[track_caller]
fn is_refused(answer: &Answer, status: u16, content_type: &str, body: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some(content_type), "{answer:?}");
    assert_eq!(answer.text(), body, "{answer:?}");
}

#[tokio::test]
async fn a_rest_api_refuses_a_body_of_more_than_10_mib_in_plain_text() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = format!("{}/x", emulator.api_url("Rest").unwrap());
    let at = post(&url, "text/plain", vec![b'x'; 10_485_760]).await;
    // The body passes; its event is Lambda's to refuse.
    is_refused(&at, 413, "application/json", r#"{"message": "Request Too Long"}"#);
    assert_eq!(at.header("x-amzn-errortype"), Some("BadRequestException"), "{at:?}");
    assert_eq!(at.header("content-length"), Some("31"), "{at:?}");
    assert!(at.header("x-amz-apigw-id").is_some(), "{at:?}");
    let over = post(&url, "text/plain", vec![b'x'; 10_485_761]).await;
    let text = "HTTP content length exceeded 10485760 bytes.";
    is_refused(&over, 413, "text; charset=utf-8", text);
    assert_eq!(over.header("content-length"), Some("44"), "{over:?}");
    assert!(over.headers.keys().all(|name| !name.as_str().starts_with("x-am")), "{over:?}");
    assert_eq!(post(&url, "text/plain", "healthy").await.text(), "healthy");

    let totals = emulator.totals();
    let seen = &totals.limits["rest_request_body"];
    assert_eq!((seen.highest_admitted, seen.refused), (10_485_760, 1));
}

#[tokio::test]
async fn an_http_api_refuses_a_body_of_more_than_10_mib() {
    let emulator = all_gateways(mirror("body")).set("http_request_body", 1_000).start().await;
    let emulator = emulator.unwrap();
    let url = format!("{}/x", emulator.api_url("Http").unwrap());
    assert_eq!(post(&url, "text/plain", vec![b'x'; 1_000]).await.body.len(), 1_000);
    let over = post(&url, "text/plain", vec![b'x'; 1_001]).await;
    is_refused(&over, 413, "application/json", r#"{"message":"Request Entity Too Large"}"#);
    assert!(over.header("apigw-requestid").is_some(), "{over:?}");
    assert_eq!(post(&url, "text/plain", "healthy").await.text(), "healthy");
}

/// A request whose head is written byte by byte; the status line and headers of its answer, and its body.
async fn raw(url: &str, head: &str) -> String {
    let mut connection = RawConnection::open(url).await.expect("a connection");
    connection.write(head).await.expect("a head that is taken");
    connection.finish().await.expect("an open connection");
    let answer = connection.read_to_end().await.expect("an answer");
    String::from_utf8(answer).expect("an answer of text")
}

fn head(target: &str, padding: usize) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n", "y".repeat(padding))
}

#[tokio::test]
async fn a_rest_api_refuses_headers_of_more_than_10_240_bytes() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = emulator.api_url("Rest").unwrap();
    let others = "host: h\r\nx: \r\n".len();
    let at = raw(url, &head("/dev/x", 10_240 - others)).await;
    assert!(at.starts_with("HTTP/1.1 200 "), "{at}");
    let over = raw(url, &head("/dev/x", 10_240 - others + 1)).await;
    assert!(over.starts_with("HTTP/1.1 431 "), "{over}");
    assert!(over.ends_with("\r\n\r\nHTTP header is larger than 10240 bytes."), "{over}");
    let healthy = raw(url, &head("/dev/x", 1)).await;
    assert!(healthy.starts_with("HTTP/1.1 200 "), "{healthy}");
    assert_eq!(emulator.totals().limits["rest_headers"].highest, 10_241);
}

#[tokio::test]
async fn an_http_api_refuses_a_request_line_and_values_of_more_than_10_240_bytes() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = emulator.api_url("Http").unwrap();
    let others = "GET /x HTTP/1.1".len() + "h".len();
    let at = raw(url, &head("/x", 10_240 - others)).await;
    assert!(at.starts_with("HTTP/1.1 200 "), "{at}");
    let over = raw(url, &head("/x", 10_240 - others + 1)).await;
    assert!(over.starts_with("HTTP/1.1 431 "), "{over}");
    assert!(raw(url, &head("/x", 1)).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(emulator.totals().limits["http_headers"].highest, 10_241);
}

#[tokio::test]
async fn a_function_url_refuses_headers_of_more_than_10_240_bytes_with_the_text_of_an_event() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = emulator.function_url("bodyUrl").unwrap();
    let others = "host: h\r\nx: \r\n".len();
    let at = raw(url, &head("/x", 10_240 - others)).await;
    assert!(at.starts_with("HTTP/1.1 200 "), "{at}");
    let over = raw(url, &head("/x", 10_240 - others + 1)).await;
    assert!(over.starts_with("HTTP/1.1 413 "), "{over}");
    let text = "Request must be smaller than 6291456 bytes for the InvokeFunction operation";
    assert!(over.ends_with(&format!("\r\n\r\n{{\"Message\":\"{text}\"}}")), "{over}");
    let code = "x-amzn-errortype: requestentitytoolargeexception";
    assert!(over.to_ascii_lowercase().contains(code), "{over}");
    assert!(raw(url, &head("/x", 1)).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(emulator.totals().limits["url_headers"].highest, 10_241);
}

#[tokio::test]
async fn a_rest_api_refuses_a_url_of_more_than_10_240_characters_however_long() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = emulator.api_url("Rest").unwrap();
    let target = |length: usize| format!("/dev/{}", "p".repeat(length - "/dev/".len()));
    let at = raw(url, &head(&target(10_240), 1)).await;
    assert!(at.starts_with("HTTP/1.1 200 "), "{at}");
    for length in [10_241, 65_535, 300_000] {
        let over = raw(url, &head(&target(length), 1)).await;
        assert!(over.starts_with("HTTP/1.1 414 "), "{over}");
        assert!(over.ends_with("\r\n\r\nRequest URI too long"), "{over}");
        assert_eq!(emulator.totals().limits["rest_url"].highest, length as u64);
    }
    assert!(raw(url, &head("/dev/x", 1)).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_url_that_no_limit_refuses_and_hardcap_cannot_take_is_still_answered() {
    let emulator = all_gateways(mirror("body")).set("rest_url", 1_000_000).start().await.unwrap();
    let target = format!("/dev/{}", "p".repeat(70_000));
    for url in [emulator.api_url("Rest").unwrap(), emulator.function_url("body").unwrap()] {
        let over = raw(url, &head(&target, 1)).await;
        assert!(over.starts_with("HTTP/1.1 414 "), "{over}");
        assert!(over.ends_with("{\"message\":\"Request URI too long\"}"), "{over}");
    }
}

#[tokio::test]
async fn an_event_of_more_than_6_mib_is_refused_in_the_words_of_each_gateway() {
    let text_only = ApiKind::Rest { binary_media_types: vec![], minimum_compression_size: None };
    let text_only = Api::new("Text", text_only, "dev", &[("ANY", "/{proxy+}", "body")]);
    let emulator = all_gateways(mirror("body")).api(text_only).start().await.unwrap();
    let function_too_large = r#"{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#;
    let gateways = [
        (format!("{}/x", emulator.api_url("Text").unwrap()), r#"{"message": "Request Too Long"}"#),
        (
            format!("{}/x", emulator.api_url("Http").unwrap()),
            r#"{"message":"Request Entity Too Large"}"#,
        ),
        (format!("{}/x", emulator.function_url("body").unwrap()), function_too_large),
    ];
    for (url, text) in gateways {
        let before = emulator.totals().limits.get("lambda_sync_request").map_or(0, |it| it.refused);
        // What is not the body is the same for every size, so the largest body is found with one small request.
        let small = post(&url, "text/plain", "x").await;
        assert_eq!(small.status, 200, "{small:?}");
        let event = invoked_event(&emulator);
        let largest = usize::try_from(6_291_456 - (event - 1)).unwrap();
        // Longer by the digits that the length has more, where the event shows it.
        let digits = usize::from(!url.contains("/dev/")) * (largest.to_string().len() - 1);
        let at = post(&url, "text/plain", vec![b'x'; largest - digits]).await;
        assert_eq!(at.status, 200, "{at:?}");
        assert_eq!(invoked_event(&emulator), 6_291_456);
        let over = post(&url, "text/plain", vec![b'x'; largest - digits + 1]).await;
        is_refused(&over, 413, "application/json", text);
        assert_eq!(emulator.totals().limits["lambda_sync_request"].refused, before + 1);
        assert_eq!(post(&url, "text/plain", "healthy").await.text(), "healthy");
    }
}

/// The size of the event of the invocation that ended last.
fn invoked_event(emulator: &Emulator) -> u64 {
    let records = emulator.recorder().newest();
    let events = records.iter().rev().filter_map(|record| match &record.what {
        hardcap::record::Observation::Invoked { event, .. } => Some(*event),
        _ => None,
    });
    events.into_iter().next().expect("an invocation has ended")
}

#[tokio::test]
async fn a_wait_ends_at_the_limit_and_the_function_runs_on() {
    let emulator = all_gateways(mirror("slow"))
        .set("rest_timeout", 300)
        .set("http_timeout", 300)
        .start()
        .await
        .unwrap();
    let rest = Client::new().get(format!("{}/x", emulator.api_url("Rest").unwrap())).await.unwrap();
    is_refused(&rest, 504, "application/json", r#"{"message": "Endpoint request timed out"}"#);
    assert_eq!(rest.header("content-length"), Some("41"), "{rest:?}");
    assert!(rest.header("x-amzn-trace-id").is_some(), "{rest:?}");
    let http = Client::new().get(format!("{}/x", emulator.api_url("Http").unwrap())).await.unwrap();
    is_refused(&http, 503, "application/json", r#"{"message":"Service Unavailable"}"#);
    assert_eq!(http.header("content-length"), Some("33"), "{http:?}");
    let seen = emulator.totals().limits;
    assert_eq!((seen["rest_timeout"].refused, seen["http_timeout"].refused), (1, 1));
    // Both invocations end by themselves: wait until both have.
    let mut records = emulator.recorder().watch();
    while emulator.totals().invocations < 2 {
        let _ = records.recv().await.unwrap();
    }
    assert!(emulator.totals().faults.is_empty(), "{:?}", emulator.totals().faults);
}

#[tokio::test]
async fn an_integration_can_wait_less_than_the_gateway_and_never_more() {
    let route = |path: &str, millis| Route {
        timeout: Some(Millis(millis)),
        ..Api::new("x", ApiKind::Http { cors: None }, "$default", &[("ANY", path, "slow")])
            .routes
            .remove(0)
    };
    let kind = ApiKind::Rest { binary_media_types: Vec::new(), minimum_compression_size: None };
    let mut api = Api::new("Rest", kind, "dev", &[]);
    api.routes = vec![route("/short", 200), route("/long", 60_000)];
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(mirror("slow"))
        .set("rest_timeout", 400)
        .api(api)
        .start()
        .await;
    let emulator = emulator.unwrap();
    for (path, max) in [("short", 200), ("long", 400)] {
        let url = format!("{}/{path}", emulator.api_url("Rest").unwrap());
        assert_eq!(Client::new().get(url).await.unwrap().status, 504);
        assert_eq!(emulator.totals().limits["rest_timeout"].max, max);
    }
}

#[tokio::test]
async fn an_unknown_route_is_403_and_404_and_an_unknown_stage_too() {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(mirror("body"))
        .rest_api("Rest", &[("GET", "/a", "body")])
        .http_api("Http", &[("GET", "/a", "body")])
        .start()
        .await
        .unwrap();
    let text = r#"{"message":"Missing Authentication Token"}"#;
    let rest = emulator.api_url("Rest").unwrap();
    let missing = Client::new().get(format!("{rest}/b")).await.unwrap();
    is_refused(&missing, 403, "application/json", text);
    let wrong_method = post(&format!("{rest}/a"), "text/plain", "x").await;
    is_refused(&wrong_method, 403, "application/json", text);
    for refused in [missing, wrong_method] {
        let error_type = refused.header("x-amzn-errortype");
        assert_eq!(error_type, Some("MissingAuthenticationTokenException"), "{refused:?}");
    }
    let other_stage = rest.replace("/dev", "/prod/a");
    let forbidden = Client::new().get(other_stage).await.unwrap();
    is_refused(&forbidden, 403, "application/json", r#"{"message":"Forbidden"}"#);
    let http = Client::new().get(format!("{}/b", emulator.api_url("Http").unwrap())).await.unwrap();
    is_refused(&http, 404, "application/json", r#"{"message":"Not Found"}"#);
    assert_eq!(Client::new().get(format!("{rest}/a")).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_malformed_answer_is_502_and_500_and_the_next_request_is_answered() {
    let emulator = all_gateways(mirror("answer")).start().await.unwrap();
    let rest = format!("{}/x", emulator.api_url("Rest").unwrap());
    let bad = post(&rest, "application/json", r#"{"statusCode": "bad"}"#).await;
    is_refused(&bad, 502, "application/json", r#"{"message": "Internal server error"}"#);
    assert_eq!(bad.header("content-length"), Some("36"), "{bad:?}");
    assert_eq!(bad.header("x-amzn-trace-id"), None, "{bad:?}");
    let http = format!("{}/x", emulator.api_url("Http").unwrap());
    let bad = post(&http, "application/json", r#"{"statusCode": "bad"}"#).await;
    is_refused(&bad, 500, "application/json", r#"{"message":"Internal Server Error"}"#);
    assert_eq!(bad.header("content-length"), Some("35"), "{bad:?}");
    let url = emulator.function_url("answer").unwrap();
    let bad = post(url, "application/json", r#"{"statusCode": "bad"}"#).await;
    is_refused(&bad, 502, "application/json", "Internal Server Error");
    for url in [rest.as_str(), http.as_str(), url] {
        let good = post(url, "application/json", r#"{"statusCode": 201, "body": "ok"}"#).await;
        assert_eq!((good.status.as_u16(), good.text()), (201, "ok"), "{good:?}");
    }
}

/// Recorded on 2024-03-20.
#[tokio::test]
async fn a_rest_api_that_does_not_call_lambda_with_post_answers_500() {
    let kind = ApiKind::Rest { binary_media_types: Vec::new(), minimum_compression_size: None };
    let mut api = Api::new("Rest", kind, "dev", &[("GET", "/a", "body"), ("GET", "/b", "body")]);
    api.routes[0].calls_with_post = false;
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(mirror("body"))
        .api(api)
        .start()
        .await
        .unwrap();
    let url = emulator.api_url("Rest").unwrap();
    let refused = Client::new().get(format!("{url}/a")).await.unwrap();
    is_refused(&refused, 500, "application/json", r#"{"message": "Internal server error"}"#);
    assert_eq!(emulator.totals().invocations, 0);
    assert_eq!(Client::new().get(format!("{url}/b")).await.unwrap().status, 200);
}

/// `Root=1-…;Parent=…;Sampled=0;Lineage=1:…:0`, recorded on 2025-04-14.
#[tokio::test]
async fn a_rest_api_shows_the_trace_of_a_good_answer_and_an_http_api_none() {
    let emulator = all_gateways(mirror("answer")).start().await.unwrap();
    let send = async |name: &str| {
        let url = format!("{}/x", emulator.api_url(name).unwrap());
        post(&url, "application/json", r#"{"statusCode": 200}"#).await
    };
    let rest = send("Rest").await;
    let trace = rest.header("x-amzn-trace-id").unwrap_or_default();
    let parts: Vec<_> = trace.split(';').filter_map(|part| part.split_once('=')).collect();
    let [("Root", root), ("Parent", parent), ("Sampled", "0"), ("Lineage", lineage)] = parts[..]
    else {
        panic!("{trace}");
    };
    let lengths = [root, parent, lineage].map(str::len);
    let of_the_recording =
        ["1-67fd87f5-7643e6a875203f06341af04f", "0123456789abcdef", "1:6e5eb7d9:0"];
    assert_eq!(lengths, of_the_recording.map(str::len), "{trace}");
    assert!(lineage.starts_with("1:") && lineage.ends_with(":0"), "{trace}");
    assert_eq!(send("Http").await.header("x-amzn-trace-id"), None);
}

/// Recorded on 2025-11-24: written anew without white space, a string without its quotes.
#[tokio::test]
async fn a_function_url_answers_with_any_value_that_a_function_returns() {
    let emulator = all_gateways(mirror("answer")).start().await.unwrap();
    for (returned, body, length) in [
        (r#"{"hello": "world"}"#, r#"{"hello":"world"}"#, "17"),
        (r#"["a", "b"]"#, r#"["a","b"]"#, "9"),
        (r#""hello""#, "hello", "5"),
        ("3", "3", "1"),
        ("true", "true", "4"),
        (r#"{"statusCode": 200, "body": {"a": 1}}"#, r#"{"a":1}"#, "7"),
    ] {
        let answer =
            post(emulator.function_url("answer").unwrap(), "application/json", returned).await;
        is_refused(&answer, 200, "application/json", body);
        assert_eq!(answer.header("content-length"), Some(length), "{answer:?}");
    }
}

/// The text is recorded, 2025-11-24.
#[tokio::test]
async fn a_function_url_with_aws_iam_refuses_what_is_not_signed() {
    let only_signed = |config: &mut hardcap::config::Config| {
        config.function_urls[0].only_signed = true;
    };
    let emulator = all_gateways(mirror("body")).configure(only_signed).start().await.unwrap();
    let url = emulator.function_url("body").unwrap();
    let refused = post(url, "text/plain", "x").await;
    let text = r#"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#;
    is_refused(&refused, 403, "application/json", text);
    assert_eq!(refused.header("x-amzn-errortype"), Some("AccessDeniedException"));
    assert_eq!(emulator.totals().invocations, 0);
}

/// Recorded on 2025-11-24.
#[tokio::test]
async fn the_request_id_of_a_function_urls_answer_stands_in_the_functions_log() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let answer = post(emulator.function_url("body").unwrap(), "text/plain", "x").await;
    let id = answer.header("x-amzn-requestid").expect("every answer has a request id");
    let logs = Client::new().get(format!("{}/logs?function=body", emulator.control_url())).await;
    let logs = logs.unwrap().text().to_owned();
    assert!(logs.contains(&format!("START RequestId: {id} Version: $LATEST")), "{logs}");
}

#[tokio::test]
async fn a_function_that_fails_is_502_and_500() {
    let emulator = all_gateways(mirror("answer")).start().await.unwrap();
    // Without a body the function returns an error.
    let rest = Client::new().get(format!("{}/x", emulator.api_url("Rest").unwrap())).await.unwrap();
    is_refused(&rest, 502, "application/json", r#"{"message": "Internal server error"}"#);
    let http = Client::new().get(format!("{}/x", emulator.api_url("Http").unwrap())).await.unwrap();
    is_refused(&http, 500, "application/json", r#"{"message":"Internal Server Error"}"#);
    assert_eq!(http.header("content-length"), Some("35"), "{http:?}");
    assert!(http.header("apigw-requestid").is_some(), "{http:?}");
    let url = Client::new().get(emulator.function_url("answer").unwrap()).await.unwrap();
    is_refused(&url, 502, "application/json", "Internal Server Error");
}

#[tokio::test]
async fn a_rest_event_has_the_names_of_headers_as_they_were_sent() {
    let emulator = all_gateways(mirror("event")).start().await.unwrap();
    let request = "POST /dev/a HTTP/1.1\r\nhost: h\r\ntEsT-HEADeR:  aValUE\r\nuser-agent: u\r\n\
        content-length: 4\r\n\r\nbody";
    let answer = raw(emulator.api_url("Rest").unwrap(), request).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let event: Value = serde_json::from_str(body).unwrap();
    assert_eq!(event["headers"]["tEsT-HEADeR"], "aValUE", "{event:#}");
    assert_eq!(event["headers"]["User-Agent"], "u", "{event:#}");
    assert_eq!(event["requestContext"]["path"], "/dev/a", "{event:#}");
    assert_eq!(emulator.totals().limits["rest_timeout"].max, 29_000, "where nothing else is said");
}

/// Recorded on 2025-11-24.
#[tokio::test]
async fn the_event_of_a_function_url_has_lower_case_names_joined_queries_and_a_decoded_path() {
    let emulator = all_gateways(mirror("event")).start().await.unwrap();
    let request = "GET //pa2%25Fth/1?x=1&x=2 HTTP/1.1\r\nhost: h\r\ntEsT-HEADeR: aValUE\r\n\r\n";
    let answer = raw(emulator.function_url("event").unwrap(), request).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let event: Value = serde_json::from_str(body).unwrap();
    let headers = &event["headers"];
    assert_eq!(headers["test-header"], "aValUE", "{event:#}");
    for added in [
        "x-amzn-tls-cipher-suite",
        "x-amzn-tls-version",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
    ] {
        assert!(headers[added].is_string(), "{added}: {event:#}");
    }
    assert_eq!(event["rawPath"], "/pa2%Fth/1", "{event:#}");
    assert_eq!(event["queryStringParameters"], serde_json::json!({"x": "1,2"}), "{event:#}");
}

#[tokio::test]
async fn requests_on_one_connection_each_have_their_own_head() {
    let emulator = all_gateways(mirror("event")).start().await.unwrap();
    let mut connection = RawConnection::open(emulator.api_url("Rest").unwrap()).await.unwrap();
    for at in 0..3 {
        let body = "b".repeat(at * 1_000);
        let mut request = format!("POST /dev/{at} HTTP/1.1\r\nhost: h\r\nX-hEaD-{at}: 1\r\n");
        write!(request, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        connection.write(request).await.unwrap();
        let head = connection.read_until("\r\n\r\n").await.unwrap();
        assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", head.escape_ascii());
        let end = format!("\"isBase64Encoded\":{}}}", at > 0);
        let event = connection.read_until(&end).await.unwrap();
        let event = String::from_utf8(event).unwrap();
        assert!(event.contains(&format!("\"X-hEaD-{at}\":")), "{event}");
    }
}

#[tokio::test]
async fn pipelined_requests_each_have_their_own_head_as_it_was_sent() {
    let emulator = all_gateways(mirror("event")).start().await.unwrap();
    let mut connection = RawConnection::open(emulator.api_url("Rest").unwrap()).await.unwrap();
    let mut requests = String::new();
    for at in 0..5 {
        let body = "GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\n".repeat(at);
        write!(requests, "POST /dev/{at} HTTP/1.1\r\nhost: h\r\nX-hEaD-{at}: 1\r\n").unwrap();
        write!(requests, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    }
    connection.write(requests).await.unwrap();
    for at in 0..5 {
        let head = connection.read_until("\r\n\r\n").await.unwrap();
        assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", head.escape_ascii());
        let end = format!("\"isBase64Encoded\":{}}}", at > 0);
        let event = String::from_utf8(connection.read_until(&end).await.unwrap()).unwrap();
        assert!(event.contains(&format!("\"X-hEaD-{at}\":")), "{event}");
        assert!(!event.contains("Evil\":"), "{event}");
    }
}

#[tokio::test]
async fn head_and_bodiless_statuses_have_no_body() {
    let emulator = all_gateways(mirror("answer")).start().await.unwrap();
    let url = format!("{}/x", emulator.api_url("Http").unwrap());
    let call =
        Call { method: Method::HEAD, ..Call::post(&url, r#"{"statusCode":200,"body":"12345"}"#) };
    let head = Client::new().send(&call).await.unwrap();
    assert_eq!((head.header("content-length"), head.body.len()), (Some("5"), 0), "{head:?}");
    for status in [204, 304] {
        let body = format!(r#"{{"statusCode":{status},"body":"12345"}}"#);
        let answer = post(&url, "application/json", body).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (status, 0), "{answer:?}");
    }
}

#[tokio::test]
async fn a_method_that_api_gateway_does_not_know_reaches_no_function() {
    let emulator = all_gateways(mirror("event")).start().await.unwrap();
    let refusals = [
        (
            "rest",
            emulator.api_url("Rest").unwrap(),
            403,
            r#"{"message":"Missing Authentication Token"}"#,
        ),
        ("http", emulator.api_url("Http").unwrap(), 404, r#"{"message":"Not Found"}"#),
        ("url", emulator.function_url("event").unwrap(), 403, r#"{"Message":null}"#),
    ];
    for (kind, url, status, body) in refusals {
        let path = if kind == "rest" { "/dev/x" } else { "/x" };
        let request = async |method: &str| {
            raw(url, &format!("{method} {path} HTTP/1.1\r\nhost: h\r\n\r\n")).await
        };
        for method in ["TRACE", "CONNECT", "PROPFIND", "FOO!", "get"] {
            let answer = request(method).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{kind} {method}: {answer}"
            );
            assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{kind} {method}: {answer}");
        }
        assert_eq!(emulator.totals().invocations, 0, "{kind}");
    }
    for (kind, url, ..) in refusals {
        let path = if kind == "rest" { "/dev/x" } else { "/x" };
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
            let head = format!("{method} {path} HTTP/1.1\r\nhost: h\r\n\r\n");
            let healthy = raw(url, &head).await;
            assert!(healthy.starts_with("HTTP/1.1 200 "), "{kind} {method}: {healthy}");
        }
    }
    assert_eq!(emulator.totals().invocations, 21);
}

#[tokio::test]
async fn cross_origin_rules_are_answered_by_the_gateway() {
    let cors = Cors {
        allow_origins: vec!["https://a.example".to_owned()],
        allow_methods: vec!["GET".to_owned()],
        ..Cors::default()
    };
    let kind = ApiKind::Http { cors: Some(cors.clone()) };
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(mirror("body"))
        .api(Api::new("Http", kind, "$default", &[("GET", "/a", "body")]))
        .configure(|config| {
            config.function_urls.push(FunctionUrl {
                logical_id: "Url".to_owned(),
                function: "body".to_owned(),
                cors: Some(cors),
                invoke_mode: InvokeMode::Buffered,
                only_signed: false,
                lacks_permission: false,
            });
        })
        .start()
        .await
        .unwrap();
    for url in [
        format!("{}/a", emulator.api_url("Http").unwrap()),
        emulator.function_url("Url").unwrap().to_owned(),
    ] {
        let preflight = Call::new(Method::OPTIONS, &url)
            .header("origin", "https://a.example")
            .header("access-control-request-method", "GET");
        let answer = Client::new().send(&preflight).await.unwrap();
        assert!(answer.status.is_success(), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET"), "{answer:?}");
        assert_eq!(emulator.totals().invocations, 0);
    }
    let call = Call::get(format!("{}/a", emulator.api_url("Http").unwrap()));
    let own =
        Client::new().send(&call.clone().header("origin", "https://a.example")).await.unwrap();
    assert_eq!(own.header("access-control-allow-origin"), Some("https://a.example"), "{own:?}");
    let foreign = Client::new().send(&call.header("origin", "https://b.example")).await.unwrap();
    assert_eq!(foreign.header("access-control-allow-origin"), None, "{foreign:?}");
}

#[tokio::test]
async fn a_rest_api_compresses_from_its_smallest_size_on() {
    let kind = ApiKind::Rest {
        binary_media_types: vec!["*/*".to_owned()],
        minimum_compression_size: Some(1_000),
    };
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(mirror("body"))
        .api(Api::new("Rest", kind, "dev", &[("ANY", "/{proxy+}", "body")]))
        .start()
        .await
        .unwrap();
    let url = format!("{}/x", emulator.api_url("Rest").unwrap());
    let send = async |size: usize| {
        let call = Call::post(&url, vec![b'x'; size]).header("accept-encoding", "gzip");
        Client::new().send(&call).await.unwrap()
    };
    assert_eq!(send(999).await.header("content-encoding"), None);
    let compressed = send(1_000).await;
    assert_eq!(compressed.header("content-encoding"), Some("gzip"), "{compressed:?}");
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&compressed.body[..]);
    std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
    assert_eq!(text, "x".repeat(1_000));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

#[test]
fn every_body_comes_back_through_every_gateway_as_it_was() {
    let runtime = runtime();
    let emulator = runtime.block_on(all_gateways(mirror("body")).start()).unwrap();
    let client = Client::new();
    let urls = [
        format!("{}/x", emulator.api_url("Rest").unwrap()),
        format!("{}/x", emulator.api_url("Http").unwrap()),
        emulator.function_url("body").unwrap().to_owned(),
    ];
    let types =
        ["application/json", "text/plain; charset=utf-8", "image/png", "application/x-ndjson"];
    // Plain, with an `Expect` that is not waited for, and with one that is.
    let expects = 0..3_usize;
    let strategy = (arbitrary::content(&[4_096, 65_536], 200_000), 0..3_usize, 0..4_usize, expects);
    let mut runner = TestRunner::new(Config { cases: 100, ..Config::default() });
    runner
        .run(&strategy, |(content, gateway, media, expects)| {
            let sent = content.bytes();
            let call =
                Call::post(&urls[gateway], sent.clone()).header("content-type", types[media]);
            let answer = match expects {
                0 => runtime.block_on(client.send(&call)).unwrap(),
                1 => {
                    let call = call.header("expect", "100-continue");
                    runtime.block_on(client.send(&call)).unwrap()
                }
                _ => runtime.block_on(call.send_when_asked()).unwrap().answer,
            };
            prop_assert_eq!(answer.status.as_u16(), 200, "{:?}", answer);
            prop_assert!(answer.body == sent, "{:?} through {}", content, urls[gateway]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_path_query_and_header_reaches_the_function() {
    let runtime = runtime();
    let emulator = runtime.block_on(all_gateways(mirror("event")).start()).unwrap();
    let client = Client::new();
    let strategy = (arbitrary::path(), arbitrary::query(), arbitrary::headers(6));
    let mut runner = TestRunner::new(Config { cases: 100, ..Config::default() });
    runner
        .run(&strategy, |(path, query, headers)| {
            for base in [
                emulator.api_url("Rest").unwrap(),
                emulator.api_url("Http").unwrap(),
                emulator.function_url("event").unwrap(),
            ] {
                let mut call = Call::get(format!("{base}{path}?{query}"));
                call.headers.clone_from(&headers);
                let answer = runtime.block_on(client.send(&call)).unwrap();
                prop_assert_eq!(answer.status.as_u16(), 200, "{:?}", answer);
                let event = answer.json();
                check_event(&event, &path, &query, &headers)?;
            }
            Ok(())
        })
        .unwrap();
}

fn check_event(
    event: &Value,
    path: &str,
    query: &str,
    headers: &[(String, Vec<u8>)],
) -> Result<(), TestCaseError> {
    if event["version"] == "2.0" {
        prop_assert_eq!(&event["rawQueryString"], query);
    } else {
        prop_assert_eq!(&event["path"], path);
        let values = event["multiValueQueryStringParameters"].as_object();
        let count: usize = values
            .map_or(0, |values| values.values().filter_map(Value::as_array).map(Vec::len).sum());
        let pairs = query.split(['&', ';']).filter(|pair| !pair.is_empty()).count();
        prop_assert_eq!(count, pairs, "{}", event);
    }
    for (name, value) in headers {
        let shown = match std::str::from_utf8(value) {
            Ok(text) => text.to_owned(),
            Err(_) => value.iter().copied().map(char::from).collect(),
        };
        let named = |member: &str| {
            let headers = event[member].as_object().into_iter().flatten();
            headers.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let is_shown = |value: &Value| value == shown.as_str();
        let found = if event["version"] == "2.0" {
            named("headers").any(|joined| joined.as_str().is_some_and(|it| it.contains(&shown)))
        } else {
            named("multiValueHeaders").filter_map(Value::as_array).flatten().any(is_shown)
        };
        prop_assert!(found, "{} {} {}", name, shown, event);
    }
    Ok(())
}

#[tokio::test]
async fn the_answer_of_zappa_passes_at_4_718_559_bytes_and_fails_one_byte_later() {
    let mut giant = guest("giant");
    giant.timeout = Millis(30_000);
    let emulator = all_gateways(giant).start().await.unwrap();
    let url = format!("{}/giant", emulator.api_url("Rest").unwrap());
    let passes = Client::new().get(format!("{url}?size=4718559")).await.unwrap();
    assert_eq!((passes.status.as_u16(), passes.body.len()), (200, 4_718_559), "{passes:?}");
    assert!(passes.body.iter().all(|byte| *byte == b'x'));
    assert_eq!(passes.header("content-type"), Some("text/html; charset=utf-8"));
    let fails = Client::new().get(format!("{url}?size=4718560")).await.unwrap();
    is_refused(&fails, 502, "application/json", r#"{"message": "Internal server error"}"#);
    let seen = &emulator.totals().limits["lambda_sync_response"];
    assert_eq!((seen.highest, seen.highest_admitted), (6_291_560, 6_291_556));
    let http = format!("{}/giant?size=4718560", emulator.api_url("Http").unwrap());
    let fails = Client::new().get(http).await.unwrap();
    is_refused(&fails, 500, "application/json", r#"{"message":"Internal Server Error"}"#);
    let healthy = Client::new().get(format!("{url}?size=5")).await.unwrap();
    assert_eq!(healthy.text(), "xxxxx");
}

#[tokio::test]
async fn a_function_without_concurrency_is_500_503_and_429() {
    let mut function = mirror("body");
    function.reserved_concurrency = Some(0);
    let emulator = all_gateways(function).start().await.unwrap();
    let rest = Client::new().get(format!("{}/x", emulator.api_url("Rest").unwrap())).await.unwrap();
    is_refused(&rest, 500, "application/json", r#"{"message": "Internal server error"}"#);
    let http = Client::new().get(format!("{}/x", emulator.api_url("Http").unwrap())).await.unwrap();
    is_refused(&http, 503, "application/json", r#"{"message":"Service Unavailable"}"#);
    let url = Client::new().get(emulator.function_url("body").unwrap()).await.unwrap();
    let text = r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#;
    is_refused(&url, 429, "application/json", text);
    assert_eq!(emulator.totals().throttles, 3);
}

#[tokio::test]
async fn a_rest_api_refuses_characters_that_must_be_encoded_and_keeps_its_health_checks() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    let url = emulator.api_url("Rest").unwrap();
    for query in ["a|b", "a={b}"] {
        let answer = raw(url, &head(&format!("/dev/x?{query}"), 1)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert!(raw(url, &head("/dev/x?a%7Cb", 1)).await.starts_with("HTTP/1.1 200 "));
    for path in ["/ping", "/sping"] {
        assert!(raw(url, &head(path, 1)).await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(emulator.totals().invocations, 1);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_body_does_not_affect_others() {
    let emulator = all_gateways(mirror("body")).start().await.unwrap();
    for url in [
        emulator.api_url("Rest").unwrap(),
        emulator.api_url("Http").unwrap(),
        emulator.function_url("body").unwrap(),
    ] {
        let mut connection = RawConnection::open(url).await.unwrap();
        let head = "POST /dev/x HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nten bytes!";
        connection.write(head).await.unwrap();
        drop(connection);
        assert_eq!(post(&format!("{url}/x"), "text/plain", "healthy").await.text(), "healthy");
    }
    assert_eq!(emulator.totals().invocations, 3);
    assert_eq!(emulator.totals().bugs, 0);
}
