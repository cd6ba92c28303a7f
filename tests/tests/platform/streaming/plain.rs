//! A runtime that streams, invoked plainly: its answer is collected, and capped like every other.

use aws_sdk_lambda::primitives::Blob;
use hardcap_tests::client::{Answer, Call, Client};
use serde_json::{Value, json};

use super::{Streaming, on};

async fn invoke(streaming: &Streaming, event: &Value) -> Answer {
    let path = "/2015-03-31/functions/stream/invocations";
    let url = format!("{}{path}", streaming.emulator.aws_url());
    Client::new().send(&Call::post(url, event.to_string())).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_6291556_bytes_passes_and_one_byte_more_does_not() {
    let streaming = Streaming::start(on("current")).await;
    let answer = invoke(&streaming, &json!({"size": 6_291_556})).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 6_291_556));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("x-amz-function-error"), None);
    let answer = invoke(&streaming, &json!({"size": 6_291_557})).await;
    assert_eq!(answer.json()["errorType"], "Function.ResponseSizeTooLarge");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    streaming.is_healthy().await;
    let seen = &streaming.emulator.totals().limits["lambda_sync_response"];
    assert_eq!((seen.highest, seen.refused), (6_291_557, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bandwidth_of_streams_does_not_apply_to_a_plain_invocation() {
    let builder = on("current").set("lambda_stream_burst", 0).set("lambda_stream_rate", 1);
    let streaming = Streaming::start(builder).await;
    assert_eq!(invoke(&streaming, &json!({"size": 1_000_000})).await.body.len(), 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_there_were_streams_the_runtimes_header_means_nothing() {
    let streaming = Streaming::start(on("classic")).await;
    let trailers = ["Lambda-Runtime-Function-Error-Type: Function.Midway"];
    let event = json!({"first": "\"text\"", "end": {"trailers": trailers}}).to_string();
    let call = streaming.sdk.invoke().function_name("stream").payload(Blob::new(event));
    let output = call.send().await.unwrap();
    assert_eq!(output.function_error(), None);
    assert_eq!(output.payload().map(|it| it.as_ref().to_vec()), Some(b"\"text\"".to_vec()));
}
