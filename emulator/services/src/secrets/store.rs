//! The store of secrets: their versions, and the stages that move between them. With `--data` each secret is one record.

use std::io;
use std::path::Path;

use hardcap_limits::Millis;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::json_api::{ApiError, Tags, invalid, template_digest};
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{Secret, SecretValue, secret_arn};
use hardcap_core::durable::DurableMap;

pub(super) const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// One version of a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) id: String,
    #[serde(with = "value")]
    pub(super) value: SecretValue,
    pub(super) stages: Vec<String>,
    pub(super) created: EpochMillis,
}

/// The serialized form of a value: a text, or bytes as base64.
mod value {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use hardcap_core::config::SecretValue;

    #[derive(Serialize, Deserialize)]
    enum Record {
        String(String),
        Binary(String),
    }

    pub(super) fn serialize<S: Serializer>(value: &SecretValue, to: S) -> Result<S::Ok, S::Error> {
        let record = match value {
            SecretValue::String(text) => Record::String(text.clone()),
            SecretValue::Binary(bytes) => Record::Binary(BASE64_STANDARD.encode(bytes)),
        };
        record.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretValue, D::Error> {
        match Record::deserialize(from)? {
            Record::String(text) => Ok(SecretValue::String(text)),
            Record::Binary(base64) => {
                BASE64_STANDARD.decode(base64).map(SecretValue::Binary).map_err(D::Error::custom)
            }
        }
    }
}

/// A secret.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredSecret {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) created: EpochMillis,
    pub(super) changed: EpochMillis,
    pub(super) accessed: Option<EpochMillis>,
    /// The time of its deletion, if it is scheduled.
    pub(super) deleted: Option<EpochMillis>,
    /// Oldest first.
    pub(super) versions: Vec<Version>,
    #[serde(default)]
    pub(super) tags: Tags,
    /// The KMS key that a call named.
    #[serde(default)]
    pub(super) key_id: Option<String>,
    /// The resource policy, an unchanged JSON document. It is not enforced.
    #[serde(default)]
    pub(super) policy: Option<String>,
    /// The digest of the secret of the template that was put last.
    #[serde(default)]
    template: Option<String>,
}

/// The input of `CreateSecret`.
#[derive(Default)]
pub(super) struct New {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) tags: Tags,
    pub(super) key_id: Option<String>,
    /// The token of the call, and the value if there is one.
    pub(super) token: Option<String>,
    pub(super) value: Option<SecretValue>,
}

/// Every secret by name.
pub(super) struct SecretStore {
    region: String,
    secrets: DurableMap<StoredSecret>,
}

pub(super) fn invalid_request(text: &str) -> ApiError {
    ApiError::Exception("InvalidRequestException", Some(text.to_owned()))
}

pub(super) fn invalid_parameter(text: &str) -> ApiError {
    ApiError::Exception("InvalidParameterException", Some(text.to_owned()))
}

fn not_found(text: &str) -> ApiError {
    ApiError::Exception("ResourceNotFoundException", Some(text.to_owned()))
}

/// Refuses an invalid name.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(invalid(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ));
    }
    Ok(())
}

impl SecretStore {
    /// Opens the store, with the secrets of earlier runs if there is a folder.
    ///
    /// # Errors
    ///
    /// If the folder or a file in it cannot be used; the message names it.
    pub(super) fn open(region: &str, root: Option<&Path>) -> io::Result<SecretStore> {
        Ok(SecretStore { region: region.to_owned(), secrets: DurableMap::open(root)? })
    }

