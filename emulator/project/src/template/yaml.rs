//! Parses YAML into a tree. JSON templates are parsed here too, because JSON is YAML.
//!
//! Short tags are replaced by their long forms (`!Sub x` is `{"Fn::Sub": x}`), so no other module handles them.
//! A text with an indentation that YAML 1.2 forbids is parsed again as PyYAML reads it: see `relax`.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::diagnostic::{Diagnostic, Position};
use super::relax;
use super::tree::{DEEPEST, Mapping, MappingEntry, Node, Value};

/// The maximum number of nodes after aliases are expanded. A template of 1 MB without aliases has fewer.
const MOST_NODES: usize = 500_000;

/// One document.
pub(crate) struct Document {
    /// The root of the tree. An empty file is [`Value::Absent`].
    pub(crate) root: Node,
    /// Warnings of repeated keys.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Reads one document.
pub(crate) fn parse(text: &str) -> Result<Document, Diagnostic> {
    match read(text, &[]) {
        Err(Wrong::Syntax(strict)) => {
            let relaxed = relax::indent(text);
            match read(&relaxed.text, &relaxed.shifts) {
                // The error that is further down in the text describes the problem better.
                Err(Wrong::Syntax(later)) if later.at > strict.at => Err(later),
                Err(Wrong::Syntax(_)) => Err(strict),
                Err(Wrong::Template(diagnostic)) => Err(diagnostic),
                Ok(document) => Ok(document),
            }
        }
        Err(Wrong::Template(diagnostic)) => Err(diagnostic),
        Ok(document) => Ok(document),
    }
}

/// The reason why a text is not YAML.
enum Wrong {
    /// A syntax error.
    Syntax(Diagnostic),
    /// Valid YAML that is not allowed in a template.
    Template(Diagnostic),
}

/// Parses a text whose lines were moved to the right by `shifts` columns. Positions are those of the original text.
fn read(text: &str, shifts: &[usize]) -> Result<Document, Wrong> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let at = position_of(*error.marker(), shifts);
            Wrong::Syntax(Diagnostic::new(at, format!("this is not YAML: {}", error.info())))
        })?;
        builder.take(event, position_of(span.start, shifts)).map_err(Wrong::Template)?;
    }
    let nothing = Node::new(Position { line: 1, column: 1 }, Value::Absent);
    Ok(Document { root: builder.root.unwrap_or(nothing), warnings: builder.warnings })
}

fn position_of(marker: saphyr_parser::Marker, shifts: &[usize]) -> Position {
    let shift = shifts.get(marker.line().saturating_sub(1)).copied().unwrap_or_default();
    Position { line: marker.line(), column: marker.col().saturating_sub(shift) + 1 }
}

/// A collection whose end was not read yet.
struct Open {
    at: Position,
    anchor: usize,
    tag: Option<String>,
    collection: Collection,
}

/// The content of an open collection.
enum Collection {
    List(Vec<Node>),
    /// The entries so far, and the key whose value comes next.
    Map(Mapping, Option<(String, Position)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    root: Option<Node>,
    nodes: usize,
    /// The positions of `<<` keys, which are also the positions of the keys that were merged there.
    merged: HashSet<Position>,
    warnings: Vec<Diagnostic>,
}

/// A node with an anchor, and its size and depth, which bound the expansion of aliases.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), Diagnostic> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, at)?;
                let tag = short_tag(tag.as_deref(), at)?;
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let node = Node { is_plain: plain, ..Node::new(at, scalar(&text, plain)) };
                self.finish(node, anchor, tag.as_deref())
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(at, anchor, tag.as_deref(), Collection::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(at, anchor, tag.as_deref(), Collection::Map(Mapping::default(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            Event::Alias(anchor) => self.repeat(anchor, at),
            Event::DocumentStart(_) if self.root.is_some() => Err(Diagnostic::new(
                at,
                "a second document begins here; a template is one document",
            )),
            Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::StreamStart
            | Event::StreamEnd
            | Event::Nothing => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize, at: Position) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            let message = format!(
                "this template has more than {MOST_NODES} values, counted with its aliases expanded"
            );
            return Err(Diagnostic::new(at, message).help("use fewer aliases of aliases"));
        }
        Ok(())
    }

    fn begin(
        &mut self,
        at: Position,
        anchor: usize,
        tag: Option<&Tag>,
        collection: Collection,
    ) -> Result<(), Diagnostic> {
        self.count(1, at)?;
        self.check_depth(1, at)?;
        let tag = short_tag(tag, at)?;
        self.open.push(Open { at, anchor, tag, collection });
        Ok(())
    }

    fn check_depth(&self, more: usize, at: Position) -> Result<(), Diagnostic> {
        // A tag on a collection adds a level of its own, so half of the levels may be written.
        if self.open.len() + more > DEEPEST / 2 {
            let message = format!("this is nested deeper than {} levels", DEEPEST / 2);
            return Err(Diagnostic::new(at, message));
        }
        Ok(())
    }

    fn end(&mut self, at: Position) -> Result<(), Diagnostic> {
        let Some(open) = self.open.pop() else {
            return Err(Diagnostic::new(at, "this ends a collection that has not begun"));
        };
        let value = match open.collection {
            Collection::List(items) => Value::List(items),
            Collection::Map(entries, _) => Value::Map(entries),
        };
        self.finish(Node::new(open.at, value), open.anchor, open.tag.as_deref())
    }

    fn finish(&mut self, node: Node, anchor: usize, tag: Option<&str>) -> Result<(), Diagnostic> {
        let node = with_tag(node, tag);
        if anchor > 0 {
            let (nodes, depth) = measure(&node);
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, depth });
        }
        self.place(node)
    }

    fn repeat(&mut self, anchor: usize, at: Position) -> Result<(), Diagnostic> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Diagnostic::new(at, "this alias is inside the value of its own anchor"));
        };
        let (nodes, depth) = (anchored.nodes, anchored.depth);
        let node = anchored.node.clone();
        self.count(nodes, at)?;
        self.check_depth(depth, at)?;
        self.place(node)
    }

    /// Adds a complete node to the innermost open collection, or makes it the root.
    fn place(&mut self, node: Node) -> Result<(), Diagnostic> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.collection {
            Collection::List(items) => items.push(node),
            Collection::Map(entries, key) => match key.take() {
                None => *key = Some((key_of(&node)?, node.at)),
                Some((name, at)) if name == "<<" => {
                    self.merged.insert(at);
                    merge(entries, node, at)?;
                }
                Some((name, at)) => {
                    let entry = MappingEntry { key: name, at, value: node };
                    if let Some(first) = entries.find(&entry.key)
                        && !self.merged.contains(&first.at)
                    {
                        self.warnings.push(twice(&entry, first.at));
                    }
                    entries.insert(entry);
                }
            },
        }
        Ok(())
    }
}

