//! What strikes invocations: throttles, slow starts, kills at each turn of a sandbox's life.

use hardcap::Emulator;
use hardcap::faults::{Fault, Kill, Phase, SlowColdStart, Throttle};
use hardcap::record::Observation;
use hardcap_limits::Date;
use serde_json::json;

use super::{Suffering, guest};

fn kill(phase: Phase, after_millis: u64) -> Kill {
    Kill { function: None, phase, after_millis }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_is_the_429_of_an_account_that_is_busy_and_ends_with_its_count() {
    let suffering = Suffering::with(guest("echo"), Throttle::default(), 2).await;
    for _ in 0..2 {
        let answer = suffering.invoke("echo", "{}").await;
        assert_eq!(answer.status, 429, "{answer:?}");
        assert_eq!(answer.header("x-amzn-errortype"), Some("TooManyRequestsException"));
        assert_eq!(answer.json()["Reason"], "ConcurrentInvocationLimitExceeded", "{answer:?}");
    }
    suffering.is_healthy("echo").await;
    let totals = suffering.emulator.totals();
    assert_eq!((suffering.struck("throttle"), totals.throttles, totals.invocations), (2, 2, 1));
    let report = suffering.emulator.report().to_table();
    assert!(report.contains("injected faults: throttle 2\n"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_for_one_function_leaves_others_alone() {
    let fault = Fault::new(Throttle { function: Some("echo".to_owned()) });
    let builder =
        Emulator::builder().limits(Date::CLASSIC).function(guest("echo")).function(guest("behave"));
    let suffering = Suffering::start(builder.fault(fault)).await;
    suffering.is_healthy("behave").await;
    assert_eq!(suffering.invoke("echo", "{}").await.status, 429);
    suffering.is_healthy("behave").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_cold_start_counts_as_init_and_a_warm_sandbox_is_not_slowed() {
    let slow = SlowColdStart { function: None, millis: 400 };
    let suffering = Suffering::with(guest("echo"), slow, 9).await;
    suffering.is_healthy("echo").await;
    suffering.is_healthy("echo").await;
    let records = suffering.emulator.recorder().newest();
    let starts: Vec<u64> = records
        .iter()
        .filter_map(|record| match record.what {
            Observation::ColdStart { millis, .. } => Some(millis),
            _ => None,
        })
        .collect();
    assert!(matches!(starts[..], [millis] if millis >= 400), "{starts:?}");
    assert_eq!(suffering.struck("slow_cold_start"), 1);
}

/// lambda_init
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_slowed_over_the_init_limit_is_repeated_inside_the_invocation() {
    let slow = Fault::new(SlowColdStart { function: None, millis: 3_000 }).count(1);
    let builder = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("echo"))
        .set("lambda_init", 200)
        .fault(slow);
    let suffering = Suffering::start(builder).await;
    suffering.is_healthy("echo").await;
    let totals = suffering.emulator.totals();
    assert_eq!((totals.limits["lambda_init"].refused, totals.cold_starts), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_before_its_first_event_is_started_once_more_for_the_same_invocation() {
    let suffering = Suffering::with(guest("echo"), kill(Phase::BeforeNext, 0), 1).await;
    suffering.is_healthy("echo").await;
    assert_eq!(suffering.struck("kill"), 1);

    let twice = Suffering::with(guest("echo"), kill(Phase::BeforeNext, 0), 2).await;
    let answer = twice.invoke("echo", "{}").await;
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"), "{answer:?}");
    assert_eq!(answer.json()["errorType"], "Runtime.ExitError", "{answer:?}");
    twice.is_healthy("echo").await;
    assert_eq!(twice.emulator.totals().faults["Runtime.ExitError"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_while_busy_is_the_error_of_a_process_that_was_killed() {
    for after_millis in [0, 100] {
        let suffering = Suffering::with(guest("behave"), kill(Phase::Busy, after_millis), 1).await;
        let answer = suffering.invoke("behave", json!({"hang": true})).await;
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"), "{answer:?}");
        let document = answer.json();
        assert_eq!(document["errorType"], "Runtime.ExitError", "{answer:?}");
        let message = document["errorMessage"].as_str().unwrap_or_default();
        assert!(message.ends_with("Runtime exited with error: signal: killed"), "{answer:?}");
        suffering.is_healthy("behave").await;
        assert_eq!(suffering.emulator.totals().cold_starts, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_answers_before_it_would_be_killed_lives_on() {
    let suffering = Suffering::with(guest("echo"), kill(Phase::Busy, 3_600_000), 9).await;
    suffering.is_healthy("echo").await;
    suffering.is_healthy("echo").await;
    assert_eq!((suffering.struck("kill"), suffering.emulator.totals().cold_starts), (2, 1));
    // The kills that are still to come do not hold it up.
    suffering.0.emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_after_its_response_has_answered() {
    let suffering = Suffering::with(guest("behave"), kill(Phase::AfterResponse, 0), 1).await;
    let answer = suffering.invoke("behave", json!({"size": 1000})).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 1000), "{answer:?}");
    assert_eq!(answer.header("x-amz-function-error"), None, "{answer:?}");
    suffering.is_healthy("behave").await;
    let totals = suffering.emulator.totals();
    assert_eq!((totals.invocations, totals.cold_starts, totals.faults.len()), (2, 2, 0));
}
