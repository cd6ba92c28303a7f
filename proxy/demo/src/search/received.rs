//! The received requests, unchanged, for tests.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};

/// The maximum number of stored requests.
pub const RECEIVED_MAX: usize = 1_000;

/// One request as received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The request target, as on the wire.
    pub target: String,
    /// Names (in lower case) and values, in the order sent.
    #[serde(serialize_with = "as_text")]
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body's length in bytes.
    pub body_bytes: u64,
    /// The body's SHA-256 in hex.
    pub body_sha256: String,
    /// The status of the response.
    pub status: u16,
    /// Why it was refused.
    pub refusal: Option<String>,
}

impl Received {
    /// All values of a header, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<String> {
        self.headers
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }
}

fn as_text<S: Serializer>(headers: &[(String, Vec<u8>)], serializer: S) -> Result<S::Ok, S::Error> {
    let text = |(name, value): &(String, Vec<u8>)| {
        [name.clone(), String::from_utf8_lossy(value).into_owned()]
    };
    headers.iter().map(text).collect::<Vec<_>>().serialize(serializer)
}

/// The newest requests.
#[derive(Debug, Default)]
pub(super) struct Log {
    newest: Mutex<VecDeque<Received>>,
}

impl Log {
    pub(super) fn push(&self, received: Received) {
        let mut newest = self.lock();
        if newest.len() == RECEIVED_MAX {
            newest.pop_front();
        }
        newest.push_back(received);
    }

    pub(super) fn newest(&self) -> Vec<Received> {
        self.lock().iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Received>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
