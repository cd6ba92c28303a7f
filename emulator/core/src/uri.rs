//! Percent-encoding for SigV4, and strict percent-decoding of paths and queries.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same in a path.
const RESERVED_IN_PATHS: &AsciiSet = &RESERVED.remove(b'/');

/// Decodes `%41`; `None` if a `%` is not followed by two hexadecimal digits.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    decode_as(text, b'+')
}

/// The same; `plus` is the meaning of `+`.
fn decode_as(text: &str, plus: u8) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            b'+' => plus,
            _ => byte,
        });
    }
    Some(decoded)
}

/// Encodes all but unreserved characters. `keep_slash` leaves `/` unencoded, as in a path.
pub fn encode(bytes: &[u8], keep_slash: bool) -> String {
    let set = if keep_slash { RESERVED_IN_PATHS } else { RESERVED };
    Cow::from(percent_encode(bytes, set)).into_owned()
}

/// Encodes all but unreserved characters, without a copy if there are no others.
pub(crate) fn encoded(bytes: &[u8]) -> Cow<'_, str> {
    percent_encode(bytes, RESERVED).into()
}

/// Encodes what a path must not contain, and leaves what is encoded as it is.
pub fn encode_rest(path: &str) -> String {
    const OUTSIDE: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'`')
        .add(b'{')
        .add(b'}');
    utf8_percent_encode(path, OUTSIDE).to_string()
}

/// The decoded names and values of a query, in order. `+` is a space, as in a form.
pub fn query(text: &str) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode_as(name, b' ')?, decode_as(value, b' ')?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_encoding() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all, false)).as_deref(), Some(&all[..]));
        assert_eq!(encode(b"a/b c~\xc3\xa9", true), "a/b%20c~%C3%A9");
    }

    #[test]
    fn a_percent_sign_without_digits_is_refused() {
        for text in ["%", "%4", "%zz", "a%+1b", "%-1"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_query_keeps_order_duplicates_and_bare_names() {
        let pairs = query("b=2&a=1&b=%2B+&uploads").expect("it is well-formed");
        let texts: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
            .collect();
        assert_eq!(
            texts,
            [
                ("b".into(), "2".into()),
                ("a".into(), "1".into()),
                ("b".into(), "+ ".into()),
                ("uploads".into(), "".into())
            ]
        );
    }
}
