//! The parameters themselves: every version, its labels, and the rules of putting one over another. Each parameter is one
//! record with `--data`.

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

/// AWS keeps this many versions of a parameter and forgets the oldest.
const VERSIONS_KEPT: usize = 100;

/// One value that a parameter had.
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
    /// The key of KMS that a call named.
    pub(super) key_id: Option<String>,
    pub(super) labels: Vec<String>,
}

/// What the values of a parameter name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DataType {
    /// Any text.
    #[default]
    #[serde(rename = "text")]
    Text,
    /// The id of an image. AWS verifies that the image exists; hardcap has no images and takes any value.
    #[serde(rename = "aws:ec2:image")]
    Image,
    /// A configuration of an integration.
    #[serde(rename = "aws:ssm:integration")]
    Integration,
}

impl DataType {
    /// Reads what a call names.
    pub(super) fn parse(text: &str) -> Result<DataType, ApiError> {
        serde_json::from_value(json!(text)).map_err(|_| {
            invalid(format!(
                "The following data type is not supported: {text} (Data type names are all lowercase.)"
            ))
        })
    }
}

/// A parameter: its versions, oldest first, and what is not versioned.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) versions: VecDeque<Version>,
    #[serde(default)]
    pub(super) tags: Tags,
    /// The digest of the template's parameter that was put last.
    #[serde(default)]
    template: Option<String>,
}

/// Every parameter by name.
pub(super) struct Store {
    parameters: DurableMap<Held>,
}

/// What a call puts: a value, and what it leaves as it was.
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

impl Store {
    /// The parameters that an earlier run left in a folder, or none.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used, or holds what cannot be read; the message names it.
    pub(super) fn open(root: Option<&Path>) -> io::Result<Store> {
        Ok(Store { parameters: DurableMap::open(root)? })
    }

    /// Removes every parameter.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.parameters.clear()
    }

    /// Puts a template's parameter. As a deployment does, it replaces what the API has put only when the template says
    /// something else than it said before.
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
            // A template's own change of the tier is no downgrade by a call: the parameter is made anew.
            held = Held::default();
        }
        held.put(Put::from(parameter), limits, now, |limit, seen| limit.admit(seen))?;
        held.template = Some(digest);
        Ok(self.parameters.put(&parameter.name, held)?)
    }

    /// Puts a parameter and returns its new version. `admit` compares the value's characters with its tier's row.
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
    pub(super) fn get(&self, name: &str) -> Option<&Held> {
        self.parameters.get(name)
    }

    /// Every version of a parameter, oldest first; `None` when there is no such parameter.
    pub(super) fn versions(&self, name: &str) -> Option<&VecDeque<Version>> {
        self.parameters.get(name).map(|held| &held.versions)
    }

    /// The newest version of every parameter, in the order of their names.
    pub(super) fn newest(&self) -> impl Iterator<Item = (&str, &Held, &Version)> {
        self.parameters.iter().filter_map(|(name, held)| Some((name, held, held.versions.back()?)))
    }

    /// Changes a parameter. What `change` refuses changes nothing.
    pub(super) fn edit<T>(
        &mut self,
        name: &str,
        missing: impl FnOnce() -> ApiError,
        change: impl FnOnce(&mut Held) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut held = self.parameters.get(name).cloned().ok_or_else(missing)?;
        let changed = change(&mut held)?;
        self.parameters.put(name, held)?;
        Ok(changed)
    }

    /// Deletes a parameter with all its versions; false when there was none.
    pub(super) fn delete(&mut self, name: &str) -> Result<bool, ApiError> {
        Ok(self.parameters.remove(name)?)
    }
}

impl Held {
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

/// Whether a value is what its pattern allows.
///
/// # Errors
///
/// `ParameterPatternMismatchException`; `InvalidAllowedPatternException` for a pattern that cannot be read.
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

/// The tier that a value gets: as asked, never back from advanced to standard, and by size where that is asked.
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
