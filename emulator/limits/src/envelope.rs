//! How many bytes things take once they are JSON, and the JSON itself, from one description.
//!
//! An envelope is described once, as calls on a [`Sink`]. Given a [`Length`] it is counted without allocating; given a
//! `Vec<u8>` it is written. So what is measured and what is sent cannot differ.
//!
//! ```
//! use hardcap_limits::envelope::{Length, Sink, object};
//!
//! fn describe(sink: &mut dyn Sink) {
//!     object(sink, |answer| {
//!         answer.raw("statusCode", "200");
//!         answer.string("body", "a \"quoted\" word");
//!     });
//! }
//! let mut length = Length::default();
//! describe(&mut length);
//! let mut text = Vec::new();
//! describe(&mut text);
//! assert_eq!(text, br#"{"statusCode":200,"body":"a \"quoted\" word"}"#);
//! assert_eq!(length.bytes().0, text.len() as u64);
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::quantity::Bytes;

mod object;
mod response;
mod text;

pub use object::{Object, Style, object, object_in};
pub use response::{Payload, ProxyBody, ProxyResponse};
pub use text::{json_ascii_string_len, json_string_len};

/// Something JSON can be written to, or counted by.
pub trait Sink {
    /// JSON that is already text: punctuation, numbers, literals.
    fn raw(&mut self, json: &str);
    /// A string with its quotes and the escapes of `serde_json`, `JSON.stringify` and `json.dumps(ensure_ascii=False)`.
    fn string(&mut self, text: &str);
    /// A string with its quotes and the escapes of Python's `json.dumps`: ASCII only, as Lambda's Python writes up to 3.11.
    fn ascii_string(&mut self, text: &str);
    /// A string, with its quotes, that holds the base64 of `bytes`.
    fn base64(&mut self, bytes: &[u8]);
}

/// Counts what would be written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Length(u64);

impl Length {
    /// What was counted so far.
    #[must_use]
    pub fn bytes(self) -> Bytes {
        Bytes(self.0)
    }
}

impl Sink for Length {
    fn raw(&mut self, json: &str) {
        self.0 += json.len() as u64;
    }

    fn string(&mut self, text: &str) {
        self.0 += json_string_len(text).0;
    }

    fn ascii_string(&mut self, text: &str) {
        self.0 += json_ascii_string_len(text).0;
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.0 += 2 + base64_len(bytes.len() as u64).0;
    }
}

impl Sink for Vec<u8> {
    fn raw(&mut self, json: &str) {
        self.extend_from_slice(json.as_bytes());
    }

    fn string(&mut self, text: &str) {
        self.push(b'"');
        text::write_escaped(self, text);
        self.push(b'"');
    }

    fn ascii_string(&mut self, text: &str) {
        self.push(b'"');
        text::write_ascii(self, text);
        self.push(b'"');
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.push(b'"');
        let start = self.len();
        let encoded = bytes.len().div_ceil(3) * 4;
        self.resize(start + encoded, 0);
        STANDARD
            .encode_slice(bytes, &mut self[start..])
            .expect("the buffer was made for exactly this text");
        self.push(b'"');
    }
}

/// The base64 text, padded, of this many bytes: `4 * ceil(n / 3)`.
#[must_use]
pub const fn base64_len(bytes: u64) -> Bytes {
    Bytes(bytes.div_ceil(3) * 4)
}

/// The most bytes whose base64, padded, fits into a text of this length: the other way round of [`base64_len`].
///
/// ```
/// use hardcap_limits::Bytes;
/// use hardcap_limits::envelope::base64_capacity;
///
/// // What 144 bytes of envelope leave of Lambda's response limit.
/// assert_eq!(base64_capacity(6_291_556 - 144), Bytes(4_718_559));
/// ```
#[must_use]
pub const fn base64_capacity(text: u64) -> Bytes {
    Bytes(text / 4 * 3)
}
