//! Durable events: two files for each, written atomically.
//!
//! The payload is written once, before its head. The head makes the event accepted and is rewritten after each attempt. A file
//! is synced before it is renamed. A payload without a head is the leftover of an interrupted write. S3 holds the lock of the
//! data directory, so no other emulator uses these files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Serialize;

use super::event::{EventHead, Letter, QueuedEvent};
use hardcap_core::durable;

const HEAD: &str = "head";
const PAYLOAD: &str = "event";
const LETTER: &str = "letter";

/// The folder of the queue.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Opens or creates the folder, and removes the leftovers of interrupted writes.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to. The message names it.
    pub(super) fn open(folder: &Path) -> io::Result<Disk> {
        let named = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("the data directory {}: {error}", folder.display()),
            )
        };
        fs::create_dir_all(folder).map_err(named)?;
        for entry in fs::read_dir(folder).map_err(named)? {
            let path = entry.map_err(named)?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            let orphan = ending == Some(PAYLOAD) && !path.with_extension(HEAD).exists();
            if orphan || ending == Some("new") {
                fs::remove_file(&path).map_err(named)?;
            }
        }
        Ok(Disk { folder: folder.to_owned() })
    }

    /// All events and letters of earlier runs, oldest first.
    pub(super) fn read(&self) -> io::Result<(Vec<QueuedEvent>, Vec<Letter>)> {
        let (mut events, mut letters) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            match path.extension().and_then(|ending| ending.to_str()) {
                Some(HEAD) => {
                    let head: EventHead = durable::read(&path)?;
                    let payload = Bytes::from(fs::read(path.with_extension(PAYLOAD))?);
                    events.push(QueuedEvent { head, payload });
                }
                Some(LETTER) => letters.push(durable::read::<Letter>(&path)?),
                _ => {}
            }
        }
        events.sort_by_key(|event| (event.head.tries.accepted, event.head.id.clone()));
        letters.sort_by_key(|letter| letter.at);
        Ok((events, letters))
    }

    /// Writes a new event. It is on disk when this returns.
    pub(super) fn accept(&self, event: &QueuedEvent) -> io::Result<()> {
        self.write(&event.head.id, PAYLOAD, &event.payload)?;
        self.update(&event.head)
    }

    /// Rewrites the head of an event.
    pub(super) fn update(&self, head: &EventHead) -> io::Result<()> {
        self.write(&head.id, HEAD, &json(head)?)
    }

    /// Writes a letter.
    pub(super) fn keep(&self, letter: &Letter) -> io::Result<()> {
        self.write(&letter.name(), LETTER, &json(letter)?)
    }

    /// Removes an event: its head first, so that an interrupted removal leaves no event without a payload.
    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        fs::remove_file(self.path(id, HEAD))?;
        fs::remove_file(self.path(id, PAYLOAD))
    }

    /// Removes a letter.
    pub(super) fn forget(&self, letter: &Letter) -> io::Result<()> {
        fs::remove_file(self.path(&letter.name(), LETTER))
    }

    fn write(&self, name: &str, ending: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = self.path(name, &format!("{ending}.new"));
        durable::replace(&self.path(name, ending), &beside, bytes)
    }

    fn path(&self, name: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ending}"))
    }
}

fn json(record: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec(record).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::retry::Tries;
    use hardcap_core::clock::EpochMillis;

    fn event(id: &str, accepted: u64) -> QueuedEvent {
        let accepted = EpochMillis(accepted);
        let tries = Tries { accepted, failures: 0, turned_away: 0 };
        let head = EventHead {
            id: id.to_owned(),
            function: "f".to_owned(),
            trace: String::new(),
            tries,
            due: accepted,
            recursive: false,
        };
        QueuedEvent { head, payload: Bytes::from_static(b"{\"a\": 1}") }
    }

    #[test]
    fn accepted_events_that_were_not_removed_are_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        for (id, at) in [("b", 1), ("a", 2), ("c", 3)] {
            disk.accept(&event(id, at)).unwrap();
        }
        disk.remove("a").unwrap();
        let mut head = event("c", 3).head;
        head.tries.failures = 2;
        disk.update(&head).unwrap();

        let (events, letters) = Disk::open(folder.path()).unwrap().read().unwrap();
        let read: Vec<_> =
            events.iter().map(|e| (e.head.id.as_str(), e.head.tries.failures)).collect();
        assert_eq!(read, [("b", 0), ("c", 2)]);
        assert_eq!(events[0].payload, "{\"a\": 1}");
        assert_eq!(letters, []);
    }

    #[test]
    fn an_interrupted_write_leaves_no_event() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        disk.write("x", PAYLOAD, b"{}").unwrap();
        fs::write(folder.path().join("y.event.new"), "{").unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        assert!(disk.read().unwrap().0.is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_unreadable_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("z.head"), "{").unwrap();
        let error = Disk::open(folder.path()).unwrap().read().unwrap_err().to_string();
        assert!(error.contains("z.head") && error.contains("Remove that file"), "{error}");
    }
}
