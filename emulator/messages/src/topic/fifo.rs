//! FIFO topics: sequence numbers, and the messages that were published within the last five minutes. Pure.

use std::collections::{HashMap, VecDeque};

use hardcap_core::clock::EpochMillis;
use hardcap_limits::Millis;

/// The time in which a message is not published again (SNS developer guide, message deduplication for FIFO topics).
const WINDOW: Millis = Millis(5 * 60_000);
/// The maximum number of messages of a topic that are remembered; the oldest are forgotten.
const REMEMBERED_MAX: usize = 100_000;

/// The identity of a published message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// `MessageId`.
    pub id: String,
    /// `SequenceNumber`, only of a FIFO topic.
    pub sequence: Option<String>,
}

/// What FIFO topics remember.
#[derive(Debug, Default)]
pub(super) struct Fifo {
    topics: HashMap<String, Remembered>,
    sequence: u64,
}

#[derive(Debug, Default)]
struct Remembered {
    by_key: HashMap<String, Published>,
    order: VecDeque<(EpochMillis, String)>,
}

impl Fifo {
    /// The identity of the message with the same key in the window, or a new identity.
    ///
    /// # Errors
    ///
    /// The earlier message, if this one is a duplicate.
    pub(super) fn admit(
        &mut self,
        topic: &str,
        key: String,
        id: String,
        now: EpochMillis,
    ) -> Result<Published, Published> {
        let remembered = self.topics.entry(topic.to_owned()).or_default();
        while let Some((at, _)) = remembered.order.front()
            && (now.since(*at) >= WINDOW || remembered.order.len() >= REMEMBERED_MAX)
        {
            if let Some((_, old)) = remembered.order.pop_front() {
                remembered.by_key.remove(&old);
            }
        }
        if let Some(earlier) = remembered.by_key.get(&key) {
            return Err(earlier.clone());
        }
        // It grows over restarts too, because it is never behind the clock.
        self.sequence = (self.sequence + 1).max(now.0.saturating_mul(1_000));
        let published = Published { id, sequence: Some(format!("1{:019}", self.sequence)) };
        remembered.by_key.insert(key.clone(), published.clone());
        remembered.order.push_back((now, key));
        Ok(published)
    }

    /// Forgets a topic that was deleted.
    pub(super) fn forget(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    /// Forgets every topic.
    pub(super) fn clear(&mut self) {
        self.topics.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_published_once_in_five_minutes() {
        let mut fifo = Fifo::default();
        let mut publish = |key: &str, id: &str, at: u64| {
            fifo.admit("t", key.to_owned(), id.to_owned(), EpochMillis(at))
        };
        let first = publish("k", "1", 0).unwrap();
        assert_eq!(publish("k", "2", 299_999), Err(first.clone()));
        let other = publish("other", "3", 299_999).unwrap();
        let again = publish("k", "4", 300_000).unwrap();
        assert_eq!(again.id, "4");
        assert!(first.sequence < other.sequence && other.sequence < again.sequence);
        assert_eq!(again.sequence.unwrap().len(), 20);
    }
}
