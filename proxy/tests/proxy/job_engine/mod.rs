//! Tests of the job engine in memory, with a virtual clock: each limit and each fault.

mod bench;
mod cancel;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bench::{Bench, Manner, TIMEOUT, code, locked};
use futures_util::future::join_all;
use hardcap_proxy::job::memory::MemoryBlobs;
use hardcap_proxy::job::ports::{Blobs as _, Clock as _, ObjectHeaders, PortError};
use hardcap_proxy::job::{CreateError, Digest, JobEvent, JobSettings, JobState, Key, RunOutcome};

fn settings() -> JobSettings {
    JobSettings::new(2_000)
}

fn bench() -> Bench {
    Bench::new(settings())
}

const KEY: Option<Key<'static>> = Some(Key { name: "k", fingerprint: "f" });

#[tokio::test]
async fn a_job_takes_its_generations_inline_and_then_by_reference() {
    let bench = bench();
    let row = bench.ends(Manner::Steps(60, 100)).await;
    assert_eq!(row.state, JobState::Complete, "{row:?}");
    let sent = locked(&bench.lambda.sent).clone();
    let stored = sent.iter().filter(|event| event.ends_with(br#""state":"stored"}"#)).count();
    assert_eq!(sent.len() as u64, row.generation, "one event a generation");
    assert!(stored > 0 && stored < sent.len(), "{stored} of {}", sent.len());
    let key = bench.engine.result_key(&row).unwrap();
    let (_, bytes) = bench.blobs.object(&key).unwrap();
    assert_eq!(bytes, "60 steps");
    let result = row.result.unwrap();
    assert_eq!(result.sha256, Digest::of(b"60 steps").sha256, "the digest is shown");
    assert_eq!(bench.blobs.keys(), [key], "inputs and states are gone with the end");
}

#[tokio::test]
async fn h1_a_job_that_lambda_does_not_accept_is_not_created() {
    let bench = bench();
    *locked(&bench.lambda.refuses) = Some(PortError::Unavailable("503".to_owned()));
    let refused = bench.create(Manner::Steps(1, 0), None).await;
    assert!(matches!(refused, Err(CreateError::NotStarted(_))), "{refused:?}");
    let listed = bench.engine.list("ada").await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].state, code(&listed[0])), (JobState::Failed, "never_started"));
    assert_eq!(bench.blobs.keys(), [""; 0], "nothing is left of it");
}

#[tokio::test]
async fn h1_a_repetition_starts_the_job_whose_first_request_was_lost() {
    let bench = bench();
    *locked(&bench.lambda.refuses) = Some(PortError::Unavailable("503".to_owned()));
    let refused = bench.create(Manner::Steps(1, 0), KEY).await;
    assert!(matches!(refused, Err(CreateError::NotStarted(_))), "{refused:?}");
    *locked(&bench.lambda.refuses) = None;
    bench.time.pass(Duration::from_secs(2));
    let row = bench.create(Manner::Steps(1, 0), KEY).await.unwrap();
    bench.run_all().await;
    assert_eq!(bench.row(&row.id).await.state, JobState::Complete);
    assert_eq!(bench.engine.list("ada").await.unwrap().len(), 1, "one job");
}

#[tokio::test]
async fn h4_a_job_of_another_owner_is_unknown() {
    let bench = bench();
    let row = bench.create(Manner::Endless, None).await.unwrap();
    assert!(bench.engine.find("eve", &row.id).await.unwrap().is_none());
    assert!(bench.engine.cancel("eve", &row.id).await.unwrap().is_none());
    assert!(bench.engine.list("eve").await.unwrap().is_empty());
    assert_eq!(bench.row(&row.id).await.state, JobState::Queued, "and no other event ends it");
}

#[tokio::test]
async fn j1_a_chain_stopped_by_lambda_fails_with_the_remedy() {
    let bench = bench();
    let row = bench.create(Manner::Steps(200, 0), None).await.unwrap();
    let event = locked(&bench.lambda.events).pop().unwrap();
    *locked(&bench.lambda.refuses) = Some(PortError::Recursion("16 invocations".to_owned()));
    assert_eq!(bench.run(&event).await, RunOutcome::Ended);
    let row = bench.row(&row.id).await;
    assert_eq!((row.state, code(&row)), (JobState::Failed, "recursion"));
    let detail = row.error.unwrap().detail;
    assert!(detail.contains("`RecursiveLoop: Allow`"), "{detail}");
}

