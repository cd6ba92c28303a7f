//! APIs written out in the resources of CloudFormation: `AWS::ApiGateway::*` and `AWS::ApiGatewayV2::*`.

use super::api::{
    bare, binary_media_types, calls_with_post, check_path, http_cors, integration_timeout,
    known_method,
};
use super::api::{payload_format, response_transfer_mode, stage_name};
use super::assemble::{Parts, PendingRoute};
use super::function::function_of;
use super::gateway_responses;
use super::mistake::Mistake;
use super::openapi;
use super::properties::Properties;
use super::references::{ROOT_RESOURCE, kind};
use super::scope::Scope;
use super::streaming::check_uri;
use super::tree::Entry;
use hardcap_core::config::{ApiKind, PayloadFormat, ResponseTransferMode, Route};

/// Reads the APIs themselves; what refers to them is read by [`connect`], for it may stand before them.
pub(super) fn read(scope: &Scope<'_>, entry: &Entry, parts: &mut Parts) -> Result<(), Mistake> {
    match kind(entry) {
        "AWS::ApiGateway::RestApi" => rest_api(scope, entry, parts),
        "AWS::ApiGatewayV2::Api" => http_api(scope, entry, parts),
        // Read by `connect`.
        "AWS::ApiGateway::Method"
        | "AWS::ApiGateway::GatewayResponse"
        | "AWS::ApiGateway::Stage"
        | "AWS::ApiGatewayV2::Route"
        | "AWS::ApiGatewayV2::Stage" => Ok(()),
        // Read by what refers to them, or of no effect here.
        "AWS::ApiGateway::Resource"
        | "AWS::ApiGateway::Deployment"
        | "AWS::ApiGateway::Account"
        | "AWS::ApiGateway::Model"
        | "AWS::ApiGatewayV2::Integration"
        | "AWS::ApiGatewayV2::Deployment" => Ok(()),
        kind => {
            let message = format!("`{}` is a {kind}, which hardcap does not emulate", entry.key);
            scope.warn(Mistake::new(entry.at, message));
            Ok(())
        }
    }
}

