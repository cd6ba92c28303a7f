//! JSON strings: the cost of escaping, and the escaping.
//!
//! Bodies of several megabytes pass through this module on every request. Both operations process blocks of bytes and are
//! slower only for blocks with something to escape.

use crate::quantity::Bytes;

/// The block size. Escaping adds at most 5 per byte, so the sum over a block fits a byte and the compiler can vectorize it.
const BLOCK: usize = 32;

/// The length of a text as a quoted JSON string with the escapes of `serde_json`, `JSON.stringify` and
/// `json.dumps(ensure_ascii=False)`.
///
/// `"`, `\` and the five controls with a short escape take 2 bytes, other controls 6. Everything else is unchanged UTF-8.
///
/// ```
/// use hardcap_limits::Bytes;
/// use hardcap_limits::envelope::json_string_len;
///
/// assert_eq!(json_string_len("é \"\n\u{1}"), Bytes(2 + 2 + 1 + 2 + 2 + 6));
/// ```
#[must_use]
pub fn json_string_len(text: &str) -> Bytes {
    let mut added = 0;
    let (blocks, rest) = text.as_bytes().as_chunks::<BLOCK>();
    for block in blocks {
        added += u64::from(block_adds(block));
    }
    added += rest.iter().map(|&byte| u64::from(escape_adds(byte))).sum::<u64>();
    Bytes(2 + text.len() as u64 + added)
}

/// The length of a text as a quoted JSON string of Python's `json.dumps`. Characters beyond ASCII and DEL take 6 bytes
/// (`\u00e9`), those beyond U+FFFF 12, because they are written as two surrogates.
///
/// ```
/// use hardcap_limits::Bytes;
/// use hardcap_limits::envelope::json_ascii_string_len;
///
/// assert_eq!(json_ascii_string_len("aé😀\n"), Bytes(2 + 1 + 6 + 12 + 2));
/// ```
#[must_use]
pub fn json_ascii_string_len(text: &str) -> Bytes {
    let escaped: u64 = text.bytes().map(|byte| u64::from(ASCII_LEN[usize::from(byte)])).sum();
    Bytes(2 + escaped)
}

/// The bytes that escaping adds to one byte. Without branches, so that the compiler can vectorize it.
const fn escape_adds(byte: u8) -> u8 {
    let quoted = (byte == b'"') as u8 | (byte == b'\\') as u8;
    let control = (byte < 0x20) as u8;
    let backspace_tab_newline = (byte.wrapping_sub(0x08) < 3) as u8;
    let short = backspace_tab_newline | (byte == 0x0c) as u8 | (byte == b'\r') as u8;
    (quoted | control.wrapping_mul(5)).wrapping_sub(short.wrapping_mul(4))
}

/// The bytes that escaping adds to a block: at most `32 * 5`. Overflow checks would prevent vectorization.
fn block_adds(block: &[u8; BLOCK]) -> u8 {
    block.iter().fold(0, |sum, &byte| sum.wrapping_add(escape_adds(byte)))
}

/// The bytes that each UTF-8 byte takes if everything beyond ASCII is escaped. The first byte of a character counts for the
/// whole character, the others for nothing.
static ASCII_LEN: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            0x7f | 0xc2..=0xef => 6,
            0xf0..=0xf4 => 12,
            0x00..=0x7e => 1 + escape_adds(byte),
            _ => 0,
        };
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// Appends a text with its escapes, without quotes.
pub(super) fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let (blocks, rest) = text.as_bytes().as_chunks::<BLOCK>();
    for block in blocks {
        if block_adds(block) == 0 {
            out.extend_from_slice(block);
        } else {
            write_piece(out, block);
        }
    }
    write_piece(out, rest);
}

/// Collects the escaped piece on the stack, so that the vector grows once per piece and not once per byte.
fn write_piece(out: &mut Vec<u8>, bytes: &[u8]) {
    // A whole entry of the table, 8 bytes, is copied for each byte.
    let mut piece = [0; BLOCK * 8];
    let mut end = 0;
    for &byte in bytes {
        let (escape, length) = &ESCAPES[usize::from(byte)];
        piece[end..end + escape.len()].copy_from_slice(escape);
        end += usize::from(*length);
    }
    out.extend_from_slice(&piece[..end]);
}

/// Appends a text with the escapes of Python's `json.dumps`, without quotes.
pub(super) fn write_ascii(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte @ 0x00..=0x7e) => {
                let (escape, length) = &ESCAPES[usize::from(byte)];
                out.extend_from_slice(&escape[..usize::from(*length)]);
            }
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write_unit(out, *unit);
                }
            }
        }
    }
}

/// The escape of each byte in a JSON string, and its length. Hexadecimal digits are in lower case, as all serializers above
/// write them.
static ESCAPES: [([u8; 8], u8); 256] = {
    let mut table = [([0; 8], 0); 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            0x08 => short(b'b'),
            b'\t' => short(b't'),
            b'\n' => short(b'n'),
            0x0c => short(b'f'),
            b'\r' => short(b'r'),
            b'"' | b'\\' => short(byte),
            0x00..=0x1f => (
                [
                    b'\\',
                    b'u',
                    b'0',
                    b'0',
                    HEX[(byte >> 4) as usize],
                    HEX[(byte & 0xf) as usize],
                    0,
                    0,
                ],
                6,
            ),
            _ => ([byte, 0, 0, 0, 0, 0, 0, 0], 1),
        };
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

const fn short(letter: u8) -> ([u8; 8], u8) {
    ([b'\\', letter, 0, 0, 0, 0, 0, 0], 2)
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// `\u00e9`
fn write_unit(out: &mut Vec<u8>, unit: u16) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[usize::from(unit >> shift & 0xf)]);
    }
}
