//! How many bytes things take once they are JSON, and the JSON itself, from one description.
//!
//! An envelope is described once, as calls on a [`Sink`]. Given a [`Length`] it is counted without allocating; given a
//! `Vec<u8>` it is written. So what is measured and what is sent cannot differ.
//!
//! ```
//! use hardcap_limits::envelope::{Length, Sink};
//!
//! fn describe(sink: &mut impl Sink) {
//!     sink.raw("{\"body\":");
//!     sink.string("a \"quoted\" word");
//!     sink.raw("}");
//! }
//! let mut length = Length::default();
//! describe(&mut length);
//! let mut text = Vec::new();
//! describe(&mut text);
//! assert_eq!(length.bytes().0, text.len() as u64);
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::quantity::Bytes;

/// Something JSON can be written to, or counted by.
pub trait Sink {
    /// JSON that is already text: punctuation, numbers, literals.
    fn raw(&mut self, json: &str);
    /// A string with its quotes and the escapes of `serde_json` and `JSON.stringify`.
    fn string(&mut self, text: &str);
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
        let bytes = text.as_bytes();
        let mut copied = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if ESCAPED_LEN[byte as usize] == 1 {
                continue;
            }
            self.extend_from_slice(&bytes[copied..at]);
            write_escape(self, byte);
            copied = at + 1;
        }
        self.extend_from_slice(&bytes[copied..]);
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

/// A text as a JSON string, quotes included, with the escapes of `serde_json` and `JSON.stringify`.
///
/// `"`, `\`, and the five controls that have a short form take 2 bytes, other controls 6; the rest is unchanged UTF-8.
#[must_use]
pub fn json_string_len(text: &str) -> Bytes {
    let escaped: u64 = text.bytes().map(|byte| u64::from(ESCAPED_LEN[byte as usize])).sum();
    Bytes(2 + escaped)
}

/// How many bytes each byte of a text takes inside a JSON string.
static ESCAPED_LEN: [u8; 256] = {
    let mut table = [1; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = 6;
        control += 1;
    }
    let short = [0x08, b'\t', b'\n', 0x0c, b'\r', b'"', b'\\'];
    let mut at = 0;
    while at < short.len() {
        table[short[at] as usize] = 2;
        at += 1;
    }
    table
};

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        b'"' | b'\\' => byte,
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 0xf)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
