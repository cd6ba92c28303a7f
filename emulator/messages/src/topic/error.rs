//! Errors of SNS: codes and texts of the query protocol.

use std::fmt;
use std::io;

use hardcap_limits::{Exceeded, Party};

/// The error of an operation.
#[derive(Clone, Debug)]
pub enum SnsError {
    /// A refusal that is not a limit of the table: its status, its code and its text.
    Api(u16, &'static str, String),
    /// A limit of the table.
    Refused(Exceeded),
    /// hardcap failed.
    Bug(String),
}

impl SnsError {
    /// `InvalidParameter`, whose texts begin in the same way.
    pub(super) fn invalid(text: impl fmt::Display) -> SnsError {
        SnsError::Api(400, "InvalidParameter", format!("Invalid parameter: {text}"))
    }

    /// A message attribute that breaks a rule.
    pub(super) fn attribute(text: impl Into<String>) -> SnsError {
        SnsError::Api(400, "ParameterValueInvalid", text.into())
    }

    /// A required member that is missing, as the common front of AWS's services words it.
    pub(super) fn missing(member: &str) -> SnsError {
        let text = format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        );
        SnsError::Api(400, "ValidationError", text)
    }

    pub(super) fn no_topic() -> SnsError {
        SnsError::Api(404, "NotFound", "Topic does not exist".to_owned())
    }

    pub(super) fn no_subscription() -> SnsError {
        SnsError::Api(404, "NotFound", "Subscription does not exist".to_owned())
    }

    /// The status, the code and the text.
    pub(super) fn parts(&self) -> (u16, &'static str, String) {
        match self {
            SnsError::Api(status, code, text) => (*status, code, text.clone()),
            SnsError::Refused(exceeded) => match exceeded.refusal(Party::Invoker) {
                Some(refusal) => (refusal.status, refusal.error_type, refusal.body),
                None => (500, "InternalError", format!("no text for {exceeded}")),
            },
            SnsError::Bug(cause) => (500, "InternalError", cause.clone()),
        }
    }
}

impl fmt::Display for SnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().2)
    }
}

impl std::error::Error for SnsError {}

impl From<Exceeded> for SnsError {
    fn from(exceeded: Exceeded) -> SnsError {
        SnsError::Refused(exceeded)
    }
}

impl From<io::Error> for SnsError {
    fn from(error: io::Error) -> SnsError {
        SnsError::Bug(error.to_string())
    }
}
