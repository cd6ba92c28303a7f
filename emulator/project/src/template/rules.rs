//! Rules of EventBridge: `AWS::Events::Rule`, `AWS::Events::EventBus`, events of types `EventBridgeRule`, `CloudWatchEvent` and
//! `Schedule` with a cron expression.

use serde_json::{Map, Value, json};

use super::assemble::Parts;
use super::diagnostic::Diagnostic;
use super::properties::Properties;
use super::scope::Scope;
use super::tree::MappingEntry;
use hardcap_core::config::{BusRule, Function};
use hardcap_messages::Target;
use hardcap_messages::pattern::Pattern;

/// The members of a target that a SAM event has as properties.
const INPUTS: [&str; 2] = ["Input", "InputPath"];

/// `AWS::Events::EventBus`: the name of the bus.
pub(super) fn bus(scope: &Scope<'_>, entry: &MappingEntry) -> Result<String, Diagnostic> {
    let of = Properties::of(scope, "the event bus", entry)?;
    of.without_effect(&[
        "Name",
        "DeadLetterConfig",
        "Description",
        "EventSourceName",
        "KmsKeyIdentifier",
        "LogConfig",
        "Policy",
        "Tags",
    ]);
    of.finish();
    scope.other_name(entry, "AWS::Events::EventBus")
}

/// `AWS::Events::Rule`
pub(super) fn rule(scope: &Scope<'_>, entry: &MappingEntry) -> Result<BusRule, Diagnostic> {
    let of = Properties::of(scope, "the rule", entry)?;
    of.without_effect(&["Name", "RoleArn", "Tags"]);
    let name = scope.other_name(entry, "AWS::Events::Rule")?;
    let mut rule = definition(&of, &name, "EventPattern")?;
    if let Some(expression) = of.text("ScheduleExpression")? {
        rule.insert("ScheduleExpression".to_owned(), Value::from(expression));
    }
    let mut targets = Vec::new();
    for target in of.children("Targets")? {
        let members = target.entries().iter();
        let members = members.map(|entry| Ok((entry.key.clone(), scope.json(&entry.value)?)));
        let members: Map<String, Value> = members.collect::<Result<_, Diagnostic>>()?;
        tell_of_target(&target, &members);
        targets.push(Value::Object(members));
    }
    let bus = bus_of(&of)?;
    of.finish();
    Ok(BusRule { logical_id: entry.key.clone(), bus, rule, targets })
}

/// An event of type `EventBridgeRule` or `CloudWatchEvent` of a SAM function.
pub(super) fn event(
    of: &Properties<'_>,
    entry: &MappingEntry,
    function: &Function,
    target: &str,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let name = name_of(of, "RuleName", entry, function)?;
    let rule = definition(of, &name, "Pattern")?;
    let target = function_target(of, target)?;
    let logical_id = function.logical_id.clone();
    parts.rules.push(BusRule { logical_id, bus: bus_of(of)?, rule, targets: vec![target] });
    Ok(())
}

/// An event of type `Schedule` of a SAM function with a cron expression.
pub(super) fn schedule(
    of: &Properties<'_>,
    entry: &MappingEntry,
    function: &Function,
    target: &str,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let name = name_of(of, "Name", entry, function)?;
    let mut rule = definition(of, &name, "Pattern")?;
    let expression = of.required_text("Schedule")?;
    rule.insert("ScheduleExpression".to_owned(), Value::from(expression));
    let target = function_target(of, target)?;
    let logical_id = function.logical_id.clone();
    let bus = "default".to_owned();
    parts.rules.push(BusRule { logical_id, bus, rule, targets: vec![target] });
    Ok(())
}

/// The name of the rule of an event. hardcap derives it from the names of the function and of the event.
fn name_of(
    of: &Properties<'_>,
    key: &str,
    entry: &MappingEntry,
    function: &Function,
) -> Result<String, Diagnostic> {
    Ok(of.text(key)?.unwrap_or_else(|| format!("{}{}", function.logical_id, entry.key)))
}

/// The members of `PutRule` that events and resources share.
fn definition(
    of: &Properties<'_>,
    name: &str,
    pattern_key: &str,
) -> Result<Map<String, Value>, Diagnostic> {
    let mut rule = Map::from_iter([("Name".to_owned(), Value::from(name))]);
    if let Some(pattern) = of.json(pattern_key)? {
        if let Err(error) = Pattern::parse(&pattern) {
            let message = format!("EventBridge refuses the pattern of {}: {error}", of.what);
            return Err(Diagnostic::new(of.at, message));
        }
        rule.insert("EventPattern".to_owned(), Value::from(pattern));
    }
    let is_off = of.flag("Enabled")? == Some(false);
    let state = of.text("State")?.or(is_off.then(|| "DISABLED".to_owned()));
    rule.extend(state.map(|state| ("State".to_owned(), Value::from(state))));
    let description = of.text("Description")?;
    rule.extend(description.map(|it| ("Description".to_owned(), Value::from(it))));
    Ok(rule)
}

/// The function of an event as a target.
fn function_target(of: &Properties<'_>, function: &str) -> Result<Value, Diagnostic> {
    of.without_effect(&["RetryPolicy"]);
    let mut id = "Function".to_owned();
    if let Some(target) = of.child("Target")? {
        id = target.text("Id")?.unwrap_or(id);
        target.finish();
    }
    let mut target = json!({ "Id": id, "Arn": of.scope.function_arn(function) });
    for key in INPUTS {
        if let Some(value) = of.json(key)? {
            target[key] = Value::from(value);
        }
    }
    if let Some(node) = of.node("InputTransformer")? {
        target["InputTransformer"] = of.scope.json(node)?;
    }
    if let Some(config) = of.child("DeadLetterConfig")? {
        config.without_effect(&["QueueLogicalId", "Type"]);
        match config.text("Arn")? {
            Some(arn) => target["DeadLetterConfig"] = json!({ "Arn": arn }),
            None => {
                let message =
                    format!("{} has no `Arn`: hardcap creates no queue for it", config.what);
                of.scope.warn(Diagnostic::new(config.at, message).rule("not-emulated"));
            }
        }
        config.finish();
    }
    Ok(target)
}

/// The name of the bus that a rule belongs to.
fn bus_of(of: &Properties<'_>) -> Result<String, Diagnostic> {
    let given = of.text("EventBusName")?.unwrap_or_else(|| "default".to_owned());
    Ok(match Target::of(&given) {
        Some(Target::Bus(name)) => name,
        _ => given,
    })
}

fn tell_of_target(of: &Properties<'_>, members: &Map<String, Value>) {
    let arn = members.get("Arn").and_then(Value::as_str).unwrap_or_default();
    if Target::of(arn).is_none() {
        let message = format!(
            "{} sends to `{arn}`, to which hardcap delivers nothing; it delivers to functions, queues, topics and buses",
            of.what
        );
        of.scope.warn(Diagnostic::new(of.at, message).rule("not-emulated"));
    }
}
