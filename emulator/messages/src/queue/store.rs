//! All queues: created, deleted, sent to and received from. What was received too often goes to the dead-letter queue.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hardcap_core::clock::EpochMillis;
use hardcap_core::config;
use hardcap_core::context::Context;
use hardcap_limits::{Count, Limit, Limits, Millis};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::disk::Disk;
use super::error::{self, SqsError};
use super::line::{Counts, HandleError, Held, Line, Taken, Want};
use super::message::{Message, NewMessage, Received, Sent};
use super::receipt::Receipt;
use super::send;
use super::settings::Settings;
use crate::Target;

/// The most messages of all queues. The number is hardcap's: AWS has none.
const MESSAGES_MAX: usize = 500_000;
/// The most bytes of all messages. The number is hardcap's.
const BYTES_MAX: u64 = 1 << 30;
/// The most deduplication ids of a queue within their window. The number is hardcap's.
const IDS_MAX: usize = 200_000;
/// The most bytes of the attributes and the tags of a queue. The number is hardcap's.
const RECORD_MAX: usize = 32 * 1024;
/// The most queues. The number is hardcap's.
const QUEUES_MAX: usize = 10_000;

/// All queues by name.
#[derive(Debug)]
pub(super) struct Store {
    region: Arc<str>,
    queues: BTreeMap<String, Queue>,
    /// The times at which queues were deleted.
    deleted: BTreeMap<String, EpochMillis>,
    disk: Option<Disk>,
}

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) record: QueueRecord,
    pub(super) line: Line,
    purged: Option<EpochMillis>,
    /// Notified when a message may have become visible.
    pub(super) wake: Arc<Notify>,
}

/// What is known of a queue without its messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct QueueRecord {
    pub(super) name: String,
    pub(super) settings: Settings,
    pub(super) created: EpochMillis,
    pub(super) modified: EpochMillis,
    #[serde(default)]
    pub(super) tags: IndexMap<String, String>,
    /// The attributes of the template that were set last.
    #[serde(default)]
    template: Option<IndexMap<String, String>>,
}

/// What a receiver of one call gets.
#[derive(Debug)]
pub(super) struct Receipts {
    pub(super) received: Vec<Received>,
    /// The time at which to look again.
    pub(super) next: Option<EpochMillis>,
    /// The limit of messages in flight and what it would become, if it is reached.
    pub(super) full: Option<(Limit<Count>, u64)>,
}

impl Store {
    /// Opens the store, with the queues of earlier runs if there is a folder.
    pub(super) fn open(region: &Arc<str>, root: Option<&Path>) -> io::Result<Store> {
        let disk = root.map(Disk::open).transpose()?;
        let mut queues = BTreeMap::new();
        for (record, line) in disk.as_ref().map(Disk::read).transpose()?.unwrap_or_default() {
            queues.insert(record.name.clone(), Queue::new(record, line));
        }
        Ok(Store { region: Arc::clone(region), queues, deleted: BTreeMap::new(), disk })
    }

    /// Creates a queue of the template, or changes its attributes if they have changed in the template.
    pub(super) fn provide(
        &mut self,
        queue: &config::Queue,
        limits: &Limits,
        now: EpochMillis,
    ) -> Result<(), SqsError> {
        let config::Queue { name, attributes, tags, .. } = queue;
        let held = self.queues.get(name);
        if held.is_some_and(|held| held.record.template.as_ref() == Some(attributes)) {
            return Ok(());
        }
        name_of(name, attributes, limits)?;
        let fifo = name.ends_with(".fifo");
        let settings = read(fifo, attributes, limits)?;
        let created = held.map_or(now, |held| held.record.created);
        let record = QueueRecord {
            name: name.clone(),
            settings,
            created,
            modified: now,
            tags: tags.clone(),
            template: Some(attributes.clone()),
        };
        self.write(&record)?;
        match self.queues.get_mut(name) {
            Some(held) => held.record = record,
            None => {
                self.queues.insert(name.clone(), Queue::new(record, Line::new(fifo)));
            }
        }
        Ok(())
    }

