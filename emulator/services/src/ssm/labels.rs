//! Labels: other names for a version of a parameter. Each is on one version at most. Pure.
//!
//! The rules are those of the API reference of `LabelParameterVersion` (2026-11). UNCONFIRMED: the texts, which are those of
//! moto 5.

use super::store::{StoredParameter, Version};
use crate::json_api::{ApiError, invalid};

/// Labels of one version (API reference, `LabelParameterVersion`).
const LABELS_MAX: usize = 10;
/// Characters of a label (API reference, `LabelParameterVersion`).
const CHARACTERS_MAX: usize = 100;

/// The result of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labeled {
    /// The version that was labeled.
    pub(super) version: u64,
    /// Labels that were attached or removed.
    pub(super) changed: Vec<String>,
    /// Labels that are invalid, or not on the version.
    pub(super) invalid: Vec<String>,
}

/// Attaches labels to a version, by default the newest one. A label of another version moves.
pub(super) fn attach(
    name: &str,
    held: &mut StoredParameter,
    number: Option<u64>,
    labels: Vec<String>,
) -> Result<Labeled, ApiError> {
    let at = position(name, held, number)?;
    let (valid, invalid): (Vec<_>, Vec<_>) = labels.into_iter().partition(|label| is_valid(label));
    if let Some(long) = valid.iter().find(|label| label.chars().count() > CHARACTERS_MAX) {
        return Err(too_long(long));
    }
    for version in &mut held.versions {
        version.labels.retain(|label| !valid.contains(label));
    }
    let version = &mut held.versions[at];
    for label in &valid {
        if !version.labels.contains(label) {
            version.labels.push(label.clone());
        }
    }
    if version.labels.len() > LABELS_MAX {
        return Err(ApiError::Exception(
            "ParameterVersionLabelLimitExceeded",
            Some(format!(
                "A parameter version can have maximum {LABELS_MAX} labels. Move one or more labels to another version and \
                 try again."
            )),
        ));
    }
    Ok(Labeled { version: version.number, changed: valid, invalid })
}

/// Removes labels from a version.
pub(super) fn remove(
    name: &str,
    held: &mut StoredParameter,
    number: u64,
    labels: Vec<String>,
) -> Result<Labeled, ApiError> {
    let at = position(name, held, Some(number))?;
    let version = &mut held.versions[at];
    let (changed, invalid): (Vec<_>, Vec<_>) =
        labels.into_iter().partition(|label| version.labels.contains(label));
    version.labels.retain(|label| !changed.contains(label));
    Ok(Labeled { version: number, changed, invalid })
}

/// Refuses to delete the oldest version of a parameter while it has a label.
pub(super) fn may_be_forgotten(name: &str, oldest: &Version) -> Result<(), ApiError> {
    if oldest.labels.is_empty() {
        return Ok(());
    }
    let text = format!(
        "You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. Version \
         {}, the oldest version, can't be deleted because it has a label associated with it. Move the label to another \
         version of the parameter, and try again.",
        oldest.number
    );
    Err(ApiError::Exception("ParameterMaxVersionLimitExceeded", Some(text)))
}

fn position(name: &str, held: &StoredParameter, number: Option<u64>) -> Result<usize, ApiError> {
    let Some(number) = number else { return Ok(held.versions.len().saturating_sub(1)) };
    held.versions.iter().position(|version| version.number == number).ok_or_else(|| {
        let text = format!(
            "Systems Manager could not find version {number} of {name}. Verify the version and try again."
        );
        ApiError::Exception("ParameterVersionNotFound", Some(text))
    })
}

fn is_valid(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    !label.is_empty()
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
        && !label.starts_with(|first: char| first.is_ascii_digit())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn too_long(label: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value '[{label}]' at 'labels' failed to satisfy constraint: Member must satisfy \
         constraint: [Member must have length less than or equal to {CHARACTERS_MAX}, Member must have length greater \
         than or equal to 1]"
    ))
}
