//! What the resources of a template need of each other: circular dependencies, and `DependsOn` without its resource.
//!
//! AWS SAM adds resources and dependencies. Those that are often part of a circle are added here too (aws-sam-translator, read
//! 2026-12-01): the role and the URL of a function, an API whose definition names its functions, and a bucket or a user pool that calls the
//! function of an event. A dependency that is not certain is left out, so a circle may be missed and none is invented.

use indexmap::{IndexMap, IndexSet};

use super::diagnostic::{Diagnostic, Position};
use super::expand::{IMPLICIT_HTTP, IMPLICIT_REST};
use super::references::kind;
use super::scope::Scope;
use super::tree::{MappingEntry, Node, Value};

/// A resource that a value names.
pub(super) struct Reference {
    /// The name in `Ref`, before the first dot in `Fn::GetAtt` and `Fn::Sub`.
    pub(super) name: String,
    /// The attribute in `Fn::GetAtt` or `Fn::Sub`.
    pub(super) attribute: Option<String>,
    pub(super) at: Position,
}

impl Reference {
    /// `LogicalId`, or `LogicalId.Attribute`.
    fn of(text: &str, at: Position) -> Reference {
        let (name, attribute) = match text.split_once('.') {
            Some((name, attribute)) => (name, Some(attribute.to_owned())),
            None => (text, None),
        };
        Reference { name: name.to_owned(), attribute, at }
    }
}

/// Calls `found` for each name in `Ref`, `Fn::GetAtt` and `Fn::Sub` of a value. Of `Fn::If`, only the branch that is selected is read.
pub(super) fn references(scope: &Scope<'_>, node: &Node, found: &mut dyn FnMut(Reference)) {
    let Ok(node) = scope.choose(node) else { return };
    if let Some(entry) = node.only_entry() {
        let argument = &entry.value;
        match (entry.key.as_str(), &argument.value) {
            ("Ref", Value::Text(name)) => return found(Reference::of(name, argument.at)),
            ("Fn::GetAtt", Value::Text(path)) => return found(Reference::of(path, argument.at)),
            ("Fn::GetAtt", Value::List(parts)) => {
                let parts: Option<Vec<&str>> = parts.iter().map(|it| it.scalar("").ok()).collect();
                if let Some(parts) = parts {
                    return found(Reference::of(&parts.join("."), argument.at));
                }
            }
            ("Fn::Sub", Value::Text(text)) => return names_of_sub(text, None, argument.at, found),
            ("Fn::Sub", Value::List(items)) => {
                if let [Node { value: Value::Text(text), at, .. }, own] = &items[..] {
                    names_of_sub(text, Some(own), *at, found);
                    return references(scope, own, found);
                }
            }
            _ => {}
        }
    }
    match &node.value {
        Value::Absent | Value::Text(_) => {}
        Value::List(items) => items.iter().for_each(|item| references(scope, item, found)),
        Value::Map(entries) => {
            entries.iter().for_each(|entry| references(scope, &entry.value, found));
        }
    }
}

/// The names in `${…}`, without those that `Fn::Sub` declares itself.
fn names_of_sub(text: &str, own: Option<&Node>, at: Position, found: &mut dyn FnMut(Reference)) {
    for part in text.split("${").skip(1) {
        let Some((name, _)) = part.split_once('}') else { continue };
        let name = name.trim();
        if !name.starts_with('!') && own.and_then(|own| own.get(name)).is_none() {
            found(Reference::of(name, at));
        }
    }
}

/// Warns of what CloudFormation refuses.
pub(super) fn check(scope: &Scope<'_>, template: &Node) {
    let mut graph = Graph::default();
    for entry in scope.resources {
        if exists(scope, &entry.key) {
            graph.add(scope, entry);
        }
    }
    graph.circles().into_iter().for_each(|circle| warn_of_circle(scope, &circle));
    if !has_macro(template) {
        scope.resources.iter().for_each(|entry| unresolved(scope, entry));
    }
}

