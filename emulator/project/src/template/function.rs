//! Functions: `AWS::Serverless::Function` with its events and URL, `AWS::Lambda::Function`, `AWS::Lambda::Url`.

use std::path::Path;

use hardcap_limits::Millis;
use indexmap::IndexMap;

use super::access::{self, RouteAuth};
use super::api::{integration_timeout, method, path, read_cors, response_transfer_mode};
use super::assemble::Parts;
use super::asynchronous;
use super::code::{self, Folders};
use super::connect::{From, PendingRoute};
use super::diagnostic::Diagnostic;
use super::expand::{IMPLICIT_HTTP, IMPLICIT_REST};
use super::notifications;
use super::properties::Properties;
use super::publishing;
use super::queues;
use super::references::kind;
use super::scope::Scope;
use super::tree::{MappingEntry, Node, Value};
use super::{rules, topics};
use crate::packaging::{self, Code, Package, PublicLayer};
use crate::settings::{FunctionSettings, Settings};
use hardcap_core::config::{
    Declared, FileSystem, Function, FunctionUrl, InvokeMode, LogLevels, Logging, PayloadFormat,
    Route, UnknownInvokeMode,
};
use hardcap_core::function_name::LATEST;

/// Properties of both kinds of function without effect here.
const WITHOUT_EFFECT: [&str; 18] = [
    "AssumeRolePolicyDocument",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "CodeSigningConfigArn",
    "DeploymentPreference",
    "FunctionName",
    "KmsKeyArn",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "Role",
    "RolePath",
    "RuntimeManagementConfig",
    "Tags",
    "VersionDescription",
    "VersionDeletionPolicy",
    "VpcConfig",
    "ProvisionedConcurrencyConfig",
];

/// The types of events that AWS SAM knows (aws-sam-translator, read 2026-12-01).
const EVENT_TYPES: [&str; 19] = [
    "AlexaSkill",
    "Api",
    "CloudWatchEvent",
    "CloudWatchLogs",
    "Cognito",
    "DocumentDB",
    "DynamoDB",
    "EventBridgeRule",
    "HttpApi",
    "IoTRule",
    "Kinesis",
    "MQ",
    "MSK",
    "S3",
    "SNS",
    "SQS",
    "Schedule",
    "ScheduleV2",
    "SelfManagedKafka",
];

pub(super) fn read_sam(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    settings: &Settings,
    folder: &Path,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let properties = Properties::of(scope, "the function", entry)?;
    let own = settings.functions.get(&entry.key);
    let folders =
        Folders { template: folder, project: settings.folder.as_deref().unwrap_or(folder) };
    let code = code::of_sam(&properties, entry, own, folders)?;
    let mut function = read_function(&properties, entry, (own, settings), folders)?;
    // AWS SAM's events, URL and `EventInvokeConfig` of such a function are those of the alias.
    let target = match properties.text("AutoPublishAlias")? {
        Some(alias) => {
            publishing::auto_publish(&mut function, &alias);
            format!("{}:{alias}", function.name)
        }
        None => function.name.clone(),
    };
    parts.packages.push(package(&properties, entry, &function, own, code, folders)?);
    read_events(&properties, &mut function, &target, parts)?;
    if let Some(url) = properties.child("FunctionUrlConfig")? {
        let logical_id = format!("{}Url", entry.key);
        parts.function_urls.push(function_url(url, logical_id, &target)?);
    }
    parts.functions.push(function);
    properties.finish();
    Ok(())
}

pub(super) fn read_raw(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    settings: &Settings,
    folder: &Path,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let properties = Properties::of(scope, "the function", entry)?;
    let own = settings.functions.get(&entry.key);
    let folders =
        Folders { template: folder, project: settings.folder.as_deref().unwrap_or(folder) };
    let code = code::of_raw(&properties, entry, own, folders)?;
    let function = read_function(&properties, entry, (own, settings), folders)?;
    parts.packages.push(package(&properties, entry, &function, own, code, folders)?);
    parts.functions.push(function);
    properties.finish();
    Ok(())
}

