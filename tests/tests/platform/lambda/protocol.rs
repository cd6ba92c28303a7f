//! The Runtime API as a process sees it: what is legal, what is refused, and that one answer wins.

use hardcap::{Builder, Emulator};
use hardcap_limits::Date;
use serde_json::{Value, json};

use super::{Lambda, guest, log};

const OK: &str = r#"202 {"status":"OK"}"#;
const WRONG_ID: &str =
    r#"400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#;

/// Runs a script, and returns its answer and what the Runtime API said to each of its steps.
async fn run(lambda: &Lambda, script: Value) -> (hardcap_tests::client::Answer, Vec<String>) {
    let answer = lambda.invoke("script", script).await;
    let told = lambda.invoke("script", json!(["tell"])).await;
    let heard = serde_json::from_slice(&told.body).unwrap_or_else(|_| panic!("{told:?}"));
    (answer, heard)
}

async fn script() -> Lambda {
    Lambda::with([guest("script")]).await
}

/// Before it, the Runtime API knows of no response mode.
fn on_the_first_day_of_streams() -> Builder {
    let day = "2023-04-07".parse().expect("a day");
    Emulator::builder().limits(day).function(guest("script"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_two_answers_wins_and_the_second_is_a_wrong_state() {
    let lambda = script().await;
    let (answer, heard) = run(
        &lambda,
        json!([
            {"post": {"to": "response", "body": "1"}},
            {"post": {"to": "response", "body": "2"}},
            {"post": {"to": "error", "body": "{}"}},
        ]),
    )
    .await;
    assert_eq!(answer.text(), "1");
    assert_eq!(heard[0], OK);
    for refused in &heard[1..] {
        assert!(refused.starts_with("403 "), "{heard:?}");
        assert!(refused.ends_with(r#""errorType":"InvalidStateTransition"}"#), "{heard:?}");
    }
    assert_eq!(heard.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_another_request_is_refused_and_the_right_one_still_counts() {
    let lambda = script().await;
    let (answer, heard) = run(
        &lambda,
        json!([
            {"post": {"to": "invocation/another/response", "body": "1"}},
            {"post": {"to": "invocation/another/error", "body": "{}"}},
            {"post": {"to": "response", "body": "2"}},
        ]),
    )
    .await;
    assert_eq!((answer.text(), answer.header("x-amz-function-error")), ("2", None));
    assert_eq!(heard, [WRONG_ID, WRONG_ID, OK]);
}

/// Since July 2026: what names another invocation of the same request is refused, what names none is not compared.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_another_invocation_of_the_request_is_refused_since_invocations_have_ids() {
    let other = ["lambda-runtime-invocation-id: another"];
    let own = ["lambda-runtime-invocation-id: {invocation}"];
    let script = json!([
        {"post": {"to": "response", "body": "1", "headers": other}},
        {"post": {"to": "error", "body": "{}", "headers": other}},
        {"post": {"to": "response", "body": "2", "headers": own}},
    ]);
    let on = |day: &str| Emulator::builder().limits(day.parse().unwrap()).function(guest("script"));
    let lambda = Lambda::start(on("2026-07-21").function(guest("echo"))).await;
    let (answer, heard) = run(&lambda, script.clone()).await;
    let gone = r#"410 {"errorMessage":"Invoke timeout","errorType":"InvokeTimeout"}"#;
    assert_eq!((answer.text(), answer.header("x-amz-function-error")), ("2", None));
    assert_eq!(heard, [gone, gone, OK]);
    lambda.is_healthy("echo", "{}").await;

    let lambda = Lambda::start(on("2026-07-20")).await;
    let (answer, heard) = run(&lambda, script).await;
    assert_eq!((answer.text(), heard[0].as_str()), ("1", OK));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_the_limit_gets_413_and_everything_after_it_403() {
    let builder = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("script"))
        .set("lambda_sync_response", 1_000);
    let lambda = Lambda::start(builder).await;
    let (answer, heard) = run(
        &lambda,
        json!([
            {"post": {"to": "response", "size": 1_001}},
            {"post": {"to": "error", "body": "{}"}},
            {"post": {"to": "response", "body": "1"}},
        ]),
    )
    .await;
    assert_eq!(answer.json()["errorType"], "Function.ResponseSizeTooLarge");
    assert!(log(&answer).contains("1001"), "{}", log(&answer));
    assert_eq!(
        heard[0],
        r#"413 {"errorMessage":"Exceeded maximum allowed payload size (1000 bytes).","errorType":"RequestEntityTooLarge"}"#
    );
    assert!(heard[1].starts_with("403 ") && heard[2].starts_with("403 "), "{heard:?}");
    assert_eq!(lambda.emulator.totals().cold_starts, 1, "the process lives on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_is_read_far_enough_that_the_function_sees_the_413() {
    let lambda = script().await;
    let size = 30_000_000;
    let (answer, heard) = run(&lambda, json!([{"post": {"to": "response", "size": size}}])).await;
    assert_eq!(answer.json()["errorType"], "Function.ResponseSizeTooLarge");
    assert!(heard[0].starts_with("413 "), "{heard:?}");
    let seen = &lambda.emulator.totals().limits["lambda_sync_response"];
    assert_eq!((seen.highest, seen.refused), (30_000_000, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_not_json_is_delivered_unchanged() {
    let lambda = script().await;
    let (answer, heard) =
        run(&lambda, json!([{"post": {"to": "response", "body": "not { json"}}])).await;
    assert_eq!((answer.text(), answer.header("x-amz-function-error")), ("not { json", None));
    assert_eq!(heard, [OK]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_ends_the_invocation() {
    let lambda = script().await;
    let (answer, heard) = run(&lambda, json!(["truncated"])).await;
    assert_eq!(answer.json()["errorType"], "Runtime.TruncatedResponse", "{}", answer.text());
    assert_eq!(
        heard,
        [
            r#"400 {"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}"#
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_response_mode_ends_the_invocation() {
    let lambda = Lambda::start(on_the_first_day_of_streams()).await;
    let headers = ["lambda-runtime-function-response-mode: sideways"];
    let (answer, heard) =
        run(&lambda, json!([{"post": {"to": "response", "body": "1", "headers": headers}}])).await;
    assert_eq!(answer.json()["errorType"], "Runtime.InvalidResponseModeHeader");
    assert_eq!(
        heard,
        [
            r#"400 {"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}"#
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_answer_is_collected_and_capped_like_another() {
    let builder = on_the_first_day_of_streams().set("lambda_sync_response", 200);
    let lambda = Lambda::start(builder).await;
    let half = "x".repeat(100);
    let streamed = |chunks: &[&str]| json!([{"streamed": {"chunks": chunks, "trailers": []}}]);
    let (answer, heard) = run(&lambda, streamed(&[&half, &half])).await;
    assert_eq!(answer.text(), "x".repeat(200));
    assert_eq!(heard, [OK]);
    let (answer, heard) = run(&lambda, streamed(&[&half, &half, "x"])).await;
    assert_eq!(answer.json()["errorType"], "Function.ResponseSizeTooLarge");
    assert!(heard[0].starts_with("413 "), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_behind_a_streamed_answer_is_the_functions_error() {
    let lambda = Lambda::start(on_the_first_day_of_streams()).await;
    let trailers = [
        "Lambda-Runtime-Function-Error-Type: Function.Midway",
        // {"errorMessage":"it broke"}
        "Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJpdCBicm9rZSJ9",
    ];
    let (answer, _) =
        run(&lambda, json!([{"streamed": {"chunks": ["half"], "trailers": trailers}}])).await;
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(answer.text(), r#"{"errorMessage":"it broke"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn init_cannot_fail_once_it_is_over() {
    let lambda = script().await;
    let (answer, heard) = run(
        &lambda,
        json!([{"post": {"to": "init/error", "body": "{}"}}, {"post": {"to": "response", "body": "1"}}]),
    )
    .await;
    assert_eq!(answer.text(), "1");
    assert!(heard[0].starts_with("403 "), "{heard:?}");
    assert_eq!(heard[1], OK);
}
