//! Routes of an OpenAPI definition: each operation with an integration of type `aws_proxy`.

use super::access::{self, RouteAuth};
use super::api::{
    calls_with_post, check_path, integration_timeout, known_method, response_transfer_mode,
};
use super::assemble::Parts;
use super::connect::{From, PendingRoute};
use super::function::target_of;
use super::mistake::{Mistake, Position};
use super::mock;
use super::properties::Properties;
use super::scope::Scope;
use super::streaming::check_uri;
use super::tree::{Entry, Node, Value};
use hardcap_core::config::{Access, Cors, PayloadFormat, Route};

/// The key of API Gateway's own part of an operation.
const INTEGRATION: &str = "x-amazon-apigateway-integration";

/// Reads the routes of the definition in the property `key` of an API. No definition has no routes.
pub(super) fn read_routes(
    of: &Properties<'_>,
    entry: &Entry,
    key: &str,
    parts: &mut Parts,
) -> Result<(), Mistake> {
    let (scope, api) = (of.scope, entry.key.as_str());
    let Some(definition) = of.node(key)? else { return Ok(()) };
    if definition.get("Fn::Transform").is_some() && definition.get("paths").is_none() {
        let message = format!(
            "the definition of `{api}` is made by a macro or is in a file on S3: its routes are left out"
        );
        scope.warn(
            Mistake::new(definition.at, message)
                .help("name a local file in `Location`, relative to the template"),
        );
        return Ok(());
    }
    let Some(paths) = definition.get("paths") else {
        return Err(Mistake::new(
            definition.at,
            format!("the definition of `{api}` has no `paths`"),
        ));
    };
    access::of_definition(scope, api, definition, parts)?;
    if of.flag("MergeDefinitions")? != Some(true) {
        parts.defined.push(api.to_owned());
    }
    for path in paths.entries("`paths`")? {
        // SAM writes the route that takes every other one as a path.
        let written = if path.key == "/$default" { "$default" } else { path.key.as_str() };
        check_path(written)
            .map_err(|why| Mistake::new(path.at, format!("invalid path `{}`: {why}", path.key)))?;
        for operation in scope.choose(&path.value)?.entries("a path of a definition")? {
            if let Some(method) = known_method(&operation.key) {
                parts.operations.push((api.to_owned(), method.clone(), written.to_owned()));
                let route = read_operation(scope, api, written, method, operation)?;
                if let Some(mut route) = route {
                    route.auth = access::of_operation(scope, definition, &operation.value)?;
                    required(scope, definition, &path.value, operation, &mut route.route.access)?;
                    parts.routes.push(route);
                }
            }
        }
    }
    Ok(())
}

