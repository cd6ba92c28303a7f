//! Delivery to one subscriber: batches in requests to the extension's listener, or lines on one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use hardcap_limits::Millis;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::subscription::DeliveryProtocol;
use super::{Subscription, TelemetryEvent};
use hardcap_core::clock::Clock;
use hardcap_core::serve;

/// The delays between two attempts to deliver a batch. AWS retries "with backoff" and publishes no numbers.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The queue of one subscriber.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) events: mpsc::Receiver<TelemetryEvent>,
    /// The size of its events in bytes.
    pub(super) waiting: Arc<AtomicUsize>,
}

impl Queue {
    async fn next(&mut self) -> Option<Bytes> {
        let event = self.events.recv().await?;
        self.waiting.fetch_sub(event.json.len(), Ordering::Relaxed);
        Some(event.json)
    }

    /// No further events will be added.
    fn has_ended(&self) -> bool {
        self.events.is_closed()
    }
}

/// Delivers until the sandbox has ended and the queue is empty.
///
/// A refused batch is retried as long as the sandbox lives. A slow subscriber fills the queue, where events are dropped and
/// counted. There is no timeout, because a frozen extension takes its batch after it continues.
pub(super) async fn deliver(subscription: Subscription, mut queue: Queue, clock: Clock) {
    let mut listener = Listener::new(&subscription);
    while let Some(first) = queue.next().await {
        let batch = collect(&subscription, first, &mut queue, &clock).await;
        let mut wait = FIRST_WAIT;
        while let Err(error) = listener.take(&batch).await {
            let port = subscription.port;
            tracing::debug!(port, %error, "the delivery of telemetry failed");
            if queue.has_ended() {
                break;
            }
            clock.pause(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// Collects events until the batch is full or its time is over: a JSON array, or lines.
async fn collect(
    subscription: &Subscription,
    first: Bytes,
    queue: &mut Queue,
    clock: &Clock,
) -> Bytes {
    let since = clock.stopwatch();
    let (begin, between, end): (&[u8], _, _) = match subscription.protocol {
        DeliveryProtocol::Post | DeliveryProtocol::Put => (b"[", b',', b']'),
        DeliveryProtocol::Tcp => (b"", b'\n', b'\n'),
    };
    let mut batch = BytesMut::from(begin);
    batch.put(first);
    let mut items = 1;
    while items < subscription.max_items && batch.len() < subscription.max_bytes {
        let left = subscription.timeout.0.saturating_sub(since.elapsed_millis().0);
        let Some(Some(event)) = clock.timeout(Millis(left), queue.next()).await else { break };
        batch.put_u8(between);
        batch.put(event);
        items += 1;
    }
    batch.put_u8(end);
    batch.freeze()
}

/// The error of delivering one batch. The delivery is retried.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error(transparent)]
    Request(#[from] http::Error),
    #[error(transparent)]
    Connection(#[from] hyper::Error),
    #[error("the listener answered {0}")]
    Status(StatusCode),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The extension's listener.
enum Listener<'a> {
    Http(&'a Subscription),
    Tcp { port: u16, stream: Option<TcpStream> },
}

impl<'a> Listener<'a> {
    fn new(subscription: &'a Subscription) -> Listener<'a> {
        match subscription.protocol {
            DeliveryProtocol::Post | DeliveryProtocol::Put => Listener::Http(subscription),
            DeliveryProtocol::Tcp => Listener::Tcp { port: subscription.port, stream: None },
        }
    }

    /// Delivers a batch.
    async fn take(&mut self, batch: &Bytes) -> Result<(), DeliveryError> {
        match self {
            Listener::Http(subscription) => {
                let request = request(subscription, batch.clone())?;
                let status = post(subscription.port, request).await?;
                if status.is_success() { Ok(()) } else { Err(DeliveryError::Status(status)) }
            }
            Listener::Tcp { port, stream } => {
                let written = write(*port, stream, batch).await;
                if written.is_err() {
                    *stream = None;
                }
                Ok(written?)
            }
        }
    }
}

/// Sends a request on a connection of its own, and returns the status of the response.
///
/// A pool of connections would be a sixth of the code of this crate, and a batch is sent a few times a second at most.
async fn post(port: u16, request: Request<Full<Bytes>>) -> Result<StatusCode, DeliveryError> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let (head, body) = sender.send_request(request).await?.into_parts();
    // A connection that is closed with unread bytes is reset, and the extension would log an error.
    serve::discard(body).await;
    drop(connection);
    Ok(head.status)
}

async fn write(port: u16, stream: &mut Option<TcpStream>, lines: &[u8]) -> std::io::Result<()> {
    let stream = match stream {
        Some(stream) => stream,
        None => stream.insert(TcpStream::connect(("127.0.0.1", port)).await?),
    };
    stream.write_all(lines).await
}

fn request(subscription: &Subscription, batch: Bytes) -> http::Result<Request<Full<Bytes>>> {
    let method =
        if subscription.protocol == DeliveryProtocol::Put { Method::PUT } else { Method::POST };
    let host = HeaderValue::try_from(format!("sandbox.localdomain:{}", subscription.port))?;
    Request::builder()
        .method(method)
        .uri(&*subscription.path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::HOST, host)
        .body(Full::new(batch))
}
