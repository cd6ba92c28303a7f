//! Asynchronous events: retries, destinations, dead-letter queues, recursive loops, schedules.

use hardcap_limits::Millis;

use super::diagnostic::Diagnostic;
use super::function::refuse_of_sam;
use super::properties::Properties;
use super::tree::MappingEntry;
use hardcap_core::config::{ACCOUNT_ID, EventInvokeConfig, Function, RecursiveLoop, Schedule};

const LACKS_MEMBERS: &str =
    "'DeadLetterQueue' requires Type and TargetArn properties to be specified.";

/// `EventInvokeConfig` and `DeadLetterQueue` of SAM, `DeadLetterConfig` of CloudFormation, `RecursiveLoop` of both.
pub(super) fn read(of: &Properties<'_>, function: &mut Function) -> Result<(), Diagnostic> {
    for key in ["DeadLetterQueue", "DeadLetterConfig"] {
        let Some(queue) = of.child(key)? else { continue };
        function.events.dead_letter = queue.text("TargetArn")?;
        let kind = queue.text("Type");
        if key == "DeadLetterQueue" {
            let refused = match &kind {
                Ok(None) => Some(LACKS_MEMBERS),
                Ok(Some(_)) if function.events.dead_letter.is_none() => Some(LACKS_MEMBERS),
                Ok(Some(kind)) if kind != "SQS" && kind != "SNS" => {
                    Some("'DeadLetterQueue' requires Type of ['SQS', 'SNS']")
                }
                Ok(Some(_)) | Err(_) => None,
            };
            refused.iter().for_each(|text| refuse_of_sam(&queue, &function.logical_id, text));
        }
        queue.finish();
    }
    if let Some(config) = of.child("EventInvokeConfig")? {
        let dead_letter = function.events.dead_letter.take();
        function.events =
            EventInvokeConfig { dead_letter, ..event_invoke_config(&config, function)? };
        config.finish();
    }
    function.recursive_loop = match of.text("RecursiveLoop")?.as_deref() {
        None | Some("Terminate") => RecursiveLoop::Terminate,
        Some("Allow") => RecursiveLoop::Allow,
        Some(other) => {
            let name = of.name("RecursiveLoop");
            let message = format!("{name} must be Allow or Terminate, not `{other}`");
            return Err(Diagnostic::new(of.at, message));
        }
    };
    Ok(())
}

/// Retries, age and destinations, from `EventInvokeConfig` or from an `AWS::Lambda::EventInvokeConfig`.
pub(super) fn event_invoke_config(
    of: &Properties<'_>,
    function: &Function,
) -> Result<EventInvokeConfig, Diagnostic> {
    let seconds: Option<u64> = of.number("MaximumEventAgeInSeconds")?;
    let mut config = EventInvokeConfig {
        maximum_retry_attempts: of.number("MaximumRetryAttempts")?,
        maximum_event_age: seconds.map(|it| Millis(it.saturating_mul(1000))),
        ..EventInvokeConfig::default()
    };
    if let Some(destinations) = of.child("DestinationConfig")? {
        config.on_success = destination(&destinations, "OnSuccess", function)?;
        config.on_failure = destination(&destinations, "OnFailure", function)?;
        destinations.finish();
    }
    Ok(config)
}

/// The ARN of a destination. If SAM would create the queue or the topic, its name is derived from the function's.
fn destination(
    of: &Properties<'_>,
    key: &str,
    function: &Function,
) -> Result<Option<String>, Diagnostic> {
    let Some(destination) = of.child(key)? else { return Ok(None) };
    let kind = destination.text("Type")?;
    let arn = match (destination.text("Destination")?, kind.as_deref()) {
        (Some(arn), _) => Some(arn),
        (None, Some(kind @ ("SQS" | "SNS"))) => {
            let region = &of.scope.names.region;
            let (service, id) = (kind.to_lowercase(), &function.logical_id);
            Some(format!("arn:aws:{service}:{region}:{ACCOUNT_ID}:{id}{key}"))
        }
        (None, _) => {
            let message = format!("{} has no `Destination`", destination.what);
            return Err(
                Diagnostic::new(destination.at, message).help("write the ARN of the target")
            );
        }
    };
    destination.finish();
    Ok(arn)
}

/// An event of type `Schedule`. An expression that EventBridge refuses is a finding. With the wrong number of the unit, such as
/// `rate(1 minutes)`, it is a schedule all the same, for a run that allows what AWS refuses.
pub(super) fn schedule(
    of: &Properties<'_>,
    entry: &MappingEntry,
    function: &Function,
) -> Result<Option<Schedule>, Diagnostic> {
    of.without_effect(&["Description", "RetryPolicy", "DeadLetterConfig", "State", "Enabled"]);
    let expression = of.required_text("Schedule")?;
    let name = of.text("Name")?.unwrap_or_else(|| format!("{}{}", function.logical_id, entry.key));
    let input = of.text("Input")?;
    let switched_off =
        of.flag("Enabled")? == Some(false) || of.text("State")?.as_deref() == Some("DISABLED");
    if !hardcap_messages::bus::is_schedule(&expression) {
        let message = format!(
            "AWS refuses {}, `{expression}`: Parameter ScheduleExpression is not valid.",
            of.name("Schedule")
        );
        let warning = Diagnostic::new(of.at, message).rule("event-rule");
        of.scope.warn(
            warning.help("write `rate(1 minute)`, `rate(5 minutes)` or `cron(0 12 * * ? *)`"),
        );
    }
    let Some(rate) = rate(&expression) else { return Ok(None) };
    Ok((!switched_off).then_some(Schedule { name, rate, input }))
}

/// The interval of a rate expression: `rate(1 minute)`, `rate(5 hours)`, `rate(2 days)`.
fn rate(expression: &str) -> Option<Millis> {
    let inner = expression.trim().strip_prefix("rate(")?.strip_suffix(')')?;
    let (value, unit) = inner.trim().split_once(' ')?;
    let value: u64 = value.parse().ok().filter(|value| *value > 0)?;
    let minutes = match unit.trim() {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        "day" | "days" => 24 * 60,
        _ => return None,
    };
    Some(Millis(value.checked_mul(minutes * 60_000)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_of_minutes_hours_or_days() {
        for (expression, expected) in [
            ("rate(1 minute)", Some(60_000)),
            ("rate(5 hours)", Some(18_000_000)),
            ("rate(2 days)", Some(172_800_000)),
            ("rate(0 minutes)", None),
            ("rate(5 seconds)", None),
            ("rate(99999999999999999999 days)", None),
            ("rate(18446744073709551615 days)", None),
            ("cron(0 12 * * ? *)", None),
            ("", None),
        ] {
            assert_eq!(rate(expression), expected.map(Millis), "{expression}");
        }
    }
}
