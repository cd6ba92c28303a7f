//! `template.yaml` as JSON, for tests that look at what is deployed. Short tags become `{"Fn::Sub": …}` and the like.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

/// Reads a template.
///
/// # Panics
///
/// When it is not YAML, or has anchors: in a test, that is the template's mistake.
#[must_use]
pub fn read(text: &str) -> Value {
    let mut events = Parser::new_from_str(text);
    let mut next = move || {
        let event = events.next_event().expect("the document goes on");
        part(&event.unwrap_or_else(|error| panic!("not YAML: {error}")).0)
    };
    loop {
        match next() {
            Part::Other => {}
            first => return node(first, &mut next),
        }
    }
}

/// What an event is for a tree: a value, the begin of one with its tag, or an end.
enum Part {
    Scalar(Value),
    Sequence(Option<String>),
    Mapping(Option<String>),
    End,
    Other,
}

fn part(event: &Event<'_>) -> Part {
    let short = |tag: &Option<Cow<'_, Tag>>| {
        let tag = tag.as_ref().filter(|tag| !tag.is_yaml_core_schema());
        tag.map(|tag| tag.suffix.clone())
    };
    match event {
        Event::Scalar(text, style, _, tag) => {
            let value = match text.as_ref() {
                "true" if *style == ScalarStyle::Plain => Value::Bool(true),
                "false" if *style == ScalarStyle::Plain => Value::Bool(false),
                text => Value::String(text.to_owned()),
            };
            Part::Scalar(tagged(short(tag), value))
        }
        Event::SequenceStart(_, tag) => Part::Sequence(short(tag)),
        Event::MappingStart(_, tag) => Part::Mapping(short(tag)),
        Event::SequenceEnd | Event::MappingEnd => Part::End,
        Event::Alias(_) => panic!("anchors are not read here"),
        _ => Part::Other,
    }
}

fn tagged(tag: Option<String>, value: Value) -> Value {
    let Some(tag) = tag else {
        return value;
    };
    let name = if tag == "Ref" { tag } else { format!("Fn::{tag}") };
    Value::Object(Map::from_iter([(name, value)]))
}

fn node(first: Part, next: &mut impl FnMut() -> Part) -> Value {
    match first {
        Part::Scalar(value) => value,
        Part::Sequence(tag) => {
            let mut items = Vec::new();
            loop {
                match next() {
                    Part::End => return tagged(tag, Value::Array(items)),
                    item => items.push(node(item, next)),
                }
            }
        }
        Part::Mapping(tag) => {
            let mut entries = Map::new();
            loop {
                match next() {
                    Part::End => return tagged(tag, Value::Object(entries)),
                    Part::Scalar(key) => {
                        let value = next();
                        let key = key.as_str().unwrap_or_default().to_owned();
                        entries.insert(key, node(value, next));
                    }
                    _ => panic!("the key of a mapping is a text"),
                }
            }
        }
        Part::End | Part::Other => Value::Null,
    }
}
