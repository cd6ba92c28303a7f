//! Publishing: the rules for a message and a batch, and the delivery to the subscriptions that want it.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_core::clock::EpochMillis;
use hardcap_core::context::Context;
use hardcap_limits::{Bytes as ByteCount, Count};

use super::Topics;
use super::error::SnsError;
use super::fifo::Published;
use super::message::{NewNotification, Notification};
use super::subscription::Subscription;
use crate::Target;
use crate::queue::NewMessage;
use crate::queue::attribute::Attributes;

/// The sender of messages to queues. On AWS it is the id of an account of SNS.
const SENDER: &str = "AIDASNS";
/// The longest id of a group and of a deduplication (SNS API reference, Publish).
const ID_MAX: usize = 128;

/// An entry of a batch.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) message: NewNotification,
}

/// A message that was accepted, and the subscriptions that get it.
struct Accepted {
    topic_arn: String,
    is_fifo: bool,
    published: Published,
    message: NewNotification,
    at: EpochMillis,
    subscriptions: Vec<Subscription>,
}

impl Topics {
    /// Publishes a message to a topic. It is with its subscribers' queues, or with Lambda, when this returns.
    ///
    /// # Errors
    ///
    /// AWS's refusal. A delivery that fails is not an error: the message goes to the dead-letter queue of the subscription, or is
    /// named in a log line.
    pub fn publish<'a>(
        &'a self,
        ctx: &'a Context,
        topic: &'a str,
        message: NewNotification,
    ) -> BoxFuture<'a, Result<Published, SnsError>> {
        Box::pin(async move {
            self.check(ctx, topic, &message)?;
            ctx.admit(&ctx.limits.sns_message, ByteCount(message.size() as u64))?;
            self.accept(ctx, topic, message).await
        })
    }

    /// Publishes the messages of a batch.
    pub(super) async fn publish_batch(
        &self,
        ctx: &Context,
        topic: &str,
        entries: Vec<Entry>,
    ) -> Result<Vec<(String, Published)>, SnsError> {
        if self.shared.store().get(topic).is_none() {
            return Err(SnsError::no_topic());
        }
        check_ids(ctx, &entries)?;
        let size: usize = entries.iter().map(|entry| entry.message.size()).sum();
        ctx.admit(&ctx.limits.sns_batch, ByteCount(size as u64))?;
        entries.iter().try_for_each(|entry| self.check(ctx, topic, &entry.message))?;
        let mut published = Vec::with_capacity(entries.len());
        for Entry { id, message } in entries {
            published.push((id, self.accept(ctx, topic, message).await?));
        }
        Ok(published)
    }

    /// The rules for a message of a topic, except for its size.
    fn check(&self, ctx: &Context, topic: &str, message: &NewNotification) -> Result<(), SnsError> {
        message.check()?;
        let (is_fifo, by_content) = {
            let store = self.shared.store();
            let topic = store.get(topic).ok_or_else(SnsError::no_topic)?;
            (topic.is_fifo(), topic.deduplicates_by_content())
        };
        if let Some(subject) = &message.subject {
            ctx.admit(&ctx.limits.sns_subject, Count(subject.chars().count() as u64))?;
        }
        if is_fifo && message.group.as_deref().unwrap_or_default().is_empty() {
            let text = "The MessageGroupId parameter is required for FIFO topics";
            return Err(SnsError::invalid(text));
        }
        if is_fifo && message.deduplication.is_none() && !by_content {
            return Err(SnsError::invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
            ));
        }
        if !is_fifo && message.deduplication.is_some() {
            return Err(SnsError::invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
            ));
        }
        check_id("MessageGroupId", message.group.as_deref())?;
        check_id("MessageDeduplicationId", message.deduplication.as_deref())
    }

    async fn accept(
        &self,
        ctx: &Context,
        topic: &str,
        message: NewNotification,
    ) -> Result<Published, SnsError> {
        let at = ctx.clock.now();
        let accepted = {
            let store = self.shared.store();
            let found = store.get(topic).ok_or_else(SnsError::no_topic)?;
            let wants = |it: &&Subscription| {
                let filter = store.filter(topic, &it.id);
                filter.is_none_or(|it| it.passes(&message.message, &message.attributes))
            };
            let subscriptions = found.subscriptions.iter().filter(wants).cloned().collect();
            let id = uuid::Uuid::new_v4().to_string();
            let is_fifo = found.is_fifo();
            let published = match is_fifo {
                true => {
                    let key = message.deduplication_id();
                    self.shared.fifo().admit(topic, key, id, at)
                }
                false => Ok(Published { id, sequence: None }),
            };
            match published {
                Ok(published) => {
                    let topic_arn = store.arn(topic);
                    Accepted { topic_arn, is_fifo, published, message, at, subscriptions }
                }
                // AWS accepts a duplicate and does not deliver it.
                Err(earlier) => return Ok(earlier),
            }
        };
        for subscription in &accepted.subscriptions {
            self.deliver(ctx, &accepted, subscription).await;
        }
        Ok(accepted.published)
    }

    /// Delivers a message to one subscription, else to its dead-letter queue.
    async fn deliver(&self, ctx: &Context, accepted: &Accepted, subscription: &Subscription) {
        let text = accepted.message.text_for(&subscription.protocol);
        let arn = format!("{}:{}", accepted.topic_arn, subscription.id);
        let notification = Notification {
            region: &self.shared.platform.region,
            message_id: &accepted.published.id,
            sequence: accepted.published.sequence.as_deref(),
            topic_arn: &accepted.topic_arn,
            subscription_arn: &arn,
            subject: accepted.message.subject.as_deref(),
            message: &text,
            at: accepted.at,
            attributes: &accepted.message.attributes,
        };
        let delivered = match (subscription.protocol.as_str(), Target::of(&subscription.endpoint)) {
            ("sqs", Some(Target::Queue(queue))) => {
                let new = queue_message(ctx, accepted, subscription, &notification, &queue);
                let sent = self.shared.queues.send(ctx, &queue, new).await;
                sent.map(|_| ()).map_err(|error| error.to_string())
            }
            ("lambda", Some(Target::Function(function))) => {
                self.invoke(ctx, function, notification.event()).await
            }
            // Told when it was subscribed.
            _ => return,
        };
        let Err(cause) = delivered else { return };
        let lost = match subscription.dead_letter_queue() {
            Some(queue) => {
                let new = queue_message(ctx, accepted, subscription, &notification, &queue);
                self.shared.queues.send(ctx, &queue, new).await.err().map(|error| error.to_string())
            }
            None => Some("it has no dead-letter queue".to_owned()),
        };
        if let Some(lost) = lost {
            let endpoint = &subscription.endpoint;
            tracing::warn!(
                "a message of the topic {} for {endpoint} is lost: {cause}; {lost}",
                accepted.topic_arn
            );
        }
    }

    async fn invoke(&self, ctx: &Context, function: String, event: String) -> Result<(), String> {
        let functions = self.shared.functions.get().ok_or("the emulator has stopped")?;
        if functions.timeout(&function).is_none() {
            return Err(format!("the function {function} does not exist"));
        }
        // An event has a request id of its own and continues the chain of requests.
        let ctx = Context { trace: ctx.trace.clone(), ..self.shared.platform.context() };
        let accepted = functions.accept(ctx, function, Bytes::from(event)).await;
        accepted.map_err(|failure| failure.to_string())
    }
}

