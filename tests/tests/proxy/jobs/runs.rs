//! Whole jobs in real functions: the programs `proxy`, `job` and `sweeper`, the emulator's queue, S3 and DynamoDB.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use hardcap::config::RecursiveLoop;
use hardcap::record::Observation;
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::Call;
use hardcap_tests::content::{Content, ContentKind};
use http::Method;
use serde_json::{Value, json};

use super::stage::{Plan, stage};

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
async fn an_export_compressed_in_many_parts_is_one_gzip_file() {
    let variables = &[("JOB_STEPS_PER_GENERATION", "2"), ("JOB_PART_BYTES", "1")];
    let stage = stage(Plan { variables, ..Plan::usual() }).await;
    let location = stage.export(json!({ "index": "logs", "page_size": 50, "gzip": true })).await;
    let job = stage.ended(&location).await;
    let result = stage.result(&job).await;
    assert!(job["generation"].as_u64().unwrap() > 1, "{job}");
    assert_eq!(result.header("content-encoding"), Some("gzip"));
    assert_eq!(job["result"]["content_encoding"], "gzip");
    let mut text = String::new();
    MultiGzDecoder::new(&result.body[..]).read_to_string(&mut text).unwrap();
    assert!(result.body.len() < text.len(), "{} of {}", result.body.len(), text.len());
    stage.check_lines(&text);
}

#[tokio::test(flavor = "multi_thread")]
async fn j6_what_lambda_answers_413_to_goes_by_reference() {
    // The functions believe in a larger limit than Lambda has.
    let variables =
        &[("JOB_STEPS_PER_GENERATION", "1"), ("LIMIT_OVERRIDES", "lambda_async_request=100000")];
    let stage = stage(Plan { variables, ..Plan::usual() }).await;
    let location = stage.export(export()).await;
    let job = stage.ended(&location).await;
    stage.check_result(&job).await;
    let events = &stage.emulator.totals().limits["lambda_async_request"];
    assert!(events.refused > 10, "Lambda was asked for too much: {events:?}");
    assert!(events.highest_admitted <= 1_500, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: just test-all"]
async fn an_export_whose_parts_outgrow_an_event_of_256_kb_goes_on_by_reference() {
    // A part a page, a page a hit: what is remembered of them grows past any event, as it does with parts of 8 MiB.
    let variables = &[("JOB_PART_BYTES", "1"), ("JOB_STEPS_PER_GENERATION", "250")];
    let plan = Plan { documents: 2_600, event_max: 262_144, looks_max: 3_000, ..Plan::usual() };
    let stage = stage(Plan { variables, job_timeout: Millis(120_000), ..plan }).await;
    let location = stage.export(json!({ "index": "logs", "page_size": 1 })).await;
    let job = stage.ended(&location).await;
    stage.check_result(&job).await;
    let events = &stage.emulator.totals().limits["lambda_async_request"];
    assert_eq!(events.refused, 0, "{events:?}");
    assert!((200_000..=262_144).contains(&events.highest), "first inline: {events:?}");
    let records = stage.emulator.recorder().newest();
    let last = records.iter().rev().find_map(|record| match &record.what {
        Observation::EventAccepted { function, event, .. } if function == "job" => Some(*event),
        _ => None,
    });
    assert!(last.is_some_and(|bytes| bytes < 1_000), "and then by reference: {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_an_export_is_listed_cancelled_and_begun_once_under_its_key() {
    // A search takes so long that the job is met alive.
    let stage = stage(Plan { search_takes: Millis(1_000), ..Plan::usual() }).await;
    let call = Call::post(
        stage.url("/_proxy/jobs"),
        json!({ "index": "logs", "page_size": 1 }).to_string(),
    );
    let call = call.header("content-type", "application/json").header("idempotency-key", "one");
    let (first, again) = (stage.send(call.clone()).await, stage.send(call).await);
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (202, 202), "{first:?} {again:?}");
    let location = first.header("location").unwrap();
    assert_eq!(again.header("location"), Some(location), "one job");
    let listed = stage.job("/_proxy/jobs").await;
    let [one] = listed["jobs"].as_array().unwrap().as_slice() else { panic!("one job: {listed}") };
    assert_eq!(location, format!("/_proxy/jobs/{}", one["id"].as_str().unwrap()));
    let cancel = Call { method: Method::DELETE, ..Call::get(stage.url(location)) };
    let cancelled = stage.send(cancel).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.json()["state"]), (200, &json!("cancelled")));
    let job = stage.ended(location).await;
    assert_eq!(job["state"], "cancelled", "and stays so: {job}");
    assert!(job["result"].is_null(), "{job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn j1_without_recursive_loop_allow_the_job_fails_with_the_reason() {
    let variables = &[("JOB_STEPS_PER_GENERATION", "1")];
    let recursive_loop = RecursiveLoop::Terminate;
    // Lambda has stopped recursive loops since July 2023.
    let date = Date::LATEST;
    let stage = stage(Plan { variables, recursive_loop, date, ..Plan::usual() }).await;
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
        let content = Content { kind: ContentKind::Incompressible, size, seed: 5 };
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
