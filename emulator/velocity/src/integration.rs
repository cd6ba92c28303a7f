//! The texts of an integration that are parsed once: its mapping templates and its selection patterns.

use indexmap::IndexMap;
use regex::Regex;

use crate::{SyntaxError, Template};

/// The error of an integration with a text that API Gateway cannot use.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidIntegration {
    /// A mapping template cannot be parsed.
    #[error("the mapping template of {media_type}: {error}")]
    Template {
        /// The media type whose template it is.
        media_type: String,
        /// What is wrong with its text.
        error: SyntaxError,
    },
    /// A selection pattern is not a regular expression.
    #[error("the selection pattern `{pattern}`: {error}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: regex::Error,
    },
    /// The status code of a response is outside of 100 to 999.
    #[error("{0} is not a status")]
    Status(u16),
}

/// Parses the mapping templates of an integration, which have media types as names.
///
/// # Errors
///
/// [`InvalidIntegration::Template`] for the first template that cannot be parsed.
pub fn templates(
    texts: &IndexMap<String, String>,
) -> Result<Vec<(String, Template)>, InvalidIntegration> {
    let parse = |(media_type, text): (&String, &String)| match Template::parse(text) {
        Ok(template) => Ok((media_type.clone(), template)),
        Err(error) => Err(InvalidIntegration::Template { media_type: media_type.clone(), error }),
    };
    texts.iter().map(parse).collect()
}

/// The selection pattern of a response: a regular expression that the whole text has to match.
///
/// ```
/// use hardcap_velocity::SelectionPattern;
///
/// let pattern = SelectionPattern::parse("4\\d{2}")?;
/// assert!(pattern.is_match("404"));
/// assert!(!pattern.is_match("4040"));
/// # Ok::<(), hardcap_velocity::InvalidIntegration>(())
/// ```
#[derive(Clone, Debug)]
pub struct SelectionPattern(Regex);

impl SelectionPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    ///
    /// [`InvalidIntegration::Pattern`] if it is not a regular expression.
    pub fn parse(pattern: &str) -> Result<SelectionPattern, InvalidIntegration> {
        match Regex::new(&format!(r"\A(?:{pattern})\z")) {
            Ok(regex) => Ok(SelectionPattern(regex)),
            Err(error) => Err(InvalidIntegration::Pattern { pattern: pattern.to_owned(), error }),
        }
    }

    /// Parses a pattern that the start of a text has to match: the validation expression of a token. Observed in AWS SAM CLI
    /// (`lambda_authorizer.py`, read 2026-12-01). UNCONFIRMED: API Gateway itself.
    ///
    /// ```
    /// use hardcap_velocity::SelectionPattern;
    ///
    /// let pattern = SelectionPattern::at_start("ok|Bearer [a-z]+$")?;
    /// assert!(pattern.is_match("okay") && pattern.is_match("Bearer x"));
    /// assert!(!pattern.is_match("not ok") && !pattern.is_match("Bearer 1"));
    /// # Ok::<(), hardcap_velocity::InvalidIntegration>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidIntegration::Pattern`] if it is not a regular expression.
    pub fn at_start(pattern: &str) -> Result<SelectionPattern, InvalidIntegration> {
        SelectionPattern::parse(&format!("(?:{pattern})(?s:.*)"))
    }

    /// Whether the text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}
