//! The cases, as data. Every number is written by hand.

use serde_json::{Value, json};

use super::clients::{CallKind, Seen};
use super::runtimes::Runtime;

/// One call, and what its client must see.
#[derive(Debug)]
pub(super) struct Case {
    /// What it shows.
    pub(super) about: &'static str,
    pub(super) kind: CallKind,
    /// What the function is asked, as JSON.
    wish: &'static str,
    /// The event is made so long by a member that the function ignores.
    length: Option<usize>,
    expected: Expected,
}

/// What a client must see.
#[derive(Debug)]
enum Expected {
    /// An answer of so many bytes.
    Answer(usize),
    /// An event that is taken on.
    Accepted,
    /// The function failed, and the document says so in these words, by runtime.
    Failed(fn(&Runtime) -> (&'static str, &'static str)),
    /// Lambda refuses the call: a status and an error code.
    Refused(u16, &'static str),
}

use CallKind::{Event, RequestResponse};
use Expected::{Accepted, Answer, Failed, Refused};

const fn case(about: &'static str, kind: CallKind, wish: &'static str, expected: Expected) -> Case {
    Case { about, kind, wish, length: None, expected }
}

const fn sized(about: &'static str, kind: CallKind, length: usize, expected: Expected) -> Case {
    Case { about, kind, wish: "{}", length: Some(length), expected }
}

/// What every function can still do after whatever happened before.
pub(super) const HEALTHY: Case =
    case("healthy after that", RequestResponse, r#"{"size": 100}"#, Answer(100));

pub(super) const CASES: &[Case] = &[
    sized("the longest event", RequestResponse, 6_291_456, Answer(2)),
    sized(
        "an event one byte longer",
        RequestResponse,
        6_291_457,
        Refused(413, "RequestEntityTooLargeException"),
    ),
    case("the longest answer", RequestResponse, r#"{"size": 6291556}"#, Answer(6_291_556)),
    case(
        "an answer one byte longer",
        RequestResponse,
        r#"{"size": 6291557}"#,
        Failed(|_| {
            (
                "Function.ResponseSizeTooLarge",
                "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            )
        }),
    ),
    sized("the longest asynchronous event", Event, 262_144, Accepted),
    sized(
        "an asynchronous event one byte longer",
        Event,
        262_145,
        Refused(413, "RequestEntityTooLargeException"),
    ),
    case(
        "a timeout",
        RequestResponse,
        r#"{"hang": true}"#,
        Failed(|_| ("", "Task timed out after 5.00 seconds")),
    ),
    case(
        "an exit",
        RequestResponse,
        r#"{"exit": 7}"#,
        Failed(|_| ("Runtime.ExitError", "Error: Runtime exited with error: exit status 7")),
    ),
    case(
        "an error",
        RequestResponse,
        r#"{"error": "as asked"}"#,
        Failed(|runtime| (runtime.error_type, "as asked")),
    ),
    case(
        "an answer that is no JSON",
        RequestResponse,
        r#"{"unserializable": true}"#,
        Failed(|runtime| runtime.unserializable),
    ),
];

impl Case {
    pub(super) fn event(&self) -> Vec<u8> {
        let mut event: Value = serde_json::from_str(self.wish).expect("a wish is JSON");
        let Some(length) = self.length else { return event.to_string().into_bytes() };
        event["pad"] = json!("");
        let pad = length - event.to_string().len();
        event["pad"] = json!("x".repeat(pad));
        event.to_string().into_bytes()
    }

    /// What is wrong with what a client saw.
    pub(super) fn compare(&self, runtime: &Runtime, seen: &Seen) -> Result<(), String> {
        let expected = match &self.expected {
            Answer(length) => (200, None, None, Some(*length)),
            Accepted => (202, None, None, Some(0)),
            Failed(_) => (200, Some("Unhandled"), None, None),
            Refused(status, code) => (*status, None, Some(*code), None),
        };
        let length = expected.3.map(|_| seen.payload.len());
        let got = (seen.status, seen.function_error.as_deref(), seen.refused.as_deref(), length);
        if got != expected {
            return Err(format!("{expected:?} was expected, {got:?} came"));
        }
        match &self.expected {
            Failed(words) => failed_in(&seen.payload, words(runtime)),
            Answer(_) | Accepted | Refused(..) => Ok(()),
        }
    }
}

/// Whether a function's error document has this type, or none where it is empty, and this at the end of its message's first line.
fn failed_in(document: &[u8], (error_type, message): (&str, &str)) -> Result<(), String> {
    let document: Value = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    let told = document["errorMessage"].as_str().unwrap_or_default();
    let told = told.lines().next().unwrap_or_default();
    let kind = document["errorType"].as_str().unwrap_or_default();
    if kind == error_type && told.ends_with(message) {
        return Ok(());
    }
    Err(format!("{error_type}: {message} was expected"))
}
