//! Expands SAM's shorthands: `Globals` into every resource, and implicit APIs.
//!
//! The result has no `Globals` and no event without an API, so no other module handles them.

use super::diagnostic::{Diagnostic, Position};
use super::references::kind;
use super::tree::{Mapping, MappingEntry, Node, Value, is_intrinsic};

/// The logical id of the API of `Api` events without one.
pub(crate) const IMPLICIT_REST: &str = "ServerlessRestApi";
/// The logical id of the API of `HttpApi` events without one.
pub(crate) const IMPLICIT_HTTP: &str = "ServerlessHttpApi";

/// The sections of `Globals` that AWS SAM knows, and the type of resource of each (aws-sam-translator of aws-sam-cli on
/// PyPI, read 2026-11-29).
const SECTIONS: [(&str, &str); 10] = [
    ("Function", "AWS::Serverless::Function"),
    ("Api", "AWS::Serverless::Api"),
    ("HttpApi", "AWS::Serverless::HttpApi"),
    ("SimpleTable", "AWS::Serverless::SimpleTable"),
    ("StateMachine", "AWS::Serverless::StateMachine"),
    ("LayerVersion", "AWS::Serverless::LayerVersion"),
    ("CapacityProvider", "AWS::Serverless::CapacityProvider"),
    ("MicroVMImage", "AWS::Serverless::MicroVMImage"),
    ("NetworkConnector", "AWS::Serverless::NetworkConnector"),
    ("WebSocketApi", "AWS::Serverless::WebSocketApi"),
];

/// Expands the shorthands of a template.
pub(crate) fn expand(mut template: Node) -> Result<Node, Diagnostic> {
    let globals = template.get("Globals").cloned();
    if let Some(globals) = &globals {
        for entry in globals.entries("`Globals`")? {
            if !SECTIONS.iter().any(|(section, _)| *section == entry.key) {
                let known = SECTIONS.iter().map(|(section, _)| *section);
                let message = format!("`Globals` has no section `{}`", entry.key);
                return Err(Diagnostic::new(entry.at, message).nearest(&entry.key, known));
            }
        }
    }
    let Value::Map(sections) = &mut template.value else { return Ok(template) };
    let Some(resources) = sections.find_mut("Resources") else {
        return Ok(template);
    };
    let Value::Map(resources) = &mut resources.value.value else { return Ok(template) };
    add_implicit_apis(resources);
    if let Some(globals) = globals {
        for resource in resources {
            let section = SECTIONS.iter().find(|(_, of)| *of == kind(resource));
            // `IgnoreGlobals: '*'`, or a list of properties.
            let ignored = resource.value.get("IgnoreGlobals").map(|node| node.value.clone());
            if ignored.as_ref().is_some_and(|value| *value == Value::Text("*".to_owned())) {
                continue;
            }
            if let Some(defaults) = section.and_then(|(section, _)| globals.get(section)) {
                let defaults = &without(defaults, ignored.as_ref());
                apply(resource, defaults);
            }
        }
    }
    Ok(template)
}

/// The defaults without the properties that a resource ignores.
fn without(defaults: &Node, ignored: Option<&Value>) -> Node {
    let mut defaults = defaults.clone();
    if let (Value::Map(entries), Some(Value::List(names))) = (&mut defaults.value, ignored) {
        entries.retain(|entry| {
            !names.iter().any(|name| matches!(&name.value, Value::Text(name) if *name == entry.key))
        });
    }
    defaults
}

/// Merges defaults into a resource's properties: the resource's own win, mappings are merged, lists are concatenated.
fn apply(resource: &mut MappingEntry, defaults: &Node) {
    let Value::Map(attributes) = &mut resource.value.value else { return };
    match attributes.find_mut("Properties") {
        Some(properties) => properties.value = merged(defaults, &properties.value),
        None => {
            let (key, at) = ("Properties".to_owned(), resource.at);
            attributes.insert(MappingEntry { key, at, value: defaults.clone() });
        }
    }
}

fn merged(default: &Node, own: &Node) -> Node {
    match (&default.value, &own.value) {
        (_, Value::Absent) => default.clone(),
        (Value::List(first), Value::List(second)) => {
            Node::new(own.at, Value::List(first.iter().chain(second).cloned().collect()))
        }
        (Value::Map(first), Value::Map(second)) if !is_function(default) && !is_function(own) => {
            let mut entries = first.clone();
            for entry in second {
                match entries.find_mut(&entry.key) {
                    Some(known) => {
                        known.value = merged(&known.value, &entry.value);
                        known.at = entry.at;
                    }
                    None => {
                        entries.insert(entry.clone());
                    }
                }
            }
            Node::new(own.at, Value::Map(entries))
        }
        _ => own.clone(),
    }
}

fn is_function(node: &Node) -> bool {
    node.only_entry().is_some_and(|entry| is_intrinsic(&entry.key))
}

fn add_implicit_apis(resources: &mut Mapping) {
    for (event, property, logical_id, of) in [
        ("Api", "RestApiId", IMPLICIT_REST, "AWS::Serverless::Api"),
        ("HttpApi", "ApiId", IMPLICIT_HTTP, "AWS::Serverless::HttpApi"),
    ] {
        let at = resources.iter().find_map(|resource| implied_by(resource, event, property));
        let declared = resources.contains(logical_id);
        if let (Some(at), false) = (at, declared) {
            resources.insert(api(logical_id, of, at));
        }
    }
}

/// The position of the function's first event of this type without an API.
fn implied_by(resource: &MappingEntry, event: &str, property: &str) -> Option<Position> {
    if kind(resource) != "AWS::Serverless::Function" {
        return None;
    }
    let events = resource.value.get("Properties")?.get("Events")?;
    let events = events.entries("`Events`").ok()?;
    let of_type = |entry: &&MappingEntry| kind(entry) == event;
    let named = |entry: &MappingEntry| {
        entry.value.get("Properties").and_then(|p| p.get(property)).is_some()
    };
    events.iter().filter(of_type).find(|entry| !named(entry)).map(|entry| entry.at)
}

fn api(logical_id: &str, of: &str, at: Position) -> MappingEntry {
    let entry = |key: &str, value: Node| MappingEntry { key: key.to_owned(), at, value };
    let mut properties = Mapping::default();
    if logical_id == IMPLICIT_REST {
        properties.insert(entry("StageName", Node::text(at, "Prod")));
    }
    let attributes = Mapping::from_iter([
        entry("Type", Node::text(at, of)),
        entry("Properties", Node::new(at, Value::Map(properties))),
    ]);
    MappingEntry { key: logical_id.to_owned(), at, value: Node::new(at, Value::Map(attributes)) }
}