    /// Removes every secret.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.secrets.clear()
    }

    /// Puts a secret of the template. Like a deployment, it replaces a value from the API only if the template has changed.
    pub(super) fn provide(&mut self, secret: &Secret, now: EpochMillis) -> Result<(), ApiError> {
        check_name(&secret.name)?;
        let value = secret.value.as_ref().map(|value| match value {
            SecretValue::String(text) => json!({ "text": text }),
            SecretValue::Binary(bytes) => json!({ "bytes": bytes }),
        });
        let digest = template_digest(&json!([secret.description, value]));
        let held = self.secrets.get(&secret.name);
        if held.is_some_and(|held| held.template.as_ref() == Some(&digest)) {
            return Ok(());
        }
        let new =
            || StoredSecret::new(secret_arn(&self.region, &secret.name, 0), &secret.name, now);
        let mut held = held.cloned().unwrap_or_else(new);
        held.description.clone_from(&secret.description);
        held.deleted = None;
        held.template = Some(digest);
        if let Some(value) = secret.value.clone() {
            held.put(None, value, &[CURRENT.to_owned()], now)?;
        }
        Ok(self.secrets.put(&secret.name, held)?)
    }

    /// Creates a secret, and returns it with the id of its version if it has a value. The same token with the same value changes
    /// nothing, so that a client can repeat a call whose response was lost.
    pub(super) fn create(
        &mut self,
        new: New,
        now: EpochMillis,
    ) -> Result<(&StoredSecret, Option<String>), ApiError> {
        check_name(&new.name)?;
        match self.secrets.get(&new.name) {
            Some(held) if held.deleted.is_some() => {
                return Err(invalid_request(
                    "You can't create this secret because a secret with this name is already scheduled for deletion.",
                ));
            }
            Some(held) if held.is_from(&new) => {}
            Some(_) => {
                let text =
                    format!("The operation failed because the secret {} already exists.", new.name);
                return Err(ApiError::Exception("ResourceExistsException", Some(text)));
            }
            None => {
                // A secret that is created again has another ARN.
                let (life, _) = uuid::Uuid::new_v4().as_u64_pair();
                let arn = secret_arn(&self.region, &new.name, life);
                let mut held = StoredSecret::new(arn, &new.name, now);
                held.description = new.description;
                held.tags = new.tags;
                held.key_id = new.key_id;
                if let Some(value) = new.value {
                    held.put(new.token.clone(), value, &[CURRENT.to_owned()], now)?;
                }
                self.secrets.put(&new.name, held)?;
            }
        }
        let held = self.find(&new.name)?;
        let version = held
            .versions
            .iter()
            .find(|it| new.token.is_none() || Some(&it.id) == new.token.as_ref());
        Ok((held, version.map(|version| version.id.clone())))
    }

    /// Finds a secret by its name, its ARN, or its ARN without the last six characters.
    pub(super) fn find(&self, id: &str) -> Result<&StoredSecret, ApiError> {
        let named = |held: &&StoredSecret| {
            held.name == id
                || held.arn == id
                || held.arn.rsplit_once('-').map(|(arn, _)| arn) == Some(id)
        };
        if let Some(held) = self.secrets.iter().map(|(_, held)| held).find(named) {
            return Ok(held);
        }
        if !id.starts_with("arn:") {
            check_name(id)?;
        }
        Err(not_found("Secrets Manager can't find the specified secret."))
    }

    /// As [`SecretStore::find`], but refuses a secret whose deletion is scheduled.
    pub(super) fn usable(&self, id: &str) -> Result<&StoredSecret, ApiError> {
        let held = self.find(id)?;
        if held.deleted.is_some() {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        Ok(held)
    }

    /// Changes a secret whose deletion is not scheduled. If `change` fails, nothing is changed.
    pub(super) fn edit<T>(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut StoredSecret) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut held = self.usable(id)?.clone();
        let changed = change(&mut held)?;
        self.save(held)?;
        Ok(changed)
    }

    fn save(&mut self, held: StoredSecret) -> Result<(), ApiError> {
        let name = held.name.clone();
        Ok(self.secrets.put(&name, held)?)
    }

    /// Every secret, ordered by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &StoredSecret> {
        self.secrets.iter().map(|(_, held)| held)
    }

    /// Adds a version and moves the stages to it; the same token with the same value changes nothing.
    pub(super) fn put(
        &mut self,
        id: &str,
        token: Option<String>,
        value: SecretValue,
        stages: &[String],
        now: EpochMillis,
    ) -> Result<String, ApiError> {
        self.edit(id, |held| held.put(token, value, stages, now))
    }

    /// Stores the day of the last access. AWS stores only the day.
    pub(super) fn accessed(&mut self, id: &str, now: EpochMillis) -> Result<(), ApiError> {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let held = self.find(id)?;
        if held.accessed.is_some_and(|at| at.0 / DAY == now.0 / DAY) {
            return Ok(());
        }
        let mut held = held.clone();
        held.accessed = Some(now);
        self.save(held)
    }

    /// Schedules the deletion of a secret, or deletes it immediately if the window is zero.
    pub(super) fn delete(
        &mut self,
        id: &str,
        window: Millis,
        now: EpochMillis,
    ) -> Result<(String, String, EpochMillis), ApiError> {
        let at = now.plus(window);
        let held = match self.find(id) {
            Ok(held) => held,
            // Recorded 2022-09-28: the immediate deletion of a missing secret is not an error.
            Err(ApiError::Exception("ResourceNotFoundException", _)) if window.0 == 0 => {
                let name =
                    id.strip_prefix("arn:").map_or(id, |arn| arn.rsplit(':').next().unwrap_or(arn));
                let (life, _) = uuid::Uuid::new_v4().as_u64_pair();
                return Ok((secret_arn(&self.region, name, life), name.to_owned(), at));
            }
            Err(error) => return Err(error),
        };
        if held.deleted.is_some() && window.0 > 0 {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was already scheduled for deletion.",
            ));
        }
        let mut held = held.clone();
        held.deleted = Some(at);
        let deleted = (held.arn.clone(), held.name.clone(), at);
        self.save(held)?;
        self.forget_deleted(now)?;
        Ok(deleted)
    }

    /// Cancels a scheduled deletion.
    pub(super) fn restore(&mut self, id: &str) -> Result<&StoredSecret, ApiError> {
        let mut held = self.find(id)?.clone();
        held.deleted = None;
        self.save(held)?;
        self.find(id)
    }

    /// Removes the secrets whose deletion is due.
    pub(super) fn forget_deleted(&mut self, now: EpochMillis) -> Result<(), ApiError> {
        let over = |held: &StoredSecret| held.deleted.is_some_and(|at| at <= now);
        let gone: Vec<String> = self
            .secrets
            .iter()
            .filter(|(_, held)| over(held))
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in gone {
            self.secrets.remove(&name)?;
        }
        Ok(())
    }
}

