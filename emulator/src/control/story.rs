//! `GET /_hardcap/requests/{id}`: everything kept of one request: records, payloads, log lines, and the explanation of a failure.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Control;
use super::api::ControlError;
use super::request::Name;
use crate::report::advice;
use hardcap_core::log_buffer::LogLine;
use hardcap_core::payloads::{Part, Payload};
use hardcap_core::record::{Observation, Record};

/// The bounds of the log lines of a request. The newest are shown.
const LINES_MAX: usize = 1_000;
const LOG_BYTES_MAX: usize = 128 * 1024;

pub(super) async fn request(
    State(control): State<Control>,
    Name(id): Name,
) -> Result<Json<Value>, ControlError> {
    // Searching all kept lines and explaining them takes time.
    let story = tokio::task::spawn_blocking(move || story(&control, &id));
    story.await.expect("a story does not panic").map(Json)
}

fn story(control: &Control, id: &str) -> Result<Value, ControlError> {
    let platform = &control.platform;
    let records = platform.recorder.of_request(id);
    if records.is_empty() {
        let text = format!(
            "no record of the request `{id}` is kept; hardcap keeps the newest 10,000 records of a run"
        );
        return Err(ControlError::new(StatusCode::NOT_FOUND, text));
    }
    let payloads = platform.recorder.payloads.of(id);
    let lines = platform.log_buffer.of_request(id);
    let lines: Vec<&LogLine> = lines.iter().map(AsRef::as_ref).collect();
    let shown = newest(&lines);
    let limits = platform.limits();
    let advice = advice(&records, limits.date());
    let explained = match control.config.explain {
        Some(explain) if advice.is_empty() && has_failed(&records) => {
            explain(&evidence(shown, &payloads), &limits)
        }
        _ => None,
    };
    let payloads: Map<String, Value> = payloads.iter().map(named).collect();
    Ok(json!({
        "request_id": id,
        "run": platform.recorder.run(),
        "records": records,
        "advice": advice,
        "explained": explained,
        "payloads": payloads,
        "logs": { "lines": shown, "left_off": lines.len() - shown.len() },
    }))
}

/// The newest lines within both bounds.
fn newest<'l, 'a>(lines: &'l [&'a LogLine]) -> &'l [&'a LogLine] {
    let mut bytes = 0;
    let fitting = lines.iter().rev().take(LINES_MAX).take_while(|line| {
        bytes += line.text.len();
        bytes <= LOG_BYTES_MAX
    });
    &lines[lines.len() - fitting.count()..]
}

fn has_failed(records: &[Record]) -> bool {
    records.iter().any(|record| match &record.what {
        Observation::Answered { status, .. } => *status >= 400,
        Observation::Invoked { fault, .. } => fault.is_some(),
        Observation::Throttled { .. } => true,
        _ => false,
    })
}

/// The input of the explanation: the log, and the responses to the invoker and to the client.
fn evidence(lines: &[&LogLine], payloads: &[Payload]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(line.text.as_bytes());
        text.push(b'\n');
    }
    let answers =
        payloads.iter().filter(|one| matches!(one.part, Part::Answer | Part::ResponseBody));
    for payload in answers {
        text.extend_from_slice(&payload.head);
        text.push(b'\n');
    }
    text
}

/// A payload as text if it is UTF-8, else in base64. A truncated last character is omitted.
fn named(payload: &Payload) -> (String, Value) {
    let is_cut = payload.bytes > payload.head.len() as u64;
    let text = match std::str::from_utf8(&payload.head) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(&payload.head[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    let mut shown = json!({ "bytes": payload.bytes, "kept": payload.head.len() });
    match text {
        Some(text) => shown["text"] = text.into(),
        None => shown["base64"] = STANDARD.encode(&payload.head).into(),
    }
    let name = match payload.part {
        Part::Request => "request",
        Part::Event => "event",
        Part::Answer => "answer",
        Part::ResponseHead => "response_head",
        Part::ResponseBody => "response_body",
    };
    (name.to_owned(), shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::clock::EpochMillis;

    fn payload(bytes: u64, head: &[u8]) -> Value {
        named(&Payload { part: Part::Event, bytes, head: head.into() }).1
    }

    #[test]
    fn a_payload_that_is_utf8_is_text_without_a_truncated_last_character() {
        assert_eq!(payload(2, b"{}"), json!({ "bytes": 2, "kept": 2, "text": "{}" }));
        assert_eq!(payload(9, b"a\xc3"), json!({ "bytes": 9, "kept": 2, "text": "a" }));
        assert_eq!(payload(2, b"a\xc3"), json!({ "bytes": 2, "kept": 2, "base64": "YcM=" }));
        assert_eq!(payload(9, b"\xffa"), json!({ "bytes": 9, "kept": 2, "base64": "/2E=" }));
    }

    #[test]
    fn the_newest_lines_stay_within_1000_lines_and_128_kib() {
        let line = |length: usize| LogLine {
            at: EpochMillis(0),
            number: 0,
            function: String::new(),
            stream: String::new(),
            request_id: None,
            text: "x".repeat(length),
        };
        let short: Vec<LogLine> = (0..1_001).map(|_| line(1)).collect();
        let long: Vec<LogLine> = (0..10).map(|_| line(100_000)).collect();
        let counted = |lines: &[LogLine]| newest(&lines.iter().collect::<Vec<_>>()).len();
        assert_eq!((counted(&short), counted(&long)), (1_000, 1));
    }
}
