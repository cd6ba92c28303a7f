//! Notifications of buckets: `NotificationConfiguration`, events of type `S3`, and the custom resource of CDK.

use super::assemble::Parts;
use super::diagnostic::{Diagnostic, Position};
use super::properties::Properties;
use super::scope::Scope;
use super::tree::MappingEntry;
use hardcap_core::config::{BucketNotifications, NotificationRefusal, NotificationTarget};

/// The custom resource by which CDK configures a bucket.
pub(super) const CDK: &str = "Custom::S3BucketNotifications";

/// What another resource adds to a bucket.
pub(super) struct PendingNotifications {
    bucket: String,
    at: Position,
    added: BucketNotifications,
    /// SAM requires that the bucket is in the template.
    is_sam: bool,
}

/// The names of the members of a configuration.
struct Spelling {
    /// Each list, and the member with the ARN of its target.
    lists: [(&'static str, &'static str); 3],
    events: &'static str,
    key: &'static str,
    rules: &'static str,
}

/// That of CloudFormation and SAM.
const CLOUDFORMATION: Spelling = Spelling {
    lists: [
        ("TopicConfigurations", "Topic"),
        ("QueueConfigurations", "Queue"),
        ("LambdaConfigurations", "Function"),
    ],
    events: "Event",
    key: "S3Key",
    rules: "Rules",
};

/// That of the API, which CDK writes.
const API: Spelling = Spelling {
    lists: [
        ("TopicConfigurations", "TopicArn"),
        ("QueueConfigurations", "QueueArn"),
        ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
    ],
    events: "Events",
    key: "Key",
    rules: "FilterRules",
};

/// `NotificationConfiguration` of a bucket.
pub(super) fn of_bucket(
    of: &Properties<'_>,
    entry: &MappingEntry,
) -> Result<BucketNotifications, Diagnostic> {
    configuration(of, entry, &CLOUDFORMATION)
}

/// CDK's custom resource.
pub(super) fn of_cdk(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the notifications", entry)?;
    of.without_effect(&["ServiceToken", "Managed", "SkipDestinationValidation"]);
    let (bucket, at) = (of.required_text("BucketName")?, of.at);
    let added = configuration(&of, entry, &API)?;
    of.finish();
    parts.notifications.push(PendingNotifications { bucket, at, added, is_sam: false });
    Ok(())
}

fn configuration(
    of: &Properties<'_>,
    entry: &MappingEntry,
    spelling: &Spelling,
) -> Result<BucketNotifications, Diagnostic> {
    let mut notifications = BucketNotifications::default();
    let Some(given) = of.child("NotificationConfiguration")? else { return Ok(notifications) };
    for (list, key) in spelling.lists {
        for one in given.children(list)? {
            one.without_effect(&["Id"]);
            let target = NotificationTarget {
                id: format!("{}-{}", entry.key, notifications.targets.len() + 1),
                arn: one.required_text(key)?,
                events: events(&one, spelling.events)?,
                ..filter(&one, spelling)?
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

fn events(of: &Properties<'_>, key: &str) -> Result<Vec<String>, Diagnostic> {
    let events = of.texts(key)?;
    match events.is_empty() {
        true => Err(Diagnostic::new(of.at, format!("{} has no `{key}`", of.what))),
        false => Ok(events),
    }
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
fn filter(of: &Properties<'_>, spelling: &Spelling) -> Result<NotificationTarget, Diagnostic> {
    let mut target = NotificationTarget::default();
    let Some(filter) = of.child("Filter")? else { return Ok(target) };
    if let Some(key) = filter.child(spelling.key)? {
        for rule in key.children(spelling.rules)? {
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
    let (bucket, filter) = (of.required_text("Bucket")?, filter(of, &CLOUDFORMATION)?);
    let numbered = events(of, "Events")?.into_iter().zip(1..);
    let targets = numbered.map(|(event, number)| NotificationTarget {
        id: format!("{}-{number}", entry.key),
        arn: of.scope.function_arn(target),
        events: vec![event],
        ..filter.clone()
    });
    let added = BucketNotifications { targets: targets.collect(), event_bridge: false };
    parts.notifications.push(PendingNotifications { bucket, at: of.at, added, is_sam: true });
    Ok(())
}

/// Gives the targets to their buckets, and checks what S3 would refuse.
pub(super) fn connect(scope: &Scope<'_>, parts: &mut Parts) -> Result<(), Diagnostic> {
    for PendingNotifications { bucket, at, added, is_sam } in
        std::mem::take(&mut parts.notifications)
    {
        match parts.buckets.iter_mut().find(|it| it.name == bucket) {
            Some(bucket) => {
                bucket.notifications.targets.extend(added.targets);
                bucket.notifications.event_bridge |= added.event_bridge;
                bucket.notifications.check().map_err(|refusal| refused(at, &refusal))?;
            }
            None if is_sam => {
                // The text of SAM.
                let message = "S3 events must reference an S3 bucket in the same template.";
                let help = format!(
                    "`{bucket}` is not a bucket of this template: write `Bucket: !Ref` and its logical id"
                );
                return Err(Diagnostic::new(at, message).help(help));
            }
            None => {
                let message =
                    format!("the bucket `{bucket}` is not in this template and notifies nothing");
                scope.warn(Diagnostic::new(at, message).rule("not-emulated"));
            }
        }
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
