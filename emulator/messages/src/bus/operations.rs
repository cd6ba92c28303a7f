//! The operations of EventBridge.

use hardcap_core::clock::EpochMillis;
use hardcap_core::config::ACCOUNT_ID;
use hardcap_core::context::Context;
use hardcap_limits::{Bytes as ByteCount, Count};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::deliver::undelivered;
use super::error::EventsError;
use super::event::Entry;
use super::rule::{Rule, RuleTarget, State, Tags, check_pattern};
use super::sizes;
use super::store::{Bus, CheckedRule, DEFAULT, Store, read};
use super::way::Way;
use super::{Buses, Shared};

const OPERATIONS: [&str; 19] = [
    "CreateEventBus",
    "DeleteEventBus",
    "DeleteRule",
    "DescribeEventBus",
    "DescribeRule",
    "DisableRule",
    "EnableRule",
    "ListEventBuses",
    "ListRuleNamesByTarget",
    "ListRules",
    "ListTagsForResource",
    "ListTargetsByRule",
    "PutEvents",
    "PutRule",
    "PutTargets",
    "RemoveTargets",
    "TagResource",
    "TestEventPattern",
    "UntagResource",
];
/// The largest and the default page (SDK's model, `LimitMax100`).
const PAGE_MAX: usize = 100;

/// The members of all inputs but those of `PutEvents` and `PutRule`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    name: Option<String>,
    rule: Option<String>,
    event_bus_name: Option<String>,
    name_prefix: Option<String>,
    target_arn: Option<String>,
    targets: Option<Vec<RuleTarget>>,
    ids: Option<Vec<String>>,
    event_pattern: Option<String>,
    event: Option<String>,
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<String>,
    tags: Option<Vec<Tag>>,
    tag_keys: Option<Vec<String>>,
    limit: Option<Value>,
    next_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Tag {
    key: String,
    value: String,
}

type Outcome = Result<Value, EventsError>;

/// Runs an operation.
pub(super) async fn run(buses: &Buses, ctx: &Context, operation: &str, body: &[u8]) -> Outcome {
    let body = if body.is_empty() { b"{}".as_slice() } else { body };
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| EventsError::Api("SerializationException", error.to_string()))?;
    sizes::check(&value)?;
    if operation == "PutEvents" {
        return put_events(buses, ctx, &value).await;
    }
    let own = ctx.clone();
    match operation {
        "PutRule" => {
            let input: Input = read(&value)?;
            let output = buses.on_thread(move |shared| put_rule(shared, &own, &value, input)).await;
            buses.shared.wake.notify_one();
            return output;
        }
        "TestEventPattern" => {
            let input: Input = read(&value)?;
            return buses.on_thread(move |_| test_event_pattern(&input)).await;
        }
        _ => {}
    }
    let run: fn(&mut Store, &Context, &Value, Input) -> Outcome = match operation {
        "CreateEventBus" => create_event_bus,
        "DeleteEventBus" => delete_event_bus,
        "DescribeEventBus" => describe_event_bus,
        "ListEventBuses" => list_event_buses,
        "DeleteRule" => delete_rule,
        "DescribeRule" => describe_rule,
        "EnableRule" => enable_rule,
        "DisableRule" => disable_rule,
        "ListRules" => list_rules,
        "PutTargets" => put_targets,
        "RemoveTargets" => remove_targets,
        "ListTargetsByRule" => list_targets_by_rule,
        "ListRuleNamesByTarget" => list_rule_names_by_target,
        "TagResource" => tag_resource,
        "UntagResource" => untag_resource,
        "ListTagsForResource" => list_tags,
        other => {
            let text = format!(
                "hardcap's EventBridge has no operation `{other}`; it has {}",
                OPERATIONS.join(", ")
            );
            return Err(EventsError::Api("UnknownOperationException", text));
        }
    };
    let input: Input = read(&value)?;
    let output = buses.on_store(move |store| run(store, &own, &value, input)).await;
    buses.shared.wake.notify_one();
    output
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    #[serde(default)]
    entries: Option<Vec<Entry>>,
}

