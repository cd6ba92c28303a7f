//! Filter policies of subscriptions: the rules for a policy, and whether a message passes it. Pure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::pattern::{Dialect, Pattern};
use crate::queue::attribute::{AttributeValue, Attributes};

/// The maximum number of keys at the top of a policy (SNS developer guide, filter policy constraints).
const KEYS_MAX: usize = 5;
/// The maximum of the product of the numbers of values, each times its depth (the same page).
const COMBINATIONS_MAX: u64 = 150;
/// The maximum number of fields of one combination, which follows from the two above.
const FIELDS_MAX: usize = 12;
const TOO_COMPLEX: &str = "FilterPolicy: Filter policy is too complex";
/// The maximum size of a policy in bytes (the same page: 256 KB).
const POLICY_MAX: usize = 256 * 1024;

/// What a policy is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Scope {
    /// The message attributes.
    #[default]
    MessageAttributes,
    /// The message, which must be a JSON object.
    MessageBody,
}

impl Scope {
    /// # Errors
    ///
    /// AWS's text behind `Invalid parameter: `.
    pub(super) fn parse(text: &str) -> Result<Scope, String> {
        match text {
            "MessageAttributes" => Ok(Scope::MessageAttributes),
            "MessageBody" => Ok(Scope::MessageBody),
            other => Err(format!(
                "FilterPolicyScope: Invalid value [{other}]. Please use either MessageBody or MessageAttributes"
            )),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Scope::MessageAttributes => "MessageAttributes",
            Scope::MessageBody => "MessageBody",
        }
    }
}

/// A policy that was read.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pattern: Arc<Pattern>,
    scope: Scope,
}

impl Filter {
    /// Reads a policy. `{}` is not a filter: every message passes.
    ///
    /// # Errors
    ///
    /// AWS's text behind `Invalid parameter: `.
    pub(super) fn parse(policy: &str, scope: Scope) -> Result<Option<Filter>, String> {
        if policy.len() > POLICY_MAX {
            return Err("FilterPolicy: Filter policy is too large".to_owned());
        }
        let read = serde_json::from_str(policy);
        if let Ok(Value::Object(keys)) = &read {
            if keys.is_empty() {
                return Ok(None);
            }
            check_limits(keys, scope)?;
        }
        match Pattern::parse_as(Dialect::Sns, policy) {
            // A key that is there twice, and one that is nested too deeply, is counted here only.
            Ok(pattern) if read.is_err() || is_too_large(&pattern) => Err(TOO_COMPLEX.to_owned()),
            Ok(pattern) => Ok(Some(Filter { pattern: Arc::new(pattern), scope })),
            Err(error) if error.is_syntax() => {
                Err(format!("FilterPolicy: failed to parse JSON. {}", error.without_source()))
            }
            Err(error) => Err(format!("FilterPolicy: {error}")),
        }
    }

    /// Whether a message passes.
    pub(super) fn passes(&self, message: &str, attributes: &Attributes) -> bool {
        match self.scope {
            Scope::MessageAttributes => self.pattern.matches(&as_json(attributes)),
            Scope::MessageBody => {
                serde_json::from_str(message).is_ok_and(|message| self.pattern.matches(&message))
            }
        }
    }
}

fn check_limits(keys: &Map<String, Value>, scope: Scope) -> Result<(), String> {
    if scope == Scope::MessageAttributes && is_nested(keys) {
        let text = "Filter policy scope MessageAttributes does not support nested filter policy";
        return Err(text.to_owned());
    }
    if keys.len() > KEYS_MAX {
        return Err(format!("FilterPolicy: Filter policy can not have more than {KEYS_MAX} keys"));
    }
    match combinations(keys, 1, 1) > COMBINATIONS_MAX {
        true => Err(TOO_COMPLEX.to_owned()),
        false => Ok(()),
    }
}

/// Whether a pattern has more combinations or fields than a policy within the limits can have: 5 keys, and below them at most 7
/// others, each of which counts twice or more.
fn is_too_large(pattern: &Pattern) -> bool {
    let (combinations, fields) = pattern.size();
    combinations as u64 > COMBINATIONS_MAX || fields > FIELDS_MAX
}

fn is_nested(keys: &Map<String, Value>) -> bool {
    keys.iter().any(|(key, value)| match value {
        Value::Object(_) => true,
        Value::Array(items) if key == "$or" => {
            items.iter().any(|item| item.as_object().is_some_and(is_nested))
        }
        _ => false,
    })
}

