//! J7: a job ends exactly once, and no event in any order leads out of a terminal state.

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::*;

fn settings() -> JobSettings {
    let seconds = Duration::from_secs;
    JobSettings {
        generations_max: 6,
        age_max: seconds(3000),
        revivals_max: 3,
        per_owner_max: 2,
        ..JobSettings::new(2_000)
    }
}

fn accepted() -> NewRow {
    NewRow {
        id: "id".to_owned(),
        owner: "open".to_owned(),
        kind: "export".to_owned(),
        input: Digest::of(b"input"),
        checkpoint: Digest::of(b"1"),
        repeatable: true,
    }
}

/// An operation on a row. Time passes before it.
#[derive(Clone, Debug)]
enum Happening {
    /// An event of a generation before the current one arrives. Its run has this deadline.
    JobEvent {
        behind: u64,
        lives: u64,
    },
    HandOver,
    Release,
    Complete,
    Fail,
    Cancel,
    Sweep,
    NewRow,
    /// A run writes its progress.
    Advance,
    /// The objects of an ended job are deleted.
    Clear,
    Wait(u64),
}

/// The reference has only the time, because the invariants hold for every operation.
#[derive(Clone, Debug)]
struct Model {
    now: u64,
}

struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Happening;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model { now: 0 }).boxed()
    }

    fn transitions(_: &Model) -> BoxedStrategy<Happening> {
        prop_oneof![
            6 => (0..3_u64, 1_000..900_000_u64).prop_map(|(behind, lives)| Happening::JobEvent { behind, lives }),
            4 => Just(Happening::HandOver),
            1 => Just(Happening::Release),
            1 => Just(Happening::Complete),
            1 => Just(Happening::Fail),
            1 => Just(Happening::Cancel),
            3 => Just(Happening::Sweep),
            1 => Just(Happening::NewRow),
            1 => Just(Happening::Advance),
            1 => Just(Happening::Clear),
            3 => (1_000..700_000_u64).prop_map(Happening::Wait),
        ]
        .boxed()
    }

    fn apply(mut state: Model, transition: &Happening) -> Model {
        if let Happening::Wait(span) = transition {
            state.now += span;
        }
        state
    }
}

/// The row, with the tokens of all its runs, each of which may still write.
struct Subject {
    row: Row,
    now: u64,
    tokens: Vec<String>,
    ends: Vec<(JobState, Option<JobError>, Option<Output>)>,
}

impl Subject {
    fn becomes(&mut self, next: Option<Row>) {
        let Some(next) = next else {
            return;
        };
        let before = self.row.state;
        assert!(!before.is_terminal(), "{before:?} became {:?}", next.state);
        assert!(
            next.generation == self.row.generation || next.generation == self.row.generation + 1
        );
        assert_eq!(
            next.state == JobState::Running,
            next.lease.is_some(),
            "only a running job has a lease"
        );
        assert_eq!(next.state.is_terminal(), next.ended.is_some());
        assert!(next.due(&settings()).is_some(), "a sweeper processes it: {next:?}");
        if next.state.is_terminal() {
            self.ends.push((next.state, next.error.clone(), next.result.clone()));
        }
        self.row = next;
    }

    /// Only objects of ended jobs are deleted, and the state of the job stays.
    fn cleared(&mut self, next: Option<Row>) {
        assert_eq!(next.is_some(), self.row.state.is_terminal(), "{:?}", self.row.state);
        let Some(next) = next else { return };
        assert_eq!(next.due(&settings()), None, "no sweeper processes it again");
        let as_before =
            Row { leftovers: self.row.leftovers, updated: self.row.updated, ..next.clone() };
        assert_eq!(as_before, self.row);
        self.row = next;
    }

    fn event(&mut self, behind: u64, lives: u64) {
        let generation = self.row.generation.saturating_sub(behind);
        let token = format!("token-{}", self.tokens.len());
        let lease = Lease { token: token.clone(), until: self.now + lives };
        let asked =
            GenerationRef { generation, digest: &Digest::of(generation.to_string().as_bytes()) };
        let alive = self.row.lease.as_ref().is_some_and(|held| held.until > self.now);
        match self.row.acquire(asked, lease, self.now, &settings()) {
            Decision::Skipped(_) => {}
            Decision::End(ended) => self.becomes(Some(ended)),
            Decision::Run(running) => {
                assert_eq!(behind, 0, "only the present generation runs");
                assert!(!alive, "two at a time");
                assert!(running.attempts <= settings().attempts_max);
                self.tokens.push(token);
                self.becomes(Some(running));
            }
        }
    }
}

