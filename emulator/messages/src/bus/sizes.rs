//! The sizes that EventBridge's model allows the members of inputs, and those that hardcap allows records. Pure.

use serde_json::{Map, Value};

use super::error::EventsError;
use super::rule::Tags;

/// The most bytes of the members of a bus, and of a target's members for other services. The number is hardcap's.
const RECORD_MAX: usize = 32 * 1024;
/// The most tags of a bus or a rule (EventBridge API reference, `TagResource`).
const TAGS_MAX: usize = 50;

/// What the model demands of a member.
enum Demand {
    /// The most characters of a text. Of a map: those of its keys and those of its values.
    Length(usize),
    /// The most entries of a map.
    Entries(usize),
    /// The least and the greatest value of a number.
    Range(i64, i64),
    /// A number.
    Number,
    /// The possible values, in the order of the model.
    OneOf(&'static [&'static str]),
}

/// The members with their demands, for all operations (SDK's model). `[]` stands for each item of a list.
const DEMANDS: [(&str, Demand); 41] = [
    ("Description", Demand::Length(512)),
    ("KmsKeyIdentifier", Demand::Length(2_048)),
    ("DeadLetterConfig.Arn", Demand::Length(1_600)),
    ("LogConfig.IncludeDetail", Demand::OneOf(&["NONE", "FULL"])),
    ("LogConfig.Level", Demand::OneOf(&["OFF", "ERROR", "INFO", "TRACE"])),
    ("Tags[].Key", Demand::Length(128)),
    ("Tags[].Value", Demand::Length(256)),
    ("TagKeys[]", Demand::Length(128)),
    ("ResourceARN", Demand::Length(1_600)),
    ("EventBusName", Demand::Length(1_600)),
    ("TargetArn", Demand::Length(1_600)),
    ("NextToken", Demand::Length(2_048)),
    ("Limit", Demand::Range(1, 100)),
    ("RoleArn", Demand::Length(1_600)),
    ("ScheduleExpression", Demand::Length(256)),
    (
        "State",
        Demand::OneOf(&["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"]),
    ),
    ("Ids[]", Demand::Length(64)),
    ("Entries[].Time", Demand::Number),
    ("Entries[].Resources[]", Demand::Length(2_048)),
    ("Entries[].EventBusName", Demand::Length(1_600)),
    ("Entries[].TraceHeader", Demand::Length(500)),
    ("Targets[].Arn", Demand::Length(1_600)),
    ("Targets[].RoleArn", Demand::Length(1_600)),
    ("Targets[].InputPath", Demand::Length(256)),
    ("Targets[].InputTransformer.InputPathsMap", Demand::Entries(100)),
    ("Targets[].InputTransformer.InputPathsMap", Demand::Length(256)),
    ("Targets[].DeadLetterConfig.Arn", Demand::Length(1_600)),
    ("Targets[].SqsParameters.MessageGroupId", Demand::Length(100)),
    ("Targets[].RetryPolicy.MaximumRetryAttempts", Demand::Range(0, 185)),
    ("Targets[].RetryPolicy.MaximumEventAgeInSeconds", Demand::Range(60, 86_400)),
    ("Targets[].KinesisParameters.PartitionKeyPath", Demand::Length(256)),
    ("Targets[].HttpParameters.HeaderParameters", Demand::Length(512)),
    ("Targets[].HttpParameters.QueryStringParameters", Demand::Length(512)),
    ("Targets[].EcsParameters.TaskDefinitionArn", Demand::Length(1_600)),
    ("Targets[].EcsParameters.TaskCount", Demand::Range(1, 2_147_483_647)),
    ("Targets[].EcsParameters.ReferenceId", Demand::Length(1_024)),
    ("Targets[].BatchParameters.ArrayProperties.Size", Demand::Number),
    ("Targets[].BatchParameters.RetryStrategy.Attempts", Demand::Number),
    ("Targets[].RedshiftDataParameters.Database", Demand::Length(64)),
    ("Targets[].RedshiftDataParameters.DbUser", Demand::Length(128)),
    ("Targets[].RedshiftDataParameters.StatementName", Demand::Length(500)),
];

/// Checks the members of an input.
///
/// # Errors
///
/// AWS's refusal of the first member that is too large.
pub(super) fn check(input: &Value) -> Result<(), EventsError> {
    DEMANDS.iter().try_for_each(|(path, demand)| check_below(input, path, String::new(), demand))
}

/// Follows the path of a member from a value, whose own place is `place`.
fn check_below(
    value: &Value,
    path: &str,
    place: String,
    demand: &Demand,
) -> Result<(), EventsError> {
    if path.is_empty() {
        return demand.check(value, &place);
    }
    if let Some(rest) = path.strip_prefix("[]") {
        let items = value.as_array().into_iter().flatten().enumerate();
        return items
            .map(|(at, item)| (format!("{place}.{}.member", at + 1), item))
            .try_for_each(|(place, item)| check_below(item, rest, place, demand));
    }
    let path = path.strip_prefix('.').unwrap_or(path);
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    match value.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(value) => {
            let dot = if place.is_empty() { "" } else { "." };
            let place = format!("{place}{dot}{}{}", name[..1].to_lowercase(), &name[1..]);
            check_below(value, rest, place, demand)
        }
    }
}

