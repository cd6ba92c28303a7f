//! The version and the aliases that a template deploys with a function.

use super::EventInvokeConfig;

/// What exists beside `$LATEST`. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publishing {
    /// Whether a version is published, at the start and after each change of the code: `AutoPublishAlias` of AWS SAM, or an
    /// `AWS::Lambda::Version`.
    pub version: bool,
    /// The aliases, `AutoPublishAlias` and each `AWS::Lambda::Alias`.
    pub aliases: Vec<PublishedAlias>,
    /// The configuration of the version's asynchronous invocations. `None`: that of the function.
    pub events: Option<EventInvokeConfig>,
}

/// An alias of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedAlias {
    /// Its name.
    pub name: String,
    /// Whether it points to `$LATEST` instead of the published version.
    pub latest: bool,
}

impl Publishing {
    /// Whether a name after the function's, such as `live`, `1` or `$LATEST`, exists when the template is deployed.
    #[must_use]
    pub fn has(&self, qualifier: &str) -> bool {
        let is_version = self.version && qualifier == "1";
        qualifier == "$LATEST" || is_version || self.alias(qualifier).is_some()
    }

    /// The alias of this name.
    #[must_use]
    pub fn alias(&self, name: &str) -> Option<&PublishedAlias> {
        self.aliases.iter().find(|alias| alias.name == name)
    }
}
