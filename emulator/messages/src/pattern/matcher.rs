//! The tests of one field: what an entry of a pattern's array demands of a value.

use std::net::IpAddr;

use serde_json::Value;

use super::number::comparable_number;

/// What one entry of a pattern's array demands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Matcher {
    Text(String),
    /// An IP address, which may be written in several ways.
    Address(IpAddr),
    /// A number: its text, and its double if that is exact.
    Number(String, Option<f64>),
    Bool(bool),
    Null,
    Prefix(String),
    Suffix(String),
    /// The folded text.
    PrefixIgnoreCase(String),
    SuffixIgnoreCase(String),
    EqualsIgnoreCase(String),
    Wildcard(Wildcard),
    Numeric(Range),
    Cidr {
        bottom: u128,
        top: u128,
        is_v6: bool,
    },
    /// The field exists and satisfies none of these.
    AnythingBut(Vec<Matcher>),
    Exists,
    /// The field does not exist anywhere in the event. No value matches it.
    Absent,
}

/// A range of numbers. A bound is inclusive if its flag is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) bottom: (f64, bool),
    pub(super) top: (f64, bool),
}

/// The literal texts between the asterisks: at least one. `a*` is `["a", ""]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wildcard(pub(super) Vec<String>);

impl Matcher {
    /// Whether a value that is neither an object nor an array matches.
    pub(super) fn matches(&self, value: &Value) -> bool {
        match self {
            Matcher::Exists => true,
            Matcher::Absent => false,
            Matcher::Null => value.is_null(),
            Matcher::Bool(expected) => value.as_bool() == Some(*expected),
            Matcher::AnythingBut(excluded) => !excluded.iter().any(|it| it.matches(value)),
            Matcher::Number(text, double) => is_number(value, text, *double),
            Matcher::Numeric(range) => is_in(value, range),
            Matcher::Text(_)
            | Matcher::Address(_)
            | Matcher::Prefix(_)
            | Matcher::Suffix(_)
            | Matcher::PrefixIgnoreCase(_)
            | Matcher::SuffixIgnoreCase(_)
            | Matcher::EqualsIgnoreCase(_)
            | Matcher::Wildcard(_)
            | Matcher::Cidr { .. } => value.as_str().is_some_and(|text| self.matches_text(text)),
        }
    }

    fn matches_text(&self, text: &str) -> bool {
        match self {
            Matcher::Text(expected) => text == expected,
            Matcher::Address(expected) => text.parse() == Ok(*expected),
            Matcher::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Matcher::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Matcher::PrefixIgnoreCase(prefix) => folded(text).starts_with(prefix.as_str()),
            Matcher::SuffixIgnoreCase(suffix) => folded(text).ends_with(suffix.as_str()),
            Matcher::EqualsIgnoreCase(expected) => folded(text) == *expected,
            Matcher::Wildcard(wildcard) => wildcard.matches(text),
            Matcher::Cidr { bottom, top, is_v6 } => text.parse::<IpAddr>().is_ok_and(|address| {
                let (bits, of_v6) = bits(address);
                of_v6 == *is_v6 && (*bottom..=*top).contains(&bits)
            }),
            _ => false,
        }
    }
}

impl Wildcard {
    /// Whether a text matches: each literal is searched behind the one before it, so the time is linear for each literal.
    fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        for literal in middle {
            match text.find(literal.as_str()) {
                Some(at) => text = &text[at + literal.len()..],
                None => return false,
            }
        }
        text.ends_with(last.as_str())
    }
}

/// The form of a text in which case does not matter.
pub(super) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// The bits of an address, and whether it is an IPv6 address.
pub(super) fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), false),
        IpAddr::V6(address) => (address.to_bits(), true),
    }
}

fn is_number(value: &Value, text: &str, double: Option<f64>) -> bool {
    let Value::Number(number) = value else { return false };
    let equal = double.is_some() && comparable_number(number) == double;
    equal || number.to_string() == text
}

fn is_in(value: &Value, range: &Range) -> bool {
    let Value::Number(number) = value else { return false };
    let Range { bottom: (bottom, with_bottom), top: (top, with_top) } = *range;
    comparable_number(number).is_some_and(|number| {
        (number > bottom || (with_bottom && number == bottom))
            && (number < top || (with_top && number == top))
    })
}