fn key_of(node: &Node) -> Result<String, Diagnostic> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        Value::Absent => Ok(String::new()),
        Value::List(_) | Value::Map(_) => Err(node.unexpected("a key", "a text")),
    }
}

/// The warning of a repeated key. AWS SAM CLI uses PyYAML, which takes the last value. A merged key is not a repeated one.
fn twice(entry: &MappingEntry, first: Position) -> Diagnostic {
    let message = format!("the key `{}` is repeated: the last value takes effect", entry.key);
    Diagnostic::new(entry.at, message)
        .rule("repeated-key")
        .help(format!("the first one is on line {}; keep one", first.line))
}

/// Merges `<<: *defaults`: adds the keys that the mapping does not have.
fn merge(entries: &mut Mapping, node: Node, at: Position) -> Result<(), Diagnostic> {
    let mappings = match node.value {
        Value::List(items) => items,
        _ => vec![node],
    };
    for mapping in mappings {
        for entry in mapping.entries("`<<`")? {
            if !entries.contains(&entry.key) {
                entries.insert(MappingEntry { at, ..entry.clone() });
            }
        }
    }
    Ok(())
}

/// The number of nodes and of levels.
fn measure(node: &Node) -> (usize, usize) {
    let below: Vec<(usize, usize)> = match &node.value {
        Value::Absent | Value::Text(_) => return (1, 1),
        Value::List(items) => items.iter().map(measure).collect(),
        Value::Map(entries) => entries.iter().map(|entry| measure(&entry.value)).collect(),
    };
    let nodes = 1 + below.iter().map(|(nodes, _)| nodes).sum::<usize>();
    (nodes, 1 + below.iter().map(|(_, depth)| *depth).max().unwrap_or(0))
}

fn scalar(text: &str, plain: bool) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" if plain => Value::Absent,
        // CloudFormation passes truth values on in lower case.
        "True" | "TRUE" if plain => Value::Text("true".to_owned()),
        "False" | "FALSE" if plain => Value::Text("false".to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

/// The key of the long form of a short tag. Tags of YAML (`!!str`) are ignored.
fn short_tag(tag: Option<&Tag>, at: Position) -> Result<Option<String>, Diagnostic> {
    let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) else {
        return Ok(None);
    };
    const FUNCTIONS: [&str; 19] = [
        "And",
        "Base64",
        "Cidr",
        "Condition",
        "Equals",
        "FindInMap",
        "GetAZs",
        "GetAtt",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Ref",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
    ];
    match tag.suffix.as_str() {
        // The non-specific tag of YAML, which marks a text.
        "" | "!" => Ok(None),
        "Ref" | "Condition" => Ok(Some(tag.suffix.clone())),
        "Transform" => Ok(Some("Fn::Transform".to_owned())),
        name if FUNCTIONS.contains(&name) => Ok(Some(format!("Fn::{name}"))),
        name => Err(Diagnostic::new(at, format!("`!{name}` is not a function of CloudFormation"))
            .nearest(name, FUNCTIONS)),
    }
}

fn with_tag(node: Node, tag: Option<&str>) -> Node {
    let Some(key) = tag else { return node };
    let at = node.at;
    Node::new(
        at,
        Value::Map(Mapping::from_iter([MappingEntry { key: key.to_owned(), at, value: node }])),
    )
}
