//! `hardcap replay`: reads a captured failure of production, and compares the results there and here. Pure: the command starts the
//! functions and sends the requests.

mod body;
mod curl;
mod event;
mod har;
mod place;
mod sizes;
mod trace;
mod verdict;

use bytes::Bytes;
use hardcap_limits::Limits;

pub use event::{EventPlace, place_event};
pub use place::{Place, place_exchange};
pub use sizes::verdicts;
pub use verdict::{Crossing, Outcome, Verdict, of_event, of_exchange};

use crate::explain::input::Input;
use crate::explain::recognize::recognize;
use crate::explain::{Explained, InputKind};

/// The largest body that is made up if a capture has only its length, in bytes.
pub(crate) const SYNTHESIZED_MAX: u64 = 256 << 20;
/// The maximum size of all bodies of one capture, in bytes: they are in memory before the first is sent.
const BODIES_MAX: u64 = 2 * SYNTHESIZED_MAX;

/// The content of a capture.
#[derive(Clone, Debug)]
pub enum Capture {
    /// HTTP requests and their responses: a HAR, or the output of curl.
    Exchanges(Captured),
    /// The event of a function, unchanged.
    Event(Bytes),
    /// Sizes and refusals only: a log, an error, a function's response.
    Sizes(Box<Explained>),
}

/// The requests of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The requests that can be sent.
    pub exchanges: Vec<Exchange>,
    /// The requests that cannot be sent, with the reasons.
    pub left_out: Vec<LeftOut>,
}

impl Captured {
    /// The maximum size of the body of a further request, in bytes.
    fn room(&self) -> u64 {
        let held: u64 = self.exchanges.iter().map(|exchange| exchange.body.len() as u64).sum();
        BODIES_MAX.saturating_sub(held)
    }
}

/// A request that is not sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// Its number in the capture, from 1.
    pub entry: usize,
    /// The known part of `GET https://…`.
    pub what: String,
    /// The reason.
    pub reason: String,
}

/// A request and its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its number in the capture, from 1.
    pub entry: usize,
    /// `GET`.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers, without those of the connection.
    pub headers: Vec<(String, String)>,
    /// The body, filled up to the declared length.
    pub body: Bytes,
    /// Notes about missing parts of the capture and their replacements, a sentence each.
    pub notes: Vec<String>,
    /// The status of the response; `None` if there was no response.
    pub status: Option<u16>,
    /// The headers of the response.
    pub response_headers: Vec<(String, String)>,
}

/// A file that cannot be replayed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CaptureError {
    /// Its content is not recognized.
    #[error(
        "it has nothing that can be replayed: it is not a HAR, not the output of `curl -v`, not an event, and it has no text of the \
         table of limits (`hardcap limits`). For an event of your own name the function with --function"
    )]
    Unknown,
    /// It is not an event, which `--function` expects.
    #[error("it is not JSON, so it is not an event for --function: {0}")]
    NotJson(String),
}

/// Headers of one connection, and those that a client sets.
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
    /// Recognizes and parses an input. With `for_function`, any JSON that is not a HAR is an event.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] if the input cannot be replayed.
    pub fn read(
        bytes: &[u8],
        limits: &Limits,
        for_function: bool,
    ) -> Result<Capture, CaptureError> {
        let input = Input::new(bytes);
        let recognized = recognize(&input);
        match recognized.kind {
            InputKind::Har => {
                let json = recognized.documents.first().map(|document| &document.json);
                return Ok(Capture::Exchanges(json.map(har::read).unwrap_or_default()));
            }
            InputKind::CurlTranscript if !for_function => {
                let captured = curl::read(&input.text);
                if captured != Captured::default() {
                    return Ok(Capture::Exchanges(captured));
                }
            }
            _ => {}
        }
        let event = || Capture::Event(Bytes::from(input.bytes.clone()));
        if for_function {
            let json = serde_json::from_slice::<serde_json::Value>(&input.bytes);
            return json.map(|_| event()).map_err(|error| CaptureError::NotJson(error.to_string()));
        }
        if is_event(recognized.kind) {
            return Ok(event());
        }
        let explained = Explained::new(bytes, limits);
        if explained.is_explained() {
            return Ok(Capture::Sizes(Box::new(explained)));
        }
        Err(CaptureError::Unknown)
    }
}

fn is_event(kind: InputKind) -> bool {
    matches!(
        kind,
        InputKind::RestEvent
            | InputKind::HttpApiEvent
            | InputKind::AlbEvent
            | InputKind::WebSocketEvent
            | InputKind::SqsEvent
            | InputKind::SnsEvent
            | InputKind::S3Event
            | InputKind::StreamEvent
            | InputKind::EventBridgeEvent
            | InputKind::AuthorizerEvent
    )
}

/// The headers of a capture that are sent again. Pseudo-headers of HTTP/2 begin with a colon.
fn sendable(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let is_sent = |(name, value): &(String, String)| {
        let lower = name.to_ascii_lowercase();
        !lower.starts_with(':')
            && !NOT_SENT.contains(&lower.as_str())
            && http::HeaderName::try_from(lower.as_str()).is_ok()
            && http::HeaderValue::try_from(value.as_str()).is_ok()
    };
    headers.into_iter().filter(is_sent).collect()
}

/// The value of a header; the case of its name does not matter.
fn header<'h>(headers: &'h [(String, String)], wanted: &str) -> Option<&'h str> {
    let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Capture, CaptureError> {
        Capture::read(text.as_bytes(), &Limits::classic(), false)
    }

    #[test]
    fn each_kind_of_capture_is_distinguished_from_the_others() {
        let har = r#"{"log":{"entries":[{"request":{"method":"GET","url":"https://h/a","headers":[]},"response":{"status":502}}]}}"#;
        assert!(
            matches!(read(har), Ok(Capture::Exchanges(all)) if all.exchanges[0].status == Some(502))
        );
        let curl = "> GET /a HTTP/1.1\n> Host: h\n> \n< HTTP/1.1 413 Too Large\n< \nno";
        assert!(
            matches!(read(curl), Ok(Capture::Exchanges(all)) if all.exchanges[0].url == "http://h/a")
        );
        let event = r#"{"version":"2.0","routeKey":"GET /a","requestContext":{}}"#;
        assert!(matches!(read(event), Ok(Capture::Event(_))));
        for sizes in [
            "Exceeded maximum allowed payload size (6291556 bytes).",
            r#"{"statusCode": 200, "body": "x"}"#,
            r#"{"errorMessage":"RequestId: 1 Error: Task timed out after 3.00 seconds","errorType":"Sandbox.Timedout"}"#,
        ] {
            assert!(matches!(read(sizes), Ok(Capture::Sizes(_))), "{sizes}");
        }
        for nothing in ["", "all is well", "[1]", "{\"a\": 1}", "{"] {
            assert_eq!(read(nothing).err(), Some(CaptureError::Unknown), "{nothing}");
        }
    }

    #[test]
    fn with_a_function_any_json_is_an_event() {
        let read = |text: &str| Capture::read(text.as_bytes(), &Limits::classic(), true);
        for event in ["{\"a\": 1}", "[1]", "\u{feff}{\"errorMessage\": \"x\"}", "\"text\"", "3"] {
            assert!(matches!(read(event), Ok(Capture::Event(_))), "{event}");
        }
        assert!(matches!(read("{bad"), Err(CaptureError::NotJson(_))));
    }
}
