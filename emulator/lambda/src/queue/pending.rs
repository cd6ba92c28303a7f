//! The waiting events of each function, and the limits of the whole queue. No I/O.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Value, json};

use super::event::{Letter, QueuedEvent};
use hardcap_core::clock::EpochMillis;

/// The maximum number of events that wait or are under way.
const EVENTS_MAX: usize = 20_000;
/// The maximum total size of their payloads.
const EVENT_BYTES_MAX: u64 = 1 << 30;
/// The maximum number of concurrent attempts of one function's events. Each may need a process.
const UNDER_WAY_MAX: usize = 16;
/// The maximum number of letters that are kept for the control surface; the oldest are dropped.
const LETTERS_MAX: usize = 20_000;
/// The maximum total size of their bodies.
const LETTER_BYTES_MAX: usize = 1 << 28;

/// The queue cannot contain another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "hardcap's queue is full: it contains {events} events of {bytes} bytes, the maximum is {EVENTS_MAX} events and \
     {EVENT_BYTES_MAX} bytes. Send more slowly, or advance the clock if the events wait for retries."
)]
pub struct QueueFull {
    /// The number of events that wait or are under way.
    pub events: usize,
    /// The total size of their payloads, in bytes.
    pub bytes: u64,
}

/// The waiting events of all functions.
#[derive(Debug, Default)]
pub(super) struct PendingEvents {
    functions: HashMap<String, FunctionQueue>,
    events: usize,
    bytes: u64,
    /// Orders events with the same due time by arrival.
    sequence: u64,
    letters: VecDeque<Letter>,
    letter_bytes: usize,
    /// The number of times that everything was removed.
    clearings: u64,
}

#[derive(Debug, Default)]
struct FunctionQueue {
    waiting: BTreeMap<(EpochMillis, u64), QueuedEvent>,
    under_way: usize,
}

