//! A property of queues: whatever is sent, received, deleted and waited for, no message is lost, none is received twice within its
//! visibility timeout, and a group of a FIFO queue keeps its order.

use std::collections::BTreeMap;

use hardcap_core::clock::EpochMillis;
use hardcap_limits::Millis;
use proptest::prelude::*;

use super::line::{Line, Want};
use super::message::Message;
use super::receipt::Receipt;

const RETENTION: Millis = Millis(1_000_000);

/// One step of a run.
#[derive(Clone, Debug)]
enum Step {
    Send { group: u8, delay: u64 },
    Receive { count: usize, visibility: u64 },
    Delete { receipt: usize },
    ChangeVisibility { receipt: usize, timeout: u64 },
    Wait { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_u8, 0..3_u64).prop_map(|(group, delay)| Step::Send { group, delay: delay * 50 }),
        (1..4_usize, 0..4_u64)
            .prop_map(|(count, visibility)| Step::Receive { count, visibility: visibility * 50 }),
        (0..20_usize).prop_map(|receipt| Step::Delete { receipt }),
        (0..20_usize, 0..4_u64).prop_map(|(receipt, timeout)| Step::ChangeVisibility {
            receipt,
            timeout: timeout * 50
        }),
        (1..200_u64).prop_map(|millis| Step::Wait { millis }),
    ]
}

fn message(number: usize, group: u8, now: EpochMillis) -> Message {
    Message {
        id: format!("{number:06}"),
        body: number.to_string().into(),
        attributes: std::sync::Arc::default(),
        trace: None,
        group: Some(group.to_string()),
        deduplication: None,
        sender: String::new(),
        sent: now,
        first_received: None,
        receives: 0,
        receives_elsewhere: 0,
        sequence: None,
        moved_from: None,
    }
}

/// What a queue has to contain, as simply as possible.
#[derive(Debug, Default)]
struct Model {
    /// Group and the time until which the message is not visible, by the id of each message that is not deleted.
    messages: BTreeMap<String, (String, EpochMillis)>,
    /// Every receipt, and whether it is the newest of its message.
    receipts: Vec<(Receipt, String)>,
    newest: BTreeMap<String, Receipt>,
}

impl Model {
    fn received(
        &mut self,
        fifo: bool,
        now: EpochMillis,
        visibility: u64,
        got: &[(Receipt, Message)],
    ) {
        if fifo {
            for group in ["0", "1", "2"] {
                let of_group = |(_, (own, _)): &(&String, &(String, EpochMillis))| own == group;
                let expected = self.messages.iter().filter(of_group).map(|(id, _)| id);
                let got = got.iter().filter(|(_, it)| it.group.as_deref() == Some(group));
                let got: Vec<&String> = got.map(|(_, message)| &message.id).collect();
                let expected: Vec<&String> = expected.take(got.len()).collect();
                assert_eq!(got, expected, "the first messages of the group {group}");
            }
        }
        for (receipt, message) in got {
            let (_, hidden) =
                self.messages.get_mut(&message.id).expect("a message that was not deleted");
            assert!(*hidden <= now, "{} is received again within its timeout", message.id);
            *hidden = now.plus(Millis(visibility));
            self.receipts.push((*receipt, message.id.clone()));
            self.newest.insert(message.id.clone(), *receipt);
        }
    }
}

fn run(fifo: bool, steps: Vec<Step>) {
    let (mut line, mut model) = (Line::new(fifo), Model::default());
    let (mut now, mut sent, mut nonce) = (EpochMillis(1_000), 0, 0_u64);
    let mut next = || {
        nonce += 1;
        nonce
    };
    for step in steps {
        line.settle(now, RETENTION);
        match step {
            Step::Send { group, delay } => {
                // The delay of a FIFO queue is one for all its messages.
                let delay = if fifo { 0 } else { delay };
                let message = message(sent, group, now);
                let due = now.plus(Millis(delay));
                model.messages.insert(message.id.clone(), (group.to_string(), due));
                line.push(message, (delay > 0).then_some(due));
                sent += 1;
            }
            Step::Receive { count, visibility } => {
                let want = Want { count, visibility: Millis(visibility), receives_max: None };
                let taken = line.take(now, want, &mut next);
                assert!(taken.received.len() <= count && taken.dead.is_empty());
                let visible = model.messages.values().filter(|(_, hidden)| *hidden <= now).count();
                if !fifo {
                    assert_eq!(taken.received.len(), visible.min(count), "all that is visible");
                }
                model.received(fifo, now, visibility, &taken.received);
            }
            Step::Delete { receipt } => {
                let Some((receipt, id)) = model.receipts.get(receipt).cloned() else { continue };
                let is_newest = model.newest.get(&id) == Some(&receipt);
                let hidden = model.messages.get(&id).is_some_and(|(_, hidden)| *hidden > now);
                let deleted = line.delete(receipt).ok().flatten();
                let expected = model.messages.contains_key(&id) && is_newest && (hidden || !fifo);
                assert_eq!(deleted.is_some(), expected);
                if expected {
                    model.messages.remove(&id);
                }
            }
            Step::ChangeVisibility { receipt, timeout } => {
                let Some((receipt, id)) = model.receipts.get(receipt).cloned() else { continue };
                let spans = (Millis(timeout), Millis(1_000_000));
                if line.change_visibility(now, receipt, spans).is_ok() {
                    assert_eq!(model.newest.get(&id), Some(&receipt));
                    let (_, hidden) = model.messages.get_mut(&id).expect("it is not deleted");
                    // A message that is visible stays visible.
                    if *hidden > now {
                        *hidden = now.plus(Millis(timeout));
                    }
                }
            }
            Step::Wait { millis } => now = now.plus(Millis(millis)),
        }
        let counts = line.counts();
        assert_eq!(counts.visible + counts.in_flight + counts.delayed, model.messages.len());
    }
    now = now.plus(Millis(10_000));
    line.settle(now, RETENTION);
    let want = Want { count: usize::MAX, visibility: Millis(1), receives_max: None };
    let left = line.take(now, want, &mut next);
    assert_eq!(left.received.len(), model.messages.len(), "no message is lost");
    model.received(fifo, now, 1, &left.received);
    assert_eq!(line.settle(now.plus(RETENTION), RETENTION).len(), model.messages.len());
    assert_eq!((line.bytes(), line.next_due(RETENTION)), (0, None));
}

proptest! {
    #[test]
    fn a_standard_queue_loses_no_message_and_gives_none_twice_within_its_timeout(
        steps in prop::collection::vec(step(), 1..80)
    ) {
        run(false, steps);
    }

    #[test]
    fn a_fifo_queue_keeps_the_order_of_each_group(steps in prop::collection::vec(step(), 1..80)) {
        run(true, steps);
    }
}
