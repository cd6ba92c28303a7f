//! Methods of `Map`.

use std::rc::Rc;

use super::Called;
use crate::budget::{Budget, MEMBER_SIZE};
use crate::value::{Entry, Key, Kind, Map, Value};

pub(super) fn call(map: &Map, name: &str, arguments: &[Value], budget: &mut Budget) -> Called {
    let key = match arguments.first() {
        None => None,
        Some(key) => Some(Key::of(key, budget)?),
    };
    let length = map.members.borrow().len();
    let get = |key: &Key| map.members.borrow().get(key).cloned();
    Ok(match (name, arguments, key) {
        ("get", [_], Some(key)) => get(&key).unwrap_or(Value::Null),
        ("getOrDefault", [_, default], Some(key)) => get(&key).unwrap_or_else(|| default.clone()),
        ("put", [_, member], Some(key)) => {
            budget.allocate(MEMBER_SIZE)?;
            let before = map.members.borrow_mut().insert(key, member.clone());
            before.unwrap_or(Value::Null)
        }
        ("putIfAbsent", [_, member], Some(key)) => match get(&key) {
            Some(before) if !before.is_null() => before,
            _ => {
                budget.allocate(MEMBER_SIZE)?;
                map.members.borrow_mut().insert(key, member.clone());
                Value::Null
            }
        },
        ("putAll", [Value::Map(other)], _) => {
            let added = other.members.borrow().clone();
            budget.items(added.len())?;
            budget.allocate(added.len().saturating_mul(MEMBER_SIZE))?;
            map.members.borrow_mut().extend(added);
            Value::Null
        }
        ("remove", [_], Some(key)) => {
            budget.spend(length / 16)?;
            map.members.borrow_mut().shift_remove(&key).unwrap_or(Value::Null)
        }
        ("remove", [_, member], Some(key)) => {
            budget.spend(length / 16)?;
            let is_same = match get(&key) {
                Some(known) => super::list::is(&known, member, budget)?,
                None => false,
            };
            if is_same {
                map.members.borrow_mut().shift_remove(&key);
            }
            Value::Bool(is_same)
        }
        ("containsKey", [_], Some(key)) => Value::Bool(get(&key).is_some()),
        ("containsValue", [wanted], _) => {
            let values = map.members.borrow().values().cloned().collect();
            budget.items(length)?;
            let values = Value::list(Kind::List, values);
            super::call(&values, "contains", std::slice::from_ref(wanted), budget)?
        }
        ("size", [], _) => Value::count(length),
        ("isEmpty", [], _) => Value::Bool(length == 0),
        ("clear", [], _) => {
            map.members.borrow_mut().clear();
            Value::Null
        }
        ("keySet", [], _) => {
            budget.items(length)?;
            Value::list(Kind::Collection, map.members.borrow().keys().map(Key::value).collect())
        }
        ("values", [], _) => {
            budget.items(length)?;
            Value::list(Kind::Collection, map.members.borrow().values().cloned().collect())
        }
        ("entrySet", [], _) => {
            budget.items(length)?;
            budget.allocate(length.saturating_mul(MEMBER_SIZE))?;
            let members = map.members.borrow();
            let entries = members.iter().map(|(key, value)| {
                Value::Entry(Rc::new(Entry { key: key.value(), value: value.clone() }))
            });
            Value::list(Kind::Collection, entries.collect())
        }
        _ => Value::Null,
    })
}