impl Demand {
    /// A value of another type is left to the reading of the input, unless a number is demanded.
    fn check(&self, value: &Value, place: &str) -> Result<(), EventsError> {
        match (self, value) {
            (Demand::Length(most), Value::String(text)) if is_longer(text, *most) => {
                Err(EventsError::constraint(Some(text), place, &length_rule(*most)))
            }
            (Demand::Length(most), Value::Object(entries)) => check_texts(entries, *most, place),
            (Demand::Entries(most), Value::Object(entries)) if entries.len() > *most => {
                Err(EventsError::constraint(Some(&shown(entries)), place, &length_rule(*most)))
            }
            (Demand::Range(least, greatest), value) => {
                let number = whole(value)?;
                let bound = match number {
                    it if it < *least => format!("greater than or equal to {least}"),
                    it if it > *greatest => format!("less than or equal to {greatest}"),
                    _ => return Ok(()),
                };
                let rule = format!("have value {bound}");
                Err(EventsError::constraint(Some(&number.to_string()), place, &rule))
            }
            (Demand::Number, value) => whole(value).map(|_| ()),
            (Demand::OneOf(values), Value::String(text)) if !values.contains(&text.as_str()) => {
                let rule = format!("satisfy enum value set: [{}]", values.join(", "));
                Err(EventsError::constraint(Some(text), place, &rule))
            }
            _ => Ok(()),
        }
    }
}

/// A number of an input, without its decimals.
pub(super) fn whole(value: &Value) -> Result<i64, EventsError> {
    #[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest number")]
    let of_float = |float: f64| float as i64;
    value.as_i64().or_else(|| value.as_f64().map(of_float)).ok_or_else(|| {
        let kind = match value {
            Value::String(_) => "STRING_VALUE",
            Value::Bool(true) => "TRUE_VALUE",
            Value::Bool(false) => "FALSE_VALUE",
            Value::Array(_) => "Start of list",
            _ => "Start of structure or map",
        };
        // UNCONFIRMED: the text.
        let text = format!("{kind} can not be converted to an Integer");
        EventsError::Api("SerializationException", text)
    })
}

fn is_longer(text: &str, most: usize) -> bool {
    text.len() > most && text.chars().count() > most
}

fn length_rule(most: usize) -> String {
    format!("have length less than or equal to {most}")
}

/// Checks the keys and the texts of a map. UNCONFIRMED: the texts.
fn check_texts(entries: &Map<String, Value>, most: usize, place: &str) -> Result<(), EventsError> {
    let is_key = entries.keys().any(|key| is_longer(key, most));
    let is_value = entries.values().any(|it| it.as_str().is_some_and(|it| is_longer(it, most)));
    let part = match (is_key, is_value) {
        (true, _) => "keys",
        (false, true) => "value",
        (false, false) => return Ok(()),
    };
    Err(EventsError::invalid(format!(
        "1 validation error detected: Value '{}' at '{place}' failed to satisfy constraint: Map {part} must satisfy constraint: \
         [Member must {}]",
        shown(entries),
        length_rule(most)
    )))
}

/// A map as AWS's texts show it.
fn shown(entries: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let shown = entries.iter().map(|(key, value)| format!("{key}={}", text(value)));
    format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
}

/// Refuses members that would take too much memory.
pub(super) fn check_record(of: &str, members: &Map<String, Value>) -> Result<(), EventsError> {
    let bytes = serde_json::to_string(members).map_or(0, |text| text.len());
    if bytes <= RECORD_MAX {
        return Ok(());
    }
    Err(EventsError::invalid(format!(
        "hardcap keeps at most {RECORD_MAX} bytes of the members of {of}; these are {bytes} bytes."
    )))
}

