//! The messages of one queue: which are visible, when the others will be, and in which order they are received. No I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use hardcap_core::clock::EpochMillis;
use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};

use super::message::{Message, Sent};
use super::receipt::Receipt;

/// The messages of one queue. A message has a place, a number that grows with each message.
#[derive(Debug, Default)]
pub(super) struct Line {
    fifo: bool,
    messages: BTreeMap<u64, Held>,
    /// The places of visible messages; of a FIFO queue, only the first messages of their groups.
    ready: BTreeSet<u64>,
    /// The places of the others, by the time at which they become visible.
    waiting: BTreeSet<(EpochMillis, u64)>,
    /// All places by the time of sending, for the retention period.
    ages: BTreeSet<(EpochMillis, u64)>,
    /// The places of each message group of a FIFO queue.
    groups: HashMap<String, BTreeSet<u64>>,
    recent: Deduplication,
    in_flight: usize,
    bytes: u64,
    next: u64,
}

/// A message and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) message: Message,
    pub(super) state: State,
    /// The newest receipt.
    pub(super) nonce: Option<u64>,
    /// The time of the newest receipt.
    received: Option<EpochMillis>,
}

/// The state of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    /// Visible to receivers.
    Ready,
    /// Sent with a delay that has not passed.
    Delayed(EpochMillis),
    /// Received; not visible until its timeout.
    InFlight(EpochMillis),
}

/// What a receiver asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    /// The largest number of messages.
    pub(crate) count: usize,
    /// The visibility timeout.
    pub(crate) visibility: Millis,
    /// The most receipts of a message before it goes to the dead-letter queue, if there is one.
    pub(crate) receives_max: Option<u64>,
}

/// What a receiver gets.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The received messages with their places and receipts.
    pub(super) received: Vec<(Receipt, Message)>,
    /// The messages that were received too often. They are no longer in this queue.
    pub(super) dead: Vec<(u64, Message)>,
}

/// The numbers of messages of a queue by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

/// The reason why a handle has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandleError {
    /// The message is not in the queue.
    Gone,
    /// The receipt is not the newest, or its visibility timeout has passed.
    Expired,
    /// The message would be invisible for longer than SQS permits.
    TooLong,
}

impl Held {
    /// A message that was just sent.
    pub(super) fn new(message: Message, delayed: Option<EpochMillis>) -> Held {
        let state = delayed.map_or(State::Ready, State::Delayed);
        Held { message, state, nonce: None, received: None }
    }
}

impl Line {
    /// An empty line.
    pub(super) fn new(fifo: bool) -> Line {
        Line { fifo, ..Line::default() }
    }

    /// The place of the next message.
    pub(super) fn next_place(&self) -> u64 {
        self.next
    }

    /// Leaves out the places before `place`: an earlier run may have used them.
    pub(super) fn skip_to(&mut self, place: u64) {
        self.next = self.next.max(place);
    }

    /// Adds a message, visible after its delay. Returns its place.
    pub(super) fn push(&mut self, message: Message, delayed: Option<EpochMillis>) -> u64 {
        let place = self.next;
        self.restore(place, Held::new(message, delayed));
        place
    }

    /// Adds a message of an earlier run at its place.
    pub(super) fn restore(&mut self, place: u64, held: Held) {
        self.next = self.next.max(place + 1);
        self.bytes += held.message.size();
        self.ages.insert((held.message.sent, place));
        if self.fifo {
            self.groups.entry(group_of(&held.message).to_owned()).or_default().insert(place);
        }
        if let State::InFlight(_) = held.state {
            self.in_flight += 1;
        }
        if let State::Delayed(due) | State::InFlight(due) = held.state {
            self.waiting.insert((due, place));
        }
        self.messages.insert(place, held);
        self.order(place);
    }

    /// Makes messages visible that are due, and removes those that are older than the retention period. Returns the places of the
    /// removed ones.
    pub(super) fn settle(&mut self, now: EpochMillis, retention: Millis) -> Vec<u64> {
        let mut expired = Vec::new();
        while let Some(&(sent, place)) = self.ages.first()
            && sent.plus(retention) <= now
        {
            self.remove(place);
            expired.push(place);
        }
        while let Some(&(due, place)) = self.waiting.first()
            && due <= now
        {
            self.waiting.pop_first();
            if let Some(held) = self.messages.get_mut(&place) {
                if let State::InFlight(_) = held.state {
                    self.in_flight -= 1;
                }
                held.state = State::Ready;
                self.order(place);
            }
        }
        expired
    }

