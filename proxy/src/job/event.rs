//! The event by which a generation of a job is started: an id, a generation, the digest of its state, and the state
//! itself when all of it together fits.
//!
//! An event is a hint, never an authority. It names no bucket, no key and no address, and what it brings is believed only
//! when its digest is the one in the job's row. So whoever can forge an event can at most start what was due anyway.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How many bytes a state has, and what they hash to.
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

    /// Whether these bytes are the ones.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        *self == Digest::of(bytes)
    }
}

/// How the state travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carried {
    /// In the event, as a JSON string.
    Text(String),
    /// In the event, as base64.
    Base64(String),
    /// In the bucket; where, the receiver knows by itself.
    Stored,
}

/// The payload of an invocation of the job function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The job.
    pub job: String,
    /// Which generation is to run.
    pub generation: u64,
    /// The state it begins with.
    pub digest: Digest,
    /// Where that state is.
    pub state: Carried,
}

impl Event {
    /// An event whose state lies in the bucket.
    #[must_use]
    pub fn by_reference(job: &str, generation: u64, digest: Digest) -> Event {
        Event { job: job.to_owned(), generation, digest, state: Carried::Stored }
    }

    /// The state that came with the event: `None` when it is stored.
    ///
    /// # Errors
    ///
    /// A sentence, when the event says base64 and it is none.
    pub fn inline(&self) -> Result<Option<Bytes>, String> {
        match &self.state {
            Carried::Stored => Ok(None),
            Carried::Text(text) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
            Carried::Base64(text) => {
                let bytes = STANDARD.decode(text);
                bytes.map(|bytes| Some(bytes.into())).map_err(|error| format!("the state: {error}"))
            }
        }
    }

    /// The bytes that are posted.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        serde_json::to_vec(self).expect("strings and numbers have a JSON form").into()
    }
}

/// The payload for a state: inline in the shorter form when the whole payload is at most `max` bytes, by reference otherwise.
#[must_use]
pub fn payload(job: &str, generation: u64, digest: &Digest, state: &[u8], max: u64) -> Bytes {
    let with = |carried| {
        let event =
            Event { job: job.to_owned(), generation, digest: digest.clone(), state: carried };
        event.payload()
    };
    let mut shortest = None;
    // Neither form is shorter than the state itself.
    if state.len() as u64 <= max {
        let text = std::str::from_utf8(state).ok().map(|text| Carried::Text(text.to_owned()));
        let base64 = Some(Carried::Base64(STANDARD.encode(state)));
        let forms = [text, base64].into_iter().flatten().map(with);
        shortest = forms.min_by_key(Bytes::len).filter(|payload| payload.len() as u64 <= max);
    }
    shortest.unwrap_or_else(|| with(Carried::Stored))
}

#[cfg(test)]
mod tests;
