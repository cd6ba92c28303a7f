//! APIs of CloudFormation: `AWS::ApiGateway::*` and `AWS::ApiGatewayV2::*`.

use super::access::{self, RouteAuth};
use super::api::{
    bare, binary_media_types, calls_with_post, check_path, http_cors, integration_timeout,
    known_method,
};
use super::api::{minimum_compression, payload_format, response_transfer_mode, stage_name};
use super::assemble::Parts;
use super::connect::{From, PendingRoute};
use super::diagnostic::{Diagnostic, Position};
use super::function::target_of;
use super::gateway_responses;
use super::integration::{self, custom_route};
use super::openapi;
use super::properties::Properties;
use super::references::{ROOT_RESOURCE, kind};
use super::scope::Scope;
use super::streaming::check_uri;
use super::tree::MappingEntry;
use hardcap_core::config::{ApiKind, Integration, PayloadFormat, Route};

/// Reads the APIs. [`connect`] reads the resources that refer to them afterwards, because they may be before the API.
pub(super) fn read(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    match kind(entry) {
        "AWS::ApiGateway::RestApi" => rest_api(scope, entry, parts),
        "AWS::ApiGatewayV2::Api" => http_api(scope, entry, parts),
        // Read by `connect`.
        "AWS::ApiGateway::Method"
        | "AWS::ApiGateway::GatewayResponse"
        | "AWS::ApiGateway::Stage"
        | "AWS::ApiGatewayV2::Route"
        | "AWS::ApiGatewayV2::Stage" => Ok(()),
        // Read with the resources that refer to them, or without effect here.
        "AWS::ApiGateway::Resource"
        | "AWS::ApiGateway::Deployment"
        | "AWS::ApiGateway::DocumentationPart"
        | "AWS::ApiGateway::DocumentationVersion"
        | "AWS::ApiGateway::Account"
        | "AWS::ApiGateway::ApiKey"
        | "AWS::ApiGateway::Authorizer"
        | "AWS::ApiGateway::RequestValidator"
        | "AWS::ApiGateway::UsagePlan"
        | "AWS::ApiGateway::UsagePlanKey"
        | "AWS::ApiGatewayV2::Authorizer"
        | "AWS::ApiGateway::Model"
        | "AWS::ApiGatewayV2::Integration"
        | "AWS::ApiGatewayV2::IntegrationResponse"
        | "AWS::ApiGatewayV2::Model"
        | "AWS::ApiGatewayV2::RouteResponse"
        | "AWS::ApiGatewayV2::Deployment" => Ok(()),
        kind => {
            let message = format!("`{}` is a {kind}, which hardcap does not emulate", entry.key);
            scope.warn(Diagnostic::new(entry.at, message).rule("not-emulated"));
            Ok(())
        }
    }
}