impl PendingEvents {
    /// Reserves room for an event of this many bytes.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), QueueFull> {
        if self.events >= EVENTS_MAX || self.bytes + bytes > EVENT_BYTES_MAX {
            return Err(QueueFull { events: self.events, bytes: self.bytes });
        }
        self.events += 1;
        self.bytes += bytes;
        Ok(())
    }

    /// Returns the room of an event.
    pub(super) fn release(&mut self, bytes: u64) {
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Adds an event that has room.
    pub(super) fn put(&mut self, event: QueuedEvent) {
        self.sequence += 1;
        let place = (event.head.due, self.sequence);
        let line = self.functions.entry(event.head.function.clone()).or_default();
        line.waiting.insert(place, event);
    }

    /// Adds an event of an earlier run, even above the limits.
    pub(super) fn restore(&mut self, event: QueuedEvent) {
        self.events += 1;
        self.bytes += event.payload.len() as u64;
        self.put(event);
    }

    /// The events that are due, and the time of the next one.
    pub(super) fn take_due(&mut self, now: EpochMillis) -> (Vec<QueuedEvent>, Option<EpochMillis>) {
        let (mut due, mut next) = (Vec::new(), None);
        for line in self.functions.values_mut() {
            while line.under_way < UNDER_WAY_MAX
                && let Some(first) = line.waiting.first_entry()
            {
                let at = first.key().0;
                if at > now {
                    next = Some(next.map_or(at, |next: EpochMillis| next.min(at)));
                    break;
                }
                due.push(first.remove());
                line.under_way += 1;
            }
        }
        (due, next)
    }

    /// An attempt at an event of this function has ended.
    pub(super) fn attempt_ended(&mut self, function: &str) {
        if let Some(line) = self.functions.get_mut(function) {
            line.under_way = line.under_way.saturating_sub(1);
        }
    }

    /// Keeps a letter, and returns the letters that were dropped for it.
    pub(super) fn keep(&mut self, letter: Letter) -> Vec<Letter> {
        self.letter_bytes += letter.body.len();
        self.letters.push_back(letter);
        let mut gone = Vec::new();
        while self.letters.len() > LETTERS_MAX || self.letter_bytes > LETTER_BYTES_MAX {
            let Some(oldest) = self.letters.pop_front() else { break };
            self.letter_bytes -= oldest.body.len();
            gone.push(oldest);
        }
        gone
    }

    /// Keeps the letters of an earlier run, which had the same limits.
    pub(super) fn restore_letters(&mut self, letters: Vec<Letter>) {
        self.letter_bytes = letters.iter().map(|letter| letter.body.len()).sum();
        self.letters = letters.into();
    }

    /// The number of times that everything was removed. An event that was taken before a removal is not queued again.
    pub(super) fn clearings(&self) -> u64 {
        self.clearings
    }

    /// Removes and returns all waiting events and all letters. Running attempts stay.
    pub(super) fn clear(&mut self) -> (Vec<QueuedEvent>, Vec<Letter>) {
        self.clearings += 1;
        let lines = self.functions.values_mut();
        let waiting: Vec<QueuedEvent> =
            lines.flat_map(|line| std::mem::take(&mut line.waiting).into_values()).collect();
        for event in &waiting {
            self.release(event.payload.len() as u64);
        }
        self.letter_bytes = 0;
        (waiting, std::mem::take(&mut self.letters).into())
    }

    /// The status for the control surface.
    pub(super) fn status(&self) -> Value {
        let functions: serde_json::Map<String, Value> = self
            .functions
            .iter()
            .map(|(name, line)| {
                let next = line.waiting.keys().next().map(|(due, _)| *due);
                let shown = json!({
                    "pending": line.waiting.len(),
                    "in_flight": line.under_way,
                    "next_due_ms": next,
                });
                (name.clone(), shown)
            })
            .collect();
        let sum = |of: fn(&FunctionQueue) -> usize| self.functions.values().map(of).sum::<usize>();
        json!({
            "pending": sum(|line| line.waiting.len()),
            "in_flight": sum(|line| line.under_way),
            "bytes": self.bytes,
            "functions": functions,
            "dead_letters": self.letters,
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::queue::event::{Attributes, EventHead, LetterKind};
    use crate::queue::retry::Tries;

    fn event(id: usize, function: &str, due: u64) -> QueuedEvent {
        let accepted = EpochMillis(0);
        let head = EventHead {
            id: id.to_string(),
            function: function.to_owned(),
            trace: String::new(),
            tries: Tries { accepted, failures: 0, turned_away: 0 },
            due: EpochMillis(due),
            recursive: false,
        };
        QueuedEvent { head, payload: Bytes::from_static(b"{}") }
    }

    fn ids(events: &[QueuedEvent]) -> Vec<&str> {
        events.iter().map(|event| event.head.id.as_str()).collect()
    }

    #[test]
    fn events_are_taken_when_they_are_due_in_their_order_of_arrival() {
        let mut lines = PendingEvents::default();
        for (id, due) in [(1, 50), (2, 20), (3, 20), (4, 90)] {
            lines.put(event(id, "f", due));
        }
        assert_eq!(lines.take_due(EpochMillis(10)).1, Some(EpochMillis(20)));
        let (due, next) = lines.take_due(EpochMillis(50));
        assert_eq!((ids(&due), next), (vec!["2", "3", "1"], Some(EpochMillis(90))));
    }

    #[test]
    fn the_events_of_one_function_do_not_delay_those_of_another() {
        let mut lines = PendingEvents::default();
        for id in 0..UNDER_WAY_MAX + 1 {
            lines.put(event(id, "busy", 0));
        }
        lines.put(event(99, "other", 1));
        assert_eq!(lines.take_due(EpochMillis(0)).0.len(), UNDER_WAY_MAX);
        assert_eq!(ids(&lines.take_due(EpochMillis(1)).0), ["99"]);
        lines.attempt_ended("busy");
        assert_eq!(lines.take_due(EpochMillis(1)).0.len(), 1);
    }

    #[test]
    fn the_queue_is_bounded_and_room_is_returned() {
        let mut lines = PendingEvents::default();
        for _ in 0..EVENTS_MAX {
            lines.reserve(1).unwrap();
        }
        assert!(
            lines.reserve(1).unwrap_err().to_string().contains("full: it contains 20000 events")
        );
        lines.release(1);
        assert!(lines.reserve(EVENT_BYTES_MAX).is_err());
        lines.reserve(1).unwrap();
    }

    #[test]
    fn removed_events_return_their_room_and_running_attempts_stay() {
        let mut lines = PendingEvents::default();
        for id in 0..3 {
            lines.reserve(2).unwrap();
            lines.put(event(id, "f", if id == 0 { 0 } else { 9 }));
        }
        assert_eq!(ids(&lines.take_due(EpochMillis(1)).0), ["0"]);
        assert_eq!(ids(&lines.clear().0), ["1", "2"]);
        let status = lines.status();
        let counts = [&status["pending"], &status["in_flight"], &status["bytes"]];
        assert_eq!(counts, [0, 1, 2], "{status}");
    }

    #[test]
    fn the_oldest_letters_are_dropped() {
        let mut lines = PendingEvents::default();
        let mut gone = 0;
        for _ in 0..LETTERS_MAX + 3 {
            let letter = Letter {
                id: String::new(),
                kind: LetterKind::DeadLetter,
                function: String::new(),
                at: EpochMillis(0),
                condition: String::new(),
                to: None,
                body: String::new(),
                attributes: Attributes::default(),
            };
            gone += lines.keep(letter).len();
        }
        assert_eq!((gone, lines.letters.len()), (3, LETTERS_MAX));
    }
}
