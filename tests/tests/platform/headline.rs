//! The report that hardcap began with: a Flask app on Zappa answered 4,718,559 bytes and failed at 4,718,560.

use hardcap::Emulator;
use hardcap::config::Function;
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::functions::guest;
use serde_json::Value;

/// `4 * ceil(4718559 / 3)` = 6,291,412 characters of base64 in an envelope of 144 bytes: exactly Lambda's limit.
const LARGEST: usize = 4_718_559;

async fn giant(function: Function, date: Date) -> Emulator {
    let mut function = function;
    function.timeout = Millis(20_000);
    let routes: &[(&str, &str, &str)] = &[("GET", "/giant", &function.name.clone())];
    Emulator::builder()
        .limits(date)
        .function(function)
        .rest_api("Api", routes)
        .start()
        .await
        .expect("an emulator on free ports")
}

/// What the client sees on both sides of the cutoff, and that the API is well afterwards.
async fn cutoff_is_exact(emulator: &Emulator) {
    let client = Client::new();
    let url = |size: usize| {
        format!("{}/giant?size={size}", emulator.api_url("Api").expect("it is configured"))
    };

    let largest = client.get(url(LARGEST)).await.expect("an answer");
    assert_eq!(largest.status, 200, "{largest:?}");
    assert_eq!(largest.body.len(), LARGEST);
    assert!(largest.body.iter().all(|byte| *byte == b'x'));

    let over = client.get(url(LARGEST + 1)).await.expect("an answer");
    assert_eq!(over.status, 502, "{over:?}");
    assert_eq!(over.text(), r#"{"message": "Internal server error"}"#);
    assert_eq!(over.header("x-amzn-errortype"), Some("InternalServerErrorException"));

    let after = client.get(url(1000)).await.expect("an answer");
    assert_eq!((after.status.as_u16(), after.body.len()), (200, 1000), "{after:?}");

    let seen = &emulator.totals().limits["lambda_sync_response"];
    assert_eq!((seen.highest_admitted, seen.highest), (6_291_556, 6_291_560));
    assert_eq!(seen.refused, 1);
}

/// Invokes as an SDK does, one byte over, and returns the answer's payload and the log's tail.
async fn invoke_over(emulator: &Emulator, function: &str) -> (Value, String) {
    use base64::Engine as _;
    let event = r#"{"queryStringParameters": {"size": "4718560"}}"#;
    let url = format!("{}/2015-03-31/functions/{function}/invocations", emulator.aws_url());
    let call = Call::post(url, event).header("x-amz-log-type", "Tail");
    let answer = Client::new().send(&call).await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"), "{answer:?}");
    let tail = answer.header("x-amz-log-result").expect("a log was asked for");
    let log = base64::engine::general_purpose::STANDARD.decode(tail).expect("base64");
    (answer.json(), String::from_utf8(log).expect("the log is text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_function_answers_4718559_bytes_and_not_one_more() {
    cutoff_is_exact(&giant(guest("giant"), Date::CLASSIC).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_both_numbers() {
    let emulator = giant(guest("giant"), Date::CLASSIC).await;
    let (payload, log) = invoke_over(&emulator, "giant").await;
    assert_eq!(
        payload["errorMessage"],
        "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    );
    assert!(log.contains("6291560") && log.contains("6291556"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_2018_the_log_said_that_the_body_size_is_too_long() {
    let emulator = giant(guest("giant"), Date::new(2018, 1, 1)).await;
    let (payload, log) = invoke_over(&emulator, "giant").await;
    assert_eq!(payload, serde_json::json!({ "errorMessage": "body size is too long" }));
    assert!(log.contains("body size is too long"), "{log}");
    cutoff_is_exact_for_clients(&emulator).await;
}

/// The client saw then what it sees now.
async fn cutoff_is_exact_for_clients(emulator: &Emulator) {
    let url = format!(
        "{}/giant?size={}",
        emulator.api_url("Api").expect("it is configured"),
        LARGEST + 1
    );
    let over = Client::new().get(url).await.expect("an answer");
    assert_eq!(
        (over.status.as_u16(), over.text()),
        (502, r#"{"message": "Internal server error"}"#)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_the_cutoff_and_the_envelope_that_explains_it() {
    use hardcap_cli::probe::{Direction, Found, Target, probe};
    let emulator = giant(guest("giant"), Date::CLASSIC).await;
    let target = Target {
        url: format!("{}/giant?size={{size}}", emulator.api_url("Api").unwrap()),
        method: http::Method::GET,
        headers: Vec::new(),
        direction: Direction::Download,
        start: 1_000_000,
        max: 16_000_000,
    };
    let probed =
        probe(&target, &hardcap_limits::Limits::classic(), |_| {}).await.expect("it answers");
    assert_eq!(probed.found, Found::Cutoff { passes: 4_718_559 });
    let first = &probed.explanations[0];
    assert_eq!(first.row.name, "lambda_sync_response");
    assert_eq!((first.envelope_min, first.envelope_max), (141, 144));
}
