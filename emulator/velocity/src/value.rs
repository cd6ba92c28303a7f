//! The values of expressions.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use indexmap::IndexMap;
use num_bigint::BigInt;
use num_traits::ToPrimitive as _;

use crate::RenderError;
use crate::budget::{Budget, MEMBER_SIZE};
use crate::print::Printer;

/// A value. Lists and maps are shared, as in Java: a change is seen through every variable.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// An `Integer` of Java if it has 32 bits, else a `Long`.
    Integer(i64),
    /// A `BigInteger` of Java.
    Big(Rc<BigInt>),
    Float(f64),
    Text(Rc<str>),
    List(Rc<List>),
    Map(Rc<Map>),
    /// An entry of a map: its key and its value.
    Entry(Rc<Entry>),
    /// `$foreach`
    Loop(Rc<Loop>),
    /// `$input`
    Input,
    /// `$util`
    Util,
    /// A block of `#define`, by its number.
    Block(usize),
}

/// A list.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) kind: Kind,
    pub(crate) items: RefCell<Vec<Value>>,
}

/// The kinds of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A list of a template, and an array.
    List,
    /// A list of JSON, which prints as JSON (LocalStack's recording of AWS, 2025-06-18).
    Json,
    /// The keys, the values or the entries of a map. It has no positions.
    Collection,
}

/// A map.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) members: RefCell<IndexMap<Key, Value>>,
}

/// The key of a member. Keys of different types differ: `1` is not `"1"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Text(Rc<str>),
    Integer(i64),
    Bool(bool),
    /// Anything else, as text.
    Other(Rc<str>),
}

/// An entry of a map.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Value,
    pub(crate) value: Value,
}

/// The position of a loop.
#[derive(Debug, Default)]
pub(crate) struct Loop {
    /// The position, from 0.
    pub(crate) index: Cell<usize>,
    pub(crate) has_next: Cell<bool>,
    /// The loop around it.
    pub(crate) parent: Option<Rc<Loop>>,
}

impl Value {
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Value {
        Value::Text(text.into())
    }

    pub(crate) fn list(kind: Kind, items: Vec<Value>) -> Value {
        Value::List(Rc::new(List { kind, items: RefCell::new(items) }))
    }

    pub(crate) fn map(members: IndexMap<Key, Value>) -> Value {
        Value::Map(Rc::new(Map { members: RefCell::new(members) }))
    }

