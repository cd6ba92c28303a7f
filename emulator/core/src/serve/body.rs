//! The body of a request: hyper's, with an idle timeout and a flag that shows whether it was read to the end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hardcap_limits::Millis;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::clock::Clock;

/// The body of a request. It fails if no byte arrives for the idle timeout of its surface.
pub struct RequestBody {
    source: Source,
    idle: Option<Millis>,
    /// The timer of the idle timeout, while a read is pending.
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    read: Read,
}

/// Where the bytes of a body come from.
enum Source {
    /// A connection.
    Connection(Incoming),
    /// Memory: hardcap itself makes the request.
    Memory(Full<Bytes>),
}

/// Whether a body was read to its end; readable after the body was dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Read(Arc<AtomicBool>);

impl Read {
    pub(super) fn is_complete(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The error of an incomplete body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client disconnected or broke the protocol.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The idle timeout passed.
    #[error(
        "no byte of the request body arrived for {} seconds (hardcap.toml: `body_idle_seconds`)",
        .0.0 / 1000
    )]
    Idle(Millis),
}

impl BodyError {
    /// Whether an error is, or was caused by, the idle timeout.
    pub fn is_idle(error: &(dyn std::error::Error + 'static)) -> bool {
        std::iter::successors(Some(error), |error| error.source())
            .any(|error| matches!(error.downcast_ref(), Some(BodyError::Idle(_))))
    }
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, idle: Option<Millis>) -> (RequestBody, Read) {
        let read = Read::default();
        read.0.store(incoming.is_end_stream(), Ordering::Release);
        let source = Source::Connection(incoming);
        (RequestBody { source, idle, waiting: None, read: read.clone() }, read)
    }

    /// The body of a request that hardcap itself makes, which is there as a whole.
    #[must_use]
    pub fn whole(bytes: Bytes) -> RequestBody {
        let source = Source::Memory(Full::new(bytes));
        RequestBody { source, idle: None, waiting: None, read: Read::default() }
    }

    /// Whether the idle timeout has passed. Otherwise registers the task to be woken then.
    fn is_idle(&mut self, context: &mut Context<'_>) -> Option<Millis> {
        let idle = self.idle?;
        let waiting = self.waiting.get_or_insert_with(|| {
            Box::pin(async move { Clock::default().pause(Duration::from_millis(idle.0)).await })
        });
        waiting.as_mut().poll(context).is_ready().then_some(idle)
    }
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestBody").field("read", &self.read).finish_non_exhaustive()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut self.source {
            Source::Connection(incoming) => {
                Pin::new(incoming).poll_frame(context).map_err(BodyError::Http)
            }
            Source::Memory(bytes) => {
                Pin::new(bytes).poll_frame(context).map_err(|never| match never {})
            }
        };
        let frame = match polled {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let idle = self.is_idle(context);
                return idle
                    .map_or(Poll::Pending, |idle| Poll::Ready(Some(Err(BodyError::Idle(idle)))));
            }
        };
        self.waiting = None;
        if frame.is_none() || self.is_end_stream() {
            self.read.0.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Connection(incoming) => incoming.is_end_stream(),
            Source::Memory(bytes) => bytes.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Connection(incoming) => incoming.size_hint(),
            Source::Memory(bytes) => bytes.size_hint(),
        }
    }
}
