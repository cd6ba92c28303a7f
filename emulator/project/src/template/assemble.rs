//! Turns resources into functions, APIs, function URLs, buckets, tables, parameters and secrets.

use std::path::Path;

use hardcap_limits::Limits;
use indexmap::{IndexMap, IndexSet};

use super::access::{self, Guards};
use super::connect::{self, Definitions, PendingRoute};
use super::diagnostic::{Diagnostic, Position, Source};
use super::nested::{Around, Nesting, is_nested};
use super::notifications::{self, PendingNotifications};
use super::preflights::{self, SamCors};
use super::properties::Properties;
use super::references::kind;
use super::scope::{Scope, StackNames};
use super::tree::{MappingEntry, Node};
use super::{
    Loaded, NamedKind, api, attributes, bucket, dependencies, function, localize, names, openapi,
    publishing, queues, raw_api, rules, stack, stored, streaming, topics,
};
use crate::packaging::Package;
use crate::rules::Ignored;
use crate::settings::Settings;
use hardcap_core::config::{
    Api, Bucket, BusRule, Config, DEFAULT_REGION, EventSourceMapping, Function, FunctionUrl,
    Parameter, Queue, Secret, Subscription, Table, Topic,
};
use hardcap_core::function_name::unqualified;
use hardcap_core::nearest::{distance, nearest};

/// The parts of a configuration that were read, before routes and authorizers are added to APIs.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) functions: Vec<Function>,
    pub(super) packages: Vec<Package>,
    pub(super) apis: Vec<Api>,
    pub(super) function_urls: Vec<FunctionUrl>,
    pub(super) buckets: Vec<Bucket>,
    /// What other resources add to buckets.
    pub(super) notifications: Vec<PendingNotifications>,
    pub(super) tables: Vec<Table>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) secrets: Vec<Secret>,
    pub(super) queues: Vec<Queue>,
    pub(super) mappings: Vec<EventSourceMapping>,
    pub(super) topics: Vec<Topic>,
    /// Each subscription with the name of its topic.
    pub(super) subscriptions: Vec<(String, Subscription)>,
    pub(super) buses: Vec<String>,
    pub(super) rules: Vec<BusRule>,
    /// The logical ids of the APIs with a definition, to which events of functions add no routes.
    pub(super) defined: Vec<String>,
    /// API, method and path of every operation of a definition, including those that are left out.
    pub(super) operations: Vec<(String, String, String)>,
    /// Authorizers and keys.
    pub(super) guards: Guards,
    /// `Cors` of SAM's REST APIs, by logical id.
    pub(super) cors: Vec<(String, SamCors)>,
    /// The logical ids of the APIs that are left out, such as WebSocket APIs.
    pub(super) left_out: Vec<String>,
    /// The logical id of each resource with a name that the template may choose.
    pub(super) named: IndexMap<(NamedKind, String), String>,
    pub(super) routes: Vec<PendingRoute>,
}

impl Parts {
    fn add_bucket(&mut self, entry: &MappingEntry, bucket: Bucket) {
        self.named.insert((NamedKind::Bucket, bucket.name.clone()), entry.key.clone());
        self.buckets.push(bucket);
    }

    fn add_parameter(&mut self, entry: &MappingEntry, parameter: Parameter) {
        self.named.insert((NamedKind::Parameter, parameter.name.clone()), entry.key.clone());
        self.parameters.push(parameter);
    }

    fn add_secret(&mut self, entry: &MappingEntry, secret: Secret) {
        self.named.insert((NamedKind::Secret, secret.name.clone()), entry.key.clone());
        self.secrets.push(secret);
    }
}

const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

