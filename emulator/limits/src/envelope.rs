//! JSON documents and their sizes, from one description.
//!
//! An envelope is described once, as calls on a [`Sink`]. A [`Length`] counts it without allocating; a `Vec<u8>` receives its
//! text. So the measured and the sent bytes cannot differ.
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

use base64_simd::STANDARD;

use crate::quantity::Bytes;

mod object;
mod response;
mod text;

pub use object::{Object, Style, object, object_in};
pub use response::{Payload, ProxyBody, ProxyResponse};
pub use text::{json_ascii_string_len, json_string_len};

/// A target for JSON: it writes the text or counts its bytes.
pub trait Sink {
    /// Adds text that is already JSON: punctuation, numbers, literals.
    fn raw(&mut self, json: &str);
    /// Adds a quoted string with the escapes of `serde_json`, `JSON.stringify` and `json.dumps(ensure_ascii=False)`.
    fn string(&mut self, text: &str);
    /// Adds a quoted string with the escapes of Python's `json.dumps`: ASCII only, as in Lambda's Python up to 3.11.
    fn ascii_string(&mut self, text: &str);
    /// Adds a quoted string with the base64 encoding of `bytes`.
    fn base64(&mut self, bytes: &[u8]);
}

/// Counts the bytes of a description.
#[derive(Clone, Copy, Debug, Default)]
pub struct Length(u64);

impl Length {
    /// The number of bytes so far.
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
        STANDARD.encode_append(bytes, self);
        self.push(b'"');
    }
}

/// The length of the padded base64 encoding of this many bytes: `4 * ceil(n / 3)`.
#[must_use]
pub const fn base64_len(bytes: u64) -> Bytes {
    Bytes(bytes.div_ceil(3) * 4)
}

/// The largest number of bytes whose padded base64 encoding fits into a text of this length: the inverse of [`base64_len`].
///
/// ```
/// use hardcap_limits::Bytes;
/// use hardcap_limits::envelope::base64_capacity;
///
/// // Lambda's response limit without an envelope of 144 bytes.
/// assert_eq!(base64_capacity(6_291_556 - 144), Bytes(4_718_559));
/// ```
#[must_use]
pub const fn base64_capacity(text: u64) -> Bytes {
    Bytes(text / 4 * 3)
}