#[tokio::test]
async fn j1_the_record_of_a_dropped_event_fails_its_job() {
    let bench = bench();
    let row = bench.create(Manner::Steps(200, 0), None).await.unwrap();
    let first = locked(&bench.lambda.events).pop().unwrap();
    assert_eq!(bench.run(&first).await, RunOutcome::HandedOver);
    let dropped = locked(&bench.lambda.events).pop().unwrap();
    let record = |condition: &str, event: &[u8]| {
        let event: serde_json::Value = serde_json::from_slice(event).unwrap();
        serde_json::json!({
            "version": "1.0", "timestamp": "2026-11-23T10:00:00.000Z",
            "requestContext": { "requestId": "r", "functionArn": "f:$LATEST", "condition": condition, "approximateInvokeCount": 1 },
            "requestPayload": event,
        })
        .to_string()
    };
    for harmless in [
        record("EventAgeExceeded", &dropped),
        record("RetriesExhausted", &dropped),
        record("RecursiveLoop", &first),
    ] {
        assert!(bench.engine.event_failed(harmless.as_bytes()).await.unwrap());
        assert_eq!(bench.row(&row.id).await.state, JobState::Queued, "{harmless}");
    }
    assert!(bench.engine.event_failed(record("RecursiveLoop", &dropped).as_bytes()).await.unwrap());
    assert_eq!(code(&bench.row(&row.id).await), "recursion");
    assert!(!bench.engine.event_failed(b"{\"source\":\"aws.events\"}").await.unwrap());
}

#[tokio::test]
async fn j2_a_duplicate_or_late_event_runs_nothing() {
    let bench = bench();
    let row = bench.create(Manner::Steps(60, 0), None).await.unwrap();
    let first = locked(&bench.lambda.events).pop().unwrap();
    assert_eq!(bench.run(&first).await, RunOutcome::HandedOver);
    assert!(matches!(bench.run(&first).await, RunOutcome::Skipped(_)), "late");
    let second = locked(&bench.lambda.events).pop().unwrap();
    assert_eq!(bench.run(&second).await, RunOutcome::HandedOver);
    assert!(matches!(bench.run(&second).await, RunOutcome::Skipped(_)), "twice");
    bench.run_all().await;
    assert!(matches!(bench.run(&second).await, RunOutcome::Skipped(_)), "after the end");
    assert_eq!(bench.row(&row.id).await.state, JobState::Complete);
}

#[tokio::test]
async fn j3_a_step_longer_than_an_invocation_fails_after_three_attempts() {
    let bench = bench();
    let row = bench.ends(Manner::Hangs).await;
    assert_eq!((row.state, code(&row), row.attempts), (JobState::Failed, "step_too_long", 3));
    assert_eq!(row.generation, 1);
    let row = bench.ends(Manner::HangsOnce).await;
    assert_eq!((code(&row), row.attempts), ("step_too_long", 1), "what may not be repeated is not");
}

#[tokio::test]
async fn j5_a_payload_that_is_too_large_for_lambda_fails_the_job() {
    let bench = bench();
    bench.lambda.max.store(100, Ordering::Relaxed);
    let refused = bench.create(Manner::Steps(1, 0), None).await;
    assert!(matches!(refused, Err(CreateError::NotStarted(_))), "{refused:?}");
    let row = bench.engine.list("ada").await.unwrap().remove(0);
    assert_eq!((row.state, code(&row)), (JobState::Failed, "oversize"));
    assert_eq!(locked(&bench.lambda.sent).len(), 2, "inline, by reference, and never again");
}

#[tokio::test]
async fn j6_a_state_that_lambda_refuses_inline_is_sent_by_reference() {
    let bench = bench();
    // Less than the engine's setting: Lambda may use a lower limit.
    bench.lambda.max.store(280, Ordering::Relaxed);
    let row = bench.ends(Manner::Steps(60, 10)).await;
    assert_eq!(row.state, JobState::Complete, "{row:?}");
    let sent = locked(&bench.lambda.sent).clone();
    assert!(sent.iter().any(|event| event.len() > 280), "inline was tried");
}

