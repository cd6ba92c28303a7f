//! The head of a request as the client sent it: hyper keeps neither the case of names nor the white space, and accepts no
//! target of more than 65,534 bytes.
//!
//! [`Tap`] stands between the socket and hyper and follows the framing of the requests that it reads ([`framing`]), so it
//! knows the bytes of each head, also of pipelined requests. Each head is compared with what hyper parsed. After the first
//! difference a connection has no such heads any more: a surface then sees what hyper parsed, with names in lower case.

mod framing;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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

/// A socket whose requests are followed.
#[derive(Debug)]
pub struct Tap<S> {
    socket: S,
    heads: Option<Heads>,
}

impl<S> Tap<S> {
    /// Reads heads from `socket` where there is a place for them.
    pub fn new(socket: S, heads: Option<Heads>) -> Tap<S> {
        Tap { socket, heads }
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
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
        Pin::new(&mut self.socket).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests;
