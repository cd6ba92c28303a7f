//! From a text to a path.

use super::filter::Filter;
use super::{End, Path, Step};

/// The maximum number of filters within filters.
const LEVELS_MAX: usize = 8;

impl Path {
    /// A path; `None` if the text is not one.
    pub(crate) fn parse(text: &str) -> Option<Path> {
        Path::nested(text, LEVELS_MAX)
    }

    pub(super) fn nested(text: &str, levels: usize) -> Option<Path> {
        let levels = levels.checked_sub(1)?;
        let text = text.trim();
        let steps = match text.strip_prefix(['$', '@']) {
            Some("" | ".") => Vec::new(),
            Some(rest) => following(rest, levels)?,
            None if text.is_empty() => return None,
            // Jayway puts `$.` before any other text.
            None if text.starts_with('[') => following(text, levels)?,
            None => following(&format!(".{text}"), levels)?,
        };
        let (steps, end) = ended(steps);
        Some(Path { steps, end })
    }
}

/// A step, or a function, which only the end of a path may have.
enum Parsed {
    Step(Step),
    Length,
}

fn ended(mut parsed: Vec<Parsed>) -> (Vec<Step>, End) {
    let end = match parsed.pop() {
        Some(Parsed::Length) => End::Length,
        Some(Parsed::Step(Step::Members(names))) => End::Members(names),
        Some(step) => {
            parsed.push(step);
            End::Values
        }
        None => End::Values,
    };
    let steps = parsed.into_iter().map(|step| match step {
        Parsed::Step(step) => step,
        // A length has no parts.
        Parsed::Length => Step::Members(Vec::new()),
    });
    (steps.collect(), end)
}

fn following(mut rest: &str, levels: usize) -> Option<Vec<Parsed>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let deep = rest.strip_prefix("..");
        if let Some(after) = deep.or_else(|| rest.strip_prefix('.')) {
            steps.extend(deep.map(|_| Parsed::Step(Step::Deep)));
            rest = after;
            if !rest.starts_with('[') {
                let (step, after) = named(rest)?;
                steps.push(step);
                rest = after;
            }
        } else {
            let inside = rest.strip_prefix('[')?;
            let end = bracket_end(inside)?;
            let step = bracketed(inside[..end].trim(), levels)?;
            let step = match (steps.last(), step) {
                (Some(Parsed::Step(Step::Deep)), Step::Matching(filter)) => {
                    steps.pop();
                    Step::DeepMatching(filter)
                }
                (_, step) => step,
            };
            steps.push(Parsed::Step(step));
            rest = &inside[end + 1..];
        }
    }
    Some(steps)
}

/// A name, `*` or a function at the start of a text.
fn named(text: &str) -> Option<(Parsed, &str)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    Some(match name {
        "*" => (Parsed::Step(Step::All), rest),
        "length()" | "size()" => (Parsed::Length, rest),
        // A name with a space needs brackets.
        name if name.is_empty() || name.contains(' ') => return None,
        name => (Parsed::Step(Step::Member(name.to_owned())), rest),
    })
}

/// The position of the bracket that closes, outside of quotes and inner brackets.
fn bracket_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(') => open += 1,
            (None, ']') if open == 0 => return Some(at),
            (None, ']' | ')') => open = open.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn bracketed(text: &str, levels: usize) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(filter) = text.strip_prefix('?') {
        let filter = filter.trim_start().strip_prefix('(')?.strip_suffix(')')?;
        return Filter::parse(filter, levels).map(Step::Matching);
    }
    if text.starts_with(['\'', '"']) {
        let mut names = names(text)?;
        return Some(match names.len() {
            1 => Step::Member(names.remove(0)),
            _ => Step::Members(names),
        });
    }
    if let Some((first, last)) = text.split_once(':') {
        let number = |text: &str| match text.trim() {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        };
        return Some(Step::Slice(number(first)?, number(last)?));
    }
    let numbers = text.split(',').map(|number| number.trim().parse().ok());
    let numbers = numbers.collect::<Option<Vec<i64>>>()?;
    Some(if let [one] = numbers[..] { Step::Item(one) } else { Step::Items(numbers) })
}

/// Names in quotes, separated by commas.
fn names(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = quoted(rest.trim_start())?;
        names.push(name);
        let after = after.trim_start();
        if after.is_empty() {
            return Some(names);
        }
        rest = after.strip_prefix(',')?;
    }
}

/// The content of a text in single or double quotes at the start of a text, and what follows it. A backslash escapes a character.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let mut characters = text.chars();
    let quote = characters.next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut content = String::new();
    loop {
        match characters.next()? {
            '\\' => content.push(characters.next()?),
            c if c == quote => return Some((content, characters.as_str())),
            c => content.push(c),
        }
    }
}
