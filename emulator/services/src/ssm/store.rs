//! The store of parameters: their versions, labels, and the rules for a new version. With `--data` each parameter is one record.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use hardcap_limits::{Count, Exceeded, Limit, Limits};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{labels, name};
use crate::json_api::{ApiError, Tags, invalid, template_digest};
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{Parameter, ParameterKind, ParameterTier};
use hardcap_core::durable::DurableMap;

/// The maximum number of versions of a parameter on AWS, which deletes the oldest.
const VERSIONS_KEPT: usize = 100;

/// One version of a parameter.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) number: u64,
    pub(super) value: String,
    pub(super) kind: ParameterKind,
    pub(super) tier: ParameterTier,
    pub(super) description: String,
    pub(super) modified: EpochMillis,
    pub(super) data_type: DataType,
    pub(super) allowed_pattern: Option<String>,
    /// The KMS key that a call named.
    pub(super) key_id: Option<String>,
    pub(super) labels: Vec<String>,
}

/// The data type of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DataType {
    /// Any text.
    #[default]
    #[serde(rename = "text")]
    Text,
    /// The id of an image. AWS verifies that the image exists; hardcap has no images and accepts any value.
    #[serde(rename = "aws:ec2:image")]
    Image,
    /// A configuration of an integration.
    #[serde(rename = "aws:ssm:integration")]
    Integration,
}

impl DataType {
    /// Parses a data type.
    pub(super) fn parse(text: &str) -> Result<DataType, ApiError> {
        serde_json::from_value(json!(text)).map_err(|_| {
            invalid(format!(
                "The following data type is not supported: {text} (Data type names are all lowercase.)"
            ))
        })
    }
}

/// A parameter: its versions, oldest first, and its unversioned properties.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct StoredParameter {
    pub(super) versions: VecDeque<Version>,
    #[serde(default)]
    pub(super) tags: Tags,
    /// The digest of the parameter of the template that was put last.
    #[serde(default)]
    template: Option<String>,
}

/// Every parameter by name.
pub(super) struct ParameterStore {
    parameters: DurableMap<StoredParameter>,
}

/// The input of a put. `None` keeps the current property.
pub(super) struct Put {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) kind: Option<ParameterKind>,
    pub(super) tier: Option<ParameterTier>,
    pub(super) description: Option<String>,
    pub(super) data_type: DataType,
    pub(super) allowed_pattern: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) tags: Tags,
    pub(super) overwrite: bool,
}

impl From<&Parameter> for Put {
    fn from(parameter: &Parameter) -> Put {
        Put {
            name: parameter.name.clone(),
            value: parameter.value.clone(),
            kind: Some(parameter.kind),
            tier: Some(parameter.tier),
            description: Some(parameter.description.clone()),
            data_type: DataType::Text,
            allowed_pattern: None,
            key_id: None,
            tags: Tags::new(),
            overwrite: true,
        }
    }
}

impl ParameterStore {
    /// Opens the store, with the parameters of earlier runs if there is a folder.
    ///
    /// # Errors
    ///
    /// If the folder or a file in it cannot be used; the message names it.
    pub(super) fn open(root: Option<&Path>) -> io::Result<ParameterStore> {
        Ok(ParameterStore { parameters: DurableMap::open(root)? })
    }

    /// Removes every parameter.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.parameters.clear()
    }

    /// Puts a parameter of the template. Like a deployment, it replaces a value from the API only if the template has changed.
    pub(super) fn provide(
        &mut self,
        parameter: &Parameter,
        limits: &Limits,
        now: EpochMillis,
    ) -> Result<(), ApiError> {
        let Parameter { kind, tier, value, description, .. } = parameter;
        let digest = template_digest(&json!([kind, tier, value, description]));
        let mut held = self.parameters.get(&parameter.name).cloned().unwrap_or_default();
        if held.template.as_ref() == Some(&digest) {
            return Ok(());
        }
        if *tier == ParameterTier::Standard && held.is_advanced() {
            // A changed tier in the template is not a downgrade by a call: the parameter is created again.
            held = StoredParameter::default();
        }
        held.put(Put::from(parameter), limits, now, |limit, seen| limit.admit(seen))?;
        held.template = Some(digest);
        Ok(self.parameters.put(&parameter.name, held)?)
    }

    /// Puts a parameter and returns its new version. `admit` compares the number of characters with the tier's limit.
    pub(super) fn put(
        &mut self,
        put: Put,
        limits: &Limits,
        now: EpochMillis,
        admit: impl Fn(&Limit<Count>, Count) -> Result<(), Exceeded>,
    ) -> Result<Version, ApiError> {
        let name = put.name.clone();
        let mut held = self.parameters.get(&name).cloned().unwrap_or_default();
        let version = held.put(put, limits, now, admit)?;
        self.parameters.put(&name, held)?;
        Ok(version)
    }

    /// A parameter.
    pub(super) fn get(&self, name: &str) -> Option<&StoredParameter> {
        self.parameters.get(name)
    }

    /// The versions of a parameter, oldest first.
    pub(super) fn versions(&self, name: &str) -> Option<&VecDeque<Version>> {
        self.parameters.get(name).map(|held| &held.versions)
    }

    /// The newest version of every parameter, ordered by name.
    pub(super) fn newest(&self) -> impl Iterator<Item = (&str, &StoredParameter, &Version)> {
        self.parameters.iter().filter_map(|(name, held)| Some((name, held, held.versions.back()?)))
    }

    /// Changes a parameter. If `change` fails, nothing is changed.
    pub(super) fn edit<T>(
        &mut self,
        name: &str,
        missing: impl FnOnce() -> ApiError,
        change: impl FnOnce(&mut StoredParameter) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut held = self.parameters.get(name).cloned().ok_or_else(missing)?;
        let changed = change(&mut held)?;
        self.parameters.put(name, held)?;
        Ok(changed)
    }

    /// Deletes a parameter with all its versions. Returns whether it existed.
    pub(super) fn delete(&mut self, name: &str) -> Result<bool, ApiError> {
        Ok(self.parameters.remove(name)?)
    }
}

