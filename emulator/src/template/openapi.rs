//! Routes of an OpenAPI definition: each operation with an integration of type `aws_proxy`.

use super::api::{
    calls_with_post, check_path, integration_timeout, known_method, response_transfer_mode,
};
use super::assemble::{Parts, PendingRoute};
use super::function::function_of;
use super::mistake::Mistake;
use super::properties::Properties;
use super::scope::Scope;
use super::streaming::check_uri;
use super::tree::{Entry, Node, Value};
use hardcap_core::config::{PayloadFormat, Route};

/// The key of API Gateway's own part of an operation.
const INTEGRATION: &str = "x-amazon-apigateway-integration";

/// Reads the routes of `definition` into the API `api`. No definition has no routes.
pub(super) fn read_routes(
    scope: &Scope<'_>,
    api: &str,
    definition: Option<&Node>,
    parts: &mut Parts,
) -> Result<(), Mistake> {
    let Some(definition) = definition else { return Ok(()) };
    let Some(paths) = definition.get("paths") else {
        return Err(Mistake::new(
            definition.at,
            format!("the definition of `{api}` has no `paths`"),
        ));
    };
    for path in paths.entries("`paths`")? {
        // SAM writes the route that takes every other one as a path.
        let written = if path.key == "/$default" { "$default" } else { path.key.as_str() };
        check_path(written).map_err(|why| {
            Mistake::new(path.at, format!("the path `{}` cannot be: {why}", path.key))
        })?;
        for operation in scope.choose(&path.value)?.entries("a path of a definition")? {
            if let Some(method) = known_method(&operation.key) {
                let route = read_operation(scope, api, written, method, operation)?;
                parts.routes.extend(route);
            }
        }
    }
    Ok(())
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
    if !kind.eq_ignore_ascii_case("aws_proxy") {
        let message = format!(
            "{what} has an integration of type `{kind}`, which is not emulated: it is left out"
        );
        scope.warn(Mistake::new(integration.at, message));
        return Ok(None);
    }
    let uri = of.required_text("uri")?;
    let mode = response_transfer_mode(&of, "responseTransferMode")?;
    check_uri(scope, integration.at, mode, &uri);
    Ok(Some(PendingRoute {
        api: api.to_owned(),
        at: operation.at,
        route: Route {
            method,
            path: path.to_owned(),
            function: function_of(&uri).to_owned(),
            payload_format: match of.node("payloadFormatVersion")?.map(|node| &node.value) {
                Some(Value::Text(version)) if version.starts_with('2') => PayloadFormat::V2,
                _ => PayloadFormat::V1,
            },
            timeout: integration_timeout(&of, "timeoutInMillis")?,
            response_transfer_mode: mode,
            calls_with_post: calls_with_post(&of, "httpMethod")?,
        },
    }))
}