fn queue_message(
    ctx: &Context,
    accepted: &Accepted,
    subscription: &Subscription,
    notification: &Notification<'_>,
    queue: &str,
) -> NewMessage {
    let is_raw = subscription.is_raw();
    let is_fifo = queue.ends_with(".fifo");
    let message = &accepted.message;
    NewMessage {
        body: match is_raw {
            true => notification.message.to_owned(),
            false => notification.envelope(),
        },
        attributes: match is_raw {
            true => message.attributes.clone(),
            false => Attributes::new(),
        },
        trace: Some(ctx.trace.to_string()),
        // A FIFO topic sends its groups to FIFO queues only (LocalStack's snapshots of AWS, `test_fifo_topic_to_regular_sqs`).
        group: message.group.clone().filter(|_| is_fifo == accepted.is_fifo),
        deduplication: is_fifo.then(|| message.deduplication_id()),
        sender: SENDER.to_owned(),
        ..NewMessage::default()
    }
}

/// The rules for the ids of a batch. Texts: LocalStack's snapshots of AWS, `test_publish_batch_exceptions` and
/// `test_publish_batch_invalid_entry_id`.
fn check_ids(ctx: &Context, entries: &[Entry]) -> Result<(), SnsError> {
    if entries.is_empty() {
        // UNCONFIRMED: the text.
        let text = "The batch request doesn't contain any entries.".to_owned();
        return Err(SnsError::Api(400, "EmptyBatchRequest", text));
    }
    ctx.admit(&ctx.limits.sns_batch_entries, Count(entries.len() as u64))?;
    let invalid = |what: &str, id: &str| {
        let text = format!("The Id of a batch entry in the batch request {what}: {id}");
        Err(SnsError::Api(400, "InvalidBatchEntryId", text))
    };
    let mut ids = BTreeSet::new();
    for Entry { id, .. } in entries {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if id.chars().count() > 80 {
            return invalid("is too long", id);
        }
        if id.is_empty() || !id.chars().all(is_allowed) {
            return invalid("contains an impermissible character", id);
        }
        if !ids.insert(id) {
            let text = "Two or more batch entries in the request have the same Id.".to_owned();
            return Err(SnsError::Api(400, "BatchEntryIdsNotDistinct", text));
        }
    }
    Ok(())
}

/// The ids of FIFO topics have 1 to 128 letters, digits and signs of ASCII. UNCONFIRMED: the text.
fn check_id(member: &str, id: Option<&str>) -> Result<(), SnsError> {
    let is_valid =
        |id: &str| (1..=ID_MAX).contains(&id.len()) && id.chars().all(|c| c.is_ascii_graphic());
    match id.is_none_or(is_valid) {
        true => Ok(()),
        false => Err(SnsError::invalid(format!(
            "{member} Reason: The parameter has 1 to {ID_MAX} alphanumeric and punctuation characters"
        ))),
    }
}