    /// `CreateQueue`. A queue that exists with the same attributes stays as it is.
    pub(super) fn create(
        &mut self,
        ctx: &Context,
        name: &str,
        attributes: &IndexMap<String, String>,
        tags: IndexMap<String, String>,
    ) -> Result<(), SqsError> {
        let (limits, now) = (&ctx.limits, ctx.clock.now());
        name_of(name, attributes, limits)?;
        small(attributes)?;
        small(&tags)?;
        let settings = read(name.ends_with(".fifo"), attributes, limits)?;
        if let Some(held) = self.queues.get(name) {
            return match held.record.settings.first_difference(attributes, limits) {
                None => Ok(()),
                Some(attribute) => Err(SqsError::api(
                    &error::QUEUE_NAME_EXISTS,
                    format!(
                        "A queue already exists with the same name and a different value for attribute {attribute}"
                    ),
                )),
            };
        }
        if let Some(deleted) = self.deleted.get(name) {
            // Whole seconds, as the API counts them.
            ctx.admit_least(&limits.sqs_recreate_wait, now.since(*deleted))?;
        }
        self.check_target(&settings, attributes)?;
        if self.queues.len() >= QUEUES_MAX {
            let text = format!("hardcap has {QUEUES_MAX} queues, the maximum. Delete some.");
            return Err(SqsError::api(&error::FULL, text));
        }
        let fifo = settings.fifo;
        let (name, template) = (name.to_owned(), None);
        let record = QueueRecord {
            name: name.clone(),
            settings,
            created: now,
            modified: now,
            tags,
            template,
        };
        self.write(&record)?;
        self.deleted.remove(&name);
        self.queues.insert(name, Queue::new(record, Line::new(fifo)));
        Ok(())
    }

    /// `SetQueueAttributes`
    pub(super) fn configure(
        &mut self,
        ctx: &Context,
        name: &str,
        attributes: &IndexMap<String, String>,
    ) -> Result<(), SqsError> {
        small(attributes)?;
        let mut record = self.find(name)?.record.clone();
        if let Some(value) = attributes.get("FifoQueue")
            && !record.settings.fifo
        {
            return Err(match value.as_str() {
                "true" | "false" => SqsError::unknown_attribute("FifoQueue"),
                _ => SqsError::invalid_value("FifoQueue"),
            });
        }
        for (attribute, value) in attributes {
            record.settings.set(attribute, value, &ctx.limits)?;
        }
        self.check_target(&record.settings, attributes)?;
        record.modified = ctx.clock.now();
        self.replace(record)
    }

    /// Replaces what is known of a queue that exists.
    pub(super) fn replace(&mut self, record: QueueRecord) -> Result<(), SqsError> {
        small(&record.tags)?;
        self.write(&record)?;
        let queue = self.find(&record.name.clone())?;
        queue.record = record;
        queue.wake.notify_waiters();
        Ok(())
    }

    /// The dead-letter queue must exist and be of the same type.
    fn check_target(
        &self,
        settings: &Settings,
        attributes: &IndexMap<String, String>,
    ) -> Result<(), SqsError> {
        let (Some(redrive), Some(value)) = (&settings.redrive, attributes.get("RedrivePolicy"))
        else {
            return Ok(());
        };
        let name = match Target::of(&redrive.target) {
            Some(Target::Queue(name)) => name,
            _ => String::new(),
        };
        match self.queues.get(&name) {
            None => {
                let reason = "Dead letter target does not exist.";
                Err(SqsError::invalid(value, "RedrivePolicy", reason))
            }
            Some(target) if target.record.settings.fifo != settings.fifo => {
                let reason = "Dead-letter queue must be same type of queue as the source.";
                Err(SqsError::invalid(value, "RedrivePolicy", reason))
            }
            Some(_) => Ok(()),
        }
    }