#[tokio::test]
async fn j6_a_forged_event_runs_nothing_and_a_forged_state_is_not_used() {
    let bench = bench();
    let row = bench.create(Manner::Steps(30, 0), None).await.unwrap();
    let honest = locked(&bench.lambda.events).pop().unwrap();
    let forged = br#"{"steps":29,"state":""}"#;
    let event = JobEvent {
        state: hardcap_proxy::job::EventState::Text(String::from_utf8_lossy(forged).into()),
        ..JobEvent::by_reference(&row.id, 1, Digest::of(forged))
    };
    assert_eq!(
        bench.run(&event.payload()).await,
        RunOutcome::Skipped("the state of the event differs from the row's")
    );
    let mut event: JobEvent = serde_json::from_slice(&honest).unwrap();
    event.state = hardcap_proxy::job::EventState::Text(String::from_utf8_lossy(forged).into());
    assert_eq!(bench.run(&event.payload()).await, RunOutcome::HandedOver);
    bench.run_all().await;
    let row = bench.row(&row.id).await;
    let key = bench.engine.result_key(&row).unwrap();
    assert_eq!(bench.blobs.object(&key).unwrap().1, "30 steps");
    assert_eq!(row.generation, 2, "30 steps of a second in 20 s, not one: {row:?}");
    let mut odd: serde_json::Value = serde_json::from_slice(&honest).unwrap();
    odd["bucket"] = "another".into();
    assert!(matches!(bench.run(odd.to_string().as_bytes()).await, RunOutcome::Unreadable(_)));
}

#[tokio::test]
async fn a_stored_state_that_has_changed_is_not_run() {
    let bench = Bench::new(JobSettings::new(280));
    let row = bench.create(Manner::Steps(60, 100), None).await.unwrap();
    let event = locked(&bench.lambda.events).pop().unwrap();
    bench.run(&event).await;
    let state = bench.blobs.keys().into_iter().find(|key| key.contains("/state-2-")).unwrap();
    let blobs: &MemoryBlobs = &bench.blobs;
    blobs.put(&state, &ObjectHeaders::default(), b"{}".as_slice().into()).await.unwrap();
    bench.run_all().await;
    assert_eq!(code(&bench.row(&row.id).await), "state_changed");
}

#[tokio::test]
async fn j8_an_endless_job_ends_by_its_generations_or_its_age() {
    let bench = Bench::new(JobSettings { generations_max: 7, ..settings() });
    let row = bench.ends(Manner::Endless).await;
    assert_eq!((row.state, code(&row)), (JobState::Failed, "too_many_generations"));
    assert_eq!(locked(&bench.lambda.sent).len(), 8, "seven ran; the eighth event found the bound");
    let bench = Bench::new(JobSettings { age_max: Duration::from_secs(100), ..settings() });
    let row = bench.ends(Manner::Endless).await;
    assert_eq!((row.state, code(&row)), (JobState::Expired, "too_old"));
    assert!(row.ended.unwrap() <= row.deadline + TIMEOUT, "at most one invocation late");
}

#[tokio::test]
async fn j8_an_owner_may_have_ten_unfinished_jobs() {
    let bench = bench();
    let mut first = None;
    for _ in 0..10 {
        let row = bench.create(Manner::Endless, None).await.unwrap();
        first.get_or_insert(row.id);
    }
    let refused = bench.create(Manner::Endless, None).await;
    assert!(matches!(refused, Err(CreateError::TooMany(10))), "{refused:?}");
    bench.engine.cancel("ada", &first.unwrap()).await.unwrap();
    bench.create(Manner::Endless, None).await.unwrap();
    let refused = bench.create(Manner::Endless, None).await;
    assert!(matches!(refused, Err(CreateError::TooMany(10))), "{refused:?}");
}

