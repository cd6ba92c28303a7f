//! The notification configuration of a bucket.
//!
//! Texts: LocalStack's snapshots of AWS of 2025-01-21, `test_invalid_sqs_arn`, `test_multiple_invalid_sqs_arns`,
//! `test_invalid_lambda_arn` and `test_filter_rules_case_insensitive`.

use http::StatusCode;
use s3s::dto::*;

use super::{Api, OperationResult, plain};
use crate::call::Call;
use crate::refusal::Refusal;
use hardcap_core::config::{BucketNotifications, NotificationRefusal, NotificationTarget};

/// The longest value of a filter, in bytes (text of MinIO).
const FILTER_MAX: usize = 1024;
/// The most targets of a bucket. This number is hardcap's: all pairs of targets are compared.
const TARGETS_MAX: usize = 1000;

pub(super) async fn put(
    api: &Api,
    call: &Call,
    input: PutBucketNotificationConfigurationInput,
) -> OperationResult<PutBucketNotificationConfigurationOutput> {
    let bucket = api.store.bucket(&input.bucket)?;
    let wanted = wanted(input.notification_configuration)?;
    wanted.check().map_err(|refusal| refused(&refusal))?;
    let skips = input.skip_destination_validation == Some(true);
    if !skips {
        let missing = api.notifier.missing(&wanted);
        let missing: Vec<_> = missing.into_iter().map(missing_destination).collect();
        if !missing.is_empty() {
            return Err(invalid_destinations(missing));
        }
    }
    let (stored, is_empty) = (wanted.clone(), wanted == BucketNotifications::default());
    bucket
        .change_settings(move |settings| settings.notifications = (!is_empty).then_some(stored))
        .await?;
    if !skips {
        api.notifier.send_tests(call, &bucket.name, &wanted).await;
    }
    plain(PutBucketNotificationConfigurationOutput::default())
}

pub(super) async fn get(
    api: &Api,
    _call: &Call,
    input: GetBucketNotificationConfigurationInput,
) -> OperationResult<GetBucketNotificationConfigurationOutput> {
    let settings = api.store.bucket(&input.bucket)?.settings();
    let Some(notifications) = &settings.notifications else {
        return plain(GetBucketNotificationConfigurationOutput::default());
    };
    let of = |service: &str| {
        let is_of = move |target: &&NotificationTarget| service_of(&target.arn) == Some(service);
        notifications.targets.iter().filter(is_of).cloned().collect::<Vec<_>>()
    };
    let functions = of("lambda").into_iter().map(|target| LambdaFunctionConfiguration {
        events: shown_events(&target),
        filter: shown_filter(&target),
        id: Some(target.id),
        lambda_function_arn: target.arn,
    });
    let queues = of("sqs").into_iter().map(|target| QueueConfiguration {
        events: shown_events(&target),
        filter: shown_filter(&target),
        id: Some(target.id),
        queue_arn: target.arn,
    });
    let topics = of("sns").into_iter().map(|target| TopicConfiguration {
        events: shown_events(&target),
        filter: shown_filter(&target),
        id: Some(target.id),
        topic_arn: target.arn,
    });
    plain(GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: notifications
            .event_bridge
            .then(EventBridgeConfiguration::default),
        lambda_function_configurations: some(functions.collect()),
        queue_configurations: some(queues.collect()),
        topic_configurations: some(topics.collect()),
    })
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn shown_events(target: &NotificationTarget) -> EventList {
    target.events.iter().cloned().map(Event::from).collect()
}

fn shown_filter(target: &NotificationTarget) -> Option<NotificationConfigurationFilter> {
    let rules = [("Prefix", &target.prefix), ("Suffix", &target.suffix)];
    let rules = rules.into_iter().filter_map(|(name, value)| {
        let name = Some(FilterRuleName::from_static(name));
        Some(FilterRule { name, value: Some(value.clone()?) })
    });
    let rules = some(rules.collect())?;
    Some(NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules) }) })
}

