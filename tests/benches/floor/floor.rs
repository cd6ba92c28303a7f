//! The floor: the least server that stores an event, forwards it to a function that asks for one, and stores and forwards
//! the answer. No limit, no log, no record, no sandbox.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use hardcap_tests::process::Process;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

struct Event {
    id: u64,
    body: Bytes,
}

/// Events that wait for a function, functions that wait for an event, and callers that wait for an answer.
#[derive(Default)]
struct State {
    next_id: u64,
    events: VecDeque<Event>,
    functions: VecDeque<oneshot::Sender<Event>>,
    callers: HashMap<u64, oneshot::Sender<Bytes>>,
}

type Shared = Arc<Mutex<State>>;

/// Listens, starts functions, prints the URL to invoke at, and serves until it is ended.
pub(crate) async fn run(functions: usize) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?.to_string();
    let program = std::env::current_exe()?;
    let variables = [("AWS_LAMBDA_RUNTIME_API", address.as_str())];
    let _running: Vec<Process> = (0..functions)
        .map(|_| Process::start(&program, ["function"], &variables))
        .collect::<io::Result<_>>()?;
    writeln!(io::stdout(), "http://{address}/")?;
    let state = Shared::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let state = Arc::clone(&state);
        let handle = hyper::service::service_fn(move |request| answer(Arc::clone(&state), request));
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(TokioIo::new(stream), handle));
    }
}

async fn answer(
    state: Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    Ok(match (request.method(), path.rsplit('/').next()) {
        (&Method::GET, Some("next")) => next(&state).await,
        (_, Some("response")) => {
            let id = path.rsplit('/').nth(1).and_then(|id| id.parse().ok()).unwrap_or(0);
            let body = whole(request.into_body()).await;
            let caller = lock(&state).callers.remove(&id);
            caller.map(|caller| caller.send(body));
            Response::new(Full::default())
        }
        _ => {
            let body = whole(request.into_body()).await;
            Response::new(Full::new(invoke(&state, body).await))
        }
    })
}

async fn next(state: &Shared) -> Response<Full<Bytes>> {
    let (sender, receiver) = oneshot::channel();
    {
        let mut state = lock(state);
        match state.events.pop_front() {
            Some(event) => drop(sender.send(event)),
            None => state.functions.push_back(sender),
        }
    }
    let event = receiver.await.unwrap_or(Event { id: 0, body: Bytes::new() });
    let mut response = Response::new(Full::new(event.body));
    response.headers_mut().insert("lambda-runtime-aws-request-id", event.id.into());
    response
}

async fn invoke(state: &Shared, body: Bytes) -> Bytes {
    let (sender, receiver) = oneshot::channel();
    {
        let mut state = lock(state);
        state.next_id += 1;
        let mut event = Event { id: state.next_id, body };
        state.callers.insert(event.id, sender);
        loop {
            let Some(function) = state.functions.pop_front() else {
                state.events.push_back(event);
                break;
            };
            match function.send(event) {
                Ok(()) => break,
                Err(gone) => event = gone,
            }
        }
    }
    receiver.await.unwrap_or_default()
}

async fn whole(mut body: Incoming) -> Bytes {
    let declared = body.size_hint().exact().unwrap_or(0);
    let mut whole = BytesMut::with_capacity(usize::try_from(declared).unwrap_or(0));
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    whole.freeze()
}

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
