//! Destinations and dead-letter queues: destinations get a record of the event, a dead-letter queue gets the event itself.

use std::sync::Arc;

use bytes::Bytes;

use super::event::{Attributes, Letter, LetterKind};
use super::record::{self, EndedEvent};
use super::{AcceptError, Queue, Shared};
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::Function;
use hardcap_core::context::Context;
use hardcap_core::record::{Condition, Observation};
use hardcap_limits::Bytes as ByteCount;
use hardcap_messages::bus::EventsError;
use hardcap_messages::queue::attribute::MessageAttribute;
use hardcap_messages::queue::{NewMessage, SqsError};
use hardcap_messages::topic::{NewNotification, SnsError};
use hardcap_s3::ObjectError;

/// The target of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// A function, by its name.
    Function(&'a str),
    /// A bucket, by its name.
    Bucket(&'a str),
    /// A queue, by its name.
    Queue(&'a str),
    /// A topic, by its name.
    Topic(&'a str),
    /// An event bus, by its name.
    Bus(&'a str),
    /// Another service: the control surface shows the record.
    Other,
}

impl<'a> Target<'a> {
    /// The target of an ARN.
    pub(super) fn of(arn: &'a str) -> Target<'a> {
        let mut parts = arn.splitn(6, ':');
        match (parts.nth(2), parts.nth(2)) {
            (Some("lambda"), Some(resource)) => {
                let name = resource.strip_prefix("function:").unwrap_or(resource);
                Target::Function(name.split(':').next().unwrap_or(name))
            }
            (Some("s3"), Some(bucket)) => Target::Bucket(bucket),
            (Some("sqs"), Some(queue)) => Target::Queue(queue),
            (Some("sns"), Some(topic)) => Target::Topic(topic),
            (Some("events"), Some(resource)) => match resource.strip_prefix("event-bus/") {
                Some(bus) => Target::Bus(bus),
                None => Target::Other,
            },
            _ => Target::Other,
        }
    }
}

/// The error of sending a record.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    Event(#[from] AcceptError),
    #[error(transparent)]
    Message(#[from] SqsError),
    #[error(transparent)]
    Notification(#[from] SnsError),
    #[error(transparent)]
    BusEvent(#[from] EventsError),
}

/// Sends the records that the function's configuration requires.
pub(super) async fn send_records(
    shared: &Arc<Shared>,
    function: &Function,
    ended: &EndedEvent<'_>,
    trace: &str,
) {
    let events = &function.events;
    let destination = match ended.condition {
        Condition::Success => events.on_success.as_deref(),
        Condition::RetriesExhausted
        | Condition::EventAgeExceeded
        | Condition::ZeroReservedConcurrency
        | Condition::RecursiveInvocation
        | Condition::Dropped => events.on_failure.as_deref(),
    };
    if let Some(arn) = destination {
        let sent = send(shared, function, ended, (arn, trace)).await;
        let failure = sent.err().map(|error| error.to_string());
        if let Some(failure) = &failure {
            tracing::warn!(request_id = ended.id, arn, failure, "the delivery of a record failed");
        }
        shared
            .platform
            .recorder
            .record(ended.id, Observation::EventSent { to: arn.to_owned(), failure });
    }
    if ended.condition != Condition::Success
        && (events.dead_letter.is_some() || destination.is_none())
    {
        let body = String::from_utf8_lossy(ended.payload).into_owned();
        let to = events.dead_letter.clone();
        let letter = letter(shared, function, ended, (LetterKind::DeadLetter, to.clone(), body));
        keep(shared, letter.clone()).await;
        if let Some(to) = to {
            let sent = send_letter(shared, &to, letter, trace).await;
            let failure = sent.err().map(|error| error.to_string());
            if let Some(failure) = &failure {
                let request_id = ended.id;
                tracing::warn!(request_id, to, failure, "the delivery of a dead letter failed");
            }
            shared.platform.recorder.record(ended.id, Observation::EventSent { to, failure });
        }
    }
}

async fn send(
    shared: &Arc<Shared>,
    function: &Function,
    ended: &EndedEvent<'_>,
    (arn, trace): (&str, &str),
) -> Result<(), SendError> {
    let now = shared.platform.clock.now();
    let document = record::document(ended, now);
    match Target::of(arn) {
        Target::Bucket(bucket) => {
            let key = record::object_key(&function.name, now);
            Ok(shared.s3.deliver(bucket, &key, document.into()).await?)
        }
        Target::Function(name) => {
            // A chain of destinations is a chain of requests. UNCONFIRMED: whether AWS stops a loop of destinations.
            let trace = shared.lambda.trace_after(trace, &function.name);
            let ctx = Context { trace: trace.into(), ..shared.platform.context() };
            Ok(invoke(shared, &ctx, name, document.into()).await?)
        }
        target => {
            let document = match target {
                Target::Topic(_) => document_for_topic(shared, ended, now, document),
                _ => document,
            };
            let body = String::from_utf8_lossy(&document).into_owned();
            let to = Some(arn.to_owned());
            let kept = letter(shared, function, ended, (LetterKind::Record, to, body.clone()));
            keep(shared, kept).await;
            let trace = shared.lambda.trace_after(trace, &function.name);
            let ctx = Context { trace: trace.into(), ..shared.platform.context() };
            send_body(shared, &ctx, &function.name, (target, arn), (ended, body)).await
        }
    }
}

/// Sends a record to a queue, a topic or a bus.
async fn send_body(
    shared: &Arc<Shared>,
    ctx: &Context,
    function: &str,
    (target, arn): (Target<'_>, &str),
    (ended, body): (&EndedEvent<'_>, String),
) -> Result<(), SendError> {
    match target {
        Target::Queue(queue) => {
            let message = NewMessage {
                trace: Some(ctx.trace.to_string()),
                sender: sender(function),
                ..NewMessage::new(body)
            };
            shared.queues.send(ctx, queue, message).await?;
        }
        Target::Topic(topic) => {
            shared.topics.publish(ctx, topic, NewNotification::new(body)).await?;
        }
        // The envelope was recorded on 2025-11-24.
        Target::Bus(bus) => {
            let result = match ended.condition {
                Condition::Success => "Success",
                _ => "Failure",
            };
            let kind = format!("Lambda Function Invocation Result - {result}");
            let resources = vec![arn.to_owned(), ended.function_arn.to_owned()];
            let detail = serde_json::from_str(&body).unwrap_or_default();
            shared.buses.send_record(ctx, bus, ("lambda", &kind), resources, detail).await?;
        }
        Target::Function(_) | Target::Bucket(_) | Target::Other => {}
    }
    Ok(())
}

/// The record for a topic: that of a failure has no payloads if these are too large together.
fn document_for_topic(
    shared: &Arc<Shared>,
    ended: &EndedEvent<'_>,
    now: EpochMillis,
    document: Vec<u8>,
) -> Vec<u8> {
    let ctx = Context { request_id: ended.id.into(), ..shared.platform.context() };
    let response = ended.reply.map_or(0, |reply| reply.payload.len());
    let size = ByteCount((ended.payload.len() + response) as u64);
    let is_failure = ended.condition != Condition::Success;
    match is_failure && ctx.admit(&ctx.limits.lambda_sns_destination, size).is_err() {
        true => record::document_without_payloads(ended, now),
        false => document,
    }
}

/// Sends a dead letter into its queue or to its topic: the event, with the attributes that were recorded on 2025-11-24.
async fn send_letter(
    shared: &Arc<Shared>,
    to: &str,
    letter: Letter,
    trace: &str,
) -> Result<(), SendError> {
    let Letter { function, body, attributes, .. } = letter;
    let named = [
        ("RequestID", MessageAttribute::string(&attributes.request_id)),
        ("ErrorCode", MessageAttribute::number(u64::from(attributes.error_code))),
        ("ErrorMessage", MessageAttribute::string(&attributes.error_message)),
    ];
    let attributes = named.map(|(name, value)| (name.to_owned(), value)).into();
    let trace = shared.lambda.trace_after(trace, &function);
    let ctx = Context { trace: trace.as_str().into(), ..shared.platform.context() };
    match Target::of(to) {
        Target::Queue(queue) => {
            let sender = sender(&function);
            let trace = Some(trace);
            let message = NewMessage { attributes, trace, sender, ..NewMessage::new(body) };
            shared.queues.send(&ctx, queue, message).await?;
        }
        Target::Topic(topic) => {
            let message = NewNotification { attributes, ..NewNotification::new(body) };
            shared.topics.publish(&ctx, topic, message).await?;
        }
        Target::Function(_) | Target::Bucket(_) | Target::Bus(_) | Target::Other => {}
    }
    Ok(())
}

/// The sender of a message that Lambda sends in the name of a function.
fn sender(function: &str) -> String {
    format!("AROA{function}:awslambda")
}

/// Queues a record as the event of another function.
async fn invoke(
    shared: &Arc<Shared>,
    ctx: &Context,
    function: &str,
    document: Bytes,
) -> Result<(), AcceptError> {
    let recursive = shared.lambda.admit_chain(ctx, function).is_err();
    let queue = Queue { shared: Arc::clone(shared) };
    queue.accept(ctx, function, document, recursive).await
}

fn letter(
    shared: &Arc<Shared>,
    function: &Function,
    ended: &EndedEvent<'_>,
    (kind, to, body): (LetterKind, Option<String>, String),
) -> Letter {
    Letter {
        id: ended.id.to_owned(),
        kind,
        function: function.name.clone(),
        at: shared.platform.clock.now(),
        condition: ended.condition.name().to_owned(),
        to,
        body,
        attributes: Attributes {
            request_id: ended.id.to_owned(),
            error_code: ERROR_CODE,
            error_message: record::error_message(ended),
        },
    }
}

/// Recorded on 2025-11-24 for a failed function; unconfirmed for an event without an attempt.
const ERROR_CODE: u16 = 200;

async fn keep(shared: &Arc<Shared>, letter: Letter) {
    let kept = letter.clone();
    let gone = shared.lines().keep(letter);
    let done = shared
        .on_disk(move |disk| {
            disk.keep(&kept)?;
            gone.iter().try_for_each(|letter| disk.forget(letter))
        })
        .await;
    if let Err(error) = done {
        tracing::error!(%error, "cannot write a dead letter");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_a_function_a_bucket_or_a_target_that_is_not_emulated() {
        for (arn, expected) in [
            ("arn:aws:lambda:us-east-1:000000000000:function:f", Target::Function("f")),
            ("arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST", Target::Function("f")),
            ("arn:aws:s3:::my-bucket", Target::Bucket("my-bucket")),
            ("arn:aws:sqs:us-east-1:000000000000:queue", Target::Queue("queue")),
            ("arn:aws:sns:us-east-1:000000000000:topic", Target::Topic("topic")),
            ("arn:aws:events:us-east-1:000000000000:event-bus/bus", Target::Bus("bus")),
            ("arn:aws:kinesis:us-east-1:000000000000:stream/s", Target::Other),
            ("queue", Target::Other),
            ("", Target::Other),
        ] {
            assert_eq!(Target::of(arn), expected, "{arn}");
        }
    }
}
