//! Filters of JSONPath: `@.price < 10 && @.kind == 'book'`.

use serde_json::Value;

use super::parse::quoted;
use super::{Path, Selected};
use crate::RenderError;
use crate::budget::Budget;

/// A filter.
#[derive(Debug)]
pub(super) enum Filter {
    /// `a || b`
    Any(Vec<Filter>),
    /// `a && b`
    All(Vec<Filter>),
    /// `!a`
    Not(Box<Filter>),
    /// `@.a`
    Exists(Operand),
    /// `@.a == 1`
    Compares(Operand, Operator, Operand),
    /// `@.a =~ /b/i`
    Matches(Operand, regex::Regex),
}

/// A side of a comparison.
#[derive(Debug)]
pub(super) enum Operand {
    /// `@.a.b`
    Here(Path),
    /// `$.a.b`
    Root(Path),
    /// `'text'`, `1`, `true`, `null`, `[1, 2]`
    Literal(Value),
}

/// The operators.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    SameType,
    OtherType,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    SubsetOf,
    AnyOf,
    NoneOf,
    Size,
    Empty,
}

/// The operators, the longer before the shorter.
const OPERATORS: [(&str, Operator); 17] = [
    ("===", Operator::SameType),
    ("!==", Operator::OtherType),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("nin ", Operator::NotIn),
    ("in ", Operator::In),
    ("in[", Operator::In),
    ("contains ", Operator::Contains),
    ("subsetof ", Operator::SubsetOf),
    ("anyof ", Operator::AnyOf),
    ("noneof ", Operator::NoneOf),
    ("size ", Operator::Size),
    ("empty ", Operator::Empty),
];

/// The maximum size of a compiled pattern in bytes.
const PATTERN_MAX: usize = 1 << 16;
/// The maximum number of parentheses and negations within each other.
const NESTING_MAX: usize = 20;

impl Filter {
    pub(super) fn parse(text: &str, levels: usize) -> Option<Filter> {
        let mut parser = Parser { rest: text, levels, nesting: 0 };
        let filter = parser.any()?;
        parser.rest.trim().is_empty().then_some(filter)
    }

