//! What clients send as a JSON object. serde would take a list of the same values as well, which nobody means.

use serde::Deserialize;

/// Reads an object.
///
/// # Errors
///
/// A sentence, when it is something else.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err("expected an object, and it is a list".to_owned());
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
    fn an_object_is_read_and_a_list_of_its_values_is_not() {
        assert_eq!(read(br#" {"b": 2, "a": 1}"#), Ok(Pair { a: 1, b: 2 }));
        for other in ["[1, 2]", "\n [1,2]", "", "7", "{\"a\": 1}"] {
            assert!(read::<Pair>(other.as_bytes()).is_err(), "{other}");
        }
    }
}
