//! The Runtime API under any order of calls, from several clients: a model beside a real sandbox, over real HTTP.
//!
//! The sandbox's process only tells the address of its Runtime API; the test plays the runtime. Whatever it does, each call
//! is answered as the model says, exactly one answer reaches the caller, and the caller never waits beyond the timeout.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hardcap::{Clock, Emulator, Stopwatch};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::eventually::eventually;
use hardcap_tests::property::in_threads;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// The function's timeout.
const TIMEOUT: Millis = Millis(3_000);
/// So old an invocation may be that its sandbox is surely alive: after that a slow machine may have met the timeout.
const SURE: Duration = Duration::from_millis(2_200);
/// The steps whose outcome the model knows, and those of them at which the invocation was so young that the outcome was compared.
static STEPS: AtomicU32 = AtomicU32::new(0);
static SURE_STEPS: AtomicU32 = AtomicU32::new(0);
/// The caller must have its answer by then: the timeout, one init more, and a machine that has other things to do.
const PATIENCE: Millis = Millis(60_000);

/// Where the sandbox is, as the model has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing runs, and nobody waits.
    Nothing,
    /// A process runs that has not asked for an event; someone has invoked the function. Once init may fail.
    Init {
        again: bool,
    },
    Idle,
    Busy,
    Draining,
    /// A connection broke in the middle of an answer: it counted, or it did not.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Response,
    Error,
}

#[derive(Clone, Copy, Debug)]
enum Id {
    Right,
    Wrong,
}

#[derive(Clone, Debug)]
enum Step {
    /// Someone invokes the function.
    Invoke,
    /// A client asks for an event, on a connection of its own.
    Next,
    /// Every client that waits for an event hangs up.
    HangUp,
    Answer(Kind, Id),
    /// Two clients answer at once.
    TwoAnswers(Kind, Kind),
    /// An answer whose body ends too early; the client still listens.
    Truncated,
    /// An answer whose client is gone in the middle of it.
    Broken,
    InitError,
}

#[derive(Debug)]
struct Model;

impl ReferenceStateMachine for Model {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        Just(State::Nothing).boxed()
    }

    fn transitions(state: &State) -> BoxedStrategy<Step> {
        if *state == State::Nothing {
            return Just(Step::Invoke).boxed();
        }
        let kind = || prop_oneof![Just(Kind::Response), Just(Kind::Error)];
        let id = prop_oneof![3 => Just(Id::Right), 1 => Just(Id::Wrong)];
        prop_oneof![
            4 => Just(Step::Invoke),
            6 => Just(Step::Next),
            2 => Just(Step::HangUp),
            6 => (kind(), id).prop_map(|(kind, id)| Step::Answer(kind, id)),
            2 => (kind(), kind()).prop_map(|(one, other)| Step::TwoAnswers(one, other)),
            1 => Just(Step::Truncated),
            1 => Just(Step::Broken),
            1 => Just(Step::InitError),
        ]
        .boxed()
    }

    fn preconditions(state: &State, step: &Step) -> bool {
        match (state, step) {
            (State::Nothing | State::Idle, Step::Invoke) => true,
            (State::Nothing, _) | (_, Step::Invoke) => false,
            _ => true,
        }
    }

    fn apply(state: State, step: &Step) -> State {
        match (state, step) {
            (State::Nothing, Step::Invoke) => State::Init { again: false },
            (State::Init { again: false }, Step::InitError) => State::Init { again: true },
            (State::Init { again: true }, Step::InitError) => State::Nothing,
            (State::Init { .. }, Step::Next) | (State::Idle, Step::Invoke) => State::Busy,
            (State::Draining, Step::Next) => State::Idle,
            (State::Busy, Step::Answer(_, Id::Right) | Step::TwoAnswers(..) | Step::Truncated) => {
                State::Draining
            }
            (State::Busy, Step::Broken) => State::Unknown,
            (state, _) => state,
        }
    }
}

/// A sandbox, and everyone who talks to it.
struct World {
    runtime: Runtime,
    before: State,
    emulator: Emulator,
    told: PathBuf,
    _folder: TempDir,
    /// The Runtime API of the process that runs.
    address: String,
    /// Whoever invoked the function, and since when.
    caller: Option<(JoinHandle<Answer>, Stopwatch)>,
    /// Requests for an event that wait.
    waiting: Vec<JoinHandle<std::io::Result<Answer>>>,
    request_id: String,
}

impl World {
    /// Whether the model knows what is: nothing has timed out yet, and no connection has broken.
    fn is_sure(&self) -> bool {
        self.is_young() && self.before != State::Unknown
    }

    fn is_young(&self) -> bool {
        self.caller.as_ref().is_none_or(|(_, since)| since.elapsed() < SURE)
    }