#[tokio::test]
async fn j9_a_hundred_duplicate_requests_create_one_job() {
    let bench = bench();
    let rows = join_all((0..100).map(|_| bench.create(Manner::Steps(3, 0), KEY))).await;
    let ids: std::collections::BTreeSet<String> =
        rows.into_iter().map(|row| row.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(bench.engine.list("ada").await.unwrap().len(), 1);
    bench.run_all().await;
    let row = bench.row(ids.first().unwrap()).await;
    assert_eq!(row.state, JobState::Complete);
    let other = bench.create(Manner::Steps(3, 0), Some(Key { name: "k", fingerprint: "g" })).await;
    assert!(matches!(other, Err(CreateError::KeyReused)), "{other:?}");
    bench.time.pass(Duration::from_secs(48 * 3600));
    let later = bench.create(Manner::Steps(3, 0), KEY).await.unwrap();
    assert_ne!(later.id, row.id, "a key is forgotten with its job");
}

#[tokio::test]
async fn j13_a_row_stays_small_with_an_error_of_390_kb_and_expires() {
    let bench = bench();
    let row = bench.ends(Manner::Fails("\"".repeat(390_000))).await;
    assert_eq!(code(&row), "trial");
    let largest = bench.rows.items().iter().map(|item| item.document.len()).max().unwrap();
    assert!(largest < 8_000, "{largest} bytes");
    assert!(!bench.engine.is_gone(&row));
    bench.time.pass(settings().retention);
    assert!(bench.engine.is_gone(&row), "though the table still has it");
    assert!(bench.engine.list("ada").await.unwrap().is_empty());
}

#[tokio::test]
async fn j14_no_event_contains_the_request_of_the_job() {
    let bench = bench();
    bench.ends(Manner::Steps(60, 10)).await;
    let sent = locked(&bench.lambda.sent).clone();
    assert!(sent.len() > 2);
    for event in sent {
        let text = String::from_utf8_lossy(&event).into_owned();
        assert!(!text.contains("canary"), "{text}");
    }
    for item in bench.rows.items() {
        assert!(!item.document.contains("canary"), "{}", item.document);
    }
}

#[tokio::test]
async fn a_panic_or_a_permanent_fault_fails_the_job_with_its_text() {
    let bench = bench();
    let row = bench.ends(Manner::Panics).await;
    assert_eq!(code(&row), "bug");
    assert_eq!(row.error.unwrap().detail, "the bug of the trial");
    let row = bench.ends(Manner::Falters).await;
    assert_eq!((code(&row), row.error.as_ref().unwrap().detail.as_str()), ("step_failed", "503"));
}

#[tokio::test]
async fn a_lost_event_is_sent_again_by_one_of_two_sweepers() {
    let bench = bench();
    let row = bench.create(Manner::Steps(3, 0), None).await.unwrap();
    locked(&bench.lambda.events).clear();
    let sweep = || bench.engine.sweep(bench.time.now() + TIMEOUT);
    assert_eq!(sweep().await.unwrap().revived, 0, "it may only be late");
    bench.time.pass(settings().queue_patience);
    let swept = join_all([sweep(), sweep()]).await;
    let revived: u64 = swept.into_iter().map(|swept| swept.unwrap().revived).sum();
    assert_eq!(revived, 1);
    bench.run_all().await;
    assert_eq!(bench.row(&row.id).await.state, JobState::Complete);
}

#[tokio::test]
async fn a_job_whose_events_are_always_lost_fails() {
    let bench = bench();
    let row = bench.create(Manner::Steps(3, 0), None).await.unwrap();
    for _ in 0..20 {
        locked(&bench.lambda.events).clear();
        bench.time.pass(settings().queue_patience);
        bench.engine.sweep(bench.time.now() + TIMEOUT).await.unwrap();
    }
    let row = bench.row(&row.id).await;
    assert_eq!((row.state, code(&row), row.revivals), (JobState::Failed, "never_started", 10));
}

#[tokio::test]
async fn a_result_is_deleted_when_it_expires() {
    let bench = bench();
    let row = bench.ends(Manner::Steps(1, 0)).await;
    let key = bench.engine.result_key(&row).unwrap();
    let sweep = || bench.engine.sweep(bench.time.now() + TIMEOUT);
    bench.time.pass(Duration::from_secs(3600));
    assert_eq!(sweep().await.unwrap().cleared, 1);
    assert_eq!(bench.blobs.keys(), [key], "the result stays");
    bench.time.pass(settings().retention);
    assert_eq!(sweep().await.unwrap().cleared, 1);
    assert_eq!(bench.blobs.keys(), [""; 0]);
    assert_eq!(sweep().await.unwrap().cleared, 0, "nothing is left to do");
}

#[tokio::test]
async fn a_cancelled_job_stays_cancelled_and_leaves_no_object() {
    let bench = bench();
    let row = bench.create(Manner::Steps(60, 0), None).await.unwrap();
    let event = locked(&bench.lambda.events).pop().unwrap();
    bench.run(&event).await;
    let cancelled = bench.engine.cancel("ada", &row.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    bench.run_all().await;
    let again = bench.engine.cancel("ada", &row.id).await.unwrap().unwrap();
    assert_eq!((again.state, again.ended), (JobState::Cancelled, cancelled.ended));
    assert_eq!(bench.blobs.keys(), [""; 0]);
}
