//! Time to live: the deletion of expired items, by the emulator's clock, and the refusals of changes.
//!
//! The engine has a sweep of its own, but in a database on disk it uses the machine's clock.

use dynoxide::{Database, DynoxideError, Item};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::DynamoDbError;

use hardcap_core::clock::EpochMillis;

/// Items that expired more than five years ago are kept: AWS treats their time as an error.
const OLDEST_SECONDS: u64 = 5 * 365 * 24 * 60 * 60;

/// The largest length of a time-to-live attribute's name, in characters (SDK's model).
const ATTRIBUTE_NAME_MAX: usize = 255;

/// Deletes every expired item of every table with a time-to-live attribute, and returns their number.
///
/// # Errors
///
/// [`DynamoDbError::TimeToLive`]
pub(super) fn sweep(database: &Database, now: EpochMillis) -> Result<usize, DynamoDbError> {
    sweep_all(database, now.0 / 1000).map_err(|error| DynamoDbError::TimeToLive(error.into()))
}

fn sweep_all(database: &Database, now: u64) -> Result<usize, DynoxideError> {
    let mut deleted = 0;
    let mut start: Option<String> = None;
    loop {
        let mut page = json!({});
        if let Some(start) = &start {
            page["ExclusiveStartTableName"] = json!(start);
        }
        let tables = shown(&database.list_tables(input(page)?)?)?;
        for table in tables["TableNames"].as_array().into_iter().flatten().filter_map(Value::as_str)
        {
            let described =
                database.describe_time_to_live(input(json!({ "TableName": table }))?)?;
            let described = shown(&described)?;
            if let Some(attribute) = described["TimeToLiveDescription"]["AttributeName"].as_str() {
                deleted += sweep_table(database, table, attribute, now)?;
            }
        }
        start = tables["LastEvaluatedTableName"].as_str().map(str::to_owned);
        if start.is_none() {
            return Ok(deleted);
        }
    }
}

fn sweep_table(
    database: &Database,
    table: &str,
    attribute: &str,
    now: u64,
) -> Result<usize, DynoxideError> {
    let described = shown(&database.describe_table(input(json!({ "TableName": table }))?)?)?;
    let keys: Vec<&str> = described["Table"]["KeySchema"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|key| key["AttributeName"].as_str())
        .collect();
    let (mut deleted, mut start) = (0, None);
    loop {
        let mut request = json!({
            "TableName": table,
            "FilterExpression": "attribute_type(#ttl, :number) AND #ttl BETWEEN :oldest AND :newest",
            "ExpressionAttributeNames": { "#ttl": attribute },
            "ExpressionAttributeValues": {
                ":number": { "S": "N" },
                ":oldest": { "N": now.saturating_sub(OLDEST_SECONDS).to_string() },
                ":newest": { "N": now.saturating_sub(1).to_string() },
            },
        });
        if let Some(start) = start {
            request["ExclusiveStartKey"] = start;
        }
        let page = database.scan(input(request)?)?;
        for item in page.items.iter().flatten() {
            deleted += usize::from(delete(database, table, attribute, &keys, item)?);
        }
        start = page.last_evaluated_key.as_ref().map(shown).transpose()?;
        if start.is_none() {
            return Ok(deleted);
        }
    }
}

/// Deletes an item, unless its expiry time has changed meanwhile.
fn delete(
    database: &Database,
    table: &str,
    attribute: &str,
    keys: &[&str],
    item: &Item,
) -> Result<bool, DynoxideError> {
    let key: Item =
        keys.iter().filter_map(|key| Some(((*key).to_owned(), item.get(*key)?.clone()))).collect();
    let request = json!({
        "TableName": table,
        "Key": shown(&key)?,
        "ConditionExpression": "#ttl = :seen",
        "ExpressionAttributeNames": { "#ttl": attribute },
        "ExpressionAttributeValues": { ":seen": shown(&item.get(attribute))? },
    });
    match database.delete_item(input(request)?) {
        Ok(_) => Ok(true),
        Err(DynoxideError::ConditionalCheckFailedException(..)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The message of AWS for an `UpdateTimeToLive` that the engine accepts or refuses in other words.
///
/// Recorded of AWS on 2026-10-09 in a catalogue of its responses for the DynamoDB controller of ACK (DDB-TABLE-146 and
/// DDB-TABLE-147): the texts, and that they come before the one for a second change within the hour, which is not emulated.
pub(super) fn refusal(database: &Database, request: &[u8]) -> Option<String> {
    let request: Value = serde_json::from_slice(request).ok()?;
    let table = request["TableName"].as_str()?;
    let specification = &request["TimeToLiveSpecification"];
    let violations = violations(specification);
    match violations.as_slice() {
        [] => refusal_of_change(database, table, specification),
        [violation] => Some(format!("1 validation error detected: {violation}")),
        [..] => {
            let count = violations.len();
            Some(format!("{count} validation errors detected: {}", violations.join("; ")))
        }
    }
}

/// The members that the SDK's model requires, and the largest length. The order of two violations is UNCONFIRMED.
fn violations(specification: &Value) -> Vec<String> {
    let violation = |value: &str, place: &str, rule: &str| {
        format!("Value {value} at '{place}' failed to satisfy constraint: Member must {rule}")
    };
    if specification.is_null() {
        return vec![violation("null", "timeToLiveSpecification", "not be null")];
    }
    let mut violations = Vec::new();
    for (member, place) in [
        ("Enabled", "timeToLiveSpecification.enabled"),
        ("AttributeName", "timeToLiveSpecification.attributeName"),
    ] {
        if specification[member].is_null() {
            violations.push(violation("null", place, "not be null"));
        }
    }
    match specification["AttributeName"].as_str() {
        Some(name) if name.chars().count() > ATTRIBUTE_NAME_MAX => violations.push(violation(
            &format!("'{name}'"),
            "timeToLiveSpecification.attributeName",
            &format!("have length less than or equal to {ATTRIBUTE_NAME_MAX}"),
        )),
        _ => {}
    }
    violations
}

fn refusal_of_change(database: &Database, table: &str, specification: &Value) -> Option<String> {
    let enabled = specification["Enabled"].as_bool()?;
    let name = specification["AttributeName"].as_str().filter(|name| !name.is_empty())?;
    let described = input(json!({ "TableName": table }))
        .and_then(|request| database.describe_time_to_live(request))
        .and_then(|described| shown(&described))
        .ok()?;
    match (described["TimeToLiveDescription"]["AttributeName"].as_str(), enabled) {
        (Some(current), _) if current != name => Some(format!(
            "TimeToLive is active on a different AttributeName: current AttributeName is {current}"
        )),
        (Some(_), true) => Some("TimeToLive is already enabled".to_owned()),
        (None, false) => Some("TimeToLive is already disabled".to_owned()),
        (Some(_), false) | (None, true) => None,
    }
}

pub(super) fn input<T: DeserializeOwned>(request: Value) -> Result<T, DynoxideError> {
    serde_json::from_value(request)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

pub(super) fn shown<T: serde::Serialize>(value: &T) -> Result<Value, DynoxideError> {
    serde_json::to_value(value)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