    /// Whether the filter holds for a value of the document `root`.
    pub(super) fn matches(
        &self,
        value: &Value,
        root: &Value,
        budget: &mut Budget,
    ) -> Result<bool, RenderError> {
        budget.spend(1)?;
        match self {
            Filter::Any(filters) => {
                for filter in filters {
                    if filter.matches(value, root, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::All(filters) => {
                for filter in filters {
                    if !filter.matches(value, root, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Filter::Not(filter) => Ok(!filter.matches(value, root, budget)?),
            Filter::Exists(operand) => Ok(match operand.value(value, root, budget)? {
                Some(Found::Here(_)) => true,
                // A path to several values exists if it selects one.
                Some(Found::Made(Value::Array(values))) => !values.is_empty(),
                Some(Found::Made(_)) => true,
                None => false,
            }),
            Filter::Compares(left, operator, right) => {
                let left = left.value(value, root, budget)?;
                let right = right.value(value, root, budget)?;
                let (left, right) = (left.as_ref().map(Found::get), right.as_ref().map(Found::get));
                let size = |value: Option<&Value>| match value {
                    Some(Value::Array(items)) => items.len(),
                    Some(Value::String(text)) => text.len() / 64,
                    _ => 1,
                };
                budget.spend(size(left).saturating_mul(size(right).max(1)))?;
                Ok(operator.holds(left, right))
            }
            Filter::Matches(operand, pattern) => {
                let found = operand.value(value, root, budget)?;
                match found.as_ref().map(Found::get) {
                    Some(Value::String(text)) => {
                        budget.spend(1 + text.len() / 4)?;
                        Ok(pattern.is_match(text))
                    }
                    _ => Ok(false),
                }
            }
        }
    }
}

/// The value of an operand.
enum Found<'v> {
    Here(&'v Value),
    Made(Value),
}

impl Found<'_> {
    fn get(&self) -> &Value {
        match self {
            Found::Here(value) => value,
            Found::Made(value) => value,
        }
    }
}

impl Operand {
    fn value<'v>(
        &'v self,
        here: &'v Value,
        root: &'v Value,
        budget: &mut Budget,
    ) -> Result<Option<Found<'v>>, RenderError> {
        let (path, from) = match self {
            Operand::Here(path) => (path, here),
            Operand::Root(path) => (path, root),
            Operand::Literal(value) => return Ok(Some(Found::Here(value))),
        };
        Ok(match path.select(from, budget)? {
            None => None,
            Some(Selected::One(value)) => Some(Found::Here(value)),
            Some(selected) => Some(Found::Made(selected.copied(budget)?)),
        })
    }
}

impl Operator {
    fn holds(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let items = |value: Option<&Value>| value.and_then(Value::as_array).cloned();
        let contains = |items: &[Value], wanted: Option<&Value>| {
            items.iter().any(|item| is_equal(Some(item), wanted))
        };
        match self {
            Operator::Equal => is_equal(left, right),
            Operator::NotEqual => !is_equal(left, right),
            Operator::SameType => left == right,
            Operator::OtherType => left != right,
            Operator::Less => order(left, right).is_some_and(std::cmp::Ordering::is_lt),
            Operator::LessOrEqual => order(left, right).is_some_and(std::cmp::Ordering::is_le),
            Operator::Greater => order(left, right).is_some_and(std::cmp::Ordering::is_gt),
            Operator::GreaterOrEqual => order(left, right).is_some_and(std::cmp::Ordering::is_ge),
            Operator::In => items(right).is_some_and(|all| contains(&all, left)),
            Operator::NotIn => items(right).is_some_and(|all| !contains(&all, left)),
            Operator::Contains => match (left, right) {
                (Some(Value::String(text)), Some(Value::String(part))) => text.contains(part),
                _ => items(left).is_some_and(|all| contains(&all, right)),
            },
            Operator::SubsetOf | Operator::AnyOf | Operator::NoneOf => {
                let (Some(part), Some(all)) = (items(left), items(right)) else { return false };
                let mut is_member = part.iter().map(|item| contains(&all, Some(item)));
                match self {
                    Operator::SubsetOf => is_member.all(|it| it),
                    Operator::AnyOf => is_member.any(|it| it),
                    _ => !is_member.any(|it| it),
                }
            }
            Operator::Size => {
                let size = left.and_then(super::length);
                let wanted = right.and_then(super::length).or_else(|| {
                    right.and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok())
                });
                size.is_some() && size == wanted
            }
            Operator::Empty => {
                let is_empty = left.and_then(super::length).map(|length| length == 0);
                is_empty.is_some() && is_empty == right.and_then(Value::as_bool)
            }
        }
    }
}

/// Jayway converts the right side to the type of the left one, for texts and numbers.
fn is_equal(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(Value::Number(one)), Some(Value::Number(two))) => one.as_f64() == two.as_f64(),
        (Some(Value::Number(one)), Some(Value::String(two))) => one.as_f64() == two.parse().ok(),
        (Some(Value::String(one)), Some(Value::Number(two))) => *one == two.to_string(),
        (left, right) => left == right,
    }
}

fn order(left: Option<&Value>, right: Option<&Value>) -> Option<std::cmp::Ordering> {
    match (left?, right?) {
        (Value::Number(one), Value::Number(two)) => one.as_f64()?.partial_cmp(&two.as_f64()?),
        (Value::String(one), Value::String(two)) => Some(one.cmp(two)),
        _ => None,
    }
}

/// What is left of a filter.
struct Parser<'t> {
    rest: &'t str,
    levels: usize,
    nesting: usize,
}