async fn put_events(buses: &Buses, ctx: &Context, value: &Value) -> Outcome {
    let PutEvents { entries } = read(value)?;
    let entries = entries.ok_or_else(|| EventsError::constraint(None, "entries", "not be null"))?;
    if entries.is_empty() {
        let rule = "have length greater than or equal to 1";
        return Err(EventsError::constraint(Some("[]"), "entries", rule));
    }
    ctx.admit(&ctx.limits.eventbridge_entries, Count(entries.len() as u64))
        .map_err(|exceeded| EventsError::Refused(exceeded, shown_entries(&entries)))?;
    admit_size(ctx, &entries)?;
    let (mut results, mut failed) = (Vec::with_capacity(entries.len()), 0);
    for entry in entries {
        let bus = bus_name(entry.event_bus_name.as_deref());
        // The chain of requests of the entry, if the application names one.
        let trace = entry.trace_header.as_deref().map_or(ctx.trace.clone(), Into::into);
        let ctx = Context { trace, ..ctx.clone() };
        match entry.event(&buses.shared.platform.region, ctx.clock.now()) {
            Ok(event) => {
                results.push(json!({ "EventId": event.id }));
                if !buses.has(&bus) {
                    tracing::warn!(
                        "an event for the event bus {bus} is lost: it does not exist; AWS reports no error"
                    );
                    continue;
                }
                buses.route(&ctx, &bus, &event, &mut Way::from(&bus)).await;
            }
            Err((code, text)) => {
                failed += 1;
                results.push(json!({ "ErrorCode": code, "ErrorMessage": text }));
            }
        }
    }
    Ok(json!({ "FailedEntryCount": failed, "Entries": results }))
}

/// Compares the size of all entries of a request with its limit.
pub(super) fn admit_size(ctx: &Context, entries: &[Entry]) -> Result<(), EventsError> {
    let size: usize = entries.iter().map(Entry::size).sum();
    Ok(ctx.admit(&ctx.limits.eventbridge_request, ByteCount(size as u64))?)
}

/// Entries as AWS's refusal of too many shows them.
fn shown_entries(entries: &[Entry]) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let shown = entries.iter().map(|entry| {
        let time = entry.time.map_or("null".to_owned(), |time| time.to_string());
        let resources = entry.resources.as_ref().map(|all| format!("[{}]", all.join(", ")));
        format!(
            "PutEventsRequestEntry(time={time}, source={}, resources={}, detailType={}, detail={}, eventBusName={}, traceHeader={}, \
             kmsKeyIdentifier=null, internalMetadata=null)",
            text(&entry.source),
            text(&resources),
            text(&entry.detail_type),
            text(&entry.detail),
            text(&entry.event_bus_name),
            text(&entry.trace_header)
        )
    });
    format!("[{}]", shown.collect::<Vec<_>>().join(", "))
}

/// The name of a bus that is given by its name or its ARN.
fn bus_name(given: Option<&str>) -> String {
    let given = given.filter(|name| !name.is_empty()).unwrap_or(DEFAULT);
    let of_arn = given.starts_with("arn:").then(|| given.split_once(":event-bus/")).flatten();
    of_arn.map_or(given, |(_, name)| name).to_owned()
}

fn required<'i>(value: &'i Option<String>, member: &str) -> Result<&'i str, EventsError> {
    value.as_deref().ok_or_else(|| EventsError::constraint(None, member, "not be null"))
}

/// Seconds since 1970 with three decimals.
fn seconds(at: EpochMillis) -> Value {
    let text = format!("{}.{:03}", at.0 / 1000, at.0 % 1000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// A page of a list. A token is the number of items before the page.
fn page(input: &Input, list: &str, items: Vec<Value>) -> Outcome {
    // The number was checked against the model.
    let limit = input.limit.as_ref().map(sizes::whole).transpose()?;
    let size = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX);
    let start = match input.next_token.as_deref().map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) if start <= items.len() => start,
        Some(_) => return Err(EventsError::invalid("Parameter NextToken is not valid.")),
    };
    let end = items.len().min(start + size);
    let mut page = json!({ list: items[start..end] });
    if end < items.len() {
        page["NextToken"] = json!(end.to_string());
    }
    Ok(page)
}

fn has_prefix(input: &Input, name: &str) -> bool {
    input.name_prefix.as_deref().is_none_or(|prefix| name.starts_with(prefix))
}

fn tags(given: Option<Vec<Tag>>) -> Tags {
    given.into_iter().flatten().map(|Tag { key, value }| (key, value)).collect()
}