fn read_function(
    properties: &Properties<'_>,
    entry: &MappingEntry,
    (own, settings): (Option<&FunctionSettings>, &Settings),
    folders: Folders<'_>,
) -> Result<Function, Diagnostic> {
    properties.without_effect(&WITHOUT_EFFECT);
    for (key, consequence) in [
        ("DurableConfig", "executions are ordinary ones"),
        ("TenancyConfig", "tenants share sandboxes"),
        ("CapacityProviderConfig", "the function runs in sandboxes of its own"),
    ] {
        properties.not_emulated(key, consequence)?;
    }
    properties.without_effect(&["ImageConfig", "ImageUri"]);
    architectures(properties)?;
    let runtime = properties.text("Runtime")?;
    let (layers, absent_layers) = code::layers(properties, &entry.key, own, folders)?;
    let mut function = Function {
        logical_id: entry.key.clone(),
        handler: properties.text("Handler")?.unwrap_or_else(|| "bootstrap".to_owned()),
        runtime: runtime.unwrap_or_else(|| "provided.al2023".to_owned()),
        memory_mb: properties.number("MemorySize")?.unwrap_or(128),
        ephemeral_storage_mb: ephemeral_storage(properties)?,
        timeout: Millis(u64::from(properties.number::<u32>("Timeout")?.unwrap_or(3)) * 1000),
        has_timeouts: own.is_none_or(|own| own.has_timeouts),
        environment: environment(properties, own, &settings.environment)?,
        reserved_concurrency: properties.number("ReservedConcurrentExecutions")?,
        logging: logging(properties)?,
        declared: declared(properties, entry),
        file_systems: file_systems(properties)?,
        layers,
        absent_layers,
        extensions: own
            .map(|own| own.extensions.as_slice())
            .unwrap_or_default()
            .iter()
            .map(|extension| packaging::absolute_program(folders.project, extension))
            .collect(),
        ..Function::new(&properties.scope.function_name(entry)?, [""; 0])
    };
    asynchronous::read(properties, &mut function)?;
    Ok(function)
}

/// The properties of which only the values are checked. A value that cannot be evaluated is not checked, because it has no effect here.
fn declared(properties: &Properties<'_>, entry: &MappingEntry) -> Declared {
    let text = |key: &str| properties.text(key).ok().flatten();
    let text_in = |key: &str, member: &str| {
        let child = properties.child(key).ok().flatten()?;
        child.text(member).ok().flatten()
    };
    let architectures = properties.node("Architectures").ok().flatten();
    let mut package_type = text("PackageType");
    if kind(entry) == "AWS::Serverless::Function"
        && let Some(other) = package_type.take_if(|it| *it != "Zip" && *it != "Image")
    {
        refuse_of_sam(properties, &entry.key, &format!("invalid 'PackageType' : {other}"));
    }
    // AWS SAM passes each value on, apart from `Disabled`.
    let tracing = text("Tracing").filter(|mode| mode != "Disabled");
    Declared {
        description: text("Description"),
        architectures: architectures.and_then(|_| properties.texts("Architectures").ok()),
        package_type,
        tracing_mode: text_in("TracingConfig", "Mode").or(tracing),
        snap_start: text_in("SnapStart", "ApplyOn"),
        log_format: text_in("LoggingConfig", "LogFormat"),
        application_log_level: text_in("LoggingConfig", "ApplicationLogLevel"),
        system_log_level: text_in("LoggingConfig", "SystemLogLevel"),
    }
}

/// Warns of a value that AWS SAM refuses, in its words (aws-sam-translator, read 2026-12-01).
pub(super) fn refuse_of_sam(properties: &Properties<'_>, id: &str, text: &str) {
    let message = format!("AWS refuses `{id}`: Resource with id [{id}] is invalid. {text}");
    properties.scope.warn(Diagnostic::new(properties.at, message).rule("function-property"));
}

