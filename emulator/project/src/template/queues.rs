//! Queues and event source mappings: `AWS::SQS::Queue`, `AWS::Lambda::EventSourceMapping`, events of type `SQS`.

use super::assemble::Parts;
use super::diagnostic::Diagnostic;
use super::function::target_of;
use super::properties::Properties;
use super::scope::Scope;
use super::tree::MappingEntry;
use hardcap_core::config::{EventSourceMapping, Queue};
use hardcap_messages::Target;

/// The properties that are attributes of the API as well, all of them numbers, flags or words.
const PLAIN: [&str; 12] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

/// `AWS::SQS::Queue`
pub(super) fn queue(scope: &Scope<'_>, entry: &MappingEntry) -> Result<Queue, Diagnostic> {
    let of = Properties::of(scope, "the queue", entry)?;
    of.without_effect(&["QueueName"]);
    let mut queue = Queue {
        logical_id: entry.key.clone(),
        name: scope.other_name(entry, "AWS::SQS::Queue")?,
        ..Queue::default()
    };
    for name in PLAIN {
        let Some(value) = of.text(name)? else { continue };
        // A queue that is not a FIFO queue has no such attribute in the API.
        if name == "FifoQueue" && value == "false" {
            continue;
        }
        queue.attributes.insert(name.to_owned(), value);
    }
    if let Some(redrive) = of.child("RedrivePolicy")? {
        let target = redrive.required_text("deadLetterTargetArn")?;
        let count = redrive.required_text("maxReceiveCount")?;
        redrive.finish();
        let policy = serde_json::json!({ "deadLetterTargetArn": target, "maxReceiveCount": count });
        queue.attributes.insert("RedrivePolicy".to_owned(), policy.to_string());
    }
    of.without_effect(&["RedriveAllowPolicy"]);
    for tag in of.children("Tags")? {
        queue.tags.insert(tag.required_text("Key")?, tag.text("Value")?.unwrap_or_default());
        tag.finish();
    }
    of.finish();
    Ok(queue)
}

/// Adds the queues that SAM creates for destinations of type `SQS` without an ARN.
pub(super) fn add_generated(parts: &mut Parts) {
    for function in &parts.functions {
        let of = &function.events;
        for (arn, end) in [(&of.on_success, "OnSuccess"), (&of.on_failure, "OnFailure")] {
            let Some(Target::Queue(name)) = arn.as_deref().and_then(Target::of) else { continue };
            let is_known = parts.queues.iter().any(|queue| queue.name == name);
            if name == format!("{}{end}", function.logical_id) && !is_known {
                parts.queues.push(Queue::new(&name));
            }
        }
    }
}

/// An event of type `SQS` of a SAM function.
pub(super) fn event(
    of: &Properties<'_>,
    function: &str,
) -> Result<Option<EventSourceMapping>, Diagnostic> {
    let source = of.required_text("Queue")?;
    mapping(of, &source, function)
}

/// `AWS::Lambda::EventSourceMapping`
pub(super) fn event_source_mapping(
    scope: &Scope<'_>,
    entry: &MappingEntry,
) -> Result<Option<EventSourceMapping>, Diagnostic> {
    let of = Properties::of(scope, "the event source mapping", entry)?;
    let function = target_of(&of.required_text("FunctionName")?);
    let Some(source) = of.text("EventSourceArn")? else {
        not_emulated(&of, "has no `EventSourceArn`: hardcap's mappings receive from queues");
        return Ok(None);
    };
    let mapping = mapping(&of, &source, &function)?;
    if mapping.is_some() {
        of.finish();
    }
    Ok(mapping)
}

/// A mapping of a queue. Another source is a warning.
fn mapping(
    of: &Properties<'_>,
    source: &str,
    function: &str,
) -> Result<Option<EventSourceMapping>, Diagnostic> {
    let Some(Target::Queue(queue)) = Target::of(source) else {
        not_emulated(
            of,
            &format!("receives from `{source}`: hardcap's mappings receive from queues"),
        );
        return Ok(None);
    };
    of.without_effect(&["Tags", "KmsKeyArn", "MetricsConfig", "ProvisionedPollerConfig"]);
    let mut mapping = EventSourceMapping::new(&queue, function);
    mapping.is_enabled = of.flag("Enabled")?.unwrap_or(true);
    if let Some(size) = of.number("BatchSize")? {
        mapping.batch_size = size;
    }
    if let Some(window) = of.number("MaximumBatchingWindowInSeconds")? {
        mapping.window_seconds = window;
    }
    let types = of.texts("FunctionResponseTypes")?;
    if let Some(other) = types.iter().find(|kind| *kind != "ReportBatchItemFailures") {
        let message = format!("{} cannot be `{other}`", of.name("FunctionResponseTypes"));
        return Err(Diagnostic::new(of.at, message)
            .help("write `FunctionResponseTypes: [ReportBatchItemFailures]`, or omit it"));
    }
    mapping.reports_failures = !types.is_empty();
    if let Some(scaling) = of.child("ScalingConfig")? {
        mapping.maximum_concurrency = scaling.number("MaximumConcurrency")?;
        scaling.finish();
    }
    if let Some(criteria) = of.child("FilterCriteria")? {
        for filter in criteria.children("Filters")? {
            mapping.filters.extend(filter.text("Pattern")?);
            filter.finish();
        }
        criteria.finish();
    }
    Ok(Some(mapping))
}

fn not_emulated(of: &Properties<'_>, what: &str) {
    let message = format!("{} {what}", of.what);
    of.scope.warn(Diagnostic::new(of.at, message).rule("not-emulated"));
}