/// The number of combinations so far times that of these keys: the number of values of a key times its depth; the alternatives of
/// `$or` are added.
fn combinations(keys: &Map<String, Value>, depth: u64, before: u64) -> u64 {
    let mut product = before;
    for (key, value) in keys {
        product = match value {
            Value::Object(below) => combinations(below, depth + 1, product),
            Value::Array(items) if key == "$or" => {
                let each = items.iter().filter_map(Value::as_object);
                each.map(|item| combinations(item, depth, product)).fold(0, u64::saturating_add)
            }
            Value::Array(items) => {
                let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
                product.saturating_mul(count).saturating_mul(depth)
            }
            _ => product,
        };
    }
    product
}

/// Attributes as the object that a policy selects: texts, numbers, and the items of a `String.Array`. Binary values have no entry.
fn as_json(attributes: &Attributes) -> Value {
    let value = |data_type: &str, text: &str| match data_type.split('.').next() {
        Some("Number") => serde_json::from_str(text).ok(),
        _ if data_type == "String.Array" => serde_json::from_str(text).ok(),
        _ => Some(Value::from(text)),
    };
    let members = attributes.iter().filter_map(|(name, attribute)| match &attribute.value {
        AttributeValue::String(text) => Some((name.clone(), value(&attribute.data_type, text)?)),
        AttributeValue::Binary(_) => None,
    });
    Value::Object(members.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::attribute::MessageAttribute;

    fn attributes(all: &[(&str, &str, &str)]) -> Attributes {
        let attribute = |(name, data_type, value): &(&str, &str, &str)| {
            let value = AttributeValue::String((*value).to_owned());
            ((*name).to_owned(), MessageAttribute { data_type: (*data_type).to_owned(), value })
        };
        all.iter().map(attribute).collect()
    }

    fn passes(policy: &str, scope: Scope, message: &str, with: &Attributes) -> bool {
        Filter::parse(policy, scope).unwrap().unwrap().passes(message, with)
    }

    #[test]
    fn a_policy_selects_messages_by_their_attributes() {
        let order = attributes(&[
            ("kind", "String", "order"),
            ("price", "Number", "99.5"),
            ("tags", "String.Array", r#"["new", 7, null]"#),
        ]);
        for (policy, expected) in [
            (r#"{"kind": ["order"]}"#, true),
            (r#"{"kind": ["offer"]}"#, false),
            (r#"{"kind": [{"anything-but": "order"}]}"#, false),
            (r#"{"price": [{"numeric": [">", 50, "<=", 100]}]}"#, true),
            (r#"{"tags": [7], "kind": [{"prefix": "ord"}]}"#, true),
            (r#"{"tags": [null]}"#, true),
            (r#"{"missing": [{"exists": false}]}"#, true),
            (r#"{"$or": [{"kind": ["x"]}, {"price": [99.5]}]}"#, true),
        ] {
            assert_eq!(passes(policy, Scope::MessageAttributes, "", &order), expected, "{policy}");
        }
    }

    #[test]
    fn a_policy_on_the_body_selects_json_objects_only() {
        let none = Attributes::new();
        let policy = r#"{"object": {"key": [{"prefix": "auto-"}]}}"#;
        for (message, expected) in [
            (r#"{"object": {"key": "auto-1"}}"#, true),
            (r#"{"object": {"key": "home-1"}}"#, false),
            ("auto-1", false),
            ("[]", false),
        ] {
            assert_eq!(passes(policy, Scope::MessageBody, message, &none), expected, "{message}");
        }
    }

    /// Texts: LocalStack's snapshots of AWS, `tests/aws/services/sns/test_sns_filter_policy.snapshot.json`.
    #[test]
    fn an_invalid_policy_is_refused_with_awss_text() {
        let refusal = |policy: &str| Filter::parse(policy, Scope::MessageBody).unwrap_err();
        for (policy, expected) in [
            (
                r#"{"key":[["value"]]}"#,
                "FilterPolicy: Match value must be String, number, true, false, or null\n at [Source: (String)\"{\"key\":[[\"value\"]]}\"; line: 1, column: 10]",
            ),
            (
                r#"{"key":[{"wrong-operator":true}]}"#,
                "FilterPolicy: Unrecognized match type wrong-operator\n at [Source: (String)\"{\"key\":[{\"wrong-operator\":true}]}\"; line: 1, column: 31]",
            ),
            (
                r#"{"key":[{"suffix":"value","prefix":"value2"}]}"#,
                "FilterPolicy: Only one key allowed in match expression\n at [Source: (String)\"{\"key\":[{\"suffix\":\"value\",\"prefix\":\"value2\"}]}\"; line: 1, column: 37]",
            ),
            (
                r#"{"key":[{"numeric":["<",100,">",10]}]}"#,
                "FilterPolicy: Too many elements in numeric expression\n at [Source: (String)\"{\"key\":[{\"numeric\":[\"<\",100,\">\",10]}]}\"; line: 1, column: 30]",
            ),
            (
                r#"{"key":[{"anything-but":{"suffix":"test"}}]}"#,
                "FilterPolicy: Unsupported anything-but pattern: suffix\n at [Source: (String)\"{\"key\":[{\"anything-but\":{\"suffix\":\"test\"}}]}\"; line: 1, column: 36]",
            ),
            (
                r#"{"key":[{"anything-but":{"prefix":false}}]}"#,
                "FilterPolicy: prefix match pattern must be a string\n at [Source: (String)\"{\"key\":[{\"anything-but\":{\"prefix\":false}}]}\"; line: 1, column: 40]",
            ),
            (
                "{invalid}",
                "FilterPolicy: failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]",
            ),
        ] {
            assert_eq!(refusal(policy), expected);
        }
        assert!(Filter::parse("{}", Scope::MessageBody).unwrap().is_none());
    }

    #[test]
    fn keys_combinations_and_nesting_are_limited() {
        let values = |count: usize| {
            let all: Vec<String> = (0..count).map(|n| n.to_string()).collect();
            format!("[{}]", all.join(","))
        };
        let refusal = |policy: String| Filter::parse(&policy, Scope::MessageBody).err();
        let keys = |count: usize| {
            let all: Vec<String> = (0..count).map(|n| format!("\"k{n}\":[1]")).collect();
            format!("{{{}}}", all.join(","))
        };
        assert_eq!(refusal(keys(5)), None);
        let more = "FilterPolicy: Filter policy can not have more than 5 keys";
        assert_eq!(refusal(keys(6)).as_deref(), Some(more));
        let complex = Some("FilterPolicy: Filter policy is too complex".to_owned());
        assert_eq!(refusal(format!("{{\"a\":{}}}", values(150))), None);
        assert_eq!(refusal(format!("{{\"a\":{}}}", values(151))), complex);
        // The depth counts: 2 x 75 and 2 x 76.
        assert_eq!(refusal(format!("{{\"a\":{{\"b\":{}}}}}", values(75))), None);
        assert_eq!(refusal(format!("{{\"a\":{{\"b\":{}}}}}", values(76))), complex);
        let or = |count: usize| format!("{{\"$or\":[{{\"a\":{}}},{{\"b\":[1]}}]}}", values(count));
        assert_eq!((refusal(or(149)), refusal(or(150))), (None, complex));
        let nested = r#"{"a":{"b":[1]}}"#;
        assert_eq!(
            Filter::parse(nested, Scope::MessageAttributes).unwrap_err(),
            "Filter policy scope MessageAttributes does not support nested filter policy"
        );
    }

    #[test]
    fn a_policy_with_repeated_or_deep_keys_has_the_same_limits() {
        let complex = Some(TOO_COMPLEX.to_owned());
        let refusal = |policy: String| Filter::parse(&policy, Scope::MessageBody).err();
        let alternatives: Vec<String> =
            (0..9).map(|n| format!(r#""$or":[{{"a{n}":[1]}},{{"b{n}":[1]}}]"#)).collect();
        assert_eq!(refusal(format!("{{{}}}", alternatives.join(","))), complex);
        let fields: Vec<String> = (0..3_000).map(|n| format!(r#""f{n}":[1]"#)).collect();
        let hidden = format!(r#"{{"k":{{{}}},"k":[1]}}"#, fields.join(","));
        assert_eq!(refusal(hidden), complex);
        let deep = format!("{}[1]{}", r#"{"a":"#.repeat(150), "}".repeat(150));
        assert_eq!(refusal(deep), complex);
        // 5 keys, of which one has 7 below it: 2 to the power of 7 is 128.
        let below: Vec<String> = (0..7).map(|n| format!(r#""b{n}":[1]"#)).collect();
        let widest = format!(r#"{{"a":[1],"b":[1],"c":[1],"d":[1],"e":{{{}}}}}"#, below.join(","));
        assert_eq!(refusal(widest), None);
    }

    #[test]
    fn a_wildcard_of_many_asterisks_is_refused_at_once() {
        let policy = format!(r#"{{"a":[{{"wildcard":"{}"}}]}}"#, "*a".repeat(100_000));
        let refused = Filter::parse(&policy, Scope::MessageBody).unwrap_err();
        assert!(refused.contains("Rule is too complex"), "{refused}");
    }

    #[test]
    fn a_huge_policy_is_refused() {
        let huge = format!("{{\"a\":[\"{}\"]}}", "x".repeat(POLICY_MAX));
        assert!(Filter::parse(&huge, Scope::MessageBody).is_err());
        let deep = r#"{"a":"#.repeat(40_000);
        assert!(Filter::parse(&deep, Scope::MessageBody).is_err());
    }
}