impl Parser<'_> {
    fn eat(&mut self, expected: &str) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(expected);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn any(&mut self) -> Option<Filter> {
        let mut filters = vec![self.all()?];
        while self.eat("||") {
            filters.push(self.all()?);
        }
        Some(if filters.len() == 1 { filters.remove(0) } else { Filter::Any(filters) })
    }

    fn all(&mut self) -> Option<Filter> {
        let mut filters = vec![self.condition()?];
        while self.eat("&&") {
            filters.push(self.condition()?);
        }
        Some(if filters.len() == 1 { filters.remove(0) } else { Filter::All(filters) })
    }

    fn condition(&mut self) -> Option<Filter> {
        if self.nesting == NESTING_MAX {
            return None;
        }
        self.nesting += 1;
        let condition = if self.eat("!") {
            self.condition().map(|filter| Filter::Not(Box::new(filter)))
        } else if self.eat("(") {
            self.any().filter(|_| self.eat(")"))
        } else {
            self.comparison()
        };
        self.nesting -= 1;
        condition
    }

    fn comparison(&mut self) -> Option<Filter> {
        let left = self.operand()?;
        if self.eat("=~") {
            return self.pattern().map(|pattern| Filter::Matches(left, pattern));
        }
        let found = OPERATORS.iter().find(|(text, _)| self.rest.trim_start().starts_with(text));
        let Some((text, operator)) = found else {
            return matches!(left, Operand::Here(_) | Operand::Root(_))
                .then_some(Filter::Exists(left));
        };
        self.eat(text.trim_end_matches('['));
        Some(Filter::Compares(left, *operator, self.operand()?))
    }

    /// `/pattern/i`, which has to match the whole text.
    fn pattern(&mut self) -> Option<regex::Regex> {
        self.eat("/").then_some(())?;
        let end = self.rest.find('/')?;
        let pattern = format!(r"\A(?:{})\z", &self.rest[..end]);
        self.rest = &self.rest[end + 1..];
        let is_case_insensitive = self.rest.starts_with('i');
        self.rest = self.rest.strip_prefix('i').unwrap_or(self.rest);
        let mut builder = regex::RegexBuilder::new(&pattern);
        builder.case_insensitive(is_case_insensitive).size_limit(PATTERN_MAX).nest_limit(50);
        builder.build().ok()
    }

    fn operand(&mut self) -> Option<Operand> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            start @ ('@' | '$') => {
                let end = path_end(self.rest);
                let path = Path::nested(&self.rest[..end], self.levels)?;
                self.rest = &self.rest[end..];
                Some(if start == '@' { Operand::Here(path) } else { Operand::Root(path) })
            }
            '\'' | '"' => {
                let (text, rest) = quoted(self.rest)?;
                self.rest = rest;
                Some(Operand::Literal(text.into()))
            }
            '[' | '{' => {
                let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
                if let Some(Ok(value)) = values.next() {
                    self.rest = &self.rest[values.byte_offset()..];
                    return Some(Operand::Literal(value));
                }
                // A list with texts in single quotes.
                self.eat("[").then_some(())?;
                let mut items = Vec::new();
                while !self.eat("]") {
                    match self.operand()? {
                        Operand::Literal(value) => items.push(value),
                        Operand::Here(_) | Operand::Root(_) => return None,
                    }
                    self.eat(",");
                }
                Some(Operand::Literal(Value::Array(items)))
            }
            _ => {
                let end = self.rest.find([' ', '=', '!', '<', '>', '&', '|', ')', ',', ']']);
                let (literal, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                self.rest = rest;
                serde_json::from_str(literal).ok().map(Operand::Literal)
            }
        }
    }
}

/// The length of a path, which ends before a space, an operator or a parenthesis that closes.
fn path_end(text: &str) -> usize {
    let mut quote = None;
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if open > 0 => quote = Some(c),
            (None, '[' | '(') => open += 1,
            (None, ']' | ')') if open > 0 => open -= 1,
            (None, ' ' | '=' | '!' | '<' | '>' | '&' | '|' | ')' | ',' | ']') if open == 0 => {
                return at;
            }
            _ => {}
        }
    }
    text.len()
}
