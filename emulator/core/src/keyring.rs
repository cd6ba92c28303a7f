//! The key pairs that exist: the convention of local clouds, those of the configuration, and one for each sandbox.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hardcap_limits::Millis;

use crate::clock::EpochMillis;

/// The access key that everybody knows, with the secret `test`: the convention of local clouds. What it signs proves nothing.
pub const PUBLISHED_KEY: &str = "test";

/// How long the keys of a sandbox live, in real time as the sandbox itself: AWS's own number is not published. A sandbox is
/// replaced before they end. As on AWS, keys outlive their sandbox, so that a URL that it presigned stays valid.
const SANDBOX_KEY_LIFE: Millis = Millis(12 * 60 * 60 * 1000);

/// The most keys of sandboxes that are kept, those of ended sandboxes included.
const SANDBOX_KEYS_MAX: usize = 10_000;

/// What is known of an access key.
#[derive(Clone)]
pub struct Key {
    /// The secret: never shown.
    pub secret_access_key: String,
    /// The token that must come with it.
    pub session_token: Option<String>,
    /// When it ends, by the wall's clock; never, when `None`.
    pub expires: Option<EpochMillis>,
    /// The function whose role it is, for a key of a sandbox.
    pub function: Option<String>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// All keys by their id. Cheap to clone; all clones share one store.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Arc<RwLock<HashMap<String, Key>>>,
}

impl Keyring {
    /// `test`/`test` and what the configuration names.
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

    /// Makes temporary credentials, as a function's role gives them to its sandboxes; STS tells whose role it is. `now` is the
    /// wall's time.
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

    /// Makes room for a key of a sandbox: keys that have expired go, and above [`SANDBOX_KEYS_MAX`] the one that expires first.
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

/// A key pair that S3 knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// `AKIA…`, or `test`.
    pub access_key_id: String,
    /// The secret: never shown.
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