fn create_event_bus(store: &mut Store, ctx: &Context, value: &Value, input: Input) -> Outcome {
    let name = required(&input.name, "name")?.to_owned();
    let kept = ["Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig"];
    let members: Map<String, Value> = kept
        .iter()
        .filter_map(|member| Some(((*member).to_owned(), value.get(member)?.clone())))
        .collect();
    let mut output = members.clone();
    output.insert("EventBusArn".to_owned(), json!(store.arn(&name)));
    let bus =
        Bus { created: Some(ctx.clock.now()), members, tags: tags(input.tags), ..Bus::default() };
    store.create_bus(&name, bus)?;
    Ok(Value::Object(output))
}

fn delete_event_bus(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    store.delete_bus(required(&input.name, "name")?)?;
    Ok(json!({}))
}

fn shown_bus(store: &Store, name: &str, bus: &Bus) -> Value {
    let mut shown = bus.members.clone();
    shown.insert("Name".to_owned(), json!(name));
    shown.insert("Arn".to_owned(), json!(store.arn(name)));
    if let Some(created) = bus.created {
        shown.insert("CreationTime".to_owned(), seconds(created));
        shown.insert("LastModifiedTime".to_owned(), seconds(created));
    }
    Value::Object(shown)
}

fn describe_event_bus(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    let name = bus_name(input.name.as_deref());
    Ok(shown_bus(store, &name, store.bus(&name)?))
}

fn list_event_buses(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    let found = store.buses().filter(|(name, _)| has_prefix(&input, name));
    let shown = found.map(|(name, bus)| shown_bus(store, name, bus)).collect();
    page(&input, "EventBuses", shown)
}

/// Checks the rule and compiles its pattern before the store is locked.
fn put_rule(shared: &Shared, ctx: &Context, value: &Value, input: Input) -> Outcome {
    let name = required(&input.name, "name")?;
    let bus = bus_name(input.event_bus_name.as_deref());
    let mut definition = value.as_object().cloned().unwrap_or_default();
    // They are members of what is kept, but not of `PutRule`, or of another form there.
    definition.retain(|member, _| !["Tags", "Targets", "Since"].contains(&member.as_str()));
    let mut rule: Rule = read(&Value::Object(definition))?;
    rule.since = ctx.clock.now();
    rule.tags = tags(input.tags);
    let rule = CheckedRule::new(&bus, name, rule)?;
    let mut store = shared.store();
    store.put_rule(&bus, name, rule)?;
    Ok(json!({ "RuleArn": store.rule_arn(&bus, name) }))
}

fn delete_rule(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    let bus = bus_name(input.event_bus_name.as_deref());
    store.delete_rule(&bus, required(&input.name, "name")?)?;
    Ok(json!({}))
}

fn shown_rule(store: &Store, bus: &str, name: &str, rule: &Rule) -> Value {
    let mut shown = json!({
        "Name": name,
        "Arn": store.rule_arn(bus, name),
        "State": rule.state,
        "EventBusName": bus,
    });
    let optional = [
        ("EventPattern", &rule.event_pattern),
        ("ScheduleExpression", &rule.schedule_expression),
        ("Description", &rule.description),
        ("RoleArn", &rule.role_arn),
    ];
    for (member, value) in optional {
        if let Some(value) = value {
            shown[member] = json!(value);
        }
    }
    shown
}

fn describe_rule(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    let bus = bus_name(input.event_bus_name.as_deref());
    let name = required(&input.name, "name")?;
    let mut shown = shown_rule(store, &bus, name, store.rule(&bus, name)?);
    shown["CreatedBy"] = json!(ACCOUNT_ID);
    Ok(shown)
}

fn enable_rule(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    set_state(store, &input, State::Enabled)
}

fn disable_rule(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    set_state(store, &input, State::Disabled)
}

fn set_state(store: &mut Store, input: &Input, state: State) -> Outcome {
    let bus = bus_name(input.event_bus_name.as_deref());
    store.change_rule((&bus, required(&input.name, "name")?), |rule| {
        rule.state = state;
        Ok(json!({}))
    })
}

fn list_rules(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    let bus = bus_name(input.event_bus_name.as_deref());
    let rules = store.bus(&bus)?.rules.iter().filter(|(name, _)| has_prefix(&input, name));
    let shown = rules.map(|(name, rule)| shown_rule(store, &bus, name, rule)).collect();
    page(&input, "Rules", shown)
}

