//! Queues and messages in the data directory: one record for each queue and one for each message.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use hardcap_core::durable::{Folder, file_of};

use super::line::{Held, Line};
use super::store::QueueRecord;

/// The folders of the data directory.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    queues: Folder,
    messages: Folder,
}

impl Disk {
    /// Opens or creates the folders.
    pub(super) fn open(root: &Path) -> io::Result<Disk> {
        Ok(Disk {
            queues: Folder::open(&root.join("queues"))?,
            messages: Folder::open(&root.join("messages"))?,
        })
    }

    /// The queues of earlier runs with their messages.
    pub(super) fn read(&self) -> io::Result<Vec<(QueueRecord, Line)>> {
        let mut queues = Vec::new();
        let names = self.queues.names()?;
        self.remove_messages_without_queue(&names)?;
        for name in names {
            let record: QueueRecord = self.queues.read(&name)?;
            let folder = self.messages.inner(&file_of(&record.name));
            let mut places = folder.names()?;
            // The names have leading zeros, so their order is that of the places.
            places.sort();
            let mut line = Line::new(record.settings.fifo);
            for place in places {
                let held: Held = folder.read(&place)?;
                line.restore(place.parse().map_err(io::Error::other)?, held);
            }
            line.skip_to(record.places);
            queues.push((record, line));
        }
        Ok(queues)
    }

    /// Removes what a crash left of deleted queues. A queue of the same name would have the messages otherwise.
    fn remove_messages_without_queue(&self, queues: &[String]) -> io::Result<()> {
        let is_folder = |name: &str| name.len() == file_of("").len();
        let known: HashSet<&String> = queues.iter().collect();
        let folders = self.messages.names()?;
        let without = folders.iter().filter(|name| is_folder(name) && !known.contains(name));
        without.into_iter().try_for_each(|name| self.messages.inner(name).remove_all())
    }

    /// Writes a new queue. It has no messages, also if the removal of an earlier queue of the same name failed.
    pub(super) fn create_queue(&self, record: &QueueRecord) -> io::Result<()> {
        let messages = self.messages.inner(&file_of(&record.name));
        messages.remove_all()?;
        messages.create()?;
        self.write_queue(record)
    }

    /// Writes the record of a queue that exists.
    pub(super) fn write_queue(&self, record: &QueueRecord) -> io::Result<()> {
        self.queues.write(&file_of(&record.name), record)
    }

    /// Removes a queue and its messages. The record is first, so a crash can only leave messages without a queue.
    pub(super) fn remove_queue(&self, name: &str) -> io::Result<()> {
        self.queues.remove(&file_of(name))?;
        self.messages.inner(&file_of(name)).remove_all()
    }

    /// Writes a message at its place.
    pub(super) fn write(&self, queue: &str, place: u64, held: &Held) -> io::Result<()> {
        self.messages.inner(&file_of(queue)).write(&file(place), held)
    }

    /// Removes messages.
    pub(super) fn remove(&self, queue: &str, places: &[u64]) -> io::Result<()> {
        let folder = self.messages.inner(&file_of(queue));
        places.iter().try_for_each(|place| folder.remove(&file(*place)))
    }
}

fn file(place: u64) -> String {
    format!("{place:020}")
}