    /// A map of texts.
    pub(crate) fn map_of<'p>(pairs: impl Iterator<Item = (&'p str, Value)>) -> Value {
        Value::map(pairs.map(|(name, value)| (Key::text(name), value)).collect())
    }

    /// A number or a position.
    pub(crate) fn count(count: usize) -> Value {
        Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(crate) fn of_big(number: BigInt) -> Value {
        match number.to_i64() {
            Some(number) => Value::Integer(number),
            None => Value::Big(Rc::new(number)),
        }
    }

    /// The value of JSON.
    pub(crate) fn of_json(
        json: &serde_json::Value,
        budget: &mut Budget,
    ) -> Result<Value, RenderError> {
        budget.spend(1)?;
        Ok(match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(*flag),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(integer), _) => Value::Integer(integer),
                (None, Some(integer)) => Value::Big(Rc::new(integer.into())),
                (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
            },
            serde_json::Value::String(text) => {
                budget.allocate(text.len())?;
                Value::text(text.as_str())
            }
            serde_json::Value::Array(items) => {
                budget.items(items.len())?;
                let items = items.iter().map(|item| Value::of_json(item, budget));
                Value::list(Kind::Json, items.collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(members) => {
                budget.allocate(members.len().saturating_mul(MEMBER_SIZE))?;
                let members = members.iter().map(|(name, value)| {
                    Ok((Key::text(name.as_str()), Value::of_json(value, budget)?))
                });
                Value::map(members.collect::<Result<_, _>>()?)
            }
        })
    }

    /// The value as JSON. `levels` bounds the nesting, because a list may contain itself.
    pub(crate) fn to_json(
        &self,
        levels: usize,
        budget: &mut Budget,
    ) -> Result<serde_json::Value, RenderError> {
        if levels == 0 {
            return Ok(serde_json::Value::Null);
        }
        budget.spend(1)?;
        budget.allocate(MEMBER_SIZE)?;
        Ok(match self {
            Value::Null | Value::Input | Value::Util | Value::Block(_) | Value::Loop(_) => {
                serde_json::Value::Null
            }
            Value::Bool(flag) => (*flag).into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => {
                serde_json::Number::from_f64(*number).map_or(serde_json::Value::Null, Into::into)
            }
            Value::Text(text) => {
                budget.allocate(text.len())?;
                text.as_ref().into()
            }
            Value::Big(_) | Value::Entry(_) => self.to_text(budget)?.as_ref().into(),
            Value::List(list) => {
                let items = list.items.borrow();
                let items = items.iter().map(|item| item.to_json(levels - 1, budget));
                serde_json::Value::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                let mut json = serde_json::Map::new();
                for (key, value) in map.members.borrow().iter() {
                    budget.allocate(key.size())?;
                    json.insert(key.name().into_owned(), value.to_json(levels - 1, budget)?);
                }
                serde_json::Value::Object(json)
            }
        })
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Null and false are false, everything else is true, an empty text too.
    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Value::Null | Value::Bool(false))
    }

    /// Whether the value can contain others.
    pub(crate) fn is_container(&self) -> bool {
        matches!(self, Value::List(_) | Value::Map(_) | Value::Entry(_))
    }

    /// The text that the value prints.
    pub(crate) fn to_text(&self, budget: &mut Budget) -> Result<Rc<str>, RenderError> {
        if let Value::Text(text) = self {
            return Ok(text.clone());
        }
        let mut text = String::new();
        Printer::new(&mut text, budget).value(self)?;
        Ok(text.into())
    }

    /// Velocity 1.7: numbers by their value, values of other types by their text. A null equals an empty text: LocalStack's
    /// recording of AWS, 2025-06-18.
    pub(crate) fn equals(&self, other: &Value, budget: &mut Budget) -> Result<bool, RenderError> {
        Ok(match (self, other) {
            (Value::Integer(one), Value::Integer(two)) => one == two,
            (Value::Bool(one), Value::Bool(two)) => one == two,
            (Value::Text(one), Value::Text(two)) => {
                budget.spend(one.len().min(two.len()) / 64)?;
                one == two
            }
            (Value::List(one), Value::List(two)) if Rc::ptr_eq(one, two) => true,
            (Value::Map(one), Value::Map(two)) if Rc::ptr_eq(one, two) => true,
            _ => match self.compare(other) {
                Some(order) => order.is_eq(),
                None => self.to_text(budget)? == other.to_text(budget)?,
            },
        })
    }

    /// The order of two numbers; `None` if one is not a number.
    pub(crate) fn compare(&self, other: &Value) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Value::Integer(one), Value::Integer(two)) => Some(one.cmp(two)),
            (Value::Big(_) | Value::Integer(_), Value::Big(_) | Value::Integer(_)) => {
                Some(self.big()?.cmp(&other.big()?))
            }
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    /// The value of a number.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "Java converts a long to a double too")]
            Value::Integer(number) => Some(*number as f64),
            Value::Big(number) => number.to_f64(),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of an integer.
    pub(crate) fn big(&self) -> Option<BigInt> {
        match self {
            Value::Integer(number) => Some(BigInt::from(*number)),
            Value::Big(number) => Some(number.as_ref().clone()),
            _ => None,
        }
    }
}

impl Key {
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Key {
        Key::Text(text.into())
    }

    pub(crate) fn of(value: &Value, budget: &mut Budget) -> Result<Key, RenderError> {
        Ok(match value {
            Value::Text(text) => {
                budget.read(text)?;
                Key::Text(text.clone())
            }
            Value::Integer(number) => Key::Integer(*number),
            Value::Bool(flag) => Key::Bool(*flag),
            Value::Null => Key::Other("null".into()),
            value => Key::Other(value.to_text(budget)?),
        })
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Key::Text(text) | Key::Other(text) => Value::Text(text.clone()),
            Key::Integer(number) => Value::Integer(*number),
            Key::Bool(flag) => Value::Bool(*flag),
        }
    }

    pub(crate) fn name(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Key::Text(text) | Key::Other(text) => text.as_ref().into(),
            Key::Integer(number) => number.to_string().into(),
            Key::Bool(flag) => flag.to_string().into(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Key::Text(text) | Key::Other(text) => text.len(),
            Key::Integer(_) | Key::Bool(_) => 0,
        }
    }
}

impl Drop for List {
    /// Values may be nested more deeply than the stack is.
    fn drop(&mut self) {
        flatten(std::mem::take(self.items.get_mut()));
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        flatten(std::mem::take(self.members.get_mut()).into_values().collect());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        flatten(vec![std::mem::replace(&mut self.value, Value::Null)]);
    }
}

/// Drops values without recursion.
fn flatten(mut waiting: Vec<Value>) {
    while let Some(value) = waiting.pop() {
        match value {
            Value::List(list) => {
                if let Ok(mut list) = Rc::try_unwrap(list) {
                    waiting.append(list.items.get_mut());
                }
            }
            Value::Map(map) => {
                if let Ok(mut map) = Rc::try_unwrap(map) {
                    waiting.extend(std::mem::take(map.members.get_mut()).into_values());
                }
            }
            Value::Entry(entry) => {
                if let Ok(mut entry) = Rc::try_unwrap(entry) {
                    waiting.push(std::mem::replace(&mut entry.value, Value::Null));
                }
            }
            _ => {}
        }
    }
}
