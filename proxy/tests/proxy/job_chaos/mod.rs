//! Tests of jobs under chaos: functions are killed at any await; events are duplicated, late, reordered or lost; S3 and DynamoDB
//! fail before and after a call took effect; and two sweepers race. Every schedule is a seed.

mod world;

use std::collections::BTreeSet;

use hardcap_proxy::job::JobState;
use world::{Outcome, Plan, run};

fn check(seed: u64, outcome: &Outcome) {
    let row = &outcome.row;
    assert!(row.state.is_terminal(), "seed {seed}: it never ended: {row:#?}");
    assert_eq!(outcome.jobs, 1, "seed {seed}: one request, one job");
    assert_eq!(outcome.ends, 1, "seed {seed}: it ended {} times", outcome.ends);
    assert_eq!(outcome.open_uploads, 0, "seed {seed}: uploads are left");
    if row.state == JobState::Complete {
        let result = row.result.as_ref().expect("a complete job has a result");
        let only = format!("{}/{}", row.id, result.name);
        assert_eq!(outcome.objects, [only], "seed {seed}: just the result is left");
        assert!(outcome.stored == outcome.expected, "seed {seed}: the result is another one");
        assert_eq!(result.sha256, outcome.expected_sha256, "seed {seed}");
        let made = outcome.made;
        assert_eq!(made, 1, "seed {seed}: the result was made {made} times under its name");
        assert!(!outcome.late, "seed {seed}: the result was written after the end");
    } else {
        assert!(outcome.cancelled, "seed {seed}: lost: {row:#?}");
        assert_eq!(row.state, JobState::Cancelled, "seed {seed}: {row:#?}");
        assert!(outcome.objects.is_empty(), "seed {seed}: {:?}", outcome.objects);
    }
}

#[test]
fn j2_j4_h1_a_job_ends_once_with_the_right_bytes_under_loss_kills_and_duplicates() {
    chaos(100);
}

#[test]
#[ignore = "takes minutes: just test-all"]
fn j2_j4_h1_a_job_ends_once_with_the_right_bytes_in_1500_schedules() {
    chaos(1_500);
}

fn chaos(schedules: u64) {
    let mut total = world::Counts::default();
    let mut complete = 0_u64;
    let mut generations = BTreeSet::new();
    for seed in 0..schedules {
        let outcome = run(seed, Plan::chaos(seed));
        check(seed, &outcome);
        complete += u64::from(outcome.row.state == JobState::Complete);
        generations.insert(outcome.row.generation);
        total.add(&outcome.counts);
    }
    eprintln!(
        "{schedules} schedules: {complete} complete, the rest cancelled; {total:?}; generations {generations:?}; \
         lost 0, doubled results 0"
    );
    let met = [total.kills, total.timeouts, total.doubled, total.dropped, total.faults];
    assert!(met.iter().all(|count| *count > 0), "{total:?}");
    assert!(total.inline > 0 && total.stored > 0, "both ways of handing over are met: {total:?}");
    assert!(complete > 0 && generations.iter().any(|generation| *generation > 2));
}

#[test]
fn j2_j4_a_run_that_is_killed_at_any_await_does_no_harm() {
    killed_at(|awaits| (awaits / 40).max(1));
}

#[test]
#[ignore = "takes minutes: just test-all"]
fn j2_j4_a_run_that_is_killed_at_each_of_its_awaits_does_no_harm() {
    killed_at(|_| 1);
}

/// Kills a run at one of every so many awaits.
fn killed_at(stride: impl Fn(u64) -> u64) {
    let calm = run(3, Plan::calm());
    check(3, &calm);
    let awaits = calm.counts.awaits;
    let stride = stride(awaits);
    let mut schedules = 0_u64;
    for at in (1..=awaits).step_by(usize::try_from(stride).expect("small")) {
        let outcome = run(3, Plan { killed_at: Some(at), ..Plan::calm() });
        check(3, &outcome);
        assert_eq!(
            outcome.row.state,
            JobState::Complete,
            "killed at await {at}: {:#?}",
            outcome.row
        );
        assert_eq!(outcome.counts.kills, 1, "killed at await {at}");
        schedules += 1;
    }
    eprintln!("killed at {schedules} of {awaits} awaits, one a schedule: complete each time");
    assert!(schedules >= 40, "{schedules} of {awaits}");
}

#[test]
fn a_job_without_faults_runs_exactly_its_generations() {
    let outcome = run(1, Plan::calm());
    check(1, &outcome);
    assert_eq!(outcome.row.state, JobState::Complete);
    let counts = outcome.counts;
    assert_eq!((counts.kills, counts.faults, counts.doubled, counts.dropped), (0, 0, 0, 0));
    assert_eq!(counts.inline + counts.stored, outcome.row.generation, "one event a generation");
    assert!(counts.inline > 0 && counts.stored > 0, "{counts:?}");
}

#[test]
fn a_job_of_more_than_forty_generations_completes() {
    let outcome = run(2, Plan { timeout_ms: 8_000, documents: 1_000, ..Plan::calm() });
    check(2, &outcome);
    assert_eq!(outcome.row.state, JobState::Complete);
    assert!(outcome.row.generation >= 40, "{}", outcome.row.generation);
}

#[test]
fn a_schedule_is_deterministic() {
    let first = run(77, Plan::chaos(77));
    let second = run(77, Plan::chaos(77));
    assert_eq!(first.counts, second.counts);
    assert_eq!(first.row.generation, second.row.generation);
}
