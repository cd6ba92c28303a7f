//! Lambda from outside: real processes behind `POST /2015-03-31/functions/{name}/invocations`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap::config::Function;
use hardcap::{Builder, Emulator};
use hardcap_limits::Millis;
use hardcap_tests::client::{Answer, Call, Client};
use serde_json::json;

/// A function that is the guest in one of its modes.
fn guest(mode: &str) -> Function {
    guest_with(mode, &[])
}

fn guest_with(mode: &str, arguments: &[&str]) -> Function {
    let command = [env!("CARGO_BIN_EXE_guest"), mode].into_iter().chain(arguments.iter().copied());
    let mut function = Function::new(mode, command);
    function.timeout = Millis(10_000);
    function
}

/// An emulator with some functions, and a client of its Invoke API.
struct Lambda {
    emulator: Emulator,
    client: Client,
}

impl Lambda {
    async fn with(functions: impl IntoIterator<Item = Function>) -> Lambda {
        Lambda::start(functions.into_iter().fold(Emulator::builder(), Builder::function)).await
    }

    async fn start(builder: Builder) -> Lambda {
        let emulator = builder.start().await.expect("an emulator on free ports");
        Lambda { emulator, client: Client::new() }
    }

    fn call(&self, function: &str, event: impl ToString) -> Call {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        Call::post(format!("{}{path}", self.emulator.aws_url()), event.to_string())
    }

    async fn send(&self, call: Call) -> Answer {
        self.client.send(&call).await.expect("an answer of the emulator")
    }

    async fn invoke(&self, function: &str, event: impl ToString) -> Answer {
        self.send(self.call(function, event).header("x-amz-log-type", "Tail")).await
    }

    /// A function that was refused something must still serve.
    async fn is_healthy(&self, function: &str, event: impl ToString) {
        let answer = self.invoke(function, event).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("x-amz-function-error"), None, "{answer:?}\n{}", log(&answer));
    }
}

/// The tail of the invocation's log.
fn log(answer: &Answer) -> String {
    let encoded = answer.header("x-amz-log-result").unwrap_or_default();
    let decoded = STANDARD.decode(encoded).expect("the log's tail is base64");
    String::from_utf8_lossy(&decoded).into_owned()
}

#[track_caller]
fn assert_fault(answer: &Answer, payload: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"), "{}", log(answer));
    let id = answer.header("x-amzn-requestid").expect("every answer has a request id");
    assert_eq!(answer.text(), payload.replace("{id}", id), "{}", log(answer));
}

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

    let over = lambda.invoke("bloat", json!({"size": 6_291_557})).await;
    assert_fault(
        &over,
        r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
    );
    let log = log(&over);
    assert!(log.contains("6291557") && log.contains("6291556"), "{log}");
    lambda.is_healthy("bloat", json!({})).await;
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
