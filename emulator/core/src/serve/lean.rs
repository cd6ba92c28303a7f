//! Connections whose requests are simple enough to be served without hyper, which costs more than everything else that is
//! done for a small request.
//!
//! A simple request has a complete head in one read and declares the length of its body. The service decides by the head
//! whether it takes such a request. Any other request is passed to hyper with all bytes that were received of it, and hyper
//! serves the rest of the connection: exactness does not depend on this module.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hardcap_limits::Millis;
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::pool;
use crate::clock::{Clock, EpochMillis, IdleTimer};

/// The room of the buffer: a head, and with it a small body.
const ROOM: usize = 8 * 1024;
/// The largest number of headers of a simple request.
const HEADERS_MAX: usize = 32;
/// The largest body that is copied behind its head, so that both are written at once.
const COPIED_MAX: usize = 16 * 1024;
/// The time after which an idle connection is closed; the same as hyper's.
const HEAD_IDLE: Millis = Millis(30_000);

/// A connection whose requests have all been simple so far.
#[derive(Debug)]
pub struct LeanConnection {
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
    clock: Clock,
    body_idle: Option<Millis>,
    /// The end of the wait for a request.
    idle: Option<IdleTimer>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    /// What was received and is not served yet.
    buffer: Vec<u8>,
    /// The length of the head in `buffer`, while its request is served.
    head_bytes: usize,
    /// What is being sent.
    out: Vec<u8>,
    date: Date,
}

/// The head of a request that may be simple.
#[derive(Debug)]
pub struct LeanHead<'b> {
    /// `GET`.
    pub method: &'b str,
    /// Path and query.
    pub target: &'b str,
    /// The declared length of the body; 0 without one.
    pub length: u64,
    headers: &'b [httparse::Header<'b>],
}

impl<'b> LeanHead<'b> {
    /// The value of a header; `None` if it is missing or is not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b str> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t');
        header.value.iter().all(is_text).then(|| std::str::from_utf8(header.value).ok()).flatten()
    }

    /// Names and values, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> {
        self.headers.iter().map(|header| (header.name, header.value))
    }
}

/// What arrives next on a connection.
#[derive(Debug)]
pub enum Arrival<T> {
    /// A simple request that the service has taken.
    Request(T),
    /// The end of the connection, or of the server.
    End,
    /// A request for hyper.
    Other,
}

impl LeanConnection {
    pub(super) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        stop: CancellationToken,
        body_idle: Option<Millis>,
    ) -> LeanConnection {
        let (buffer, out) = (Vec::new(), Vec::new());
        let clock = Clock::default();
        LeanConnection {
            stream,
            peer,
            stopped: Box::pin(stop.clone().cancelled_owned()),
            stop,
            idle: body_idle.map(|_| clock.idle_timer(HEAD_IDLE)),
            clock,
            body_idle,
            buffer,
            head_bytes: 0,
            out,
            date: Date::default(),
        }
    }

    /// The client's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The address that the client has connected to.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }

    /// Waits for a request. `take` decides by its head whether the service takes it.
    ///
    /// A request that is taken must be answered before the next call: its body is read by [`LeanConnection::body`], or it has
    /// none.
    pub async fn next<T>(&mut self, take: impl Fn(&LeanHead<'_>) -> Option<T>) -> Arrival<T> {
        if self.stop.is_cancelled() {
            return Arrival::End;
        }
        if self.buffer.is_empty() {
            self.buffer.reserve(ROOM);
            if !matches!(self.receive().await, Ok(1..)) {
                return Arrival::End;
            }
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(head_bytes)) = parsed.parse(&self.buffer) else {
            return Arrival::Other;
        };
        let (Some(method), Some(target), Some(1)) = (parsed.method, parsed.path, parsed.version)
        else {
            return Arrival::Other;
        };
        let Some(length) = body_length(parsed.headers) else { return Arrival::Other };
        let head = LeanHead { method, target, length, headers: parsed.headers };
        let Some(taken) = take(&head) else { return Arrival::Other };
        self.head_bytes = head_bytes;
        if length == 0 {
            self.served(0);
        }
        Arrival::Request(taken)
    }

    /// Waits for the first bytes of a request. None arrive at the end of the connection, of the server, or of the idle timeout.
    async fn receive(&mut self) -> io::Result<usize> {
        if let Some(idle) = &mut self.idle {
            idle.restart();
        }
        std::future::poll_fn(|task| {
            let stream = Pin::new(&mut self.stream);
            if let Poll::Ready(read) = poll_read_buf(stream, task, &mut self.buffer) {
                return Poll::Ready(read);
            }
            let is_idle = |idle: &mut IdleTimer| idle.poll_elapsed(task).is_ready();
            if self.idle.as_mut().is_some_and(is_idle) {
                return Poll::Ready(Ok(0));
            }
            self.stopped.as_mut().poll(task).map(|()| Ok(0))
        })
        .await
    }

    /// Reads the body of the request that was taken, of its declared length. `None` if it does not arrive: then hyper reads what
    /// has arrived of the request, and finds the same.
    ///
    /// `look` sees each piece of the body as it arrives.
    pub async fn body(&mut self, length: u64, mut look: impl FnMut(&[u8])) -> Option<Bytes> {
        let length = usize::try_from(length).ok()?;
        if length == 0 {
            return Some(Bytes::new());
        }
        let received = &self.buffer[self.head_bytes..];
        if received.len() >= length {
            let body = &received[..length];
            look(body);
            let body = pool::copy(body);
            self.served(length);
            return Some(body);
        }
        let mut body = pool::take(length);
        body.extend_from_slice(received);
        look(&body);
        self.buffer.truncate(self.head_bytes);
        while body.len() < length {
            let before = body.len();
            let mut rest = bytes::BufMut::limit(&mut body, length - before);
            let read = tokio::select! {
                read = self.stream.read_buf(&mut rest) => read,
                () = idle(&self.clock, self.body_idle) => Ok(0),
            };
            if !matches!(read, Ok(1..)) {
                self.buffer.extend_from_slice(&body);
                return None;
            }
            look(&body[before..]);
        }
        self.served(0);
        Some(pool::freeze(body))
    }

    /// Removes the request that was taken from the buffer.
    fn served(&mut self, body_bytes: usize) {
        self.buffer.drain(..self.head_bytes + body_bytes);
        self.head_bytes = 0;
    }

    /// Sends a response. `headers` writes its headers, each with its line end; length and date follow.
    ///
    /// # Errors
    ///
    /// If the client has gone.
    pub async fn respond(
        &mut self,
        status: StatusCode,
        headers: impl FnOnce(&mut Vec<u8>),
        body: &[u8],
    ) -> io::Result<()> {
        let out = &mut self.out;
        out.clear();
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
        headers(out);
        out.extend_from_slice(b"content-length: ");
        decimal(out, body.len() as u64);
        out.extend_from_slice(b"\r\ndate: ");
        out.extend_from_slice(self.date.text(self.clock.wall()).as_bytes());
        if self.stop.is_cancelled() {
            out.extend_from_slice(b"\r\nconnection: close");
        }
        out.extend_from_slice(b"\r\n\r\n");
        if body.len() <= COPIED_MAX {
            out.extend_from_slice(body);
            return self.stream.write_all(out).await;
        }
        let slices = [IoSlice::new(out), IoSlice::new(body)];
        let sent = self.stream.write_vectored(&slices).await?;
        if sent < out.len() {
            self.stream.write_all(&out[sent..]).await?;
        }
        self.stream.write_all(&body[sent.saturating_sub(out.len())..]).await
    }

    /// Sends a response that was made for hyper.
    ///
    /// # Errors
    ///
    /// If the client has gone, or the body fails.
    pub async fn send<B>(&mut self, response: Response<B>) -> io::Result<()>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        self.respond(head.status, |out| lines(out, &head.headers), &body).await
    }

    /// The connection for hyper, with what was received and is not served yet.
    pub(super) fn rewound(self) -> Rewound {
        Rewound { received: self.buffer, at: 0, stream: self.stream }
    }
}

