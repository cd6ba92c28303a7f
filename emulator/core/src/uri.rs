//! Percent-encoding for SigV4, and strict percent-decoding of paths and queries.

/// Decodes `%41`; `None` if a `%` is not followed by two hexadecimal digits.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = bytes.get(at + 1..at + 3)?;
            decoded.push(hex_digit(digits[0])? << 4 | hex_digit(digits[1])?);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    Some(decoded)
}

fn hex_digit(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

/// Encodes all but unreserved characters. `keep_slash` leaves `/` unencoded, as in a path.
pub fn encode(bytes: &[u8], keep_slash: bool) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(bytes.len() + bytes.len() / 4);
    for &byte in bytes {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || (byte == b'/' && keep_slash) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 0xf)]));
        }
    }
    encoded
}

/// The decoded names and values of a query, in order. `+` is a space, as in a form.
pub fn query(text: &str) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(&name.replace('+', " "))?, decode(&value.replace('+', " "))?))
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
