//! Messages of dead-letter queues, whose attributes name the error. Pure.
//!
//! EventBridge (user guide, "Using dead-letter queues to process undelivered events"): `ERROR_CODE`, `ERROR_MESSAGE`, `RULE_ARN`,
//! `TARGET_ARN`. Lambda (developer guide, "Capturing records of asynchronous invocations"): `RequestID`, `ErrorCode`, `ErrorMessage`.
//! The texts of the messages are found as texts.

use serde_json::Value;

use super::finding::{Cause, Finding};

const SOURCE: &str =
    "AWS, EventBridge user guide, using dead-letter queues to process undelivered events";

/// Whether a document is such a message, a list of them as `aws sqs receive-message` prints it, or the attributes of one.
pub(crate) fn is_message(json: &Value) -> bool {
    !attributes(json).is_empty()
}

/// The errors that the attributes name.
pub(crate) fn findings(json: &Value, line: Option<usize>) -> Vec<Finding> {
    attributes(json).into_iter().filter_map(|attributes| of_attributes(attributes, line)).collect()
}

/// The attributes of the messages in a document.
fn attributes(json: &Value) -> Vec<&Value> {
    let lists = [&json["Messages"], &json["Records"]];
    let messages = lists.into_iter().filter_map(Value::as_array).flatten();
    let messages = messages.chain([json]);
    let places = messages
        .flat_map(|message| [&message["MessageAttributes"], &message["messageAttributes"]])
        .chain([json]);
    places.filter(|attributes| is_of_error(attributes)).collect()
}

fn is_of_error(attributes: &Value) -> bool {
    let has = |name: &str| value(attributes, name).is_some();
    has("ERROR_CODE") || (has("ErrorCode") && has("RequestID"))
}

/// The value of an attribute, as `StringValue` of the API or `stringValue` of an event.
fn value<'a>(attributes: &'a Value, name: &str) -> Option<&'a str> {
    let attribute = attributes.get(name)?;
    attribute["StringValue"].as_str().or_else(|| attribute["stringValue"].as_str())
}

fn of_attributes(attributes: &Value, line: Option<usize>) -> Option<Finding> {
    let text = |name: &str| value(attributes, name).unwrap_or_default();
    let code = value(attributes, "ERROR_CODE")?;
    let why = "the attribute ERROR_CODE of the message names it";
    let cause = match code {
        "NO_PERMISSIONS" => Cause::certain("target_permission", why),
        "THROTTLING" if text("TARGET_ARN").contains(":lambda:") => {
            Cause::certain("lambda_concurrency", why)
        }
        "THROTTLING" => Cause::certain("api_request_rate", why),
        _ => return None,
    };
    let quote = format!("ERROR_CODE: {code}, ERROR_MESSAGE: {}", text("ERROR_MESSAGE"));
    let mut found = Finding::of_record(&quote, line, vec![cause], SOURCE);
    if let Some(condition) = value(attributes, "EXHAUSTED_RETRY_CONDITION") {
        let attempts = text("RETRY_ATTEMPTS");
        found.notes.push(format!("EventBridge stopped after {attempts} retries: {condition}"));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn causes(json: &Value) -> Vec<&'static str> {
        findings(json, None).iter().map(|one| one.first().name).collect()
    }

    #[test]
    fn the_code_of_an_undelivered_event_decides() {
        let attributes = |code: &str, target: &str| json!({ "ERROR_CODE": { "StringValue": code }, "TARGET_ARN": { "StringValue": target } });
        let function = "arn:aws:lambda:us-east-1:000000000000:function:f";
        for (code, target, causes_of_code) in [
            ("NO_PERMISSIONS", function, vec!["target_permission"]),
            ("THROTTLING", function, vec!["lambda_concurrency"]),
            (
                "THROTTLING",
                "arn:aws:states:us-east-1:000000000000:stateMachine:s",
                vec!["api_request_rate"],
            ),
            ("SDK_CLIENT_ERROR", function, Vec::new()),
        ] {
            let plain = attributes(code, target);
            for json in [
                json!({ "Messages": [{ "Body": "{}", "MessageAttributes": plain.clone() }] }),
                plain,
            ] {
                assert!(is_message(&json));
                assert_eq!(causes(&json), causes_of_code, "{json}");
            }
        }
        let event = json!({ "Records": [{
            "eventSource": "aws:sqs",
            "messageAttributes": { "ERROR_CODE": { "stringValue": "NO_PERMISSIONS", "dataType": "String" } },
        }] });
        assert_eq!(causes(&event), ["target_permission"]);
        assert!(!is_message(&json!({ "Messages": [{ "Body": "{}" }] })));
    }
}