    /// `DeleteQueue`
    pub(super) fn delete(&mut self, name: &str, now: EpochMillis) -> Result<(), SqsError> {
        self.find(name)?;
        if let Some(disk) = &self.disk {
            disk.remove_queue(name)?;
        }
        if let Some(queue) = self.queues.remove(name) {
            queue.wake.notify_waiters();
        }
        self.deleted.insert(name.to_owned(), now);
        while self.deleted.len() > QUEUES_MAX {
            self.deleted.pop_first();
        }
        Ok(())
    }

    /// Removes every queue.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let names: Vec<String> = self.queues.keys().cloned().collect();
        for name in names {
            if let Some(disk) = &self.disk {
                disk.remove_queue(&name)?;
            }
            if let Some(queue) = self.queues.remove(&name) {
                queue.wake.notify_waiters();
            }
        }
        self.deleted.clear();
        Ok(())
    }

    /// A queue.
    pub(super) fn find(&mut self, name: &str) -> Result<&mut Queue, SqsError> {
        self.queues.get_mut(name).ok_or_else(SqsError::no_queue)
    }

    /// Every queue, ordered by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Queue> {
        self.queues.values()
    }

    /// The attributes of a queue, with counts and times.
    pub(super) fn attributes(
        &mut self,
        name: &str,
        limits: &Limits,
        now: EpochMillis,
    ) -> Result<IndexMap<String, String>, SqsError> {
        self.settle(name, now)?;
        let arn = config::queue_arn(&self.region, name);
        let queue = self.find(name)?;
        let mut shown = queue.record.settings.shown(limits);
        let Counts { visible, in_flight, delayed } = queue.line.counts();
        for (attribute, value) in [
            ("ApproximateNumberOfMessages", visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", delayed.to_string()),
            ("CreatedTimestamp", (queue.record.created.0 / 1000).to_string()),
            ("LastModifiedTimestamp", (queue.record.modified.0 / 1000).to_string()),
            ("QueueArn", arn),
        ] {
            shown.insert(attribute.to_owned(), value);
        }
        Ok(shown)
    }

    /// Sends a message if the rules of its queue admit it.
    pub(super) fn admit_and_send(
        &mut self,
        ctx: &Context,
        name: &str,
        mut new: NewMessage,
    ) -> Result<Sent, SqsError> {
        send::check(ctx, &self.find(name)?.record.settings, &mut new)?;
        self.send(name, new, (&ctx.limits, ctx.clock.now()))
    }

    /// Sends a message that was admitted.
    fn send(
        &mut self,
        name: &str,
        new: NewMessage,
        (limits, now): (&Limits, EpochMillis),
    ) -> Result<Sent, SqsError> {
        self.settle(name, now)?;
        self.admit_more(new.size() as u64)?;
        let disk = self.disk.clone();
        let queue = self.find(name)?;
        let settings = &queue.record.settings;
        let key = settings.fifo.then(|| send::deduplication_key(settings, &new));
        if let Some(key) = &key
            && let Some(sent) =
                queue.line.sent_before(key, now, limits.sqs_deduplication_window.max)
        {
            return Ok(sent);
        }
        if queue.line.remembered() >= IDS_MAX {
            let text = format!(
                "hardcap keeps {IDS_MAX} deduplication ids of a queue, the maximum. Send more slowly, or advance the clock."
            );
            return Err(SqsError::api(&error::FULL, text));
        }
        let place = queue.line.next_place();
        let delay = new.delay_seconds.and_then(|delay| u64::try_from(delay).ok());
        // A FIFO queue has no delays of its messages; 0 means the delay of the queue there.
        let delay = delay.filter(|delay| !settings.fifo || *delay > 0);
        let delay = delay.or(settings.delay_seconds).unwrap_or(0);
        let id = uuid::Uuid::new_v4().to_string();
        let sequence = settings.fifo.then(|| sequence(place));
        let sent = Sent { id: id.clone(), sequence: sequence.clone() };
        let message = Message {
            id,
            body: new.body.into(),
            attributes: Arc::new(new.attributes),
            trace: new.trace,
            group: new.group,
            deduplication: key.is_some().then(|| new.deduplication.unwrap_or_default()),
            sender: new.sender,
            sent: now,
            first_received: None,
            receives: 0,
            sequence,
            moved_from: None,
        };
        let delayed = (delay > 0).then(|| now.plus(Millis(delay * 1000)));
        queue.put(disk.as_ref(), message, delayed)?;
        if let Some(key) = key {
            queue.line.remember(key, now, sent.clone());
        }
        Ok(sent)
    }

    /// Receives what is visible now.
    pub(super) fn receive(
        &mut self,
        ctx: &Context,
        name: &str,
        want: Want,
    ) -> Result<Receipts, SqsError> {
        let now = ctx.clock.now();
        self.settle(name, now)?;
        let target = self.target_of(name);
        let (disk, region) = (self.disk.clone(), Arc::clone(&self.region));
        let queue = self.find(name)?;
        let limit = match queue.record.settings.fifo {
            true => &ctx.limits.sqs_in_flight_fifo,
            false => &ctx.limits.sqs_in_flight,
        };
        let in_flight = queue.line.counts().in_flight;
        let left = limit.max.0.saturating_sub(in_flight as u64);
        // Not recorded as a refusal for each look of a long poll: the caller decides.
        let full = (left == 0).then_some((*limit, in_flight as u64 + 1));
        let receives_max = target.as_ref().map(|(_, most)| *most);
        let count = want.count.min(usize::try_from(left).unwrap_or(usize::MAX));
        let Taken { received, dead } =
            queue.line.take(now, Want { count, receives_max, ..want }, nonce);
        if let Some(disk) = &disk {
            for (receipt, _) in &received {
                if let Some(held) = queue.line.get(receipt.place) {
                    disk.write(name, receipt.place, held)?;
                }
            }
        }
        if !received.is_empty() {
            ctx.admit(limit, Count(queue.line.counts().in_flight as u64))?;
        }
        let next = queue.next_due();
        let received = received
            .into_iter()
            .map(|(receipt, message)| Received { receipt: receipt.handle(name), message });
        let received = received.collect();
        let from = config::queue_arn(&region, name);
        if let Some((target, _)) = target {
            self.bury(name, &target, &from, (dead, now))?;
        }
        Ok(Receipts { received, next, full })
    }

    /// The dead-letter queue of a queue, if it exists, and the most receipts before it.
    fn target_of(&self, name: &str) -> Option<(String, u64)> {
        let redrive = self.queues.get(name)?.record.settings.redrive.as_ref()?;
        match Target::of(&redrive.target)? {
            Target::Queue(target) if self.queues.contains_key(&target) => {
                Some((target, redrive.receives_max))
            }
            _ => None,
        }
    }

    /// Moves messages to a dead-letter queue. They are written there first, so a crash can only repeat the move.
    fn bury(
        &mut self,
        from: &str,
        to: &str,
        arn: &str,
        (dead, now): (Vec<(u64, Message)>, EpochMillis),
    ) -> Result<(), SqsError> {
        let disk = self.disk.clone();
        let mut places = Vec::new();
        let target = self.find(to)?;
        for (place, mut message) in dead {
            message.moved_from = Some(arn.to_owned());
            if target.record.settings.fifo {
                // The time of sending starts anew only in a FIFO queue (SQS developer guide, dead-letter queues).
                message.sent = now;
                message.sequence = Some(sequence(target.line.next_place()));
            }
            target.put(disk.as_ref(), message, None)?;
            places.push(place);
        }
        if let Some(disk) = &disk {
            disk.remove(from, &places)?;
        }
        Ok(())
    }

    /// `DeleteMessage`
    pub(super) fn delete_message(
        &mut self,
        name: &str,
        handle: &str,
        now: EpochMillis,
    ) -> Result<(), SqsError> {
        self.settle(name, now)?;
        let disk = self.disk.clone();
        let queue = self.find(name)?;
        let receipt = receipt(handle, name)?;
        match queue.line.delete(receipt) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => {
                if let Some(disk) = &disk {
                    disk.remove(name, &[receipt.place])?;
                }
                // The next message of its group may be visible now.
                queue.wake.notify_waiters();
                Ok(())
            }
            Err(_) => {
                let reason = "The receipt handle has expired.";
                Err(SqsError::invalid(handle, "ReceiptHandle", reason))
            }
        }
    }

    /// `ChangeMessageVisibility`, with a timeout that was admitted.
    pub(super) fn change_visibility(
        &mut self,
        name: &str,
        handle: &str,
        timeout: u64,
        (limits, now): (&Limits, EpochMillis),
    ) -> Result<(), SqsError> {
        self.settle(name, now)?;
        let disk = self.disk.clone();
        let queue = self.find(name)?;
        let receipt = receipt(handle, name)?;
        let most = limits.sqs_visibility.max.0;
        let spans = (Millis(timeout * 1000), Millis(most * 1000));
        let refused = |error| match error {
            HandleError::Gone => SqsError::invalid(
                handle,
                "ReceiptHandle",
                "Message does not exist or is not available for visibility timeout change.",
            ),
            HandleError::Expired => {
                SqsError::invalid(handle, "ReceiptHandle", "The receipt handle has expired.")
            }
            HandleError::TooLong => SqsError::invalid(
                &timeout.to_string(),
                "VisibilityTimeout",
                &format!(
                    "Total VisibilityTimeout for the message is beyond the limit [{most} seconds]"
                ),
            ),
        };
        queue.line.change_visibility(now, receipt, spans).map_err(refused)?;
        if let (Some(disk), Some(held)) = (&disk, queue.line.get(receipt.place)) {
            disk.write(name, receipt.place, held)?;
        }
        queue.wake.notify_waiters();
        Ok(())
    }

    /// `PurgeQueue`
    pub(super) fn purge(&mut self, ctx: &Context, name: &str) -> Result<(), SqsError> {
        let now = ctx.clock.now();
        let disk = self.disk.clone();
        let queue = self.find(name)?;
        if let Some(purged) = queue.purged
            && ctx.admit_least(&ctx.limits.sqs_purge_interval, now.since(purged)).is_err()
        {
            let seconds = ctx.limits.sqs_purge_interval.max.0 / 1000;
            return Err(SqsError::api(
                &error::PURGE_IN_PROGRESS,
                format!(
                    "Only one PurgeQueue operation on {name} is allowed every {seconds} seconds."
                ),
            ));
        }
        queue.purged = Some(now);
        let places = queue.line.clear();
        if let Some(disk) = &disk {
            disk.remove(name, &places)?;
        }
        Ok(())
    }

    /// Makes due messages visible and removes expired ones.
    fn settle(&mut self, name: &str, now: EpochMillis) -> Result<(), SqsError> {
        let disk = self.disk.clone();
        let queue = self.find(name)?;
        let expired = queue.line.settle(now, queue.retention());
        if let Some(disk) = &disk {
            disk.remove(name, &expired)?;
        }
        Ok(())
    }

    /// Refuses a message for which there is no room.
    fn admit_more(&self, bytes: u64) -> Result<(), SqsError> {
        let (mut count, mut held) = (0, 0);
        for queue in self.queues.values() {
            let Counts { visible, in_flight, delayed } = queue.line.counts();
            count += visible + in_flight + delayed;
            held += queue.line.bytes();
        }
        if count < MESSAGES_MAX && held + bytes <= BYTES_MAX {
            return Ok(());
        }
        let text = format!(
            "hardcap's queues are full: they contain {count} messages of {held} bytes, the maximum is {MESSAGES_MAX} \
             messages and {BYTES_MAX} bytes. Receive and delete some."
        );
        Err(SqsError::api(&error::FULL, text))
    }

    fn write(&self, record: &QueueRecord) -> io::Result<()> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.write_queue(record))
    }
}

