//! Sockets, and the only module that reads bodies: the declared length is checked first, then bytes are counted up to one more
//! than the limit.

mod body;
pub mod lean;
pub mod pool;
mod shortage;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body as SentBody;
use bytes::Bytes;
use hardcap_limits::{Exceeded, Limit, Millis};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Body;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::head::{Heads, Lingering, Tap};
pub use body::{BodyError, RequestBody};
use lean::{LeanConnection, Rewound};

/// hyper's limit on the size of a request head. It is far above any limit of the table, so that the table's refusal is sent.
const HEAD_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// hyper's limit on the number of headers of the AWS APIs, for the same reason: S3's 2 KB of metadata can contain 1,042 names of one
/// or two characters. hyper allocates room for all of them per request, so other listeners have its usual limit of 100, and a
/// gateway's [`Tap`] keeps the lines of a larger head to itself.
const AWS_HEADERS_MAX: usize = 1_200;

/// The time that a connection gets to finish its request when its server stops. A client that does not read a stream must not
/// delay the shutdown.
const PARTING: Millis = Millis(5_000);

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The address that only this machine can reach.
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Binds a port; 0 for a free port.
///
/// # Errors
///
/// If the port is taken or not permitted. The message names the port.
pub async fn bind(host: IpAddr, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let wanted = SocketAddr::from((host, port));
    let listener =
        TcpListener::bind(wanted).await.map_err(|error| match shortage::is_one(&error) {
            // Returned unchanged, so that the caller can recognize a shortage.
            true => error,
            false => io::Error::new(error.kind(), format!("cannot listen on {wanted}: {error}")),
        })?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// The default idle timeout of request bodies: the same as for request heads.
pub const BODY_IDLE: Millis = Millis(30_000);

/// The kind of listener. It determines the limits for request heads. The span is the idle timeout of request bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// The AWS APIs and the control surface.
    Aws(Millis),
    /// The Runtime API of a sandbox, with one client that sends a handful of headers and is sensitive to latency. A streamed
    /// response may pause for as long as the function may run.
    Runtime,
    /// A gateway: each request has its head as it was sent ([`SentHead`](crate::head::SentHead)) as an extension. The target
    /// may be longer than the request's URI, which is cut then.
    Gateway(Millis),
}

impl ListenerKind {
    fn body_idle(self) -> Option<Millis> {
        match self {
            ListenerKind::Aws(idle) | ListenerKind::Gateway(idle) => Some(idle),
            ListenerKind::Runtime => None,
        }
    }
}

/// What answers the requests of a listener. All listeners have one type, so that hyper's server is compiled once and not for each
/// service. The future is boxed, because hyper moves it a dozen times and it can have ten kilobytes.
type Handler = Arc<dyn Fn(Request<RequestBody>, SocketAddr) -> Responding + Send + Sync>;
type Responding = Pin<Box<dyn Future<Output = Response<SentBody>> + Send>>;

fn handler<S, F>(handle: S) -> Handler
where
    S: Fn(Request<RequestBody>, SocketAddr) -> F + Send + Sync + 'static,
    F: Future<Output = Response<SentBody>> + Send + 'static,
{
    Arc::new(move |request, peer| Box::pin(handle(request, peer)))
}

/// Serves connections until `stop` is cancelled, then gives each a short time to finish its request.
///
/// Runs as a task of `tasks`, so that a shutdown can wait for the last connection.
pub fn serve<S, F>(
    listener: TcpListener,
    stop: CancellationToken,
    tasks: &TaskTracker,
    kind: ListenerKind,
    handle: S,
) where
    S: Fn(Request<RequestBody>, SocketAddr) -> F + Send + Sync + 'static,
    F: Future<Output = Response<SentBody>> + Send + 'static,
{
    let (until, handle) = (stop.clone(), handler(handle));
    accept(listener, until, tasks, move |stream, peer| {
        connection(Rewound::fresh(stream), peer, stop.clone(), kind, Arc::clone(&handle))
    });
}

