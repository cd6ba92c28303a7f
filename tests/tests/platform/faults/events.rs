//! What strikes asynchronous events, and that each still ends once.

use hardcap::faults::{Delay, Drop, Duplicate, Reorder, Throttle};
use hardcap::record::Observation;

use super::{Suffering, guest};

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_runs_twice_under_one_request_id_and_ends_once() {
    let suffering = Suffering::with(guest("echo"), Duplicate::default(), 1).await;
    let id = suffering.accepted("echo", "{}").await;
    suffering.until(|totals| totals.events.ended() == 1).await;
    let totals = suffering.emulator.totals();
    assert_eq!((totals.events.delivered, totals.invocations), (1, 2));
    let records = suffering.emulator.recorder().newest();
    let invoked =
        records.iter().filter(|record| matches!(record.what, Observation::Invoked { .. }));
    assert!(invoked.map(|record| &record.request_id).all(|other| *other == id), "{records:?}");

    suffering.accepted("echo", "{}").await;
    suffering.until(|totals| totals.events.ended() == 2).await;
    assert_eq!(suffering.emulator.totals().invocations, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_event_is_tried_when_the_emulators_clock_has_come_so_far() {
    let hour = Delay { function: None, millis: 3_600_000 };
    let suffering = Suffering::with(guest("echo"), hour, 1).await;
    suffering.accepted("echo", "{}").await;
    suffering.accepted("echo", "{}").await;
    suffering.until(|totals| totals.events.delivered == 1).await;
    let queue = format!("{}/queue", suffering.emulator.control_url());
    let status = suffering.client.get(queue).await.expect("the control surface").json();
    assert_eq!(status["functions"]["echo"]["pending"], 1, "{status}");
    suffering.advance(3_600).await;
    suffering.until(|totals| totals.events.delivered == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reordered_event_is_overtaken_by_the_next_one() {
    let hold = Reorder { function: None, within_millis: 20_000_000 };
    let suffering = Suffering::with(guest("echo"), hold, 1).await;
    let ids = [suffering.accepted("echo", "{}").await, suffering.accepted("echo", "{}").await];
    suffering.until(|totals| totals.events.delivered == 1).await;
    suffering.advance(20_000).await;
    suffering.until(|totals| totals.events.delivered == 2).await;
    let records = suffering.emulator.recorder().newest();
    let ended =
        records.iter().filter(|record| matches!(record.what, Observation::EventEnded { .. }));
    let order: Vec<&String> = ended.map(|record| &record.request_id).collect();
    assert_eq!(order, [&ids[1], &ids[0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_event_reaches_no_function_and_is_counted() {
    let suffering = Suffering::with(guest("echo"), Drop::default(), 1).await;
    suffering.accepted("echo", "{}").await;
    suffering.accepted("echo", "{}").await;
    suffering.until(|totals| totals.events.ended() == 2).await;
    let totals = suffering.emulator.totals();
    let events = &totals.events;
    assert_eq!((events.dropped, events.delivered, totals.invocations), (1, 1, 1), "{events:?}");
    assert_eq!((events.accepted, events.pending()), (2, 0), "{events:?}");
    let report = suffering.emulator.report().to_table();
    assert!(report.contains("1 dropped by a fault"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_event_is_tried_again_and_delivered() {
    let suffering = Suffering::with(guest("echo"), Throttle::default(), 3).await;
    suffering.accepted("echo", "{}").await;
    for retries in 1..=3 {
        suffering.until(|totals| totals.events.retried >= retries).await;
        suffering.advance(300).await;
    }
    suffering.until(|totals| totals.events.delivered == 1).await;
    assert_eq!(suffering.emulator.totals().throttles, 3);
}
