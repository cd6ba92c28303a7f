//! How answers are handed to clients: when they are whole, or as they come.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a REST API hands an answer to its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseTransferMode {
    /// When it is whole.
    #[default]
    Buffered,
    /// As it comes.
    Stream,
}

/// How a function URL hands an answer to its client.
///
/// ```
/// use hardcap_core::config::InvokeMode;
///
/// assert_eq!("RESPONSE_STREAM".parse(), Ok(InvokeMode::ResponseStream));
/// assert!("STREAM".parse::<InvokeMode>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvokeMode {
    /// When it is whole.
    #[default]
    Buffered,
    /// As it comes.
    ResponseStream,
}

/// A mode that function URLs do not have, in AWS's words (recorded on 2025-11-24).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "1 validation error detected: Value '{0}' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum \
     value set: [RESPONSE_STREAM, BUFFERED]"
)]
pub struct UnknownInvokeMode(String);

impl FromStr for InvokeMode {
    type Err = UnknownInvokeMode;

    fn from_str(mode: &str) -> Result<InvokeMode, UnknownInvokeMode> {
        match mode {
            "BUFFERED" => Ok(InvokeMode::Buffered),
            "RESPONSE_STREAM" => Ok(InvokeMode::ResponseStream),
            other => Err(UnknownInvokeMode(other.to_owned())),
        }
    }
}
