//! What a target gets of an event: all of it, a constant, a part, or a text made of parts. Pure.
//!
//! Results are those of LocalStack's snapshots of AWS, `tests/aws/services/events/test_events_inputs.snapshot.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::Event;

/// `InputTransformer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InputTransformer {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) input_paths_map: BTreeMap<String, String>,
    pub(super) input_template: String,
}

/// The names that a template can use without a path.
const PREDEFINED: [&str; 5] = [
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
];

/// The rule that an event has matched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matched<'r> {
    pub(super) rule_arn: &'r str,
    pub(super) rule_name: &'r str,
    /// The time at which the bus got the event.
    pub(super) ingested: &'r str,
}

/// A part of a template.
#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    /// A placeholder, and whether it stands between quotation marks.
    Placeholder(&'t str, bool),
}

/// The value at a path such as `$.detail.items[0].id`; `None` if the event has none.
pub(super) fn at_path<'e>(event: &'e Value, path: &str) -> Option<&'e Value> {
    let mut value = event;
    let mut rest = path.strip_prefix('$')?;
    while !rest.is_empty() {
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            value = value.get(&name[..end])?;
            rest = &name[end..];
        } else {
            let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
            let name = inner.strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
            value = match name.or(inner.strip_prefix('"').and_then(|it| it.strip_suffix('"'))) {
                Some(name) => value.get(name)?,
                None => value.get(inner.parse::<usize>().ok()?)?,
            };
            rest = after;
        }
    }
    Some(value)
}

/// Whether a path has a form that hardcap reads.
pub(super) fn is_path(path: &str) -> bool {
    let Some(mut rest) = path.strip_prefix('$') else { return false };
    while !rest.is_empty() {
        rest = if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return false;
            }
            &name[end..]
        } else {
            match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((inner, after)) if !inner.is_empty() => after,
                _ => return false,
            }
        };
    }
    true
}

impl InputTransformer {
    /// The first placeholder that has no path and is not predefined.
    pub(super) fn unknown_placeholder(&self) -> Option<&str> {
        parts(&self.input_template).into_iter().find_map(|part| match part {
            Part::Placeholder(name, _)
                if !self.input_paths_map.contains_key(name) && !PREDEFINED.contains(&name) =>
            {
                Some(name)
            }
            _ => None,
        })
    }

    /// The text for a target. `None` if it is not JSON, so that AWS sends nothing.
    pub(super) fn apply(&self, event: &Event, matched: Matched<'_>) -> Option<String> {
        let event = event.json();
        let is_object = self.input_template.trim_start().starts_with('{');
        let mut text = String::new();
        for part in parts(&self.input_template) {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Placeholder(name, is_quoted) => {
                    let value = self.value(name, &event, matched);
                    match is_quoted {
                        true => text.push_str(&inside_quotes(&value, is_object)),
                        false => text.push_str(&value.to_string()),
                    }
                }
            }
        }
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        values.all(|value| value.is_ok()).then_some(text)
    }

    /// The value of a placeholder: an empty text if the event has none.
    fn value(&self, name: &str, event: &Value, matched: Matched<'_>) -> Value {
        let found = match name {
            "aws.events.rule-arn" => Some(Value::from(matched.rule_arn)),
            "aws.events.rule-name" => Some(Value::from(matched.rule_name)),
            "aws.events.event.ingestion-time" => Some(Value::from(matched.ingested)),
            "aws.events.event" => Some(without_detail(event)),
            "aws.events.event.json" => Some(event.clone()),
            name => {
                let path = self.input_paths_map.get(name);
                path.and_then(|path| at_path(event, path)).cloned()
            }
        };
        found.filter(|value| !value.is_null()).unwrap_or_else(|| Value::from(""))
    }
}

/// The event as `<aws.events.event>` has it: without its detail, and with `detailType`.
fn without_detail(event: &Value) -> Value {
    let members = event.as_object().into_iter().flatten().filter(|(name, _)| *name != "detail");
    let renamed =
        |name: &str| if name == "detail-type" { "detailType".to_owned() } else { name.to_owned() };
    Value::Object(
        members.map(|(name, value)| (renamed(name), value.clone())).collect::<Map<_, _>>(),
    )
}

/// A value between the quotation marks of a template. In a text, objects and lists lose their own quotation marks; in an object they
/// keep them, and the result is not JSON.
fn inside_quotes(value: &Value, is_object: bool) -> String {
    match value {
        Value::String(text) => {
            let quoted = Value::from(text.as_str()).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
        Value::Array(_) | Value::Object(_) if !is_object => value.to_string().replace('"', ""),
        value => value.to_string(),
    }
}

fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut rest, mut is_quoted) = (template, false);
    while let Some((start, length)) = placeholder(rest) {
        let (before, name) = (&rest[..start], &rest[start + 1..start + length - 1]);
        is_quoted ^= quotes(before) % 2 == 1;
        parts.push(Part::Text(before));
        parts.push(Part::Placeholder(name, is_quoted));
        rest = &rest[start + length..];
    }
    parts.push(Part::Text(rest));
    parts
}

/// The start and the length of the first `<name>`.
fn placeholder(text: &str) -> Option<(usize, usize)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.match_indices('<').find_map(|(start, _)| {
        let name = &text[start + 1..];
        let end = name.find(|c| !is_name(c))?;
        (end > 0 && name[end..].starts_with('>')).then_some((start, end + 2))
    })
}