/// As [`serve`]; `lean` serves each connection first, and returns it when a request is not simple.
pub fn serve_leanly<L, G, S, F>(
    listener: TcpListener,
    stop: CancellationToken,
    tasks: &TaskTracker,
    kind: ListenerKind,
    lean: L,
    handle: S,
) where
    L: Fn(LeanConnection) -> G + Send + 'static,
    G: Future<Output = Option<LeanConnection>> + Send + 'static,
    S: Fn(Request<RequestBody>, SocketAddr) -> F + Send + Sync + 'static,
    F: Future<Output = Response<SentBody>> + Send + 'static,
{
    let (until, handle) = (stop.clone(), handler(handle));
    accept(listener, until, tasks, move |stream, peer| {
        let (stop, handle) = (stop.clone(), Arc::clone(&handle));
        let simple = lean(LeanConnection::new(stream, peer, stop.clone(), kind.body_idle()));
        async move {
            let parting = async {
                stop.cancelled().await;
                Clock::default().timeout(PARTING, std::future::pending::<()>()).await
            };
            let left = tokio::select! {
                left = simple => left,
                _ = parting => None,
            };
            if let Some(left) = left {
                connection(left.rewound(), peer, stop, kind, handle).await;
            }
        }
    });
}

/// Accepts connections until `stop` is cancelled; each is served by a task of its own.
fn accept<C, F>(listener: TcpListener, stop: CancellationToken, tasks: &TaskTracker, serve: C)
where
    C: Fn(TcpStream, SocketAddr) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let connections = tasks.clone();
    tasks.spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    shortage::accepted();
                    // Small responses must not wait for the peer's delayed acknowledgement.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(serve(stream, peer));
                }
                Err(error) if shortage::is_one(&error) => {
                    shortage::failed(&error);
                    let clock = Clock::default();
                    tokio::select! {
                        () = clock.pause(shortage::PAUSE) => {}
                        () = stop.cancelled() => return,
                    }
                }
                // The client left before its connection was accepted.
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::task::yield_now().await;
                }
            }
        }
    });
}

async fn connection(
    stream: Rewound,
    peer: SocketAddr,
    stop: CancellationToken,
    kind: ListenerKind,
    handle: Handler,
) {
    let heads = matches!(kind, ListenerKind::Gateway(_)).then(Heads::default);
    let lingering = Lingering::default();
    let tap = Tap::new(stream, heads.clone(), lingering.clone());
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (request, read) = received(request, heads.as_ref(), kind);
        let (response, lingering) = (handle(request, peer), lingering.clone());
        async move {
            let mut response = response.await;
            if !read.is_complete() {
                // The rest of the body is discarded after the response, so no further request can follow.
                lingering.set();
                response.headers_mut().insert(header::CONNECTION, CLOSE);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .max_buf_size(HEAD_BUFFER_BYTES)
        .half_close(true)
        .preserve_header_case(false);
    if matches!(kind, ListenerKind::Aws(_)) {
        http.max_headers(AWS_HEADERS_MAX);
    }
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(tap), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            Clock::default().timeout(PARTING, serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        if matches!(kind, ListenerKind::Aws(_)) && error.to_string().contains("HTTP2 preface") {
            tell_of_http2();
        }
        tracing::debug!(%peer, %error, "a connection ended with an error");
    }
}

/// Logs once that a client of the AWS APIs begins with HTTP/2. The SDK for JavaScript v3 does so for these services alone
/// (`NodeHttp2Handler` in `runtimeConfig.js` of its clients), and reports a timeout that names no cause.
fn tell_of_http2() {
    static TOLD: std::sync::Once = std::sync::Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "a call to the AWS APIs began with HTTP/2, which the SDK for JavaScript uses for Bedrock, Kinesis, Lex, Polly and \
             Transcribe streaming: hardcap does not emulate these; a variable of the function such as \
             AWS_ENDPOINT_URL_BEDROCK_RUNTIME names another emulator"
        );
    });
}

fn received(
    request: Request<Incoming>,
    heads: Option<&Heads>,
    kind: ListenerKind,
) -> (Request<RequestBody>, body::Read) {
    let (mut parsed, body) = request.into_parts();
    if let Some(sent) = heads.and_then(|heads| heads.take(&mut parsed)) {
        parsed.extensions.insert(sent);
    }
    let (body, read) = RequestBody::new(body, kind.body_idle());
    (Request::from_parts(parsed, body), read)
}

