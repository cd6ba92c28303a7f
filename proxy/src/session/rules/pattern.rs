//! The path patterns of rules, and the paths of requests that they are compared with.
//!
//! A path is split at its slashes, and then each segment is decoded, as Elasticsearch does. A denying rule matches every spelling
//! that a server might read as the path; an allowing rule matches only the one spelling.

use super::reach::{Reach, Spelling};
use crate::glob;
use crate::path::decode;

/// Why a pattern is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    #[error("its path does not begin with `/`")]
    NotAbsolute,
    #[error("its path must be decoded and without a query")]
    Encoded,
    #[error("`{0}` is unknown; use `{{index}}`, or `{{dashboards}}` at the start")]
    UnknownName(String),
    #[error("`{0}`: `**` must be a whole segment")]
    InnerRest(String),
}

/// The path pattern of a rule: `/logs-*/_search`, `/{index}/_count`, `/_snapshot/**`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// One segment; `*` matches any part of it.
    Glob(String),
    /// The first segment, if it names indices: a set of them.
    Indices(String),
    /// `{index}`: names of indices, but not of an operation.
    Index,
    /// `**`: any number of segments.
    Rest,
}

/// The path of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Decoded once.
    exact: Vec<String>,
    /// Decoded once, in lower case.
    lower: Vec<String>,
    /// Decoded repeatedly, without parameters, in lower case, and split again.
    loose: Vec<String>,
    /// Whether `loose` differs from `exact`.
    spelling: Spelling,
    /// The indices that the path reaches, if its first segment is an operation.
    elsewhere: Reach,
    /// Whether a server that decodes again may read a segment differently.
    is_ambiguous: bool,
    /// Whether a segment after the first contains an encoded slash.
    has_inner_slash: bool,
}

impl Path {
    pub(super) fn of(encoded: &str, dashboards: &[Vec<String>], reads: bool) -> Path {
        let text =
            |segment: &str| String::from_utf8_lossy(&decode(segment.as_bytes())).into_owned();
        let exact: Vec<String> = segments(encoded).map(text).collect();
        let mut loose = exact.join("/");
        for _ in 0..2 {
            loose = text(&loose);
        }
        let loose: Vec<String> = segments(&loose.to_lowercase())
            .map(|segment| segment.split(';').next().unwrap_or_default().trim().to_owned())
            .filter(|segment| !segment.is_empty())
            .collect();
        let spelling = if loose == exact { Spelling::AsSent } else { Spelling::Widened };
        let reach = Reach::of(&loose, spelling, dashboards, reads);
        let names_first = loose.first().is_some_and(|first| !is_operation(first));
        Path {
            lower: exact.iter().map(|segment| segment.to_lowercase()).collect(),
            is_ambiguous: exact.iter().any(|segment| text(segment) != *segment),
            has_inner_slash: exact.iter().skip(1).any(|segment| segment.contains('/')),
            elsewhere: if names_first && matches!(reach, Reach::Named(_)) {
                Reach::Nothing
            } else {
                reach
            },
            exact,
            loose,
            spelling,
        }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\']).filter(|segment| !segment.is_empty())
}

impl Pattern {
    /// Reads a pattern. `below` are the segments before it, for a path of Kibana or Dashboards.
    pub(super) fn read(below: Option<&[String]>, text: &str) -> Result<Pattern, PatternError> {
        let rest = text.strip_prefix('/').ok_or(PatternError::NotAbsolute)?;
        if text.contains(['%', '?', '#', '\\']) || text.contains("//") {
            return Err(PatternError::Encoded);
        }
        let segments = rest.split('/').filter(|segment| !segment.is_empty());
        let mut parts = segments.map(part).collect::<Result<Vec<Part>, PatternError>>()?;
        match (below, parts.first_mut()) {
            (Some(below), _) => {
                let below = below.iter().map(|segment| Part::Glob(segment.clone()));
                parts = below.chain(parts).collect();
            }
            (None, Some(Part::Glob(first))) if !is_operation(first) => {
                parts[0] = Part::Indices(std::mem::take(first));
            }
            (None, _) => {}
        }
        Ok(Pattern(parts))
    }

