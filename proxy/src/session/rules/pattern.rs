//! Paths of rules, and of requests as rules see them.
//!
//! A path is taken apart at its slashes and each segment is decoded then, as Elasticsearch does it. Whether a rule denies is
//! looked at more widely than whether it allows: a deny holds for every spelling that some server might read as the path,
//! an allow for the one spelling alone.

use crate::path::decode;

/// A path of a rule: `/logs-*/_search`, `/{index}/_count`, `/_snapshot/**`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// One segment, with `*` for any part of it.
    Glob(String),
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
    /// Decoded as often as it goes, without parameters, in lower case, split once more.
    loose: Vec<String>,
}

impl Path {
    pub(super) fn of(encoded: &str) -> Path {
        let text =
            |segment: &str| String::from_utf8_lossy(&decode(segment.as_bytes())).into_owned();
        let exact: Vec<String> = segments(encoded).map(text).collect();
        let mut loose = exact.join("/");
        for _ in 0..2 {
            loose = text(&loose);
        }
        let loose = segments(&loose.to_lowercase())
            .map(|segment| segment.split(';').next().unwrap_or_default().trim().to_owned())
            .filter(|segment| !segment.is_empty())
            .collect();
        Path { exact, loose }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\']).filter(|segment| !segment.is_empty())
}

impl Pattern {
    pub(super) fn read(text: &str) -> Result<Pattern, String> {
        let rest = text.strip_prefix('/').ok_or("its path does not begin with `/`")?;
        if text.contains(['%', '?', '#', '\\']) || text.contains("//") {
            return Err("its path is written decoded, and without a query".to_owned());
        }
        let parts =
            rest.split('/').filter(|segment| !segment.is_empty()).map(|segment| match segment {
                "**" => Ok(Part::Rest),
                "{index}" => Ok(Part::Index),
                braces if braces.contains(['{', '}']) => {
                    Err(format!("`{braces}` is not known; `{{index}}` is the only name"))
                }
                doubled if doubled.contains("**") => {
                    Err(format!("`{doubled}`: `**` stands for whole segments"))
                }
                glob => Ok(Part::Glob(glob.to_owned())),
            });
        Ok(Pattern(parts.collect::<Result<_, _>>()?))
    }

    /// Whether everything that the path names is of the pattern: so it is allowed.
    pub(super) fn covers(&self, path: &Path) -> bool {
        matches(&self.0, &path.exact, &|part, segment| match part {
            Part::Index => is_index(segment),
            // What begins with `_` does something of its own; a star does not mean it.
            Part::Glob(glob) if is_operation(segment) => glob == segment,
            Part::Glob(glob) => names(segment).all(|name| glob_matches(glob, name)),
            Part::Rest => true,
        })
    }

    /// Whether anything that the path names may be of the pattern, in some spelling: so it is denied.
    pub(super) fn touches(&self, path: &Path) -> bool {
        matches(&self.0, &path.loose, &|part, segment| match part {
            Part::Index => !is_operation(segment),
            Part::Glob(glob) => {
                let glob = glob.to_lowercase();
                glob_matches(&glob, segment) || names(segment).any(|name| glob_matches(&glob, name))
            }
            Part::Rest => true,
        })
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

/// `*` stands for any characters, none too.
fn glob_matches(glob: &str, text: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else {
        return glob == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (glob, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "abc", true),
            ("a*", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "ab", false),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("*b*b*", "ab", false),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "axxc", false),
            ("é*", "été", true),
        ] {
            assert_eq!(glob_matches(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn a_pattern_that_would_never_match_is_refused() {
        for text in ["logs", "/a?b", "/a%2Fb", "/a//b", "/a**", "/{id}/x", "/a\\b"] {
            assert!(Pattern::read(text).is_err(), "{text}");
        }
        for text in ["/", "/**", "/a*/**/b", "/{index}/_search"] {
            assert!(Pattern::read(text).is_ok(), "{text}");
        }
    }
}
