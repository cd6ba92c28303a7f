//! The inputs of the operations.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hardcap_limits::Millis;
use serde::Deserialize;

use super::store::{StoredSecret, invalid_parameter, invalid_request};
use crate::json_api::{ApiError, Page, Tag};
use hardcap_core::config::SecretValue;

const DAY: Millis = Millis(24 * 60 * 60 * 1000);

/// The two members that hold a value. At most one may be present.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Value {
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

impl Value {
    /// The value, if there is one.
    pub(super) fn value(self) -> Result<Option<SecretValue>, ApiError> {
        match (self.secret_string, self.secret_binary) {
            (Some(_), Some(_)) => Err(invalid_parameter(
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            )),
            (Some(text), None) => Ok(Some(SecretValue::String(text))),
            (None, Some(encoded)) => match BASE64_STANDARD.decode(encoded) {
                Ok(bytes) => Ok(Some(SecretValue::Binary(bytes))),
                Err(error) => Err(ApiError::Exception(
                    "SerializationException",
                    Some(format!("SecretBinary is not base64: {error}")),
                )),
            },
            (None, None) => Ok(None),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateSecret {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) client_request_token: Option<String>,
    pub(super) kms_key_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) add_replica_regions: Vec<serde_json::Value>,
    #[serde(flatten)]
    pub(super) value: Value,
}

/// Refuses a call without its token, which SDKs and the CLI generate (recorded 2023-05-12).
pub(super) fn token(token: Option<String>) -> Result<String, ApiError> {
    token.filter(|token| !token.is_empty()).ok_or_else(|| {
        invalid_request(
            "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
        )
    })
}

/// The secret of a call about tags.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagsOf {
    pub(super) secret_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutPolicy {
    pub(super) secret_id: Option<String>,
    pub(super) resource_policy: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSecretValue {
    pub(super) secret_id: Option<String>,
    pub(super) version_id: Option<String>,
    pub(super) version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutSecretValue {
    pub(super) secret_id: Option<String>,
    pub(super) client_request_token: Option<String>,
    pub(super) version_stages: Option<Vec<String>>,
    #[serde(flatten)]
    pub(super) value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateSecret {
    pub(super) kms_key_id: Option<String>,
    pub(super) secret_id: Option<String>,
    pub(super) description: Option<String>,
    pub(super) client_request_token: Option<String>,
    #[serde(flatten)]
    pub(super) value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveStage {
    pub(super) secret_id: Option<String>,
    pub(super) version_stage: Option<String>,
    pub(super) move_to_version_id: Option<String>,
    pub(super) remove_from_version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    pub(super) secret_id: Option<String>,
    #[serde(default)]
    pub(super) include_deprecated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteSecret {
    pub(super) secret_id: Option<String>,
    recovery_window_in_days: Option<u64>,
    #[serde(default)]
    force_delete_without_recovery: bool,
}

impl DeleteSecret {
    /// The time in which the secret can be restored; zero for an immediate deletion.
    pub(super) fn window(&self) -> Result<Millis, ApiError> {
        match (self.recovery_window_in_days, self.force_delete_without_recovery) {
            (Some(_), true) => Err(invalid_parameter(
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
            )),
            (None, true) => Ok(Millis(0)),
            (Some(days), false) if !(7..=30).contains(&days) => Err(invalid_parameter(
                "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
            )),
            (days, false) => Ok(Millis(DAY.0 * days.unwrap_or(30))),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    #[serde(default)]
    pub(super) include_planned_deletion: bool,
    #[serde(default)]
    pub(super) filters: Vec<Filter>,
    #[serde(flatten)]
    pub(super) page: Page,
}

/// A filter: a key and prefixes, one of which must match.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    key: String,
    #[serde(default)]
    values: Vec<String>,
}

/// The keys of filters, in AWS's order.
const FILTER_KEYS: [&str; 7] =
    ["all", "description", "name", "owning-service", "primary-region", "tag-key", "tag-value"];

impl Filter {
    /// Refuses an unknown key.
    ///
    /// # Errors
    ///
    /// `ValidationException` with AWS's text.
    pub(super) fn check(&self, at: usize) -> Result<(), ApiError> {
        if FILTER_KEYS.contains(&self.key.as_str()) {
            return Ok(());
        }
        Err(crate::json_api::invalid(format!(
            "1 validation error detected: Value '{}' at 'filters.{}.member.key' failed to satisfy constraint: Member must \
             satisfy enum value set: [{}]",
            self.key,
            at + 1,
            FILTER_KEYS.join(", ")
        )))
    }

    /// Whether a secret matches one of the prefixes. A prefix after `!` must not match. Descriptions are compared without regard
    /// to case, names and tags with it (API reference, `Filter`).
    pub(super) fn matches(&self, held: &StoredSecret) -> bool {
        self.values.iter().any(|value| match value.strip_prefix('!') {
            Some(unwanted) => !self.begins(held, unwanted),
            None => self.begins(held, value),
        })
    }

    fn begins(&self, held: &StoredSecret, start: &str) -> bool {
        let insensitive = |text: &str| text.to_lowercase().starts_with(&start.to_lowercase());
        let mut keys = held.tags.keys();
        let mut values = held.tags.values();
        match self.key.as_str() {
            "name" => held.name.starts_with(start),
            "description" => insensitive(&held.description),
            "tag-key" => keys.any(|key| key.starts_with(start)),
            "tag-value" => values.any(|value| value.starts_with(start)),
            "all" => {
                insensitive(&held.name)
                    || insensitive(&held.description)
                    || keys.any(|key| insensitive(key))
                    || values.any(|value| insensitive(value))
            }
            // No secret belongs to a service or is a replica.
            _ => false,
        }
    }
}