/// Reads stages, routes and methods into the APIs that they name.
pub(super) fn connect(scope: &Scope<'_>, parts: &mut Parts) -> Result<(), Mistake> {
    for entry in scope.resources {
        let active = match entry.value.get("Condition") {
            Some(node) => {
                scope.condition(node.scalar("the `Condition` of a resource")?, node.at)?
            }
            None => true,
        };
        match kind(entry) {
            _ if !active => {}
            "AWS::ApiGateway::Stage" => stage(scope, entry, "RestApiId", "Variables", parts)?,
            "AWS::ApiGatewayV2::Stage" => stage(scope, entry, "ApiId", "StageVariables", parts)?,
            "AWS::ApiGateway::Deployment" => deployment(scope, entry, parts)?,
            "AWS::ApiGatewayV2::Route" => route(scope, entry, parts)?,
            "AWS::ApiGateway::Method" => method(scope, entry, parts)?,
            "AWS::ApiGateway::GatewayResponse" => {
                gateway_responses::connect(scope, entry, parts)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn rest_api(scope: &Scope<'_>, entry: &Entry, parts: &mut Parts) -> Result<(), Mistake> {
    let of = Properties::of(scope, "the API", entry)?;
    of.without_effect(&[
        "ApiKeySourceType",
        "Description",
        "EndpointConfiguration",
        "FailOnWarnings",
        "Mode",
        "Name",
        "Parameters",
        "Policy",
        "Tags",
    ]);
    of.not_emulated("BodyS3Location", "write the definition into `Body`")?;
    openapi::read_routes(scope, &entry.key, of.node("Body")?, parts)?;
    let kind = ApiKind::Rest {
        binary_media_types: binary_media_types(&of)?,
        minimum_compression_size: of.number("MinimumCompressionSize")?,
    };
    let mut api = bare(entry, kind);
    api.gateway_responses = gateway_responses::read_definition(&of, "Body")?;
    "prod".clone_into(&mut api.stage);
    parts.apis.push(api);
    of.finish();
    Ok(())
}

fn http_api(scope: &Scope<'_>, entry: &Entry, parts: &mut Parts) -> Result<(), Mistake> {
    let of = Properties::of(scope, "the HTTP API", entry)?;
    of.without_effect(&[
        "Description",
        "DisableSchemaValidation",
        "FailOnWarnings",
        "IpAddressType",
        "Name",
        "RouteSelectionExpression",
        "Tags",
        "Version",
    ]);
    let protocol = of.text("ProtocolType")?;
    if protocol.as_deref().is_some_and(|protocol| protocol != "HTTP") {
        of.not_emulated("ProtocolType", "the API is left out")?;
        return Ok(());
    }
    openapi::read_routes(scope, &entry.key, of.node("Body")?, parts)?;
    // The quick way: one function behind one route.
    if let Some(target) = of.text("Target")? {
        let key = of.text("RouteKey")?.unwrap_or_else(|| "$default".to_owned());
        let (method, path) = route_key(&of, &key)?;
        let function = function_of(&target).to_owned();
        let payload_format = PayloadFormat::V2;
        let route = Route {
            method,
            path,
            function,
            payload_format,
            timeout: None,
            response_transfer_mode: ResponseTransferMode::Buffered,
            calls_with_post: true,
        };
        parts.routes.push(PendingRoute { api: entry.key.clone(), at: entry.at, route });
    }
    parts.apis.push(bare(entry, ApiKind::Http { cors: http_cors(&of, "CorsConfiguration")? }));
    of.finish();
    Ok(())
}

fn stage(
    scope: &Scope<'_>,
    entry: &Entry,
    api_key: &str,
    variables: &str,
    parts: &mut Parts,
) -> Result<(), Mistake> {
    let of = Properties::of(scope, "the stage", entry)?;
    let api = of.required_text(api_key)?;
    let name = stage_name(&of, of.required_text("StageName")?)?;
    let values = of.text_map(variables)?;
    if let Some(api) = parts.apis.iter_mut().find(|known| scope.api_id(&known.logical_id) == api) {
        api.stage = name;
        api.stage_variables = values;
    }
    Ok(())
}

/// A deployment that names a stage makes it.
fn deployment(scope: &Scope<'_>, entry: &Entry, parts: &mut Parts) -> Result<(), Mistake> {
    let of = Properties::of(scope, "the deployment", entry)?;
    if of.node("StageName")?.is_some() {
        stage(scope, entry, "RestApiId", "Variables", parts)?;
    }
    Ok(())
}

fn route(scope: &Scope<'_>, entry: &Entry, parts: &mut Parts) -> Result<(), Mistake> {
    let of = Properties::of(scope, "the route", entry)?;
    let api = of.required_text("ApiId")?;
    let (method, path) = route_key(&of, &of.required_text("RouteKey")?)?;
    let target = of.required_text("Target")?;
    let id = target.strip_prefix("integrations/").unwrap_or(&target);
    let Some(integration) = scope.resource(id) else {
        return Err(Mistake::new(
            of.at,
            format!("{} names no integration of this template", of.name("Target")),
        )
        .help("write `Target: !Sub integrations/${TheIntegration}`"));
    };
    let integration = Properties::of(scope, "the integration", integration)?;
    let kind = integration.required_text("IntegrationType")?;
    if kind != "AWS_PROXY" {
        let message = format!(
            "{} is {kind}, which is not emulated: its routes are left out",
            integration.what
        );
        scope.warn(Mistake::new(integration.at, message));
        return Ok(());
    }
    let route = Route {
        method,
        path,
        function: function_of(&integration.required_text("IntegrationUri")?).to_owned(),
        payload_format: payload_format(&integration, PayloadFormat::V1)?,
        timeout: integration_timeout(&integration, "TimeoutInMillis")?,
        response_transfer_mode: ResponseTransferMode::Buffered,
        calls_with_post: true,
    };
    parts.routes.push(PendingRoute { api, at: entry.at, route });
    Ok(())
}

/// `GET /items` or `$default`.
fn route_key(of: &Properties<'_>, key: &str) -> Result<(String, String), Mistake> {
    if key == "$default" {
        return Ok(("ANY".to_owned(), key.to_owned()));
    }
    let parts = key.split_once(' ').and_then(|(method, path)| Some((known_method(method)?, path)));
    let Some((method, path)) = parts else {
        return Err(Mistake::new(of.at, format!("the route key of {} cannot be `{key}`", of.what))
            .help("write `GET /path`, `ANY /path` or `$default`"));
    };
    check_path(path).map_err(|why| {
        Mistake::new(of.at, format!("the route key of {} cannot be `{key}`: {why}", of.what))
    })?;
    Ok((method, path.to_owned()))
}

fn method(scope: &Scope<'_>, entry: &Entry, parts: &mut Parts) -> Result<(), Mistake> {
    let of = Properties::of(scope, "the method", entry)?;
    let written = of.required_text("HttpMethod")?;
    let Some(method) = known_method(&written) else {
        return Err(Mistake::new(
            of.at,
            format!("{} cannot be `{written}`", of.name("HttpMethod")),
        ));
    };
    let api = of.required_text("RestApiId")?;
    let path = path_of(scope, &of.required_text("ResourceId")?, &of, 0)?;
    let Some(integration) = of.child("Integration")? else {
        scope.warn(Mistake::new(
            entry.at,
            format!("{} has no `Integration`: it is left out", of.what),
        ));
        return Ok(());
    };
    let kind = integration.required_text("Type")?;
    if kind != "AWS_PROXY" {
        let message = format!(
            "{} is {kind}, which is not emulated: the method is left out",
            integration.what
        );
        scope.warn(Mistake::new(integration.at, message));
        return Ok(());
    }
    let uri = integration.required_text("Uri")?;
    let mode = response_transfer_mode(&integration, "ResponseTransferMode")?;
    check_uri(scope, integration.at, mode, &uri);
    let route = Route {
        method,
        path,
        function: function_of(&uri).to_owned(),
        payload_format: PayloadFormat::V1,
        timeout: integration_timeout(&integration, "TimeoutInMillis")?,
        response_transfer_mode: mode,
        calls_with_post: calls_with_post(&integration, "IntegrationHttpMethod")?,
    };
    parts.routes.push(PendingRoute { api, at: entry.at, route });
    Ok(())
}

/// The path of a resource: its own part behind its parent's.
fn path_of(
    scope: &Scope<'_>,
    id: &str,
    of: &Properties<'_>,
    depth: usize,
) -> Result<String, Mistake> {
    if id == ROOT_RESOURCE {
        return Ok("/".to_owned());
    }
    let Some(entry) = scope.resource(id).filter(|_| depth < 50) else {
        let message = format!(
            "the resource `{id}` of {} is not in this template, or is its own parent",
            of.what
        );
        return Err(Mistake::new(of.at, message));
    };
    let resource = Properties::of(scope, "the resource", entry)?;
    let parent = path_of(scope, &resource.required_text("ParentId")?, &resource, depth + 1)?;
    let path = format!("{}/{}", parent.trim_end_matches('/'), resource.required_text("PathPart")?);
    check_path(&path)
        .map_err(|why| Mistake::new(resource.at, format!("the path `{path}` cannot be: {why}")))?;
    Ok(path)
}