/// `FileSystemConfigs`: a folder of this machine takes the place of each file system.
fn file_systems(properties: &Properties<'_>) -> Result<Vec<FileSystem>, Diagnostic> {
    let mut systems = Vec::new();
    for child in properties.children("FileSystemConfigs")? {
        let access_point = child.required_text("Arn")?;
        let mount_path = child.required_text("LocalMountPath")?;
        // Lambda's API reference, FileSystemConfig: `^/mnt/[a-zA-Z0-9-_.]+$`.
        let is_name = |name: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !matches!(name, "" | "." | "..") && name.chars().all(known)
        };
        if !mount_path.strip_prefix("/mnt/").is_some_and(is_name) {
            let message = format!("`LocalMountPath` of {} cannot be `{mount_path}`", child.what);
            let help = "write `/mnt/` and a name of letters, digits, `-`, `_` and `.`";
            return Err(Diagnostic::new(child.at, message).help(help));
        }
        child.finish();
        systems.push(FileSystem { access_point, mount_path });
    }
    Ok(systems)
}

/// `LoggingConfig`. The default level of JSON is `INFO`.
fn logging(properties: &Properties<'_>) -> Result<Logging, Diagnostic> {
    let Some(of) = properties.child("LoggingConfig")? else { return Ok(Logging::default()) };
    let is_json = of.text("LogFormat")?.as_deref() == Some("JSON");
    let application = of.text("ApplicationLogLevel")?;
    let system = of.text("SystemLogLevel")?;
    of.not_emulated("LogGroup", "the log is in the function's own group")?;
    of.finish();
    let default = LogLevels::default();
    let levels = LogLevels {
        application: application.unwrap_or(default.application),
        system: system.unwrap_or(default.system),
    };
    Ok(Logging { json: is_json.then_some(levels) })
}

fn ephemeral_storage(properties: &Properties<'_>) -> Result<Option<u32>, Diagnostic> {
    let Some(storage) = properties.child("EphemeralStorage")? else { return Ok(None) };
    let size = storage.number("Size")?;
    if size.is_none() {
        // UNCONFIRMED: the text. It is CloudFormation's for a member that its schema requires.
        let message = format!("AWS refuses {}: required key [Size] not found", storage.what);
        storage.scope.warn(Diagnostic::new(storage.at, message).rule("ephemeral-storage"));
    }
    storage.finish();
    Ok(size)
}

/// Warns of native code for another architecture. Interpreted code runs on each.
fn architectures(properties: &Properties<'_>) -> Result<(), Diagnostic> {
    let runtime = properties.text("Runtime")?.unwrap_or_default();
    if !runtime.starts_with("provided") && !runtime.is_empty() {
        properties.without_effect(&["Architectures"]);
        return Ok(());
    }
    let Some(node) = properties.node("Architectures")? else { return Ok(()) };
    let here = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        arch => arch,
    };
    for architecture in properties.texts("Architectures")? {
        if architecture != here {
            let message =
                format!("{} is built for {here} here, not for {architecture}", properties.what);
            properties.scope.warn(Diagnostic::new(node.at, message).rule("not-emulated"));
        }
    }
    Ok(())
}

/// The environment variables, by increasing precedence: the template's, those of all functions in `hardcap.toml`, and those of the
/// function in `hardcap.toml`.
fn environment(
    properties: &Properties<'_>,
    own: Option<&FunctionSettings>,
    of_all: &IndexMap<String, String>,
) -> Result<IndexMap<String, String>, Diagnostic> {
    let mut overrides = of_all.clone();
    overrides.extend(own.map(|own| own.environment.clone()).unwrap_or_default());
    let mut environment = IndexMap::new();
    if let Some(child) = properties.child("Environment")? {
        if let Some(variables) = child.child("Variables")? {
            for entry in variables.entries() {
                // An overridden value is not evaluated, so an override also replaces an expression that cannot be evaluated.
                if overrides.contains_key(&entry.key) {
                    environment.insert(entry.key.clone(), String::new());
                } else if let Some(value) = variables.text(&entry.key)? {
                    environment.insert(entry.key.clone(), value);
                }
            }
        }
        child.finish();
    }
    environment.extend(overrides);
    Ok(environment)
}

