//! JSONPath in the dialect of Jayway's library, which API Gateway uses.
//!
//! A definite path selects one value, or nothing. A path with a wildcard, a filter, a slice, several indexes or `..` selects a list.
//! The crates for JSONPath follow RFC 9535 instead, in which every path selects a list and there is no `length()`.

mod filter;
mod parse;

use serde_json::{Map, Value};

use crate::RenderError;
use crate::budget::{Budget, MEMBER_SIZE};
use filter::Filter;

/// The error of a path that selects nothing because of itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text is not a path.
    #[error("`{0}` is not a JSONPath")]
    Syntax(String),
    /// The path selects more than any body of a gateway has.
    #[error("the JSONPath `{0}` visits or selects too much")]
    Size(String),
}

/// Selects a part of a value.
///
/// ```
/// use hardcap_velocity::json_path;
/// use serde_json::json;
///
/// let order = json!({"items": [{"id": 1}, {"id": 2}]});
/// assert_eq!(json_path(&order, "$.items[0].id")?, Some(json!(1)));
/// assert_eq!(json_path(&order, "$.items[*].id")?, Some(json!([1, 2])));
/// assert_eq!(json_path(&order, "$.missing")?, None);
/// # Ok::<(), hardcap_velocity::PathError>(())
/// ```
///
/// # Errors
///
/// [`PathError`] if the text is not a path, or selects too much.
pub fn json_path(value: &Value, path: &str) -> Result<Option<Value>, PathError> {
    let parsed = Path::parse(path).ok_or_else(|| PathError::Syntax(path.to_owned()))?;
    let mut budget = Budget::new();
    let selected = parsed.select(value, &mut budget);
    let copied = selected.and_then(|it| it.map(|it| it.copied(&mut budget)).transpose());
    copied.map_err(|_| PathError::Size(path.to_owned()))
}

/// A path.
#[derive(Debug)]
pub(crate) struct Path {
    steps: Vec<Step>,
    end: End,
}

/// What a path does with the values that its steps select.
#[derive(Debug)]
enum End {
    /// Nothing more.
    Values,
    /// `.length()`, `.size()`
    Length,
    /// `['a','b']`: an object with these members.
    Members(Vec<String>),
}