impl StoredParameter {
    fn is_advanced(&self) -> bool {
        self.versions.back().is_some_and(|version| version.tier == ParameterTier::Advanced)
    }

    fn put(
        &mut self,
        put: Put,
        limits: &Limits,
        now: EpochMillis,
        admit: impl Fn(&Limit<Count>, Count) -> Result<(), Exceeded>,
    ) -> Result<Version, ApiError> {
        name::check(&put.name)?;
        let newest = self.versions.back();
        if newest.is_some() && !put.overwrite {
            return Err(ApiError::Exception(
                "ParameterAlreadyExists",
                Some("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.".to_owned()),
            ));
        }
        let Some(kind) = put.kind.or(newest.map(|version| version.kind)) else {
            return Err(invalid("A parameter type is required when you create a parameter."));
        };
        if put.value.is_empty() {
            return Err(invalid(
                "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length \
                 greater than or equal to 1",
            ));
        }
        if let Some(pattern) = &put.allowed_pattern {
            matches_pattern(pattern, &put.value)?;
        }
        let characters = Count(put.value.chars().count() as u64);
        let tier = tier(put.tier, newest.map(|version| version.tier), limits, characters)?;
        match tier {
            ParameterTier::Advanced => admit(&limits.ssm_advanced, characters)?,
            _ => admit(&limits.ssm_standard, characters)?,
        }
        let version = Version {
            number: newest.map_or(0, |version| version.number) + 1,
            value: put.value,
            kind,
            tier,
            description: put
                .description
                .or(newest.map(|version| version.description.clone()))
                .unwrap_or_default(),
            modified: now,
            data_type: put.data_type,
            allowed_pattern: put.allowed_pattern,
            key_id: put.key_id.or(newest.and_then(|version| version.key_id.clone())),
            labels: Vec::new(),
        };
        if self.versions.len() == VERSIONS_KEPT {
            labels::may_be_forgotten(&put.name, &self.versions[0])?;
            self.versions.pop_front();
        }
        self.tags.extend(put.tags);
        self.versions.push_back(version.clone());
        Ok(version)
    }
}

/// Checks a value against its pattern.
///
/// # Errors
///
/// `ParameterPatternMismatchException`, or `InvalidAllowedPatternException` for an invalid pattern.
fn matches_pattern(pattern: &str, value: &str) -> Result<(), ApiError> {
    let read = regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        let text = format!("The pattern `{pattern}` cannot be read: {error}");
        ApiError::Exception("InvalidAllowedPatternException", Some(text))
    })?;
    if read.is_match(value) {
        return Ok(());
    }
    let text = format!(
        "Parameter value, cannot be validated against allowedPattern: {pattern}. Please check the parameter value."
    );
    Err(ApiError::Exception("ParameterPatternMismatchException", Some(text)))
}

/// The tier of a new version: the requested one, but never a downgrade from advanced; chosen by size if requested.
fn tier(
    asked: Option<ParameterTier>,
    present: Option<ParameterTier>,
    limits: &Limits,
    characters: Count,
) -> Result<ParameterTier, ApiError> {
    let fits_standard = limits.ssm_standard.admit(characters).is_ok();
    match (asked, present) {
        (Some(ParameterTier::Standard), Some(ParameterTier::Advanced)) => Err(invalid(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
             advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced \
             parameter and recreate it as a standard parameter.",
        )),
        (_, Some(ParameterTier::Advanced)) | (Some(ParameterTier::Advanced), _) => {
            Ok(ParameterTier::Advanced)
        }
        (Some(ParameterTier::IntelligentTiering), _) if !fits_standard => {
            Ok(ParameterTier::Advanced)
        }
        _ => Ok(ParameterTier::Standard),
    }
}