pub(super) fn assemble(
    template: &Node,
    source: &Source<'_>,
    settings: &Settings,
    limits: Limits,
    around: Around,
) -> Result<Loaded, Diagnostic> {
    let names = StackNames {
        stack: settings.stack.clone().unwrap_or_else(|| "hardcap".to_owned()),
        region: settings.region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned()),
    };
    let region = names.region.clone();
    check_sections(template)?;
    let is_outermost = around.path.is_empty();
    let nesting = Nesting::new(around, source.path, settings, limits.clone());
    let mut scope = Scope::new(template, names, &settings.given(), nesting)?;
    scope.imports.clone_from(&settings.imports);
    let folder = source.path.parent().unwrap_or(Path::new("."));
    dependencies::check(&scope, template);
    attributes::check(&scope, template);
    names::check(&scope, template, &limits);
    // What AWS refuses is an error too if the template cannot be read for another reason.
    let parts = read_resources(&scope, settings, folder)
        .map_err(|error| Diagnostic::several(error, scope.refusals()))?;
    let mut config = Config {
        region,
        credentials: settings.credentials.clone(),
        faults: settings.faults.clone(),
        tries: settings.tries.clone(),
        functions: parts.functions,
        apis: parts.apis,
        function_urls: parts.function_urls,
        buckets: parts.buckets,
        tables: parts.tables,
        parameters: parts.parameters,
        secrets: parts.secrets,
        queues: parts.queues,
        mappings: parts.mappings,
        topics: parts.topics,
        buses: parts.buses,
        rules: parts.rules,
        stack: stack::read(&scope, template)?,
        ..Config::empty(limits)
    };
    check_targets(&scope, &config)?;
    streaming::warn(&scope, &config, &parts.routes);
    let definitions = Definitions { of: &parts.defined, operations: &parts.operations };
    connect::connect(&scope, &mut config, (parts.routes, definitions), &parts.guards)?;
    connect::guard(&scope, &mut config.apis, &parts.cors, &parts.guards);
    let place = |entry: &MappingEntry| (source.path.to_owned(), entry.at);
    let places = scope.resources.iter().map(|entry| (entry.key.clone(), place(entry)));
    let nested = scope.take_nested();
    let mut loaded = Loaded {
        config,
        packages: parts.packages,
        parameters: scope.declared.iter().map(|entry| entry.key.clone()).collect(),
        places: places.collect(),
        named: parts.named,
        ignored: ignored(&scope, template, settings)?,
        files: Vec::new(),
        warnings: scope.into_warnings().into_iter().map(|w| source.warning(w)).collect(),
    };
    for (logical_id, nested) in nested {
        loaded.nest(&logical_id, nested);
    }
    if is_outermost {
        localize::localize(&mut loaded.config);
    }
    Ok(loaded)
}

fn check_sections(template: &Node) -> Result<(), Diagnostic> {
    let entries = template.entries("a template")?;
    for entry in entries {
        if !SECTIONS.contains(&entry.key.as_str()) {
            return Err(Diagnostic::new(
                entry.at,
                format!("a template has no section `{}`", entry.key),
            )
            .nearest(&entry.key, SECTIONS));
        }
    }
    match template.get("Resources") {
        Some(resources) if !resources.entries("`Resources`")?.is_empty() => Ok(()),
        _ => Err(Diagnostic::new(template.at, "this template has no `Resources`").help(
            "declare a function: `Resources: {Hello: {Type: AWS::Serverless::Function, …}}`",
        )),
    }
}

/// The rules of `hardcap check` that hardcap.toml and the template's metadata silence.
fn ignored(
    scope: &Scope<'_>,
    template: &Node,
    settings: &Settings,
) -> Result<Vec<Ignored>, Diagnostic> {
    let mut ignored = settings.ignore.clone();
    let mut add = |metadata: Option<&Node>, resource: Option<&str>| -> Result<(), Diagnostic> {
        let rules = metadata.and_then(|metadata| metadata.get("hardcap")?.get("ignore"));
        let Some(rules) = rules else { return Ok(()) };
        for rule in rules.items("`ignore` of the metadata `hardcap`")? {
            let mut one = crate::settings::ignored(rule)?;
            if crate::rules::find(&one.rule).is_none() {
                let known = crate::rules::RULES.iter().map(|rule| rule.id);
                let message = format!("`hardcap check` has no rule `{}`", one.rule);
                scope.warn(Diagnostic::new(rule.at, message).nearest(&one.rule, known));
            }
            one.resource = resource.map(str::to_owned).or(one.resource);
            ignored.push(one);
        }
        Ok(())
    };
    add(template.get("Metadata"), None)?;
    for entry in scope.resources {
        add(entry.value.get("Metadata"), Some(&entry.key))?;
    }
    Ok(ignored)
}

