//! The secrets of access keys: the configured ones, and those that the emulator returns on request.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::authorization::Key;

/// The maximum number of cached keys; then the cache is cleared.
const REMEMBERED_MAX: usize = 10_000;
/// The maximum size of a response with a key, in bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// The response of `GET KEYS_URL/{access_key_id}`.
#[derive(Deserialize)]
struct Told {
    secret: String,
    #[serde(default)]
    session_token: Option<String>,
}

/// The configured and the cached keys.
#[derive(Debug)]
pub(super) struct Keys {
    given: HashMap<String, Key>,
    url: Mutex<Option<String>>,
    client: Client<HttpConnector, Empty<Bytes>>,
    remembered: Mutex<HashMap<String, Key>>,
}

impl Keys {
    pub(super) fn new(given: HashMap<String, Key>, url: Option<String>) -> Keys {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Keys { given, url: Mutex::new(url), client, remembered: Mutex::default() }
    }

    /// Sets the endpoint for keys.
    pub(super) fn ask_at(&self, url: String) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = Some(url);
    }

    /// The key with this id; `None` if it is unknown.
    pub(super) async fn find(&self, access_key_id: &str) -> io::Result<Option<Key>> {
        if let Some(key) = self.given.get(access_key_id) {
            return Ok(Some(key.clone()));
        }
        let url = self.url.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(url) = url else {
            return Ok(None);
        };
        // The id becomes part of a URL, so it must not have other characters.
        if !access_key_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        if let Some(key) = self.remembered().get(access_key_id) {
            return Ok(Some(key.clone()));
        }
        let url = format!("{}/{access_key_id}", url.trim_end_matches('/'));
        let uri: Uri = url.parse().map_err(io::Error::other)?;
        let reply = self.client.get(uri).await.map_err(io::Error::other)?;
        let status = reply.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = Limited::new(reply.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes();
        let told: Told = serde_json::from_slice(&body).map_err(|error| {
            io::Error::other(format!("{url} did not return a key ({status}): {error}"))
        })?;
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
