//! Whole jobs in real functions: the programs `proxy`, `job` and `sweeper`, the emulator's queue, S3 and DynamoDB.

use hardcap::config::RecursiveLoop;
use hardcap_limits::Millis;
use hardcap_tests::client::Call;
use hardcap_tests::content::{Content, Kind};
use serde_json::{Value, json};

use crate::stage::{Plan, stage};

fn export() -> Value {
    json!({ "index": "logs", "page_size": 10 })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_forty_generations_is_whole() {
    let variables = &[("JOB_STEPS_PER_GENERATION", "1")];
    let stage = stage(Plan { variables, ..Plan::usual() }).await;
    let location = stage.export(export()).await;
    let job = stage.ended(&location).await;
    stage.check_result(&job).await;
    let generations = job["generation"].as_u64().unwrap();
    assert!(generations >= 40, "{job}");
    let totals = stage.emulator.totals();
    let events = totals.limits.get("lambda_async_request").cloned().unwrap_or_default();
    assert_eq!(events.refused, 0, "what does not fit inline goes by reference: {events:?}");
    assert!(events.highest > 1_000, "as long as it fits, it goes inline: {events:?}");
    assert!(stage.search.received().len() >= 50, "page after page");
}

#[tokio::test(flavor = "multi_thread")]
async fn j1_without_recursive_loop_allow_the_job_fails_and_says_so() {
    let variables = &[("JOB_STEPS_PER_GENERATION", "1")];
    let recursive_loop = RecursiveLoop::Terminate;
    let stage = stage(Plan { variables, recursive_loop, ..Plan::usual() }).await;
    let location = stage.export(export()).await;
    let job = stage.ended(&location).await;
    assert_eq!(
        (&job["state"], &job["error"]["code"]),
        (&json!("failed"), &json!("recursion")),
        "{job}"
    );
    let detail = job["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("`RecursiveLoop: Allow`"), "{detail}");
    let generation = job["generation"].as_u64().unwrap();
    assert!((15..=18).contains(&generation), "about sixteen: {job}");
    let queue = stage.queue().await;
    let letters = queue["dead_letters"].as_array().unwrap();
    let [letter] = letters.as_slice() else { panic!("one event was dropped: {queue}") };
    assert_eq!(letter["condition"], "RecursiveInvocation", "{letter}");
    let dropped: Value = serde_json::from_str(letter["body"].as_str().unwrap()).unwrap();
    assert_eq!((&dropped["job"], &dropped["generation"]), (&job["id"], &json!(generation)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_function_that_is_killed_is_begun_again_and_the_result_is_whole() {
    // One hit a page makes the export long enough to be met alive.
    let stage = stage(Plan { job_timeout: Millis(3_000), ..Plan::usual() }).await;
    let location = stage.export(json!({ "index": "logs", "page_size": 1 })).await;
    let mut killed = 0;
    while killed == 0 {
        let job = stage.job(&location).await;
        assert_ne!(job["state"], "complete", "it was too quick to be killed: {job}");
        if job["state"] == "running" {
            killed = stage.kill_functions("job");
        }
    }
    let job = stage.ended(&location).await;
    stage.check_result(&job).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_request_is_answered_inline_or_through_s3_byte_for_byte() {
    let stage = stage(Plan::usual()).await;
    for size in [0, 1_000, 4_000_000, 20_000_000] {
        let content = Content { kind: Kind::Incompressible, size, seed: 5 };
        let call = Call::get(stage.url(&content.path())).header("prefer", "respond-async, wait=25");
        let digested = stage.client.fetch_digest(&call).await.unwrap();
        assert_eq!(digested.status, 200, "{size}: {digested:?}");
        assert_eq!(digested.sha256, content.digest(), "{size}: {digested:?}");
    }
    let listed = stage.job("/_proxy/jobs").await;
    let states: Vec<&Value> =
        listed["jobs"].as_array().unwrap().iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["complete"; 4], "{listed}");
}
