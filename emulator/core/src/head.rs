//! The head of a request as the client sent it: hyper keeps neither the case of names nor the white space, and accepts no
//! target of more than 65,534 bytes.
//!
//! [`Tap`] stands between the socket and hyper and follows the framing of the requests that it reads ([`framing`]), so it
//! knows the bytes of each head, also of pipelined requests. Each head is compared with what hyper parsed. After the first
//! difference a connection has no such heads any more: a surface then sees what hyper parsed, with names in lower case.

mod framing;

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::{Clock, Stopwatch};
use framing::Framing;

/// What hyper gets of a longer target. No gateway takes one of this length, so nothing that is answered was cut.
const TARGET_MAX: u64 = 60_000;
/// A head of more bytes is not copied: hyper refuses it.
const HEAD_MAX: usize = 4 * 1024 * 1024;

/// A head as it was sent: an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentHead {
    /// The request target, path and query, in bytes.
    pub target_bytes: u64,
    /// The lines of the headers with their line endings, in bytes.
    pub header_bytes: u64,
    /// Names and values in the order they came, names as they came.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl SentHead {
    /// Whether hyper saw only the beginning of the target.
    pub fn is_cut(&self) -> bool {
        self.target_bytes > TARGET_MAX
    }
}

/// A head that was read, with what hyper has to make of it.
#[derive(Debug)]
struct Head {
    method: String,
    /// As hyper sees it, so cut where it is too long.
    target: String,
    as_parsed: HeaderMap,
    sent: SentHead,
}

impl Head {
    fn is_of(&self, parsed: &Parts) -> bool {
        let target = parsed.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        // `http` drops a fragment; an absolute target and `*` are not worth a rule of their own.
        let comparable = self.target.starts_with('/') && !self.target.contains('#');
        parsed.method == self.method.as_str()
            && (!comparable || target == Some(&self.target))
            && parsed.headers == self.as_parsed
    }
}

/// The heads of one connection. Cheap to clone; the tap and the service share one.
#[derive(Clone, Debug, Default)]
pub struct Heads(Arc<Mutex<Framing>>);

impl Heads {
    /// The head of the request that hyper has just parsed. To be called once for each request, in their order.
    pub fn take(&self, parsed: &Parts) -> Option<SentHead> {
        let mut framing = self.framing();
        let head = framing.heads.pop_front()?;
        if head.is_of(parsed) {
            return Some(head.sent);
        }
        framing.lose();
        drop(framing);
        tracing::debug!(target = %parsed.uri, "a head as it was sent is not the one that was parsed");
        None
    }

    fn framing(&self) -> MutexGuard<'_, Framing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of a body that was not read is discarded behind its response. Far above the largest request that is accepted,
/// CreateFunction's.
pub const DISCARDED_MAX: u64 = 128 * 1024 * 1024;
/// How long that may take.
const LINGER: Duration = Duration::from_secs(30);
/// How long the next byte is waited for meanwhile.
const LINGER_IDLE: Duration = Duration::from_secs(2);

/// Whether the connection, once it has written its last response, discards what the client still sends before it is closed.
///
/// A socket that is closed with unread bytes is reset, and a client that sends its whole request before it reads would lose the
/// response. The bounds are [`DISCARDED_MAX`], [`LINGER`] and [`LINGER_IDLE`].
#[derive(Clone, Debug, Default)]
pub struct Lingering(Arc<AtomicBool>);

impl Lingering {
    /// A response is written although its request was not read to its end.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What is left of a request is being discarded.
struct Discard {
    discarded: u64,
    watch: Stopwatch,
    idle: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Discard {
    fn new() -> Discard {
        Discard { discarded: 0, watch: Clock::default().stopwatch(), idle: Discard::idle() }
    }

    fn idle() -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async { Clock::default().pause(LINGER_IDLE).await })
    }

    /// Ready when the client has closed its side, or a bound is reached.
    fn poll<S: AsyncRead + Unpin>(&mut self, socket: &mut S, task: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [MaybeUninit::uninit(); 16 * 1024];
        loop {
            let mut buffer = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut *socket).poll_read(task, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.discarded += buffer.filled().len() as u64;
                    if self.discarded > DISCARDED_MAX || self.watch.elapsed() > LINGER {
                        return Poll::Ready(());
                    }
                    self.idle = Discard::idle();
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.idle.as_mut().poll(task),
            }
        }
    }
}

/// A socket whose requests are followed.
pub struct Tap<S> {
    socket: S,
    heads: Option<Heads>,
    lingering: Lingering,
    discard: Option<Discard>,
}

impl<S> std::fmt::Debug for Tap<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("lingering", &self.lingering).finish_non_exhaustive()
    }
}

impl<S> Tap<S> {
    /// Reads heads from `socket` where there is a place for them.
    pub fn new(socket: S, heads: Option<Heads>, lingering: Lingering) -> Tap<S> {
        Tap { socket, heads, lingering, discard: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            ready!(Pin::new(&mut self.socket).poll_read(task, buffer))?;
            let Some(heads) = &self.heads else { return Poll::Ready(Ok(())) };
            let read = &mut buffer.filled_mut()[before..];
            let ended = read.is_empty();
            let kept = heads.framing().feed(read);
            buffer.set_filled(before + kept);
            // Nothing read means the end to hyper, so that a read that was cut whole must be followed by another.
            if ended || kept > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.0.load(Ordering::Acquire) {
            let Tap { socket, discard, .. } = &mut *self;
            ready!(discard.get_or_insert_with(Discard::new).poll(socket, task));
        }
        Pin::new(&mut self.socket).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests;
