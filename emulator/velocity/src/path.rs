//! JSONPath in the dialect of Jayway's library, which API Gateway uses.
//!
//! A definite path selects one value, or nothing. A path with a wildcard, a filter, a slice, a union or `..` selects a list. The
//! crates for JSONPath follow RFC 9535 instead, in which every path selects a list and there is no `length()`.

mod filter;

use filter::Filter;
use serde_json::Value;

/// The maximum number of values that a path selects.
const SELECTED_MAX: usize = 100_000;

/// The error of a text that is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a JSONPath")]
pub struct PathError(String);

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
/// [`PathError`] if the text is not a path.
pub fn json_path(value: &Value, path: &str) -> Result<Option<Value>, PathError> {
    let steps = steps(path).ok_or_else(|| PathError(path.to_owned()))?;
    let (steps, is_length) = match steps.split_last() {
        Some((Step::Length, steps)) => (steps, true),
        _ => (steps.as_slice(), false),
    };
    let mut selected = vec![value];
    for step in steps {
        let mut next = Vec::new();
        for value in selected {
            step.select(value, &mut next);
            next.truncate(SELECTED_MAX);
        }
        selected = next;
    }
    let mut results = selected.into_iter().filter_map(|value| match is_length {
        true => length(value).map(Value::from),
        false => Some(value.clone()),
    });
    let is_definite = steps.iter().all(Step::is_definite);
    Ok(if is_definite { results.next() } else { Some(results.collect()) })
}

/// A step of a path.
#[derive(Debug)]
enum Step {
    /// `.name`, `['name']`
    Member(String),
    /// `['a','b']`
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
    /// `.length()`, `.size()`
    Length,
}

impl Step {
    fn is_definite(&self) -> bool {
        matches!(self, Step::Member(_) | Step::Item(_))
    }

    fn select<'v>(&self, value: &'v Value, to: &mut Vec<&'v Value>) {
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
            Step::Deep => deep(value, to),
            Step::Matching(filter) => {
                to.extend(children(value).filter(|child| filter.matches(child)));
            }
            // Only the last step of a path is a length.
            Step::Length => {}
        }
    }
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
        _ => None,
    }
}

fn item(value: &Value, at: i64) -> Option<&Value> {
    let items = value.as_array()?;
    let at = if at < 0 { i64::try_from(items.len()).ok()? + at } else { at };
    items.get(usize::try_from(at).ok()?)
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn deep<'v>(value: &'v Value, to: &mut Vec<&'v Value>) {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        if to.len() >= SELECTED_MAX {
            return;
        }
        to.push(value);
        let at = waiting.len();
        waiting.extend(children(value));
        waiting[at..].reverse();
    }
}

/// The steps of a path; `None` if it is not one.
fn steps(path: &str) -> Option<Vec<Step>> {
    let path = path.trim();
    // Without `$` a path begins at the root too.
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let has_root = rest.len() != path.len();
    if !has_root && !rest.starts_with(['.', '[']) {
        let (step, after) = named(rest)?;
        let mut steps = vec![step];
        steps.extend(following(after)?);
        return Some(steps);
    }
    if rest == "." {
        rest = "";
    }
    following(rest)
}

fn following(mut rest: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("..") {
            steps.push(Step::Deep);
            if after.starts_with('[') {
                rest = after;
                continue;
            }
            let (step, after) = named(after)?;
            steps.push(step);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            let (step, after) = named(after)?;
            steps.push(step);
            rest = after;
        } else {
            let inside = rest.strip_prefix('[')?;
            let end = bracket_end(inside)?;
            steps.push(bracketed(inside[..end].trim())?);
            rest = &inside[end + 1..];
        }
    }
    Some(steps)
}

/// A name, `*` or a function at the start of a text.
fn named(text: &str) -> Option<(Step, &str)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match name {
        "" => None,
        "*" => Some((Step::All, rest)),
        "length()" | "size()" => Some((Step::Length, rest)),
        name => Some((Step::Member(name.to_owned()), rest)),
    }
}

/// The position of the bracket that closes, outside of quotes and inner brackets.
fn bracket_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut open = 0;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(') => open += 1,
            (None, ']') if open == 0 => return Some(at),
            (None, ']' | ')') => open -= 1,
            _ => {}
        }
    }
    None
}

fn bracketed(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        return Filter::parse(filter).map(Step::Matching);
    }
    if text.starts_with(['\'', '"']) {
        let names = text.split(',').map(|name| unquoted(name.trim()));
        let mut names = names.collect::<Option<Vec<String>>>()?;
        return Some(if names.len() == 1 {
            Step::Member(names.remove(0))
        } else {
            Step::Members(names)
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

/// The content of a text in single or double quotes.
fn unquoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let content = text.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(content.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selected(path: &str) -> Value {
        let value = json!({
            "a": {"b c": [10, 20, 30], "d": "text"},
            "list": [{"id": 1, "n": "x"}, {"id": 2, "n": "y"}, {"id": 3}],
        });
        match json_path(&value, path) {
            Ok(selected) => selected.unwrap_or(json!("nothing")),
            Err(error) => json!(error.to_string()),
        }
    }

    #[test]
    fn a_definite_path_selects_a_value_or_nothing() {
        assert_eq!(selected("$.a.d"), json!("text"));
        assert_eq!(selected("a.d"), json!("text"));
        assert_eq!(selected("$['a']['b c'][-1]"), json!(30));
        assert_eq!(selected("$.list[1].n"), json!("y"));
        assert_eq!(selected("$.list.length()"), json!(3));
        assert_eq!(selected("$.a.x.y"), json!("nothing"));
        assert_eq!(selected("$.list[9]"), json!("nothing"));
        assert_eq!(selected("$")["a"]["d"], json!("text"));
    }

    #[test]
    fn any_other_path_selects_a_list() {
        assert_eq!(selected("$.list[*].id"), json!([1, 2, 3]));
        assert_eq!(selected("$..id"), json!([1, 2, 3]));
        assert_eq!(selected("$.a['b c'][0,2]"), json!([10, 30]));
        assert_eq!(selected("$.a['b c'][1:]"), json!([20, 30]));
        assert_eq!(selected("$.a['b c'][-2:-1]"), json!([20]));
        assert_eq!(selected("$.list[0]['id','n']"), json!([1, "x"]));
        assert_eq!(selected("$.a.*")[1], json!("text"));
        assert_eq!(selected("$.x[*]"), json!([]));
    }

    #[test]
    fn a_filter_compares_and_combines() {
        assert_eq!(selected("$.list[?(@.id == 2)].n"), json!(["y"]));
        assert_eq!(selected("$.list[?(@.n)].id"), json!([1, 2]));
        assert_eq!(selected("$.list[?(@.id > 1 && @.n != 'x')].id"), json!([2, 3]));
        assert_eq!(selected("$.list[?(@.id <= 1 || @.n == \"y\")].id"), json!([1, 2]));
    }

    #[test]
    fn a_text_that_is_not_a_path_is_an_error() {
        for path in ["$.", "$..", "$.a[", "$.a['b]", "$.a[x]", "$.a[?(@.b ==)]", ""] {
            let result = json_path(&json!({}), path);
            if path == "$." {
                assert_eq!(result, Ok(Some(json!({}))), "{path}");
            } else {
                assert_eq!(result, Err(PathError(path.to_owned())), "{path}");
            }
        }
    }
}
