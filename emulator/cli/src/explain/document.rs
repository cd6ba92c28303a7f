//! Measures a captured event or response against the limit of its own type. Pure.

use std::borrow::Cow;

use hardcap_limits::{Limits, Unit};
use serde_json::Value;

use super::kind::InputKind;

/// A measured quantity of a document, and its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The row's name.
    pub row: &'static str,
    /// The measured part: `the document`, `the body`.
    pub what: &'static str,
    /// The quantity, in the row's unit.
    pub observed: u64,
    /// The number in force.
    pub max: u64,
}

/// A document and the sizes of its parts.
#[derive(Clone, Debug)]
pub struct Document {
    /// The type.
    pub kind: InputKind,
    /// Its length, in bytes.
    pub bytes: u64,
    /// Its length without white space between members, if it has several lines: AWS would send it in this form.
    pub compact: Option<u64>,
    /// The comparisons with limits, the one with the least headroom first.
    pub measured: Vec<Measured>,
    /// The length of the decoded body, in bytes, if there is one.
    pub body: Option<u64>,
    /// Whether the body is base64.
    pub is_base64: bool,
    /// The largest members with their lengths as JSON, in bytes, the largest first.
    pub members: Vec<(String, u64)>,
}

impl Document {
    /// Measures a document; `None` for types without a limit, such as errors and logs.
    pub(crate) fn measure(
        kind: InputKind,
        text: &str,
        json: &Value,
        limits: &Limits,
    ) -> Option<Document> {
        let bytes = text.len() as u64;
        // A formatted copy is longer than the original.
        let compact = text.contains('\n').then(|| json.to_string().len() as u64);
        let whole = compact.unwrap_or(bytes);
        let body = &json["body"];
        let is_base64 = is_true(&json["isBase64Encoded"]) || json["bodyEncoding"] == "base64";
        let body = body.as_str().map(|body| decoded_len(body, is_base64));
        let rows = rows(kind, json, whole, body)?;
        let mut measured: Vec<Measured> = rows
            .into_iter()
            .filter_map(|(row, what, observed)| {
                let (_, max) = limits.in_force().find(|(one, _)| one.name == row)?;
                Some(Measured { row, what, observed, max })
            })
            .collect();
        measured.sort_by_key(|one| i128::from(one.max) - i128::from(one.observed));
        let mut members: Vec<(String, u64)> = json
            .as_object()
            .map(|all| all.iter().map(|(name, value)| (name.clone(), length(value))).collect())
            .unwrap_or_default();
        members.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        members.truncate(5);
        Some(Document { kind, bytes, compact, measured, body, is_base64, members })
    }

    /// The comparisons that exceed their limits.
    pub fn over(&self) -> impl Iterator<Item = &Measured> {
        self.measured.iter().filter(|one| one.observed > one.max)
    }
}

impl Measured {
    /// `6,291,560 bytes of at most 6,291,556: 4 over`
    #[must_use]
    pub fn describe(&self) -> String {
        let unit = Limits::row(self.row).map_or(Unit::Bytes, |row| row.unit);
        let how = if self.observed > self.max {
            format!("{} over", super::amount(unit, self.observed - self.max))
        } else {
            format!("{} left", super::amount(unit, self.max - self.observed))
        };
        format!("{} of at most {}: {how}", unit.of(self.observed), unit.of(self.max))
    }
}

type Rows = Vec<(&'static str, &'static str, u64)>;

/// The rows for a type, and the quantities to compare.
fn rows(kind: InputKind, json: &Value, whole: u64, body: Option<u64>) -> Option<Rows> {
    let body = || body.unwrap_or(0);
    Some(match kind {
        InputKind::RestEvent
        | InputKind::HttpApiEvent
        | InputKind::AuthorizerEvent
        | InputKind::StreamEvent => {
            vec![("lambda_sync_request", "the event", whole)]
        }
        InputKind::AlbEvent => vec![("alb_request_body", "the body of the request", body())],
        InputKind::WebSocketEvent => vec![("websocket_message", "the message", body())],
        InputKind::EdgeEvent => edge_body(json),
        InputKind::SqsEvent => {
            let mut rows = vec![("lambda_sync_request", "the batch", whole)];
            rows.extend(
                longest(json, |record| record["body"].as_str())
                    .map(|longest| ("sqs_message", "the longest message", longest)),
            );
            rows
        }
        InputKind::SnsEvent => {
            let longest = longest(json, |record| record["Sns"]["Message"].as_str()).unwrap_or(0);
            vec![
                ("sns_message", "the message", longest),
                ("lambda_async_request", "the event", whole),
            ]
        }
        InputKind::S3Event => vec![("lambda_async_request", "the event", whole)],
        InputKind::EventBridgeEvent => {
            vec![
                ("eventbridge_request", "the entry", entry(json)),
                ("lambda_async_request", "the event", whole),
            ]
        }
        InputKind::ProxyResponse => vec![("lambda_sync_response", "the response", whole)],
        InputKind::AlbResponse => vec![("alb_response", "the response", whole)],
        InputKind::EdgeResponse => vec![("edge_origin_response", "the response", whole)],
        InputKind::DestinationRecord => {
            // The record of a stream has neither.
            let payloads = [
                ("lambda_async_request", "the payload of the request", "requestPayload"),
                ("lambda_sync_response", "the payload of the response", "responsePayload"),
            ];
            let present = payloads.into_iter().filter(|(_, _, member)| json.get(member).is_some());
            let rows: Rows =
                present.map(|(row, what, member)| (row, what, length(&json[member]))).collect();
            (!rows.is_empty()).then_some(rows)?
        }
        InputKind::Configuration => {
            vec![("lambda_environment", "the map of variables", length(variables(json)?))]
        }
        InputKind::StepFunctions => {
            let largest = largest_state(json)?;
            vec![("stepfunctions_data", "the largest input or output", largest)]
        }
        _ => return None,
    })
}

