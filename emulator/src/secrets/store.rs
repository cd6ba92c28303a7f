//! The secrets themselves: versions, and the stages that move between them. No I/O, no clock of its own.

use std::collections::{BTreeMap, HashMap};

use hardcap_limits::Millis;

use crate::json_api::ApiError;
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::SecretValue;
use hardcap_core::config::secret_arn;

pub(super) const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// One value that a secret had.
pub(super) struct Version {
    pub(super) id: String,
    pub(super) value: SecretValue,
    pub(super) stages: Vec<String>,
    pub(super) created: EpochMillis,
}

/// A secret.
pub(super) struct Held {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) created: EpochMillis,
    pub(super) changed: EpochMillis,
    pub(super) accessed: Option<EpochMillis>,
    /// When it is gone, for one that is being deleted.
    pub(super) deleted: Option<EpochMillis>,
    /// Oldest first.
    pub(super) versions: Vec<Version>,
}

/// Every secret by name.
pub(super) struct Store {
    region: String,
    secrets: BTreeMap<String, Held>,
    /// How often each name was created, so that a name that comes again has another ARN.
    lives: HashMap<String, u64>,
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

impl Store {
    pub(super) fn new(region: &str) -> Store {
        Store { region: region.to_owned(), secrets: BTreeMap::new(), lives: HashMap::new() }
    }

    /// Makes a secret without a value, and returns its ARN.
    pub(super) fn create(
        &mut self,
        name: &str,
        description: &str,
        now: EpochMillis,
    ) -> Result<String, ApiError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&byte);
        if name.is_empty() || !name.bytes().all(allowed) {
            return Err(crate::json_api::invalid(
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
            ));
        }
        match self.secrets.get(name) {
            Some(held) if held.deleted.is_some() => {
                return Err(invalid_request(
                    "You can't create this secret because a secret with this name is already scheduled for deletion.",
                ));
            }
            Some(_) => {
                let text =
                    format!("The operation failed because the secret {name} already exists.");
                return Err(ApiError::Exception("ResourceExistsException", Some(text)));
            }
            None => {}
        }
        let life = self.lives.entry(name.to_owned()).or_default();
        let arn = secret_arn(&self.region, name, *life);
        *life += 1;
        let held = Held {
            arn: arn.clone(),
            name: name.to_owned(),
            description: description.to_owned(),
            created: now,
            changed: now,
            accessed: None,
            deleted: None,
            versions: Vec::new(),
        };
        self.secrets.insert(name.to_owned(), held);
        Ok(arn)
    }

    /// The secret that a name, an ARN, or an ARN without its last six characters names.
    pub(super) fn find(&mut self, id: &str) -> Result<&mut Held, ApiError> {
        let named = |held: &&mut Held| {
            held.name == id
                || held.arn == id
                || held.arn.rsplit_once('-').map(|(arn, _)| arn) == Some(id)
        };
        self.secrets
            .values_mut()
            .find(named)
            .ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))
    }

    /// As [`Store::find`], for what cannot be done with a secret that is being deleted.
    pub(super) fn usable(&mut self, id: &str) -> Result<&mut Held, ApiError> {
        let held = self.find(id)?;
        if held.deleted.is_some() {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        Ok(held)
    }

    /// Every secret, in the order of their names.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &Held> {
        self.secrets.values()
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
        let held = self.usable(id)?;
        let token = token.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        if let Some(present) = held.versions.iter().find(|version| version.id == token) {
            if present.value == value {
                return Ok(token);
            }
            let text = format!(
                "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
                held.arn
            );
            return Err(ApiError::Exception("ResourceExistsException", Some(text)));
        }
        held.versions.push(Version { id: token.clone(), value, stages: Vec::new(), created: now });
        for stage in stages {
            held.stage(stage, &token);
        }
        held.changed = now;
        Ok(token)
    }

    /// Marks a secret for deletion, or deletes it at once when the window is zero.
    pub(super) fn delete(
        &mut self,
        id: &str,
        window: Millis,
        now: EpochMillis,
    ) -> Result<(String, String, EpochMillis), ApiError> {
        let held = self.find(id)?;
        if held.deleted.is_some() && window.0 > 0 {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was already scheduled for deletion.",
            ));
        }
        let at = now.plus(window);
        held.deleted = Some(at);
        let deleted = (held.arn.clone(), held.name.clone(), at);
        self.forget_deleted(now);
        Ok(deleted)
    }

    /// Forgets the secrets whose time to be restored is over.
    pub(super) fn forget_deleted(&mut self, now: EpochMillis) {
        self.secrets.retain(|_, held| held.deleted.is_none_or(|at| at > now));
    }
}

impl Held {
    /// The version with an id, a stage, or both; the current one when neither is given.
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

    /// Moves a stage to a version. Where the current one moves, the version that had it becomes the previous one.
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

    /// `UpdateSecretVersionStage`: moves a stage from the version that has it to another, or takes it away.
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
        let mut store = Store::new("us-east-1");
        store.create("s", "", now).unwrap();
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
        let mut store = Store::new("us-east-1");
        store.create("s", "", now).unwrap();
        let first = store.put("s", None, text("one"), &[CURRENT.to_owned()], now).unwrap();
        let pending = store.put("s", None, text("two"), &["AWSPENDING".to_owned()], now).unwrap();
        let held = store.find("s").unwrap();
        assert!(held.version(None, None).unwrap().value == text("one"));
        assert!(held.move_stage(CURRENT, Some(&pending), None).is_err());
        held.move_stage(CURRENT, Some(&pending), Some(&first)).unwrap();
        assert!(held.version(None, None).unwrap().value == text("two"));
        assert_eq!(held.version(None, Some(PREVIOUS)).unwrap().id, first);
    }

    #[test]
    fn a_token_that_comes_twice_makes_one_version() {
        let now = EpochMillis(1);
        let mut store = Store::new("us-east-1");
        store.create("s", "", now).unwrap();
        let put = |store: &mut Store, value| {
            store.put("s", Some("token".to_owned()), text(value), &[CURRENT.to_owned()], now)
        };
        put(&mut store, "one").unwrap();
        put(&mut store, "one").unwrap();
        assert!(put(&mut store, "two").is_err());
        assert_eq!(store.find("s").unwrap().versions.len(), 1);
    }
}
