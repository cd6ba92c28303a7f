//! The body of an upstream's answer, read piece by piece: the only place that reads one.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use crate::clock;

/// Why an answer did not come whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The connection broke, or what came was not HTTP.
    #[error("the upstream broke off: {0}")]
    Broken(String),
    /// It sent nothing for too long.
    #[error("the upstream sent nothing for {0:?}")]
    Stalled(Duration),
}

/// What is left of an answer.
#[derive(Debug)]
pub struct UpstreamBody {
    frames: UnsyncBoxBody<Bytes, BodyError>,
    /// Read, and given back.
    held: VecDeque<Bytes>,
    idle_timeout: Duration,
    declared: Option<u64>,
}

/// A body, read up to a bound.
#[derive(Debug)]
pub enum Gathered {
    /// All of it.
    Whole(Bytes),
    /// There is more than the bound; nothing is lost.
    More(UpstreamBody),
}

impl UpstreamBody {
    /// A body whose length the upstream declared, or not.
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

    /// The next piece; `None` at the end, which is the declared one.
    ///
    /// # Errors
    ///
    /// [`BodyError`] when the connection ends before the body does, or stands still for too long.
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

    /// Gives a piece back, to be read next.
    pub fn give_back(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.held.push_front(piece);
        }
    }

    /// Reads the whole body, unless it is longer than `bound`.
    ///
    /// A body that is declared to be longer is not touched.
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

    /// Reads the next `size` bytes, or what is left; `None` when nothing is.
    ///
    /// # Errors
    ///
    /// As [`UpstreamBody::piece`].
    pub async fn part(&mut self, size: usize) -> Result<Option<Bytes>, BodyError> {
        let mut part = BytesMut::new();
        while let Some(mut piece) = self.piece().await? {
            let room = size - part.len();
            if piece.len() > room {
                self.give_back(piece.split_off(room));
            }
            if part.is_empty() && piece.len() == size {
                return Ok(Some(piece));
            }
            if part.is_empty() {
                part.reserve(size);
            }
            part.extend_from_slice(&piece);
            if part.len() == size {
                break;
            }
        }
        Ok((!part.is_empty()).then(|| part.freeze()))
    }
}
