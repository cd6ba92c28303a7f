//! Regular expressions of Java, by those of the crate `regex`.
//!
//! Not supported: lookahead, lookbehind, back references, possessive quantifiers and atomic groups. The crate needs linear time, and
//! these do not have it.

use regex::{Regex, RegexBuilder};

use super::exception;
use crate::RenderError;
use crate::budget::Budget;

/// The maximum size of a compiled pattern in bytes.
const PATTERN_MAX: usize = 1 << 18;
/// The maximum length of a pattern in bytes.
const LENGTH_MAX: usize = 4_096;

/// What a pattern will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Match a whole text.
    Whole,
    /// Find the places of matches.
    Find,
    /// Find the places of groups, which takes much longer.
    Groups,
}

/// A pattern that will read a text.
pub(super) fn compiled(
    name: &str,
    pattern: &str,
    usage: Use,
    text: &str,
    budget: &mut Budget,
) -> Result<Regex, RenderError> {
    // The time is at most proportional to the size of the pattern, repetitions unrolled, times the length of the text.
    let weight = weight(pattern);
    budget.spend(64 + weight / 2)?;
    budget.spend(match usage {
        Use::Whole | Use::Find => (text.len() / 64).saturating_mul(1 + weight / 8),
        Use::Groups => (text.len() / 16).saturating_mul(1 + weight),
    })?;
    let invalid = || exception(name, &format!("the pattern \"{pattern}\" is not supported"));
    if pattern.len() > LENGTH_MAX {
        return Err(invalid());
    }
    let java = ascii_classes(pattern);
    let java = if usage == Use::Whole { format!(r"\A(?:{java})\z") } else { java };
    let mut builder = RegexBuilder::new(&java);
    builder.size_limit(PATTERN_MAX).dfa_size_limit(PATTERN_MAX).nest_limit(50);
    builder.build().map_err(|_| invalid())
}

/// The size of a pattern in which each repetition of a group may repeat its content.
pub(crate) fn weight(pattern: &str) -> usize {
    let mut weight = pattern.len();
    for part in pattern.split('{').skip(1) {
        let bounds = part.split('}').next().unwrap_or_default();
        let times = bounds.split(',').filter_map(|bound| bound.trim().parse::<usize>().ok()).max();
        weight = weight.saturating_mul(times.unwrap_or(1).max(1));
    }
    weight.min(1 << 20)
}

/// The pattern with `\d`, `\w`, `\s` and `\b` of ASCII, which they are in Java.
fn ascii_classes(pattern: &str) -> String {
    let mut java = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let mut class_depth = 0_usize;
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                let next = characters.next();
                let within = match next {
                    Some('d') => "0-9",
                    Some('w') => "0-9A-Za-z_",
                    Some('s') => r" \t\n\x0B\f\r",
                    Some('D') => "^0-9",
                    Some('W') => "^0-9A-Za-z_",
                    Some('S') => r"^ \t\n\x0B\f\r",
                    Some('b') if class_depth == 0 => {
                        java.push_str(r"(?-u:\b)");
                        continue;
                    }
                    Some('Z') if class_depth == 0 => {
                        java.push_str(r"\z");
                        continue;
                    }
                    // A quotation: `\Q…\E`.
                    Some('Q') => {
                        let rest = characters.as_str();
                        let end = rest.find(r"\E").unwrap_or(rest.len());
                        java.push_str(&regex::escape(&rest[..end]));
                        characters = rest.get(end + 2..).unwrap_or_default().chars();
                        continue;
                    }
                    Some(other) => {
                        java.push('\\');
                        java.push(other);
                        continue;
                    }
                    None => {
                        java.push('\\');
                        continue;
                    }
                };
                java.push('[');
                java.push_str(within);
                java.push(']');
            }
            c => {
                match c {
                    '[' => class_depth += 1,
                    ']' => class_depth = class_depth.saturating_sub(1),
                    _ => {}
                }
                java.push(c);
            }
        }
    }
    java
}
