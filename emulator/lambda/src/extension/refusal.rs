//! Refusals of the Extensions API, with the texts of AWS's own server.

use hardcap_limits::Exceeded;
use uuid::Uuid;

use super::ExtensionState;

/// A refusal of an extension's request. All of them are 403.
#[derive(Debug)]
pub(crate) enum ExtensionRefusal {
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
        from: ExtensionState,
        to: ExtensionState,
        extension: String,
    },
}

impl ExtensionRefusal {
    /// `errorType` and `errorMessage`.
    pub(crate) fn texts(&self) -> (&'static str, String) {
        match self {
            ExtensionRefusal::NameEmpty => {
                ("Extension.InvalidExtensionName", "Empty extension name".to_owned())
            }
            ExtensionRefusal::Format(why) => ("InvalidRequestFormat", why.clone()),
            ExtensionRefusal::EventType { event, why } => {
                ("Extension.InvalidEventType", format!("{event}: {why}"))
            }
            ExtensionRefusal::Closed => {
                ("Extension.RegistrationClosed", "Extension registration closed already".to_owned())
            }
            ExtensionRefusal::NameTaken => (
                "Extension.InvalidExtensionState",
                "Extension with this name already registered".to_owned(),
            ),
            ExtensionRefusal::TooMany(exceeded) => (
                "Extension.TooManyExtensions",
                format!("Extension limit ({}) reached", exceeded.max),
            ),
            ExtensionRefusal::IdentifierMissing => (
                "Extension.MissingExtensionIdentifier",
                "Missing Lambda-Extension-Identifier header".to_owned(),
            ),
            ExtensionRefusal::IdentifierInvalid => (
                "Extension.InvalidExtensionIdentifier",
                "Invalid Lambda-Extension-Identifier".to_owned(),
            ),
            ExtensionRefusal::IdentifierUnknown(id) => {
                ("Extension.UnknownExtensionIdentifier", format!("Unknown extension {id}"))
            }
            ExtensionRefusal::ErrorTypeMissing => (
                "Extension.MissingHeader",
                "Lambda-Extension-Function-Error-Type not found".to_owned(),
            ),
            ExtensionRefusal::Transition { from, to, extension } => (
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
