//! Methods of `String`. Positions count UTF-16 units in Java, and characters here: they differ only outside of the basic plane.

use regex::Regex;

use super::{integer, position};
use crate::value::Value;

/// The maximum size of a compiled pattern in bytes. A pattern that is larger matches nothing.
const PATTERN_MAX: usize = 1 << 20;

pub(super) fn call(text: &str, name: &str, arguments: &[Value]) -> Value {
    let texts: Vec<String> = arguments.iter().map(Value::to_text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    match (name, texts.as_slice(), arguments) {
        ("length" | "size", [], _) => integer(text.chars().count()),
        ("isEmpty", [], _) => Value::Bool(text.is_empty()),
        ("isBlank", [], _) => Value::Bool(text.trim().is_empty()),
        ("trim" | "strip", [], _) => Value::text(text.trim()),
        ("toUpperCase", [], _) => Value::text(text.to_uppercase()),
        ("toLowerCase", [], _) => Value::text(text.to_lowercase()),
        ("hashCode", [], _) => Value::Integer(i64::from(hash_code(text))),
        ("equalsIgnoreCase", [other], _) => {
            Value::Bool(text.to_lowercase() == other.to_lowercase())
        }
        ("contains", [part], _) => Value::Bool(text.contains(part)),
        ("startsWith", [part], _) => Value::Bool(text.starts_with(part)),
        ("endsWith", [part], _) => Value::Bool(text.ends_with(part)),
        ("concat", [other], _) => Value::text(format!("{text}{other}")),
        ("compareTo", [other], _) => Value::Integer(text.cmp(other) as i64),
        ("indexOf", [part], _) => place(text, text.find(part)),
        ("indexOf", [part, _], [_, from]) => {
            let from = byte_at(text, position(from).unwrap_or_default()).unwrap_or(text.len());
            place(text, text[from..].find(part).map(|at| from + at))
        }
        ("lastIndexOf", [part], _) => place(text, text.rfind(part)),
        ("charAt", [_], [at]) => {
            let c = position(at).and_then(|at| text.chars().nth(at));
            c.map_or(Value::Null, |c| Value::text(c.to_string()))
        }
        ("substring", [_], [from]) => substring(text, position(from), Some(usize::MAX)),
        ("substring" | "subSequence", [_, _], [from, to]) => {
            substring(text, position(from), position(to))
        }
        ("replace", [from, to], _) => Value::text(text.replace(from, to)),
        ("replaceAll", [pattern, to], _) => replaced(text, pattern, to, 0),
        ("replaceFirst", [pattern, to], _) => replaced(text, pattern, to, 1),
        ("matches", [pattern], _) => {
            let whole = compiled(&format!(r"\A(?:{pattern})\z"));
            whole.map_or(Value::Null, |pattern| Value::Bool(pattern.is_match(text)))
        }
        ("split", [pattern], _) => split(text, pattern, 0),
        ("split", [pattern, _], [_, Value::Integer(limit)]) => split(text, pattern, *limit),
        ("toCharArray", [], _) => {
            Value::list(text.chars().map(|c| Value::text(c.to_string())).collect())
        }
        _ => Value::Null,
    }
}

fn compiled(pattern: &str) -> Option<Regex> {
    regex::RegexBuilder::new(pattern).size_limit(PATTERN_MAX).build().ok()
}

/// A position in bytes as one in characters; -1 for none.
fn place(text: &str, at: Option<usize>) -> Value {
    at.map_or(Value::Integer(-1), |at| integer(text[..at].chars().count()))
}

fn byte_at(text: &str, characters: usize) -> Option<usize> {
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.nth(characters)
}

fn substring(text: &str, from: Option<usize>, to: Option<usize>) -> Value {
    let (Some(from), Some(to)) = (from, to) else { return Value::Null };
    let end = if to == usize::MAX { Some(text.len()) } else { byte_at(text, to) };
    match (byte_at(text, from), end) {
        (Some(from), Some(to)) if from <= to => Value::text(&text[from..to]),
        // Java throws; the reference has no value.
        _ => Value::Null,
    }
}

/// As `replaceAll` of Java: `$1` is a group, and a backslash makes the next character literal.
fn replaced(text: &str, pattern: &str, to: &str, limit: usize) -> Value {
    let Some(pattern) = compiled(pattern) else { return Value::Null };
    let mut replacement = String::with_capacity(to.len());
    let mut characters = to.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('$') => replacement.push_str("$$"),
                Some(next) => replacement.push(next),
                None => {}
            },
            '$' if characters.peek().is_some_and(char::is_ascii_digit) => {
                let digit = characters.next().unwrap_or('0');
                replacement.push_str(&format!("${{{digit}}}"));
            }
            '$' => replacement.push_str("$$"),
            c => replacement.push(c),
        }
    }
    Value::text(pattern.replacen(text, limit, replacement).into_owned())
}

/// As `split` of Java: without a limit, empty parts at the end are left out.
fn split(text: &str, pattern: &str, limit: i64) -> Value {
    let Some(pattern) = compiled(pattern) else { return Value::Null };
    let mut parts: Vec<&str> = match usize::try_from(limit) {
        Ok(limit) if limit > 0 => pattern.splitn(text, limit).collect(),
        _ => pattern.split(text).collect(),
    };
    // Java gives no empty part before a match of no characters at the start.
    if parts.len() > 1 && parts[0].is_empty() && pattern.find(text).is_some_and(|it| it.end() == 0)
    {
        parts.remove(0);
    }
    if limit == 0 && parts.len() > 1 {
        let used = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |at| at + 1);
        parts.truncate(used);
    }
    Value::list(parts.into_iter().map(Value::text).collect())
}

fn hash_code(text: &str) -> i32 {
    let units = text.encode_utf16();
    units.fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}
