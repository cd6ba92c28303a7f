//! The user and the password for the upstream.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use serde::Deserialize;

use super::Secret;

/// The JSON form of credentials in Secrets Manager.
#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

/// `Authorization` for a value that is `user:password`, or an object with `username` and `password`.
///
/// `None` for any other value.
#[must_use]
pub fn authorization(secret: &Secret) -> Option<HeaderValue> {
    let text = secret.reveal().trim_end_matches(['\r', '\n']);
    let pair = match serde_json::from_str(text) {
        Ok(Credentials { username, password }) => format!("{username}:{password}"),
        Err(_) => text.to_owned(),
    };
    let (user, _) = pair.split_once(':')?;
    if user.is_empty() || pair.starts_with('{') {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}
