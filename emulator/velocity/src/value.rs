//! The values of expressions, and how they print.

use std::cell::RefCell;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::Number;

/// A value. Lists and maps are shared, as in Java: a change is seen through every variable.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Rc<str>),
    List(Rc<RefCell<List>>),
    Map(Rc<RefCell<IndexMap<String, Value>>>),
    /// `$input`
    Input,
    /// `$util`
    Util,
    /// A block of `#define`, by its name.
    Block(Rc<str>),
}

/// A list, and whether it came from JSON. One from JSON prints as JSON (LocalStack's snapshot of AWS, 2025-06-18).
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) items: Vec<Value>,
    pub(crate) is_json: bool,
}

impl Value {
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Value {
        Value::Text(text.into())
    }

    pub(crate) fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(RefCell::new(List { items, is_json: false })))
    }

    pub(crate) fn map(members: IndexMap<String, Value>) -> Value {
        Value::Map(Rc::new(RefCell::new(members)))
    }

    /// The value of JSON.
    pub(crate) fn of_json(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(*flag),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Value::Integer(integer),
                None => Value::Float(number.as_f64().unwrap_or_default()),
            },
            serde_json::Value::String(text) => Value::text(text.as_str()),
            serde_json::Value::Array(items) => {
                let items = items.iter().map(Value::of_json).collect();
                Value::List(Rc::new(RefCell::new(List { items, is_json: true })))
            }
            serde_json::Value::Object(members) => Value::map(
                members.iter().map(|(name, value)| (name.clone(), Value::of_json(value))).collect(),
            ),
        }
    }

    /// The value as JSON. `levels` bounds the nesting, because a list may contain itself.
    pub(crate) fn to_json(&self, levels: usize) -> serde_json::Value {
        if levels == 0 {
            return serde_json::Value::Null;
        }
        match self {
            Value::Null | Value::Input | Value::Util | Value::Block(_) => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => {
                Number::from_f64(*number).map_or(serde_json::Value::Null, Into::into)
            }
            Value::Text(text) => text.as_ref().into(),
            Value::List(list) => {
                list.borrow().items.iter().map(|item| item.to_json(levels - 1)).collect()
            }
            Value::Map(map) => {
                let map = map.borrow();
                let members = map.iter();
                let json = members.map(|(name, value)| (name.clone(), value.to_json(levels - 1)));
                serde_json::Value::Object(json.collect())
            }
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Velocity 1.7: null and false are false, everything else is true, an empty text too.
    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Value::Null | Value::Bool(false))
    }

    /// Adds the value to a text, as `toString` of Java prints it. Null is empty: LocalStack's snapshot of AWS, 2025-06-18.
    pub(crate) fn print(&self, out: &mut String, levels: usize) {
        use std::fmt::Write as _;
        match self {
            _ if levels == 0 => {}
            Value::Null | Value::Input | Value::Util | Value::Block(_) => {}
            Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            // Writing to a string cannot fail.
            Value::Integer(number) => drop(write!(out, "{number}")),
            Value::Float(number) => out.push_str(&java_float(*number)),
            Value::Text(text) => out.push_str(text),
            Value::List(list) if list.borrow().is_json => {
                out.push_str(&self.to_json(levels).to_string());
            }
            Value::List(list) => {
                out.push('[');
                for (at, item) in list.borrow().items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    item.print_nested(out, levels - 1);
                }
                out.push(']');
            }
            Value::Map(map) => {
                out.push('{');
                for (at, (name, value)) in map.borrow().iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    out.push_str(name);
                    out.push('=');
                    value.print_nested(out, levels - 1);
                }
                out.push('}');
            }
        }
    }

    /// In a list or a map, null is the word.
    fn print_nested(&self, out: &mut String, levels: usize) {
        match self {
            Value::Null => out.push_str("null"),
            value => value.print(out, levels),
        }
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.print(&mut text, LEVELS_MAX);
        text
    }

    /// Velocity 1.7: numbers by their value, values of other types by their text. A null equals an empty text: LocalStack's
    /// snapshot of AWS, 2025-06-18.
    pub(crate) fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Integer(one), Value::Integer(two)) => one == two,
            (Value::Bool(one), Value::Bool(two)) => one == two,
            (Value::Text(one), Value::Text(two)) => one == two,
            _ => match (self.number(), other.number()) {
                (Some(one), Some(two)) => one == two,
                _ => self.to_text() == other.to_text(),
            },
        }
    }

    /// The value of a number.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "Java converts a long to a double too")]
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The number of bytes of the texts in the value, without those of lists and maps.
    pub(crate) fn size(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            _ => 0,
        }
    }
}

/// The levels of a value that print.
pub(crate) const LEVELS_MAX: usize = 100;

/// A double as Java prints it: always with a fraction, and with an exponent from 10^7 on and below 10^-3.
fn java_float(number: f64) -> String {
    let magnitude = number.abs();
    if number == 0.0 || (1e-3..1e7).contains(&magnitude) {
        let text = number.to_string();
        return if text.contains('.') { text } else { format!("{text}.0") };
    }
    if !number.is_finite() {
        return match number {
            _ if number.is_nan() => "NaN".to_owned(),
            _ if number > 0.0 => "Infinity".to_owned(),
            _ => "-Infinity".to_owned(),
        };
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}
