//! Notifications: a bucket tells functions, queues, topics and the default event bus that an object has changed.
//!
//! `message` has the messages. [`Notifier`] selects the targets of a change, and sends through [`Destinations`]. A notification is
//! with its target when the request is answered.

mod message;

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use hardcap_core::caller;
use hardcap_core::config::{BucketNotifications, NotificationTarget};
use hardcap_core::context::{Context, Platform};
use serde_json::{Map, Value};

use super::call::{Call, Ids};
use super::store::{Bucket, Object};
use message::Facts;

/// What a bucket notifies. The other services are in other crates, so the emulator implements it.
pub trait Destinations: fmt::Debug + Send + Sync {
    /// Whether the function, the queue or the topic of an ARN exists.
    fn exists(&self, arn: &str) -> bool;

    /// Sends a message to the function, the queue or the topic of an ARN.
    ///
    /// # Errors
    ///
    /// The reason why it was not accepted.
    fn send<'a>(
        &'a self,
        ctx: &'a Context,
        arn: &'a str,
        message: String,
    ) -> BoxFuture<'a, Result<(), String>>;

    /// Sends an event of the source `aws.s3` to the default event bus.
    ///
    /// # Errors
    ///
    /// The reason why it was not accepted.
    fn send_event<'a>(
        &'a self,
        ctx: &'a Context,
        detail_type: &'static str,
        bucket_arn: String,
        detail: Map<String, Value>,
    ) -> BoxFuture<'a, Result<(), String>>;
}

/// A change of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Put,
    Post,
    Copy,
    CompleteMultipartUpload,
    Delete,
    /// By a lifecycle rule.
    Expiration,
    TagsPut,
    TagsDeleted,
}

impl Change {
    /// The name in a configuration.
    fn event(self) -> &'static str {
        match self {
            Change::Put => "s3:ObjectCreated:Put",
            Change::Post => "s3:ObjectCreated:Post",
            Change::Copy => "s3:ObjectCreated:Copy",
            Change::CompleteMultipartUpload => "s3:ObjectCreated:CompleteMultipartUpload",
            Change::Delete => "s3:ObjectRemoved:Delete",
            Change::Expiration => "s3:LifecycleExpiration:Delete",
            Change::TagsPut => "s3:ObjectTagging:Put",
            Change::TagsDeleted => "s3:ObjectTagging:Delete",
        }
    }
}

/// Who caused a change.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The context of the request.
    ctx: Context,
    ids: Ids,
    principal: String,
    address: &'static str,
    requester: &'static str,
}

impl Origin {
    /// A caller of the S3 API.
    fn of_call(call: &Call, platform: &Platform) -> Origin {
        let key = call.access_key().unwrap_or_default();
        let function = platform.keyring.find(key).and_then(|key| key.function);
        let (_, user) = caller::identity(key, function.as_deref());
        Origin {
            ctx: call.context().clone(),
            ids: call.ids().clone(),
            principal: format!("AWS:{user}"),
            address: "127.0.0.1",
            requester: hardcap_core::config::ACCOUNT_ID,
        }
    }

    /// A service of AWS. UNCONFIRMED: its principal and its address in a message.
    fn of_service(ctx: Context) -> Origin {
        let name = "s3.amazonaws.com";
        let principal = name.to_owned();
        Origin { ids: Ids::of(&ctx), ctx, principal, address: name, requester: name }
    }
}

/// Sends notifications. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Notifier {
    platform: Platform,
    /// Empty before the start.
    destinations: Arc<OnceLock<Arc<dyn Destinations>>>,
    /// The number of notifications since the start, for the order of those of one second.
    count: Arc<AtomicU32>,
}

/// The notifications of a change that is about to be made.
#[derive(Debug)]
pub(crate) struct Pending {
    notifier: Notifier,
    targets: Vec<NotificationTarget>,
    event_bridge: bool,
    change: Change,
    bucket: String,
    region: String,
    key: Arc<str>,
    size: u64,
    etag: String,
    origin: Origin,
}

impl Notifier {
    pub(crate) fn new(platform: &Platform) -> Notifier {
        let (destinations, count) = (Arc::default(), Arc::default());
        Notifier { platform: platform.clone(), destinations, count }
    }

    pub(crate) fn connect(&self, destinations: Arc<dyn Destinations>) {
        // An emulator starts once.
        let _ = self.destinations.set(destinations);
    }