    /// The time at which a message becomes visible or expires next.
    pub(super) fn next_due(&self, retention: Millis) -> Option<EpochMillis> {
        let due = self.waiting.first().map(|(due, _)| *due);
        let end = self.ages.first().map(|(sent, _)| sent.plus(retention));
        due.into_iter().chain(end).min()
    }

    /// Receives visible messages in order. [`Line::settle`] comes first. `nonce` gives each receipt its number.
    ///
    /// A group of a FIFO queue gives its first messages as far as they are visible. If the first one is not, the group waits for
    /// it: that keeps the order.
    pub(super) fn take(
        &mut self,
        now: EpochMillis,
        want: Want,
        mut nonce: impl FnMut() -> u64,
    ) -> Taken {
        let mut taken = Taken::default();
        while taken.received.len() < want.count {
            let Some(&first) = self.ready.first() else { break };
            for place in self.run_from(first, want.count - taken.received.len()) {
                let Some(held) = self.messages.get_mut(&place) else { continue };
                if held.state != State::Ready {
                    break;
                }
                if want.receives_max.is_some_and(|max| held.message.receives_here() >= max) {
                    taken.dead.extend(self.remove(place).map(|message| (place, message)));
                    continue;
                }
                let receipt = Receipt { place, nonce: nonce() };
                let due = now.plus(want.visibility);
                held.message.receives += 1;
                held.message.first_received.get_or_insert(now);
                held.nonce = Some(receipt.nonce);
                held.received = Some(now);
                held.state = State::InFlight(due);
                taken.received.push((receipt, held.message.clone()));
                self.waiting.insert((due, place));
                self.in_flight += 1;
                self.ready.remove(&place);
            }
            self.ready.remove(&first);
        }
        taken
    }

    /// The places that can be received one after the other: one of a standard queue, some of the same group of a FIFO queue.
    fn run_from(&self, first: u64, count: usize) -> Vec<u64> {
        let held = self.messages.get(&first).filter(|_| self.fifo);
        let places = held.and_then(|held| self.groups.get(group_of(&held.message)));
        match places {
            Some(places) => places.range(first..).take(count).copied().collect(),
            None => vec![first],
        }
    }

    /// Deletes a message. `None` if there is nothing to delete.
    ///
    /// # Errors
    ///
    /// [`HandleError::Expired`] only of a FIFO queue: a standard queue ignores an old handle.
    pub(super) fn delete(&mut self, receipt: Receipt) -> Result<Option<Message>, HandleError> {
        let Some(held) = self.messages.get(&receipt.place) else { return Ok(None) };
        let newest = held.nonce == Some(receipt.nonce);
        match (self.fifo, newest, held.state) {
            (true, true, State::InFlight(_)) | (false, true, _) => Ok(self.remove(receipt.place)),
            (true, ..) => Err(HandleError::Expired),
            (false, ..) => Ok(None),
        }
    }

    /// Changes the visibility timeout of a received message to `timeout` from now. A message of a standard queue that is visible
    /// again stays visible, without an error: recorded 2024-04-30 in both protocols (LocalStack's snapshots of AWS,
    /// test_change_message_visibility_after_visibility_timeout_expiration). Users could not make SQS return the documented
    /// `MessageNotInflight` (getmoto/moto#3586, localstack/localstack#9632).
    ///
    /// # Errors
    ///
    /// [`HandleError`] if the handle has no effect, or the message would be invisible for longer than `most` in all.
    pub(super) fn change_visibility(
        &mut self,
        now: EpochMillis,
        receipt: Receipt,
        (timeout, most): (Millis, Millis),
    ) -> Result<(), HandleError> {
        let place = receipt.place;
        let held = self.messages.get_mut(&place).ok_or(HandleError::Gone)?;
        let in_flight = matches!(held.state, State::InFlight(_));
        if held.nonce != Some(receipt.nonce) || (self.fifo && !in_flight) {
            return Err(HandleError::Expired);
        }
        let before = match held.state {
            State::InFlight(before) => before,
            State::Ready => return Ok(()),
            State::Delayed(_) => return Err(HandleError::Gone),
        };
        let due = now.plus(timeout);
        if held.received.is_some_and(|received| due.since(received) > most) && timeout.0 > 0 {
            return Err(HandleError::TooLong);
        }
        self.waiting.remove(&(before, place));
        if timeout.0 == 0 {
            held.state = State::Ready;
            self.in_flight -= 1;
        } else {
            held.state = State::InFlight(due);
            self.waiting.insert((due, place));
        }
        self.order(place);
        Ok(())
    }

