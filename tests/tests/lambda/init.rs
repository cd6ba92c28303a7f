//! Init: its ten seconds, and the second chance inside the invocation.

use hardcap::Emulator;
use hardcap_limits::Millis;
use serde_json::json;

use super::{Lambda, assert_fault, guest, guest_with, log};

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_start_is_reported_once() {
    let lambda = Lambda::with([guest("behave")]).await;
    let cold = lambda.invoke("behave", "{}").await;
    assert!(log(&cold).contains("\tInit Duration: "), "{}", log(&cold));
    let warm = lambda.invoke("behave", "{}").await;
    assert!(!log(&warm).contains("Init Duration"), "{}", log(&warm));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_that_takes_too_long_is_done_again_inside_the_invocation() {
    let builder =
        Emulator::builder().function(guest_with("slow-init", &["800"])).set("lambda_init", 400);
    let lambda = Lambda::start(builder).await;
    let answer = lambda.invoke("slow-init", "{}").await;
    let log = log(&answer);
    assert_eq!(answer.header("x-amz-function-error"), None, "{log}");
    assert!(log.starts_with("INIT_REPORT Init Duration: "), "{log}");
    assert!(log.contains(" ms\tPhase: init\tStatus: timeout\nSTART "), "{log}");
    assert!(!log.contains("\tInit Duration: "), "its time is the invocation's: {log}");
    let seen = &lambda.emulator.totals().limits["lambda_init"];
    assert_eq!((seen.max, seen.refused), (400, 1));
    lambda.is_healthy("slow-init", "{}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_never_asks_for_an_event_meets_the_functions_timeout() {
    let mut function = guest("never-poll");
    function.timeout = Millis(1_000);
    let date = "current".parse().unwrap();
    let builder = Emulator::builder().limits(date).function(function).set("lambda_init", 200);
    let lambda = Lambda::start(builder).await;
    for _ in 0..2 {
        let ended = lambda.invoke("never-poll", "{}").await;
        assert_fault(
            &ended,
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {id} Error: Task timed out after 1.00 seconds"}"#,
        );
        let log = log(&ended);
        assert!(log.contains("\tPhase: init\tStatus: timeout\n"), "{log}");
        assert!(log.contains("\tPhase: invoke\tStatus: timeout\nSTART "), "{log}");
        assert!(log.ends_with("\tStatus: timeout\n"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_in_init_is_started_twice_and_then_given_up() {
    let lambda = Lambda::with([guest_with("exit-in-init", &["3"])]).await;
    for _ in 0..2 {
        let ended = lambda.invoke("exit-in-init", "{}").await;
        assert_fault(
            &ended,
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {id} Error: Runtime exited with error: exit status 3"}"#,
        );
        let log = log(&ended);
        for phase in ["init", "invoke"] {
            let told =
                format!(" ms\tPhase: {phase}\tStatus: error\tError Type: Runtime.ExitError\n");
            assert_eq!(log.matches(&told).count(), 1, "{phase}: {log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_init_reaches_the_invoker_as_the_runtime_posted_it() {
    let lambda = Lambda::with([guest("init-error"), guest("echo")]).await;
    let failed = lambda.invoke("init-error", "{}").await;
    assert_fault(
        &failed,
        r#"{"errorMessage":"no such module","errorType":"Runtime.ImportModuleError","requestId":"","stackTrace":[]}"#,
    );
    let log = log(&failed);
    assert!(
        log.contains("Phase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError\nSTART"),
        "{log}"
    );
    lambda.is_healthy("echo", json!({})).await;
}
