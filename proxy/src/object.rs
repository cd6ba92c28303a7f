//! JSON objects of clients. serde would also accept an array of the values; this module refuses it.

use serde::Deserialize;

/// Reads an object.
///
/// # Errors
///
/// A sentence, when it is something else.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err("expected an object, got an array".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Pair {
        a: u8,
        b: u8,
    }

    #[test]
    fn an_object_is_read_and_an_array_is_refused() {
        assert_eq!(read(br#" {"b": 2, "a": 1}"#), Ok(Pair { a: 1, b: 2 }));
        for other in ["[1, 2]", "\n [1,2]", "", "7", "{\"a\": 1}"] {
            assert!(read::<Pair>(other.as_bytes()).is_err(), "{other}");
        }
    }
}