fn edge_body(json: &Value) -> Rows {
    let cf = &json["Records"][0]["cf"];
    let body = &cf["request"]["body"];
    let data = body["data"].as_str().unwrap_or_default();
    let length = decoded_len(data, body["encoding"] == "base64");
    let kind = cf["config"]["eventType"].as_str().unwrap_or_default();
    let row = if kind.starts_with("viewer") { "edge_viewer_body" } else { "edge_origin_body" };
    vec![(row, "the body of the request", length)]
}

fn longest(json: &Value, text: impl Fn(&Value) -> Option<&str>) -> Option<u64> {
    let records = json["Records"].as_array()?;
    records.iter().filter_map(|record| text(record).map(|text| text.len() as u64)).max()
}

/// An entry of `PutEvents` counts 14 bytes for its time, and its source, type, detail and resources.
fn entry(json: &Value) -> u64 {
    let text = |name: &str| json[name].as_str().map_or(0, |text| text.len() as u64);
    let resources = json["resources"].as_array().into_iter().flatten();
    let resources: u64 = resources.filter_map(Value::as_str).map(|one| one.len() as u64).sum();
    14 + text("source") + text("detail-type") + length(&json["detail"]) + resources
}

fn variables(json: &Value) -> Option<&Value> {
    let places = [
        &json["Environment"]["Variables"],
        &json["Configuration"]["Environment"]["Variables"],
        &json["Variables"],
    ];
    places.into_iter().find(|place| place.is_object())
}

/// The largest input or output in the history of an execution; `None` if there is none.
fn largest_state(json: &Value) -> Option<u64> {
    let events = json["events"].as_array()?;
    let details = events.iter().filter_map(Value::as_object).flat_map(|event| event.values());
    let texts = details.flat_map(|detail| [&detail["input"], &detail["output"]]);
    texts.filter_map(Value::as_str).map(|text| text.len() as u64).max()
}

fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true) || *value == "true"
}

/// The length of a value as compact JSON, in bytes.
fn length(value: &Value) -> u64 {
    if value.is_null() { 0 } else { value.to_string().len() as u64 }
}

fn decoded_len(text: &str, is_base64: bool) -> u64 {
    if !is_base64 {
        return text.len() as u64;
    }
    let text: Cow<'_, str> = Cow::Borrowed(text.trim_end());
    let padding = text.bytes().rev().take(2).take_while(|byte| *byte == b'=').count() as u64;
    (text.len() as u64 / 4 * 3 + text.len() as u64 % 4 * 3 / 4).saturating_sub(padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(text: &str, limits: &Limits) -> Document {
        let json: Value = serde_json::from_str(text).expect("JSON");
        let kind = super::super::kind::of_json(&json);
        Document::measure(kind, text, &json, limits).expect("a type that is measured")
    }

    #[test]
    fn measures_the_response_of_zappa_to_the_byte() {
        let base64 = "eHh4".repeat(1_572_853) + "eA==";
        let text = format!(
            "{{\"body\": \"{base64}\", \"isBase64Encoded\": \"true\", \"statusCode\": 200, \"headers\": \
             {{\"Content-Type\": \"text/html; charset=utf-8\", \"Content-Length\": \"4718560\"}}}}"
        );
        let document = measure(&text, &Limits::classic());
        assert_eq!(
            (document.kind, document.bytes, document.body),
            (InputKind::ProxyResponse, 6_291_560, Some(4_718_560))
        );
        assert_eq!(
            document.measured[0].describe(),
            "6,291,560 bytes of at most 6,291,556 bytes: 4 bytes over"
        );
    }

    #[test]
    fn every_type_is_held_against_its_own_limit() {
        let limits = Limits::current();
        let two_megabytes = "x".repeat(2_000_000);
        let response = format!(
            r#"{{"statusCode":200,"statusDescription":"200 OK","body":"{two_megabytes}"}}"#
        );
        let alb = measure(&response, &limits);
        assert_eq!((alb.measured[0].row, alb.over().count()), ("alb_response", 1));
        let message = format!(
            r#"{{"requestContext":{{"connectionId":"x"}},"body":"{}"}}"#,
            "x".repeat(131_073)
        );
        assert_eq!(
            measure(&message, &limits).measured[0],
            Measured {
                row: "websocket_message",
                what: "the message",
                observed: 131_073,
                max: 131_072
            }
        );
        let queue = format!(
            r#"{{"Records":[{{"eventSource":"aws:sqs","body":"{}"}}]}}"#,
            "x".repeat(300_000)
        );
        assert_eq!(
            measure(&queue, &Limits::classic()).over().map(|one| one.row).collect::<Vec<_>>(),
            ["sqs_message"]
        );
        assert_eq!(measure(&queue, &limits).over().count(), 0);
    }

    #[test]
    fn a_formatted_copy_is_measured_without_its_white_space() {
        let document =
            measure("{\n  \"statusCode\": 200,\n  \"body\": \"x\"\n}", &Limits::classic());
        assert_eq!((document.bytes, document.compact), (38, Some(29)));
        assert_eq!(document.measured[0].observed, 29);
    }

    #[test]
    fn the_map_of_variables_is_measured_as_compact_json() {
        let document = measure(
            r#"{"Variables": {"BUCKET": "my-bucket", "KEY": "file.txt"}}"#,
            &Limits::classic(),
        );
        assert_eq!(document.measured[0].observed, 39, "the example of the developer guide");
    }
}