impl StateMachineTest for Subject {
    type SystemUnderTest = Subject;
    type Reference = Reference;

    fn init_test(_: &Model) -> Subject {
        let row = Row::new(accepted(), 0, &settings());
        Subject { row, now: 0, tokens: vec!["nobody".to_owned()], ends: Vec::new() }
    }

    fn apply(mut subject: Subject, model: &Model, transition: Happening) -> Subject {
        subject.now = model.now;
        let now = subject.now;
        let row = subject.row.clone();
        let next = Digest::of((row.generation + 1).to_string().as_bytes());
        // Each run tries it; only the write of the run with the lease is accepted.
        let heard = subject.tokens.iter().filter(|token| row.is_held_by(token)).count();
        assert!(heard <= 1);
        let spoken = |change: &dyn Fn(&str) -> Option<Row>| {
            let changed: Vec<Row> =
                subject.tokens.iter().filter_map(|token| change(token)).collect();
            assert!(changed.len() <= 1, "{changed:?}");
            changed.into_iter().next()
        };
        match transition {
            Happening::JobEvent { behind, lives } => subject.event(behind, lives),
            Happening::HandOver => {
                let changed =
                    spoken(&|token| row.hand_over(token, next.clone(), Progress::default(), now));
                subject.becomes(changed);
            }
            Happening::Release => {
                let changed = spoken(&|token| row.release(token, now));
                subject.becomes(changed);
            }
            Happening::Complete => {
                let output = Output {
                    name: "r".to_owned(),
                    bytes: 0,
                    sha256: String::new(),
                    status: 200,
                    headers: http::HeaderMap::new(),
                };
                subject.becomes(row.finish(JobEnd::Complete(output), now));
            }
            Happening::Fail => {
                subject.becomes(row.finish(JobEnd::Failed(JobError::new("x", "x", "x")), now))
            }
            Happening::Cancel => subject.becomes(row.finish(JobEnd::Cancelled, now)),
            Happening::Sweep => subject.becomes(row.revive(now, &settings())),
            Happening::NewRow => subject.becomes(row.accepted_by_lambda(row.generation, now)),
            Happening::Advance => {
                let changed = spoken(&|token| row.advance(token, Progress::default(), now));
                subject.becomes(changed);
            }
            Happening::Clear => subject.cleared(row.swept(Leftovers::None)),
            Happening::Wait(_) => {}
        }
        subject
    }

