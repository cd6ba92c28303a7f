//! What is on disk after a crash, a deletion and a restart.

use std::fs;

use hardcap_core::context::Platform;
use hardcap_core::durable::file_of;
use hardcap_core::keyring::Keyring;
use tempfile::TempDir;

use super::*;
use crate::queue::line::Want;
use crate::queue::message::{NewMessage, Sent};

fn context() -> Context {
    Platform::new("us-east-1", Limits::classic(), Keyring::default()).context()
}

fn open(data: &TempDir) -> Store {
    Store::open(&"us-east-1".into(), Some(data.path())).unwrap()
}

fn create(store: &mut Store, name: &str) {
    let queue = config::Queue::new(name);
    store.create(&context(), name, &queue.attributes, IndexMap::new()).unwrap();
}

fn send(store: &mut Store, name: &str, body: &str) -> Sent {
    let mut new = NewMessage::new(body.to_owned());
    if name.ends_with(".fifo") {
        (new.group, new.deduplication) = (Some("g".to_owned()), Some(body.to_owned()));
    }
    store.admit_and_send(&context(), name, new).unwrap()
}

fn receive(store: &mut Store, name: &str) -> Vec<Received> {
    let want = Want { count: 10, visibility: Millis(60_000), receives_max: None };
    store.receive(&context(), name, want).unwrap().received
}

#[test]
fn a_new_queue_has_no_messages_of_one_whose_deletion_was_interrupted() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(&data);
    create(&mut store, "q");
    create(&mut store, "other");
    send(&mut store, "q", "old");
    send(&mut store, "other", "kept");
    drop(store);
    // A crash between the two steps of a deletion.
    fs::remove_file(data.path().join("queues/records").join(file_of("q"))).unwrap();
    let mut store = open(&data);
    assert!(!data.path().join("messages/records").join(file_of("q")).exists());
    create(&mut store, "q");
    drop(store);
    let mut store = open(&data);
    assert_eq!(receive(&mut store, "q").len(), 0);
    assert_eq!(receive(&mut store, "other").len(), 1);
}

#[test]
fn a_new_queue_has_no_messages_of_one_whose_deletion_failed() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(&data);
    create(&mut store, "old");
    send(&mut store, "old", "old");
    let folder = data.path().join("messages/records");
    fs::rename(folder.join(file_of("old")), folder.join(file_of("new"))).unwrap();
    create(&mut store, "new");
    drop(store);
    assert_eq!(receive(&mut open(&data), "new").len(), 0);
}

#[test]
fn a_change_of_a_deleted_queue_fails_and_is_not_on_disk() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(&data);
    create(&mut store, "q");
    let record = store.find("q").unwrap().record.clone();
    store.delete("q", context().clock.now()).unwrap();
    assert!(store.replace(record).is_err());
    let tags = IndexMap::from([("k".to_owned(), "v".to_owned())]);
    assert!(store.tag(&context(), "q", tags).is_err());
    assert!(store.untag("q", &["k".to_owned()]).is_err());
    assert!(store.configure(&context(), "q", &IndexMap::new()).is_err());
    drop(store);
    assert_eq!(open(&data).all().count(), 0);
}

#[test]
fn the_changes_of_tags_and_attributes_are_all_kept() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(&data);
    create(&mut store, "q");
    for key in ["a", "b"] {
        let tags = IndexMap::from([(key.to_owned(), "v".to_owned())]);
        store.tag(&context(), "q", tags).unwrap();
        let attributes = IndexMap::from([("VisibilityTimeout".to_owned(), "7".to_owned())]);
        store.configure(&context(), "q", &attributes).unwrap();
    }
    store.untag("q", &["a".to_owned()]).unwrap();
    drop(store);
    let mut store = open(&data);
    let record = &store.find("q").unwrap().record;
    assert_eq!(record.tags.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(record.settings.visibility(), 7);
}

#[test]
fn sequence_numbers_grow_over_restarts_even_if_no_message_remains() {
    let data = tempfile::tempdir().unwrap();
    let mut last = String::new();
    for restart in 0..3 {
        let mut store = open(&data);
        if restart == 0 {
            create(&mut store, "q.fifo");
        }
        for number in 0..2 {
            let sent = send(&mut store, "q.fifo", &format!("{restart}-{number}"));
            let sequence = sent.sequence.unwrap();
            assert_eq!(sequence.len(), 20);
            assert!(sequence > last, "{sequence} follows {last}");
            last = sequence;
        }
        for received in receive(&mut store, "q.fifo") {
            let now = context().clock.now();
            store.delete_message("q.fifo", &received.receipt, now).unwrap();
        }
    }
}

#[test]
fn a_queue_reserves_more_places_before_it_uses_them() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(&data);
    create(&mut store, "q");
    store.find("q").unwrap().line.skip_to(PLACES - 1);
    for expected in [PLACES, 2 * PLACES] {
        send(&mut store, "q", "x");
        assert_eq!(open(&data).find("q").unwrap().line.next_place(), expected);
    }
}