/// The parameters that a request validator of the definition asks for.
fn required(
    scope: &Scope<'_>,
    definition: &Node,
    path: &Node,
    operation: &Entry,
    access: &mut Access,
) -> Result<(), Mistake> {
    const VALIDATOR: &str = "x-amazon-apigateway-request-validator";
    let named = operation.value.get(VALIDATOR).or_else(|| definition.get(VALIDATOR));
    let Some(Value::Text(name)) = named.map(|node| &node.value) else { return Ok(()) };
    let validators = definition.get("x-amazon-apigateway-request-validators");
    let Some(validator) = validators.and_then(|all| all.get(name)) else { return Ok(()) };
    let of = Properties::new(scope, format!("the request validator `{name}`"), validator)?;
    if of.flag("validateRequestBody")?.unwrap_or_default() {
        let message = format!("{} validates bodies, which hardcap does not", of.what);
        scope.warn(Mistake::new(validator.at, message).rule("access-not-checked"));
    }
    if !of.flag("validateRequestParameters")?.unwrap_or_default() {
        return Ok(());
    }
    for node in [path.get("parameters"), operation.value.get("parameters")].into_iter().flatten() {
        for item in scope.choose(node)?.items("`parameters` of an operation")? {
            let of = Properties::new(scope, "a parameter of an operation".to_owned(), item)?;
            let (name, place) = (of.text("name")?, of.text("in")?);
            let is_required = of.flag("required")?.unwrap_or_default();
            match (name, place.as_deref()) {
                (Some(name), Some("header")) if is_required => access.required_headers.push(name),
                (Some(name), Some("query")) if is_required => access.required_query.push(name),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Warns of media types that a definition declares and that are binary, where the API lists none.
pub(super) fn check_media_types(
    of: &Properties<'_>,
    key: &str,
    listed: &[String],
) -> Result<(), Mistake> {
    let Some(definition) = of.node(key)?.filter(|_| listed.is_empty()) else { return Ok(()) };
    let mut found = Vec::new();
    declared_types(definition, false, &mut found);
    let Some((kind, at)) = found.into_iter().find(|(kind, _)| is_binary(kind)) else {
        return Ok(());
    };
    let message = format!(
        "{} declares `{kind}`, and the API has no `BinaryMediaTypes`: such bodies are damaged on their way in and reach clients as base64",
        of.name(key)
    );
    let warning = Mistake::new(at, message).rule("binary-media-types");
    of.scope.warn(warning.help("write `BinaryMediaTypes: ['*~1*']`, or the types that are binary"));
    Ok(())
}

/// The media types in `consumes`, `produces` and the keys of `content`.
fn declared_types(node: &Node, are_types: bool, found: &mut Vec<(String, Position)>) {
    match &node.value {
        Value::Text(text) if are_types => found.push((text.clone(), node.at)),
        Value::Absent | Value::Text(_) => {}
        Value::List(items) => items.iter().for_each(|item| declared_types(item, are_types, found)),
        Value::Map(entries) => {
            for entry in entries {
                match (entry.key.as_str(), &entry.value.value) {
                    ("content", Value::Map(types)) => {
                        found.extend(types.iter().map(|kind| (kind.key.clone(), kind.at)));
                    }
                    ("consumes" | "produces", Value::List(_)) => {
                        declared_types(&entry.value, true, found);
                    }
                    _ => declared_types(&entry.value, false, found),
                }
            }
        }
    }
}

fn is_binary(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence.split_once('/') {
        Some(("image", kind)) => kind != "svg+xml",
        Some(("audio" | "video" | "font", _)) => true,
        Some(("application", kind)) => {
            matches!(kind, "octet-stream" | "pdf" | "zip" | "gzip" | "x-protobuf" | "wasm")
        }
        Some(("multipart", "form-data")) => true,
        _ => false,
    }
}

fn read_operation(
    scope: &Scope<'_>,
    api: &str,
    path: &str,
    method: String,
    operation: &Entry,
) -> Result<Option<PendingRoute>, Mistake> {
    let what = format!("{method} {path} of `{api}`");
    let Some(integration) = operation.value.get(INTEGRATION) else {
        let warning =
            Mistake::new(operation.at, format!("{what} has no `{INTEGRATION}`: it is left out"));
        scope.warn(warning);
        return Ok(None);
    };
    // A scope is asked through `Properties` for single values here; OpenAPI's own keys are not all known.
    let of = Properties::new(scope, format!("the integration of {what}"), integration)?;
    let kind = of.required_text("type")?;
    if kind.eq_ignore_ascii_case("mock")
        && let Some(fixed) = mock::response(&of, &mock::DEFINED)?
    {
        let route = mock::route(method, path.to_owned(), fixed);
        let api = api.to_owned();
        let (at, from, auth) = (operation.at, From::Definition, RouteAuth::default());
        return Ok(Some(PendingRoute { api, at, route, from, auth }));
    }
    if !kind.eq_ignore_ascii_case("aws_proxy") {
        let message = format!(
            "{what} has an integration of type `{kind}`, which is not emulated: it is left out"
        );
        scope.warn(Mistake::new(integration.at, message).rule("not-emulated"));
        return Ok(None);
    }
    if let Some(subtype) = of.text("integrationSubtype")? {
        let message = format!("{what} is {subtype}, which is not emulated: it is left out");
        scope.warn(Mistake::new(integration.at, message).rule("not-emulated"));
        return Ok(None);
    }
    let uri = of.required_text("uri")?;
    let mode = response_transfer_mode(&of, "responseTransferMode")?;
    check_uri(scope, integration.at, mode, &uri);
    Ok(Some(PendingRoute {
        api: api.to_owned(),
        at: operation.at,
        from: From::Definition,
        auth: RouteAuth::default(),
        route: Route {
            method,
            path: path.to_owned(),
            function: target_of(&uri),
            payload_format: match of.node("payloadFormatVersion")?.map(|node| &node.value) {
                Some(Value::Text(version)) if version.starts_with('2') => PayloadFormat::V2,
                _ => PayloadFormat::V1,
            },
            timeout: integration_timeout(&of, "timeoutInMillis")?,
            response_transfer_mode: mode,
            calls_with_post: calls_with_post(&of, "httpMethod")?,
            access: Access::default(),
            fixed: None,
        },
    }))
}

/// A value that the definition in the property `key` has for the whole API.
pub(super) fn of_definition(
    of: &Properties<'_>,
    key: &str,
    name: &str,
) -> Result<Option<Node>, Mistake> {
    let Some(definition) = of.node(key)? else { return Ok(None) };
    let Some(node) = definition.get(name) else { return Ok(None) };
    let value = of.scope.evaluate(node)?;
    Ok((!value.is_absent()).then_some(value))
}

/// `x-amazon-apigateway-binary-media-types` of a definition.
pub(super) fn binary_media_types(of: &Properties<'_>, key: &str) -> Result<Vec<String>, Mistake> {
    const NAME: &str = "x-amazon-apigateway-binary-media-types";
    let Some(value) = of_definition(of, key, NAME)? else { return Ok(Vec::new()) };
    let what = format!("`{NAME}` of {}", of.name(key));
    value.items(&what)?.iter().map(|item| item.scalar(&what).map(str::to_owned)).collect()
}

/// `x-amazon-apigateway-minimum-compression-size` of a definition.
pub(super) fn minimum_compression(of: &Properties<'_>, key: &str) -> Result<Option<u64>, Mistake> {
    const NAME: &str = "x-amazon-apigateway-minimum-compression-size";
    let Some(value) = of_definition(of, key, NAME)? else { return Ok(None) };
    let what = format!("`{NAME}` of {}", of.name(key));
    match value.scalar(&what)?.parse() {
        Ok(size) => Ok(Some(size)),
        Err(_) => Err(value.mistaken(&what, "a whole number")),
    }
}

/// `x-amazon-apigateway-cors` of the definition of an HTTP API.
pub(super) fn cors(of: &Properties<'_>, key: &str) -> Result<Option<Cors>, Mistake> {
    const NAME: &str = "x-amazon-apigateway-cors";
    let Some(definition) = of.node(key)? else { return Ok(None) };
    let Some(node) = definition.get(NAME) else { return Ok(None) };
    let of = Properties::new(of.scope, format!("`{NAME}` of {}", of.name(key)), node)?;
    let cors = Cors {
        allow_origins: of.texts("allowOrigins")?,
        allow_methods: of.texts("allowMethods")?,
        allow_headers: of.texts("allowHeaders")?,
        expose_headers: of.texts("exposeHeaders")?,
        allow_credentials: of.flag("allowCredentials")?.unwrap_or_default(),
        max_age_seconds: of.number("maxAge")?,
    };
    of.finish();
    Ok(Some(cors))
}
