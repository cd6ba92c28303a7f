//! Requests that a runtime, or anything else in a sandbox, sends to the Runtime API.

use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use bytes::Bytes;
use hardcap_core::context::Platform;
use hardcap_core::keyring::Keyring;
use hardcap_lambda::fuzz::{Begun, Runtime, subscription};
use hardcap_limits::Limits;
use http::{Request, Response};
use http_body_util::BodyExt as _;

use super::form::now;
use super::input::Input;

static PLATFORM: LazyLock<Platform> =
    LazyLock::new(|| Platform::new("us-east-1", Limits::current(), Keyring::new(&[])));

/// The states that the documentation of the Runtime API tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Init,
    Idle,
    Busy,
    Answered,
    Failed,
}

thread_local! {
    /// Its clock is there for what waits for a time; no target waits for one to come.
    static TOKIO: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
}

const PATHS: [&str; 8] = [
    "/2018-06-01/runtime/invocation/next",
    "/2018-06-01/runtime/invocation//response",
    "/2018-06-01/runtime/invocation/%2e%2e/response",
    "/2020-01-01/extension/event/next",
    "/2020-01-01/extension/init/error",
    "/2020-01-01/extension/exit/error",
    "/2022-07-01/telemetry",
    "/2020-08-15/logs",
];

/// Each call is answered as the state of the sandbox wants it, exactly one answer counts, and its invoker gets the bytes that
/// were posted.
pub fn runtime_api(data: &[u8]) {
    TOKIO.with(|tokio| {
        let _entered = tokio.enter();
        talk(&mut Input::new(data));
    });
}

fn talk(input: &mut Input<'_>) {
    let runtime = Runtime::new(&PLATFORM);
    let mut state = State::Init;
    let mut begun: Option<Begun> = None;
    let mut steps = 0;
    while !input.is_empty() && steps < 24 {
        steps += 1;
        match input.below(9) {
            0 | 1 => next(&runtime, &mut state, begun.as_ref()),
            2 | 3 => begin(&runtime, &mut state, &mut begun, input),
            4 => answer(&runtime, &mut state, &mut begun, ("response", input)),
            5 => answer(&runtime, &mut state, &mut begun, ("error", input)),
            6 => {
                let response = post(&runtime, "/2018-06-01/runtime/init/error", input);
                let expected = if state == State::Init { 202 } else { 403 };
                assert_eq!(checked(response), expected, "init/error in {state:?}");
                state = if state == State::Init { State::Failed } else { state };
            }
            7 => {
                let logs = input.is_set();
                let limits = PLATFORM.limits();
                match subscription(input.bytes(200), logs, &limits) {
                    Ok((port, path)) => assert!(port > 0 && path.starts_with('/'), "{port} {path}"),
                    Err(invalid) => assert!(!invalid.to_string().is_empty()),
                }
            }
            _ => {
                let path = *input.choose(&PATHS[1..]);
                let method = *input.choose(&["GET", "POST", "PUT"]);
                let id = input.text(40);
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header("lambda-extension-identifier", id);
                let Ok(request) =
                    request.body(Body::from(Bytes::copy_from_slice(input.bytes(100))))
                else {
                    continue;
                };
                // No extension has registered, so every call of one is refused.
                let status = checked(now(runtime.call(request)));
                assert!((400..500).contains(&status), "{method} {path}: {status}");
            }
        }
    }
}

fn next(runtime: &Runtime, state: &mut State, begun: Option<&Begun>) {
    let request = Request::get(PATHS[0]).body(Body::empty()).expect("a request");
    let mut asked = Box::pin(runtime.call(request));
    let mut context = Context::from_waker(Waker::noop());
    match asked.as_mut().poll(&mut context) {
        // The connection breaks when this is dropped: the runtime asks again later.
        Poll::Pending => {
            assert!(
                matches!(state, State::Init | State::Idle | State::Answered),
                "it waits in {state:?}"
            );
            *state = State::Idle;
        }
        Poll::Ready(response) => match state {
            State::Busy => {
                assert_eq!(response.status(), 200);
                let id = response.headers()["lambda-runtime-aws-request-id"].to_str();
                assert_eq!(id.ok(), begun.map(|it| it.request_id.as_str()));
                let deadline = &response.headers()["lambda-runtime-deadline-ms"];
                assert!(deadline.as_bytes().iter().all(u8::is_ascii_digit));
            }
            State::Failed => assert_eq!(checked(response), 403),
            State::Init | State::Idle | State::Answered => panic!("{state:?}: {response:?}"),
        },
    }
}

fn begin(runtime: &Runtime, state: &mut State, begun: &mut Option<Begun>, input: &mut Input<'_>) {
    let event = Bytes::copy_from_slice(input.bytes(20));
    let job = runtime.begin(&PLATFORM, event, input.is_set());
    assert_eq!(job.is_some(), *state == State::Idle, "an event for a sandbox in {state:?}");
    if job.is_some() {
        *begun = job;
        *state = State::Busy;
    }
}

fn answer(
    runtime: &Runtime,
    state: &mut State,
    begun: &mut Option<Begun>,
    (kind, input): (&str, &mut Input<'_>),
) {
    let right = input.byte() % 4 != 3;
    let id = match (right, &begun) {
        (true, Some(begun)) => begun.request_id.clone(),
        _ => "8a3d29ff-89aa-11e8-a040-2759dd9dfff0".to_owned(),
    };
    let mode = *input.choose(&["", "streaming", "buffered"]);
    let error_type = input.text(20);
    let body = Bytes::copy_from_slice(input.bytes(200));
    let path = format!("/2018-06-01/runtime/invocation/{id}/{kind}");
    let mut request = Request::post(path).header("lambda-runtime-function-error-type", error_type);
    if !mode.is_empty() {
        request = request.header("lambda-runtime-function-response-mode", mode);
    }
    let Ok(request) = request.body(Body::from(body.clone())) else { return };
    let status = checked(now(runtime.call(request)));
    let expected = match (*state, right) {
        (State::Busy, true) if kind == "response" && mode == "buffered" => 400,
        (State::Busy, true) => 202,
        (State::Busy, false) => 400,
        _ => 403,
    };
    assert_eq!(status, expected, "{kind} in {state:?}, id right: {right}, mode {mode:?}");
    if *state == State::Busy && right {
        *state = State::Answered;
        let reply = begun.as_mut().and_then(Begun::reply);
        let (payload, failed) =
            reply.expect("the invoker has its reply as soon as the answer was taken");
        match (kind, status) {
            // What was handed on as it came is not in the reply.
            ("response", 202) => assert!(!failed && (payload == body || payload.is_empty())),
            ("error", _) => assert!(failed && payload == body),
            _ => assert!(failed),
        }
    }
}

fn post(runtime: &Runtime, path: &str, input: &mut Input<'_>) -> Response<Body> {
    let body = Bytes::copy_from_slice(input.bytes(60));
    let request = Request::post(path).body(Body::from(body)).expect("a request");
    now(runtime.call(request))
}

/// The status of a response that is JSON where it has a body, and never says that hardcap has failed.
fn checked(response: Response<Body>) -> u16 {
    let status = response.status().as_u16();
    assert!(status < 500, "{response:?}");
    let is_json = response.headers().get("content-type").is_some_and(|it| it == "application/json");
    let body = now(response.into_body().collect()).map(|it| it.to_bytes()).unwrap_or_default();
    if is_json {
        serde_json::from_slice::<serde_json::Value>(&body)
            .unwrap_or_else(|error| panic!("{error}: {body:?}"));
    }
    status
}
