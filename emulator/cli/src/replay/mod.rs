//! `hardcap replay`: a captured failure of production, into what can be done again here, and whether it came out the same.
//! Pure: the command line starts the functions and sends what is to be sent.

mod curl;
mod har;
mod place;
mod sizes;
mod verdict;

use bytes::Bytes;
use hardcap_limits::Limits;
use serde_json::Value;

pub use place::{Place, place_event, place_exchange};
pub use sizes::verdicts;
pub use verdict::{Crossing, Outcome, Verdict, of_event, of_exchange};

use crate::explain::{Document, Explained, Kind};

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Capture {
    /// HTTP requests, with what was answered: a HAR, or what `curl -v` printed.
    Exchanges(Vec<Exchange>),
    /// What a gateway handed to a function, as it stands.
    Event(Bytes),
    /// No more than sizes and refusals: a log, a message, a function's answer.
    Sizes(Box<Explained>),
}

/// A request, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `GET`.
    pub method: String,
    /// The URL, whole.
    pub url: String,
    /// The headers, but for those that belong to a connection.
    pub headers: Vec<(String, String)>,
    /// The body; where the capture has only its length, as many bytes of filler.
    pub body: Bytes,
    /// Whether the body is filler.
    pub is_filler: bool,
    /// The status that was answered; none when there was no answer.
    pub status: Option<u16>,
}

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CaptureError {
    /// Nothing in it is known.
    #[error(
        "nothing in it can be replayed: no HAR, no output of `curl -v`, no event, and no refusal of the table (`hardcap limits`)"
    )]
    Unknown,
    /// It looks like a HAR, and is none.
    #[error("it looks like a HAR, and is none: {0}")]
    Har(String),
}

/// Headers that say something of one connection, or that a client sets by itself.
const NOT_SENT: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

impl Capture {
    /// Tells what a text is, and takes it apart.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] when it is nothing that can be replayed.
    pub fn read(text: &str, limits: &Limits) -> Result<Capture, CaptureError> {
        let trimmed = text.trim();
        if trimmed.starts_with('{')
            && let Ok(json) = serde_json::from_str::<Value>(trimmed)
            && json["log"]["entries"].is_array()
        {
            return Ok(Capture::Exchanges(har::read(trimmed)?));
        }
        let exchanges = curl::read(text);
        if !exchanges.is_empty() {
            return Ok(Capture::Exchanges(exchanges));
        }
        if Document::read(trimmed).is_some_and(|document| document.kind == Kind::Event) {
            return Ok(Capture::Event(Bytes::from(trimmed.to_owned())));
        }
        let explained = Explained::new(text, limits);
        match &explained.document {
            // Any JSON has a length; that alone is no failure.
            Some(document) if explained.matches.is_empty() && document.kind == Kind::Payload => {
                Err(CaptureError::Unknown)
            }
            _ if explained.is_empty() => Err(CaptureError::Unknown),
            _ => Ok(Capture::Sizes(Box::new(explained))),
        }
    }
}

/// The headers of a capture as they are sent again. HTTP/2's own begin with a colon.
fn sendable(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let is_sent = |(name, _): &(String, String)| {
        let lower = name.to_ascii_lowercase();
        !lower.starts_with(':') && !NOT_SENT.contains(&lower.as_str())
    };
    headers.into_iter().filter(is_sent).collect()
}

/// A body of which only the length is known.
fn filler(bytes: u64) -> Bytes {
    vec![b'x'; usize::try_from(bytes).unwrap_or(0)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Capture, CaptureError> {
        Capture::read(text, &Limits::classic())
    }

    #[test]
    fn each_kind_of_capture_is_told_from_the_others() {
        let har = r#"{"log":{"entries":[{"request":{"method":"GET","url":"https://h/a","headers":[]},"response":{"status":502}}]}}"#;
        assert!(matches!(read(har), Ok(Capture::Exchanges(all)) if all[0].status == Some(502)));
        let curl = "> GET /a HTTP/1.1\n> Host: h\n> \n< HTTP/1.1 413 Too Large\n< \nno";
        assert!(matches!(read(curl), Ok(Capture::Exchanges(all)) if all[0].url == "http://h/a"));
        let event = r#"{"version":"2.0","routeKey":"GET /a","requestContext":{}}"#;
        assert!(matches!(read(event), Ok(Capture::Event(_))));
        for sizes in [
            "Exceeded maximum allowed payload size (6291556 bytes).",
            r#"{"statusCode": 200, "body": "x"}"#,
        ] {
            assert!(matches!(read(sizes), Ok(Capture::Sizes(_))), "{sizes}");
        }
        for nothing in ["", "all is well", "[1]", "{\"a\": 1}", "{"] {
            assert_eq!(read(nothing).err(), Some(CaptureError::Unknown), "{nothing}");
        }
    }
}
