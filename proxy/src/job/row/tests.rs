//! J7: whatever happens in whatever order, a job ends once, and nothing leads out of its end.

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::*;

fn settings() -> Settings {
    let seconds = Duration::from_secs;
    Settings {
        generations_max: 6,
        age_max: seconds(3000),
        revivals_max: 3,
        per_owner_max: 2,
        ..Settings::new(2_000)
    }
}

fn accepted() -> Accepted {
    Accepted {
        id: "id".to_owned(),
        owner: "open".to_owned(),
        kind: "export".to_owned(),
        input: Digest::of(b"input"),
        checkpoint: Digest::of(b"1"),
        repeatable: true,
    }
}

/// What may happen to a row. Times pass before it does.
#[derive(Clone, Debug)]
enum Happening {
    /// An event of this many generations ago arrives, and its run may live this long.
    Event {
        behind: u64,
        lives: u64,
    },
    HandOver,
    Release,
    Complete,
    Fail,
    Cancel,
    Sweep,
    Accepted,
    /// A run shows how far it is.
    Advance,
    /// What an ended job left is cleared away.
    Clear,
    Wait(u64),
}

/// The reference knows only the time: what must hold, holds whatever happens.
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
            6 => (0..3_u64, 1_000..900_000_u64).prop_map(|(behind, lives)| Happening::Event { behind, lives }),
            4 => Just(Happening::HandOver),
            1 => Just(Happening::Release),
            1 => Just(Happening::Complete),
            1 => Just(Happening::Fail),
            1 => Just(Happening::Cancel),
            3 => Just(Happening::Sweep),
            1 => Just(Happening::Accepted),
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

/// The row, with the tokens of all that ever ran it: any of them may still speak up.
struct Subject {
    row: Row,
    now: u64,
    tokens: Vec<String>,
    ends: Vec<(State, Option<Problem>, Option<Output>)>,
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
        assert_eq!(next.state == State::Running, next.claim.is_some(), "who runs has a claim");
        assert_eq!(next.state.is_terminal(), next.ended.is_some());
        assert!(next.due(&settings()).is_some(), "somebody looks at it: {next:?}");
        if next.state.is_terminal() {
            self.ends.push((next.state, next.error.clone(), next.result.clone()));
        }
        self.row = next;
    }

    /// Only what has ended is cleared away, and it stays what it was.
    fn cleared(&mut self, next: Option<Row>) {
        assert_eq!(next.is_some(), self.row.state.is_terminal(), "{:?}", self.row.state);
        let Some(next) = next else { return };
        assert_eq!(next.due(&settings()), None, "nobody has to look at it again");
        let as_before =
            Row { leftovers: self.row.leftovers, updated: self.row.updated, ..next.clone() };
        assert_eq!(as_before, self.row);
        self.row = next;
    }

    fn event(&mut self, behind: u64, lives: u64) {
        let generation = self.row.generation.saturating_sub(behind);
        let token = format!("token-{}", self.tokens.len());
        let claim = Claim { token: token.clone(), until: self.now + lives };
        let asked = Asked { generation, digest: &Digest::of(generation.to_string().as_bytes()) };
        let alive = self.row.claim.as_ref().is_some_and(|held| held.until > self.now);
        match self.row.claim(asked, claim, self.now, &settings()) {
            Decision::Aside(_) => {}
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
        // Every run there ever was says so; only the one that holds the row is heard.
        let heard = subject.tokens.iter().filter(|token| row.is_held_by(token)).count();
        assert!(heard <= 1);
        let spoken = |change: &dyn Fn(&str) -> Option<Row>| {
            let changed: Vec<Row> =
                subject.tokens.iter().filter_map(|token| change(token)).collect();
            assert!(changed.len() <= 1, "{changed:?}");
            changed.into_iter().next()
        };
        match transition {
            Happening::Event { behind, lives } => subject.event(behind, lives),
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
                    headers: Vec::new(),
                };
                subject.becomes(row.finish(Ending::Complete(output), now));
            }
            Happening::Fail => {
                subject.becomes(row.finish(Ending::Failed(Problem::new("x", "x", "x")), now))
            }
            Happening::Cancel => subject.becomes(row.finish(Ending::Cancelled, now)),
            Happening::Sweep => subject.becomes(row.revive(now, &settings())),
            Happening::Accepted => subject.becomes(row.accepted_by_lambda(row.generation, now)),
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
    fn j7_nothing_leads_out_of_a_terminal_state(sequential 1..60 => Subject);
}

fn running(now: u64) -> Row {
    let row = Row::new(accepted(), 0, &settings());
    let digest = Digest::of(b"1");
    let claim = Claim { token: "t".to_owned(), until: now + 60_000 };
    match row.claim(Asked { generation: 1, digest: &digest }, claim, now, &settings()) {
        Decision::Run(row) => row,
        other => panic!("{other:?}"),
    }
}

#[test]
fn j2_a_claim_keeps_others_out_until_its_function_cannot_be_alive() {
    let row = running(0);
    let digest = Digest::of(b"1");
    let other = |now| {
        let claim = Claim { token: "u".to_owned(), until: now + 60_000 };
        row.claim(Asked { generation: 1, digest: &digest }, claim, now, &settings())
    };
    assert!(matches!(other(59_999), Decision::Aside(_)));
    let Decision::Run(second) = other(60_000) else { panic!("the lease is over") };
    assert_eq!((second.attempts, second.setback), (2, Some(Setback::Lost)));
    assert_eq!(row.due(&settings()), Some(90_000), "a sweeper waits for the grace of 30 s");
}

#[test]
fn j8_a_job_ends_at_its_deadline_and_after_its_last_generation() {
    let row = running(0);
    assert!(row.out_of_bounds(2_999_999, &settings()).is_none());
    let expired = row.out_of_bounds(3_000_000, &settings()).unwrap();
    assert_eq!(expired.state, State::Expired);
    let at = |generation| Row { generation, ..row.clone() }.out_of_bounds(0, &settings());
    assert!(at(6).is_none());
    let ended = at(7).unwrap();
    assert_eq!(
        (ended.state, ended.error.unwrap().code.as_str()),
        (State::Failed, "too_many_generations")
    );
}

#[test]
fn j8_the_kill_switch_ends_what_is_under_way() {
    let off = Settings { enabled: false, ..settings() };
    let ended = running(0).out_of_bounds(0, &off).unwrap();
    assert_eq!((ended.state, ended.error.unwrap().code.as_str()), (State::Failed, "stopped"));
}
