//! Which secrets belong to which access keys: those given at the start, and those the emulator tells when asked.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use super::authorization::Key;
use crate::client::{Call, Client};

/// How many keys that were asked for are remembered; then all are forgotten and asked for again.
const REMEMBERED_MAX: usize = 10_000;

/// What `GET KEYS_URL/{access_key_id}` answers.
#[derive(Deserialize)]
struct Told {
    secret: String,
    #[serde(default)]
    session_token: Option<String>,
}

/// The keys that the upstream knows or can find out.
#[derive(Debug, Default)]
pub(super) struct Keys {
    given: HashMap<String, Key>,
    url: Mutex<Option<String>>,
    client: Client,
    remembered: Mutex<HashMap<String, Key>>,
}

impl Keys {
    pub(super) fn new(given: HashMap<String, Key>, url: Option<String>) -> Keys {
        Keys { given, url: Mutex::new(url), ..Keys::default() }
    }

    /// Asks somewhere else from now on.
    pub(super) fn ask_at(&self, url: String) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = Some(url);
    }

    /// The key with this id; `None` when nobody knows it.
    pub(super) async fn find(&self, access_key_id: &str) -> io::Result<Option<Key>> {
        if let Some(key) = self.given.get(access_key_id) {
            return Ok(Some(key.clone()));
        }
        let url = self.url.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(url) = url else {
            return Ok(None);
        };
        // The id becomes part of a URL: it has no characters that could lead elsewhere.
        if !access_key_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        if let Some(key) = self.remembered().get(access_key_id) {
            return Ok(Some(key.clone()));
        }
        let url = format!("{}/{access_key_id}", url.trim_end_matches('/'));
        let answer = self.client.send(&Call::get(&url)).await?;
        if answer.status == http::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let told: Told = serde_json::from_slice(&answer.body)
            .map_err(|error| io::Error::other(format!("{url} told no key: {error}: {answer:?}")))?;
        let key = Key { secret_access_key: told.secret, session_token: told.session_token };
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(access_key_id.to_owned(), key.clone());
        Ok(Some(key))
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<String, Key>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
