//! How invocations end other than well: errors, timeouts, exits and crashes of every kind.

use hardcap::Emulator;
use hardcap_limits::{Date, Millis};
use serde_json::{Value, json};

use super::{Lambda, assert_fault, guest, guest_with, log};

#[tokio::test(flavor = "multi_thread")]
async fn a_handlers_error_reaches_the_invoker_as_the_runtime_posted_it() {
    let lambda = Lambda::with([guest("behave")]).await;
    // Recorded on 2026-01-13: the message is the function's own, the rest is the Rust runtime's.
    let failed = lambda.invoke("behave", json!({"error": "Error: \"some_error_msg\""})).await;
    assert_fault(
        &failed,
        r#"{"errorType":"&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>","errorMessage":"Error: \"some_error_msg\""}"#,
    );
    lambda.is_healthy("behave", "{}").await;
    let totals = lambda.emulator.totals();
    assert_eq!((totals.invocations, totals.cold_starts), (2, 1), "the process lives on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_error_like_another() {
    let lambda = Lambda::with([guest("behave")]).await;
    let failed = lambda.invoke("behave", json!({"panic": true})).await;
    assert_eq!(failed.header("x-amz-function-error"), Some("Unhandled"));
    assert!(failed.text().contains("the event asked for a panic"), "{}", failed.text());
    lambda.is_healthy("behave", "{}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_is_reported_with_its_status_or_signal_and_replaced() {
    let lambda = Lambda::current([guest("behave")]).await;
    for (event, reason) in [
        (json!({"exit": 0}), "Runtime exited without providing a reason"),
        (json!({"exit": 127}), "Runtime exited with error: exit status 127"),
        (json!({"signal": 9}), "Runtime exited with error: signal: killed"),
        (json!({"signal": 6}), "Runtime exited with error: signal: aborted"),
        (json!({"signal": 11}), "Runtime exited with error: signal: segmentation fault"),
    ] {
        let ended = lambda.invoke("behave", event).await;
        let payload = format!(
            r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {{id}} Error: {reason}"}}"#
        );
        assert_fault(&ended, &payload);
        let (log, id) = (log(&ended), ended.header("x-amzn-requestid").unwrap());
        let told = format!(
            "RequestId: {id} Error: {reason}\nRuntime.ExitError\nEND RequestId: {id}\nREPORT"
        );
        assert!(log.contains(&told), "{log}");
        assert!(log.ends_with("\tStatus: error\tError Type: Runtime.ExitError\n"), "{log}");
        lambda.is_healthy("behave", "{}").await;
    }
    assert_eq!(lambda.emulator.totals().faults["Runtime.ExitError"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_takes_too_long_is_ended_in_the_words_of_the_day() {
    for date in ["2018-07-17", "current"] {
        let mut function = guest("behave");
        function.timeout = Millis(1_000);
        let builder = Emulator::builder().limits(date.parse().unwrap()).function(function);
        let lambda = Lambda::start(builder).await;
        let ended = lambda.invoke("behave", json!({"hang": true})).await;
        let id = ended.header("x-amzn-requestid").unwrap();
        if date == "current" {
            assert_fault(
                &ended,
                r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {id} Error: Task timed out after 1.00 seconds"}"#,
            );
        } else {
            let message = ended.json()["errorMessage"].as_str().unwrap().to_owned();
            let (timestamp, rest) = message.split_at("2018-07-17T10:17:00.383Z".len());
            assert_eq!(rest, format!(" {id} Task timed out after 1.00 seconds"));
            assert!(timestamp.ends_with('Z') && timestamp.contains('T'), "{timestamp}");
            assert_eq!(ended.json().as_object().unwrap().len(), 1, "{}", ended.text());
        }
        let log = log(&ended);
        let line = format!(" {id} Task timed out after 1.00 seconds\nEND ");
        let figure = |name: &str| {
            let value =
                log.split(&format!("\t{name}: ")).nth(1).and_then(|it| it.split(' ').next());
            value.and_then(|it| it.parse::<f64>().ok()).unwrap_or_else(|| panic!("{name}: {log}"))
        };
        let (duration, billed, init) =
            (figure("Duration"), figure("Billed Duration"), figure("Init Duration"));
        // The timeout and init are billed, up to the next millisecond; the line shows init with two digits.
        let rounding = billed - 1_000.0 - init;
        assert!((-0.006..1.006).contains(&rounding), "{log}");
        if date == "current" {
            assert!(!log.contains("Task timed out"), "{log}");
            assert!(duration == 1_000.0 && log.ends_with("\tStatus: timeout\n"), "{log}");
        } else {
            assert!(log.contains(&line), "{log}");
            assert!(duration > 1_000.0 && !log.contains("Status: "), "{log}");
        }
        lambda.is_healthy("behave", "{}").await;
        let totals = lambda.emulator.totals();
        assert_eq!(totals.cold_starts, 2, "the sandbox was replaced");
        assert_eq!(totals.limits["lambda_timeout"].refused, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_one_invocation_is_not_that_of_the_next() {
    let mut function = guest("behave");
    function.timeout = Millis(1_500);
    let lambda = Lambda::with([function]).await;
    for _ in 0..3 {
        lambda.is_healthy("behave", json!({"millis": 700})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_answers_and_then_hangs_has_answered() {
    let mut function = guest("script");
    function.timeout = Millis(1_000);
    let lambda = Lambda::with([function]).await;
    let script = json!([{"post": {"to": "response", "body": "\"done\""}}, "hang"]);
    let answer = lambda.invoke("script", script).await;
    assert_eq!((answer.text(), answer.header("x-amz-function-error")), ("\"done\"", None));
    lambda.is_healthy("script", json!(["tell"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_answers_and_then_exits_has_answered() {
    let lambda = Lambda::with([guest("script")]).await;
    let script = json!([{"post": {"to": "response", "body": "\"done\""}}, {"exit": 1}]);
    for _ in 0..3 {
        let answer = lambda.invoke("script", &script).await;
        assert_eq!((answer.text(), answer.header("x-amz-function-error")), ("\"done\"", None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_exits_after_a_refused_response_is_logged_and_the_invoker_gets_the_size_error()
 {
    let lambda = Lambda::start(
        Emulator::builder()
            .limits(Date::LATEST)
            .function(guest("script"))
            .set("lambda_sync_response", 99),
    )
    .await;
    let script = json!([{"post": {"to": "response", "size": 100}}, {"exit": 1}]);
    let over = lambda.invoke("script", script).await;
    assert_eq!(over.json()["errorType"], "Function.ResponseSizeTooLarge", "{}", over.text());
    let log = log(&over);
    assert!(
        log.contains("Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n"),
        "{log}"
    );
    assert!(log.ends_with("\tStatus: error\tError Type: Runtime.ExitError\n"), "{log}");
    lambda.is_healthy("script", json!(["tell"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_cannot_be_started_is_named() {
    let mut missing = guest("missing");
    missing.command = vec!["no/such/program".into()];
    let mut forbidden = guest("forbidden");
    let file = tempfile::NamedTempFile::new().unwrap();
    forbidden.command = vec![file.path().into()];
    let mut nowhere = guest("nowhere");
    nowhere.task_root = "no/such/folder".into();
    let lambda =
        Lambda::with([missing, forbidden, nowhere, guest_with("exit-in-init", &["3"])]).await;

    let failed = lambda.invoke("missing", "{}").await;
    assert_fault(
        &failed,
        r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: {id} Error: fork/exec no/such/program: no such file or directory"}"#,
    );
    let log = log(&failed);
    assert!(
        log.contains("Phase: init\tStatus: error\tError Type: Runtime.InvalidEntrypoint\n"),
        "{log}"
    );
    assert!(log.contains("the function `missing` cannot be started"), "{log}");

    let failed: Value = lambda.invoke("forbidden", "{}").await.json();
    let message = failed["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("Error: fork/exec /") && message.ends_with(": permission denied"),
        "{message}"
    );
    let failed: Value = lambda.invoke("nowhere", "{}").await.json();
    assert!(failed["errorMessage"].as_str().unwrap().contains("no/such/folder"), "{failed}");
}