    fn check_invariants(subject: &Subject, _: &Model) {
        assert!(subject.ends.len() <= 1, "{:?}", subject.ends);
        if let Some((state, error, result)) = subject.ends.first() {
            assert_eq!(
                (subject.row.state, &subject.row.error, &subject.row.result),
                (*state, error, result)
            );
        }
        assert!(subject.row.generation <= settings().generations_max + 1);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn j7_no_function_leads_out_of_a_terminal_state(sequential 1..60 => Subject);
}

fn running(now: u64) -> Row {
    let row = Row::new(accepted(), 0, &settings());
    let digest = Digest::of(b"1");
    let lease = Lease { token: "t".to_owned(), until: now + 60_000 };
    match row.acquire(GenerationRef { generation: 1, digest: &digest }, lease, now, &settings()) {
        Decision::Run(row) => row,
        other => panic!("{other:?}"),
    }
}

#[test]
fn j2_a_lease_excludes_other_runs_until_its_function_has_ended() {
    let row = running(0);
    let digest = Digest::of(b"1");
    let other = |now| {
        let lease = Lease { token: "u".to_owned(), until: now + 60_000 };
        row.acquire(GenerationRef { generation: 1, digest: &digest }, lease, now, &settings())
    };
    assert!(matches!(other(59_999), Decision::Skipped(_)));
    let Decision::Run(second) = other(60_000) else { panic!("the lease is over") };
    assert_eq!((second.attempts, second.setback), (2, Some(Setback::Lost)));
    assert_eq!(row.due(&settings()), Some(90_000), "a sweeper waits for the grace of 30 s");
}

#[test]
fn j8_a_job_ends_at_its_deadline_and_after_its_last_generation() {
    let row = running(0);
    assert!(row.out_of_bounds(2_999_999, &settings()).is_none());
    let expired = row.out_of_bounds(3_000_000, &settings()).unwrap();
    assert_eq!(expired.state, JobState::Expired);
    let at = |generation| Row { generation, ..row.clone() }.out_of_bounds(0, &settings());
    assert!(at(6).is_none());
    let ended = at(7).unwrap();
    assert_eq!(
        (ended.state, ended.error.unwrap().code.as_str()),
        (JobState::Failed, "too_many_generations")
    );
}

#[test]
fn j8_the_kill_switch_ends_running_jobs() {
    let off = JobSettings { enabled: false, ..settings() };
    let ended = running(0).out_of_bounds(0, &off).unwrap();
    assert_eq!((ended.state, ended.error.unwrap().code.as_str()), (JobState::Failed, "stopped"));
}

/// A running row with no field that equals that of a new row.
fn worn() -> Row {
    Row {
        state: JobState::Running,
        updated: 2_000,
        generation: 4,
        hops: 5,
        checkpoint: Digest::of(b"4"),
        lease: Some(Lease { token: "t".to_owned(), until: 60_000 }),
        attempts: 2,
        revivals: 1,
        handed: true,
        setback: Some(Setback::TooLong),
        progress: Progress { items: 7, items_total: Some(9), bytes: 11 },
        alive: 60_000,
        writer: "w".to_owned(),
        ..Row::new(accepted(), 1_000, &settings())
    }
}

/// The same job, waiting for its generation to be started.
fn waiting() -> Row {
    Row { state: JobState::Queued, lease: None, handed: false, ..worn() }
}

const FURTHER: Progress = Progress { items: 8, items_total: Some(9), bytes: 12 };

#[test]
fn a_lease_is_written_into_the_row_and_the_rest_is_unchanged() {
    let digest = Digest::of(b"4");
    for (until, alive) in [(50_000, 60_000), (70_000, 70_000)] {
        let lease = Lease { token: "u".to_owned(), until };
        let asked = GenerationRef { generation: 4, digest: &digest };
        let decision = waiting().acquire(asked, lease.clone(), 5_000, &settings());
        let running = Row {
            state: JobState::Running,
            lease: Some(lease),
            attempts: 3,
            handed: true,
            alive,
            updated: 5_000,
            ..waiting()
        };
        assert_eq!(decision, Decision::Run(running));
    }
}

#[test]
fn an_event_of_another_generation_or_state_is_skipped_with_the_reason() {
    let lease = |row: &Row, generation, state: &[u8]| {
        let lease = Lease { token: "u".to_owned(), until: 70_000 };
        let asked = GenerationRef { generation, digest: &Digest::of(state) };
        row.acquire(asked, lease, 5_000, &settings())
    };
    let ended = waiting().finish(JobEnd::Cancelled, 4_000).expect("it has not ended");
    for (row, generation, state, reason) in [
        (&waiting(), 3, &b"4"[..], "the event is for another generation"),
        (&waiting(), 5, b"4", "the event is for another generation"),
        (&waiting(), 4, b"5", "the state of the event differs from the row's"),
        (&worn(), 4, b"4", "another run holds the generation"),
        (&ended, 4, b"4", "the job has ended"),
    ] {
        assert_eq!(lease(row, generation, state), Decision::Skipped(reason));
    }
}

#[test]
fn a_generation_is_started_three_times_or_once_if_it_is_not_repeatable() {
    let end = |row: Row| row.out_of_attempts(5_000, &settings()).and_then(|row| row.error);
    assert_eq!(end(Row { attempts: 2, ..worn() }), None);
    let told = |row: Row| end(row).map(|problem| (problem.code, problem.detail));
    let (code, detail) = told(Row { attempts: 3, ..worn() }).expect("three are all");
    assert_eq!(code, "interrupted");
    assert!(detail.contains("ended 3 times"), "{detail}");
    assert!(end(Row { attempts: 4, ..worn() }).is_some());
    assert_eq!(end(Row { attempts: 0, repeatable: false, ..worn() }), None);
    let (code, detail) = told(Row { attempts: 1, repeatable: false, ..worn() }).expect("once");
    assert_eq!(code, "interrupted");
    assert!(detail.contains("was not repeated"), "{detail}");
}

#[test]
fn a_lost_run_is_distinguished_from_a_step_that_takes_too_long() {
    let lease = worn().lease;
    for (lease, setback, expected) in [
        (lease.clone(), Some(Setback::TooLong), "interrupted"),
        (lease, None, "interrupted"),
        (None, Some(Setback::Lost), "interrupted"),
        (None, Some(Setback::TooLong), "step_too_long"),
        (None, None, "step_too_long"),
    ] {
        let row = Row { attempts: 3, lease, setback, ..worn() };
        let ended = row.out_of_attempts(5_000, &settings()).expect("three attempts are all");
        let code = ended.error.map(|problem| problem.code);
        assert_eq!(code.as_deref(), Some(expected), "{setback:?}");
    }
}

#[test]
fn only_the_run_with_the_token_of_the_row_holds_the_job() {
    assert!(worn().is_held_by("t"));
    assert!(!worn().is_held_by("u"));
    assert!(!waiting().is_held_by("t"));
    assert!(!Row { state: JobState::Queued, ..worn() }.is_held_by("t"));
}

#[test]
fn progress_changes_only_the_progress_and_the_time() {
    let further = Row { progress: FURTHER, updated: 5_000, ..worn() };
    assert_eq!(worn().advance("t", FURTHER, 5_000), Some(further));
    assert_eq!(worn().advance("u", FURTHER, 5_000), None);
}

#[test]
fn a_handed_over_state_begins_the_next_generation() {
    let next = Row {
        state: JobState::Queued,
        generation: 5,
        hops: 6,
        checkpoint: Digest::of(b"5"),
        lease: None,
        attempts: 0,
        revivals: 0,
        handed: false,
        setback: None,
        progress: FURTHER,
        updated: 5_000,
        ..worn()
    };
    assert_eq!(worn().hand_over("t", Digest::of(b"5"), FURTHER, 5_000), Some(next));
    assert_eq!(worn().hand_over("u", Digest::of(b"5"), FURTHER, 5_000), None);
}

#[test]
fn a_generation_whose_step_took_too_long_is_released_with_its_attempts() {
    let lost = Row { setback: Some(Setback::Lost), ..worn() };
    let released = Row {
        state: JobState::Queued,
        hops: 6,
        lease: None,
        handed: false,
        setback: Some(Setback::TooLong),
        updated: 5_000,
        ..worn()
    };
    assert_eq!(lost.release("t", 5_000), Some(released));
    assert_eq!(lost.release("u", 5_000), None);
}

#[test]
fn an_event_that_lambda_accepted_is_noted_once_for_the_generation_that_waits() {
    let noted = Row { handed: true, updated: 5_000, ..waiting() };
    assert_eq!(waiting().accepted_by_lambda(4, 5_000), Some(noted.clone()));
    assert_eq!(waiting().accepted_by_lambda(3, 5_000), None, "another generation");
    assert_eq!(noted.accepted_by_lambda(4, 5_000), None, "a second time");
    assert_eq!(worn().accepted_by_lambda(4, 5_000), None, "it runs");
    let running = Row { handed: false, ..worn() };
    assert_eq!(running.accepted_by_lambda(4, 5_000), None, "it runs");
}

#[test]
fn a_due_job_is_revived_in_a_new_chain() {
    // The lease ends at 60 s; 30 s later its function has certainly ended.
    let revived = Row {
        state: JobState::Queued,
        hops: 0,
        lease: None,
        revivals: 2,
        handed: false,
        setback: Some(Setback::Lost),
        updated: 90_000,
        ..worn()
    };
    assert_eq!(worn().revive(89_999, &settings()), None);
    assert_eq!(worn().revive(90_000, &settings()), Some(revived.clone()));
    assert_eq!(worn().revive(90_001, &settings()), Some(Row { updated: 90_001, ..revived }));
    // No run started, so the fields of the last run stay. An event that Lambda has not accepted is overdue after 60 s.
    let waiting = waiting().revive(62_000, &settings()).expect("it is due");
    assert_eq!((waiting.setback, waiting.revivals), (Some(Setback::TooLong), 2));
    let ended = worn().finish(JobEnd::Cancelled, 3_000).expect("it has not ended");
    assert_eq!(ended.revive(u64::MAX, &settings()), None, "nothing revives what has ended");
}

#[test]
fn a_job_fails_after_three_revivals() {
    let at = |revivals| Row { revivals, ..worn() }.revive(90_000, &settings());
    assert_eq!(at(2).map(|row| row.revivals), Some(3));
    for revivals in [3, 4] {
        let ended = at(revivals).expect("it is due");
        assert_eq!((ended.state, ended.ended), (JobState::Failed, Some(90_000)));
        let problem = ended.error.expect("a failed job has an error");
        let times = format!("was invoked {} times", revivals + 1);
        assert_eq!(problem.code, "never_started");
        assert!(problem.detail.contains(&times), "{}", problem.detail);
    }
    let expired = worn().revive(3_001_000, &settings()).expect("it is due");
    assert_eq!(expired.state, JobState::Expired);
}

#[test]
fn an_ended_row_keeps_its_fields_and_adds_the_result_or_the_error() {
    let output = Output {
        name: "r".to_owned(),
        bytes: 3,
        sha256: "00".to_owned(),
        status: 200,
        headers: http::HeaderMap::new(),
    };
    let problem = JobError::new("code", "title", "detail");
    let ended = |state| Row { state, lease: None, ended: Some(5_000), updated: 5_000, ..worn() };
    for (ending, expected) in [
        (
            JobEnd::Complete(output.clone()),
            Row { result: Some(output), ..ended(JobState::Complete) },
        ),
        (
            JobEnd::Failed(problem.clone()),
            Row { error: Some(problem.clone()), ..ended(JobState::Failed) },
        ),
        (JobEnd::Cancelled, ended(JobState::Cancelled)),
        (
            JobEnd::Expired(problem.clone()),
            Row { error: Some(problem), ..ended(JobState::Expired) },
        ),
    ] {
        assert_eq!(worn().finish(ending.clone(), 5_000), Some(expected.clone()));
        assert_eq!(expected.finish(ending, 6_000), None, "a second end");
    }
}

#[test]
fn deleting_objects_of_an_ended_job_does_not_change_it_for_its_owner() {
    let ended = worn().finish(JobEnd::Cancelled, 5_000).expect("it has not ended");
    let swept = Row { leftovers: Leftovers::Result, ..ended.clone() };
    assert_eq!(ended.swept(Leftovers::Result), Some(swept));
    assert_eq!(worn().swept(Leftovers::Result), None, "it runs");
}

#[test]
fn a_job_is_due_once_its_next_event_is_overdue() {
    let due = |row: Row| row.due(&settings());
    assert_eq!(due(worn()), Some(90_000), "30 s after the end of the lease");
    assert_eq!(due(waiting()), Some(62_000), "60 s for the event to reach Lambda");
    let handed = Row { handed: true, ..waiting() };
    assert_eq!(due(handed), Some(602_000), "600 s for Lambda to start it");
    let ended = |at, leftovers| {
        let ended = worn().finish(JobEnd::Cancelled, at).expect("it has not ended");
        due(Row { leftovers, ..ended })
    };
    assert_eq!(ended(5_000, Leftovers::All), Some(90_000), "its run may be alive until 60 s");
    assert_eq!(ended(80_000, Leftovers::All), Some(110_000));
    assert_eq!(ended(5_000, Leftovers::Result), Some(86_405_000), "a day after its end");
    assert_eq!(ended(5_000, Leftovers::None), None);
}

#[test]
fn a_job_expires_a_day_after_its_end_and_its_row_a_day_later() {
    let running = worn();
    assert_eq!(running.deadline, 3_001_000, "3,000 s after it was accepted");
    assert_eq!(running.expires(&settings()), 89_401_000);
    assert_eq!(running.forget(&settings()), 175_801_000);
    let ended = running.finish(JobEnd::Cancelled, 5_000).expect("it has not ended");
    assert_eq!(ended.expires(&settings()), 86_405_000);
    assert_eq!(ended.forget(&settings()), 172_805_000);
    assert_eq!(later(1, Duration::MAX), u64::MAX, "a span without an end does not overflow");
}

#[test]
fn a_state_has_the_same_name_in_responses_and_in_rows() {
    for (state, name, ends) in [
        (JobState::Queued, "queued", false),
        (JobState::Running, "running", false),
        (JobState::Complete, "complete", true),
        (JobState::Failed, "failed", true),
        (JobState::Cancelled, "cancelled", true),
        (JobState::Expired, "expired", true),
    ] {
        assert_eq!((state.name(), state.is_terminal()), (name, ends));
        assert_eq!(serde_json::to_value(state).expect("a name"), name);
    }
}
