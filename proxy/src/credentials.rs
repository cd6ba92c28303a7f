//! The function's credentials: fetched on demand and cached until they expire.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};

use crate::clock;

/// Credentials with less lifetime left than this are fetched again.
const LIFE_MIN: Duration = Duration::from_secs(60);

/// The provider returned no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no credentials: {0}")]
pub struct NoCredentials(pub String);

/// A provider and the last credentials it returned.
pub struct CredentialsCache {
    provider: SharedCredentialsProvider,
    last: Mutex<Option<Credentials>>,
}

impl fmt::Debug for CredentialsCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsCache").finish_non_exhaustive()
    }
}

impl CredentialsCache {
    /// An empty cache.
    #[must_use]
    pub fn new(provider: SharedCredentialsProvider) -> CredentialsCache {
        CredentialsCache { provider, last: Mutex::new(None) }
    }

    /// Credentials for an immediate request.
    ///
    /// # Errors
    ///
    /// [`NoCredentials`] if the provider has none.
    pub async fn current(&self) -> Result<Credentials, NoCredentials> {
        self.lasting(LIFE_MIN).await
    }

    /// Credentials that last for `span`; shorter-lived ones only if the provider has no others.
    ///
    /// # Errors
    ///
    /// [`NoCredentials`] if the provider has none.
    pub async fn lasting(&self, span: Duration) -> Result<Credentials, NoCredentials> {
        let kept = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| outlives(kept, clock::now() + span)) {
            return Ok(kept);
        }
        let fresh = self.provider.provide_credentials().await;
        let fresh = fresh.map_err(|error| NoCredentials(error.to_string()))?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh.clone());
        Ok(fresh)
    }
}

fn outlives(credentials: &Credentials, point: SystemTime) -> bool {
    credentials.expiry().is_none_or(|expiry| expiry > point)
}