impl StoredSecret {
    fn new(arn: String, name: &str, now: EpochMillis) -> StoredSecret {
        StoredSecret {
            arn,
            name: name.to_owned(),
            description: String::new(),
            created: now,
            changed: now,
            accessed: None,
            deleted: None,
            versions: Vec::new(),
            tags: Tags::new(),
            key_id: None,
            policy: None,
            template: None,
        }
    }

    /// Whether a call repeats the creation of this secret: the same token and the same value.
    fn is_from(&self, new: &New) -> bool {
        let first = self.versions.iter().find(|version| Some(&version.id) == new.token.as_ref());
        first.is_some_and(|version| Some(&version.value) == new.value.as_ref())
    }

    /// Adds a version and moves the stages to it; the same token with the same value changes nothing.
    pub(super) fn put(
        &mut self,
        token: Option<String>,
        value: SecretValue,
        stages: &[String],
        now: EpochMillis,
    ) -> Result<String, ApiError> {
        let token = token.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        if let Some(present) = self.versions.iter().find(|version| version.id == token) {
            if present.value == value {
                return Ok(token);
            }
            let text = format!(
                "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
                self.arn
            );
            return Err(ApiError::Exception("ResourceExistsException", Some(text)));
        }
        self.versions.push(Version { id: token.clone(), value, stages: Vec::new(), created: now });
        for stage in stages {
            self.stage(stage, &token);
        }
        self.changed = now;
        Ok(token)
    }

    /// The version with an id, a stage, or both; the current one by default.
    pub(super) fn version(
        &self,
        id: Option<&str>,
        stage: Option<&str>,
    ) -> Result<&Version, ApiError> {
        let staged =
            |version: &&Version, stage: &str| version.stages.iter().any(|held| held == stage);
        let found = match (id, stage) {
            (Some(id), stage) => {
                let version = self.versions.iter().find(|version| version.id == id);
                if let (Some(version), Some(stage)) = (version, stage)
                    && !staged(&version, stage)
                {
                    return Err(invalid_request(
                        "You provided a VersionStage that is not associated to the provided VersionId.",
                    ));
                }
                version
            }
            (None, stage) => {
                let stage = stage.unwrap_or(CURRENT);
                self.versions.iter().find(|version| staged(version, stage))
            }
        };
        found.ok_or_else(|| {
            let wanted = match (id, stage) {
                (Some(id), _) => format!("VersionId: {id}"),
                (None, stage) => format!("staging label: {}", stage.unwrap_or(CURRENT)),
            };
            not_found(&format!(
                "Secrets Manager can't find the specified secret value for {wanted}"
            ))
        })
    }