fn put_targets(store: &mut Store, ctx: &Context, _: &Value, input: Input) -> Outcome {
    let bus = bus_name(input.event_bus_name.as_deref());
    let rule = required(&input.rule, "rule")?.to_owned();
    let targets =
        input.targets.ok_or_else(|| EventsError::constraint(None, "targets", "not be null"))?;
    for (arn, service) in undelivered(&targets) {
        tracing::warn!(
            "the rule `{rule}` has the target {arn} of the service {service}, to which hardcap delivers nothing; it delivers to \
             functions, queues, topics and buses"
        );
    }
    store.put_targets((&bus, &rule), targets, |count| {
        Ok(ctx.admit(&ctx.limits.eventbridge_targets, count)?)
    })?;
    Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
}

fn remove_targets(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    let bus = bus_name(input.event_bus_name.as_deref());
    let ids = input.ids.unwrap_or_default();
    store.change_rule((&bus, required(&input.rule, "rule")?), |rule| {
        let missing: Vec<Value> = ids
            .iter()
            .filter(|id| !rule.targets.iter().any(|target| target.id == **id))
            .map(|id| {
                json!({
                    "TargetId": id,
                    "ErrorCode": "ResourceNotFoundException",
                    "ErrorMessage": format!("Rule does not have a target with the id {id}."),
                })
            })
            .collect();
        rule.targets.retain(|target| !ids.contains(&target.id));
        Ok(json!({ "FailedEntryCount": missing.len(), "FailedEntries": missing }))
    })
}

fn list_targets_by_rule(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    let bus = bus_name(input.event_bus_name.as_deref());
    let rule = store.rule(&bus, required(&input.rule, "rule")?)?;
    page(&input, "Targets", rule.targets.iter().map(|target| json!(target)).collect())
}

fn list_rule_names_by_target(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    let bus = bus_name(input.event_bus_name.as_deref());
    let arn = required(&input.target_arn, "targetArn")?;
    let rules = store.bus(&bus)?.rules.iter();
    let found = rules.filter(|(_, rule)| rule.targets.iter().any(|target| target.arn == arn));
    page(&input, "RuleNames", found.map(|(name, _)| json!(name)).collect())
}

fn test_event_pattern(input: &Input) -> Outcome {
    /// LocalStack's tests on AWS, `test_invalid_event_payload`.
    const MEMBERS: [&str; 6] = ["id", "account", "source", "time", "region", "detail-type"];
    let pattern = check_pattern(required(&input.event_pattern, "eventPattern")?)?.pattern;
    let event: Value = serde_json::from_str(required(&input.event, "event")?).unwrap_or_default();
    if MEMBERS.iter().any(|member| event.get(member).is_none()) {
        return Err(EventsError::invalid("Parameter Event is not valid."));
    }
    Ok(json!({ "Result": pattern.matches(&event) }))
}

/// Changes the tags of a bus or a rule.
fn change_tags(
    store: &mut Store,
    input: &Input,
    change: impl FnOnce(&mut Tags) -> Outcome,
) -> Outcome {
    let arn = required(&input.resource_arn, "resourceARN")?;
    let of = store.of_arn(arn);
    let (bus, rule) = of.ok_or_else(|| {
        EventsError::invalid(format!(
            "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
        ))
    })?;
    match rule {
        Some(rule) => store.change_rule((&bus, &rule), |rule| change(&mut rule.tags)),
        None => store.change(&bus, |bus| change(&mut bus.tags)),
    }
}

fn tag_resource(store: &mut Store, _: &Context, _: &Value, mut input: Input) -> Outcome {
    let added = tags(input.tags.take());
    change_tags(store, &input, |tags| {
        tags.extend(added);
        sizes::check_tags(tags)?;
        Ok(json!({}))
    })
}

fn untag_resource(store: &mut Store, _: &Context, _: &Value, mut input: Input) -> Outcome {
    let keys = input.tag_keys.take().unwrap_or_default();
    change_tags(store, &input, |tags| {
        tags.retain(|key, _| !keys.contains(key));
        Ok(json!({}))
    })
}

fn list_tags(store: &mut Store, _: &Context, _: &Value, input: Input) -> Outcome {
    change_tags(store, &input, |tags| {
        let shown: Vec<Value> =
            tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        Ok(json!({ "Tags": shown }))
    })
}
