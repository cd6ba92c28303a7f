//! The parameters themselves: every version, and the rules of putting one over another. No I/O, no clock of its own.

use std::collections::{BTreeMap, VecDeque};

use hardcap_limits::{Count, Exceeded, Limit, Limits};

use super::name;
use crate::json_api::{ApiError, invalid};
use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{Parameter, ParameterKind, ParameterTier};

/// AWS keeps this many versions of a parameter and forgets the oldest.
const VERSIONS_KEPT: usize = 100;

/// One value that a parameter had.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) number: u64,
    pub(super) value: String,
    pub(super) kind: ParameterKind,
    pub(super) tier: ParameterTier,
    pub(super) description: String,
    pub(super) modified: EpochMillis,
}

/// Every parameter by name.
#[derive(Default)]
pub(super) struct Store {
    parameters: BTreeMap<String, VecDeque<Version>>,
}

/// What a call puts: a value, and what it leaves as it was.
pub(super) struct Put {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) kind: Option<ParameterKind>,
    pub(super) tier: Option<ParameterTier>,
    pub(super) description: Option<String>,
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
            overwrite: false,
        }
    }
}

impl Store {
    /// Puts a parameter and returns its new version. `admit` compares the value's characters with its tier's row.
    pub(super) fn put(
        &mut self,
        put: Put,
        limits: &Limits,
        now: EpochMillis,
        admit: impl Fn(&Limit<Count>, Count) -> Result<(), Exceeded>,
    ) -> Result<&Version, ApiError> {
        name::check(&put.name)?;
        let newest = self.parameters.get(&put.name).and_then(VecDeque::back);
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
        };
        let versions = self.parameters.entry(put.name).or_default();
        if versions.len() == VERSIONS_KEPT {
            versions.pop_front();
        }
        versions.push_back(version);
        Ok(&versions[versions.len() - 1])
    }

    /// Every version of a parameter, oldest first; `None` when there is no such parameter.
    pub(super) fn versions(&self, name: &str) -> Option<&VecDeque<Version>> {
        self.parameters.get(name)
    }

    /// The newest version of every parameter, in the order of their names.
    pub(super) fn newest(&self) -> impl Iterator<Item = (&str, &Version)> {
        self.parameters
            .iter()
            .filter_map(|(name, versions)| Some((name.as_str(), versions.back()?)))
    }

    /// Deletes a parameter with all its versions; false when there was none.
    pub(super) fn delete(&mut self, name: &str) -> bool {
        self.parameters.remove(name).is_some()
    }
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
