//! Jobs against the clock on the wall: nothing is made small, so each takes minutes, and only `just test-all` runs them.

use hardcap_limits::Millis;
use hardcap_tests::client::Call;
use serde_json::{Value, json};

use super::stage::{Plan, stage};

/// Ten looks a second, for ten minutes.
const LONG: u32 = 6_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: just test-all"]
async fn a_job_longer_than_a_timeout_of_sixty_seconds_goes_on_in_the_next_generation() {
    // Nine pages, the last of them empty, each of 8 s: 72 s in all.
    let stage = stage(Plan {
        job_timeout: Millis(60_000),
        documents: 80,
        search_takes: Millis(8_000),
        looks_max: LONG,
        ..Plan::usual()
    })
    .await;
    let location = stage.export(json!({ "index": "logs", "page_size": 10 })).await;
    let job = stage.ended(&location).await;
    stage.check_result(&job).await;
    assert_eq!(job["generation"], 2, "45 s of steps fit into a minute: {job}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: just test-all"]
async fn j3_a_step_longer_than_a_timeout_of_sixty_seconds_fails_after_its_tries() {
    let stage = stage(Plan {
        job_timeout: Millis(60_000),
        looks_max: LONG,
        variables: &[("JOB_ATTEMPTS", "2")],
        ..Plan::usual()
    })
    .await;
    let slow = Call::get(stage.url("/_bytes/10?delay_ms=60000"));
    let accepted = stage.send(slow.header("prefer", "respond-async")).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let job = stage.ended(accepted.header("location").unwrap()).await;
    assert_eq!(
        (&job["state"], &job["error"]["code"], &job["generation"]),
        (&json!("failed"), &json!("step_too_long"), &json!(1)),
        "{job}"
    );
    let detail = job["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("2 attempts"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: just test-all"]
async fn forty_generations_that_the_clock_ends_make_one_result() {
    // 81 pages of 0.8 s, two of which fit into the 1.5 s before the soft limit of a timeout of 2 s.
    let stage = stage(Plan {
        job_timeout: Millis(2_000),
        documents: 640,
        search_takes: Millis(800),
        looks_max: LONG,
        variables: &[
            ("JOB_SOFT_MARGIN_MS", "500"),
            ("JOB_HARD_MARGIN_MS", "200"),
            ("JOB_ATTEMPTS", "20"),
        ],
        ..Plan::usual()
    })
    .await;
    let location = stage.export(json!({ "index": "logs", "page_size": 8 })).await;
    let job: Value = stage.ended(&location).await;
    stage.check_result(&job).await;
    assert!(job["generation"].as_u64().unwrap() >= 40, "{job}");
}
