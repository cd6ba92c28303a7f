//! Notifications of buckets: `NotificationConfiguration`, events of type `S3`.

use super::assemble::Parts;
use super::diagnostic::{Diagnostic, Position};
use super::properties::Properties;
use super::scope::Scope;
use super::tree::MappingEntry;
use hardcap_core::config::{BucketNotifications, NotificationRefusal, NotificationTarget};

/// A target that an event of a function adds to a bucket.
pub(super) struct PendingTarget {
    bucket: String,
    at: Position,
    target: NotificationTarget,
}

/// `NotificationConfiguration` of a bucket.
pub(super) fn of_bucket(
    of: &Properties<'_>,
    entry: &MappingEntry,
) -> Result<BucketNotifications, Diagnostic> {
    let mut notifications = BucketNotifications::default();
    let Some(given) = of.child("NotificationConfiguration")? else { return Ok(notifications) };
    for (list, key) in [
        ("TopicConfigurations", "Topic"),
        ("QueueConfigurations", "Queue"),
        ("LambdaConfigurations", "Function"),
    ] {
        for one in given.children(list)? {
            let target = NotificationTarget {
                id: format!("{}-{}", entry.key, notifications.targets.len() + 1),
                arn: one.required_text(key)?,
                events: vec![one.required_text("Event")?],
                ..filter(&one)?
            };
            refuse_fifo(&one, &target.arn)?;
            one.finish();
            notifications.targets.push(target);
        }
    }
    if let Some(bus) = given.child("EventBridgeConfiguration")? {
        notifications.event_bridge = bus.flag("EventBridgeEnabled")?.unwrap_or(true);
        bus.finish();
    }
    given.finish();
    Ok(notifications)
}

/// S3 does not send to FIFO queues and topics (S3 user guide, "Supported event destinations").
fn refuse_fifo(of: &Properties<'_>, arn: &str) -> Result<(), Diagnostic> {
    if !arn.ends_with(".fifo") {
        return Ok(());
    }
    let message =
        format!("{} has the target `{arn}`: S3 does not notify FIFO queues and topics", of.what);
    Err(Diagnostic::new(of.at, message)
        .help("use a standard queue or topic, or send the events through EventBridge"))
}

/// `Filter`: a target with these rules and nothing else.
fn filter(of: &Properties<'_>) -> Result<NotificationTarget, Diagnostic> {
    let mut target = NotificationTarget::default();
    let Some(filter) = of.child("Filter")? else { return Ok(target) };
    if let Some(key) = filter.child("S3Key")? {
        for rule in key.children("Rules")? {
            let (name, value) = (rule.required_text("Name")?, rule.required_text("Value")?);
            let place = match name.to_ascii_lowercase().as_str() {
                "prefix" => &mut target.prefix,
                "suffix" => &mut target.suffix,
                _ => {
                    let message = format!("{} is `{name}`", rule.name("Name"));
                    return Err(Diagnostic::new(rule.at, message)
                        .help("filter rule name must be either prefix or suffix"));
                }
            };
            if place.replace(value).is_some() {
                let message = format!("{} has two rules of the name `{name}`", filter.what);
                return Err(Diagnostic::new(rule.at, message).help("write one rule of each name"));
            }
            rule.finish();
        }
        key.finish();
    }
    filter.finish();
    Ok(target)
}

/// An event of type `S3` of a SAM function. SAM adds a configuration for each of its events to the bucket.
pub(super) fn event(
    of: &Properties<'_>,
    entry: &MappingEntry,
    target: &str,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let (bucket, filter) = (of.required_text("Bucket")?, filter(of)?);
    let events = of.texts("Events")?;
    if events.is_empty() {
        return Err(Diagnostic::new(of.at, format!("{} has no `Events`", of.what)));
    }
    for (index, event) in events.into_iter().enumerate() {
        let target = NotificationTarget {
            id: format!("{}-{}", entry.key, index + 1),
            arn: of.scope.function_arn(target),
            events: vec![event],
            ..filter.clone()
        };
        let bucket = bucket.clone();
        parts.notifications.push(PendingTarget { bucket, at: of.at, target });
    }
    Ok(())
}

/// Gives the targets to their buckets, and checks what S3 would refuse.
pub(super) fn connect(scope: &Scope<'_>, parts: &mut Parts) -> Result<(), Diagnostic> {
    for PendingTarget { bucket, at, target } in std::mem::take(&mut parts.notifications) {
        let Some(bucket) = parts.buckets.iter_mut().find(|it| it.name == bucket) else {
            // The text of SAM.
            let message = "S3 events must reference an S3 bucket in the same template.";
            return Err(Diagnostic::new(at, message)
                .help(format!("`{bucket}` is not a bucket of this template: write `Bucket: !Ref` and its logical id")));
        };
        bucket.notifications.targets.push(target);
        bucket.notifications.check().map_err(|refusal| refused(at, &refusal))?;
    }
    for bucket in &parts.buckets {
        let id = parts.named.get(&(super::NamedKind::Bucket, bucket.name.clone()));
        let at = id.and_then(|id| scope.resource(id)).map_or(Position::default(), |it| it.at);
        bucket.notifications.check().map_err(|refusal| refused(at, &refusal))?;
    }
    Ok(())
}

fn refused(at: Position, refusal: &NotificationRefusal) -> Diagnostic {
    let (about, help) = match refusal {
        NotificationRefusal::UnknownEvent(event) => {
            (format!("`{event}`"), "write an event such as `s3:ObjectCreated:*`")
        }
        NotificationRefusal::SharedEvent(a, b) | NotificationRefusal::OverlappingFilters(a, b) => (
            format!("`{a}` and `{b}`"),
            "each event of a key has one target: use filters that do not overlap, one topic with several subscribers, or EventBridge",
        ),
    };
    Diagnostic::new(at, format!("S3 refuses the notifications of {about}: {refusal}")).help(help)
}
