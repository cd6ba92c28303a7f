//! Methods of `List`, and of arrays.

use std::cell::RefCell;

use super::{integer, position};
use crate::value::{List, Value};

/// The maximum number of items of a list that a template makes.
const ITEMS_MAX: usize = 1_000_000;

pub(super) fn call(list: &RefCell<List>, name: &str, arguments: &[Value]) -> Value {
    let find = |wanted: &Value| list.borrow().items.iter().position(|item| item.equals(wanted));
    match (name, arguments) {
        ("size" | "length", []) => integer(list.borrow().items.len()),
        ("isEmpty", []) => Value::Bool(list.borrow().items.is_empty()),
        ("get", [at]) => {
            let item = position(at).and_then(|at| list.borrow().items.get(at).cloned());
            item.unwrap_or(Value::Null)
        }
        ("contains", [wanted]) => Value::Bool(find(wanted).is_some()),
        ("indexOf", [wanted]) => find(wanted).map_or(Value::Integer(-1), integer),
        ("add", [item]) => {
            let mut list = list.borrow_mut();
            if list.items.len() < ITEMS_MAX {
                list.items.push(item.clone());
            }
            Value::Bool(true)
        }
        ("add", [at, item]) => {
            let mut list = list.borrow_mut();
            if let Some(at) = position(at).filter(|at| *at <= list.items.len()) {
                list.items.insert(at, item.clone());
            }
            Value::Null
        }
        ("addAll", [Value::List(other)]) => {
            let added = other.borrow().items.clone();
            let mut list = list.borrow_mut();
            let room = ITEMS_MAX.saturating_sub(list.items.len());
            list.items.extend(added.into_iter().take(room));
            Value::Bool(true)
        }
        ("set", [at, item]) => {
            let mut list = list.borrow_mut();
            let place = position(at).and_then(|at| list.items.get_mut(at));
            place.map_or(Value::Null, |place| std::mem::replace(place, item.clone()))
        }
        ("remove", [at @ Value::Integer(_)]) => {
            let mut list = list.borrow_mut();
            match position(at).filter(|at| *at < list.items.len()) {
                Some(at) => list.items.remove(at),
                None => Value::Null,
            }
        }
        ("remove", [wanted]) => {
            let at = find(wanted);
            at.map(|at| list.borrow_mut().items.remove(at));
            Value::Bool(at.is_some())
        }
        ("subList", [from, to]) => match (position(from), position(to)) {
            (Some(from), Some(to)) => {
                let items = list.borrow().items.get(from..to).map(<[Value]>::to_vec);
                items.map_or(Value::Null, Value::list)
            }
            _ => Value::Null,
        },
        ("clear", []) => {
            list.borrow_mut().items.clear();
            Value::Null
        }
        _ => Value::Null,
    }
}