    /// The targets that do not exist, and those that S3 does not notify: FIFO queues and topics (S3 user guide, "Supported event
    /// destinations").
    pub(crate) fn missing<'a>(&self, wanted: &'a BucketNotifications) -> Vec<&'a str> {
        let Some(destinations) = self.destinations.get() else { return Vec::new() };
        let arns = wanted.targets.iter().map(|target| target.arn.as_str());
        arns.filter(|arn| arn.ends_with(".fifo") || !destinations.exists(arn)).collect()
    }

    /// The notifications of a change by a caller. `None` for a bucket that notifies nothing of it.
    pub(crate) fn of_call(
        &self,
        call: &Call,
        bucket: &Bucket,
        change: Change,
        object: &Object,
    ) -> Option<Pending> {
        self.prepare(bucket, change, object, || Origin::of_call(call, &self.platform))
    }

    /// As [`Notifier::of_call`], for a change by a service of AWS.
    pub(crate) fn of_service(
        &self,
        bucket: &Bucket,
        change: Change,
        object: &Object,
    ) -> Option<Pending> {
        self.prepare(bucket, change, object, || Origin::of_service(self.platform.context()))
    }

    fn prepare(
        &self,
        bucket: &Bucket,
        change: Change,
        object: &Object,
        origin: impl FnOnce() -> Origin,
    ) -> Option<Pending> {
        let settings = bucket.settings();
        let notifications = settings.notifications.as_ref()?;
        let targets: Vec<_> = notifications.of(change.event(), &object.key).cloned().collect();
        if targets.is_empty() && !notifications.event_bridge {
            return None;
        }
        Some(Pending {
            notifier: self.clone(),
            targets,
            event_bridge: notifications.event_bridge,
            change,
            bucket: bucket.name.clone(),
            region: bucket.region(&self.platform.region).to_owned(),
            key: object.key.clone(),
            size: object.length(),
            etag: object.etag.clone(),
            origin: origin(),
        })
    }

    /// Sends the test message of a new configuration to its queues and topics (S3 user guide, "Event message structure").
    pub(crate) async fn send_tests(&self, call: &Call, bucket: &str, wanted: &BucketNotifications) {
        let at = self.platform.clock.now();
        for target in wanted.targets.iter().filter(|target| !target.arn.contains(":lambda:")) {
            let message = message::test(bucket, call.ids(), at);
            self.send(call.context(), target, message, (bucket, "s3:TestEvent")).await;
        }
    }

    /// Sends a message. One that is not accepted is named in a log line.
    async fn send(
        &self,
        from: &Context,
        target: &NotificationTarget,
        message: String,
        (bucket, event): (&str, &str),
    ) {
        let Some(destinations) = self.destinations.get() else { return };
        let ctx = self.context(from);
        if let Err(cause) = destinations.send(&ctx, &target.arn, message).await {
            let arn = &target.arn;
            tracing::warn!(
                "a notification of the bucket {bucket} for {arn} is lost: {event}: {cause}"
            );
        }
    }

    /// A notification has a request id of its own and continues the chain of requests.
    fn context(&self, from: &Context) -> Context {
        Context { trace: from.trace.clone(), ..self.platform.context() }
    }

    /// A hexadecimal number that is larger for later changes: seconds, and a count.
    fn sequencer(&self, seconds: u64) -> String {
        format!("00{seconds:08X}{:08X}", self.count.fetch_add(1, Ordering::Relaxed))
    }
}

impl Pending {
    /// Sends the notifications. The change was made.
    async fn send(self) {
        let notifier = &self.notifier;
        let at = notifier.platform.clock.now();
        let facts = Facts {
            change: self.change,
            bucket: &self.bucket,
            region: &self.region,
            key: &self.key,
            size: self.size,
            etag: &self.etag,
            sequencer: &notifier.sequencer(at.0 / 1000),
            origin: &self.origin,
            at,
        };
        for target in &self.targets {
            let message = message::records(&facts, &target.id);
            let about = (self.bucket.as_str(), self.change.event());
            notifier.send(&self.origin.ctx, target, message, about).await;
        }
        if let Some(destinations) = notifier.destinations.get().filter(|_| self.event_bridge) {
            let ctx = notifier.context(&self.origin.ctx);
            let (kind, detail) = message::event(&facts);
            let arn = message::arn(&self.bucket);
            if let Err(cause) = destinations.send_event(&ctx, kind, arn, detail).await {
                let (bucket, event) = (&self.bucket, self.change.event());
                tracing::warn!("an event of the bucket {bucket} is lost: {event}: {cause}");
            }
        }
    }
}

/// Sends the notifications of a change, if there are any. They are sent even if the client of the request has gone.
pub(crate) async fn send(pending: Option<Pending>) {
    if let Some(pending) = pending {
        // A panic is in the log already, and the change was made.
        let _ = tokio::spawn(pending.send()).await;
    }
}
