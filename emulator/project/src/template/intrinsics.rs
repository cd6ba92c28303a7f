//! Evaluates the intrinsic functions of CloudFormation.

use base64::Engine;

use super::diagnostic::{Diagnostic, Position};
use super::scope::Scope;
use super::tree::{Mapping, MappingEntry, Node, Value, is_intrinsic};

impl Scope<'_> {
    /// The node with every intrinsic function replaced by its value. Keys without a value are left out.
    pub(crate) fn evaluate(&self, node: &Node) -> Result<Node, Diagnostic> {
        let size = if let Value::Text(text) = &node.value { text.len() } else { 0 };
        self.step(node.at, size, || {
            if let Some(entry) = node.only_entry()
                && is_intrinsic(&entry.key)
                && entry.key != "Condition"
            {
                return self.function(node, entry);
            }
            let value = match &node.value {
                Value::Absent => Value::Absent,
                Value::Text(text) => Value::Text(text.clone()),
                Value::List(items) => {
                    let mut values = Vec::with_capacity(items.len());
                    for item in items {
                        values.push(self.evaluate(item)?);
                    }
                    values.retain(|value| !value.is_absent());
                    Value::List(values)
                }
                Value::Map(entries) => {
                    let mut values = Mapping::default();
                    for entry in entries {
                        values.insert(MappingEntry {
                            value: self.evaluate(&entry.value)?,
                            ..entry.clone()
                        });
                    }
                    values.retain(|entry: &MappingEntry| !entry.value.is_absent());
                    Value::Map(values)
                }
            };
            Ok(Node::new(node.at, value))
        })
    }

    /// The value of a node as JSON with its types: a number or a truth value is one if it is written without quotation marks.
    pub(crate) fn json(&self, node: &Node) -> Result<serde_json::Value, Diagnostic> {
        let node = self.choose(node)?;
        self.step(node.at, 0, || {
            if node.only_entry().is_some_and(|it| is_intrinsic(&it.key) && it.key != "Condition") {
                return Ok(json_of(&self.evaluate(node)?));
            }
            Ok(match &node.value {
                Value::Absent => serde_json::Value::Null,
                Value::Text(text) if node.is_plain => plain_json(text),
                Value::Text(text) => serde_json::Value::from(text.as_str()),
                Value::List(items) => {
                    let items = items.iter().map(|item| self.json(item));
                    serde_json::Value::Array(items.collect::<Result<_, _>>()?)
                }
                Value::Map(entries) => {
                    let member =
                        |entry: &MappingEntry| Ok((entry.key.clone(), self.json(&entry.value)?));
                    let members = entries.iter().map(member);
                    serde_json::Value::Object(members.collect::<Result<_, Diagnostic>>()?)
                }
            })
        })
    }

    /// The branch that `Fn::If` selects, unevaluated; another node as it is.
    pub(crate) fn choose<'n>(&self, node: &'n Node) -> Result<&'n Node, Diagnostic> {
        match node.only_entry() {
            Some(entry) if entry.key == "Fn::If" => {
                self.step(node.at, 0, || self.choose(self.branch(entry)?))
            }
            _ => Ok(node),
        }
    }

    /// The value of a node that must be a text, after evaluation.
    pub(crate) fn text(&self, node: &Node, what: &str) -> Result<String, Diagnostic> {
        let value = self.evaluate(node)?;
        value
            .scalar(what)
            .map(str::to_owned)
            .map_err(|diagnostic| Diagnostic { at: node.at, ..diagnostic })
    }

    fn function(&self, node: &Node, entry: &MappingEntry) -> Result<Node, Diagnostic> {
        let argument = &entry.value;
        let value = match entry.key.as_str() {
            "Ref" => return self.reference(argument.scalar("the name in `Ref`")?, argument.at),
            "Fn::GetAtt" => return self.get_att(argument),
            "Fn::Sub" => Value::Text(self.sub(argument)?),
            "Fn::Join" => Value::Text(self.join(argument)?),
            "Fn::Select" => return self.select(argument),
            "Fn::Split" => self.split(argument)?,
            "Fn::If" => return self.evaluate(self.branch(entry)?),
            "Fn::FindInMap" => return self.find_in_map(argument),
            "Fn::Base64" => {
                let text = self.text(argument, "the value of `Fn::Base64`")?;
                Value::Text(base64::engine::general_purpose::STANDARD.encode(text))
            }
            "Fn::Length" => Value::Text(
                self.evaluate(argument)?.items("the value of `Fn::Length`")?.len().to_string(),
            ),
            "Fn::GetAZs" => Value::List(self.availability_zones(node.at)),
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                return Err(Diagnostic::new(
                    node.at,
                    format!("`{}` belongs in `Conditions`", entry.key),
                )
                .help("name the condition there, and use `Fn::If` here"));
            }
            "Fn::ImportValue" => {
                let name = self.text(argument, "the name of an export")?;
                let Some(value) = self.imports.get(&name) else {
                    let message = format!("the export `{name}` of another stack has no value here");
                    let help =
                        format!("give it under [imports] in hardcap.toml: \"{name}\" = \"…\"");
                    return Err(Diagnostic::new(node.at, message).help(help));
                };
                Value::Text(value.clone())
            }
            "Fn::ToJsonString" => Value::Text(json_of(&self.evaluate(argument)?).to_string()),
            "Fn::Cidr" => self.cidr(argument)?,
            "Fn::Transform" => {
                return Err(Diagnostic::new(
                    node.at,
                    "`Fn::Transform` runs a macro or includes a file that is not on this machine",
                )
                .help("use a parameter, and give its value in hardcap.toml under [parameters]"));
            }
            name => {
                return Err(Diagnostic::new(
                    node.at,
                    format!("`{name}` is not a function of CloudFormation"),
                ));
            }
        };
        Ok(Node::new(node.at, value))
    }

    /// `Ref`: a pseudo parameter, a parameter or a resource.
    pub(crate) fn reference(&self, name: &str, at: Position) -> Result<Node, Diagnostic> {
        if name.starts_with("AWS::") {
            return self.pseudo_parameter(name, at);
        }
        if let Some(value) = self.parameters.get(name) {
            let size = if let Value::Text(text) = &value.value { text.len() } else { 0 };
            return self.step(at, size, || Ok(Node { at, ..value.clone() }));
        }
        self.resource_reference(name, at)
    }

    fn get_att(&self, argument: &Node) -> Result<Node, Diagnostic> {
        let path = match &argument.value {
            Value::List(items) if items.len() >= 2 => {
                let mut parts = Vec::with_capacity(items.len());
                for item in items {
                    parts.push(self.text(item, "a part of `Fn::GetAtt`")?);
                }
                parts.join(".")
            }
            Value::Text(text) => text.clone(),
            _ => return Err(argument.unexpected("`Fn::GetAtt`", "`LogicalId.Attribute`")),
        };
        self.attribute_at(&path, argument.at)
    }

    /// `LogicalId.Attribute`, as in `!GetAtt` and in `${…}` of `!Sub`.
    fn attribute_at(&self, path: &str, at: Position) -> Result<Node, Diagnostic> {
        match path.split_once('.') {
            Some((logical_id, attribute)) => self.resource_attribute(logical_id, attribute, at),
            None => Err(Diagnostic::new(at, format!("`{path}` does not name an attribute"))
                .help(format!("write `{path}.Arn`, or `!Ref {path}`"))),
        }
    }

    fn sub(&self, argument: &Node) -> Result<String, Diagnostic> {
        let (template, own) = match &argument.value {
            Value::List(items) if items.len() == 2 => (&items[0], Some(&items[1])),
            _ => (argument, None),
        };
        let text = template.scalar("the text of `Fn::Sub`")?;
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            out.push_str(&rest[..start]);
            let after = &rest[start + 2..];
            let Some(end) = after.find('}') else {
                return Err(Diagnostic::new(
                    template.at,
                    "a `${` of this `Fn::Sub` is never closed",
                ));
            };
            let name = &after[..end];
            match name.strip_prefix('!') {
                Some(literal) => out.extend(["${", literal, "}"]),
                None => out.push_str(&self.sub_name(name.trim(), own, template.at)?),
            }
            rest = &after[end + 1..];
            self.step(argument.at, out.len(), || Ok(()))?;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn sub_name(&self, name: &str, own: Option<&Node>, at: Position) -> Result<String, Diagnostic> {
        if let Some(value) = own.and_then(|own| own.get(name)) {
            return self.text(value, &format!("`{name}` of `Fn::Sub`"));
        }
        // A value that is known only when hardcap listens, such as an address, stays a placeholder: see `Addresses`.
        if name.starts_with("hardcap:") || name.starts_with("companions.") {
            return Ok(format!("${{{name}}}"));
        }
        let value = match name.contains('.') {
            true => self.attribute_at(name, at)?,
            false => self.reference(name, at)?,
        };
        value.scalar(&format!("`{name}` in `Fn::Sub`")).map(str::to_owned)
    }

    fn join(&self, argument: &Node) -> Result<String, Diagnostic> {
        let [delimiter, list] = pair(argument, "Fn::Join", "[delimiter, list]")?;
        let delimiter = self.text(delimiter, "the delimiter of `Fn::Join`")?;
        let list = self.evaluate(list)?;
        let mut texts = Vec::new();
        for item in list.items("the list of `Fn::Join`")? {
            texts.push(item.scalar("an item of `Fn::Join`")?);
        }
        let text = texts.join(&delimiter);
        self.step(argument.at, text.len(), || Ok(text))
    }

    fn split(&self, argument: &Node) -> Result<Value, Diagnostic> {
        let [delimiter, text] = pair(argument, "Fn::Split", "[delimiter, text]")?;
        let delimiter = self.text(delimiter, "the delimiter of `Fn::Split`")?;
        if delimiter.is_empty() {
            return Err(Diagnostic::new(argument.at, "the delimiter of `Fn::Split` is empty"));
        }
        let text = self.text(text, "the text of `Fn::Split`")?;
        let parts = text.split(&delimiter).map(|part| Node::text(argument.at, part));
        Ok(Value::List(parts.collect()))
    }

    fn select(&self, argument: &Node) -> Result<Node, Diagnostic> {
        let [index, list] = pair(argument, "Fn::Select", "[index, list]")?;
        let index_text = self.text(index, "the index of `Fn::Select`")?;
        let at = index_text.parse::<usize>().ok();
        let list = self.evaluate(list)?;
        let items = list.items("the list of `Fn::Select`")?;
        at.and_then(|at| items.get(at)).cloned().ok_or_else(|| {
            let length = items.len();
            Diagnostic::new(index.at, format!("the index of `Fn::Select` is {index_text}, and the length of its list is {length}"))
                .help("count from 0")
        })
    }

    /// `Fn::Cidr` of `[block, count, host bits]`: the first `count` blocks with that number of host bits.
    fn cidr(&self, argument: &Node) -> Result<Value, Diagnostic> {
        let shape = "`[block, count, host bits]`";
        let value = self.evaluate(argument)?;
        let items = value.items("`Fn::Cidr`")?;
        let [block, count, rest @ ..] = items else {
            return Err(argument.unexpected("`Fn::Cidr`", shape));
        };
        let number = |node: &Node| -> Result<u32, Diagnostic> {
            let text = node.scalar("a number of `Fn::Cidr`")?;
            text.parse().map_err(|_| node.unexpected("a number of `Fn::Cidr`", "a whole number"))
        };
        let bits = rest.first().map_or(Ok(8), number)?;
        let count = number(count)?;
        let block = block.scalar("the block of `Fn::Cidr`")?;
        let parsed = block.split_once('/').and_then(|(address, length)| {
            Some((address.parse::<std::net::Ipv4Addr>().ok()?, length.parse::<u32>().ok()?))
        });
        let Some((address, length)) = parsed.filter(|(_, length)| *length <= 32) else {
            return Err(Diagnostic::new(
                argument.at,
                format!("`{block}` is not a block of IPv4 addresses"),
            )
            .help("write an address and a length, such as 10.0.0.0/16"));
        };
        let room = 1u64 << (32 - length).saturating_sub(bits);
        if !(1..=256).contains(&count) || bits == 0 || bits > 32 - length || u64::from(count) > room
        {
            let message = format!("{block} does not hold {count} blocks of {bits} host bits each");
            return Err(Diagnostic::new(argument.at, message));
        }
        let blocks = (0..count).map(|index| {
            let first = std::net::Ipv4Addr::from(u32::from(address) + (index << bits));
            Node::text(argument.at, format!("{first}/{}", 32 - bits))
        });
        Ok(Value::List(blocks.collect()))
    }

    fn find_in_map(&self, argument: &Node) -> Result<Node, Diagnostic> {
        let items = argument.items("`Fn::FindInMap`")?;
        let [map, top, second, options @ ..] = items else {
            return Err(argument.unexpected("`Fn::FindInMap`", "[map, first key, second key]"));
        };
        let map = self.text(map, "the map of `Fn::FindInMap`")?;
        let top = self.text(top, "the first key of `Fn::FindInMap`")?;
        let second = self.text(second, "the second key of `Fn::FindInMap`")?;
        let found = self.mappings.and_then(|all| all.get(&map)?.get(&top)?.get(&second));
        let default = options.first().and_then(|options| options.get("DefaultValue"));
        match found.or(default) {
            Some(node) => self.evaluate(node),
            None => Err(Diagnostic::new(
                argument.at,
                format!("`Mappings` has no `{map}` with `{top}` and `{second}`"),
            )),
        }
    }

    fn availability_zones(&self, at: Position) -> Vec<Node> {
        ["a", "b", "c"].map(|zone| Node::text(at, format!("{}{zone}", self.names.region))).into()
    }

    /// The branch that `Fn::If` selects.
    fn branch<'n>(&self, entry: &'n MappingEntry) -> Result<&'n Node, Diagnostic> {
        let items = entry.value.items("`Fn::If`")?;
        let [condition, yes, no] = items else {
            return Err(entry
                .value
                .unexpected("`Fn::If`", "[condition, value if true, value if false]"));
        };
        let name = condition.scalar("the condition of `Fn::If`")?;
        Ok(if self.condition(name, condition.at)? { yes } else { no })
    }

    /// The value of the condition of that name.
    pub(crate) fn condition(&self, name: &str, at: Position) -> Result<bool, Diagnostic> {
        let Some(entry) = self.conditions.find(name) else {
            let known = self.conditions.iter().map(|entry| entry.key.as_str());
            return Err(Diagnostic::new(at, format!("the template has no condition `{name}`"))
                .nearest(name, known));
        };
        self.decide(name, || self.holds(&entry.value))
    }

    fn holds(&self, node: &Node) -> Result<bool, Diagnostic> {
        let Some(entry) = node.only_entry() else {
            return Err(
                node.unexpected("a condition", "`Fn::Equals`, `Fn::And`, `Fn::Or` or `Fn::Not`")
            );
        };
        let what = format!("`{}`", entry.key);
        self.step(node.at, 0, || match entry.key.as_str() {
            "Condition" => {
                self.condition(entry.value.scalar("the name of a condition")?, entry.value.at)
            }
            "Fn::Equals" => {
                let [left, right] = pair(&entry.value, "Fn::Equals", "[value, value]")?;
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                Ok(same(&left, &right))
            }
            "Fn::Not" => match entry.value.items(&what)? {
                [only] => Ok(!self.holds(only)?),
                _ => Err(entry.value.unexpected(&what, "a list of one condition")),
            },
            "Fn::And" => entry
                .value
                .items(&what)?
                .iter()
                .try_fold(true, |all, item| Ok(self.holds(item)? && all)),
            "Fn::Or" => entry
                .value
                .items(&what)?
                .iter()
                .try_fold(false, |any, item| Ok(self.holds(item)? || any)),
            name => Err(Diagnostic::new(node.at, format!("`{name}` is not a condition"))),
        })
    }
}

/// The JSON of a scalar without quotation marks: a number, a truth value, else a text.
fn plain_json(text: &str) -> serde_json::Value {
    let parsed = serde_json::from_str(text).ok();
    let typed = parsed.filter(|value: &serde_json::Value| value.is_number() || value.is_boolean());
    typed.unwrap_or_else(|| serde_json::Value::from(text))
}

/// A value as JSON. Numbers and truth values are texts, as in CloudFormation.
fn json_of(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Absent => serde_json::Value::Null,
        Value::Text(text) => serde_json::Value::from(text.as_str()),
        Value::List(items) => items.iter().map(json_of).collect(),
        Value::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.value))).collect()
        }
    }
}

/// Whether two values are equal. Positions are ignored.
fn same(left: &Node, right: &Node) -> bool {
    match (&left.value, &right.value) {
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Absent, Value::Absent) => true,
        _ => false,
    }
}

fn pair<'n>(argument: &'n Node, name: &str, shape: &str) -> Result<[&'n Node; 2], Diagnostic> {
    match &argument.value {
        Value::List(items) if items.len() == 2 => Ok([&items[0], &items[1]]),
        _ => Err(argument.unexpected(&format!("`{name}`"), &format!("`{shape}`"))),
    }
}