fn package(
    properties: &Properties<'_>,
    entry: &MappingEntry,
    function: &Function,
    own: Option<&FunctionSettings>,
    code: Code,
    folders: Folders<'_>,
) -> Result<Package, Diagnostic> {
    let mut package = Package {
        runtime: function.runtime.clone(),
        handler: function.handler.clone(),
        code,
        layers: function.layers.clone(),
        public_layers: function
            .absent_layers
            .iter()
            .filter_map(|arn| PublicLayer::of(arn))
            .collect(),
        folder: folders.template.to_owned(),
        project: folders.project.to_owned(),
        program: own.and_then(|own| own.program.clone()),
        arguments: own.map(|own| own.arguments.clone()).unwrap_or_default(),
        python: own.and_then(|own| own.python.clone()),
        ..Package::new(&entry.key)
    };
    let Some(metadata) = entry.value.get("Metadata") else { return Ok(package) };
    let what = format!("`Metadata` of {}", properties.what);
    let metadata = Properties::new(properties.scope, what, metadata)?;
    package.build_method = metadata.text("BuildMethod")?;
    if let Some(build) = metadata.child("BuildProperties")? {
        package.cargo_bin = build.text("Binary")?;
        package.cargo_package = build.text("Package")?;
        if let Some(flags) = build.node("CargoLambdaFlags")? {
            let message = format!("{} have no effect on the build", build.name("CargoLambdaFlags"));
            build.scope.warn(Diagnostic::new(flags.at, message));
        }
        // The properties of other methods are for builds that hardcap does not run.
        if package.build_method.as_deref() == Some("rust-cargolambda") {
            build.finish();
        }
    }
    Ok(package)
}

fn read_events(
    properties: &Properties<'_>,
    function: &mut Function,
    target: &str,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    for (entry, event) in properties.named_children("Events")? {
        let kind = kind(entry).to_owned();
        event.without_effect(&["Type"]);
        match (kind.as_str(), event.child("Properties")?) {
            ("", _) => {
                return Err(Diagnostic::new(entry.at, format!("{} has no `Type`", event.what)));
            }
            ("Api", Some(of)) => parts.routes.push(rest_event(of, target)?),
            ("HttpApi", of) => parts.routes.extend(http_event(of, entry, target)?),
            ("Schedule", Some(of))
                if of.text("Schedule")?.is_some_and(|it| it.trim().starts_with("cron(")) =>
            {
                rules::schedule(&of, entry, function, target, parts)?;
                of.finish();
            }
            ("Schedule", Some(of)) => {
                function.schedules.extend(asynchronous::schedule(&of, entry, function)?);
                of.finish();
            }
            ("SQS", Some(of)) => {
                let mapping = queues::event(&of, target)?;
                if mapping.is_some() {
                    of.finish();
                }
                parts.mappings.extend(mapping);
            }
            ("SNS", Some(of)) => {
                topics::event(&of, entry, function, target, parts)?;
                of.finish();
            }
            ("S3", Some(of)) => {
                notifications::event(&of, entry, target, parts)?;
                of.finish();
            }
            ("EventBridgeRule" | "CloudWatchEvent", Some(of)) => {
                rules::event(&of, entry, function, target, parts)?;
                of.finish();
            }
            (
                "Api" | "Schedule" | "S3" | "SQS" | "SNS" | "EventBridgeRule" | "CloudWatchEvent",
                None,
            ) => {
                let message = format!("{} has no `Properties`", event.what);
                return Err(Diagnostic::new(entry.at, message).help(
                    "add `Path` and `Method`, `Schedule`, `Bucket`, `Queue`, `Topic`, or `Pattern`",
                ));
            }
            (kind, _) if EVENT_TYPES.contains(&kind) => {
                let message =
                    format!("{} is of type {kind}, which hardcap does not emulate", event.what);
                event.scope.warn(Diagnostic::new(entry.at, message).rule("not-emulated"));
            }
            // The text: aws-sam-translator, read 2026-12-01.
            (kind, _) => {
                let id = &function.logical_id;
                let message = format!(
                    "AWS refuses `{id}`: Resource with id [{id}] is invalid. Event with id [{}] is invalid. Resource dict has missing or \
                     invalid value for key Type. Event Type is: {kind}.",
                    entry.key
                );
                let warning = Diagnostic::new(entry.at, message).rule("event-type");
                event.scope.warn(warning.nearest(kind, EVENT_TYPES));
            }
        }
        event.finish();
    }
    Ok(())
}