/// The text is AWS's: aws/serverless-application-model#1109 and #1204. UNCONFIRMED: the order of the names. AWS also names the
/// resources that depend on those (aws/serverless-application-model#1044), and more resources that AWS SAM adds.
fn warn_of_circle(scope: &Scope<'_>, circle: &[&str]) {
    let at = circle.iter().find_map(|name| scope.resource(name)).map(|entry| entry.at);
    let message = format!(
        "AWS refuses the template: Circular dependency between resources: [{}]",
        circle.join(", ")
    );
    let warning = Diagnostic::new(at.unwrap_or_default(), message).rule("circular-dependency");
    scope.warn(warning.help(
        "in one of them, write the name of the other instead of `!Ref` or `!GetAtt`, or move the reference to a resource of its own",
    ));
}

/// Whether a macro may add resources. `AWS::Include` and `AWS::LanguageExtensions` add none that are not read before.
fn has_macro(template: &Node) -> bool {
    let Some(transform) = template.get("Transform") else { return false };
    let names = match &transform.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![transform],
    };
    let is_known = |name: &str| {
        matches!(name, "AWS::Serverless-2016-10-31" | "AWS::LanguageExtensions" | "AWS::Include")
    };
    names.into_iter().any(|name| !name.scalar("").is_ok_and(is_known))
}

/// Warns of names in `DependsOn` that are no resources. The text: awslabs/aws-iam-generator#18.
fn unresolved(scope: &Scope<'_>, entry: &MappingEntry) {
    for (name, at) in depends_on(entry) {
        if scope.resource(name).is_some() || is_of_sam(scope, name) {
            continue;
        }
        let message = format!(
            "AWS refuses the template: Template format error: Unresolved resource dependencies [{name}] in the Resources block of the \
             template"
        );
        let known = scope.resources.iter().map(|entry| entry.key.as_str());
        let warning = Diagnostic::new(at, message).rule("unresolved-dependency");
        scope.warn(warning.nearest(name, known));
    }
}

/// Whether AWS SAM may add a resource of this name. The names of its resources begin with the logical id of the one that they are
/// added for.
fn is_of_sam(scope: &Scope<'_>, name: &str) -> bool {
    let mut resources = scope.resources.iter();
    resources.any(|entry| {
        (kind(entry).starts_with("AWS::Serverless::") || entry.value.get("Connectors").is_some())
            && name.starts_with(&entry.key)
    })
}

/// The names in `DependsOn`, a text or a list of texts.
fn depends_on(entry: &MappingEntry) -> Vec<(&str, Position)> {
    let Some(node) = entry.value.get("DependsOn") else { return Vec::new() };
    let items = match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    items.into_iter().filter_map(|item| Some((item.scalar("").ok()?, item.at))).collect()
}

/// The names that each resource needs. A name may be that of a resource which AWS SAM adds.
#[derive(Default)]
struct Graph {
    needs: IndexMap<String, IndexSet<String>>,
}

/// The properties of a SAM function that AWS SAM passes to the function itself.
const OF_FUNCTION: [&str; 14] = [
    "CodeSigningConfigArn",
    "CodeUri",
    "DeadLetterQueue",
    "Environment",
    "FileSystemConfigs",
    "FunctionName",
    "ImageUri",
    "InlineCode",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "Role",
    "Tags",
    "VpcConfig",
];

/// The properties of a SAM function or state machine that become a part of its role.
const OF_ROLE: [&str; 4] =
    ["AssumeRolePolicyDocument", "DeadLetterQueue", "PermissionsBoundary", "Policies"];

/// The properties of a SAM state machine that AWS SAM passes to the state machine itself.
const OF_STATE_MACHINE: [&str; 5] =
    ["Definition", "DefinitionSubstitutions", "Logging", "Name", "Role"];