/// Adds stages, routes and methods to the APIs that they name.
pub(super) fn connect(scope: &Scope<'_>, parts: &mut Parts) -> Result<(), Diagnostic> {
    for entry in scope.resources {
        match kind(entry) {
            _ if !scope.exists(entry)? => {}
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

fn rest_api(scope: &Scope<'_>, entry: &MappingEntry, parts: &mut Parts) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the API", entry)?;
    of.without_effect(&[
        "ApiKeySourceType",
        "Description",
        "EndpointAccessMode",
        "EndpointConfiguration",
        "FailOnWarnings",
        "Mode",
        "Name",
        "Parameters",
        "SecurityPolicy",
        "Tags",
    ]);
    of.not_checked("Policy", "every request is let through")?;
    of.not_emulated("BodyS3Location", "name a file of the template's folder")?;
    of.not_emulated("DisableExecuteApiEndpoint", "the API responds at its address")?;
    openapi::read_routes(&of, entry, "Body", parts)?;
    let kind = ApiKind::Rest {
        binary_media_types: binary_media_types(&of, "Body")?,
        minimum_compression_size: minimum_compression(&of, "Body")?,
    };
    let mut api = bare(entry, kind);
    api.gateway_responses = gateway_responses::read_definition(&of, "Body")?;
    "prod".clone_into(&mut api.stage);
    parts.defined.push(entry.key.clone());
    parts.apis.push(api);
    of.finish();
    Ok(())
}

fn http_api(scope: &Scope<'_>, entry: &MappingEntry, parts: &mut Parts) -> Result<(), Diagnostic> {
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
        let message =
            format!("`{}` is a WebSocket API, which is not emulated: it is left out", entry.key);
        scope.warn(Diagnostic::new(entry.at, message).rule("not-emulated"));
        parts.left_out.push(entry.key.clone());
        return Ok(());
    }
    of.not_emulated("BodyS3Location", "name a file of the template's folder")?;
    of.not_emulated("DisableExecuteApiEndpoint", "the API responds at its address")?;
    of.without_effect(&["BasePath", "CredentialsArn"]);
    openapi::read_routes(&of, entry, "Body", parts)?;
    // API Gateway's quick create: one function with one route.
    if let Some(target) = of.text("Target")? {
        let key = of.text("RouteKey")?.unwrap_or_else(|| "$default".to_owned());
        let (method, path) = route_key(&of, &key)?;
        let function = target_of(&target);
        let route = Route::to_function(&method, &path, &function, PayloadFormat::V2);
        let from = From::Definition;
        let (api, at, auth) = (entry.key.clone(), entry.at, RouteAuth::default());
        parts.routes.push(PendingRoute { api, at, route, from, auth });
    } else {
        of.without_effect(&["RouteKey"]);
    }
    // AWS SAM adds routes of events only to APIs of SAM.
    parts.defined.push(entry.key.clone());
    let cors = http_cors(&of, "CorsConfiguration", "Body")?;
    parts.apis.push(bare(entry, ApiKind::Http { cors }));
    of.finish();
    Ok(())
}

fn stage(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    api_key: &str,
    variables: &str,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the stage", entry)?;
    let api = of.required_text(api_key)?;
    let name = stage_name(&of, of.required_text("StageName")?)?;
    let values = of.text_map(variables)?;
    of.without_effect(&[
        "AccessLogSetting",
        "AccessLogSettings",
        "AutoDeploy",
        "DefaultRouteSettings",
        "DeploymentId",
        "Description",
        "DocumentationVersion",
        "MethodSettings",
        "RouteSettings",
        "StageDescription",
        "Tags",
        "TracingEnabled",
    ]);
    for (key, consequence) in [
        ("AccessPolicyId", "every request is let through"),
        ("CacheClusterEnabled", "nothing is cached"),
        ("CacheClusterSize", "nothing is cached"),
        ("CanarySetting", "there is one deployment"),
        ("ClientCertificateId", "integrations get no certificate"),
    ] {
        of.not_emulated(key, consequence)?;
    }
    of.finish();
    if let Some(api) = parts.apis.iter_mut().find(|known| scope.api_id(&known.logical_id) == api) {
        api.stage = name;
        api.stage_variables = values;
    }
    Ok(())
}

/// A deployment with a stage's name creates the stage.
fn deployment(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the deployment", entry)?;
    if of.node("StageName")?.is_some() {
        stage(scope, entry, "RestApiId", "Variables", parts)?;
    }
    Ok(())
}

fn route(scope: &Scope<'_>, entry: &MappingEntry, parts: &mut Parts) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the route", entry)?;
    let api = of.required_text("ApiId")?;
    if parts.left_out.iter().any(|id| *id == api || scope.api_id(id) == api) {
        return Ok(());
    }
    let (method, path) = route_key(&of, &of.required_text("RouteKey")?)?;
    of.without_effect(&["ModelSelectionExpression", "OperationName", "RequestModels"]);
    let Some(target) = of.text("Target")? else {
        scope.warn(Diagnostic::new(
            entry.at,
            format!("{} has no `Target`: it is left out", of.what),
        ));
        return Ok(());
    };
    let id = target.strip_prefix("integrations/").unwrap_or(&target);
    let Some(integration) = scope.resource(id) else {
        return Err(Diagnostic::new(
            of.at,
            format!("{} does not name an integration of this template", of.name("Target")),
        )
        .help("write `Target: !Sub integrations/${TheIntegration}`"));
    };
    let integration = Properties::of(scope, "the integration", integration)?;
    let kind = integration.required_text("IntegrationType")?;
    integration.without_effect(&[
        "ApiId",
        "ConnectionType",
        "CredentialsArn",
        "Description",
        "IntegrationMethod",
    ]);
    let subtype = integration.text("IntegrationSubtype")?.filter(|_| kind == "AWS_PROXY");
    let action = match &subtype {
        Some(subtype) => integration::action(&integration, subtype, "RequestParameters")?,
        None => None,
    };
    if let Some(action) = action {
        let mut route = Route::with(&method, &path, Integration::Action(action));
        route.timeout = integration_timeout(&integration, "TimeoutInMillis")?;
        integration.without_effect(&["PayloadFormatVersion"]);
        integration
            .not_emulated("ResponseParameters", "the client receives the response unchanged")?;
        integration.finish();
        let auth = access::of_resource(&of)?;
        of.finish();
        parts.routes.push(PendingRoute { api, at: entry.at, route, from: From::Definition, auth });
        return Ok(());
    }
    if kind != "AWS_PROXY" || subtype.is_some() {
        let message = format!(
            "{} is {}, which is not emulated: its routes are left out",
            integration.what,
            subtype.unwrap_or(kind)
        );
        scope.warn(Diagnostic::new(integration.at, message).rule("not-emulated"));
        return Ok(());
    }
    let function = target_of(&integration.required_text("IntegrationUri")?);
    let format = payload_format(&integration, PayloadFormat::V1)?;
    let mut route = Route::to_function(&method, &path, &function, format);
    route.timeout = integration_timeout(&integration, "TimeoutInMillis")?;
    integration.not_emulated("RequestParameters", "the function receives the request unchanged")?;
    integration.not_emulated("ResponseParameters", "the client receives the response unchanged")?;
    integration.finish();
    let auth = access::of_resource(&of)?;
    of.finish();
    parts.routes.push(PendingRoute { api, at: entry.at, route, from: From::Definition, auth });
    Ok(())
}

/// The method and the path of a route key: `GET /items` or `$default`.
fn route_key(of: &Properties<'_>, key: &str) -> Result<(String, String), Diagnostic> {
    if key == "$default" {
        return Ok(("ANY".to_owned(), key.to_owned()));
    }
    let parts = key.split_once(' ').and_then(|(method, path)| Some((known_method(method)?, path)));
    let Some((method, path)) = parts else {
        return Err(Diagnostic::new(
            of.at,
            format!("the route key of {} cannot be `{key}`", of.what),
        )
        .help("write `GET /path`, `ANY /path` or `$default`"));
    };
    check_path(path).map_err(|why| {
        Diagnostic::new(of.at, format!("the route key of {} cannot be `{key}`: {why}", of.what))
    })?;
    Ok((method, path.to_owned()))
}

/// Properties of an integration without effect, most of them for the type `AWS_PROXY` alone.
const OF_INTEGRATIONS: [&str; 9] = [
    "CacheKeyParameters",
    "CacheNamespace",
    "ConnectionType",
    "ContentHandling",
    "Credentials",
    "IntegrationResponses",
    "PassthroughBehavior",
    "RequestParameters",
    "RequestTemplates",
];

fn method(scope: &Scope<'_>, entry: &MappingEntry, parts: &mut Parts) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the method", entry)?;
    let written = of.required_text("HttpMethod")?;
    let Some(method) = known_method(&written) else {
        return Err(Diagnostic::new(
            of.at,
            format!("{} cannot be `{written}`", of.name("HttpMethod")),
        ));
    };
    let api = of.required_text("RestApiId")?;
    let path = path_of(scope, &of.required_text("ResourceId")?, &of, 0)?;
    let Some(integration) = of.child("Integration")? else {
        scope.warn(Diagnostic::new(
            entry.at,
            format!("{} has no `Integration`: it is left out", of.what),
        ));
        return Ok(());
    };
    let kind = integration.required_text("Type")?;
    if kind != "AWS_PROXY" {
        let custom = match integration::custom(&integration, &kind, &integration::RAW)? {
            Ok(custom) => custom,
            Err(what) => {
                let message = format!(
                    "{} is {what}, which is not emulated: the method is left out",
                    integration.what
                );
                scope.warn(Diagnostic::new(integration.at, message).rule("not-emulated"));
                return Ok(());
            }
        };
        let mut route = custom_route(&method, &path, custom);
        route.timeout = integration_timeout(&integration, "TimeoutInMillis")?;
        integration.without_effect(&OF_INTEGRATIONS);
        integration.finish();
        return finish_method(of, (api, entry.at, route), parts);
    }
    let uri = integration.required_text("Uri")?;
    let mode = response_transfer_mode(&integration, "ResponseTransferMode")?;
    check_uri(scope, integration.at, mode, &uri);
    let mut route = Route::to_function(&method, &path, &target_of(&uri), PayloadFormat::V1);
    route.timeout = integration_timeout(&integration, "TimeoutInMillis")?;
    route.response_transfer_mode = mode;
    route.calls_with_post = calls_with_post(&integration, "IntegrationHttpMethod")?;
    integration.without_effect(&OF_INTEGRATIONS);
    integration.finish();
    finish_method(of, (api, entry.at, route), parts)
}

/// Reads the authorization of a method, and adds its route.
fn finish_method(
    of: Properties<'_>,
    (api, at, mut route): (String, Position, Route),
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let auth = access::of_resource(&of)?;
    access::validated(&of, &mut route.access)?;
    of.without_effect(&["MethodResponses", "OperationName"]);
    of.finish();
    parts.routes.push(PendingRoute { api, at, route, from: From::Definition, auth });
    Ok(())
}

/// The path of a resource: its parent's path and its own part.
fn path_of(
    scope: &Scope<'_>,
    id: &str,
    of: &Properties<'_>,
    depth: usize,
) -> Result<String, Diagnostic> {
    if id == ROOT_RESOURCE {
        return Ok("/".to_owned());
    }
    let Some(entry) = scope.resource(id).filter(|_| depth < 50) else {
        let message = format!(
            "the resource `{id}` of {} is not in this template, or is its own parent",
            of.what
        );
        return Err(Diagnostic::new(of.at, message));
    };
    let resource = Properties::of(scope, "the resource", entry)?;
    let parent = path_of(scope, &resource.required_text("ParentId")?, &resource, depth + 1)?;
    let path = format!("{}/{}", parent.trim_end_matches('/'), resource.required_text("PathPart")?);
    check_path(&path)
        .map_err(|why| Diagnostic::new(resource.at, format!("invalid path `{path}`: {why}")))?;
    Ok(path)
}
