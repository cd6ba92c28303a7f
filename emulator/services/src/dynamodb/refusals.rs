//! Refusals of the engine in the words of AWS. Pure.

use bytes::Bytes;
use hardcap_limits::Date;
use http::HeaderMap;
use serde_json::{Value, json};

use super::key_conditions;
use super::pages;
use super::rewrite;
use super::tokens::tokens;

/// The engine's text for a token that an earlier transaction has used with other contents.
const ENGINES_MISMATCH: &str = "An error occurred (IdempotentParameterMismatchException)";
/// The API reference's description of `IdempotentParameterMismatchException`. That AWS sends it as the message is UNCONFIRMED: no
/// recording of the message is known.
const MISMATCH: &str = "DynamoDB rejected the request because you retried a request with a different payload but with an \
                        idempotent token that was already used.";

/// The beginnings of the texts that AWS writes after the name of the expression, and the engine not in every expression
/// (`Invalid KeyConditionExpression: Attribute name is a reserved keyword; reserved keyword: status`).
const WITHOUT_PREFIX: [&str; 3] = [
    "Attribute name is a reserved keyword;",
    "An expression attribute name used in the document path is not defined;",
    "An expression attribute value used in expression is not defined;",
];

/// What AWS writes before the refusals of `PutItem`, `UpdateItem` and `DeleteItem` that are not about a constraint of the model.
pub(super) const PREFIX: &str = "1 validation error detected: ";
/// The first recording with this prefix is ExtendDB/extenddb#64. The last known ones without it are nubo-db/dynoxide#13,
/// 2026-04-25, and ExtendDB/extenddb#99, 2026-05-22, probably of another region.
const PREFIXED_SINCE: Date = Date::new(2026, 5, 21);
/// The beginnings of refusals about a constraint of the model, which had the prefix on every day.
const CONSTRAINTS: [&str; 4] =
    ["Value '", "Value null at ", "Value at ", "Failed to satisfy constraint: "];

/// A message of a day before [`PREFIXED_SINCE`] without the prefix.
pub(super) fn of_day(message: &str, day: Date) -> &str {
    match message.strip_prefix(PREFIX) {
        Some(rule)
            if day < PREFIXED_SINCE
                && !CONSTRAINTS.iter().any(|beginning| rule.starts_with(beginning)) =>
        {
            rule
        }
        _ => message,
    }
}

/// A refusal as clients read it.
pub(super) fn for_client(
    operation: &str,
    day: Date,
    request: &[u8],
    headers: &mut HeaderMap,
    body: Bytes,
) -> Bytes {
    match in_words_of_aws(operation, day, request, &body) {
        Some(refusal) => rewrite::described(headers, Bytes::from(refusal.to_string())),
        None => body,
    }
}

/// The refusal that takes the place of the engine's; `None` if the engine's text is that of AWS.
fn in_words_of_aws(operation: &str, day: Date, request: &[u8], refusal: &[u8]) -> Option<Value> {
    let refusal: Value = serde_json::from_slice(refusal).ok()?;
    let message = refusal["message"].as_str()?;
    if message == ENGINES_MISMATCH {
        // The member has a capital letter in the SDK's model, and SDKs for Go read no other.
        return Some(json!({ "__type": refusal["__type"], "Message": MISMATCH }));
    }
    if matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem") {
        let of_day = of_day(message, day);
        return (of_day != message)
            .then(|| json!({ "__type": refusal["__type"], "message": of_day }));
    }
    if !pages::has(operation) {
        return None;
    }
    let request: Value = serde_json::from_slice(request).ok()?;
    let key_condition = request["KeyConditionExpression"].as_str();
    let message = key_condition
        .and_then(|expression| key_conditions::in_words_of_aws(message, expression))
        .or_else(|| with_prefix(message, &request))?;
    Some(json!({ "__type": refusal["__type"], "message": message }))
}

/// A message with the name of the expression that it is about: the first one with the token that the message ends with.
fn with_prefix(message: &str, request: &Value) -> Option<String> {
    let (rule, token) = message.rsplit_once(": ")?;
    if !WITHOUT_PREFIX.iter().any(|beginning| rule.starts_with(beginning)) {
        return None;
    }
    let mut names = ["KeyConditionExpression", "FilterExpression"].into_iter();
    let name = names.find(|name| {
        request[name].as_str().is_some_and(|expression| tokens(expression).contains(&token))
    })?;
    Some(format!("Invalid {name}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_about_a_constraint_has_the_prefix_on_every_day() {
        let before = Date::new(2026, 5, 20);
        for rule in [
            "Value 'x' at 'returnValues' failed to satisfy constraint: Member must satisfy enum value set: [NONE]",
            "Value null at 'key' failed to satisfy constraint: Member must not be null",
        ] {
            let message = format!("{PREFIX}{rule}");
            assert_eq!(of_day(&message, before), message);
        }
        let rule = "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}";
        let message = format!("{PREFIX}{rule}");
        assert_eq!(of_day(&message, before), rule);
        assert_eq!(of_day(&message, PREFIXED_SINCE), message);
    }
}