impl Graph {
    fn add(&mut self, scope: &Scope<'_>, entry: &MappingEntry) {
        let id = entry.key.as_str();
        self.needs.entry(id.to_owned()).or_default();
        for (name, _) in depends_on(entry) {
            self.needs(id, name);
        }
        let properties = entry.value.get("Properties");
        let properties = properties.and_then(|node| scope.choose(node).ok());
        match kind(entry) {
            "AWS::Serverless::Function" => {
                self.parts(scope, id, properties, &OF_FUNCTION);
                self.role(scope, id, properties);
                if properties.is_some_and(|it| it.get("FunctionUrlConfig").is_some()) {
                    self.needs(&format!("{id}Url"), id);
                }
                let events = properties.and_then(|it| it.get("Events"));
                let events = events.and_then(|it| scope.choose(it).ok()?.entries("").ok());
                events.into_iter().flatten().for_each(|event| self.event(scope, id, event));
            }
            "AWS::Serverless::StateMachine" => {
                self.parts(scope, id, properties, &OF_STATE_MACHINE);
                self.role(scope, id, properties);
            }
            // `Auth` is a part of the definition, apart from the usage plan.
            "AWS::Serverless::Api" | "AWS::Serverless::HttpApi" => {
                self.parts(scope, id, properties, &["DefinitionBody", "Models", "Name"]);
                let auth = properties.and_then(|it| it.get("Auth"));
                let auth = auth.and_then(|it| scope.choose(it).ok());
                let parts = ["Authorizers", "ResourcePolicy", "InvokeRole"];
                self.parts(scope, id, auth, &parts);
            }
            "AWS::Serverless::Application"
            | "AWS::Serverless::LayerVersion"
            | "AWS::Serverless::SimpleTable" => self.all(scope, id, properties),
            kind if kind.starts_with("AWS::Serverless::") => {}
            _ => self.all(scope, id, properties),
        }
    }

    fn needs(&mut self, from: &str, to: &str) {
        self.needs.entry(from.to_owned()).or_default().insert(to.to_owned());
    }

    fn all(&mut self, scope: &Scope<'_>, id: &str, node: Option<&Node>) {
        let Some(node) = node else { return };
        references(scope, node, &mut |it| {
            if !scope.declared.contains(&it.name) {
                self.needs(id, stage_of(scope, &it.name).unwrap_or(&it.name));
            }
        });
    }

    fn parts(&mut self, scope: &Scope<'_>, id: &str, node: Option<&Node>, keys: &[&str]) {
        for key in keys {
            self.all(scope, id, node.and_then(|node| node.get(key)));
        }
    }

    /// The role that AWS SAM makes for a function or a state machine without one.
    fn role(&mut self, scope: &Scope<'_>, id: &str, properties: Option<&Node>) {
        if properties.is_some_and(|properties| properties.get("Role").is_some()) {
            return;
        }
        let role = format!("{id}Role");
        self.parts(scope, &role, properties, &OF_ROLE);
        self.needs(id, &role);
    }

    /// The resource that AWS SAM changes for an event, so that it names the function.
    fn event(&mut self, scope: &Scope<'_>, function: &str, event: &MappingEntry) {
        let properties = event.value.get("Properties");
        let named = |key: &str| match properties.and_then(|it| it.get(key)?.get("Ref")) {
            Some(Node { value: Value::Text(name), .. }) => Some(name.as_str()),
            _ => None,
        };
        let given = |key: &str| properties.is_some_and(|it| it.get(key).is_some());
        match kind(event) {
            "S3" => {
                let Some(bucket) = named("Bucket").filter(|it| exists(scope, it)) else { return };
                let permission = format!("{function}{}Permission", event.key);
                self.needs(&permission, function);
                self.needs(bucket, &permission);
            }
            "Cognito" => {
                let pool = named("UserPool").filter(|it| exists(scope, it));
                pool.into_iter().for_each(|it| self.needs(it, function));
            }
            kind @ ("Api" | "HttpApi") => {
                let (key, implicit) = match kind {
                    "Api" => ("RestApiId", IMPLICIT_REST),
                    _ => ("ApiId", IMPLICIT_HTTP),
                };
                let implicit = (!given(key)).then_some(implicit);
                let Some(api) = named(key).or(implicit) else { return };
                if exists(scope, api) && scope.resource(api).is_some_and(has_routes_of_events) {
                    self.needs(api, function);
                }
            }
            _ => {}
        }
    }

