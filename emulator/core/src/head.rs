//! The head of a request as the client sent it. hyper keeps neither the case of header names nor white space, and accepts no
//! target of more than 65,534 bytes.
//!
//! [`Tap`] is between the socket and hyper and follows the framing of the requests ([`framing`]), so it sees the bytes of
//! each head, including those of pipelined requests. Each head is compared with the one that hyper parsed. After the first
//! difference the connection reports no heads: a surface then sees what hyper parsed, with names in lower case.

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
use framing::{Framing, Reduced};

/// The length at which a target is cut for hyper. No gateway accepts a target of this length, so no accepted request is cut.
const TARGET_MAX: u64 = 60_000;
/// The maximum size of a copied head in bytes. hyper refuses larger ones.
const HEAD_MAX: usize = 4 * 1024 * 1024;

/// A head as it was sent: an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentHead {
    /// The length of the request target, path and query, in bytes.
    pub target_bytes: u64,
    /// The length of the header lines with their line endings, in bytes.
    pub header_bytes: u64,
    /// Names and values in their order, with the original case of the names.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl SentHead {
    /// Whether hyper saw only the beginning of the target.
    pub fn is_cut(&self) -> bool {
        self.target_bytes > TARGET_MAX
    }
}

/// A head that was read, and the form that hyper must give it.
#[derive(Debug)]
struct Head {
    method: String,
    /// The target as hyper sees it: cut if it is too long.
    target: String,
    as_parsed: HeaderMap,
    /// The head that hyper gets instead.
    reduced: Option<Reduced>,
    sent: SentHead,
}

impl Head {
    fn is_of(&self, parsed: &Parts) -> bool {
        let target = parsed.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        // `http` drops a fragment; absolute targets and `*` need no rule.
        let comparable = self.target.starts_with('/') && !self.target.contains('#');
        parsed.method == self.method.as_str()
            && (!comparable || target == Some(&self.target))
            && parsed.headers
                == *self.reduced.as_ref().map_or(&self.as_parsed, |reduced| &reduced.as_parsed)
    }
}

/// The heads of one connection. Cheap to clone; the tap and the service share one.
#[derive(Clone, Debug, Default)]
pub struct Heads(Arc<Mutex<Framing>>);

impl Heads {
    /// The head of the request that hyper has just parsed. Call this once for each request, in their order. `parsed` gets the
    /// headers that were withheld from hyper.
    pub fn take(&self, parsed: &mut Parts) -> Option<SentHead> {
        let mut framing = self.framing();
        let head = framing.heads.pop_front()?;
        if head.is_of(parsed) {
            if head.reduced.is_some() {
                parsed.headers = head.as_parsed;
            }
            return Some(head.sent);
        }
        framing.mark_lost();
        drop(framing);
        tracing::debug!(target = %parsed.uri, "the head that was sent differs from the head that hyper parsed");
        None
    }

    fn framing(&self) -> MutexGuard<'_, Framing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The maximum number of bytes of an unread body that are discarded after its response. Far above the largest accepted request,
/// that of CreateFunction.
pub const DISCARDED_MAX: u64 = 128 * 1024 * 1024;
/// The maximum time for discarding them.
const LINGER: Duration = Duration::from_secs(30);
/// The idle timeout while discarding them.
const LINGER_IDLE: Duration = Duration::from_secs(2);

/// Whether the connection discards the rest of the request after the last response, before it closes.
///
/// Closing a socket with unread bytes resets it, and a client that sends its whole request before it reads would lose the
/// response. The bounds are [`DISCARDED_MAX`], [`LINGER`] and [`LINGER_IDLE`].
#[derive(Clone, Debug, Default)]
pub struct Lingering(Arc<AtomicBool>);

impl Lingering {
    /// Notes that a response is written before its request was read to the end.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The rest of a request is being discarded.
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

    /// Ready when the client has closed its side, or at a bound.
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

/// A socket with followed framing.
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
    /// Reads from `socket`, and follows the framing if `heads` is set.
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
        let Tap { socket, heads, .. } = &mut *self;
        let Some(heads) = heads else { return Pin::new(socket).poll_read(task, buffer) };
        let before = buffer.filled().len();
        loop {
            if heads.framing().has_released() {
                let room = buffer.remaining();
                heads.framing().take_released(room, |bytes| buffer.put_slice(bytes));
                return Poll::Ready(Ok(()));
            }
            ready!(Pin::new(&mut *socket).poll_read(task, buffer))?;
            let mut framing = heads.framing();
            let read = &mut buffer.filled_mut()[before..];
            let ended = read.is_empty();
            let mut kept = framing.feed(read);
            if ended {
                framing.end();
            }
            if framing.has_released() {
                framing.release(&read[..kept]);
                kept = 0;
            }
            buffer.set_filled(before + kept);
            // hyper takes an empty read for the end, so a read of which it gets nothing must be followed by another.
            if kept > 0 || (ended && !framing.has_released()) {
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