/// Refuses more tags than a bus or a rule can have.
pub(super) fn check_tags(tags: &Tags) -> Result<(), EventsError> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    // UNCONFIRMED: the text.
    Err(EventsError::invalid(format!("A resource can have at most {TAGS_MAX} tags.")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_has_at_most_the_length_of_the_model() {
        let target = |member: &str, value: Value| json!({ "Targets": [{}, { member: value }] });
        for (input, most, place) in [
            (
                &(|text| json!({ "Description": text })) as &dyn Fn(String) -> Value,
                512,
                "description",
            ),
            (&|text| json!({ "KmsKeyIdentifier": text }), 2_048, "kmsKeyIdentifier"),
            (&|text| json!({ "RoleArn": text }), 1_600, "roleArn"),
            (&|text| json!({ "DeadLetterConfig": { "Arn": text } }), 1_600, "deadLetterConfig.arn"),
            (&|text| json!({ "Tags": [{ "Key": text }] }), 128, "tags.1.member.key"),
            (&|text| json!({ "Tags": [{ "Value": text }] }), 256, "tags.1.member.value"),
            (&|text| json!({ "TagKeys": ["k", text] }), 128, "tagKeys.2.member"),
            (&|text| json!({ "ResourceARN": text }), 1_600, "resourceARN"),
            (&|text| target("Arn", json!(text)), 1_600, "targets.2.member.arn"),
            (&|text| target("RoleArn", json!(text)), 1_600, "targets.2.member.roleArn"),
            (
                &|text| target("SqsParameters", json!({ "MessageGroupId": text })),
                100,
                "targets.2.member.sqsParameters.messageGroupId",
            ),
        ] {
            check(&input("\u{e9}".repeat(most))).unwrap();
            let long = "x".repeat(most + 1);
            let expected = format!(
                "1 validation error detected: Value '{long}' at '{place}' failed to satisfy constraint: Member must have length \
                 less than or equal to {most}"
            );
            assert_eq!(check(&input(long)).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_map_of_a_target_has_bounded_keys_texts_and_entries() {
        let paths = |paths: Value| {
            let refused =
                check(&json!({ "Targets": [{ "InputTransformer": { "InputPathsMap": paths } }] }));
            refused.map_err(|error| error.to_string())
        };
        let entries = |count: usize| (0..count).map(|at| (at.to_string(), json!("$"))).collect();
        paths(Value::Object(entries(100))).unwrap();
        assert!(
            paths(Value::Object(entries(101))).unwrap_err().ends_with("less than or equal to 100")
        );
        let long = "p".repeat(257);
        assert_eq!(
            paths(json!({ "a": long })).unwrap_err(),
            format!(
                "1 validation error detected: Value '{{a={long}}}' at 'targets.1.member.inputTransformer.inputPathsMap' failed to \
                 satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 256]"
            )
        );
        assert!(paths(json!({ long: "$" })).unwrap_err().contains("Map keys must"));
    }

    #[test]
    fn a_number_is_checked_without_words_of_the_programming_language() {
        let refusal = |input: Value| check(&input).unwrap_err().parts();
        let constraint = |value: &str, bound: &str| {
            let text = format!(
                "1 validation error detected: Value '{value}' at 'limit' failed to satisfy constraint: Member must have value {bound}"
            );
            (400, "ValidationException", text)
        };
        for (limit, value, bound) in [
            (json!(-1), "-1", "greater than or equal to 1"),
            (json!(0), "0", "greater than or equal to 1"),
            (json!(101), "101", "less than or equal to 100"),
            (json!(1e30), "9223372036854775807", "less than or equal to 100"),
        ] {
            assert_eq!(refusal(json!({ "Limit": limit })), constraint(value, bound));
        }
        for limit in [json!(1), json!(1.5), json!(100), Value::Null] {
            check(&json!({ "Limit": limit })).unwrap();
        }
        let of_text = "STRING_VALUE can not be converted to an Integer".to_owned();
        for input in [json!({ "Limit": "1" }), json!({ "Entries": [{ "Time": "now" }] })] {
            assert_eq!(refusal(input), (400, "SerializationException", of_text.clone()));
        }
        let retries = |count: i64| {
            check(&json!({ "Targets": [{ "RetryPolicy": { "MaximumRetryAttempts": count } }] }))
        };
        retries(185).unwrap();
        assert!(retries(186).unwrap_err().to_string().ends_with("less than or equal to 185"));
    }

    #[test]
    fn a_state_is_one_of_the_model() {
        check(&json!({ "State": "DISABLED" })).unwrap();
        assert_eq!(
            check(&json!({ "State": "off" })).unwrap_err().to_string(),
            "1 validation error detected: Value 'off' at 'state' failed to satisfy constraint: Member must satisfy enum value set: \
             [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"
        );
    }

    #[test]
    fn a_record_and_its_tags_have_bounds() {
        // The braces, the quotation marks and the colon are 8 bytes.
        let members =
            |bytes: usize| Map::from_iter([("m".to_owned(), json!("x".repeat(bytes - 8)))]);
        check_record("a bus", &members(32_768)).unwrap();
        assert_eq!(
            check_record("a bus", &members(32_769)).unwrap_err().to_string(),
            "hardcap keeps at most 32768 bytes of the members of a bus; these are 32769 bytes."
        );
        let tags = |count: usize| (0..count).map(|at| (at.to_string(), String::new())).collect();
        check_tags(&tags(50)).unwrap();
        assert_eq!(
            check_tags(&tags(51)).unwrap_err().to_string(),
            "A resource can have at most 50 tags."
        );
    }
}
