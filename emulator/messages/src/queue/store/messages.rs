//! The messages of all queues: sent, received, deleted, and moved to dead-letter queues.

use std::sync::Arc;

use hardcap_core::clock::EpochMillis;
use hardcap_core::config;
use hardcap_core::context::Context;
use hardcap_limits::{Count, Limits, Millis};

use super::super::error::{self, SqsError};
use super::super::line::{Counts, HandleError, Taken, Want};
use super::super::message::{Message, NewMessage, Received, Sent};
use super::super::receipt::Receipt;
use super::super::send;
use super::{Receipts, Store};
use crate::Target;

/// The most messages of all queues. The number is hardcap's: AWS has none.
const MESSAGES_MAX: usize = 500_000;
/// The most bytes of all messages. The number is hardcap's.
const BYTES_MAX: u64 = 1 << 30;
/// The most deduplication ids of a queue within their window. The number is hardcap's.
const IDS_MAX: usize = 200_000;

impl Store {
    /// Sends a message if the rules of its queue admit it.
    pub(in crate::queue) fn admit_and_send(
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
            receives_elsewhere: 0,
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
    pub(in crate::queue) fn receive(
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
        let mut moved_here = false;
        if let Some((target, _)) = target {
            moved_here = target == name && !dead.is_empty();
            self.bury(name, &target, &from, (dead, now))?;
        }
        Ok(Receipts { received, next, full, moved_here })
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
            // Without this, queues that are dead-letter queues of each other would move a message without end.
            message.receives_elsewhere = message.receives;
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
    pub(in crate::queue) fn delete_message(
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
    pub(in crate::queue) fn change_visibility(
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
    pub(in crate::queue) fn purge(&mut self, ctx: &Context, name: &str) -> Result<(), SqsError> {
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
    pub(super) fn settle(&mut self, name: &str, now: EpochMillis) -> Result<(), SqsError> {
        let disk = self.disk.clone();
        let queue = self.find(name)?;
        let expired = queue.line.settle(now, queue.retention());
        if let Some(disk) = &disk {
            disk.remove(name, &expired)?;
        }
        Ok(())
    }

    /// Refuses a message if all messages together would exceed the maximum.
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