/// The error of reading a body.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The body is over the limit. The observed size is its declared length, or the limit plus one byte.
    #[error("{0}")]
    TooLarge(Exceeded),
    /// The peer disconnected or broke the protocol before the end.
    #[error("the request ended before its body did: {0}")]
    CutShort(String),
    /// The idle timeout passed.
    #[error("{0}")]
    Idle(String),
}

impl ReadError {
    fn of(error: &(dyn std::error::Error + 'static)) -> ReadError {
        if BodyError::is_idle(error) {
            return ReadError::Idle(error.to_string());
        }
        ReadError::CutShort(error.to_string())
    }
}

/// Reads a whole body within a limit.
///
/// # Errors
///
/// [`ReadError::TooLarge`] before reading if the declared length is over the limit, else at the first byte over it; the rest is
/// discarded after the response ([`Lingering`]). [`ReadError::CutShort`] if the peer disconnects, [`ReadError::Idle`] at the
/// idle timeout.
pub async fn read_body<B>(
    headers: &HeaderMap,
    body: B,
    limit: &Limit<hardcap_limits::Bytes>,
) -> Result<Bytes, ReadError>
where
    B: Body<Data = Bytes>,
    B::Error: std::error::Error + 'static,
{
    let declared = declared_length(headers);
    let mut body = std::pin::pin!(body);
    if let Some(Err(exceeded)) = declared.map(|length| limit.admit(hardcap_limits::Bytes(length))) {
        return Err(ReadError::TooLarge(exceeded));
    }
    let mut whole = Buffer::with_capacity(declared);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ReadError::of(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = whole.len() + data.len() as u64;
        if let Err(exceeded) = limit.admit(hardcap_limits::Bytes(length)) {
            return Err(ReadError::TooLarge(exceeded));
        }
        whole.push(data);
    }
    Ok(whole.freeze())
}

/// Reads a whole body of an API for which AWS publishes no limit; `None` if it is larger than `max` or incomplete.
pub async fn read_at_most<B>(body: B, max: usize) -> Option<Bytes>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let whole = http_body_util::Limited::new(body, max).collect().await.ok()?;
    Some(whole.to_bytes())
}

/// Drains and discards the rest of a rejected body, up to a bound in bytes and time, so that its connection stays usable.
pub async fn discard<B: Body<Data = Bytes>>(body: B) {
    let drain = async {
        let mut body = std::pin::pin!(body);
        let mut discarded = 0;
        while let Some(Ok(frame)) = body.frame().await {
            discarded += frame.data_ref().map_or(0, |data| data.len() as u64);
            if discarded > crate::head::DISCARDED_MAX {
                return;
            }
        }
    };
    let _ = Clock::default().timeout(BODY_IDLE, drain).await;
}

/// The declared length, if there is one.
pub fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Collects chunks without copying a body of one chunk.
enum Buffer {
    Empty(usize),
    One(Bytes),
    Many(Vec<u8>),
}

impl Buffer {
    fn with_capacity(declared: Option<u64>) -> Buffer {
        Buffer::Empty(declared.and_then(|length| usize::try_from(length).ok()).unwrap_or(0))
    }

    fn len(&self) -> u64 {
        match self {
            Buffer::Empty(_) => 0,
            Buffer::One(bytes) => bytes.len() as u64,
            Buffer::Many(bytes) => bytes.len() as u64,
        }
    }

    fn push(&mut self, data: Bytes) {
        let (mut bytes, first) = match std::mem::replace(self, Buffer::Empty(0)) {
            Buffer::Empty(capacity) if data.len() >= capacity => {
                *self = Buffer::One(data);
                return;
            }
            Buffer::Empty(capacity) => (pool::take(capacity), Bytes::new()),
            Buffer::One(first) => (pool::take((first.len() + data.len()) * 2), first),
            Buffer::Many(bytes) => (bytes, Bytes::new()),
        };
        bytes.extend_from_slice(&first);
        bytes.extend_from_slice(&data);
        *self = Buffer::Many(bytes);
    }

    fn freeze(self) -> Bytes {
        match self {
            Buffer::Empty(_) => Bytes::new(),
            Buffer::One(bytes) => bytes,
            Buffer::Many(bytes) => pool::freeze(bytes),
        }
    }
}
