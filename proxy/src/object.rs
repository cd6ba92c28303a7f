//! JSON objects of clients. serde would also accept an array of the values; this module refuses it.

use serde::Deserialize;

/// Why a body is not the expected object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The body is an array.
    #[error("expected an object, got an array")]
    Array,
    /// The body is not JSON, or has other members.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Reads an object.
///
/// # Errors
///
/// [`ObjectError`].
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ObjectError> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(ObjectError::Array);
    }
    Ok(serde_json::from_slice(body)?)
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
        assert_eq!(read::<Pair>(br#" {"b": 2, "a": 1}"#).ok(), Some(Pair { a: 1, b: 2 }));
        for other in ["[1, 2]", "\n [1,2]", "", "7", "{\"a\": 1}"] {
            assert!(read::<Pair>(other.as_bytes()).is_err(), "{other}");
        }
    }
}
