//! All queues: created, configured and deleted. `messages` has what happens to their messages, `rules` what SQS refuses.

mod messages;
mod rules;

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

pub use self::rules::refusal;
use super::disk::Disk;
use super::error::{self, SqsError};
use super::line::{Counts, Held, Line};
use super::message::{Message, Received};
use super::settings::Settings;

use self::rules::{name_of, read, small};
use crate::Target;

/// The most queues. The number is hardcap's.
const QUEUES_MAX: usize = 10_000;

/// The number of places that a queue reserves on disk at a time.
const PLACES: u64 = 4096;

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
    /// The end of the reserved places. A later run begins there, because sequence numbers only grow.
    #[serde(default)]
    pub(super) places: u64,
}

/// What a receiver of one call gets.
#[derive(Debug)]
pub(super) struct Receipts {
    pub(super) received: Vec<Received>,
    /// The time at which to look again.
    pub(super) next: Option<EpochMillis>,
    /// The limit of messages in flight and what it would become, if it is reached.
    pub(super) full: Option<(Limit<Count>, u64)>,
    /// Whether messages were moved to the end of the same queue, because it is its own dead-letter queue.
    pub(super) moved_here: bool,
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
            places: held.map_or(PLACES, |held| held.record.places),
        };
        match held {
            Some(_) => self.replace(record),
            None => Ok(self.insert(record)?),
        }
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
        let record = QueueRecord {
            name: name.to_owned(),
            settings,
            created: now,
            modified: now,
            tags,
            template: None,
            places: PLACES,
        };
        self.insert(record)?;
        self.deleted.remove(name);
        Ok(())
    }

    /// Adds a new queue: on disk first.
    fn insert(&mut self, record: QueueRecord) -> io::Result<()> {
        if let Some(disk) = &self.disk {
            disk.create_queue(&record)?;
        }
        let line = Line::new(record.settings.fifo);
        self.queues.insert(record.name.clone(), Queue::new(record, line));
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

    /// `TagQueue`
    pub(super) fn tag(
        &mut self,
        ctx: &Context,
        name: &str,
        tags: IndexMap<String, String>,
    ) -> Result<(), SqsError> {
        let mut record = self.find(name)?.record.clone();
        record.tags.extend(tags);
        if !record.tags.is_empty() {
            ctx.admit(&ctx.limits.sqs_tags, Count(record.tags.len() as u64))?;
        }
        small(&record.tags)?;
        self.replace(record)
    }

    /// `UntagQueue`
    pub(super) fn untag(&mut self, name: &str, keys: &[String]) -> Result<(), SqsError> {
        let mut record = self.find(name)?.record.clone();
        record.tags.retain(|key, _| !keys.contains(key));
        self.replace(record)
    }

    /// Replaces what is known of a queue that exists: on disk first.
    fn replace(&mut self, record: QueueRecord) -> Result<(), SqsError> {
        let disk = self.disk.clone();
        let queue = self.find(&record.name)?;
        if let Some(disk) = &disk {
            disk.write_queue(&record)?;
        }
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
            if place >= self.record.places {
                let record = QueueRecord { places: place + PLACES, ..self.record.clone() };
                disk.write_queue(&record)?;
                self.record = record;
            }
            disk.write(&self.record.name, place, &Held::new(message.clone(), delayed))?;
        }
        self.line.push(message, delayed);
        self.wake.notify_waiters();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
