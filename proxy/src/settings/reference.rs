//! References to settings, as variables contain them.

use std::fmt;
use std::str::FromStr;

/// A reference to a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `ssm:/proxy/users`: a parameter.
    Parameter(String),
    /// `ssm:/proxy/users/`: the parameters below the path, joined. Shorter names come first, so that 2 precedes 10.
    Parameters(String),
    /// `secret:name` or `secret:name#key`: a secret, or one member of a secret that is a JSON object.
    Secret {
        /// The name or the ARN.
        name: String,
        /// The member.
        key: Option<String>,
    },
}

/// The text is not a reference. The error does not repeat it, because it may be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a reference: write ssm:/name, ssm:/path/ or secret:name#key, not the value itself")]
pub struct ReferenceError;

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Reference, ReferenceError> {
        let plain = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        if let Some(name) = text.strip_prefix("ssm:") {
            let path = name.strip_suffix('/').filter(|path| !path.is_empty());
            return match path {
                _ if !plain(name) => Err(ReferenceError),
                Some(path) => Ok(Reference::Parameters(path.to_owned())),
                None => Ok(Reference::Parameter(name.to_owned())),
            };
        }
        let secret =
            text.strip_prefix("secret:").filter(|name| plain(name)).ok_or(ReferenceError)?;
        let (name, key) = match secret.split_once('#') {
            Some((name, key)) => (name, Some(key)),
            None => (secret, None),
        };
        if name.is_empty() || key.is_some_and(str::is_empty) {
            return Err(ReferenceError);
        }
        Ok(Reference::Secret { name: name.to_owned(), key: key.map(str::to_owned) })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Parameter(name) => write!(f, "ssm:{name}"),
            Reference::Parameters(path) => write!(f, "ssm:{path}/"),
            Reference::Secret { name, key: None } => write!(f, "secret:{name}"),
            Reference::Secret { name, key: Some(key) } => write!(f, "secret:{name}#{key}"),
        }
    }
}
