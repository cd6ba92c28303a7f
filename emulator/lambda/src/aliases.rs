//! Aliases: names for a version of a function, or for two versions with a weight.

use std::borrow::Cow;
use std::sync::PoisonError;

use super::Lambda;
use hardcap_core::function_name::{LATEST, qualified};

/// The version that an alias invokes.
#[derive(Clone, Debug, PartialEq)]
pub struct AliasTarget {
    /// The version, `1` or `$LATEST`.
    pub version: String,
    /// Another version, and the share of the invocations that it gets, from 0 to 1.
    pub additional: Option<(String, f64)>,
}

impl AliasTarget {
    /// The version for a random number from 0 up to 1.
    fn version_for(&self, random: f64) -> &str {
        match &self.additional {
            Some((version, weight)) if random < *weight => version,
            _ => &self.version,
        }
    }
}

impl Lambda {
    /// Points an alias to a version. The next invocation through it gets that version.
    pub fn point_alias(&self, function: &str, alias: &str, target: AliasTarget) {
        let mut aliases = self.shared.aliases.write().unwrap_or_else(PoisonError::into_inner);
        aliases.insert(qualified(function, alias), target);
    }

    /// Removes an alias.
    pub fn remove_alias(&self, function: &str, alias: &str) {
        let mut aliases = self.shared.aliases.write().unwrap_or_else(PoisonError::into_inner);
        aliases.remove(&qualified(function, alias));
    }

    /// The name of the function or version that a name means: an alias is replaced by its version, `$LATEST` is left out.
    pub(super) fn resolved<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let Some((function, qualifier)) = name.split_once(':') else { return Cow::Borrowed(name) };
        if qualifier == LATEST {
            return Cow::Borrowed(function);
        }
        let aliases = self.shared.aliases.read().unwrap_or_else(PoisonError::into_inner);
        match aliases.get(name) {
            Some(target) => Cow::Owned(qualified(function, target.version_for(random()))),
            None => Cow::Borrowed(name),
        }
    }
}

/// A random number from 0 up to 1.
fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_fields().0;
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_additional_version_of_an_alias_gets_its_share_of_the_invocations() {
        let additional = Some(("2".to_owned(), 0.25));
        let target = AliasTarget { version: "1".to_owned(), additional };
        assert_eq!(target.version_for(0.0), "2");
        assert_eq!(target.version_for(0.2499), "2");
        assert_eq!(target.version_for(0.25), "1");
        assert_eq!(target.version_for(0.999), "1");
    }

    #[test]
    fn random_numbers_are_below_one_and_differ() {
        let numbers: Vec<f64> = (0..100).map(|_| random()).collect();
        assert!(numbers.iter().all(|it| (0.0..1.0).contains(it)), "{numbers:?}");
        assert!(numbers.iter().any(|it| *it < 0.5) && numbers.iter().any(|it| *it >= 0.5));
    }
}