fn rest_event(of: Properties<'_>, function: &str) -> Result<PendingRoute, Diagnostic> {
    let api = api_of(&of, "RestApiId")?.unwrap_or_else(|| IMPLICIT_REST.to_owned());
    let auth = access::of_event(&of)?;
    of.without_effect(&["RequestModel", "RequestParameters"]);
    let (method, path) = (method(&of, "Method")?, path(&of, "Path")?);
    let mut route = Route::to_function(&method, &path, function, PayloadFormat::V1);
    route.timeout = integration_timeout(&of, "TimeoutInMillis")?;
    route.response_transfer_mode = response_transfer_mode(&of, "ResponseTransferMode")?;
    let pending = PendingRoute { api, at: of.at, route, from: From::Event, auth };
    of.finish();
    Ok(pending)
}

fn http_event(
    of: Option<Properties<'_>>,
    entry: &MappingEntry,
    function: &str,
) -> Result<Option<PendingRoute>, Diagnostic> {
    let mut route = Route::to_function("ANY", "$default", function, PayloadFormat::V2);
    let Some(of) = of else {
        return Ok(Some(PendingRoute {
            api: IMPLICIT_HTTP.to_owned(),
            at: entry.at,
            route,
            from: From::Event,
            auth: RouteAuth::default(),
        }));
    };
    let api = api_of(&of, "ApiId")?.unwrap_or_else(|| IMPLICIT_HTTP.to_owned());
    let auth = access::of_event(&of)?;
    of.without_effect(&["RouteSettings"]);
    if of.node("Path")?.is_some() {
        route.path = path(&of, "Path")?;
        // The default route has every method; AWS SAM's own templates write `DEFAULT`.
        let written = of.text("Method")?;
        if route.path == "$default" {
            // This route has every method.
        } else if written.is_some_and(|method| method.eq_ignore_ascii_case("default")) {
            // AWS SAM writes it into the definition, where it is not a method of API Gateway.
            let message = format!("{} is not a method: AWS adds no route", of.name("Method"));
            of.scope.warn(Diagnostic::new(of.at, message).help("write `ANY` for every method"));
            return Ok(None);
        } else {
            route.method = method(&of, "Method")?;
        }
    } else {
        of.without_effect(&["Method"]);
    }
    route.payload_format = super::api::payload_format(&of, PayloadFormat::V2)?;
    route.timeout = integration_timeout(&of, "TimeoutInMillis")?;
    let pending = PendingRoute { api, at: of.at, route, from: From::Event, auth };
    of.finish();
    Ok(Some(pending))
}

/// The logical id in `!Ref Api`, or the value of the property.
fn api_of(of: &Properties<'_>, key: &str) -> Result<Option<String>, Diagnostic> {
    if let Some(node) = of.node(key)?
        && let Some(Node { value: Value::Text(name), .. }) = node.get("Ref")
        && of.scope.resource(name).is_some()
    {
        return Ok(Some(name.clone()));
    }
    of.text(key)
}

