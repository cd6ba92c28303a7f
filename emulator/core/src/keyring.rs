//! The known key pairs: `test`/`test`, the configured ones, and one for each sandbox.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hardcap_limits::Millis;

use crate::clock::EpochMillis;

/// The published access key, with the secret `test`: the convention of local clouds. A signature with it proves nothing.
pub const PUBLISHED_KEY: &str = "test";

/// The lifetime of a sandbox's keys, in real time. AWS publishes no number. A sandbox is replaced before its keys expire. As on
/// AWS, keys outlive their sandbox, so that a URL that it presigned stays valid.
const SANDBOX_KEY_LIFE: Millis = Millis(12 * 60 * 60 * 1000);

/// The maximum number of kept sandbox keys, including those of ended sandboxes.
const SANDBOX_KEYS_MAX: usize = 10_000;

/// An access key.
#[derive(Clone)]
pub struct Key {
    /// The secret; never shown.
    pub secret_access_key: String,
    /// The token that a request with this key must have.
    pub session_token: Option<String>,
    /// The expiry by the wall clock; `None` for no expiry.
    pub expires: Option<EpochMillis>,
    /// The function whose role a sandbox's key belongs to.
    pub function: Option<String>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// All keys by their id. Cheap to clone; all clones share one map.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Arc<RwLock<HashMap<String, Key>>>,
}

impl Keyring {
    /// The key `test`/`test` and the configured ones.
    pub fn new(configured: &[Credential]) -> Keyring {
        let keyring = Keyring::default();
        keyring.insert(
            PUBLISHED_KEY,
            Key {
                secret_access_key: "test".to_owned(),
                session_token: None,
                expires: None,
                function: None,
            },
        );
        for credential in configured {
            keyring.insert(
                &credential.access_key_id,
                Key {
                    secret_access_key: credential.secret_access_key.clone(),
                    session_token: credential.session_token.clone(),
                    expires: None,
                    function: None,
                },
            );
        }
        keyring
    }

    /// Issues temporary credentials of a function's role for a sandbox. STS reports that role. `now` is wall-clock time.
    pub fn issue_for(&self, now: EpochMillis, function: &str) -> Credential {
        self.make_room(now);
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let credential = Credential {
            access_key_id: format!("ASIA{}", &random().to_ascii_uppercase()[..16]),
            secret_access_key: format!("{}{}", random(), &random()[..8]),
            session_token: Some(format!("{}{}{}", random(), random(), random())),
        };
        self.insert(
            &credential.access_key_id,
            Key {
                secret_access_key: credential.secret_access_key.clone(),
                session_token: credential.session_token.clone(),
                expires: Some(now.plus(SANDBOX_KEY_LIFE)),
                function: Some(function.to_owned()),
            },
        );
        credential
    }

    /// The key with this id.
    pub fn find(&self, access_key_id: &str) -> Option<Key> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(access_key_id).cloned()
    }

    /// Removes expired keys, and the one that expires first if [`SANDBOX_KEYS_MAX`] are kept.
    fn make_room(&self, now: EpochMillis) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, key| key.expires.is_none_or(|expires| expires > now));
        let temporary = keys.iter().filter_map(|(id, key)| Some((key.expires?, id)));
        if temporary.clone().count() >= SANDBOX_KEYS_MAX
            && let Some(oldest) = temporary.min().map(|(_, id)| id.clone())
        {
            keys.remove(&oldest);
        }
    }

    fn insert(&self, access_key_id: &str, key: Key) {
        self.keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(access_key_id.to_owned(), key);
    }
}

/// A configured key pair.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// `AKIA…`, or `test`.
    pub access_key_id: String,
    /// The secret; never shown.
    pub secret_access_key: String,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_sandbox_names_its_function_until_it_expires() {
        let keyring = Keyring::new(&[]);
        let issued = keyring.issue_for(EpochMillis(1), "proxy");
        let key = keyring.find(&issued.access_key_id).expect("it was issued");
        assert_eq!(key.function.as_deref(), Some("proxy"));
        assert_eq!(keyring.find("test").and_then(|key| key.function), None);
        keyring.issue_for(EpochMillis(1).plus(Millis(43_199_999)), "proxy");
        assert!(keyring.find(&issued.access_key_id).is_some(), "twelve hours are not over");
        keyring.issue_for(EpochMillis(1).plus(Millis(43_200_000)), "proxy");
        assert!(keyring.find(&issued.access_key_id).is_none());
        assert!(keyring.find("test").is_some());
    }

    #[test]
    fn the_keys_of_at_most_ten_thousand_sandboxes_are_kept() {
        let keyring = Keyring::new(&[]);
        let first = keyring.issue_for(EpochMillis(1), "f");
        for _ in 1..10_000 {
            keyring.issue_for(EpochMillis(2), "f");
        }
        assert!(keyring.find(&first.access_key_id).is_some());
        keyring.issue_for(EpochMillis(3), "f");
        assert!(keyring.find(&first.access_key_id).is_none());
    }
}