impl Queue {
    fn new(record: QueueRecord, line: Line) -> Queue {
        Queue { record, line, purged: None, wake: Arc::default() }
    }

    fn retention(&self) -> Millis {
        Millis(self.record.settings.retention() * 1000)
    }

    /// The time at which a message becomes visible or expires next.
    fn next_due(&self) -> Option<EpochMillis> {
        self.line.next_due(self.retention())
    }

    /// Adds a message: on disk first.
    fn put(
        &mut self,
        disk: Option<&Disk>,
        message: Message,
        delayed: Option<EpochMillis>,
    ) -> io::Result<()> {
        let place = self.line.next_place();
        if let Some(disk) = disk {
            disk.write(&self.record.name, place, &Held::new(message.clone(), delayed))?;
        }
        self.line.push(message, delayed);
        self.wake.notify_waiters();
        Ok(())
    }
}

/// Checks the name and the attributes of a configured queue. Pure.
///
/// # Errors
///
/// AWS's refusal.
pub fn refusal(queue: &config::Queue, limits: &Limits) -> Result<(), SqsError> {
    name_of(&queue.name, &queue.attributes, limits)?;
    read(queue.name.ends_with(".fifo"), &queue.attributes, limits).map(|_| ())
}

/// Reads the attributes of a queue that is created.
fn read(
    fifo: bool,
    attributes: &IndexMap<String, String>,
    limits: &Limits,
) -> Result<Settings, SqsError> {
    let mut settings = Settings { fifo, ..Settings::default() };
    for (name, value) in attributes {
        match (name.as_str(), fifo) {
            // A standard queue has no such attribute (LocalStack's snapshots of AWS).
            ("FifoQueue", false) => return Err(SqsError::unknown_attribute(name)),
            _ => settings.set(name, value, limits)?,
        }
    }
    Ok(settings)
}