    /// Removes a message.
    pub(super) fn remove(&mut self, place: u64) -> Option<Message> {
        let held = self.messages.remove(&place)?;
        self.ready.remove(&place);
        self.ages.remove(&(held.message.sent, place));
        if let State::Delayed(due) | State::InFlight(due) = held.state {
            self.waiting.remove(&(due, place));
        }
        if let State::InFlight(_) = held.state {
            self.in_flight -= 1;
        }
        self.bytes = self.bytes.saturating_sub(held.message.size());
        if self.fifo {
            let group = group_of(&held.message);
            if let Some(places) = self.groups.get_mut(group) {
                places.remove(&place);
                match places.first().copied() {
                    Some(first) => self.order(first),
                    None => {
                        self.groups.remove(group);
                    }
                }
            }
        }
        Some(held.message)
    }

    /// Removes every message and returns their places.
    pub(super) fn clear(&mut self) -> Vec<u64> {
        let recent = std::mem::take(&mut self.recent);
        let gone = std::mem::replace(
            self,
            Line { fifo: self.fifo, next: self.next, recent, ..Line::default() },
        );
        gone.messages.into_keys().collect()
    }

    /// A message by its place.
    pub(super) fn get(&self, place: u64) -> Option<&Held> {
        self.messages.get(&place)
    }

    /// The numbers of messages by their state.
    pub(super) fn counts(&self) -> Counts {
        let delayed = self.waiting.len() - self.in_flight;
        let visible = self.messages.len() - self.waiting.len();
        Counts { visible, in_flight: self.in_flight, delayed }
    }

    /// The total size of all messages in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was sent with the same deduplication id within `window`.
    pub(super) fn sent_before(
        &mut self,
        key: &str,
        now: EpochMillis,
        window: Millis,
    ) -> Option<Sent> {
        self.recent.find(key, now, window)
    }

    /// The number of deduplication ids that are kept.
    pub(super) fn remembered(&self) -> usize {
        self.recent.sent.len()
    }

    /// Keeps what was sent with a deduplication id.
    pub(super) fn remember(&mut self, key: String, now: EpochMillis, sent: Sent) {
        self.recent.add(key, now, sent);
    }

    /// Enters a message into the set of visible ones, or removes it, after a change of its state.
    fn order(&mut self, place: u64) {
        let Some(held) = self.messages.get(&place) else { return };
        if !self.fifo {
            match held.state {
                State::Ready => self.ready.insert(place),
                State::Delayed(_) | State::InFlight(_) => self.ready.remove(&place),
            };
            return;
        }
        // Only the first message of a group is received next. If it is not visible, the group waits for it.
        let places = self.groups.get(group_of(&held.message));
        let Some(&first) = places.and_then(BTreeSet::first) else { return };
        match self.messages.get(&first).map(|held| held.state) {
            Some(State::Ready) => self.ready.insert(first),
            _ => self.ready.remove(&first),
        };
    }
}

fn group_of(message: &Message) -> &str {
    message.group.as_deref().unwrap_or_default()
}

/// What was sent to a FIFO queue lately, by deduplication id.
#[derive(Debug, Default)]
struct Deduplication {
    sent: HashMap<String, (EpochMillis, Sent)>,
    order: VecDeque<(EpochMillis, String)>,
}

impl Deduplication {
    fn find(&mut self, key: &str, now: EpochMillis, window: Millis) -> Option<Sent> {
        while let Some((at, _)) = self.order.front()
            && at.plus(window) <= now
        {
            if let Some((_, key)) = self.order.pop_front() {
                self.sent.remove(&key);
            }
        }
        self.sent.get(key).map(|(_, sent)| sent.clone())
    }

    fn add(&mut self, key: String, now: EpochMillis, sent: Sent) {
        self.order.push_back((now, key.clone()));
        self.sent.insert(key, (now, sent));
    }
}
