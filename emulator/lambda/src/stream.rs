//! A streamed response: pieces pass from the runtime's request to the invoker through a bounded channel. A slow invoker slows
//! the function down; an invoker that has left does not end it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hardcap_limits::{Bytes as ByteCount, Limit};
use http::{HeaderMap, HeaderValue};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Reply;
use crate::stop::InvokeError;
use hardcap_core::clock::{Clock, Stopwatch};
use hardcap_core::context::Context;
use hardcap_core::token_bucket::TokenBucket;

/// The maximum size of a piece, because the bandwidth is limited piece by piece.
const PIECE_BYTES: usize = 64 * 1024;
/// The maximum number of pieces that wait for the invoker.
const PIECES_WAITING: usize = 16;

/// The result for an invoker that wants the response streamed.
#[derive(Debug)]
pub enum StreamStart {
    /// The runtime has begun to respond.
    Stream(ResponseStream),
    /// The invocation ended before a response began: the function failed.
    Whole(Reply),
}

/// A response that has begun.
#[derive(Debug)]
pub struct ResponseStream {
    /// The content type from the runtime.
    pub content_type: Option<HeaderValue>,
    pieces: mpsc::Receiver<Bytes>,
    end: oneshot::Receiver<Result<Reply, InvokeError>>,
}

impl ResponseStream {
    /// The next piece, never empty; `None` after the last.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.pieces.recv().await
    }

    /// The result of the invocation. Its payload is not part of the stream: it is the error document of a failed function.
    pub async fn end(self) -> Result<Reply, InvokeError> {
        ended(self.end).await
    }
}

/// The result from a job's sender, or an error if the sender was dropped.
pub(super) async fn ended(
    reply: oneshot::Receiver<Result<Reply, InvokeError>>,
) -> Result<Reply, InvokeError> {
    reply.await.unwrap_or_else(|_| Err(InvokeError::Bug("hardcap is being stopped".to_owned())))
}

/// The beginning of a response, on its way to the invoker.
type Opening = (Option<HeaderValue>, mpsc::Receiver<Bytes>);

/// Waits for the beginning of a response, or for the end of an invocation without one.
pub(super) async fn opened(
    opening: oneshot::Receiver<Opening>,
    end: oneshot::Receiver<Result<Reply, InvokeError>>,
) -> Result<StreamStart, InvokeError> {
    match opening.await {
        Ok((content_type, pieces)) => {
            Ok(StreamStart::Stream(ResponseStream { content_type, pieces, end }))
        }
        // The sender was dropped with its job, which has replied before.
        Err(_) => ended(end).await.map(StreamStart::Whole),
    }
}

/// A job's sender to an invoker that wants the response streamed. Dropping it with its job at the end of the invocation ends
/// the stream.
#[derive(Debug)]
pub(super) struct StreamSender {
    /// `None` after the response has begun.
    waiting: Option<oneshot::Sender<Opening>>,
    posted: Arc<AtomicU64>,
    over: CancellationToken,
    heard: CancellationToken,
}

impl StreamSender {
    pub(super) fn new() -> (StreamSender, oneshot::Receiver<Opening>) {
        let (waiting, opening) = oneshot::channel();
        let outlet = StreamSender {
            waiting: Some(waiting),
            posted: Arc::default(),
            over: CancellationToken::new(),
            heard: CancellationToken::new(),
        };
        (outlet, opening)
    }

    /// The runtime begins to respond; `None` if it has begun before.
    pub(super) fn open(
        &mut self,
        ctx: &Context,
        content_type: Option<HeaderValue>,
    ) -> Option<StreamReceiver> {
        let waiting = self.waiting.take()?;
        let (sender, pieces) = mpsc::channel(PIECES_WAITING);
        // An invoker that has left is noticed with the first piece.
        let _ = waiting.send((content_type, pieces));
        let limits = &ctx.limits;
        Some(StreamReceiver {
            pieces: sender,
            posted: Arc::clone(&self.posted),
            over: self.over.clone(),
            heard: self.heard.clone(),
            limit: limits.lambda_stream_response,
            bandwidth: TokenBucket::new(
                limits.lambda_stream_burst.max,
                limits.lambda_stream_rate.max,
            ),
            clock: ctx.clock.clone(),
            since: ctx.clock.stopwatch(),
        })
    }

    /// Cancelled when the end of the runtime's request has been evaluated.
    pub(super) fn heard(&self) -> CancellationToken {
        self.heard.clone()
    }

    /// The size of the response so far, if it has begun.
    pub(super) fn posted(&self) -> Option<ByteCount> {
        let begun = self.waiting.is_none();
        begun.then(|| ByteCount(self.posted.load(Ordering::Relaxed)))
    }
}

impl Drop for StreamSender {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

/// The receiving side of a response from the runtime.
#[derive(Debug)]
pub(super) struct StreamReceiver {
    pieces: mpsc::Sender<Bytes>,
    posted: Arc<AtomicU64>,
    over: CancellationToken,
    heard: CancellationToken,
    limit: Limit<ByteCount>,
    bandwidth: TokenBucket,
    clock: Clock,
    since: Stopwatch,
}

/// The end of a request whose body is a response.
#[derive(Debug)]
pub(super) enum BodyEnd {
    /// Complete, with its trailers.
    Whole {
        /// The total size of the response.
        posted: ByteCount,
        trailers: Option<HeaderMap>,
    },
    /// Truncated.
    CutShort,
    /// The invocation had ended before.
    Over,
}

impl StreamReceiver {
    /// Must be kept until the end of the request has been evaluated.
    pub(super) fn hearing(&self) -> DropGuard {
        self.heard.clone().drop_guard()
    }

    /// Passes a body on piece by piece, at the speed of the invoker and of the bandwidth limit.
    pub(super) async fn pour<B: Body<Data = Bytes>>(mut self, body: B) -> BodyEnd {
        let over = self.over.clone();
        tokio::select! {
            poured = self.pass_on(body) => poured,
            () = over.cancelled() => BodyEnd::Over,
        }
    }

    async fn pass_on<B: Body<Data = Bytes>>(&mut self, body: B) -> BodyEnd {
        let mut body = std::pin::pin!(body);
        let mut trailers = None;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return BodyEnd::CutShort };
            match frame.into_data() {
                Ok(data) => self.send(data).await,
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        let posted = ByteCount(self.posted.load(Ordering::Relaxed));
        BodyEnd::Whole { posted, trailers }
    }

    /// Sends what the limit allows and one byte more, as observed on AWS. The rest is read and discarded; the runtime gets no
    /// error.
    async fn send(&mut self, mut data: Bytes) {
        let length = data.len() as u64;
        let before = self.posted.fetch_add(length, Ordering::Relaxed);
        let left = self.limit.max.0.saturating_add(1).saturating_sub(before);
        data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        while !data.is_empty() && !self.pieces.is_closed() {
            let piece = data.split_to(data.len().min(PIECE_BYTES));
            let wait = self.bandwidth.wait(piece.len() as u64, self.since.elapsed());
            self.clock.pause(wait).await;
            if self.pieces.send(piece).await.is_err() {
                return;
            }
        }
    }
}
