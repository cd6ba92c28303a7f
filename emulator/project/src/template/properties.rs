//! Reads a mapping by the names of its properties, and warns of properties that no code has read.

use std::cell::RefCell;
use std::str::FromStr;

use indexmap::IndexMap;

use super::diagnostic::{Diagnostic, Position};
use super::scope::Scope;
use super::tree::{Mapping, MappingEntry, Node, Value};

/// A mapping that is being read. [`Properties::finish`] warns of each property that was not read.
pub(crate) struct Properties<'n> {
    pub(crate) scope: &'n Scope<'n>,
    /// The mapping's name in messages: ``the function `Proxy` ``.
    pub(crate) what: String,
    pub(crate) at: Position,
    entries: &'n Mapping,
    known: RefCell<Vec<String>>,
}

impl<'n> Properties<'n> {
    pub(crate) fn new(
        scope: &'n Scope<'n>,
        what: String,
        node: &'n Node,
    ) -> Result<Properties<'n>, Diagnostic> {
        let node = scope.choose(node)?;
        let entries = node.entries(&what)?;
        Ok(Properties { scope, what, at: node.at, entries, known: RefCell::default() })
    }

    /// The properties of a resource.
    pub(crate) fn of(
        scope: &'n Scope<'n>,
        what: &str,
        entry: &'n MappingEntry,
    ) -> Result<Properties<'n>, Diagnostic> {
        let what = format!("{what} `{}`", entry.key);
        match entry.value.get("Properties") {
            Some(node) => Properties::new(scope, what, node),
            None => Ok(Properties {
                scope,
                what,
                at: entry.at,
                entries: Mapping::none(),
                known: RefCell::default(),
            }),
        }
    }

    /// The unevaluated value of a property, with `Fn::If` followed; `None` when it is absent.
    pub(crate) fn node(&self, key: &str) -> Result<Option<&'n Node>, Diagnostic> {
        self.known.borrow_mut().push(key.to_owned());
        let Some(entry) = self.entries.find(key) else {
            return Ok(None);
        };
        let node = self.scope.choose(&entry.value)?;
        let nothing = node.is_absent() || is_no_value(node);
        Ok((!nothing).then_some(node))
    }

    /// The value of a property; `None` when it is absent or evaluates to `AWS::NoValue`.
    pub(crate) fn value(&self, key: &str) -> Result<Option<Node>, Diagnostic> {
        let Some(node) = self.node(key)? else { return Ok(None) };
        let value = self.scope.evaluate(node)?;
        Ok((!value.is_absent()).then_some(Node { at: node.at, ..value }))
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, Diagnostic> {
        let Some(value) = self.value(key)? else { return Ok(None) };
        value.scalar(&self.name(key)).map(|text| Some(text.to_owned()))
    }

    pub(crate) fn required_text(&self, key: &str) -> Result<String, Diagnostic> {
        self.text(key)?
            .ok_or_else(|| Diagnostic::new(self.at, format!("{} has no `{key}`", self.what)))
    }

    pub(crate) fn number<N: FromStr>(&self, key: &str) -> Result<Option<N>, Diagnostic> {
        let Some(value) = self.value(key)? else { return Ok(None) };
        match value.scalar(&self.name(key))?.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(value.unexpected(&self.name(key), "a whole number")),
        }
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, Diagnostic> {
        let Some(value) = self.value(key)? else { return Ok(None) };
        match &value.value {
            Value::Text(text) if text == "true" => Ok(Some(true)),
            Value::Text(text) if text == "false" => Ok(Some(false)),
            _ => Err(value.unexpected(&self.name(key), "true or false")),
        }
    }

    /// A list of texts. A text alone is a list of one item, as in CloudFormation.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, Diagnostic> {
        let Some(value) = self.value(key)? else { return Ok(Vec::new()) };
        if let Value::Text(text) = &value.value {
            return Ok(vec![text.clone()]);
        }
        let items = value.items(&self.name(key))?;
        items.iter().map(|item| item.scalar(&self.name(key)).map(str::to_owned)).collect()
    }

    pub(crate) fn text_map(&self, key: &str) -> Result<IndexMap<String, String>, Diagnostic> {
        let Some(value) = self.value(key)? else { return Ok(IndexMap::new()) };
        let mut texts = IndexMap::new();
        for entry in value.entries(&self.name(key))? {
            let what = format!("`{}` of {}", entry.key, self.name(key));
            texts.insert(entry.key.clone(), entry.value.scalar(&what)?.to_owned());
        }
        Ok(texts)
    }

    /// A value as JSON with its types. A text is JSON already.
    pub(crate) fn json(&self, key: &str) -> Result<Option<String>, Diagnostic> {
        let Some(node) = self.node(key)? else { return Ok(None) };
        Ok(Some(match self.scope.json(node)? {
            serde_json::Value::String(text) => text,
            value => value.to_string(),
        }))
    }

    /// A mapping in this mapping.
    pub(crate) fn child(&self, key: &str) -> Result<Option<Properties<'n>>, Diagnostic> {
        let Some(node) = self.node(key)? else { return Ok(None) };
        Properties::new(self.scope, self.name(key), node).map(Some)
    }

    /// The mappings in a list in this mapping.
    pub(crate) fn children(&self, key: &str) -> Result<Vec<Properties<'n>>, Diagnostic> {
        let Some(node) = self.node(key)? else { return Ok(Vec::new()) };
        let mut children = Vec::new();
        for item in node.items(&self.name(key))? {
            let item = self.scope.choose(item)?;
            if !is_no_value(item) {
                children.push(Properties::new(self.scope, self.name(key), item)?);
            }
        }
        Ok(children)
    }

    /// The mappings in a mapping of this mapping, whose keys are names.
    pub(crate) fn named_children(
        &self,
        key: &str,
    ) -> Result<Vec<(&'n MappingEntry, Properties<'n>)>, Diagnostic> {
        let Some(node) = self.node(key)? else { return Ok(Vec::new()) };
        let entries = node.entries(&self.name(key))?.iter();
        entries
            .map(|entry| {
                let what = format!("`{}` of {}", entry.key, self.name(key));
                Ok((entry, Properties::new(self.scope, what, &entry.value)?))
            })
            .collect()
    }

    /// All entries, for a mapping whose keys are names.
    pub(crate) fn entries(&self) -> &'n Mapping {
        self.entries
    }

    /// Marks properties as read that have no effect on the behaviour that hardcap emulates.
    pub(crate) fn without_effect(&self, keys: &[&str]) {
        self.known.borrow_mut().extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// Warns of a property that has an effect on AWS and none here, with the consequence.
    pub(crate) fn not_emulated(&self, key: &str, consequence: &str) -> Result<(), Diagnostic> {
        if let Some(node) = self.node(key)? {
            let message = format!("{} is not emulated: {consequence}", self.name(key));
            self.scope.warn(Diagnostic::new(node.at, message).rule("not-emulated"));
        }
        Ok(())
    }

    /// Warns of an authorization property that is not enforced here, with the consequence.
    pub(crate) fn not_checked(&self, key: &str, consequence: &str) -> Result<(), Diagnostic> {
        if let Some(node) = self.node(key)? {
            let message = format!("{} is not enforced: {consequence}", self.name(key));
            self.scope.warn(Diagnostic::new(node.at, message).rule("access-not-checked"));
        }
        Ok(())
    }

    /// Warns of every property that was not read.
    pub(crate) fn finish(self) {
        let known = self.known.borrow();
        for entry in self.entries.iter().filter(|entry| !known.contains(&entry.key)) {
            let message = format!(
                "{} has the property `{}`, which hardcap does not know",
                self.what, entry.key
            );
            let warning = Diagnostic::new(entry.at, message).rule("unknown-property");
            self.scope.warn(warning.nearest(&entry.key, known.iter().map(String::as_str)));
        }
    }

    /// The name of a property in messages.
    pub(crate) fn name(&self, key: &str) -> String {
        format!("`{key}` of {}", self.what)
    }
}

fn is_no_value(node: &Node) -> bool {
    node.only_entry().is_some_and(|entry| {
        entry.key == "Ref" && entry.value.scalar("").is_ok_and(|name| name == "AWS::NoValue")
    })
}