fn read_resources(
    scope: &Scope<'_>,
    settings: &Settings,
    folder: &Path,
) -> Result<Parts, Diagnostic> {
    let mut parts = Parts::default();
    parts.guards.keys_of.clone_from(&settings.authorizers);
    parts.guards.folder = settings.folder.clone().unwrap_or_else(|| folder.to_owned());
    let mut errors = Vec::new();
    for entry in scope.resources {
        let read = check_resource(scope, entry).and_then(|()| {
            if scope.exists(entry)? {
                read_resource(scope, entry, settings, folder, &mut parts)?;
            }
            Ok(())
        });
        errors.extend(read.err());
        if scope.is_exhausted() {
            break;
        }
    }
    Diagnostic::all(errors)?;
    publishing::connect(scope, &mut parts)?;
    queues::add_generated(&mut parts);
    topics::connect(&mut parts);
    notifications::connect(scope, &mut parts)?;
    access::read(scope, &mut parts)?;
    raw_api::connect(scope, &mut parts)?;
    Ok(parts)
}

fn check_resource(scope: &Scope<'_>, entry: &MappingEntry) -> Result<(), Diagnostic> {
    let what = format!("the resource `{}`", entry.key);
    let attributes = [
        "Type",
        "Properties",
        "Metadata",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "UpdatePolicy",
        "CreationPolicy",
        "Connectors",
        "IgnoreGlobals",
    ];
    for attribute in entry.value.entries(&what)? {
        if attributes.contains(&attribute.key.as_str()) {
            continue;
        }
        if nearest(&attribute.key, attributes).is_some() {
            let message = format!("{what} has no attribute `{}`", attribute.key);
            return Err(Diagnostic::new(attribute.at, message).nearest(&attribute.key, attributes));
        }
        // AWS SAM ignores other attributes, such as `Description`.
        let message = format!("{what} has the attribute `{}`, which has no effect", attribute.key);
        scope.warn(
            Diagnostic::new(attribute.at, message)
                .rule("ignored-attribute")
                .help("write properties one level deeper, under `Properties`"),
        );
    }
    match entry.value.get("Type") {
        Some(node) => node.scalar(&format!("the `Type` of {what}")).map(|_| ()),
        None => Err(Diagnostic::new(entry.at, format!("{what} has no `Type`"))),
    }
}

