//! Methods of Java that templates call, and properties.

mod list;
mod map;
mod number;
pub(crate) mod pattern;
mod text;

use std::rc::Rc;

use crate::RenderError;
use crate::budget::Budget;
use crate::value::{Key, Loop, Value};

/// The result of a method: null if the value has no such method for such arguments, an error if Java throws an exception.
pub(crate) type Called = Result<Value, RenderError>;

/// A property of a value: a member of a map, or a method without arguments that Java's beans call a property.
pub(crate) fn property(value: &Value, name: &str, budget: &mut Budget) -> Called {
    match value {
        Value::Text(_) | Value::List(_) | Value::Integer(_) | Value::Float(_)
            if name == "class" =>
        {
            call(value, "getClass", &[], budget)
        }
        Value::Map(map) => {
            Ok(map.members.borrow().get(&Key::text(name)).cloned().unwrap_or(Value::Null))
        }
        Value::List(_) | Value::Text(_) if matches!(name, "empty" | "Empty") => {
            call(value, "isEmpty", &[], budget)
        }
        Value::Entry(_) if matches!(name, "key" | "Key") => call(value, "getKey", &[], budget),
        Value::Entry(_) if matches!(name, "value" | "Value") => {
            call(value, "getValue", &[], budget)
        }
        Value::Loop(state) => Ok(loop_property(state, name)),
        _ => Ok(Value::Null),
    }
}

fn loop_property(state: &Rc<Loop>, name: &str) -> Value {
    match name {
        "index" => Value::count(state.index.get()),
        "count" => Value::count(state.index.get() + 1),
        "hasNext" => Value::Bool(state.has_next.get()),
        "first" => Value::Bool(state.index.get() == 0),
        "last" => Value::Bool(!state.has_next.get()),
        "parent" => state.parent.clone().map_or(Value::Null, Value::Loop),
        "topmost" => {
            let mut top = state;
            while let Some(parent) = &top.parent {
                top = parent;
            }
            Value::Loop(top.clone())
        }
        _ => Value::Null,
    }
}

/// An item by its index, or a member by its name.
pub(crate) fn index(value: &Value, index: &Value, budget: &mut Budget) -> Called {
    match value {
        Value::List(list) => {
            call(value, "get", &[from_end(list.items.borrow().len(), index)], budget)
        }
        Value::Map(_) => call(value, "get", std::slice::from_ref(index), budget),
        _ => Ok(Value::Null),
    }
}

/// A negative index counts from the end.
pub(crate) fn from_end(length: usize, index: &Value) -> Value {
    match index {
        Value::Integer(at) if *at < 0 => {
            Value::Integer(at.wrapping_add(i64::try_from(length).unwrap_or(i64::MAX)))
        }
        index => index.clone(),
    }
}

/// `#set($value[index] = member)`
pub(crate) fn set_index(
    value: &Value,
    index: &Value,
    member: Value,
    budget: &mut Budget,
) -> Called {
    match value {
        Value::List(list) => {
            let index = from_end(list.items.borrow().len(), index);
            call(value, "set", &[index, member], budget)
        }
        value => call(value, "put", &[index.clone(), member], budget),
    }
}

/// Methods of Java that hardcap does not emulate. The result of a name that Java does not have is null.
const NOT_EMULATED: [&str; 20] = [
    "getClass",
    "format",
    "formatted",
    "getBytes",
    "regionMatches",
    "chars",
    "codePoints",
    "lines",
    "iterator",
    "listIterator",
    "stream",
    "parallelStream",
    "toArray",
    "forEach",
    "sort",
    "removeIf",
    "compute",
    "computeIfAbsent",
    "computeIfPresent",
    "merge",
];

/// A method of a value.
pub(crate) fn call(value: &Value, name: &str, arguments: &[Value], budget: &mut Budget) -> Called {
    budget.spend(1)?;
    if NOT_EMULATED.contains(&name) && !value.is_null() {
        return Err(exception(name, "hardcap does not emulate it"));
    }
    match (name, arguments) {
        ("toString", []) if !value.is_null() => return Ok(Value::Text(value.to_text(budget)?)),
        ("equals", [other]) => {
            let same = std::mem::discriminant(value) == std::mem::discriminant(other);
            return Ok(Value::Bool(same && value.equals(other, budget)?));
        }
        _ => {}
    }
    match value {
        Value::Text(text) => text::call(text, name, arguments, budget),
        Value::List(list) => list::call(list, name, arguments, budget),
        Value::Map(map) => map::call(map, name, arguments, budget),
        Value::Entry(entry) => Ok(match (name, arguments) {
            ("getKey", []) => entry.key.clone(),
            ("getValue", []) => entry.value.clone(),
            _ => Value::Null,
        }),
        Value::Integer(_) | Value::Float(_) | Value::Big(_) => {
            number::call(value, name, arguments, budget)
        }
        Value::Bool(flag) => Ok(match (name, arguments) {
            ("booleanValue", []) => Value::Bool(*flag),
            ("hashCode", []) => Value::Integer(if *flag { 1231 } else { 1237 }),
            ("parseBoolean" | "valueOf", [Value::Text(text)]) => {
                Value::Bool(text.eq_ignore_ascii_case("true"))
            }
            ("compareTo", [Value::Bool(other)]) => Value::Integer(flag.cmp(other) as i64),
            ("compareTo", [_]) => return Err(exception(name, "the argument is not a boolean")),
            _ => Value::Null,
        }),
        Value::Loop(state) => Ok(match (name, arguments) {
            ("isFirst", []) => loop_property(state, "first"),
            ("isLast", []) => loop_property(state, "last"),
            ("hasNext", []) => loop_property(state, "hasNext"),
            ("getIndex", []) => loop_property(state, "index"),
            ("getCount", []) => loop_property(state, "count"),
            ("getParent", []) => loop_property(state, "parent"),
            ("getTopmost", []) => loop_property(state, "topmost"),
            _ => Value::Null,
        }),
        Value::Null | Value::Input | Value::Util | Value::Block(_) => Ok(Value::Null),
    }
}

/// An exception of Java in a method.
fn exception(name: &str, what: &str) -> RenderError {
    RenderError::Method { name: name.to_owned(), what: what.to_owned() }
}

/// A position or a length: an error if it is negative.
fn position(name: &str, at: i64) -> Result<usize, RenderError> {
    usize::try_from(at).map_err(|_| out_of_bounds(name, at))
}

fn out_of_bounds(name: &str, at: i64) -> RenderError {
    exception(name, &format!("the index {at} is out of bounds"))
}
