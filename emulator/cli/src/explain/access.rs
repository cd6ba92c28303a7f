//! Access logs of APIs: a status and a length identify a response of the gateway without its text. Pure.

use serde_json::Value;

/// A line of an access log with an error of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// The line, from 1.
    pub(crate) line: Option<usize>,
    /// The fields that were read.
    pub(crate) quote: String,
    /// The text of the gateway's response with this status and this length.
    pub(crate) text: &'static str,
}

/// Responses of API Gateway by status and length in bytes: recordings of 2020 to 2025, see the rows of the table.
const RESPONSES: [(u16, u64, &str); 8] = [
    (502, 36, "Internal server error"),
    (500, 36, "Internal server error"),
    (500, 35, "Internal Server Error"),
    (504, 41, "Endpoint request timed out"),
    (503, 33, "Service Unavailable"),
    (413, 31, "Request Too Long"),
    (413, 38, "Request Entity Too Large"),
    (413, 44, "HTTP content length exceeded 1 bytes."),
];

/// The minimum duration of a 503 or 504 without a length that counts as a timeout, in milliseconds.
const SLOW: u64 = 28_900;

/// The texts of API Gateway by `$context.error.responseType` (AWS, API Gateway developer guide, gateway response types).
const TYPES: [(&str, &str); 4] = [
    ("THROTTLED", "Too Many Requests"),
    ("QUOTA_EXCEEDED", "Limit Exceeded"),
    ("INTEGRATION_TIMEOUT", "Endpoint request timed out"),
    ("REQUEST_TOO_LARGE", "HTTP content length exceeded 1 bytes."),
];

/// The variables of API Gateway that only an access log has, without separators.
const FIELDS: [&str; 7] = [
    "routekey",
    "responselength",
    "responselatency",
    "integrationlatency",
    "integrationstatus",
    "error.responsetype",
    "errorresponsetype",
];

/// Whether a document is a line of an access log: it has a status, and a variable that only API Gateway has.
pub(crate) fn has_fields(json: &Value) -> bool {
    json.get("status").is_some() && member(json, &FIELDS).is_some()
}

/// Whether a line is one of the access log of a load balancer (AWS, Elastic Load Balancing user guide, access log entries).
pub(crate) fn is_of_load_balancer(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_type = |word| matches!(word, "http" | "https" | "h2" | "grpcs" | "ws" | "wss");
    words.next().is_some_and(is_type) && words.nth(1).is_some_and(|name| name.starts_with("app/"))
}

/// The first member with one of these names, which have no separators and no capital letters.
fn member<'j>(json: &'j Value, names: &[&str]) -> Option<&'j Value> {
    let same = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let found = json.as_object()?.iter().find(|(name, _)| names.contains(&same(name).as_str()))?;
    Some(found.1)
}

/// The error in a JSON line of an access log; `None` if it is not an error of a gateway or has its text.
pub(crate) fn of_json(json: &Value, line: Option<usize>) -> Option<Access> {
    let number = |names: &[&str]| {
        let found = member(json, names)?;
        found.as_u64().or_else(|| found.as_str()?.trim().parse().ok())
    };
    let has_words = [
        "error_message",
        "errorMessage",
        "integrationError",
        "integration_error",
        "integrationErrorMessage",
    ]
    .iter()
    .any(|name| json[*name].as_str().is_some_and(|text| text.len() > 1));
    if has_words {
        return None;
    }
    let status = number(&["status", "statuscode"]).and_then(|status| u16::try_from(status).ok())?;
    let response = Response {
        status,
        length: number(&["responselength", "bytes", "bytessent"]),
        latency: number(&["responselatency", "integrationlatency", "latency"]),
        kind: member(json, &["error.responsetype", "errorresponsetype", "responsetype"])
            .and_then(Value::as_str),
    };
    let found = response.access(line)?;
    let has = |text: &str| text.to_ascii_lowercase().contains(&found.text.to_ascii_lowercase());
    let is_said = json.as_object()?.values().filter_map(Value::as_str).any(has);
    (!is_said).then_some(found)
}

