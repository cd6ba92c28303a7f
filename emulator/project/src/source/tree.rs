//! The content of a YAML, JSON or TOML file as a tree of nodes with positions.

use std::sync::LazyLock;

use indexmap::IndexMap;
use indexmap::map::{IntoValues, Values, ValuesMut};

use super::diagnostic::{Diagnostic, Position};

/// The maximum depth of a file, so that code that walks the tree may recurse.
pub(crate) const DEEPEST: usize = 100;

/// A value and the position of its beginning.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
    /// Whether the value is a scalar without quotation marks, so that `5` is a number where types matter.
    pub(crate) is_plain: bool,
}

/// The value of a node. Scalars are texts: the reader of a property parses numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// No value, `null`, or `AWS::NoValue`.
    Absent,
    /// A text, a number or a truth value.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Mapping),
}

/// A key of a mapping, its position, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MappingEntry {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) value: Node,
}

/// The entries of a mapping in the order of the file. The lookup by key is constant in time, because a template may have
/// hundreds of thousands of entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mapping(IndexMap<String, MappingEntry>);

impl Mapping {
    /// The entries of an absent mapping.
    pub(crate) fn none() -> &'static Mapping {
        static NONE: LazyLock<Mapping> = LazyLock::new(Mapping::default);
        &NONE
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn first(&self) -> Option<&MappingEntry> {
        self.0.values().next()
    }

    pub(crate) fn iter(&self) -> Values<'_, String, MappingEntry> {
        self.0.values()
    }

    pub(crate) fn find(&self, key: &str) -> Option<&MappingEntry> {
        self.0.get(key)
    }

    /// The entry of a key, to change its value. The key must not be changed.
    pub(crate) fn find_mut(&mut self, key: &str) -> Option<&mut MappingEntry> {
        self.0.get_mut(key)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Adds an entry. If the key exists, the entry is replaced and returned.
    pub(crate) fn insert(&mut self, entry: MappingEntry) -> Option<MappingEntry> {
        self.0.insert(entry.key.clone(), entry)
    }

    /// Removes the entry of a key; the others keep their order.
    pub(crate) fn remove(&mut self, key: &str) -> Option<MappingEntry> {
        self.0.shift_remove(key)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&MappingEntry) -> bool) {
        self.0.retain(|_, entry| keep(entry));
    }
}

impl FromIterator<MappingEntry> for Mapping {
    /// Of several entries with one key, the last is kept.
    fn from_iter<I: IntoIterator<Item = MappingEntry>>(entries: I) -> Mapping {
        Mapping(entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect())
    }
}

impl Extend<MappingEntry> for Mapping {
    fn extend<I: IntoIterator<Item = MappingEntry>>(&mut self, entries: I) {
        self.0.extend(entries.into_iter().map(|entry| (entry.key.clone(), entry)));
    }
}

impl IntoIterator for Mapping {
    type Item = MappingEntry;
    type IntoIter = IntoValues<String, MappingEntry>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = &'a MappingEntry;
    type IntoIter = Values<'a, String, MappingEntry>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.values()
    }
}

impl<'a> IntoIterator for &'a mut Mapping {
    type Item = &'a mut MappingEntry;
    type IntoIter = ValuesMut<'a, String, MappingEntry>;

    /// The entries, to change their values. The keys must not be changed.
    fn into_iter(self) -> Self::IntoIter {
        self.0.values_mut()
    }
}

impl Node {
    pub(crate) fn new(at: Position, value: Value) -> Node {
        Node { at, value, is_plain: false }
    }

    pub(crate) fn text(at: Position, text: impl Into<String>) -> Node {
        Node { at, value: Value::Text(text.into()), is_plain: false }
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.value == Value::Absent
    }

    /// The value of a key, if this is a mapping with the key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.find(key).map(|entry| &entry.value),
            Value::Absent | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// The only entry of a mapping of one key, the shape of every intrinsic function.
    pub(crate) fn only_entry(&self) -> Option<&MappingEntry> {
        match &self.value {
            Value::Map(entries) if entries.len() == 1 => entries.first(),
            _ => None,
        }
    }

    /// The entries of a mapping. An absent value is an empty mapping.
    pub(crate) fn entries(&self, what: &str) -> Result<&Mapping, Diagnostic> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            Value::Absent => Ok(Mapping::none()),
            Value::Text(_) | Value::List(_) => Err(self.unexpected(what, "a mapping")),
        }
    }

    /// The items of a sequence. An absent value is an empty sequence.
    pub(crate) fn items(&self, what: &str) -> Result<&[Node], Diagnostic> {
        match &self.value {
            Value::List(items) => Ok(items),
            Value::Absent => Ok(&[]),
            Value::Text(_) | Value::Map(_) => Err(self.unexpected(what, "a list")),
        }
    }

    /// The text of a scalar.
    pub(crate) fn scalar(&self, what: &str) -> Result<&str, Diagnostic> {
        match &self.value {
            Value::Text(text) => Ok(text),
            Value::Absent | Value::List(_) | Value::Map(_) => Err(self.unexpected(what, "a text")),
        }
    }

    /// The error of a value of another kind: `what` must be `wanted`.
    pub(crate) fn unexpected(&self, what: &str, wanted: &str) -> Diagnostic {
        Diagnostic::new(self.at, format!("{what} must be {wanted}, not {}", self.describe()))
    }

    fn describe(&self) -> String {
        match &self.value {
            Value::Absent => "empty".to_owned(),
            Value::Text(text) if text.chars().count() > 60 => {
                format!("`{}…`", text.chars().take(60).collect::<String>())
            }
            Value::Text(text) => format!("`{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => match self.only_entry() {
                Some(entry) if is_intrinsic(&entry.key) => format!("`{}`", entry.key),
                _ => "a mapping".to_owned(),
            },
        }
    }
}

/// Whether a key of a mapping of one key is an intrinsic function of CloudFormation.
pub(crate) fn is_intrinsic(key: &str) -> bool {
    key == "Ref" || key == "Condition" || key.starts_with("Fn::")
}
