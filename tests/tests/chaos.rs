//! Thousands of asynchronous events while processes are killed, invocations throttled, events duplicated, delayed, shuffled
//! and lost: each event ends exactly once, the sums agree, and nothing is left running.
//!
//! A program of its own, because its load would slow down every test beside it.

#![cfg(target_os = "linux")]

use std::time::Duration;

use hardcap::config::{EventInvokeConfig, Function, Queue};
use hardcap::faults::{
    Delay, Drop, Duplicate, Fault, Kill, Phase, Reorder, SlowColdStart, Throttle,
};
use hardcap::{Builder, Emulator};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::eventually::eventually;
use hardcap_tests::functions;
use hardcap_tests::lambda::advance;
use serde_json::{Value, json};

const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dead";
/// What every run decides by.
const SEED: u64 = 20_221_126;

/// A guest called `name`, whose events are dealt with in this way.
fn function(name: &str, events: EventInvokeConfig) -> Function {
    let mut function = functions::guest("behave");
    function.logical_id = name.to_owned();
    function.name = name.to_owned();
    function.timeout = Millis(60_000);
    function.events = events;
    function
}

fn unlucky() -> Builder {
    let letters = EventInvokeConfig {
        dead_letter: Some(QUEUE_ARN.to_owned()),
        maximum_retry_attempts: Some(1),
        ..EventInvokeConfig::default()
    };
    let records = EventInvokeConfig {
        on_failure: Some(QUEUE_ARN.to_owned()),
        maximum_event_age: Some(Millis(120_000)),
        ..EventInvokeConfig::default()
    };
    let kill = |phase, probability| {
        Fault::new(Kill { function: None, phase, after_millis: 0 }).probability(probability)
    };
    let base = Emulator::builder().limits(Date::CLASSIC).fault_seed(SEED).queue(Queue::new("dead"));
    let often_throttled = Throttle { function: Some("records".to_owned()) };
    [
        kill(Phase::BeforeNext, 0.1),
        kill(Phase::Busy, 0.03),
        kill(Phase::AfterResponse, 0.03),
        Fault::new(often_throttled).probability(0.3),
        Fault::new(Throttle::default()).probability(0.05),
        Fault::new(SlowColdStart { function: None, millis: 20 }).probability(0.1),
        Fault::new(Duplicate::default()).probability(0.05),
        Fault::new(Delay { function: None, millis: 30_000 }).probability(0.1),
        Fault::new(Reorder { function: None, within_millis: 10_000 }).probability(0.5),
        Fault::new(Drop::default()).probability(0.01),
    ]
    .into_iter()
    .fold(base, Builder::fault)
    .function(function("letters", letters))
    .function(function("records", records))
}

/// What the event of this number asks for: some fail, some exit, some leave a process behind.
fn event(at: usize) -> Value {
    match at % 100 {
        0 => json!({"exit": 1}),
        1 => json!({"error": "as asked"}),
        2 => json!({"child": true}),
        _ => json!({"size": at % 1000}),
    }
}

/// Lets minutes pass until every event has ended, each when nothing is under way.
async fn until_all_ended(emulator: &Emulator, client: &Client) {
    while emulator.totals().events.pending() > 0 {
        advance(emulator, client, Duration::from_secs(60)).await;
        eventually(Duration::from_secs(300), "no attempt is under way", async || {
            let status = client.get(format!("{}/queue", emulator.control_url())).await;
            let status = status.expect("the control surface").json();
            if status["in_flight"] == 0 { Ok(()) } else { Err(status) }
        })
        .await;
    }
}

/// The processes that know this emulator: those of its functions, and what these have started.
fn processes_of(emulator: &str) -> Vec<String> {
    let wanted = format!("AWS_ENDPOINT_URL={emulator}\0");
    let entries = std::fs::read_dir("/proc").expect("a list of processes").flatten();
    let knows = |path: &std::path::Path| {
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&wanted)
    };
    let found = entries.map(|entry| entry.path()).filter(|path| knows(path));
    found.map(|path| path.display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_ends_once_despite_kills_throttles_duplicates_and_losses() {
    every_event_ends_once(600).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: just test-all"]
async fn each_of_10000_events_ends_once_despite_kills_throttles_duplicates_and_losses() {
    every_event_ends_once(10_000).await;
}

async fn every_event_ends_once(events: usize) {
    let emulator = unlucky().start().await.expect("an emulator on free ports");
    let client = Client::new();
    for at in 0..events {
        let name = if at % 4 == 0 { "records" } else { "letters" };
        let url = format!("{}/2015-03-31/functions/{name}/invocations", emulator.aws_url());
        let call = Call::post(url, event(at).to_string()).header("x-amz-invocation-type", "Event");
        let answer = client.send(&call).await.expect("an answer of the emulator");
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    until_all_ended(&emulator, &client).await;

    let totals = emulator.totals();
    let report = emulator.report().to_table();
    let sums = &totals.events;
    let accepted = u64::try_from(events).expect("a number of events");
    assert_eq!((sums.accepted, sums.pending(), sums.ended()), (accepted, 0, accepted), "{report}");
    let told = sums.retries_exhausted + sums.aged_out;
    assert_eq!(sums.delivered + told + sums.dropped, accepted, "{report}");
    assert_eq!((sums.sent, sums.not_sent), (told, 0), "one letter or record each: {report}");
    for (what, count) in [
        ("delivered", sums.delivered),
        ("retries exhausted", sums.retries_exhausted),
        ("aged out", sums.aged_out),
        ("dropped", sums.dropped),
    ] {
        assert!(count > 0, "none was {what}: {report}");
    }
    let kinds = ["throttle", "slow_cold_start", "kill", "duplicate", "delay", "reorder", "drop"];
    for kind in kinds {
        assert!(totals.injected.get(kind).is_some_and(|struck| *struck > 0), "no {kind}: {report}");
    }
    assert_eq!(totals.throttles, totals.injected["throttle"], "{report}");
    assert_eq!(totals.bugs, 0, "{report}");

    let url = emulator.aws_url().to_owned();
    assert!(!processes_of(&url).is_empty(), "warm sandboxes are left until the emulator stops");
    emulator.stop().await;
    let left = processes_of(&url);
    assert!(left.is_empty(), "orphans: {left:?}");
    eprintln!("{events} events, {} sandboxes started, 0 orphans\n{report}", totals.cold_starts);
}
