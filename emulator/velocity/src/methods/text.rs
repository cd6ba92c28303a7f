//! Methods of `String`. Positions count UTF-16 units in Java, and characters here: they differ only outside of the basic plane.

use regex::Regex;

use super::pattern::{Use, compiled};
use super::{Called, exception, out_of_bounds, position};
use crate::RenderError;
use crate::budget::Budget;
use crate::value::{Kind, Value};

pub(super) fn call(text: &str, name: &str, arguments: &[Value], budget: &mut Budget) -> Called {
    budget.read(text)?;
    let result = match arguments {
        [] => without_arguments(text, name, budget)?,
        [Value::Integer(number)] if name != "compareTo" => {
            at_position(text, name, *number, budget)?
        }
        [Value::Text(other)] => {
            budget.read(other)?;
            with_text(text, name, other, budget)?
        }
        [Value::Integer(from), Value::Integer(to)] => match name {
            "substring" | "subSequence" => {
                Value::text(part(text, name, position(name, *from)?, Some(*to))?)
            }
            _ => Value::Null,
        },
        [Value::Text(from), Value::Text(to)] => match name {
            "replace" => {
                // A text between all characters multiplies the size.
                let places = text.matches(from.as_ref()).count();
                budget.allocate(text.len() + places.saturating_mul(to.len()))?;
                Value::text(text.replace(from.as_ref(), to))
            }
            "replaceAll" => replaced(text, name, from, to, 0, budget)?,
            "replaceFirst" => replaced(text, name, from, to, 1, budget)?,
            _ => Value::Null,
        },
        [Value::Text(other), Value::Integer(number)] => match name {
            "indexOf" => {
                let from = usize::try_from(*number).unwrap_or_default();
                let from = byte_at(text, from).unwrap_or(text.len());
                place(text, text[from..].find(other.as_ref()).map(|at| from + at))
            }
            "lastIndexOf" => {
                let until = usize::try_from(*number).ok();
                let until = until.map(|until| byte_at(text, until).unwrap_or(text.len()));
                let end = until.map(|until| (until + other.len()).min(text.len()));
                place(text, end.and_then(|end| text.get(..end)?.rfind(other.as_ref())))
            }
            "startsWith" => {
                let from = usize::try_from(*number).ok().and_then(|from| byte_at(text, from));
                Value::Bool(from.is_some_and(|from| text[from..].starts_with(other.as_ref())))
            }
            "split" => split(text, name, other, *number, budget)?,
            _ => Value::Null,
        },
        [Value::Text(separator), Value::List(parts)] if name == "join" => {
            let parts = parts.items.borrow();
            budget.items(parts.len())?;
            let texts = parts.iter().map(|part| part.to_text(budget));
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            budget.allocate(texts.len().saturating_mul(separator.len()))?;
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            Value::text(texts.join(separator))
        }
        [value] if name == "valueOf" => Value::Text(value.to_text(budget)?),
        [_] if name == "compareTo" => return Err(exception(name, "the argument is not a text")),
        _ => Value::Null,
    };
    if let Value::Text(result) = &result {
        budget.allocate(result.len())?;
    }
    Ok(result)
}

fn without_arguments(text: &str, name: &str, budget: &mut Budget) -> Called {
    Ok(match name {
        "length" => Value::count(text.chars().count()),
        "isEmpty" => Value::Bool(text.is_empty()),
        "isBlank" => Value::Bool(text.trim().is_empty()),
        "trim" => Value::text(text.trim_matches(|c| c <= ' ')),
        "strip" => Value::text(text.trim()),
        "stripLeading" => Value::text(text.trim_start()),
        "stripTrailing" => Value::text(text.trim_end()),
        "toUpperCase" => Value::text(text.to_uppercase()),
        "toLowerCase" => Value::text(text.to_lowercase()),
        "intern" => Value::text(text),
        "hashCode" => Value::Integer(i64::from(hash_code(text))),
        "toCharArray" => {
            let count = text.chars().count();
            budget.items(count)?;
            budget.allocate(count.saturating_mul(32))?;
            let characters = text.chars().map(|c| Value::text(c.to_string()));
            Value::list(Kind::List, characters.collect())
        }
        _ => Value::Null,
    })
}

