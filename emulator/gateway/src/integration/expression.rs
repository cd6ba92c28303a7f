//! Parameters of an HTTP API's actions: texts with `$request.…`, `$context.…` and `$stageVariables.…`.
//!
//! Source: developer guide, "Create AWS service integrations for HTTP APIs" and "Transform API requests and responses for HTTP
//! APIs", read 2026-11-30. A variable may have braces. A text may contain several.

use std::borrow::Cow;

use hardcap_velocity::json_path;
use serde_json::Value;

use super::prefix;
use crate::values::{Values, joined, text_of};

/// The request that expressions read.
pub(super) struct Source<'r> {
    pub(super) values: &'r Values,
    pub(super) body: &'r [u8],
    /// The bytes of the body that a path into it sees.
    pub(super) selectable: usize,
}

/// The value of a parameter; `None` if a variable in it has no value.
pub(super) fn evaluate(text: &str, source: &Source<'_>) -> Option<String> {
    if let Some(name) = whole(text) {
        return variable(name, source);
    }
    let mut value = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        value.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, next) = match braced {
            Some((name, next)) => (name, next),
            None => after.split_at(length_of_name(after)),
        };
        if is_variable(name) {
            value.push_str(&variable(name, source)?);
            rest = next;
        } else {
            value.push('$');
            rest = after;
        }
    }
    value.push_str(rest);
    Some(value)
}

/// The name of the variable that is the whole text: a JSONPath may contain any character.
fn whole(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix('$')?;
    let name = match name.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?,
        None => name,
    };
    let is_one = !name.contains(['$', '{', '}', ' ', '\n']);
    (is_one && is_variable(name)).then_some(name)
}

fn is_variable(name: &str) -> bool {
    name == "request.body"
        || name == "request.path"
        || ["request.", "context.", "stageVariables."]
            .iter()
            .any(|known| name.strip_prefix(known).is_some_and(|rest| !rest.is_empty()))
}

/// The length of a variable's name without braces at the start of a text. A dot belongs to it if more of the name follows.
fn length_of_name(text: &str) -> usize {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '[' | ']');
    let name = &text[..text.find(|c| !in_name(c)).unwrap_or(text.len())];
    name.trim_end_matches(['.', '-']).len()
}

fn variable(name: &str, source: &Source<'_>) -> Option<String> {
    let values = source.values;
    if name == "request.body" {
        return Some(String::from_utf8_lossy(source.body).into_owned());
    }
    if name == "request.path" {
        return values.of_context("path");
    }
    if let Some(name) = name.strip_prefix("context.") {
        return values.of_context(name);
    }
    if let Some(name) = name.strip_prefix("stageVariables.") {
        return values.api.stage_variables.get(name).cloned();
    }
    let (place, name) = name.strip_prefix("request.")?.split_once('.')?;
    match place {
        "header" => values.all_of_header(name),
        "querystring" => joined(values.all_of_query(name).into_iter()),
        "path" => {
            let value = values.path.iter().find(|(known, _)| known == name);
            value.map(|(_, value)| value.clone())
        }
        "body" => of_body(name, source),
        _ => None,
    }
}

/// The part of the body that a path selects. Official: recursive descent and filters are not supported.
fn of_body(path: &str, source: &Source<'_>) -> Option<String> {
    if path.contains("..") || path.contains("?(") {
        return None;
    }
    let seen: Cow<'_, [u8]> = match source.body.get(..source.selectable) {
        Some(cut) if source.body.len() > source.selectable => prefix::closed(cut).into(),
        _ => source.body.into(),
    };
    let value: Value = serde_json::from_slice(&seen).ok()?;
    text_of(&json_path(&value, &format!("$.{path}")).ok().flatten()?)
}
