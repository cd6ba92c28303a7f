//! Topics: `AWS::SNS::Topic`, `AWS::SNS::Subscription`, events of type `SNS`.

use indexmap::IndexMap;

use super::assemble::Parts;
use super::diagnostic::Diagnostic;
use super::properties::Properties;
use super::scope::Scope;
use super::tree::MappingEntry;
use hardcap_core::config::{EventSourceMapping, Function, Queue, Subscription, Topic, queue_arn};
use hardcap_messages::Target;

/// The properties of a topic that are attributes of the API as well.
const PLAIN: [&str; 7] = [
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoThroughputScope",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
];

/// `AWS::SNS::Topic`
pub(super) fn topic(scope: &Scope<'_>, entry: &MappingEntry) -> Result<Topic, Diagnostic> {
    let of = Properties::of(scope, "the topic", entry)?;
    of.without_effect(&["TopicName", "DataProtectionPolicy", "DeliveryStatusLogging"]);
    let mut topic = Topic {
        logical_id: entry.key.clone(),
        name: scope.other_name(entry, "AWS::SNS::Topic")?,
        ..Topic::default()
    };
    for name in PLAIN {
        let Some(value) = of.text(name)? else { continue };
        // A topic that is not a FIFO topic has no such attribute in the API.
        if name == "FifoTopic" && value == "false" {
            continue;
        }
        topic.attributes.insert(name.to_owned(), value);
    }
    if let Some(policy) = of.json("ArchivePolicy")? {
        topic.attributes.insert("ArchivePolicy".to_owned(), policy);
    }
    for inline in of.children("Subscription")? {
        let (protocol, endpoint) =
            (inline.required_text("Protocol")?, inline.required_text("Endpoint")?);
        tell_of_protocol(&inline, &protocol);
        topic.subscriptions.push(Subscription { protocol, endpoint, attributes: IndexMap::new() });
        inline.finish();
    }
    for tag in of.children("Tags")? {
        topic.tags.insert(tag.required_text("Key")?, tag.text("Value")?.unwrap_or_default());
        tag.finish();
    }
    of.finish();
    Ok(topic)
}

/// `AWS::SNS::Subscription`
pub(super) fn subscription(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the subscription", entry)?;
    let topic = of.required_text("TopicArn")?;
    let (protocol, endpoint) = (of.required_text("Protocol")?, of.text("Endpoint")?);
    tell_of_protocol(&of, &protocol);
    let subscription = Subscription {
        protocol,
        endpoint: endpoint.unwrap_or_default(),
        attributes: attributes(&of)?,
    };
    add(&of, parts, &topic, subscription);
    of.finish();
    Ok(())
}

/// An event of type `SNS` of a SAM function: the function subscribes, or a queue whose messages invoke it.
pub(super) fn event(
    of: &Properties<'_>,
    entry: &MappingEntry,
    function: &Function,
    target: &str,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let topic = of.required_text("Topic")?;
    let attributes = attributes(of)?;
    let region = &of.scope.names.region;
    let subscription = match through_queue(of, entry, function, parts)? {
        Some((queue, batch_size)) => {
            let mut mapping = EventSourceMapping::new(&queue, target);
            mapping.batch_size = batch_size.unwrap_or(mapping.batch_size);
            parts.mappings.push(mapping);
            Subscription {
                protocol: "sqs".to_owned(),
                endpoint: queue_arn(region, &queue),
                attributes,
            }
        }
        None => Subscription {
            protocol: "lambda".to_owned(),
            endpoint: of.scope.function_arn(target),
            attributes,
        },
    };
    add(of, parts, &topic, subscription);
    Ok(())
}

/// The name of the queue of `SqsSubscription`, and the size of its batches. SAM creates a queue for `true`.
fn through_queue(
    of: &Properties<'_>,
    entry: &MappingEntry,
    function: &Function,
    parts: &mut Parts,
) -> Result<Option<(String, Option<u64>)>, Diagnostic> {
    let Some(node) = of.node("SqsSubscription")? else { return Ok(None) };
    if node.entries("").is_err() {
        if of.flag("SqsSubscription")? != Some(true) {
            return Ok(None);
        }
        let name = format!("{}{}Queue", function.logical_id, entry.key);
        parts.queues.push(Queue::new(&name));
        return Ok(Some((name, None)));
    }
    let Some(given) = of.child("SqsSubscription")? else { return Ok(None) };
    given.without_effect(&["QueueUrl", "QueuePolicyLogicalId", "Enabled"]);
    let arn = given.required_text("QueueArn")?;
    let size = given.number("BatchSize")?;
    let at = given.at;
    given.finish();
    match Target::of(&arn) {
        Some(Target::Queue(queue)) => Ok(Some((queue, size))),
        _ => Err(Diagnostic::new(
            at,
            format!("`QueueArn` is `{arn}`, which is not the ARN of a queue"),
        )),
    }
}

/// The attributes of a subscription in the spelling of the API.
fn attributes(of: &Properties<'_>) -> Result<IndexMap<String, String>, Diagnostic> {
    of.without_effect(&["Region"]);
    let mut attributes = IndexMap::new();
    for name in ["FilterPolicyScope", "RawMessageDelivery", "SubscriptionRoleArn"] {
        attributes.extend(of.text(name)?.map(|value| (name.to_owned(), value)));
    }
    for name in ["FilterPolicy", "RedrivePolicy", "DeliveryPolicy", "ReplayPolicy"] {
        attributes.extend(of.json(name)?.map(|value| (name.to_owned(), value)));
    }
    Ok(attributes)
}

/// Adds a subscription to its topic. The topic of another template is known by its name alone.
fn add(of: &Properties<'_>, parts: &mut Parts, topic: &str, subscription: Subscription) {
    match Target::of(topic) {
        Some(Target::Topic(name)) => parts.subscriptions.push((name, subscription)),
        _ => {
            let message = format!("{} is for `{topic}`, which is not the ARN of a topic", of.what);
            of.scope.warn(Diagnostic::new(of.at, message).rule("not-emulated"));
        }
    }
}

/// Gives every subscription to its topic.
pub(super) fn connect(parts: &mut Parts) {
    for (name, subscription) in std::mem::take(&mut parts.subscriptions) {
        match parts.topics.iter_mut().find(|topic| topic.name == name) {
            Some(topic) => topic.subscriptions.push(subscription),
            None => parts.topics.push(Topic {
                name,
                subscriptions: vec![subscription],
                ..Topic::default()
            }),
        }
    }
    add_generated(parts);
}

/// Adds the topics that SAM creates for destinations of type `SNS` without an ARN.
fn add_generated(parts: &mut Parts) {
    for function in &parts.functions {
        let of = &function.events;
        for (arn, end) in [(&of.on_success, "OnSuccess"), (&of.on_failure, "OnFailure")] {
            let Some(Target::Topic(name)) = arn.as_deref().and_then(Target::of) else { continue };
            let is_known = parts.topics.iter().any(|topic| topic.name == name);
            if name == format!("{}{end}", function.logical_id) && !is_known {
                parts.topics.push(Topic { name, ..Topic::default() });
            }
        }
    }
}

fn tell_of_protocol(of: &Properties<'_>, protocol: &str) {
    if !matches!(protocol, "sqs" | "lambda") {
        let message = format!(
            "{} has the protocol {protocol}, to which hardcap delivers nothing; it delivers to sqs and lambda",
            of.what
        );
        of.scope.warn(Diagnostic::new(of.at, message).rule("not-emulated"));
    }
}
