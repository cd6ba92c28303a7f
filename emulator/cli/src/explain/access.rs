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

/// The error in a JSON line of an access log; `None` if it is not an error of a gateway or has its text.
pub(crate) fn of_json(json: &Value, line: Option<usize>) -> Option<Access> {
    let field = |names: &[&str]| {
        let members = json.as_object()?;
        let same = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
        let found = members.iter().find(|(name, _)| names.contains(&same(name).as_str()))?;
        found.1.as_u64().or_else(|| found.1.as_str()?.trim().parse().ok())
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
    let status = field(&["status", "statuscode"]).and_then(|status| u16::try_from(status).ok())?;
    let length = field(&["responselength", "bytes", "bytessent"]);
    let latency = field(&["responselatency", "integrationlatency", "latency"]);
    found(status, length, latency, line)
}

/// The error in a line in the Common Log Format.
pub(crate) fn of_line(text: &str, line: usize) -> Option<Access> {
    if !super::recognize::is_common_log(text) {
        return None;
    }
    let (_, rest) = text.rsplit_once("\" ")?;
    let mut words = rest.split_whitespace();
    let status = words.next()?.parse().ok()?;
    found(status, words.next().and_then(|length| length.parse().ok()), None, Some(line))
}

fn found(
    status: u16,
    length: Option<u64>,
    latency: Option<u64>,
    line: Option<usize>,
) -> Option<Access> {
    let by_length =
        RESPONSES.iter().find(|(one, bytes, _)| *one == status && Some(*bytes) == length);
    let slow = latency.is_some_and(|ms| ms >= SLOW);
    let by_time = match (status, slow) {
        (504, true) => Some("Endpoint request timed out"),
        (503, true) => Some("Service Unavailable"),
        _ => None,
    };
    let text = by_length.map(|(_, _, text)| *text).or(by_time)?;
    let mut quote = format!("status {status}");
    if let Some(length) = length {
        quote += &format!(", {length} bytes");
    }
    if let Some(latency) = latency {
        quote += &format!(", {latency} ms");
    }
    Some(Access { line, quote, text })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn status_and_length_identify_the_response() {
        let line = "192.0.2.1 - - [29/Nov/2026:15:00:00 +0000] \"GET /a HTTP/1.1\" 504 41 abc=";
        assert_eq!(
            of_line(line, 3).map(|one| (one.text, one.line)),
            Some(("Endpoint request timed out", Some(3)))
        );
        assert_eq!(of_line(&line.replace("504 41", "200 41"), 1), None);
        let json = json!({"requestId": "1", "status": "502", "responseLength": "36"});
        assert_eq!(of_json(&json, None).map(|one| one.text), Some("Internal server error"));
        let slow = json!({"status": 503, "responseLatency": 30_001});
        assert_eq!(of_json(&slow, None).map(|one| one.text), Some("Service Unavailable"));
        assert_eq!(of_json(&json!({"status": 503, "responseLatency": 12}), None), None);
    }
}
