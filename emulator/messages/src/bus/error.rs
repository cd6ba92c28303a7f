//! Errors of EventBridge: the type and the text of the JSON protocol.

use std::fmt;
use std::io;

use hardcap_limits::{Exceeded, Party};
use serde_json::Value;

/// The error of an operation.
#[derive(Clone, Debug)]
pub enum EventsError {
    /// An exception: its type and its text.
    Api(&'static str, String),
    /// A limit of the table, and the value of `{value}` in its text.
    Refused(Exceeded, String),
    /// hardcap failed.
    Bug(String),
}

impl EventsError {
    pub(super) fn invalid(text: impl Into<String>) -> EventsError {
        EventsError::Api("ValidationException", text.into())
    }

    pub(super) fn not_found(text: String) -> EventsError {
        EventsError::Api("ResourceNotFoundException", text)
    }

    /// A value that breaks a rule of the model, as the common front of AWS's services words it.
    pub(super) fn constraint(value: Option<&str>, place: &str, rule: &str) -> EventsError {
        let value = value.map_or("null".to_owned(), |value| format!("'{value}'"));
        EventsError::invalid(format!(
            "1 validation error detected: Value {value} at '{place}' failed to satisfy constraint: Member must {rule}"
        ))
    }

    pub(super) fn no_bus(name: &str) -> EventsError {
        EventsError::not_found(format!("Event bus {name} does not exist."))
    }

    pub(super) fn no_rule(name: &str, bus: &str) -> EventsError {
        EventsError::not_found(format!("Rule {name} does not exist on EventBus {bus}."))
    }

    /// The status, the type and the text.
    pub(super) fn parts(&self) -> (u16, &'static str, String) {
        match self {
            EventsError::Api(kind, text) => (400, kind, text.clone()),
            EventsError::Refused(exceeded, value) => {
                match exceeded.refusal_with(Party::Invoker, &[("value", value)]) {
                    Some(refusal) => (refusal.status, refusal.error_type, message_of(refusal.body)),
                    None => (500, "InternalException", format!("no text for {exceeded}")),
                }
            }
            EventsError::Bug(cause) => (500, "InternalException", cause.clone()),
        }
    }
}

/// The message of a row's text, which may be the whole document.
fn message_of(body: String) -> String {
    let document: Option<Value> = serde_json::from_str(&body).ok();
    let message = document.as_ref().and_then(|it| it["message"].as_str()).map(str::to_owned);
    message.unwrap_or(body)
}

impl fmt::Display for EventsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().2)
    }
}

impl std::error::Error for EventsError {}

impl From<Exceeded> for EventsError {
    fn from(exceeded: Exceeded) -> EventsError {
        EventsError::Refused(exceeded, String::new())
    }
}

impl From<io::Error> for EventsError {
    fn from(error: io::Error) -> EventsError {
        EventsError::Bug(error.to_string())
    }
}