/// Appends the lines of a header map.
pub fn lines(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        line(out, name.as_str(), value.as_bytes());
    }
}

/// Appends the line of a header. The value must not contain a line end.
pub fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends the line of a header, unless its value contains a character that no value may contain.
pub fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    // Looks at every byte, so that the compiler can use vector instructions.
    let allowed = |all, byte| all & (byte == b'\t' || (byte >= b' ' && byte != 127));
    if value.bytes().fold(true, allowed) {
        line(out, name, value.as_bytes());
    }
}

/// Appends a number.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    use std::io::Write as _;
    // Writing to a vector cannot fail.
    let _ = write!(out, "{number}");
}

/// The declared length of a body; `None` if the framing of the request is not simple.
fn body_length(headers: &[httparse::Header<'_>]) -> Option<u64> {
    let mut length = None;
    for header in headers {
        let name = header.name;
        if name.eq_ignore_ascii_case("content-length") {
            let digits = std::str::from_utf8(header.value).ok()?;
            if length.is_some() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            length = Some(digits.parse().ok()?);
        } else if name.eq_ignore_ascii_case("connection") {
            if !header.value.eq_ignore_ascii_case(b"keep-alive") {
                return None;
            }
        } else if ["transfer-encoding", "expect", "upgrade", "trailer", "te"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
        {
            return None;
        }
    }
    Some(length.unwrap_or(0))
}

async fn idle(clock: &Clock, span: Option<Millis>) {
    match span {
        Some(span) => {
            clock.timeout(span, std::future::pending::<()>()).await;
        }
        None => std::future::pending().await,
    }
}

/// The text of the header `Date`, made once a second.
#[derive(Debug, Default)]
struct Date {
    second: u64,
    text: String,
}

impl Date {
    fn text(&mut self, now: EpochMillis) -> &str {
        if now.0 / 1_000 != self.second || self.text.is_empty() {
            let format = time::macros::format_description!(
                "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
            );
            self.second = now.0 / 1_000;
            self.text = now.to_utc().format(format).unwrap_or_default();
        }
        &self.text
    }
}

/// A socket from which some bytes may have been read before.
#[derive(Debug)]
pub(super) struct Rewound {
    received: Vec<u8>,
    at: usize,
    stream: TcpStream,
}

impl Rewound {
    /// A socket from which nothing has been read.
    pub(super) fn fresh(stream: TcpStream) -> Rewound {
        Rewound { received: Vec::new(), at: 0, stream }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &self.received[self.at..];
        if left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(task, buffer);
        }
        let piece = &left[..left.len().min(buffer.remaining())];
        buffer.put_slice(piece);
        self.at += piece.len();
        if self.at == self.received.len() {
            (self.received, self.at) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests;
