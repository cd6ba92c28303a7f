//! `InvokeWithResponseStream`, asked by AWS's own SDK.

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::ResponseStreamingInvocationType;
use hardcap_tests::client::{Call, Client};
use serde_json::json;

use super::{FIRST_DAY, Signal, StreamEvent, Streaming, first_bytes, guest, on, read};

const PATH: &str = "/2021-11-15/functions/stream/response-streaming-invocations";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_byte_is_there_while_the_function_still_waits_to_make_the_last() {
    let streaming = Streaming::start(on("current")).await;
    let signal = Signal::new().await;
    let event = json!({"first": "first", "wait_for": signal.address, "size": 4});
    let mut output = streaming.open(&event).await;
    assert_eq!(first_bytes(&mut output, 5).await, b"first");
    // Only now may the function go on.
    signal.give().await;
    let rest = read(&mut output).await;
    assert_eq!(rest.text(), "xxxx");
    assert!(rest.log().contains("END RequestId: "), "{}", rest.log());
    assert_eq!(streaming.streamed(), [(9, None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_those_of_an_invoke_and_the_runtimes_type_is_remapped() {
    let streaming = Streaming::start(on("current")).await;
    let url = format!("{}{PATH}", streaming.emulator.aws_url());
    let event = json!({"content_type": "application/x-anything", "first": "hello"});
    let answer = Client::new().send(&Call::post(url, event.to_string())).await.unwrap();
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("content-type", "application/vnd.amazon.eventstream"),
        ("x-amzn-remapped-content-type", "application/x-anything"),
        ("x-amz-executed-version", "$LATEST"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
    assert!(answer.header("x-amzn-requestid").is_some(), "{answer:?}");
    assert!(answer.header("x-amzn-trace-id").is_some(), "{answer:?}");
    // Nobody asked for the log: the last event is an empty object, as captured on 2026-09-15.
    assert_eq!(&answer.body[answer.body.len() - 6..answer.body.len() - 4], b"{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_runtime_that_does_not_stream_comes_through_as_it_is() {
    let builder = on("current").function(guest("echo")).set("lambda_sync_response", 100);
    let streaming = Streaming::start(builder).await;
    let event = json!({"text": "x".repeat(1_000)});
    let mut output = streaming.open_function("echo", &event).await;
    assert_eq!(output.response_stream_content_type(), Some("application/vnd.amazon.eventstream"));
    let streamed = read(&mut output).await;
    assert_eq!(streamed.text(), event.to_string(), "the limit of buffered answers is none of it");
    assert_eq!(streaming.streamed(), [(event.to_string().len() as u64, None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_runtime_streams_unchanged() {
    let streaming = Streaming::start(on("current").function(guest("rust-stream"))).await;
    let mut output = streaming.open_function("rust-stream", &json!({"pieces": 3})).await;
    let streamed = read(&mut output).await;
    let prelude =
        r#"{"statusCode":200,"headers":{"content-type":"application/octet-stream"},"cookies":[]}"#;
    let expected = format!("{prelude}\0\0\0\0\0\0\0\0piece 0\npiece 1\npiece 2\n");
    assert_eq!(streamed.text(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_is_an_end_alone() {
    let streaming = Streaming::start(on("current")).await;
    let mut output = streaming.open(&json!({})).await;
    let first = super::next(&mut output).await;
    assert!(matches!(first, Some(StreamEvent::InvokeComplete(_))), "{first:?}");
    assert_eq!(streaming.streamed(), [(0, None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invocation_type_changes_nothing() {
    let streaming = Streaming::start(on("current")).await;
    let call = streaming.sdk.invoke_with_response_stream().function_name("stream");
    let call = call.invocation_type(ResponseStreamingInvocationType::DryRun);
    let mut output = call.payload(Blob::new(r#"{"first":"ran"}"#)).send().await.unwrap();
    assert_eq!(read(&mut output).await.text(), "ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_refused_before_a_function_runs_is_not_streamed() {
    let builder = on("current").set("lambda_sync_request", 20);
    let streaming = Streaming::start(builder).await;
    let call = |name: &str, event: &str| {
        let call = streaming.sdk.invoke_with_response_stream().function_name(name);
        call.payload(Blob::new(event)).send()
    };
    let error = call("missing", "{}").await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"), "{error:?}");
    let error = call("stream", "{").await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidRequestContentException"), "{error:?}");
    let error = call("stream", r#"{"first":"0123456789"}"#).await.unwrap_err();
    assert_eq!(error.code(), Some("RequestEntityTooLargeException"), "{error:?}");
    streaming.sdk.invoke_with_response_stream().function_name("stream").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operation_does_not_exist_before_its_day() {
    for (day, exists) in [("classic", false), ("2023-04-06", false), (FIRST_DAY, true)] {
        let streaming = Streaming::start(on(day)).await;
        let call = streaming.sdk.invoke_with_response_stream().function_name("stream").send().await;
        assert_eq!(call.is_ok(), exists, "{day}: {call:?}");
        if let Err(error) = call {
            assert_eq!(error.code(), Some("UnknownOperationException"), "{error:?}");
            assert!(error.message().unwrap_or_default().contains(FIRST_DAY), "{error:?}");
        }
    }
}
