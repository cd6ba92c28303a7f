//! Buffered and streamed responses.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The response transfer mode of a REST API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseTransferMode {
    /// The response is sent when it is complete.
    #[default]
    Buffered,
    /// The response is streamed.
    Stream,
}

/// The invoke mode of a function URL.
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
    /// The response is sent when it is complete.
    #[default]
    Buffered,
    /// The response is streamed.
    ResponseStream,
}

/// An invoke mode that does not exist, in AWS's words (recorded on 2025-11-24).
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
