//! `Fn::ForEach`: a fragment of a template, repeated for each item of a collection.
//!
//! Official (CloudFormation user guide, `Fn::ForEach`): the key is `Fn::ForEach::UniqueName` and the value is
//! `[Identifier, [items], {key: value}]`; `${Identifier}` and `&{Identifier}` are replaced in keys and values, the
//! latter without characters that are not alphanumeric; `Ref` of the identifier is the item.

use indexmap::IndexMap;

use super::diagnostic::Diagnostic;
use super::tree::{DEEPEST, Mapping, MappingEntry, Node, Value};

/// The maximum number of entries that the loops of a template produce. The quota of CloudFormation is 500 resources.
const MOST_ENTRIES: usize = 5_000;

/// Expands every loop of a template. `given` replaces the defaults of parameters.
pub(super) fn expand(template: Node, given: &IndexMap<String, String>) -> Result<Node, Diagnostic> {
    let mut lists = IndexMap::new();
    if let Some(parameters) = template.get("Parameters") {
        for entry in parameters.entries("`Parameters`")? {
            let default = entry.value.get("Default").and_then(|node| node.scalar("").ok());
            if let Some(text) = given.get(&entry.key).map(String::as_str).or(default) {
                let items = text.split(',').map(|item| item.trim().to_owned());
                lists.insert(entry.key.clone(), items.collect());
            }
        }
    }
    let mut template = template;
    Loops { lists, entries: 0 }.node(&mut template, 0)?;
    Ok(template)
}

struct Loops {
    /// The items of each parameter.
    lists: IndexMap<String, Vec<String>>,
    /// The number of entries that were produced.
    entries: usize,
}

impl Loops {
    fn node(&mut self, node: &mut Node, depth: usize) -> Result<(), Diagnostic> {
        if depth > DEEPEST {
            return Err(Diagnostic::new(node.at, "these loops are nested too deep"));
        }
        match &mut node.value {
            Value::Absent | Value::Text(_) => {}
            Value::List(items) => {
                for item in items {
                    self.node(item, depth + 1)?;
                }
            }
            Value::Map(entries) => {
                if entries.iter().any(is_loop) {
                    let mut expanded = Mapping::default();
                    for entry in std::mem::take(entries) {
                        if is_loop(&entry) {
                            self.repeat(&entry, &mut expanded, depth + 1)?;
                        } else {
                            expanded.insert(entry);
                        }
                    }
                    *entries = expanded;
                }
                for entry in entries {
                    self.node(&mut entry.value, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn repeat(
        &mut self,
        entry: &MappingEntry,
        into: &mut Mapping,
        depth: usize,
    ) -> Result<(), Diagnostic> {
        let what = format!("`{}`", entry.key);
        let shape = "`[Identifier, [items], {key: value}]`";
        let [identifier, collection, body] = entry.value.items(&what)? else {
            return Err(entry.value.unexpected(&what, shape));
        };
        let identifier = identifier.scalar(&format!("the identifier of {what}"))?.to_owned();
        for item in self.items(collection, &what)? {
            let mut copy = body.clone();
            replace(&mut copy, &identifier, &item);
            // A loop in a loop has its own identifier, and its items may name the outer one.
            self.node(&mut copy, depth + 1)?;
            let made = copy.entries(&format!("the body of {what}"))?;
            self.entries += made.len().max(1);
            if self.entries > MOST_ENTRIES {
                return Err(Diagnostic::new(
                    entry.at,
                    format!("{what} produces more than {MOST_ENTRIES} entries"),
                ));
            }
            for one in made {
                if into.contains(&one.key) {
                    let message = format!("{what} produces the key `{}` twice", one.key);
                    return Err(Diagnostic::new(entry.at, message)
                        .help(format!("write `${{{identifier}}}` into the key")));
                }
                into.insert(one.clone());
            }
        }
        Ok(())
    }

    fn items(&self, collection: &Node, what: &str) -> Result<Vec<String>, Diagnostic> {
        if let Some(entry) = collection.only_entry()
            && entry.key == "Ref"
        {
            let name = entry.value.scalar("the name in `Ref`")?;
            return self.lists.get(name).cloned().ok_or_else(|| {
                let message = format!("the collection of {what} is `{name}`, which has no value");
                Diagnostic::new(collection.at, message).help(format!(
                    "give it with --parameter {name}=…, or under [parameters] in hardcap.toml"
                ))
            });
        }
        let mut items = Vec::new();
        for item in collection.items(&format!("the collection of {what}"))? {
            match item.only_entry() {
                Some(entry) if entry.key == "Ref" => items.extend(self.items(item, what)?),
                _ => items.push(item.scalar(&format!("an item of {what}"))?.to_owned()),
            }
        }
        Ok(items)
    }
}

fn is_loop(entry: &MappingEntry) -> bool {
    entry.key.starts_with("Fn::ForEach::")
}

fn replace(node: &mut Node, identifier: &str, item: &str) {
    if let Some(entry) = node.only_entry()
        && entry.key == "Ref"
        && matches!(&entry.value.value, Value::Text(name) if name == identifier)
    {
        node.value = Value::Text(item.to_owned());
        return;
    }
    let filled = |text: &str| {
        let alphanumeric: String = item.chars().filter(char::is_ascii_alphanumeric).collect();
        text.replace(&format!("${{{identifier}}}"), item)
            .replace(&format!("&{{{identifier}}}"), &alphanumeric)
    };
    match &mut node.value {
        Value::Absent => {}
        Value::Text(text) => *text = filled(text),
        Value::List(items) => items.iter_mut().for_each(|node| replace(node, identifier, item)),
        Value::Map(entries) => {
            let renamed = std::mem::take(entries).into_iter().map(|mut entry| {
                replace(&mut entry.value, identifier, item);
                MappingEntry { key: filled(&entry.key), ..entry }
            });
            *entries = renamed.collect();
        }
    }
}