/// Whether a permission of the template permits everyone to invoke the URL of a function (Lambda developer guide, "Control access to
/// Lambda function URLs": the policy needs it also with `AuthType: NONE`).
fn permits_everyone_to_invoke(scope: &Scope<'_>, function: &str) -> Result<bool, Diagnostic> {
    for entry in scope.resources.iter().filter(|it| kind(it) == "AWS::Lambda::Permission") {
        if !scope.exists(entry)? {
            continue;
        }
        let of = Properties::of(scope, "the permission", entry)?;
        let named = of.text("FunctionName")?.unwrap_or_default();
        let is_it = function_of(&named) == function
            && of.text("Action")?.as_deref() == Some("lambda:InvokeFunctionUrl")
            && of.text("Principal")?.as_deref() == Some("*");
        if is_it && of.text("FunctionUrlAuthType")?.is_none_or(|kind| kind == "NONE") {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn read_url(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let properties = Properties::of(scope, "the function URL", entry)?;
    let target = properties.required_text("TargetFunctionArn")?;
    let function = function_of(&target);
    let target = match properties.text("Qualifier")? {
        Some(alias) => format!("{function}:{alias}"),
        None => target_of(&target),
    };
    let at = properties.at;
    let mut url = function_url(properties, entry.key.clone(), &target)?;
    url.lacks_permission = !url.only_signed && !permits_everyone_to_invoke(scope, function)?;
    if url.lacks_permission {
        let message = format!(
            "`{}` has no `AWS::Lambda::Permission` that permits everyone to invoke it: every request is a 403, as on AWS",
            entry.key
        );
        let help = "add one with `Action: lambda:InvokeFunctionUrl`, `Principal: '*'` and `FunctionUrlAuthType: NONE`";
        scope.warn(Diagnostic::new(at, message).help(help));
    }
    parts.function_urls.push(url);
    Ok(())
}

fn function_url(
    of: Properties<'_>,
    logical_id: String,
    function: &str,
) -> Result<FunctionUrl, Diagnostic> {
    let only_signed = match of.text("AuthType")?.as_deref() {
        Some("NONE") => false,
        Some("AWS_IAM") => {
            of.not_emulated(
                "AuthType",
                "a request must be signed, but the signer's permissions are not checked",
            )?;
            true
        }
        None => {
            return Err(Diagnostic::new(of.at, format!("{} has no `AuthType`", of.what))
                .help("write `AuthType: NONE` or `AuthType: AWS_IAM`"));
        }
        Some(other) => {
            let message = format!("{} must be NONE or AWS_IAM, not `{other}`", of.name("AuthType"));
            return Err(Diagnostic::new(of.at, message));
        }
    };
    let invoke_mode = match of.text("InvokeMode")? {
        Some(mode) => mode.parse().map_err(|error: UnknownInvokeMode| {
            Diagnostic::new(of.at, format!("{}: {error}", of.name("InvokeMode")))
        })?,
        None => InvokeMode::Buffered,
    };
    let cors = of.child("Cors")?.map(read_cors).transpose()?;
    of.finish();
    let function = function.to_owned();
    // AWS SAM adds the permission for the URL of an `AWS::Serverless::Function`.
    Ok(FunctionUrl {
        logical_id,
        function,
        cors,
        invoke_mode,
        only_signed,
        lacks_permission: false,
    })
}

/// The function's name in an ARN, in the URI of an integration, or alone.
pub(super) fn function_of(text: &str) -> &str {
    let name = text.split_once(":function:").map_or(text, |(_, name)| name);
    name.split([':', '/']).next().unwrap_or(name)
}

/// The function's name in an ARN, in the URI of an integration, or alone; with the alias or version that follows it.
pub(super) fn target_of(text: &str) -> String {
    let name = text.split_once(":function:").map_or(text, |(_, name)| name);
    let mut parts = name.split('/').next().unwrap_or(name).split(':');
    let function = parts.next().unwrap_or_default();
    match parts.next() {
        Some(qualifier) if qualifier != LATEST => format!("{function}:{qualifier}"),
        _ => function.to_owned(),
    }
}