/// The error in a line in the Common Log Format. The last number of a line that was cut is not read.
pub(crate) fn of_line(text: &str, line: usize, is_cut: bool) -> Option<Access> {
    if !super::recognize::is_common_log(text) {
        return None;
    }
    let (_, rest) = text.rsplit_once("\" ")?;
    let mut words = rest.split_whitespace();
    let status = words.next()?.parse().ok()?;
    let length = words.next().filter(|_| !is_cut || words.next().is_some());
    let length = length.and_then(|length| length.parse().ok());
    Response { status, length, latency: None, kind: None }.access(Some(line))
}

/// The fields of a response in an access log.
struct Response<'l> {
    status: u16,
    length: Option<u64>,
    latency: Option<u64>,
    /// `$context.error.responseType`
    kind: Option<&'l str>,
}

impl Response<'_> {
    fn access(&self, line: Option<usize>) -> Option<Access> {
        Some(Access { line, quote: self.quote(), text: self.text()? })
    }

    /// The text of the gateway's response.
    fn text(&self) -> Option<&'static str> {
        let by_kind = TYPES.iter().find(|(kind, _)| self.kind == Some(kind));
        if let Some((_, text)) = by_kind {
            return Some(text);
        }
        let is_same = |status: u16, bytes: u64| status == self.status && self.length == Some(bytes);
        let by_length = RESPONSES.iter().find(|(status, bytes, _)| is_same(*status, *bytes));
        if let Some((_, _, text)) = by_length {
            return Some(text);
        }
        match (self.status, self.latency.is_some_and(|ms| ms >= SLOW)) {
            (504, true) => Some("Endpoint request timed out"),
            (503, true) => Some("Service Unavailable"),
            _ => None,
        }
    }

    fn quote(&self) -> String {
        let mut quote = format!("status {}", self.status);
        if let Some(kind) = self.kind.filter(|kind| kind.len() > 1) {
            quote += &format!(", {}", super::input::shown(kind, 60));
        }
        if let Some(length) = self.length {
            quote += &format!(", {length} bytes");
        }
        if let Some(latency) = self.latency {
            quote += &format!(", {latency} ms");
        }
        quote
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_type_of_a_gateway_response_identifies_it() {
        let text = |json| of_json(&json, None).map(|one| one.text);
        let throttled = json!({"status": "429", "error.responseType": "THROTTLED"});
        assert!(has_fields(&throttled) && !has_fields(&json!({"status": "429"})));
        assert_eq!(text(throttled), Some("Too Many Requests"));
        let quota = json!({"status": 429, "errorResponseType": "QUOTA_EXCEEDED"});
        assert_eq!(text(quota), Some("Limit Exceeded"));
        assert_eq!(text(json!({"status": 429, "error.responseType": "-"})), None);
    }

    #[test]
    fn a_line_with_the_text_of_the_response_is_not_identified_a_second_time() {
        let line =
            json!({"status": 504, "responseLength": 41, "error": "Endpoint request timed out"});
        assert_eq!(of_json(&line, None), None);
    }

    #[test]
    fn status_and_length_identify_the_response() {
        let line = "192.0.2.1 - - [29/Nov/2026:15:00:00 +0000] \"GET /a HTTP/1.1\" 504 41 abc=";
        assert_eq!(
            of_line(line, 3, false).map(|one| (one.text, one.line)),
            Some(("Endpoint request timed out", Some(3)))
        );
        assert_eq!(of_line(&line.replace("504 41", "200 41"), 1, false), None);
        let cut = line.trim_end_matches(" abc=");
        assert_eq!((of_line(cut, 1, true), of_line(cut, 1, false).is_some()), (None, true));
        let json = json!({"requestId": "1", "status": "502", "responseLength": "36"});
        assert_eq!(of_json(&json, None).map(|one| one.text), Some("Internal server error"));
        let slow = json!({"status": 503, "responseLatency": 30_001});
        assert_eq!(of_json(&slow, None).map(|one| one.text), Some("Service Unavailable"));
        assert_eq!(of_json(&json!({"status": 503, "responseLatency": 12}), None), None);
    }
}