    /// Counts a step that was made in the state `before`.
    fn count(&self) {
        if self.before != State::Unknown {
            STEPS.fetch_add(1, Ordering::Relaxed);
            SURE_STEPS.fetch_add(u32::from(self.is_young()), Ordering::Relaxed);
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/2018-06-01/runtime/{path}", self.address)
    }

    fn invoke(&mut self) {
        let url =
            format!("{}/2015-03-31/functions/tell-address/invocations", self.emulator.aws_url());
        let call = Call::post(url, "{}");
        let caller = self
            .runtime
            .spawn(async move { Client::new().send(&call).await.expect("the emulator answers") });
        self.caller = Some((caller, Clock::default().stopwatch()));
    }

    /// Waits until another process than the last one has told its address.
    fn meet(&mut self) {
        let (told, last) = (&self.told, &self.address);
        let within = Duration::from_millis(PATIENCE.0);
        let address =
            eventually(
                within,
                "a process tells its address",
                async || match std::fs::read_to_string(told) {
                    Ok(address) if address != *last => Ok(address),
                    seen => Err(seen),
                },
            );
        self.address = self.runtime.block_on(address);
    }

    fn ask(&mut self) {
        let call = Call::get(self.url("invocation/next"));
        self.waiting.push(self.runtime.spawn(async move { Client::new().send(&call).await }));
    }

    /// The newest request for an event is answered with one.
    fn must_get_an_event(&mut self) {
        let newest = self.waiting.pop().expect("a client has asked");
        let answered = self.runtime.block_on(Clock::default().timeout(PATIENCE, newest));
        let answer = answered.expect("an event").expect("no panic").expect("an answer");
        if self.is_sure() {
            assert_eq!((answer.status.as_u16(), answer.text()), (200, "{}"), "{answer:?}");
        }
        let id = answer.header("lambda-runtime-aws-request-id").unwrap_or_default();
        self.request_id = id.to_owned();
    }

    fn id(&self, id: Id) -> &str {
        match id {
            Id::Right if self.request_id.is_empty() => "none",
            Id::Right => &self.request_id,
            Id::Wrong => "another",
        }
    }

    fn answer_of(&self, kind: Kind, id: Id) -> Call {
        let (path, body) = match kind {
            Kind::Response => ("response", r#""answered""#),
            Kind::Error => ("error", r#"{"errorMessage":"failed","errorType":"Function.Failed"}"#),
        };
        Call::post(self.url(&format!("invocation/{}/{path}", self.id(id))), body)
    }

    fn send(&self, call: &Call) -> std::io::Result<Answer> {
        self.runtime.block_on(async { Client::new().send(call).await })
    }

    /// Sends the beginning of an answer. Then it listens for what comes, or is gone.
    fn send_half(&self, listens: bool) -> String {
        let id = self.id(Id::Right).to_owned();
        let address = self.address.clone();
        self.runtime.block_on(async move {
            let Ok(mut stream) = TcpStream::connect(&address).await else { return String::new() };
            let head = format!(
                "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: localhost\r\n\
                 connection: close\r\ncontent-length: 100\r\n\r\n0123456789"
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let mut heard = String::new();
            if listens {
                let _ = stream.shutdown().await;
                let _ = stream.read_to_string(&mut heard).await;
            }
            heard
        })
    }

    /// The caller has exactly one answer, in time.
    fn caller_hears(&mut self) -> Answer {
        let (caller, since) = self.caller.take().expect("someone has invoked the function");
        let heard = self.runtime.block_on(Clock::default().timeout(PATIENCE, caller));
        let heard = heard.unwrap_or_else(|| panic!("no answer after {:?}", since.elapsed()));
        let heard = heard.expect("no panic");
        assert_eq!(heard.status, 200, "{heard:?}");
        heard
    }

    /// Whether the calls that answered are told what the state before them allows.
    fn check_answer(&mut self, answer: std::io::Result<Answer>, kind: Kind, id: Id) {
        // A sandbox that has timed out is gone, and its address with it.
        if !self.is_sure() {
            return;
        }
        let answer = answer.expect("the Runtime API answers");
        match (self.before, id) {
            (State::Busy, Id::Right) => {
                assert_eq!((answer.status.as_u16(), answer.text()), (202, r#"{"status":"OK"}"#));
                let heard = self.caller_hears();
                let expected = match kind {
                    Kind::Response => r#""answered""#,
                    Kind::Error => r#"{"errorMessage":"failed","errorType":"Function.Failed"}"#,
                };
                assert_eq!(heard.text(), expected);
            }
            (State::Busy, Id::Wrong) => {
                assert_eq!(
                    (answer.status.as_u16(), answer.text()),
                    (
                        400,
                        r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#
                    )
                );
            }
            _ => assert_wrong_state(&answer),
        }
    }
}

fn assert_wrong_state(answer: &Answer) {
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.json()["errorType"], "InvalidStateTransition", "{answer:?}");
}

async fn pause(millis: u64) {
    Clock::default().timeout(Millis(millis), std::future::pending::<()>()).await;
}

struct RuntimeApi;

impl StateMachineTest for RuntimeApi {
    type SystemUnderTest = World;
    type Reference = Model;

    fn init_test(state: &State) -> World {
        let runtime = Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let told = folder.path().join("address");
        let mut function = hardcap_tests::functions::guest("tell-address");
        function.timeout = TIMEOUT;
        function.environment.insert("TOLD".to_owned(), told.display().to_string());
        let start = Emulator::builder().limits(Date::CLASSIC).function(function).start();
        let emulator = runtime.block_on(start).expect("an emulator on free ports");
        World {
            runtime,
            before: *state,
            emulator,
            told,
            _folder: folder,
            address: String::new(),
            caller: None,
            waiting: Vec::new(),
            request_id: String::new(),
        }
    }

    fn apply(mut world: World, after: &State, step: Step) -> World {
        match step {
            Step::Invoke | Step::Next | Step::InitError if !world.is_sure() => {}
            Step::Invoke => {
                world.invoke();
                match world.before {
                    State::Nothing => world.meet(),
                    // A request that waits gets the event; where nobody waits, the next one will.
                    _ if world.waiting.is_empty() => {
                        world.ask();
                        world.must_get_an_event();
                    }
                    _ => world.must_get_an_event(),
                }
            }
            Step::Next => {
                world.ask();
                // Of a truncated answer the caller hears when it is known what the runtime does then.
                if world.before == State::Draining && world.caller.is_some() {
                    let ended = world.caller_hears();
                    assert_eq!(ended.json()["errorType"], "Runtime.TruncatedResponse", "{ended:?}");
                }
                match after {
                    State::Busy => world.must_get_an_event(),
                    // It waits; another one that waited is sent away, and so the newest is always the last.
                    _ => world.runtime.block_on(pause(20)),
                }
            }
            Step::HangUp => {
                for waiting in world.waiting.drain(..) {
                    waiting.abort();
                    let _ = world.runtime.block_on(waiting);
                }
            }
            Step::Answer(kind, id) => {
                let answer = world.send(&world.answer_of(kind, id));
                world.check_answer(answer, kind, id);
            }
            Step::TwoAnswers(one, other) => two_answers(&mut world, one, other),
            Step::Truncated => {
                let heard = world.send_half(true);
                if world.is_sure() && world.before == State::Busy {
                    assert!(heard.contains(r#""errorType":"TruncatedHTTPRequest""#), "{heard}");
                } else if world.is_sure() {
                    assert!(heard.starts_with("HTTP/1.1 403 "), "{heard}");
                }
            }
            Step::Broken => {
                world.send_half(false);
            }
            Step::InitError => init_error(&mut world),
        }
        world.count();
        world.before = *after;
        world
    }

    fn teardown(mut world: World, _: State) {
        if world.caller.is_some() {
            world.caller_hears();
        }
        let totals = world.emulator.totals();
        assert!(totals.invocations <= 64, "{totals:?}");
        world.runtime.block_on(world.emulator.stop());
    }
}

/// Exactly one of two answers that come at once is accepted.
fn two_answers(world: &mut World, one: Kind, other: Kind) {
    let calls = [world.answer_of(one, Id::Right), world.answer_of(other, Id::Right)];
    let sent =
        calls.map(|call| world.runtime.spawn(async move { Client::new().send(&call).await }));
    let heard = sent.map(|sent| world.runtime.block_on(sent).expect("no panic"));
    if !world.is_sure() {
        return;
    }
    let heard = heard.map(|heard| heard.expect("the Runtime API answers"));
    let accepted = heard.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(accepted, usize::from(world.before == State::Busy), "{heard:?}");
    heard.iter().filter(|answer| answer.status != 202).for_each(assert_wrong_state);
    if accepted == 1 {
        world.caller_hears();
    }
}

fn init_error(world: &mut World) {
    let body = r#"{"errorMessage":"no module","errorType":"Runtime.ImportModuleError"}"#;
    let answer = world.send(&Call::post(world.url("init/error"), body));
    if !world.is_sure() {
        return;
    }
    let answer = answer.expect("the Runtime API answers");
    match world.before {
        State::Init { again } => {
            assert_eq!(answer.status, 202, "{answer:?}");
            if again {
                assert_eq!(world.caller_hears().text(), body);
            } else {
                world.meet();
            }
        }
        _ => assert_wrong_state(&answer),
    }
}

/// A slow machine makes the model doubt, and a model that doubts compares nothing.
#[test]
fn every_order_of_calls_is_answered_and_the_caller_always_gets_a_result() {
    let config =
        Config { cases: 4, failure_persistence: None, max_shrink_iters: 32, ..Config::default() };
    // Most of a case waits for the timeout of the function.
    in_threads(
        4,
        &config,
        || Model::sequential_strategy(1..16),
        |(state, steps, seen)| {
            RuntimeApi::test_sequential(config.clone(), state, steps, seen);
            Ok(())
        },
    );
    let (steps, sure) = (STEPS.load(Ordering::Relaxed), SURE_STEPS.load(Ordering::Relaxed));
    eprintln!("{sure} of {steps} steps compared with the model");
    assert!(
        sure * 2 >= steps,
        "only {sure} of {steps} steps were compared with the model: in the others the invocation was older than {SURE:?}"
    );
}
