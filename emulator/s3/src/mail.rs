//! Words of mail headers (RFC 2047) in the metadata of objects.
//!
//! "Values of such headers are character decoded as per RFC 2047 before storing and encoded as per RFC 2047 to make them
//! mail-safe before returning" (S3 user guide, "Working with object metadata", read 2026-11-30).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A value with its encoded words decoded. Words that cannot be decoded stay.
pub(super) fn decoded(value: &str) -> String {
    if !value.contains("=?") {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut after_word = false;
    for (index, part) in value.split(' ').enumerate() {
        let word = word(part);
        // The space between two encoded words is not a part of the text.
        if index > 0 && !(after_word && word.is_some()) {
            out.push(' ');
        }
        after_word = word.is_some();
        out.push_str(word.as_deref().unwrap_or(part));
    }
    out
}

/// The text of an encoded word, `=?UTF-8?B?…?=` or `=?UTF-8?Q?…?=`.
fn word(part: &str) -> Option<String> {
    let inner = part.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut parts = inner.splitn(3, '?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(text).ok()?,
        "Q" | "q" => quoted(text)?,
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

/// The bytes of a text in the encoding `Q`: `_` is a space, `=E9` a byte.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let mut decoded = [0];
                hex::decode_to_slice([rest.next()?, rest.next()?], &mut decoded).ok()?;
                decoded[0]
            }
            byte => byte,
        });
    }
    Some(bytes)
}

/// A value as a header: an encoded word if it is not ASCII.
pub(super) fn encoded(value: &str) -> Cow<'_, str> {
    if value.is_ascii() {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("=?UTF-8?B?{}?=", STANDARD.encode(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded_and_others_stay() {
        for (value, expected) in [
            ("=?UTF-8?B?YWJj?=", "abc"),
            ("=?utf-8?q?a_=C3=A9?=", "a é"),
            ("=?UTF-8?B?YQ==?= =?UTF-8?B?Yg==?= c", "ab c"),
            ("x =?UTF-8?B?YQ==?=", "x a"),
            ("=?UTF-8?B?*?=", "=?UTF-8?B?*?="),
            ("=?ISO-8859-1?Q?a?=", "=?ISO-8859-1?Q?a?="),
            ("=?UTF-8?Q?=F?=", "=?UTF-8?Q?=F?="),
            ("=?UTF-8?Q?=+F?=", "=?UTF-8?Q?=+F?="),
            ("=?", "=?"),
            ("plain  text", "plain  text"),
        ] {
            assert_eq!(decoded(value), expected, "{value}");
        }
    }

    #[test]
    fn the_example_of_the_user_guide_is_encoded_like_there() {
        // The bytes of the header, each read as a Latin-1 character.
        let raw: String = "ÄMÄZÕÑ S3".bytes().map(char::from).collect();
        assert_eq!(encoded(&raw), "=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?=");
        assert_eq!(encoded("plain"), "plain");
    }
}
