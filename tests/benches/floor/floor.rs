//! The floor: the least server that stores an event, forwards it to a function that asks for one, and forwards the response.
//!
//! HTTP/1.1 over tokio, on one thread. Buffers are exchanged and used again, so a request allocates nothing. There is no
//! limit, no log, no record and no sandbox; nothing is checked that a client or a function of this bench does not need.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::rc::Rc;

use base64_simd::STANDARD;
use hardcap_tests::process::Process;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::function;
use crate::wire::{Received, Wire, respond};

/// What a function is told beside its event: every runtime needs an id and a deadline.
const RUNTIME_HEADERS: &str = "lambda-runtime-aws-request-id: 8a3d29ff-89aa-11e8-a040-2759dd9dfff0\r\n\
                               lambda-runtime-deadline-ms: 4102444800000\r\n";
const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";

/// A connection of a function: what it exchanges with the connection of a client.
#[derive(Default)]
struct Function {
    event: RefCell<Received>,
    response: RefCell<Received>,
    has_event: Notify,
    has_response: Notify,
}

/// A client that waits for a function.
#[derive(Default)]
struct Waiting {
    given: Cell<Option<Rc<Function>>>,
    is_given: Notify,
}

/// Functions that wait for an event, and clients that wait for a function.
#[derive(Default)]
struct State {
    functions: Vec<Rc<Function>>,
    clients: VecDeque<Rc<Waiting>>,
}

type Shared = Rc<RefCell<State>>;

/// What a client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// The Invoke API: the request is the event, and the response is that of the function.
    Invoke,
    /// A REST API with binary bodies: one pass of base64 in each direction.
    Rest,
}

/// Listens, starts functions, prints the address, and serves until it is ended.
pub(crate) async fn run(functions: usize, front: Front) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?.to_string();
    let program = std::env::current_exe()?;
    let variables = [("AWS_LAMBDA_RUNTIME_API", address.as_str())];
    let _running: Vec<Process> = (0..functions)
        .map(|_| match front {
            Front::Invoke => Process::start(&program, ["function"], &variables),
            Front::Rest => Process::start(&program, ["function", "rest"], &variables),
        })
        .collect::<io::Result<_>>()?;
    writeln!(io::stdout(), "{address}")?;
    let state = Shared::default();
    let accepting = async move {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(serve(stream, Rc::clone(&state), front));
        }
    };
    LocalSet::new().run_until(accepting).await
}

/// Serves one connection until it is closed: that of a function if its first request is a GET, else that of a client.
async fn serve(stream: TcpStream, state: Shared, front: Front) -> io::Result<()> {
    let mut wire = Wire::new(stream);
    wire.receive().await?;
    if wire.received.head().starts_with(b"GET") {
        serve_function(wire, &state).await
    } else {
        serve_client(wire, &state, front).await
    }
}

async fn serve_function(mut wire: Wire, state: &Shared) -> io::Result<()> {
    let function = Rc::new(Function::default());
    loop {
        let client = state.borrow_mut().clients.pop_front();
        match client {
            Some(client) => {
                client.given.set(Some(Rc::clone(&function)));
                client.is_given.notify_one();
            }
            None => state.borrow_mut().functions.push(Rc::clone(&function)),
        }
        function.has_event.notified().await;
        let event = function.event.take();
        respond(&mut wire.stream, RUNTIME_HEADERS, event.body()).await?;
        function.event.replace(event);
        wire.receive().await?;
        std::mem::swap(&mut wire.received, &mut *function.response.borrow_mut());
        function.has_response.notify_one();
        wire.stream.write_all(ACCEPTED).await?;
        wire.receive().await?;
    }
}

async fn serve_client(mut wire: Wire, state: &Shared, front: Front) -> io::Result<()> {
    let mut decoded = Vec::new();
    let waiting = Rc::new(Waiting::default());
    loop {
        let idle = state.borrow_mut().functions.pop();
        let function = match idle {
            Some(function) => function,
            None => {
                state.borrow_mut().clients.push_back(Rc::clone(&waiting));
                waiting.is_given.notified().await;
                let Some(given) = waiting.given.take() else { continue };
                given
            }
        };
        match front {
            Front::Invoke => {
                std::mem::swap(&mut wire.received, &mut *function.event.borrow_mut());
            }
            Front::Rest => function.event.borrow_mut().rewrite(|event| {
                event.extend_from_slice(b"{\"isBase64Encoded\":true,\"body\":\"");
                STANDARD.encode_append(wire.received.body(), event);
                event.extend_from_slice(b"\"}");
            }),
        }
        function.has_event.notify_one();
        function.has_response.notified().await;
        std::mem::swap(&mut wire.received, &mut *function.response.borrow_mut());
        let Wire { stream, received } = &mut wire;
        let body = match front {
            Front::Invoke => received.body(),
            Front::Rest => {
                decoded.clear();
                let posted = received.body();
                let text = posted.strip_prefix(function::REST_START).unwrap_or_default();
                let text = text.strip_suffix(function::REST_END).unwrap_or_default();
                STANDARD.decode_append(text, &mut decoded).map_err(io::Error::other)?;
                &decoded
            }
        };
        respond(stream, "", body).await?;
        wire.receive().await?;
    }
}