    /// The names in each circle, in the order of the template.
    fn circles(&self) -> Vec<Vec<&str>> {
        let edges: Vec<Vec<usize>> = self.needs.values().map(|names| self.known(names)).collect();
        let name = |at: usize| self.needs.get_index(at).map(|(name, _)| name.as_str());
        let circles = circles(&edges).into_iter();
        circles.map(|circle| circle.into_iter().filter_map(name).collect()).collect()
    }

    /// The positions of the names that are resources.
    fn known(&self, names: &IndexSet<String>) -> Vec<usize> {
        names.iter().filter_map(|name| self.needs.get_index_of(name)).collect()
    }
}

/// Whether a resource is declared, and its condition is true.
fn exists(scope: &Scope<'_>, logical_id: &str) -> bool {
    scope.resource(logical_id).is_some_and(|it| scope.exists(it).is_ok_and(|exists| exists))
}

/// The API whose stage a name is: `ServerlessRestApiProdStage`. A stage needs its API.
fn stage_of<'s>(scope: &Scope<'s>, name: &str) -> Option<&'s str> {
    if !name.ends_with("Stage") || scope.resource(name).is_some() {
        return None;
    }
    let apis = scope.resources.iter().filter(|entry| kind(entry) == "AWS::Serverless::Api");
    let apis = apis.map(|entry| entry.key.as_str()).filter(|id| name.starts_with(id));
    apis.max_by_key(|id| id.len())
}

/// Whether AWS SAM writes the routes of events into the definition of an API: it has none of its own.
fn has_routes_of_events(api: &MappingEntry) -> bool {
    let properties = api.value.get("Properties");
    let has = |key: &str| properties.is_some_and(|it| it.get(key).is_some());
    kind(api).starts_with("AWS::Serverless::") && !has("DefinitionBody") && !has("DefinitionUri")
}

/// The groups of nodes that reach each other, and nodes that reach themselves: strongly connected components, by the algorithm of Kosaraju.
fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut reversed = vec![Vec::new(); edges.len()];
    for (from, targets) in edges.iter().enumerate() {
        targets.iter().for_each(|&to| reversed[to].push(from));
    }
    let (mut seen, mut order) = (vec![false; edges.len()], Vec::new());
    for start in 0..edges.len() {
        visit(edges, start, &mut seen, &mut order);
    }
    let (mut seen, mut found) = (vec![false; edges.len()], Vec::new());
    for start in order.into_iter().rev() {
        let mut circle = Vec::new();
        visit(&reversed, start, &mut seen, &mut circle);
        if circle.len() > 1 || circle.iter().any(|at| edges[*at].contains(at)) {
            circle.sort_unstable();
            found.push(circle);
        }
    }
    found.sort_unstable();
    found
}

/// Adds the nodes that can be reached from `start` and were not seen before, each after those that it reaches.
fn visit(edges: &[Vec<usize>], start: usize, seen: &mut [bool], order: &mut Vec<usize>) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    let mut path = vec![(start, 0)];
    while let Some((node, next)) = path.last_mut() {
        match edges[*node].get(*next) {
            Some(&to) => {
                *next += 1;
                if !std::mem::replace(&mut seen[to], true) {
                    path.push((to, 0));
                }
            }
            None => {
                order.push(*node);
                path.pop();
            }
        }
    }
}