    /// Moves a stage to a version. If the stage is the current one, its former version becomes the previous one.
    fn stage(&mut self, stage: &str, to: &str) {
        let mut had = None;
        for version in &mut self.versions {
            let before = version.stages.len();
            version.stages.retain(|held| held != stage);
            if version.stages.len() < before {
                had = Some(version.id.clone());
            }
        }
        if let Some(version) = self.versions.iter_mut().find(|version| version.id == to) {
            version.stages.push(stage.to_owned());
        }
        if stage == CURRENT
            && let Some(had) = had.filter(|had| had != to)
        {
            self.stage(PREVIOUS, &had);
        }
    }

    /// `UpdateSecretVersionStage`: moves a stage to another version, or removes it.
    pub(super) fn move_stage(
        &mut self,
        stage: &str,
        to: Option<&str>,
        from: Option<&str>,
    ) -> Result<(), ApiError> {
        let holder = self
            .versions
            .iter()
            .find(|version| version.stages.iter().any(|held| held == stage))
            .map(|version| version.id.clone());
        if let Some(holder) = &holder
            && from != Some(holder)
            && to != Some(holder)
        {
            return Err(invalid_parameter(&format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to \
                 version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            )));
        }
        match to {
            Some(to) => {
                self.version(Some(to), None)?;
                self.stage(stage, to);
            }
            None if stage == CURRENT => {
                return Err(invalid_parameter(
                    "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
                ));
            }
            None => {
                for version in &mut self.versions {
                    version.stages.retain(|held| held != stage);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> SecretValue {
        SecretValue::String(value.to_owned())
    }

    #[test]
    fn rotation_keeps_the_previous_version_and_no_older_one() {
        let now = EpochMillis(1);
        let mut store = SecretStore::open("us-east-1", None).unwrap();
        store.create(New { name: "s".to_owned(), ..New::default() }, now).unwrap();
        let current = [CURRENT.to_owned()];
        for value in ["one", "two", "three"] {
            store.put("s", None, text(value), &current, now).unwrap();
        }
        let held = store.find("s").unwrap();
        assert!(held.version(None, None).unwrap().value == text("three"));
        assert!(held.version(None, Some("AWSPREVIOUS")).unwrap().value == text("two"));
        let stages: Vec<usize> = held.versions.iter().map(|version| version.stages.len()).collect();
        assert_eq!(stages, [0, 1, 1]);
    }

    #[test]
    fn a_pending_version_becomes_current_by_moving_the_stage() {
        let now = EpochMillis(1);
        let mut store = SecretStore::open("us-east-1", None).unwrap();
        store.create(New { name: "s".to_owned(), ..New::default() }, now).unwrap();
        let first = store.put("s", None, text("one"), &[CURRENT.to_owned()], now).unwrap();
        let pending = store.put("s", None, text("two"), &["AWSPENDING".to_owned()], now).unwrap();
        assert!(store.find("s").unwrap().version(None, None).unwrap().value == text("one"));
        let moved =
            |from| move |held: &mut StoredSecret| held.move_stage(CURRENT, Some(&pending), from);
        assert!(store.edit("s", moved.clone()(None)).is_err());
        store.edit("s", moved(Some(first.as_str()))).unwrap();
        let held = store.find("s").unwrap();
        assert!(held.version(None, None).unwrap().value == text("two"));
        assert_eq!(held.version(None, Some(PREVIOUS)).unwrap().id, first);
    }

    #[test]
    fn a_repeated_token_creates_one_version() {
        let now = EpochMillis(1);
        let mut store = SecretStore::open("us-east-1", None).unwrap();
        store.create(New { name: "s".to_owned(), ..New::default() }, now).unwrap();
        let put = |store: &mut SecretStore, value| {
            store.put("s", Some("token".to_owned()), text(value), &[CURRENT.to_owned()], now)
        };
        put(&mut store, "one").unwrap();
        put(&mut store, "one").unwrap();
        assert!(put(&mut store, "two").is_err());
        assert_eq!(store.find("s").unwrap().versions.len(), 1);
    }
}