/// Checks a queue's name.
fn name_of(
    name: &str,
    attributes: &IndexMap<String, String>,
    limits: &Limits,
) -> Result<(), SqsError> {
    let plain = match (name.strip_suffix(".fifo"), attributes.get("FifoQueue")) {
        (Some(plain), Some(fifo)) if fifo == "true" => plain,
        (None, Some(fifo)) if fifo == "true" => {
            let text = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must \
                        end with .fifo suffix and be 1 to 80 in length.";
            return Err(SqsError::api(&error::INVALID_PARAMETER, text));
        }
        _ => name,
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = limits.sqs_queue_name.admit(Count(name.chars().count() as u64)).is_ok();
    if !plain.is_empty() && plain.chars().all(valid) && fits {
        return Ok(());
    }
    let most = limits.sqs_queue_name.max.0;
    let text = format!(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to {most} in length"
    );
    Err(SqsError::api(&error::INVALID_PARAMETER, text))
}

/// Refuses attributes or tags that would take too much memory.
fn small(texts: &IndexMap<String, String>) -> Result<(), SqsError> {
    let bytes: usize = texts.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes <= RECORD_MAX {
        return Ok(());
    }
    let text = format!(
        "hardcap's queues have at most {RECORD_MAX} bytes of attributes, and as many of tags; these are {bytes} bytes."
    );
    Err(SqsError::api(&error::INVALID_PARAMETER, text))
}

fn receipt(handle: &str, queue: &str) -> Result<Receipt, SqsError> {
    Receipt::parse(handle, queue).ok_or_else(|| {
        let text = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
        SqsError::api(&error::RECEIPT_HANDLE, text)
    })
}

/// `SequenceNumber` of the message at a place: 20 digits that grow, as on AWS.
fn sequence(place: u64) -> String {
    (18_849_496_460_467_696_128_u128 + u128::from(place) * 256).to_string()
}

fn nonce() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}
