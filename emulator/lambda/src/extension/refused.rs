//! Refusals of the Extensions API, with the texts of AWS's own server.

use hardcap_limits::Exceeded;
use uuid::Uuid;

use super::Stage;

/// A refusal of an extension's request. All of them are 403.
#[derive(Debug)]
pub(crate) enum Refused {
    NameEmpty,
    Format(String),
    /// An event type that does not exist, or that this kind of extension cannot subscribe to.
    EventType {
        event: String,
        why: &'static str,
    },
    /// Init has ended: the runtime has requested its first event.
    Closed,
    NameTaken,
    TooMany(Exceeded),
    IdentifierMissing,
    IdentifierInvalid,
    IdentifierUnknown(Uuid),
    ErrorTypeMissing,
    Transition {
        from: Stage,
        to: Stage,
        extension: String,
    },
}

impl Refused {
    /// `errorType` and `errorMessage`.
    pub(crate) fn texts(&self) -> (&'static str, String) {
        match self {
            Refused::NameEmpty => {
                ("Extension.InvalidExtensionName", "Empty extension name".to_owned())
            }
            Refused::Format(why) => ("InvalidRequestFormat", why.clone()),
            Refused::EventType { event, why } => {
                ("Extension.InvalidEventType", format!("{event}: {why}"))
            }
            Refused::Closed => {
                ("Extension.RegistrationClosed", "Extension registration closed already".to_owned())
            }
            Refused::NameTaken => (
                "Extension.InvalidExtensionState",
                "Extension with this name already registered".to_owned(),
            ),
            Refused::TooMany(exceeded) => (
                "Extension.TooManyExtensions",
                format!("Extension limit ({}) reached", exceeded.max),
            ),
            Refused::IdentifierMissing => (
                "Extension.MissingExtensionIdentifier",
                "Missing Lambda-Extension-Identifier header".to_owned(),
            ),
            Refused::IdentifierInvalid => (
                "Extension.InvalidExtensionIdentifier",
                "Invalid Lambda-Extension-Identifier".to_owned(),
            ),
            Refused::IdentifierUnknown(id) => {
                ("Extension.UnknownExtensionIdentifier", format!("Unknown extension {id}"))
            }
            Refused::ErrorTypeMissing => (
                "Extension.MissingHeader",
                "Lambda-Extension-Function-Error-Type not found".to_owned(),
            ),
            Refused::Transition { from, to, extension } => (
                "Extension.InvalidExtensionState",
                format!(
                    "State transition from {} to {} failed for extension {extension}. \
                     Error: State transition is not allowed",
                    from.name(),
                    to.name()
                ),
            ),
        }
    }
}
