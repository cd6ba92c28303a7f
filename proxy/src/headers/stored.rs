//! Headers in stored JSON: a list of names and values, with each byte of a value as a Latin-1 character, so that every byte is
//! preserved.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

/// Serializes headers, for `#[serde(with)]`.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<S: Serializer>(headers: &HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(headers.iter().map(|(name, value)| {
        let text: String = value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
        (name.as_str(), text)
    }))
}

/// Deserializes headers, for `#[serde(with)]`.
///
/// # Errors
///
/// Names and values that are not those of headers.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let lines = Vec::<(String, String)>::deserialize(deserializer)?;
    let mut headers = HeaderMap::with_capacity(lines.len());
    for (name, text) in lines {
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(D::Error::custom)?;
        let value = HeaderValue::from_bytes(&bytes.map_err(D::Error::custom)?);
        headers.append(name, value.map_err(D::Error::custom)?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Stored(#[serde(with = "super")] HeaderMap);

    #[test]
    fn every_byte_of_a_stored_value_is_preserved() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_bytes(b"caf\xe9 \xff").expect("a value"));
        headers.append("x-b", HeaderValue::from_static("1"));
        headers.append("x-b", HeaderValue::from_static("2"));
        let text = serde_json::to_string(&Stored(headers.clone())).expect("it has a JSON form");
        assert_eq!(text, "[[\"x-a\",\"caf\u{e9} \u{ff}\"],[\"x-b\",\"1\"],[\"x-b\",\"2\"]]");
        assert_eq!(serde_json::from_str::<Stored>(&text).expect("it is read"), Stored(headers));
        for wrong in ["[[\"a b\",\"1\"]]", "[[\"a\",\"\\n\"]]", "[[\"a\",\"\u{20ac}\"]]"] {
            assert!(serde_json::from_str::<Stored>(wrong).is_err(), "{wrong}");
        }
    }
}