    /// Whether the pattern covers everything that the path names, which an allowing rule requires.
    pub(super) fn covers(&self, path: &Path) -> bool {
        !path.is_ambiguous
            && matches(&self.0, &path.exact, &|part, segment| match part {
                Part::Index => is_index(segment),
                // A segment that begins with `_` is an operation; a star does not match it.
                Part::Glob(glob) | Part::Indices(glob) if is_operation(segment) => glob == segment,
                Part::Glob(glob) | Part::Indices(glob) => {
                    names(segment).all(|name| glob::matches(glob, name))
                }
                Part::Rest => true,
            })
    }

    /// Whether the pattern matches anything that the path names, in some spelling, which a denying rule requires.
    pub(super) fn touches(&self, path: &Path) -> bool {
        self.meets(path, &Reach::may_touch)
    }

    /// Whether the path itself names an index of the pattern, other than by a wildcard that matches most indices.
    pub(super) fn is_named_by(&self, path: &Path) -> bool {
        self.meets(path, &Reach::names)
    }

    fn meets(&self, path: &Path, reaches: &dyn Fn(&Reach, &str) -> bool) -> bool {
        let fits = |part: &Part, segment: &str| match part {
            Part::Index => !is_operation(segment),
            Part::Glob(glob) => {
                let glob = glob.to_lowercase();
                glob::matches(&glob, segment)
                    || names(segment).any(|name| glob::matches(&glob, name))
            }
            Part::Indices(glob) => {
                let named = Reach::of(&[segment.to_owned()], path.spelling, &[], false);
                matches!(named, Reach::Named(_)) && reaches(&named, &glob.to_lowercase())
            }
            Part::Rest => true,
        };
        // A rule about a whole index also applies to paths that name the index elsewhere.
        let elsewhere = match self.0.as_slice() {
            [Part::Indices(glob)] | [Part::Indices(glob), Part::Rest] => {
                reaches(&path.elsewhere, &glob.to_lowercase())
            }
            _ => false,
        };
        elsewhere || matches(&self.0, &path.loose, &fits) || matches(&self.0, &path.lower, &fits)
    }
}

impl Path {
    /// Whether servers may split the path at different slashes.
    pub(super) fn has_inner_slash(&self) -> bool {
        self.has_inner_slash
    }
}

fn part(segment: &str) -> Result<Part, PatternError> {
    match segment {
        "**" => Ok(Part::Rest),
        "{index}" => Ok(Part::Index),
        braces if braces.contains(['{', '}']) => Err(PatternError::UnknownName(braces.to_owned())),
        doubled if doubled.contains("**") => Err(PatternError::InnerRest(doubled.to_owned())),
        glob => Ok(Part::Glob(glob.to_owned())),
    }
}

fn matches(parts: &[Part], segments: &[String], fits: &dyn Fn(&Part, &str) -> bool) -> bool {
    match (parts.split_first(), segments.split_first()) {
        (None, None) => true,
        (Some((Part::Rest, rest)), None) => matches(rest, segments, fits),
        (Some((Part::Rest, rest)), Some((_, left))) => {
            matches(rest, segments, fits) || matches(parts, left, fits)
        }
        (Some((part, rest)), Some((segment, left))) => {
            fits(part, segment) && matches(rest, left, fits)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Whether a segment is an operation such as `_search`; `_all` is a name of indices.
fn is_operation(segment: &str) -> bool {
    segment.starts_with('_') && segment != "_all"
}

/// Whether the first segment of a path contains names of indices. A slash is valid only in date math, `<logs-{now/d}>`.
fn is_index(segment: &str) -> bool {
    let mut depth = 0_u32;
    let slash_outside = segment.chars().any(|character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == '/' && depth == 0
    });
    !slash_outside && names(segment).all(|name| !name.is_empty() && !is_operation(name))
}

/// The names in a segment, which may be a list.
fn names(segment: &str) -> impl Iterator<Item = &str> {
    segment.split(',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_would_never_match_is_refused() {
        for text in ["logs", "/a?b", "/a%2Fb", "/a//b", "/a**", "/{id}/x", "/a\\b"] {
            assert!(Pattern::read(None, text).is_err(), "{text}");
        }
        for text in ["/", "/**", "/a*/**/b", "/{index}/_search"] {
            assert!(Pattern::read(None, text).is_ok(), "{text}");
        }
    }
}
