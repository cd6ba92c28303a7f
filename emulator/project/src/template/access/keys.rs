//! The public keys of an issuer: a JSON Web Key Set (RFC 7517).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use hardcap_core::config::JwtKey;

/// The error of a file without usable keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysError {
    /// The file cannot be read.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The file is not a key set.
    #[error("the file is not a JSON Web Key Set: {0}")]
    Json(#[from] serde_json::Error),
    /// No key of the set can verify a token.
    #[error("the file has no RSA key, and API Gateway verifies only RSA signatures")]
    NoRsaKey,
    /// A key has a member that is not base64url.
    #[error("`{0}` of a key is not base64url")]
    Encoding(&'static str),
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// The RSA keys of a file.
pub(super) fn read(file: &Path) -> Result<Vec<JwtKey>, KeysError> {
    parse(&std::fs::read(file)?)
}

fn parse(text: &[u8]) -> Result<Vec<JwtKey>, KeysError> {
    let KeySet { keys } = serde_json::from_slice(text)?;
    let mut found = Vec::new();
    for key in keys.into_iter().filter(|key| key.kty == "RSA") {
        let number = |name: &'static str, value: Option<String>| {
            let value = value.unwrap_or_default();
            let decoded = URL_SAFE_NO_PAD.decode(value.trim_end_matches('='));
            decoded.ok().filter(|it| !it.is_empty()).ok_or(KeysError::Encoding(name))
        };
        let (modulus, exponent) = (number("n", key.n)?, number("e", key.e)?);
        found.push(JwtKey { kid: key.kid, modulus, exponent });
    }
    if found.is_empty() { Err(KeysError::NoRsaKey) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rsa_keys_of_a_set_are_read() {
        let text = br#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a"}, {"kty": "RSA", "kid": "b", "n": "AQAB", "e": "AQAB"}]}"#;
        let keys = parse(text).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].kid.as_deref(), Some("b"));
        assert_eq!(keys[0].modulus, [1, 0, 1]);
    }

    #[test]
    fn a_key_set_without_a_usable_rsa_key_is_an_error_with_the_reason() {
        for (text, expected) in [
            ("[]", "the file is not a JSON Web Key Set"),
            (r#"{"keys": [{"kty": "EC"}]}"#, "the file has no RSA key"),
            (
                r#"{"keys": [{"kty": "RSA", "n": "?", "e": "AQAB"}]}"#,
                "`n` of a key is not base64url",
            ),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
