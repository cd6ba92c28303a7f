//! Init: its ten seconds, and the second chance inside the invocation.

use hardcap::Emulator;
use hardcap_limits::{Date, Millis};
use serde_json::json;

use super::{Lambda, assert_fault, guest, guest_with, log};

/// The last line of a log in parts, every number of it replaced: `#` is a whole one, `#.##` has two decimals.
fn report(log: &str) -> Vec<String> {
    let line = log.strip_suffix('\n').and_then(|log| log.rsplit('\n').next()).unwrap_or_default();
    let shape = |word: &str| match word.split_once('.') {
        _ if !word.starts_with(|first: char| first.is_ascii_digit()) => word.to_owned(),
        Some((_, decimals)) => format!("#.{}", "#".repeat(decimals.len())),
        None => "#".to_owned(),
    };
    let shapes = |part: &str| part.split(' ').map(shape).collect::<Vec<_>>().join(" ");
    line.split('\t').skip(1).map(shapes).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_start_is_reported_once_in_the_form_recorded_on_2023_09_04() {
    let lambda = Lambda::with([guest("behave")]).await;
    let cold = log(&lambda.invoke("behave", "{}").await);
    let mut parts = vec![
        "Duration: #.## ms",
        "Billed Duration: # ms",
        "Memory Size: # MB",
        "Max Memory Used: # MB",
        "Init Duration: #.## ms",
        "",
    ];
    assert_eq!(report(&cold), parts, "{cold}");
    let warm = log(&lambda.invoke("behave", "{}").await);
    parts.remove(4);
    assert_eq!(report(&warm), parts, "{warm}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_that_takes_too_long_is_done_again_inside_the_invocation() {
    let builder = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest_with("slow-init", &["800"]))
        .set("lambda_init", 400);
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
async fn a_runtime_that_never_asks_for_an_event_ends_at_the_functions_timeout() {
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
    for (status, reason) in [
        ("0", "Runtime exited without providing a reason"),
        ("3", "Runtime exited with error: exit status 3"),
    ] {
        let lambda = Lambda::with([guest_with("exit-in-init", &[status])]).await;
        for _ in 0..2 {
            let ended = lambda.invoke("exit-in-init", "{}").await;
            let payload = format!(
                r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {{id}} Error: {reason}"}}"#
            );
            assert_fault(&ended, &payload);
            let log = log(&ended);
            for phase in ["init", "invoke"] {
                let told =
                    format!(" ms\tPhase: {phase}\tStatus: error\tError Type: Runtime.ExitError\n");
                assert_eq!(log.matches(&told).count(), 1, "{phase}: {log}");
            }
        }
    }
}

/// Recorded on 2025-11-24: a managed runtime is a script, and its shell says 127 of a wrapper that it does not find.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrapper_that_is_missing_is_exit_status_127_and_another_starts_the_runtime() {
    let wrapped = |mode: &str, wrapper: &str| {
        let mut function = guest(mode);
        "python3.12".clone_into(&mut function.runtime);
        function.environment.insert("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), wrapper.to_owned());
        function
    };
    let functions = [wrapped("echo", "/no/such/wrapper"), wrapped("behave", "/usr/bin/env")];
    let lambda = Lambda::with(functions).await;
    assert_fault(
        &lambda.invoke("echo", "{}").await,
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {id} Error: Runtime exited with error: exit status 127"}"#,
    );
    lambda.is_healthy("behave", "{}").await;
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
