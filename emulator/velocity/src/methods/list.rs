//! Methods of `List`, `Set` and `Collection`.

use super::{Called, out_of_bounds, position};
use crate::RenderError;
use crate::budget::Budget;
use crate::value::{Kind, List, Value};

pub(super) fn call(list: &List, name: &str, arguments: &[Value], budget: &mut Budget) -> Called {
    let length = list.items.borrow().len();
    Ok(match (name, arguments) {
        ("size", []) => Value::count(length),
        ("isEmpty", []) => Value::Bool(length == 0),
        ("contains", [wanted]) => Value::Bool(find(list, wanted, budget)?.is_some()),
        ("containsAll", [Value::List(other)]) => {
            let wanted = other.items.borrow().clone();
            budget.items(wanted.len())?;
            for wanted in &wanted {
                if find(list, wanted, budget)?.is_none() {
                    return Ok(Value::Bool(false));
                }
            }
            Value::Bool(true)
        }
        ("removeAll" | "retainAll", [Value::List(other)]) => {
            budget.items(length)?;
            let items = list.items.borrow().clone();
            let mut kept = Vec::new();
            for item in items {
                if find(other, &item, budget)?.is_some() == (name == "retainAll") {
                    kept.push(item);
                }
            }
            let is_changed = kept.len() != length;
            list.items.replace(kept);
            Value::Bool(is_changed)
        }
        ("clear", []) => {
            list.items.borrow_mut().clear();
            Value::Null
        }
        // Collections of maps have no positions.
        (name, arguments) if list.kind != Kind::Collection => {
            at_positions(list, name, arguments, budget)?
        }
        ("remove", [wanted]) => removed(list, wanted, budget)?,
        _ => Value::Null,
    })
}

/// Methods of lists only.
fn at_positions(list: &List, name: &str, arguments: &[Value], budget: &mut Budget) -> Called {
    let length = list.items.borrow().len();
    Ok(match (name, arguments) {
        ("indexOf", [wanted]) => {
            find(list, wanted, budget)?.map_or(Value::Integer(-1), Value::count)
        }
        ("lastIndexOf", [wanted]) => {
            let mut last = None;
            for (at, item) in list.items.borrow().iter().enumerate() {
                if is(item, wanted, budget)? {
                    last = Some(at);
                }
            }
            last.map_or(Value::Integer(-1), Value::count)
        }
        ("get", [Value::Integer(at)]) => {
            let item = list.items.borrow().get(position(name, *at)?).cloned();
            item.ok_or_else(|| out_of_bounds(name, *at))?
        }
        ("add", [item]) => {
            budget.items(1)?;
            list.items.borrow_mut().push(item.clone());
            Value::Bool(true)
        }
        ("add", [Value::Integer(at), item]) => {
            budget.items(1)?;
            budget.spend(length / 64)?;
            let place = position(name, *at)?;
            if place > length {
                return Err(out_of_bounds(name, *at));
            }
            list.items.borrow_mut().insert(place, item.clone());
            Value::Null
        }
        ("addAll", [Value::List(other)]) => {
            budget.items(other.items.borrow().len())?;
            let added = other.items.borrow().clone();
            let is_changed = !added.is_empty();
            list.items.borrow_mut().extend(added);
            Value::Bool(is_changed)
        }
        ("set", [Value::Integer(at), item]) => {
            let mut items = list.items.borrow_mut();
            let place = items.get_mut(position(name, *at)?);
            let place = place.ok_or_else(|| out_of_bounds(name, *at))?;
            std::mem::replace(place, item.clone())
        }
        ("remove", [Value::Integer(at)]) => {
            budget.spend(length / 64)?;
            let place = position(name, *at)?;
            if place >= length {
                return Err(out_of_bounds(name, *at));
            }
            list.items.borrow_mut().remove(place)
        }
        ("remove", [wanted]) => removed(list, wanted, budget)?,
        ("subList", [Value::Integer(from), Value::Integer(to)]) => {
            let range = position(name, *from)?..position(name, *to)?;
            let items = list.items.borrow();
            let part = items.get(range).ok_or_else(|| out_of_bounds(name, *to))?;
            budget.items(part.len())?;
            Value::list(Kind::List, part.to_vec())
        }
        _ => Value::Null,
    })
}

/// Removes the first item that equals a value; whether there was one.
fn removed(list: &List, wanted: &Value, budget: &mut Budget) -> Called {
    let at = find(list, wanted, budget)?;
    at.map(|at| list.items.borrow_mut().remove(at));
    Ok(Value::Bool(at.is_some()))
}

fn find(list: &List, wanted: &Value, budget: &mut Budget) -> Result<Option<usize>, RenderError> {
    for (at, item) in list.items.borrow().iter().enumerate() {
        if is(item, wanted, budget)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Whether `equals` of Java holds: values of different types differ.
pub(super) fn is(item: &Value, wanted: &Value, budget: &mut Budget) -> Result<bool, RenderError> {
    budget.spend(1)?;
    let same = std::mem::discriminant(item) == std::mem::discriminant(wanted);
    Ok(same && item.equals(wanted, budget)?)
}