fn at_position(text: &str, name: &str, at: i64, budget: &mut Budget) -> Called {
    Ok(match name {
        "charAt" => {
            let c = text.chars().nth(position(name, at)?);
            Value::text(c.ok_or_else(|| out_of_bounds(name, at))?.to_string())
        }
        "codePointAt" => {
            let c = text.chars().nth(position(name, at)?);
            Value::Integer(i64::from(u32::from(c.ok_or_else(|| out_of_bounds(name, at))?)))
        }
        "substring" => Value::text(part(text, name, position(name, at)?, None)?),
        "repeat" => {
            let times = position(name, at)?;
            budget.allocate(text.len().saturating_mul(times))?;
            Value::text(text.repeat(times))
        }
        "valueOf" => Value::text(at.to_string()),
        "indexOf" | "lastIndexOf" => {
            // The code of a character.
            let c = u32::try_from(at).ok().and_then(char::from_u32);
            let found = |c| if name == "indexOf" { text.find(c) } else { text.rfind(c) };
            place(text, c.and_then(found))
        }
        _ => Value::Null,
    })
}

fn with_text(text: &str, name: &str, other: &str, budget: &mut Budget) -> Called {
    Ok(match name {
        "equalsIgnoreCase" => Value::Bool(text.to_lowercase() == other.to_lowercase()),
        "contentEquals" => Value::Bool(text == other),
        "contains" => Value::Bool(text.contains(other)),
        "startsWith" => Value::Bool(text.starts_with(other)),
        "endsWith" => Value::Bool(text.ends_with(other)),
        "concat" => Value::text([text, other].concat()),
        "compareTo" => Value::Integer(order(text, other)),
        "compareToIgnoreCase" => Value::Integer(order(&text.to_lowercase(), &other.to_lowercase())),
        "indexOf" => place(text, text.find(other)),
        "lastIndexOf" => place(text, text.rfind(other)),
        "matches" => Value::Bool(compiled(name, other, Use::Whole, text, budget)?.is_match(text)),
        "split" => split(text, name, other, 0, budget)?,
        "valueOf" => Value::text(other),
        _ => Value::Null,
    })
}

/// The difference of the first units that differ, else of the lengths.
fn order(text: &str, other: &str) -> i64 {
    let mut units = text.encode_utf16().zip(other.encode_utf16());
    match units.find(|(one, two)| one != two) {
        Some((one, two)) => i64::from(one) - i64::from(two),
        None => {
            let length =
                |text: &str| i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX);
            length(text) - length(other)
        }
    }
}

/// A position in bytes as one in characters; -1 for none.
fn place(text: &str, at: Option<usize>) -> Value {
    at.map_or(Value::Integer(-1), |at| Value::count(text[..at].chars().count()))
}

fn byte_at(text: &str, characters: usize) -> Option<usize> {
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.nth(characters)
}

fn part<'t>(
    text: &'t str,
    name: &str,
    from: usize,
    to: Option<i64>,
) -> Result<&'t str, RenderError> {
    let end = match to {
        None => Some(text.len()),
        Some(to) => byte_at(text, position(name, to)?),
    };
    match (byte_at(text, from), end) {
        (Some(from), Some(to)) if from <= to => Ok(&text[from..to]),
        _ => Err(exception(name, "the range is out of bounds")),
    }
}