/// A step of a path.
#[derive(Debug)]
enum Step {
    /// `.name`, `['name']`
    Member(String),
    /// `['a','b']` before other steps.
    Members(Vec<String>),
    /// `[0]`; a negative number counts from the end.
    Item(i64),
    /// `[0,2]`
    Items(Vec<i64>),
    /// `[1:3]`
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`
    All,
    /// `..`: every value below, with itself.
    Deep,
    /// `[?(@.a == 1)]`
    Matching(Filter),
    /// `..[?(@.a == 1)]`
    DeepMatching(Filter),
}

/// What a path selects.
#[derive(Debug)]
pub(crate) enum Selected<'v> {
    /// The value of a definite path.
    One(&'v Value),
    /// The values of any other path.
    Many(Vec<&'v Value>),
    /// A new value.
    Made(Value),
}

impl Selected<'_> {
    /// The value, copied.
    fn copied(self, budget: &mut Budget) -> Result<Value, RenderError> {
        Ok(match self {
            Selected::One(value) => copy(value, budget)?,
            Selected::Many(values) => {
                let values = values.into_iter().map(|value| copy(value, budget));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            Selected::Made(value) => value,
        })
    }

    /// The value of a template.
    pub(crate) fn value(self, budget: &mut Budget) -> Result<crate::value::Value, RenderError> {
        use crate::value::{Kind, Value};
        match self {
            Selected::One(value) => Value::of_json(value, budget),
            Selected::Many(values) => {
                budget.items(values.len())?;
                let values = values.into_iter().map(|value| Value::of_json(value, budget));
                Ok(Value::list(Kind::Json, values.collect::<Result<_, _>>()?))
            }
            Selected::Made(value) => Value::of_json(&value, budget),
        }
    }

    /// The value as JSON without spaces.
    pub(crate) fn json(self, budget: &mut Budget) -> Result<String, RenderError> {
        let mut json = Vec::new();
        let mut write = |value: &Value| {
            let before = json.len();
            // Writing to a vector cannot fail.
            let _ = serde_json::to_writer(&mut json, value);
            budget.spend((json.len() - before) / 64)?;
            budget.allocate(json.len() - before)?;
            json.push(b',');
            Ok::<(), RenderError>(())
        };
        let is_list = match self {
            Selected::One(value) => {
                write(value)?;
                false
            }
            Selected::Made(value) => {
                write(&value)?;
                false
            }
            Selected::Many(values) => {
                for value in values {
                    write(value)?;
                }
                true
            }
        };
        json.pop();
        let json = String::from_utf8(json).unwrap_or_default();
        Ok(if is_list { format!("[{json}]") } else { json })
    }
}

/// Copies a value.
fn copy(value: &Value, budget: &mut Budget) -> Result<Value, RenderError> {
    count(value, budget)?;
    Ok(value.clone())
}

/// Counts the memory of a value.
fn count(value: &Value, budget: &mut Budget) -> Result<(), RenderError> {
    budget.spend(1)?;
    match value {
        Value::String(text) => budget.allocate(text.len()),
        Value::Array(items) => {
            budget.items(items.len())?;
            items.iter().try_for_each(|item| count(item, budget))
        }
        Value::Object(members) => {
            budget.allocate(members.len().saturating_mul(MEMBER_SIZE))?;
            members.values().try_for_each(|member| count(member, budget))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

impl Path {
    /// What the path selects; `None` if it is a definite path to nothing.
    pub(crate) fn select<'v>(
        &self,
        value: &'v Value,
        budget: &mut Budget,
    ) -> Result<Option<Selected<'v>>, RenderError> {
        let selected = self.selected(value, value, budget)?;
        let is_definite = self.is_definite();
        let mut made = Vec::new();
        match &self.end {
            End::Values if is_definite => {
                return Ok(selected.first().map(|value| Selected::One(value)));
            }
            End::Values => return Ok(Some(Selected::Many(selected))),
            End::Length => made.extend(selected.into_iter().filter_map(length).map(Value::from)),
            End::Members(names) => {
                for value in selected {
                    let Some(members) = value.as_object() else { continue };
                    let mut projected = Map::new();
                    for name in names {
                        if let Some(member) = members.get(name) {
                            projected.insert(name.clone(), copy(member, budget)?);
                        }
                    }
                    budget.allocate(projected.len().saturating_mul(MEMBER_SIZE))?;
                    made.push(Value::Object(projected));
                }
            }
        }
        Ok(match is_definite {
            true => made.into_iter().next().map(Selected::Made),
            false => Some(Selected::Made(Value::Array(made))),
        })
    }

    /// The values that the steps select in `value`, within the document `root`.
    fn selected<'v>(
        &self,
        value: &'v Value,
        root: &'v Value,
        budget: &mut Budget,
    ) -> Result<Vec<&'v Value>, RenderError> {
        let mut selected = vec![value];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in selected {
                let before = next.len();
                step.select(value, root, &mut next, budget)?;
                budget.items(next.len() - before)?;
            }
            selected = next;
        }
        Ok(selected)
    }

    fn is_definite(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Member(_) | Step::Item(_)))
    }
}

impl Step {
    fn select<'v>(
        &self,
        value: &'v Value,
        root: &'v Value,
        to: &mut Vec<&'v Value>,
        budget: &mut Budget,
    ) -> Result<(), RenderError> {
        match self {
            Step::Member(name) => to.extend(value.get(name)),
            Step::Members(names) => to.extend(names.iter().filter_map(|name| value.get(name))),
            Step::Item(at) => to.extend(item(value, *at)),
            Step::Items(all) => to.extend(all.iter().filter_map(|at| item(value, *at))),
            Step::Slice(first, last) => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                let first = first.map_or(0, |at| place(items.len(), at));
                let last = last.map_or(items.len(), |at| place(items.len(), at));
                to.extend(items.get(first..last).into_iter().flatten());
            }
            Step::All => to.extend(children(value)),
            Step::Deep => deep(value, to, budget)?,
            Step::DeepMatching(filter) => {
                let mut all = Vec::new();
                deep(value, &mut all, budget)?;
                for value in all {
                    if !value.is_array() && filter.matches(value, root, budget)? {
                        to.push(value);
                    }
                }
            }
            Step::Matching(filter) => match value {
                Value::Array(items) => {
                    for item in items {
                        if filter.matches(item, root, budget)? {
                            to.push(item);
                        }
                    }
                }
                // Jayway applies a filter to the object itself, not to its members.
                Value::Object(_) if filter.matches(value, root, budget)? => to.push(value),
                _ => {}
            },
        }
        Ok(())
    }
}

/// A value and every value below, each before those in it.
fn deep<'v>(
    value: &'v Value,
    to: &mut Vec<&'v Value>,
    budget: &mut Budget,
) -> Result<(), RenderError> {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        budget.spend(1)?;
        to.push(value);
        let at = waiting.len();
        waiting.extend(children(value));
        waiting[at..].reverse();
    }
    Ok(())
}

/// The place in a list of an index, which counts from the end if it is negative.
fn place(length: usize, at: i64) -> usize {
    let distance = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
    if at < 0 { length.saturating_sub(distance) } else { distance.min(length) }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        Value::String(text) => Some(text.chars().count()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn item(value: &Value, at: i64) -> Option<&Value> {
    let items = value.as_array()?;
    let at = if at < 0 { i64::try_from(items.len()).ok()?.checked_add(at)? } else { at };
    items.get(usize::try_from(at).ok()?)
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Box::new(std::iter::empty())
        }
    }
}

#[cfg(test)]
mod tests;
