//! Settings in Parameter Store or Secrets Manager.
//!
//! A variable contains a [`Reference`], never the value. Most references are resolved once, at the start (`config/start.rs`). The
//! user and the password for the upstream are fetched on first use and cached for five minutes; then one request refreshes them
//! while the others continue with the old value. During an outage the old value is used for up to an hour. If the upstream
//! refuses the value, it is fetched again once.

pub mod basic;
mod reference;
mod services;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::{self, Instant};
use crate::credentials::CredentialsCache;
use crate::environment::{Reader, VariableError, values};

pub use reference::{Reference, ReferenceError};
pub use services::{Endpoints, Services, SettingError};

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A fetched value.
    #[must_use]
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The value, for sending it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The configuration of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingConfig {
    /// The reference.
    pub reference: Reference,
    /// The endpoints of the services.
    pub endpoints: Endpoints,
}

/// The variable whose reference is refreshed while the proxy runs. Its value must not be in the environment.
pub(crate) const BASIC_AUTH: &str = "UPSTREAM_BASIC_AUTH";

/// Reads the reference to the user and the password for the upstream. `signs`: whether requests are signed.
pub(crate) fn read(reader: &mut Reader<'_>, region: &str, signs: bool) -> Option<SettingConfig> {
    let reference = reader.given(BASIC_AUTH, |text| text.parse::<Reference>())?;
    if signs {
        let problem =
            "is set, but requests are also signed, and a request has only one `Authorization`; \
                       set UPSTREAM_SERVICE=none"
                .to_owned();
        reader.errors.push(VariableError { name: BASIC_AUTH, problem });
    }
    let endpoints = endpoints(reader, region)?;
    Some(SettingConfig { reference, endpoints })
}

/// The endpoints of the services.
pub(crate) fn endpoints(reader: &mut Reader<'_>, region: &str) -> Option<Endpoints> {
    let everywhere = reader.given("AWS_ENDPOINT_URL", values::web_address);
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let usual =
        |service: &str| values::web_address(&format!("https://{service}.{region}.{suffix}")).ok();
    let ssm = reader.given("AWS_ENDPOINT_URL_SSM", values::web_address).or(everywhere.clone());
    let secrets =
        reader.given("AWS_ENDPOINT_URL_SECRETS_MANAGER", values::web_address).or(everywhere);
    Some(Endpoints {
        region: region.to_owned(),
        ssm: ssm.or_else(|| usual("ssm"))?,
        secrets: secrets.or_else(|| usual("secretsmanager"))?,
    })
}

/// The lifetimes of a cached value.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// The age at which the value is refreshed; reduced by up to a tenth, so that functions do not refresh at once.
    pub fresh: Duration,
    /// The maximum age while it cannot be refreshed.
    pub stale: Duration,
    /// The wait after a failed refresh.
    pub pause: Duration,
}

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        Lifetimes {
            fresh: Duration::from_secs(300),
            stale: Duration::from_secs(3600),
            pause: Duration::from_secs(10),
        }
    }
}

/// A value and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The value.
    pub secret: Secret,
    /// The number of changes before this value.
    pub version: u64,
}

/// A setting that is cached and refreshed.
#[derive(Debug)]
pub struct Setting {
    reference: Reference,
    services: Services,
    lifetimes: Lifetimes,
    held: Mutex<Option<CachedValue>>,
    /// The holder of this lock fetches the value.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct CachedValue {
    value: Value,
    fetched: Instant,
    /// Until when the value is not refreshed.
    quiet_until: Instant,
    /// Until when a refusal does not cause a refresh, because the last one returned the same value.
    refused_until: Option<Instant>,
}

impl Setting {
    /// A setting without a cached value.
    #[must_use]
    pub fn new(config: SettingConfig, lifetimes: Lifetimes) -> Setting {
        Setting {
            reference: config.reference,
            services: Services::new(config.endpoints),
            lifetimes,
            held: Mutex::new(None),
            flight: tokio::sync::Mutex::new(()),
        }
    }

    /// The reference.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The value, at most five minutes old, or older if it cannot be refreshed.
    ///
    /// # Errors
    ///
    /// [`SettingError`] if no usable value is cached and none can be fetched.
    pub async fn get(&self, credentials: &CredentialsCache) -> Result<Value, SettingError> {
        if let Some(value) = self.quiet() {
            return Ok(value);
        }
        let _flight = match self.flight.try_lock() {
            Ok(flight) => flight,
            Err(_) => match self.usable() {
                Some(value) => return Ok(value),
                None => self.flight.lock().await,
            },
        };
        if let Some(value) = self.quiet() {
            return Ok(value);
        }
        match self.services.fetch(&self.reference, credentials).await {
            Ok(secret) => Ok(self.keep(secret)),
            Err(error) => self.postpone().ok_or_else(|| error.clone()).inspect(|_| {
                tracing::warn!("a setting cannot be refreshed, and the old value is used: {error}");
            }),
        }
    }

    /// The value that replaced a refused one, if there is one.
    ///
    /// # Errors
    ///
    /// [`SettingError`] if the value cannot be fetched.
    pub async fn renewed(
        &self,
        refused: &Value,
        credentials: &CredentialsCache,
    ) -> Result<Option<Value>, SettingError> {
        let _flight = self.flight.lock().await;
        let held = self.lock().clone();
        match held {
            Some(held) if held.value.version != refused.version => return Ok(Some(held.value)),
            Some(held) if held.refused_until.is_some_and(|until| clock::instant() < until) => {
                return Ok(None);
            }
            _ => {}
        }
        let secret = self.services.fetch(&self.reference, credentials).await?;
        let value = self.keep(secret);
        if value.version != refused.version {
            return Ok(Some(value));
        }
        let until = clock::instant() + self.lifetimes.pause;
        if let Some(held) = self.lock().as_mut() {
            held.refused_until = Some(until);
        }
        Ok(None)
    }

    fn quiet(&self) -> Option<Value> {
        let held = self.lock();
        held.as_ref().filter(|held| clock::instant() < held.quiet_until).map(|h| h.value.clone())
    }

    fn usable(&self) -> Option<Value> {
        let held = self.lock();
        let usable = |held: &&CachedValue| clock::instant() < held.fetched + self.lifetimes.stale;
        held.as_ref().filter(usable).map(|held| held.value.clone())
    }

    fn keep(&self, secret: Secret) -> Value {
        let mut held = self.lock();
        let version = match held.as_ref() {
            Some(held) if held.value.secret == secret => held.value.version,
            Some(held) => held.value.version + 1,
            None => 0,
        };
        let value = Value { secret, version };
        let now = clock::instant();
        let quiet_until = now + self.lifetimes.fresh - jitter(self.lifetimes.fresh);
        *held = Some(CachedValue {
            value: value.clone(),
            fetched: now,
            quiet_until,
            refused_until: None,
        });
        value
    }

    /// The old value, for a while longer, unless it is too old.
    fn postpone(&self) -> Option<Value> {
        let value = self.usable()?;
        let until = clock::instant() + self.lifetimes.pause;
        if let Some(held) = self.lock().as_mut() {
            held.quiet_until = until;
        }
        Some(value)
    }

    fn lock(&self) -> MutexGuard<'_, Option<CachedValue>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random part of up to a tenth of a span.
fn jitter(span: Duration) -> Duration {
    let (random, ..) = Uuid::new_v4().as_fields();
    span / 10 * (random & 0xff) / 0xff
}

#[cfg(test)]
mod tests;