/// As `replaceAll` of Java: `$1` is a group, and a backslash makes the next character literal.
fn replaced(
    text: &str,
    name: &str,
    pattern: &str,
    to: &str,
    limit: usize,
    budget: &mut Budget,
) -> Called {
    let has_groups = to.contains('$');
    let usage = if has_groups { Use::Groups } else { Use::Find };
    let pattern = compiled(name, pattern, usage, text, budget)?;
    let mut parts = None;
    let mut result = String::new();
    let mut done = 0;
    let mut matches = Matches::default();
    let mut count = 0;
    while let Some(found) = matches.next(&pattern, text).filter(|_| limit == 0 || count < limit) {
        count += 1;
        let before = result.len();
        result.push_str(&text[done..found.start()]);
        // A wrong replacement is an error only where it is needed, as in Java.
        if parts.is_none() {
            parts = Some(replacement(name, to, &pattern)?);
        }
        let groups = has_groups.then(|| pattern.captures_at(text, found.start())).flatten();
        for part in parts.iter().flatten() {
            match part {
                Part::Text(text) => result.push_str(text),
                Part::Group(group) => {
                    let group = groups.as_ref().and_then(|groups| groups.get(*group));
                    result.push_str(group.map_or("", |group| group.as_str()));
                }
            }
        }
        done = found.end();
        budget.spend(1)?;
        budget.allocate(result.len() - before)?;
    }
    result.push_str(&text[done..]);
    Ok(Value::text(result))
}

/// The matches of a pattern. Unlike those of the crate `regex`, an empty match may follow another match at once, as in Java.
#[derive(Debug, Default)]
struct Matches {
    from: usize,
    is_done: bool,
}

impl Matches {
    fn next<'t>(&mut self, pattern: &Regex, text: &'t str) -> Option<regex::Match<'t>> {
        if self.is_done {
            return None;
        }
        let found = pattern.find_at(text, self.from)?;
        self.from = found.end();
        if found.is_empty() {
            match text[self.from..].chars().next() {
                Some(next) => self.from += next.len_utf8(),
                None => self.is_done = true,
            }
        }
        Some(found)
    }
}

/// A part of a replacement.
enum Part {
    Text(String),
    Group(usize),
}

fn replacement(name: &str, to: &str, pattern: &Regex) -> Result<Vec<Part>, RenderError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut characters = to.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some(next) => literal.push(next),
                None => return Err(exception(name, "the replacement ends with a backslash")),
            },
            '$' => {
                let digit = |c: Option<&char>| c.and_then(|c| c.to_digit(10));
                let Some(first) = digit(characters.peek()) else {
                    return Err(exception(name, "the replacement has a `$` without a group"));
                };
                characters.next();
                let mut group = first as usize;
                if group >= pattern.captures_len() {
                    return Err(exception(name, &format!("the pattern has no group {group}")));
                }
                // More digits belong to the group if there is one of that number.
                while let Some(next) = digit(characters.peek()) {
                    let longer = group * 10 + next as usize;
                    if longer >= pattern.captures_len() {
                        break;
                    }
                    group = longer;
                    characters.next();
                }
                parts.push(Part::Text(std::mem::take(&mut literal)));
                parts.push(Part::Group(group));
            }
            c => literal.push(c),
        }
    }
    parts.push(Part::Text(literal));
    Ok(parts)
}

/// As `split` of Java: without a limit, empty parts at the end are left out.
fn split(text: &str, name: &str, pattern: &str, limit: i64, budget: &mut Budget) -> Called {
    let pattern = compiled(name, pattern, Use::Find, text, budget)?;
    let max = usize::try_from(limit).ok().filter(|max| *max > 0).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let mut done = 0;
    let mut matches = Matches::default();
    while let Some(found) = matches.next(&pattern, text) {
        if parts.len() + 1 >= max {
            break;
        }
        budget.spend(1)?;
        // Java gives no empty part for a match of no characters at the start, and none at the end.
        if found.end() == 0 || (found.is_empty() && found.start() == text.len()) {
            continue;
        }
        parts.push(&text[done..found.start()]);
        done = found.end();
    }
    parts.push(&text[done..]);
    if limit == 0 && parts.len() > 1 {
        let used = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |at| at + 1);
        parts.truncate(used);
    }
    budget.items(parts.len())?;
    budget.allocate(text.len() + parts.len().saturating_mul(32))?;
    Ok(Value::list(Kind::List, parts.into_iter().map(Value::text).collect()))
}

fn hash_code(text: &str) -> i32 {
    let units = text.encode_utf16();
    units.fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}
