//! The body of an upstream's response, read in pieces. Only this module reads one.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use crate::clock;

/// Why a response is incomplete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The connection broke, or the data was not HTTP.
    #[error("the connection to the upstream broke: {0}")]
    Broken(String),
    /// The upstream paused for longer than the idle timeout.
    #[error("the upstream sent nothing for {0:?}")]
    Stalled(Duration),
}

/// The unread part of a response's body.
#[derive(Debug)]
pub struct UpstreamBody {
    frames: UnsyncBoxBody<Bytes, BodyError>,
    /// Pieces that were read and put back.
    held: VecDeque<Bytes>,
    idle_timeout: Duration,
    declared: Option<u64>,
}

/// A body, read up to a bound.
#[derive(Debug)]
pub enum Gathered {
    /// All of it.
    Whole(Bytes),
    /// The body is longer than the bound. No byte is lost.
    More(UpstreamBody),
}

impl UpstreamBody {
    /// A body, with the length that the upstream declared, if it did.
    #[must_use]
    pub fn new(
        frames: UnsyncBoxBody<Bytes, BodyError>,
        declared: Option<u64>,
        idle_timeout: Duration,
    ) -> UpstreamBody {
        UpstreamBody { frames, held: VecDeque::new(), idle_timeout, declared }
    }

    /// The length that the upstream declared.
    #[must_use]
    pub fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// The next piece; `None` at the end of the body.
    ///
    /// # Errors
    ///
    /// [`BodyError`] if the connection ends before the body does, or pauses for longer than the idle timeout.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(held) = self.held.pop_front() {
            return Ok(Some(held));
        }
        loop {
            let until = clock::instant() + self.idle_timeout;
            let frame = clock::before(until, self.frames.frame()).await;
            let frame = frame.map_err(|clock::Late| BodyError::Stalled(self.idle_timeout))?;
            match frame.transpose()? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Puts a piece back, to be read next.
    pub fn give_back(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.held.push_front(piece);
        }
    }

    /// Reads the whole body, unless it is longer than `bound`.
    ///
    /// A body whose declared length exceeds `bound` is not read at all.
    ///
    /// # Errors
    ///
    /// As [`UpstreamBody::piece`].
    pub async fn gather(mut self, bound: usize) -> Result<Gathered, BodyError> {
        let declared = self.declared.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if declared.is_some_and(|length| length > bound) {
            return Ok(Gathered::More(self));
        }
        let mut whole = BytesMut::with_capacity(declared.unwrap_or_default());
        while let Some(piece) = self.piece().await? {
            whole.extend_from_slice(&piece);
            if whole.len() > bound {
                self.give_back(whole.freeze());
                return Ok(Gathered::More(self));
            }
        }
        Ok(Gathered::Whole(whole.freeze()))
    }

    /// Reads the next `size` bytes, or the rest of the body; `None` at its end.
    ///
    /// # Errors
    ///
    /// As [`UpstreamBody::piece`].
    pub async fn part(&mut self, size: usize) -> Result<Option<Bytes>, BodyError> {
        let mut part = BytesMut::with_capacity(size);
        self.fill(&mut part, size, |_| ()).await?;
        Ok((!part.is_empty()).then(|| part.freeze()))
    }

    /// Reads into `part` until it has `size` bytes, or the body ends. `each` gets every piece when it has arrived, while the processor
    /// has it in its cache.
    ///
    /// # Errors
    ///
    /// As [`UpstreamBody::piece`].
    pub async fn fill(
        &mut self,
        part: &mut BytesMut,
        size: usize,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), BodyError> {
        while part.len() < size {
            let Some(mut piece) = self.piece().await? else { break };
            let room = size - part.len();
            if piece.len() > room {
                self.give_back(piece.split_off(room));
            }
            each(&piece);
            part.extend_from_slice(&piece);
        }
        Ok(())
    }
}
