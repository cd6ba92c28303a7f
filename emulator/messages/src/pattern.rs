//! Patterns of events: which event a rule of EventBridge, a filter policy of SNS or a filter of an event source selects. Pure.
//!
//! A pattern is read once by [`Pattern::parse`], which refuses what AWS refuses, in AWS's words; [`Pattern::matches`] then tests a
//! JSON value. The semantics are those of AWS's own library Event Ruler (github.com/aws/event-ruler, version 1.8).

mod compile;
mod expression;
mod matcher;
mod number;
mod reader;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use self::matcher::Matcher;

/// A pattern that was read.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The pattern selects a value if one branch does: each `$or` multiplies the branches.
    branches: Vec<Branch>,
}

/// The fields that must all match, by their paths: names joined by dots.
type Branch = BTreeMap<Arc<str>, Arc<[Matcher]>>;

/// The reason why AWS refuses a pattern, in the words of its library, with the place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    message: String,
    place: Option<Place>,
    is_syntax: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// The quoted text of the pattern.
    source: String,
    line: usize,
    column: usize,
}

impl PatternError {
    fn without_place(message: impl Into<String>) -> PatternError {
        PatternError { message: message.into(), place: None, is_syntax: false }
    }

    /// Whether the text is not JSON.
    pub fn is_syntax(&self) -> bool {
        self.is_syntax
    }

    /// The reason with the place, but without the text of the pattern, as newer versions of AWS's library name it.
    pub fn without_source(&self) -> String {
        let Some(Place { line, column, .. }) = &self.place else { return self.message.clone() };
        format!(
            "{}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]",
            self.message
        )
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.place {
            Some(Place { source, line, column }) => {
                write!(f, "\n at [Source: (String){source}; line: {line}, column: {column}]")
            }
            None => Ok(()),
        }
    }
}

impl std::error::Error for PatternError {}

/// The service whose version of the library reads the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// EventBridge, and the filters of event sources.
    EventBridge,
    /// SNS: below `anything-but` it accepts `prefix` only (LocalStack's snapshots of AWS, recorded 2024-05-15).
    Sns,
}

/// A field that a value must have below the current place.
#[derive(Clone, Copy, Debug)]
struct Wanted<'p> {
    /// The rest of the field's path; `None`: the value itself is the field.
    path: Option<&'p str>,
    matchers: &'p [Matcher],
}

impl Pattern {
    /// Reads the JSON text of a pattern of EventBridge or of an event source.
    ///
    /// # Errors
    ///
    /// The reason that AWS gives after `Event pattern is not valid. Reason: `.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        Pattern::parse_as(Dialect::EventBridge, text)
    }

    /// Reads the JSON text of a pattern in the dialect of a service.
    ///
    /// # Errors
    ///
    /// The reason in the words of AWS's library.
    pub fn parse_as(dialect: Dialect, text: &str) -> Result<Pattern, PatternError> {
        compile::compile(dialect, text).map(|branches| Pattern { branches })
    }

    /// The number of combinations that `$or` makes of the pattern, and the largest number of fields of one.
    pub(crate) fn size(&self) -> (usize, usize) {
        let widest = self.branches.iter().map(BTreeMap::len).max();
        (self.branches.len(), widest.unwrap_or_default())
    }

    /// Whether the pattern selects a JSON value. Only an object can match.
    pub fn matches(&self, value: &Value) -> bool {
        let Value::Object(members) = value else { return false };
        self.branches.iter().any(|branch| branch_matches(branch, members))
    }
}

fn branch_matches(branch: &Branch, members: &Map<String, Value>) -> bool {
    let is_satisfied_by_absence = |path: &str, matchers: &[Matcher]| {
        matchers.iter().any(|it| matches!(it, Matcher::Absent)) && !has_field(members, path)
    };
    let wanted: Vec<Wanted<'_>> = branch
        .iter()
        .filter(|(path, matchers)| !is_satisfied_by_absence(path, matchers))
        .map(|(path, matchers)| Wanted { path: Some(path), matchers })
        .collect();
    members_match(members, &wanted)
}

/// The members through which a path can go, each with the rest of the path behind it. Names may contain dots themselves.
fn steps<'v, 'p>(
    members: &'v Map<String, Value>,
    path: &'p str,
) -> impl Iterator<Item = (&'v String, &'v Value, Option<&'p str>)> {
    let dots = path.match_indices('.').map(|(at, _)| (&path[..at], Some(&path[at + 1..])));
    dots.chain([(path, None)]).filter_map(|(name, rest)| {
        members.get_key_value(name).map(|(name, value)| (name, value, rest))
    })
}

/// Whether a value has a field with this path anywhere. Objects and empty arrays are not fields.
fn has_field(members: &Map<String, Value>, path: &str) -> bool {
    fn is_there(value: &Value, path: Option<&str>) -> bool {
        match (value, path) {
            (Value::Array(items), _) => items.iter().any(|item| is_there(item, path)),
            (Value::Object(members), Some(path)) => has_field(members, path),
            (Value::Object(_), None) => false,
            (_, path) => path.is_none(),
        }
    }
    steps(members, path).any(|(_, value, rest)| is_there(value, rest))
}

/// Whether an object has all wanted fields.
fn members_match(members: &Map<String, Value>, wanted: &[Wanted<'_>]) -> bool {
    let mut below: BTreeMap<&str, (&Value, Vec<Wanted<'_>>)> = BTreeMap::new();
    for want in wanted {
        let Some(path) = want.path else { return false };
        let mut ways =
            steps(members, path).map(|(name, value, path)| (name, value, Wanted { path, ..*want }));
        match (ways.next(), ways.next()) {
            (None, _) => return false,
            (Some((name, value, want)), None) => {
                below.entry(name).or_insert((value, Vec::new())).1.push(want);
            }
            // Two names of the object begin the path, one of them with a dot. Such a field is tested alone.
            (Some(first), Some(second)) => {
                let mut ways = [first, second].into_iter().chain(ways);
                if !ways.any(|(_, value, want)| value_matches(value, &[want])) {
                    return false;
                }
            }
        }
    }
    below.values().all(|(value, wanted)| value_matches(value, wanted))
}

/// Whether a value has all wanted fields. The fields below one array must all be in the same element of it.
fn value_matches(value: &Value, wanted: &[Wanted<'_>]) -> bool {
    match value {
        Value::Object(members) => members_match(members, wanted),
        Value::Array(items) => {
            let is_matched = |want: &&Wanted<'_>| {
                want.path.is_none()
                    && items.iter().any(|item| is_field(item) && is_selected(item, want))
            };
            let rest: Vec<Wanted<'_>> =
                wanted.iter().filter(|want| !is_matched(want)).copied().collect();
            rest.is_empty()
                || items.iter().any(|item| !is_field(item) && value_matches(item, &rest))
        }
        value => wanted.iter().all(|want| want.path.is_none() && is_selected(value, want)),
    }
}

fn is_field(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

fn is_selected(value: &Value, want: &Wanted<'_>) -> bool {
    want.matchers.iter().any(|matcher| matcher.matches(value))
}

#[cfg(test)]
mod tests;
