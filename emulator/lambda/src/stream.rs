//! An answer under way: pieces go from the runtime's request to whoever invoked, and no more of them wait in between than a
//! bound allows. A slow invoker makes the function wait; one that has left does not end it.

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
use crate::stop::Stop;
use hardcap_core::clock::{Clock, Stopwatch};
use hardcap_core::context::Context;
use hardcap_core::token_bucket::TokenBucket;

/// A piece is at most so long: the bandwidth is capped piece by piece.
const PIECE_BYTES: usize = 64 * 1024;
/// So many pieces may wait for the invoker.
const PIECES_WAITING: usize = 16;

/// What an invoker who wants the answer as it comes is given.
#[derive(Debug)]
pub enum Opened {
    /// The runtime has begun to answer.
    Stream(Stream),
    /// The invocation ended before an answer began: the function failed.
    Whole(Reply),
}

/// An answer that has begun.
#[derive(Debug)]
pub struct Stream {
    /// What the runtime says that its answer is.
    pub content_type: Option<HeaderValue>,
    pieces: mpsc::Receiver<Bytes>,
    end: oneshot::Receiver<Result<Reply, Stop>>,
}

impl Stream {
    /// The next piece, never an empty one; `None` after the last.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.pieces.recv().await
    }

    /// How the invocation ended. Its payload is none of the stream's: it is the error document of a function that failed.
    pub async fn end(self) -> Result<Reply, Stop> {
        ended(self.end).await
    }
}

/// What a job's sender says, or that it was lost.
pub(super) async fn ended(reply: oneshot::Receiver<Result<Reply, Stop>>) -> Result<Reply, Stop> {
    reply.await.unwrap_or_else(|_| Err(Stop::Bug("hardcap is being stopped".to_owned())))
}

/// What has begun, on its way to the invoker.
type Opening = (Option<HeaderValue>, mpsc::Receiver<Bytes>);

/// An invoker waits for an answer to begin, or for the end of an invocation that has none.
pub(super) async fn opened(
    opening: oneshot::Receiver<Opening>,
    end: oneshot::Receiver<Result<Reply, Stop>>,
) -> Result<Opened, Stop> {
    match opening.await {
        Ok((content_type, pieces)) => Ok(Opened::Stream(Stream { content_type, pieces, end })),
        // Dropped with its job, whose reply was sent before.
        Err(_) => ended(end).await.map(Opened::Whole),
    }
}

/// A job's end of the way to an invoker who wants the answer as it comes. What is still under way when it is dropped, with
/// its job at the end of the invocation, comes to an end too.
#[derive(Debug)]
pub(super) struct Outlet {
    /// `None` once the answer has begun.
    waiting: Option<oneshot::Sender<Opening>>,
    posted: Arc<AtomicU64>,
    over: CancellationToken,
    heard: CancellationToken,
}

impl Outlet {
    pub(super) fn new() -> (Outlet, oneshot::Receiver<Opening>) {
        let (waiting, opening) = oneshot::channel();
        let outlet = Outlet {
            waiting: Some(waiting),
            posted: Arc::default(),
            over: CancellationToken::new(),
            heard: CancellationToken::new(),
        };
        (outlet, opening)
    }

    /// The runtime begins to answer; `None` when it has begun before.
    pub(super) fn open(
        &mut self,
        ctx: &Context,
        content_type: Option<HeaderValue>,
    ) -> Option<Inlet> {
        let waiting = self.waiting.take()?;
        let (sender, pieces) = mpsc::channel(PIECES_WAITING);
        // One who has left meanwhile is noticed by the first piece.
        let _ = waiting.send((content_type, pieces));
        let limits = &ctx.limits;
        Some(Inlet {
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

    /// Cancelled when the runtime's request has ended, and its end counts.
    pub(super) fn heard(&self) -> CancellationToken {
        self.heard.clone()
    }

    /// What the runtime has posted of its answer, if it has begun one.
    pub(super) fn posted(&self) -> Option<ByteCount> {
        let begun = self.waiting.is_none();
        begun.then(|| ByteCount(self.posted.load(Ordering::Relaxed)))
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

/// The runtime's end of an answer that has begun.
#[derive(Debug)]
pub(super) struct Inlet {
    pieces: mpsc::Sender<Bytes>,
    posted: Arc<AtomicU64>,
    over: CancellationToken,
    heard: CancellationToken,
    limit: Limit<ByteCount>,
    bandwidth: TokenBucket,
    clock: Clock,
    since: Stopwatch,
}

/// How a runtime's request ended whose body is an answer.
#[derive(Debug)]
pub(super) enum Poured {
    /// With its last chunk, and whatever came behind it.
    Whole {
        /// What the runtime has posted, all of it.
        posted: ByteCount,
        trailers: Option<HeaderMap>,
    },
    /// In the middle.
    CutShort,
    /// The invocation was over before it.
    Over,
}

impl Inlet {
    /// To be kept until the end of the request counts.
    pub(super) fn hearing(&self) -> DropGuard {
        self.heard.clone().drop_guard()
    }

    /// Hands a body on, piece by piece, at the speed of the invoker and of the bandwidth.
    pub(super) async fn pour<B: Body<Data = Bytes>>(mut self, body: B) -> Poured {
        let over = self.over.clone();
        tokio::select! {
            poured = self.hand_on(body) => poured,
            () = over.cancelled() => Poured::Over,
        }
    }

    async fn hand_on<B: Body<Data = Bytes>>(&mut self, body: B) -> Poured {
        let mut body = std::pin::pin!(body);
        let mut trailers = None;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Poured::CutShort };
            match frame.into_data() {
                Ok(data) => self.send(data).await,
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        let posted = ByteCount(self.posted.load(Ordering::Relaxed));
        Poured::Whole { posted, trailers }
    }

    /// Sends what the limit allows, and one byte of what it does not: so much the invoker is seen to get. The rest is taken
    /// from the runtime, which is not told.
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
