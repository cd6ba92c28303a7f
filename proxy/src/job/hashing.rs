//! SHA-256 whose intermediate state can be serialized.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::digest::common::hazmat::{SerializableState as _, SerializedState};
use sha2::{Digest as _, Sha256};

/// An unfinished digest, serialized as hexadecimal text.
#[derive(Clone, Default)]
pub(super) struct Hashing(Sha256);

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashing(…)")
    }
}

impl Hashing {
    /// Adds bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of the bytes so far, in lower-case hex.
    #[must_use]
    pub(super) fn hex(&self) -> String {
        hex::encode(self.0.clone().finalize())
    }
}

impl Serialize for Hashing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0.serialize()))
    }
}

impl<'de> Deserialize<'de> for Hashing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hashing, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(text).map_err(D::Error::custom)?;
        let state = SerializedState::<Sha256>::try_from(&bytes[..]).map_err(D::Error::custom)?;
        Sha256::deserialize(&state).map(Hashing).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_continues_from_its_serialized_state() {
        for cut in [0, 1, 63, 64, 65, 1000] {
            let bytes: Vec<u8> = (0..1000_u32).map(|n| n.to_le_bytes()[0]).collect();
            let mut hashing = Hashing::default();
            hashing.update(&bytes[..cut]);
            let text = serde_json::to_string(&hashing).unwrap();
            let mut resumed: Hashing = serde_json::from_str(&text).unwrap();
            resumed.update(&bytes[cut..]);
            assert_eq!(resumed.hex(), hex::encode(Sha256::digest(&bytes)), "cut at {cut}");
        }
    }

    #[test]
    fn an_invalid_state_is_refused() {
        for text in ["\"\"", "\"00\"", "\"zz\"", "7"] {
            assert!(serde_json::from_str::<Hashing>(text).is_err(), "{text}");
        }
    }
}
