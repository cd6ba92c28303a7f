//! The inputs of the operations, and the filters of two of them.

use serde::Deserialize;

use super::name;
use super::store::{StoredParameter, Version};
use crate::json_api::{ApiError, Page, Tag};
use hardcap_core::config::{ParameterKind, ParameterTier};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutParameter {
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
    #[serde(rename = "Type")]
    pub(super) kind: Option<ParameterKind>,
    pub(super) tier: Option<ParameterTier>,
    pub(super) description: Option<String>,
    pub(super) data_type: Option<String>,
    pub(super) allowed_pattern: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) policies: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) overwrite: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Label {
    pub(super) name: Option<String>,
    pub(super) parameter_version: Option<u64>,
    #[serde(default)]
    pub(super) labels: Vec<String>,
}

/// The resource of a call about tags.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagsOf {
    pub(super) resource_type: Option<String>,
    pub(super) resource_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Get {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) with_decryption: bool,
}

pub(super) type History = Get;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMany {
    #[serde(default)]
    pub(super) names: Vec<String>,
    #[serde(default)]
    pub(super) with_decryption: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteMany {
    #[serde(default)]
    pub(super) names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByPath {
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) recursive: bool,
    #[serde(default)]
    pub(super) with_decryption: bool,
    #[serde(default)]
    pub(super) parameter_filters: Vec<Filter>,
    #[serde(flatten)]
    pub(super) page: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Describe {
    #[serde(default)]
    pub(super) filters: Vec<Filter>,
    #[serde(default)]
    pub(super) parameter_filters: Vec<Filter>,
    #[serde(flatten)]
    pub(super) page: Page,
}

/// A filter: one of its values must match.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    key: String,
    option: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

/// Whether a parameter matches every filter.
///
/// # Errors
///
/// `InvalidFilterKey` and `InvalidFilterOption` for filters that hardcap does not support.
pub(super) fn matches_all(
    filters: &[Filter],
    name: &str,
    held: &StoredParameter,
    version: &Version,
) -> Result<bool, ApiError> {
    for filter in filters {
        if !filter.matches(name, held, version)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Filter {
    fn matches(
        &self,
        name: &str,
        held: &StoredParameter,
        version: &Version,
    ) -> Result<bool, ApiError> {
        let any = |matches: &dyn Fn(&str) -> bool| {
            Ok(self.values.iter().any(|value| matches(value.as_str())))
        };
        match (self.key.as_str(), self.option.as_deref()) {
            ("Name", None | Some("Equals")) => {
                any(&|value| name == value || name == format!("/{value}"))
            }
            ("Name", Some("BeginsWith")) => any(&|value| name.starts_with(value)),
            ("Name", Some("Contains")) => any(&|value| name.contains(value)),
            ("Path", None | Some("OneLevel")) => any(&|value| name::is_below(name, value, false)),
            ("Path", Some("Recursive")) => any(&|value| name::is_below(name, value, true)),
            ("Type", None | Some("Equals")) => any(&|value| version.kind.name() == value),
            ("Tier", None | Some("Equals")) => any(&|value| version.tier.name() == value),
            ("KeyId", None | Some("Equals")) => {
                any(&|value| version.shown_key_id().is_some_and(|key| key == value))
            }
            ("DataType", None | Some("Equals")) => {
                any(&|value| serde_json::json!(version.data_type) == value)
            }
            ("Label", None | Some("Equals")) => any(&|value| {
                held.versions.iter().any(|version| version.labels.iter().any(|it| it == value))
            }),
            (tag, None | Some("Equals")) if tag.starts_with("tag:") => {
                let value = held.tags.get(tag.trim_start_matches("tag:"));
                Ok(value.is_some_and(|value| self.values.is_empty() || self.values.contains(value)))
            }
            ("Name" | "Path" | "Type" | "Tier" | "KeyId" | "DataType" | "Label", Some(option)) => {
                Err(ApiError::Exception(
                    "InvalidFilterOption",
                    Some(format!("The filter `{}` has no option `{option}`.", self.key)),
                ))
            }
            (key, _) => Err(ApiError::Exception(
                "InvalidFilterKey",
                Some(format!(
                    "The following filter key is not valid: {key}. Valid filter keys include: [Path, Name, Type, KeyId, \
                     Tier, DataType, Label, tag:*]."
                )),
            )),
        }
    }
}