fn read_resource(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    settings: &Settings,
    folder: &Path,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    match kind(entry) {
        "AWS::Serverless::Function" => function::read_sam(scope, entry, settings, folder, parts),
        "AWS::Lambda::Function" => function::read_raw(scope, entry, settings, folder, parts),
        "AWS::Lambda::Url" => function::read_url(scope, entry, parts),
        "AWS::Serverless::Api" => {
            let properties = Properties::of(scope, "the API", entry)?;
            openapi::read_routes(&properties, entry, "DefinitionBody", parts)?;
            access::of_sam_api(&properties, entry, false, parts)?;
            let cors = preflights::sam_cors(&properties)?;
            parts.cors.extend(cors.map(|cors| (entry.key.clone(), cors)));
            parts.apis.push(api::read_rest(entry, properties)?);
            Ok(())
        }
        "AWS::Serverless::HttpApi" => {
            let properties = Properties::of(scope, "the HTTP API", entry)?;
            openapi::read_routes(&properties, entry, "DefinitionBody", parts)?;
            access::of_sam_api(&properties, entry, true, parts)?;
            parts.apis.push(api::read_http(entry, properties)?);
            Ok(())
        }
        kind if is_nested(kind) => scope.read_nested(entry),
        "AWS::S3::Bucket" => {
            parts.add_bucket(entry, bucket::read(scope, entry)?);
            Ok(())
        }
        notifications::CDK => notifications::of_cdk(scope, entry, parts),
        "AWS::DynamoDB::Table" => {
            parts.tables.push(stored::table(scope, entry)?);
            Ok(())
        }
        "AWS::Serverless::SimpleTable" => {
            parts.tables.push(stored::simple_table(scope, entry)?);
            Ok(())
        }
        "AWS::SSM::Parameter" => {
            parts.add_parameter(entry, stored::parameter(scope, entry)?);
            Ok(())
        }
        "AWS::SecretsManager::Secret" => {
            parts.add_secret(entry, stored::secret(scope, entry)?);
            Ok(())
        }
        "AWS::SQS::Queue" => {
            parts.queues.push(queues::queue(scope, entry)?);
            Ok(())
        }
        "AWS::SNS::Topic" => {
            parts.topics.push(topics::topic(scope, entry)?);
            Ok(())
        }
        "AWS::SNS::Subscription" => topics::subscription(scope, entry, parts),
        "AWS::Events::EventBus" => {
            parts.buses.push(rules::bus(scope, entry)?);
            Ok(())
        }
        "AWS::Events::Rule" => {
            parts.rules.push(rules::rule(scope, entry)?);
            Ok(())
        }
        "AWS::Lambda::EventSourceMapping" => {
            parts.mappings.extend(queues::event_source_mapping(scope, entry)?);
            Ok(())
        }
        kind if kind.starts_with("AWS::ApiGateway") => raw_api::read(scope, entry, parts),
        kind if is_accepted(kind) => Ok(()),
        kind => {
            let message = format!("`{}` is a {kind}, which hardcap does not emulate", entry.key);
            let at = entry.value.get("Type").map_or(entry.at, |node| node.at);
            // Only a misspelling of one or two letters is corrected, because AWS has many types that are not in this list.
            let slip = nearest(kind, EMULATED).filter(|near| distance(kind, near) <= 2);
            let warning = Diagnostic::new(at, message).rule("not-emulated");
            scope.warn(match slip {
                Some(near) => warning.help(format!("did you mean `{near}`?")),
                None => warning,
            });
            Ok(())
        }
    }
}

const EMULATED: [&str; 16] = [
    "AWS::DynamoDB::Table",
    "AWS::Events::EventBus",
    "AWS::Events::Rule",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::Url",
    "AWS::S3::Bucket",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::Secret",
    "AWS::Serverless::Api",
    "AWS::Serverless::Function",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::SimpleTable",
];

/// Whether a type has no effect here. These resources are left out without a warning.
fn is_accepted(kind: &str) -> bool {
    kind.starts_with("AWS::IAM::")
        || kind.starts_with("AWS::Logs::")
        || kind == "AWS::CDK::Metadata"
        || kind == "AWS::Lambda::Permission"
        // Read by `publishing`.
        || matches!(kind, "AWS::Lambda::Version" | "AWS::Lambda::Alias" | "AWS::Lambda::EventInvokeConfig")
        // A folder takes the place of the file system of a function.
        || kind.starts_with("AWS::EFS::")
        // The functions that refer to a layer read it.
        || kind == "AWS::Lambda::LayerVersion"
        || kind == "AWS::Serverless::LayerVersion"
        || kind == "AWS::S3::BucketPolicy"
        || matches!(kind, "AWS::SQS::QueuePolicy" | "AWS::SNS::TopicPolicy" | "AWS::Events::EventBusPolicy")
        || kind == "AWS::SecretsManager::ResourcePolicy"
}

/// Checks that the function of every function URL is in the template.
fn check_targets(scope: &Scope<'_>, config: &Config) -> Result<(), Diagnostic> {
    let elsewhere = scope.functions_elsewhere();
    let known = config.functions.iter().map(|function| &function.name).chain(&elsewhere);
    let known: IndexSet<&str> = known.map(String::as_str).collect();
    for url in &config.function_urls {
        if !known.contains(unqualified(&url.function)) {
            let at = scope.resource(&url.logical_id).map_or(Position::default(), |entry| entry.at);
            let message = format!(
                "this URL belongs to the function `{}`, which is not in this template",
                url.function
            );
            return Err(Diagnostic::new(at, message).nearest(&url.function, known.iter().copied()));
        }
    }
    Ok(())
}
