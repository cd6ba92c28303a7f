//! What is written in a file, as a tree of nodes that know their place. YAML, JSON and TOML all become this.

use super::mistake::{Mistake, Position};

/// A file nested deeper than this is refused: everything that walks the tree may then recurse.
pub(crate) const DEEPEST: usize = 100;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// What a node holds. Scalars stay as they were written: what a number is decides whoever reads the property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing was written, or `null`, or `AWS::NoValue`.
    Absent,
    /// A text, a number or a truth value.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written; no key twice.
    Map(Vec<Entry>),
}

/// A key of a mapping, where it is, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn new(at: Position, value: Value) -> Node {
        Node { at, value }
    }

    pub(crate) fn text(at: Position, text: impl Into<String>) -> Node {
        Node { at, value: Value::Text(text.into()) }
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.value == Value::Absent
    }

    /// The value of a key, when this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            Value::Absent | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// The only entry of a mapping of one key, the shape of every intrinsic function.
    pub(crate) fn only_entry(&self) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) if entries.len() == 1 => entries.first(),
            _ => None,
        }
    }

    /// The entries of a mapping; nothing written is an empty one.
    pub(crate) fn entries(&self, what: &str) -> Result<&[Entry], Mistake> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            Value::Absent => Ok(&[]),
            Value::Text(_) | Value::List(_) => Err(self.mistaken(what, "a mapping")),
        }
    }

    /// The items of a sequence; nothing written is an empty one.
    pub(crate) fn items(&self, what: &str) -> Result<&[Node], Mistake> {
        match &self.value {
            Value::List(items) => Ok(items),
            Value::Absent => Ok(&[]),
            Value::Text(_) | Value::Map(_) => Err(self.mistaken(what, "a list")),
        }
    }

    /// The text of a scalar.
    pub(crate) fn scalar(&self, what: &str) -> Result<&str, Mistake> {
        match &self.value {
            Value::Text(text) => Ok(text),
            Value::Absent | Value::List(_) | Value::Map(_) => Err(self.mistaken(what, "a text")),
        }
    }

    /// `what` must be `wanted`, and what is here is not.
    pub(crate) fn mistaken(&self, what: &str, wanted: &str) -> Mistake {
        Mistake::new(self.at, format!("{what} must be {wanted}, not {}", self.describe()))
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
