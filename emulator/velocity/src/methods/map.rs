//! Methods of `Map`.

use std::cell::RefCell;

use indexmap::IndexMap;

use super::integer;
use crate::value::Value;

pub(super) fn call(
    value: &Value,
    members: &RefCell<IndexMap<String, Value>>,
    name: &str,
    arguments: &[Value],
) -> Value {
    match (name, arguments) {
        ("get", [key]) => members.borrow().get(&key.to_text()).cloned().unwrap_or(Value::Null),
        ("getOrDefault", [key, default]) => {
            members.borrow().get(&key.to_text()).unwrap_or(default).clone()
        }
        ("put", [key, member]) => {
            let before = members.borrow_mut().insert(key.to_text(), member.clone());
            before.unwrap_or(Value::Null)
        }
        ("putAll", [Value::Map(other)]) => {
            let added = other.borrow().clone();
            members.borrow_mut().extend(added);
            Value::Null
        }
        ("remove", [key]) => {
            members.borrow_mut().shift_remove(&key.to_text()).unwrap_or(Value::Null)
        }
        ("containsKey", [key]) => Value::Bool(members.borrow().contains_key(&key.to_text())),
        ("containsValue", [wanted]) => {
            Value::Bool(members.borrow().values().any(|member| member.equals(wanted)))
        }
        ("size", []) => integer(members.borrow().len()),
        ("isEmpty", []) => Value::Bool(members.borrow().is_empty()),
        ("keySet", []) => {
            Value::list(members.borrow().keys().map(|key| Value::text(key.as_str())).collect())
        }
        ("values", []) => Value::list(members.borrow().values().cloned().collect()),
        ("entrySet", []) => {
            let members = members.borrow();
            let entry = |(key, member): (&String, &Value)| {
                let pair = [("key", Value::text(key.as_str())), ("value", member.clone())];
                Value::map(pair.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
            };
            Value::list(members.iter().map(entry).collect())
        }
        // An entry of `entrySet`.
        ("getKey", []) => super::property(value, "key"),
        ("getValue", []) => super::property(value, "value"),
        _ => Value::Null,
    }
}