/// The configuration that a client sends, after its ARNs and filters are read.
fn wanted(given: NotificationConfiguration) -> Result<BucketNotifications, Refusal> {
    let mut targets = Vec::new();
    for it in given.topic_configurations.into_iter().flatten() {
        targets.push(target(("sns", "Topic"), it.topic_arn, it.events, it.filter, it.id)?);
    }
    for it in given.queue_configurations.into_iter().flatten() {
        targets.push(target(("sqs", "Queue"), it.queue_arn, it.events, it.filter, it.id)?);
    }
    for it in given.lambda_function_configurations.into_iter().flatten() {
        let kind = ("lambda", "CloudFunction");
        targets.push(target(kind, it.lambda_function_arn, it.events, it.filter, it.id)?);
    }
    if targets.len() > TARGETS_MAX {
        return Err(Refusal::malformed_xml());
    }
    let event_bridge = given.event_bridge_configuration.is_some();
    Ok(BucketNotifications { targets, event_bridge })
}

fn target(
    (service, element): (&str, &'static str),
    arn: String,
    events: EventList,
    filter: Option<NotificationConfigurationFilter>,
    id: Option<NotificationId>,
) -> Result<NotificationTarget, Refusal> {
    if service_of(&arn) != Some(service) {
        return Err(invalid("The ARN could not be parsed", element, arn));
    }
    if events.is_empty() {
        return Err(Refusal::malformed_xml());
    }
    let events = events.iter().map(|event| event.as_ref().to_owned()).collect();
    // AWS assigns an id that was not given.
    let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let mut target = NotificationTarget { id, arn, events, prefix: None, suffix: None };
    let rules = filter.and_then(|filter| filter.key?.filter_rules);
    for rule in rules.into_iter().flatten() {
        let (Some(name), Some(value)) = (rule.name, rule.value) else {
            return Err(Refusal::malformed_xml());
        };
        let name = name.as_str();
        let place = match name.to_ascii_lowercase().as_str() {
            "prefix" => &mut target.prefix,
            "suffix" => &mut target.suffix,
            _ => {
                let text = "filter rule name must be either prefix or suffix";
                return Err(invalid(text, "FilterRule.Name", name));
            }
        };
        // The next two texts are MinIO's. UNCONFIRMED: their elements.
        if value.len() > FILTER_MAX {
            let text = "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation";
            return Err(invalid(text, "FilterRule.Value", value));
        }
        if place.replace(value).is_some() {
            let text = match name.to_ascii_lowercase().as_str() {
                "prefix" => "Cannot specify more than one prefix rule in a filter.",
                _ => "Cannot specify more than one suffix rule in a filter.",
            };
            return Err(invalid(text, "FilterRule.Name", name));
        }
    }
    Ok(target)
}

/// The service of an ARN with a resource.
fn service_of(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, service, _, _, resource] if !resource.is_empty() => Some(service),
        _ => None,
    }
}

fn invalid(text: &'static str, name: &str, value: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "InvalidArgument", text)
        .with("ArgumentName", name)
        .with("ArgumentValue", value)
}

fn refused(refusal: &NotificationRefusal) -> Refusal {
    let new = || Refusal::new(StatusCode::BAD_REQUEST, "InvalidArgument", refusal.to_string());
    let value = match refusal {
        NotificationRefusal::UnknownEvent(event) => event.clone(),
        NotificationRefusal::SharedEvent(a, b) => format!("{a}, {b}"),
        // UNCONFIRMED: the elements.
        NotificationRefusal::OverlappingFilters(_, _) => return new(),
    };
    new().with("ArgumentName", "Event").with("ArgumentValue", value)
}

/// The name and the value of the argument for a destination that does not exist, or that S3 does not notify.
fn missing_destination(arn: &str) -> (String, String) {
    match service_of(arn) {
        // UNCONFIRMED: the text.
        _ if arn.ends_with(".fifo") => {
            (arn.to_owned(), "S3 does not notify FIFO queues and topics".to_owned())
        }
        Some("lambda") => {
            (format!("{arn}, null"), format!("Not authorized to invoke function [{arn}]"))
        }
        Some("sns") => (arn.to_owned(), "The destination topic does not exist".to_owned()),
        _ => (arn.to_owned(), "The destination queue does not exist".to_owned()),
    }
}

fn invalid_destinations(of: Vec<(String, String)>) -> Refusal {
    let text = "Unable to validate the following destination configurations";
    let refusal = Refusal::new(StatusCode::BAD_REQUEST, "InvalidArgument", text);
    let numbered = of.into_iter().zip(1..);
    numbered.fold(refusal, |refusal, ((name, value), number)| {
        refusal
            .with(format!("ArgumentName{number}"), name)
            .with(format!("ArgumentValue{number}"), value)
    })
}
