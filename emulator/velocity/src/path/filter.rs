//! Filters of JSONPath: `@.price < 10 && @.kind == 'book'`.

use serde_json::Value;

/// A filter: alternatives, each of which is a list of conditions.
#[derive(Debug)]
pub(super) struct Filter(Vec<Vec<Condition>>);

/// A condition.
#[derive(Debug)]
enum Condition {
    /// `@.a`
    Exists(Operand),
    /// `@.a == 1`
    Compares(Operand, &'static str, Operand),
}

/// A side of a comparison.
#[derive(Debug)]
enum Operand {
    /// `@.a.b`
    Path(String),
    /// `'text'`, `1`, `true`, `null`
    Literal(Value),
}

/// The operators, the longer before the shorter.
const OPERATORS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

impl Filter {
    pub(super) fn parse(text: &str) -> Option<Filter> {
        let alternatives = split(text, "||").into_iter();
        let conditions = |text: &str| {
            split(text, "&&").into_iter().map(Condition::parse).collect::<Option<Vec<_>>>()
        };
        alternatives.map(conditions).collect::<Option<Vec<_>>>().map(Filter)
    }

    pub(super) fn matches(&self, value: &Value) -> bool {
        self.0.iter().any(|all| all.iter().all(|condition| condition.holds(value)))
    }
}

impl Condition {
    fn parse(text: &str) -> Option<Condition> {
        let found = OPERATORS.iter().find_map(|operator| {
            let parts = split(text, operator);
            (parts.len() == 2).then_some((*operator, parts))
        });
        match found {
            None => Operand::parse(text).map(Condition::Exists),
            Some((operator, parts)) => {
                let (left, right) = (Operand::parse(parts[0])?, Operand::parse(parts[1])?);
                Some(Condition::Compares(left, operator, right))
            }
        }
    }

    fn holds(&self, of: &Value) -> bool {
        let (left, operator, right) = match self {
            Condition::Exists(operand) => return operand.value(of).is_some(),
            Condition::Compares(left, operator, right) => (left, *operator, right),
        };
        let (left, right) = (left.value(of), right.value(of));
        let is_equal = match (&left, &right) {
            (Some(Value::Number(one)), Some(Value::Number(two))) => one.as_f64() == two.as_f64(),
            (left, right) => left == right,
        };
        let order = match (&left, &right) {
            (Some(Value::Number(one)), Some(Value::Number(two))) => {
                one.as_f64().partial_cmp(&two.as_f64())
            }
            (Some(Value::String(one)), Some(Value::String(two))) => Some(one.cmp(two)),
            _ => None,
        };
        match operator {
            "==" => is_equal,
            "!=" => !is_equal,
            "<" => order.is_some_and(std::cmp::Ordering::is_lt),
            "<=" => order.is_some_and(std::cmp::Ordering::is_le),
            ">" => order.is_some_and(std::cmp::Ordering::is_gt),
            _ => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

impl Operand {
    fn parse(text: &str) -> Option<Operand> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix('@') {
            super::steps(&format!("${path}"))?;
            return Some(Operand::Path(format!("${path}")));
        }
        match super::unquoted(text) {
            Some(text) => Some(Operand::Literal(text.into())),
            None => serde_json::from_str(text).ok().map(Operand::Literal),
        }
    }

    fn value(&self, of: &Value) -> Option<Value> {
        match self {
            Operand::Path(path) => super::json_path(of, path).ok().flatten(),
            Operand::Literal(value) => Some(value.clone()),
        }
    }
}

/// The parts of a text between occurrences of a separator outside of quotes.
fn split<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut quote = None;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match quote {
            Some(q) if q == c => quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if text[at..].starts_with(separator) => {
                parts.push(&text[start..at]);
                at += separator.len();
                start = at;
                continue;
            }
            None => {}
        }
        at += c.len_utf8();
    }
    parts.push(&text[start..]);
    parts
}
