//! The first bytes of the payloads of the newest requests, for the live page. Bounded in bytes; never written to a file.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// The number of bytes that are kept of each payload.
pub const HEAD_MAX: usize = 16 * 1024;
/// The number of bytes that are kept in total. The payloads of the oldest requests are removed first.
pub const KEPT_MAX: usize = 4 * 1024 * 1024;
/// The estimated size of an entry without its bytes.
const OVERHEAD: usize = 128;

/// Which of the payloads of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The request line and the headers that a gateway received.
    Request,
    /// The event that the function was given.
    Event,
    /// The response to the function's invoker: the bytes that the runtime posted, or the platform's error document.
    Answer,
    /// The status line and the headers that the client got.
    ResponseHead,
    /// The body that the client got; of a response that streams, its first piece.
    ResponseBody,
}

/// A payload, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Which one.
    pub part: Part,
    /// Its whole length, in bytes.
    pub bytes: u64,
    /// Its first bytes, at most [`HEAD_MAX`].
    pub head: Box<[u8]>,
}

/// Cheap to clone; all clones share one store.
#[derive(Clone, Debug, Default)]
pub struct Payloads {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    by_request: HashMap<Arc<str>, Vec<Payload>>,
    /// The oldest request first.
    order: VecDeque<Arc<str>>,
    bytes: usize,
}

impl Payloads {
    /// Keeps the first bytes of a payload. A later payload of the same part, such as the event of a retry, replaces it.
    pub fn keep(&self, request_id: &str, part: Part, payload: &[u8]) {
        let head: Box<[u8]> = payload[..payload.len().min(HEAD_MAX)].into();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(request_id, Payload { part, bytes: payload.len() as u64, head });
        while kept.bytes > KEPT_MAX {
            kept.forget_oldest();
        }
    }

    /// The kept payloads of a request, in the order in which their parts were first kept.
    #[must_use]
    pub fn of(&self, request_id: &str) -> Vec<Payload> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_request.get(request_id).cloned().unwrap_or_default()
    }

    /// Removes everything.
    pub fn clear(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }
}

impl Kept {
    fn insert(&mut self, request_id: &str, payload: Payload) {
        self.bytes += size(&payload);
        if let Some(payloads) = self.by_request.get_mut(request_id) {
            match payloads.iter_mut().find(|one| one.part == payload.part) {
                Some(same) => self.bytes -= size(&std::mem::replace(same, payload)),
                None => payloads.push(payload),
            }
            return;
        }
        let request_id: Arc<str> = request_id.into();
        self.order.push_back(request_id.clone());
        self.by_request.insert(request_id, vec![payload]);
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.order.pop_front() else {
            self.bytes = 0;
            return;
        };
        let payloads = self.by_request.remove(&oldest).unwrap_or_default();
        self.bytes -= payloads.iter().map(size).sum::<usize>();
    }
}

fn size(payload: &Payload) -> usize {
    payload.head.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_kept_up_to_16_kib_with_its_whole_length() {
        let payloads = Payloads::default();
        payloads.keep("a", Part::Event, &[b'x'; 16_385]);
        payloads.keep("a", Part::Answer, b"{}");
        payloads.keep("a", Part::Answer, b"[]");
        let kept = payloads.of("a");
        assert_eq!((kept[0].bytes, kept[0].head.len()), (16_385, 16_384));
        assert_eq!((kept.len(), &*kept[1].head), (2, &b"[]"[..]));
        payloads.clear();
        assert!(payloads.of("a").is_empty());
    }

    #[test]
    fn all_payloads_together_stay_within_4_mib_and_the_newest_stay() {
        let payloads = Payloads::default();
        for number in 0..1_000 {
            payloads.keep(&number.to_string(), Part::Event, &[b'x'; 20_000]);
        }
        let kept = payloads.kept.lock().unwrap();
        assert!((4_100_000..=4_194_304).contains(&kept.bytes), "{}", kept.bytes);
        assert_eq!(kept.order.len(), kept.by_request.len());
        drop(kept);
        assert!(payloads.of("0").is_empty());
        assert_eq!(payloads.of("999").len(), 1);
    }

    #[test]
    fn empty_payloads_count_too() {
        let payloads = Payloads::default();
        for number in 0..50_000 {
            payloads.keep(&number.to_string(), Part::Event, b"");
        }
        assert!(payloads.kept.lock().unwrap().order.len() < 33_000);
    }
}
