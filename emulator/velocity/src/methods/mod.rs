//! Methods of Java that templates call, and properties.

mod list;
mod map;
mod text;

use crate::value::Value;

/// A property of a value: a member of a map, or a method without arguments that Java's beans call a property.
pub(crate) fn property(value: &Value, name: &str) -> Value {
    match value {
        Value::Map(members) => match members.borrow().get(name) {
            Some(member) => member.clone(),
            None if name == "empty" => map::call(value, members, "isEmpty", &[]),
            None => Value::Null,
        },
        Value::List(_) | Value::Text(_) if name == "empty" => call(value, "isEmpty", &[]),
        _ => Value::Null,
    }
}

/// An item by its index, or a member by its name.
pub(crate) fn index(value: &Value, index: &Value) -> Value {
    match value {
        Value::Map(members) => {
            members.borrow().get(&index.to_text()).cloned().unwrap_or(Value::Null)
        }
        Value::List(_) => call(value, "get", std::slice::from_ref(index)),
        _ => Value::Null,
    }
}

/// A method of a value; null if it has no such method.
pub(crate) fn call(value: &Value, name: &str, arguments: &[Value]) -> Value {
    match (name, arguments) {
        ("toString", []) if !value.is_null() => return Value::text(value.to_text()),
        ("equals", [other]) => {
            let same = std::mem::discriminant(value) == std::mem::discriminant(other);
            return Value::Bool(same && value.equals(other));
        }
        _ => {}
    }
    match value {
        Value::Text(text) => text::call(text, name, arguments),
        Value::List(list) => list::call(list, name, arguments),
        Value::Map(members) => map::call(value, members, name, arguments),
        Value::Integer(_) | Value::Float(_) => number(value, name, arguments),
        Value::Bool(_) | Value::Null | Value::Input | Value::Util | Value::Block(_) => Value::Null,
    }
}

/// Methods of numbers. Velocity has no static methods, so templates call those of any number: `$zero.parseInt("5")`.
fn number(value: &Value, name: &str, arguments: &[Value]) -> Value {
    let float = value.number().unwrap_or_default();
    match (name, arguments) {
        ("intValue" | "longValue", []) => Value::Integer(truncated(float)),
        ("doubleValue" | "floatValue", []) => Value::Float(float),
        ("parseInt" | "parseLong" | "valueOf", [Value::Text(text)]) => {
            text.parse().map_or(Value::Null, Value::Integer)
        }
        ("parseDouble" | "parseFloat", [Value::Text(text)]) => {
            text.trim().parse().map_or(Value::Null, Value::Float)
        }
        ("valueOf", [number @ (Value::Integer(_) | Value::Float(_))]) => number.clone(),
        ("compareTo", [other]) => match other.number() {
            Some(other) => Value::Integer(float.total_cmp(&other) as i64),
            None => Value::Null,
        },
        _ => Value::Null,
    }
}

/// A number without its fraction, as Java converts a double to a long.
#[expect(clippy::cast_possible_truncation, reason = "the conversion saturates, as in Java")]
pub(crate) fn truncated(number: f64) -> i64 {
    number as i64
}

/// An index or a length as an argument.
fn position(argument: &Value) -> Option<usize> {
    match argument {
        Value::Integer(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}

fn integer(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