/// The number of quotation marks without a backslash before them.
fn quotes(text: &str) -> usize {
    let mut count = 0;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use hardcap_core::clock::EpochMillis;

    fn event() -> Event {
        let detail = json!({
            "command": "update-account",
            "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"},
            "listsingle": ["HIGH"],
            "listmulti": ["ACTIVE", "INACTIVE"],
            "valid": true,
            "quoted": "a \"b\"\n",
        });
        let Value::Object(detail) = detail else { panic!("an object") };
        let kind = ("core".to_owned(), "update".to_owned());
        let mut event = Event::new("us-east-1", kind, Vec::new(), detail, EpochMillis(0));
        event.id = "ID".to_owned();
        event
    }

    fn applied(template: &str) -> Option<String> {
        let paths = [
            ("userId", "$.detail.payload.acc_id"),
            ("payload", "$.detail.payload"),
            ("listsingle", "$.detail.listsingle"),
            ("listmulti", "$.detail.listmulti"),
            ("systemstring", "$.detail.awsAccountId"),
            ("valid", "$.detail.valid"),
            ("detail-type", "$.detail-type"),
            ("quoted", "$.detail.quoted"),
        ];
        let paths = paths.map(|(name, path)| (name.to_owned(), path.to_owned()));
        let transformer = InputTransformer {
            input_paths_map: BTreeMap::from(paths),
            input_template: template.to_owned(),
        };
        assert_eq!(transformer.unknown_placeholder(), None, "{template}");
        let matched = Matched { rule_arn: "ARN", rule_name: "NAME", ingested: "TIME" };
        transformer.apply(&event(), matched)
    }

    /// The cases of `test_input_transformer_nested_keys_replacement` and its neighbours.
    #[test]
    fn a_template_becomes_what_aws_makes_of_it() {
        for (template, expected) in [
            (r#"{"id" : <userId>}"#, r#"{"id" : "0a787ecb-4015"}"#),
            (r#"{"id" : "<userId>"}"#, r#"{"id" : "0a787ecb-4015"}"#),
            (
                r#"{"path": "users-service/users/<userId>", "bod": <payload>}"#,
                r#"{"path": "users-service/users/0a787ecb-4015", "bod": {"acc_id":"0a787ecb-4015","sf_id":"baz"}}"#,
            ),
            (r#"{"bod": [<userId>, "hardcoded"]}"#, r#"{"bod": ["0a787ecb-4015", "hardcoded"]}"#),
            (
                r#"{"m": "users/<userId>/second/<userId>"}"#,
                r#"{"m": "users/0a787ecb-4015/second/0a787ecb-4015"}"#,
            ),
            (r#"{"l": <listsingle>}"#, r#"{"l": ["HIGH"]}"#),
            (
                r#""Payload of <payload> with <userId>""#,
                r#""Payload of {acc_id:0a787ecb-4015,sf_id:baz} with 0a787ecb-4015""#,
            ),
            (r#""<listmulti> multiple list items""#, r#""[ACTIVE,INACTIVE] multiple list items""#),
            (r#""<systemstring> system account id""#, r#"" system account id""#),
            (r#""Command is <valid>!""#, r#""Command is true!""#),
            (
                "\"<userId> a\"\n\"<payload> b\"",
                "\"0a787ecb-4015 a\"\n\"{acc_id:0a787ecb-4015,sf_id:baz} b\"",
            ),
            (
                r#"{"type": <detail-type>, "none": <systemstring>}"#,
                r#"{"type": "update", "none": ""}"#,
            ),
            (r#""{[/Check of <detail-type> type""#, r#""{[/Check of update type""#),
            (
                r#""<aws.events.rule-arn> <aws.events.rule-name> <aws.events.event.ingestion-time>""#,
                r#""ARN NAME TIME""#,
            ),
            (
                r#"{"e": <aws.events.event>}"#,
                r#"{"e": {"version":"0","id":"ID","detailType":"update","source":"core","account":"000000000000","time":"1970-01-01T00:00:00Z","region":"us-east-1","resources":[]}}"#,
            ),
            (r#"{"q": "<quoted>"}"#, r#"{"q": "a \"b\"\n"}"#),
        ] {
            assert_eq!(applied(template).as_deref(), Some(expected), "{template}");
        }
        let whole = applied("{\"e\": <aws.events.event.json>}").unwrap();
        let whole: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(whole["e"], event().json());
    }

    #[test]
    fn a_result_that_is_not_json_is_not_sent() {
        for template in [
            "<listsingle> single list item",
            r#"{"l": "<listsingle>"}"#,
            r#"{"l": "<listsingle>", "m": "<listmulti>"}"#,
        ] {
            assert_eq!(applied(template), None, "{template}");
        }
    }

    #[test]
    fn a_path_leads_through_names_and_numbers() {
        let event = json!({"detail": {"list": [{"id": 7}], "a-b": {"c d": 1}}});
        for (path, expected) in [
            ("$", Some(event.clone())),
            ("$.detail.list[0].id", Some(json!(7))),
            ("$.detail.list[1].id", None),
            ("$.detail['a-b']['c d']", Some(json!(1))),
            ("$.none", None),
            ("detail", None),
        ] {
            assert_eq!(at_path(&event, path), expected.as_ref(), "{path}");
        }
        assert!(is_path("$.detail-type") && is_path("$") && is_path("$.a[0]"));
        assert!(
            !is_path("a")
                && !is_path("$.")
                && !is_path("$a")
                && !is_path("$.a[")
                && !is_path("$.a..b")
        );
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        let transformer = InputTransformer {
            input_paths_map: BTreeMap::new(),
            input_template: "\"a < b <aws.events.rule-name> <notdefinedkey>\"".to_owned(),
        };
        assert_eq!(transformer.unknown_placeholder(), Some("notdefinedkey"));
    }
}
