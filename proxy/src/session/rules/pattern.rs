//! Paths of rules, and of requests as rules see them.
//!
//! A path is taken apart at its slashes and each segment is decoded then, as Elasticsearch does it. Whether a rule denies is
//! looked at more widely than whether it allows: a deny holds for every spelling that some server might read as the path,
//! an allow for the one spelling alone.

use super::reach::{Reach, Spelling};
use crate::glob;
use crate::path::decode;

/// A path of a rule: `/logs-*/_search`, `/{index}/_count`, `/_snapshot/**`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// One segment, with `*` for any part of it.
    Glob(String),
    /// The first segment where it names indices: a set of them.
    Indices(String),
    /// `{index}`: names of indices, and none of an operation.
    Index,
    /// `**`: any number of segments, none too.
    Rest,
}

/// The path of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Decoded once.
    exact: Vec<String>,
    /// Decoded once, in lower case.
    lower: Vec<String>,
    /// Decoded as often as it goes, without parameters, in lower case, split once more.
    loose: Vec<String>,
    /// Whether `loose` differs from `exact`.
    spelling: Spelling,
    /// What the path reaches, where its first segment is an operation.
    elsewhere: Reach,
    /// Whether a segment may mean something else to a server that decodes it again.
    is_ambiguous: bool,
    /// Whether a segment behind the first holds an encoded slash.
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
    /// Reads a path. `below` are the segments that stand before it, where it is one of a page.
    pub(super) fn read(below: Option<&[String]>, text: &str) -> Result<Pattern, String> {
        let rest = text.strip_prefix('/').ok_or("its path does not begin with `/`")?;
        if text.contains(['%', '?', '#', '\\']) || text.contains("//") {
            return Err("its path is written decoded, and without a query".to_owned());
        }
        let segments = rest.split('/').filter(|segment| !segment.is_empty());
        let mut parts = segments.map(part).collect::<Result<Vec<Part>, String>>()?;
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

    /// Whether everything that the path names is of the pattern: so it is allowed.
    pub(super) fn covers(&self, path: &Path) -> bool {
        !path.is_ambiguous
            && matches(&self.0, &path.exact, &|part, segment| match part {
                Part::Index => is_index(segment),
                // What begins with `_` does something of its own; a star does not mean it.
                Part::Glob(glob) | Part::Indices(glob) if is_operation(segment) => glob == segment,
                Part::Glob(glob) | Part::Indices(glob) => {
                    names(segment).all(|name| glob::matches(glob, name))
                }
                Part::Rest => true,
            })
    }

    /// Whether anything that the path names may be of the pattern, in some spelling: so it is denied.
    pub(super) fn touches(&self, path: &Path) -> bool {
        self.meets(path, &Reach::may_touch)
    }

    /// Whether the path itself names an index of the pattern, and not by a wildcard that most indices match.
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
        // A rule about all that concerns an index concerns what names it elsewhere, too.
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
    /// Whether some server may take the path apart at more slashes than another.
    pub(super) fn has_inner_slash(&self) -> bool {
        self.has_inner_slash
    }
}

fn part(segment: &str) -> Result<Part, String> {
    match segment {
        "**" => Ok(Part::Rest),
        "{index}" => Ok(Part::Index),
        braces if braces.contains(['{', '}']) => Err(format!(
            "`{braces}` is not known; `{{index}}`, and `{{dashboards}}` at the start, are the only names"
        )),
        doubled if doubled.contains("**") => {
            Err(format!("`{doubled}`: `**` stands for whole segments"))
        }
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

/// `_search` and its like; `_all` is a name of indices.
fn is_operation(segment: &str) -> bool {
    segment.starts_with('_') && segment != "_all"
}

/// Names of indices, as they stand in the first segment. A slash belongs to date math, `<logs-{now/d}>`, or to nothing.
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

/// A segment may name several things at once.
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
