//! Settings that are kept outside of the environment: in Parameter Store or in Secrets Manager.
//!
//! A variable holds a [`Reference`], never the value. What nobody has to change while the proxy runs is fetched when it
//! starts (`config/start.rs`). The user and the password for the upstream are fetched when they are first needed, kept for five
//! minutes, and then fetched again by one request while the others go on with what there is. While the service is down, the old
//! value serves for up to an hour. Who is refused with a value has it fetched anew, once.

pub mod basic;
mod reference;
mod services;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::{self, Instant};
use crate::credentials::CredentialsCache;
use crate::environment::{Mistake, Reader, values};

pub use reference::Reference;
pub use services::{Places, Services, SettingError};

/// A value that nothing shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A value that was fetched.
    #[must_use]
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The value, for whoever has to send it.
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

/// What a variable says of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingConfig {
    /// Where it is kept.
    pub reference: Reference,
    /// Where the services are.
    pub places: Places,
}

/// The variable whose reference is followed while the proxy runs, and whose value belongs nowhere else.
pub(crate) const BASIC_AUTH: &str = "UPSTREAM_BASIC_AUTH";

/// Reads what is said of the user and the password for the upstream. `signs`: whether requests are signed.
pub(crate) fn read(reader: &mut Reader<'_>, region: &str, signs: bool) -> Option<SettingConfig> {
    let reference = reader.given(BASIC_AUTH, |text| text.parse::<Reference>())?;
    if signs {
        let problem = "is set, but so is UPSTREAM_SERVICE: a request has one `Authorization`, so \
                       set UPSTREAM_SERVICE=none"
            .to_owned();
        reader.mistakes.push(Mistake { name: BASIC_AUTH, problem });
    }
    let places = places(reader, region)?;
    Some(SettingConfig { reference, places })
}

/// Where the services are.
pub(crate) fn places(reader: &mut Reader<'_>, region: &str) -> Option<Places> {
    let everywhere = reader.given("AWS_ENDPOINT_URL", values::web_address);
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let usual =
        |service: &str| values::web_address(&format!("https://{service}.{region}.{suffix}")).ok();
    let ssm = reader.given("AWS_ENDPOINT_URL_SSM", values::web_address).or(everywhere.clone());
    let secrets =
        reader.given("AWS_ENDPOINT_URL_SECRETS_MANAGER", values::web_address).or(everywhere);
    Some(Places {
        region: region.to_owned(),
        ssm: ssm.or_else(|| usual("ssm"))?,
        secrets: secrets.or_else(|| usual("secretsmanager"))?,
    })
}

/// How long a value serves.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Before it is fetched again; up to a tenth less, so that many functions do not ask at once.
    pub fresh: Duration,
    /// At most, while it cannot be fetched again.
    pub stale: Duration,
    /// Between two attempts when one has failed.
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

/// A value, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The value.
    pub secret: Secret,
    /// Counts the different values.
    pub version: u64,
}

/// A setting that is kept elsewhere.
#[derive(Debug)]
pub struct Setting {
    reference: Reference,
    services: Services,
    lifetimes: Lifetimes,
    held: Mutex<Option<Held>>,
    /// Whoever has it, fetches.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Held {
    value: Value,
    fetched: Instant,
    /// Until when nobody asks again.
    quiet_until: Instant,
    /// Until when nobody has it fetched because it was refused: the last time that changed nothing.
    refused_until: Option<Instant>,
}

impl Setting {
    /// A setting that nobody has asked for yet.
    #[must_use]
    pub fn new(config: SettingConfig, lifetimes: Lifetimes) -> Setting {
        Setting {
            reference: config.reference,
            services: Services::new(config.places),
            lifetimes,
            held: Mutex::new(None),
            flight: tokio::sync::Mutex::new(()),
        }
    }

    /// Where it is kept.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The value, as it was at most five minutes ago; older only while it cannot be fetched.
    ///
    /// # Errors
    ///
    /// [`SettingError`] when there is none that may still be used.
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
                tracing::warn!("a setting cannot be fetched again, the old value serves: {error}");
            }),
        }
    }

    /// Another value than the one that was refused, when there is one by now.
    ///
    /// # Errors
    ///
    /// [`SettingError`] when it cannot be fetched.
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
        let usable = |held: &&Held| clock::instant() < held.fetched + self.lifetimes.stale;
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
        *held = Some(Held { value: value.clone(), fetched: now, quiet_until, refused_until: None });
        value
    }

    /// The old value for a while longer, unless it is too old.
    fn postpone(&self) -> Option<Value> {
        let value = self.usable()?;
        let until = clock::instant() + self.lifetimes.pause;
        if let Some(held) = self.lock().as_mut() {
            held.quiet_until = until;
        }
        Some(value)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Up to a tenth of a span.
fn jitter(span: Duration) -> Duration {
    let (random, ..) = Uuid::new_v4().as_fields();
    span / 10 * (random & 0xff) / 0xff
}

#[cfg(test)]
mod tests;
