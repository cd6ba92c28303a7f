//! The event that starts a generation of a job: an id, a generation, the digest of the state, and the state itself if the
//! whole event fits.
//!
//! An event is not trusted. It contains no bucket, key or address, and its state is used only if the digest equals that of the
//! job's row. A forged event can at most start a generation that was due anyway.

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, Engine as _};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The length and the SHA-256 of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// SHA-256, in lower-case hex.
    pub sha256: String,
    /// The length.
    pub bytes: u64,
}

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Digest {
        Digest { sha256: hex::encode(Sha256::digest(bytes)), bytes: bytes.len() as u64 }
    }

    /// Whether bytes have this digest.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        *self == Digest::of(bytes)
    }
}

/// The form of the state in an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// In the event, as a JSON string.
    Text(String),
    /// In the event, as base64.
    Base64(String),
    /// In the bucket; the receiver derives the key.
    Stored,
}

/// The payload of an invocation of the job function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobEvent {
    /// The job.
    pub job: String,
    /// The generation to run.
    pub generation: u64,
    /// The digest of its first state.
    pub digest: Digest,
    /// The state inline.
    pub state: EventState,
}

impl JobEvent {
    /// An event whose state is in the bucket.
    #[must_use]
    pub fn by_reference(job: &str, generation: u64, digest: Digest) -> JobEvent {
        JobEvent { job: job.to_owned(), generation, digest, state: EventState::Stored }
    }

    /// The inline state; `None` if it is in the bucket.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the state is not valid base64.
    pub fn inline(&self) -> Result<Option<Bytes>, DecodeError> {
        match &self.state {
            EventState::Stored => Ok(None),
            EventState::Text(text) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
            EventState::Base64(text) => Ok(Some(STANDARD.decode(text)?.into())),
        }
    }

    /// The bytes that are posted.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        serde_json::to_vec(self).expect("strings and numbers have a JSON form").into()
    }
}

/// The payload for a state: inline in the shorter form if the whole payload has at most `max` bytes, otherwise by reference.
#[must_use]
pub fn payload(job: &str, generation: u64, digest: &Digest, state: &[u8], max: u64) -> Bytes {
    let with = |carried| {
        let event =
            JobEvent { job: job.to_owned(), generation, digest: digest.clone(), state: carried };
        event.payload()
    };
    let mut shortest = None;
    // Neither form is shorter than the state itself.
    if state.len() as u64 <= max {
        let text = std::str::from_utf8(state).ok().map(|text| EventState::Text(text.to_owned()));
        let base64 = Some(EventState::Base64(STANDARD.encode(state)));
        let forms = [text, base64].into_iter().flatten().map(with);
        shortest = forms.min_by_key(Bytes::len).filter(|payload| payload.len() as u64 <= max);
    }
    shortest.unwrap_or_else(|| with(EventState::Stored))
}

#[cfg(test)]
mod tests;
