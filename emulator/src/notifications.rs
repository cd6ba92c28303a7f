//! The destinations of notifications of buckets: functions, queues, topics and the default event bus.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hardcap_core::context::Context;
use hardcap_messages::Target;
use hardcap_messages::queue::NewMessage;
use hardcap_messages::topic::NewNotification;
use hardcap_s3::Destinations;
use serde_json::{Map, Value};

use crate::messages::Messages;

/// The sender of messages to queues. On AWS it is the id of an account of S3.
const SENDER: &str = "AIDAS3";
/// The subject of messages to topics (LocalStack's snapshots of AWS, `test_s3_notifications_sns`).
const SUBJECT: &str = "Amazon S3 Notification";

impl Destinations for Messages {
    fn exists(&self, arn: &str) -> bool {
        match Target::of(arn) {
            Some(Target::Function(name)) => {
                self.functions().is_some_and(|functions| functions.timeout(&name).is_some())
            }
            Some(Target::Queue(name)) => self.queues.has(&name),
            Some(Target::Topic(name)) => self.topics.has(&name),
            Some(Target::Bus(_)) | None => false,
        }
    }

    fn send<'a>(
        &'a self,
        ctx: &'a Context,
        arn: &'a str,
        message: String,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            match Target::of(arn) {
                Some(Target::Function(name)) => {
                    // The emulator stops.
                    let Some(functions) = self.functions() else { return Ok(()) };
                    let accepted = functions.accept(ctx.clone(), name, Bytes::from(message));
                    accepted.await.map_err(|error| error.to_string())
                }
                Some(Target::Queue(name)) => {
                    let (trace, sender) = (Some(ctx.trace.to_string()), SENDER.to_owned());
                    let new = NewMessage { trace, sender, ..NewMessage::new(message) };
                    let sent = self.queues.send(ctx, &name, new).await;
                    sent.map(|_| ()).map_err(|error| error.to_string())
                }
                Some(Target::Topic(name)) => {
                    let subject = Some(SUBJECT.to_owned());
                    let new = NewNotification { subject, ..NewNotification::new(message) };
                    let published = self.topics.publish(ctx, &name, new).await;
                    published.map(|_| ()).map_err(|error| error.to_string())
                }
                Some(Target::Bus(_)) | None => {
                    Err("it is not a function, a queue or a topic".to_owned())
                }
            }
        })
    }

    fn send_event<'a>(
        &'a self,
        ctx: &'a Context,
        detail_type: &'static str,
        bucket_arn: String,
        detail: Map<String, Value>,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let kind = ("aws.s3", detail_type);
            let sent = self.buses.send_record(ctx, "default", kind, vec![bucket_arn], detail);
            sent.await.map_err(|error| error.to_string())
        })
    }
}
