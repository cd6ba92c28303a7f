//! `AWS::Serverless::Api` and `AWS::Serverless::HttpApi`, and readers of properties that all kinds of API have.

use hardcap_limits::Millis;
use indexmap::IndexMap;

use super::diagnostic::Diagnostic;
use super::gateway_responses;
use super::openapi;
use super::properties::Properties;
use super::tree::{MappingEntry, Value};
use hardcap_core::config::{
    Api, ApiKind, Cors, GatewayResponses, PayloadFormat, ResponseTransferMode,
};

pub(super) fn read_rest(entry: &MappingEntry, of: Properties<'_>) -> Result<Api, Diagnostic> {
    of.without_effect(&[
        "AccessLogSetting",
        "AlwaysDeploy",
        "ApiKeySourceType",
        "CacheClusterEnabled",
        "CacheClusterSize",
        "CanarySetting",
        "DefinitionBody",
        "DeploymentMode",
        "Description",
        "Domain",
        "EndpointConfiguration",
        "FailOnWarnings",
        "MethodSettings",
        "Models",
        "Name",
        "OpenApiVersion",
        "Policy",
        "PropagateTags",
        "SecurityPolicy",
        "Tags",
        "TracingEnabled",
    ]);
    of.not_emulated("DefinitionUri", "name a file of the template's folder")?;
    of.not_emulated("DisableExecuteApiEndpoint", "the API responds at its address")?;
    let api = Api {
        logical_id: entry.key.clone(),
        kind: ApiKind::Rest {
            binary_media_types: binary_media_types(&of, "DefinitionBody")?,
            minimum_compression_size: minimum_compression(&of, "DefinitionBody")?,
        },
        stage: stage_name(&of, of.required_text("StageName")?)?,
        stage_variables: of.text_map("Variables")?,
        gateway_responses: gateway_responses::read_sam(&of)?,
        authorizers: Vec::new(),
        api_keys: Vec::new(),
        routes: Vec::new(),
    };
    of.finish();
    Ok(api)
}

pub(super) fn read_http(entry: &MappingEntry, of: Properties<'_>) -> Result<Api, Diagnostic> {
    of.without_effect(&[
        "AccessLogSettings",
        "DefaultRouteSettings",
        "DefinitionBody",
        "Description",
        "Domain",
        "FailOnWarnings",
        "Name",
        "PropagateTags",
        "RouteSettings",
        "Tags",
    ]);
    of.not_emulated("DefinitionUri", "name a file of the template's folder")?;
    of.not_emulated("DisableExecuteApiEndpoint", "the API responds at its address")?;
    let stage = of.text("StageName")?.unwrap_or_else(|| "$default".to_owned());
    let api = Api {
        logical_id: entry.key.clone(),
        kind: ApiKind::Http { cors: http_cors(&of, "CorsConfiguration", "DefinitionBody")? },
        stage: stage_name(&of, stage)?,
        stage_variables: of.text_map("StageVariables")?,
        gateway_responses: GatewayResponses::new(),
        authorizers: Vec::new(),
        api_keys: Vec::new(),
        routes: Vec::new(),
    };
    of.finish();
    Ok(api)
}

pub(super) fn stage_name(of: &Properties<'_>, name: String) -> Result<String, Diagnostic> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name == "$default" || (!name.is_empty() && name.chars().all(fits)) {
        return Ok(name);
    }
    Err(Diagnostic::new(of.at, format!("{} cannot be `{name}`", of.name("StageName")))
        .help("use letters, digits, - and _"))
}

/// The media types of the property `BinaryMediaTypes` and of the definition in the property `definition`.
///
/// SAM writes `image~1png` for `image/png`, because API Gateway reads the type from a JSON pointer.
pub(super) fn binary_media_types(
    of: &Properties<'_>,
    definition: &str,
) -> Result<Vec<String>, Diagnostic> {
    let mut types = of.texts("BinaryMediaTypes")?;
    types.extend(openapi::binary_media_types(of, definition)?);
    openapi::check_media_types(of, definition, &types)?;
    Ok(types.into_iter().map(|kind| kind.replace("~1", "/")).collect())
}

/// The property `MinimumCompressionSize`, else the value of the definition in the property `definition`.
pub(super) fn minimum_compression(
    of: &Properties<'_>,
    definition: &str,
) -> Result<Option<u64>, Diagnostic> {
    match of.number("MinimumCompressionSize")? {
        Some(size) => Ok(Some(size)),
        None => openapi::minimum_compression(of, definition),
    }
}

/// CORS of an HTTP API: `true` for every origin, or a mapping; else that of the definition in the property `definition`.
pub(super) fn http_cors(
    of: &Properties<'_>,
    key: &str,
    definition: &str,
) -> Result<Option<Cors>, Diagnostic> {
    match of.node(key)?.map(|node| &node.value) {
        None => openapi::cors(of, definition),
        Some(Value::Text(_)) => Ok(of
            .flag(key)?
            .unwrap_or_default()
            .then(|| Cors { allow_origins: vec!["*".to_owned()], ..Cors::default() })),
        Some(_) => of.child(key)?.map(read_cors).transpose(),
    }
}

pub(super) fn read_cors(of: Properties<'_>) -> Result<Cors, Diagnostic> {
    let cors = Cors {
        allow_origins: of.texts("AllowOrigins")?,
        allow_methods: of.texts("AllowMethods")?,
        allow_headers: of.texts("AllowHeaders")?,
        expose_headers: of.texts("ExposeHeaders")?,
        allow_credentials: of.flag("AllowCredentials")?.unwrap_or_default(),
        max_age_seconds: of.number("MaxAge")?,
    };
    if cors.allow_credentials && cors.allow_origins.iter().any(|origin| origin == "*") {
        return Err(Diagnostic::new(of.at, "CORS cannot allow credentials for every origin")
            .help("name the origins, or leave `AllowCredentials` out"));
    }
    of.finish();
    Ok(cors)
}

/// A method of a route in upper case, `ANY` for every method.
pub(super) fn method(of: &Properties<'_>, key: &str) -> Result<String, Diagnostic> {
    let method = of.required_text(key)?;
    known_method(&method).ok_or_else(|| {
        Diagnostic::new(of.at, format!("{} cannot be `{method}`", of.name(key)))
            .help(format!("write one of {} or ANY", METHODS.join(", ")))
    })
}

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

pub(super) fn known_method(method: &str) -> Option<String> {
    let method = match method.to_ascii_uppercase().as_str() {
        "*" | "X-AMAZON-APIGATEWAY-ANY-METHOD" => "ANY".to_owned(),
        other => other.to_owned(),
    };
    (method == "ANY" || METHODS.contains(&method.as_str())).then_some(method)
}

pub(super) fn path(of: &Properties<'_>, key: &str) -> Result<String, Diagnostic> {
    let path = of.required_text(key)?;
    check_path(&path).map_err(|why| {
        Diagnostic::new(of.at, format!("{} cannot be `{path}`: {why}", of.name(key)))
    })?;
    Ok(path)
}

/// Checks a path by API Gateway's rules: a parameter is a whole segment, and a greedy parameter is the last.
pub(super) fn check_path(path: &str) -> Result<(), &'static str> {
    if path == "$default" {
        return Ok(());
    }
    let Some(segments) = path.strip_prefix('/') else { return Err("it must begin with `/`") };
    let mut segments = segments.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
            Some(inner) if inner.ends_with('+') && segments.peek().is_some() => {
                return Err("a greedy parameter must be the last segment");
            }
            Some("" | "+") => return Err("a parameter has no name"),
            Some(inner) if !inner.contains(['{', '}']) => {}
            None if !segment.contains(['{', '}']) => {}
            _ => return Err("a parameter must be a whole segment, as in `/{id}/{rest+}`"),
        }
    }
    Ok(())
}

pub(super) fn payload_format(
    of: &Properties<'_>,
    default: PayloadFormat,
) -> Result<PayloadFormat, Diagnostic> {
    match of.text("PayloadFormatVersion")?.as_deref() {
        None => Ok(default),
        Some("1.0" | "1") => Ok(PayloadFormat::V1),
        Some("2.0" | "2") => Ok(PayloadFormat::V2),
        Some(other) => Err(Diagnostic::new(
            of.at,
            format!("{} must be 1.0 or 2.0, not `{other}`", of.name("PayloadFormatVersion")),
        )),
    }
}

pub(super) fn integration_timeout(
    of: &Properties<'_>,
    key: &str,
) -> Result<Option<Millis>, Diagnostic> {
    Ok(of.number(key)?.map(Millis))
}

/// The response transfer mode of a REST API.
pub(super) fn response_transfer_mode(
    of: &Properties<'_>,
    key: &str,
) -> Result<ResponseTransferMode, Diagnostic> {
    match of.text(key)?.as_deref() {
        None | Some("BUFFERED") => Ok(ResponseTransferMode::Buffered),
        Some("STREAM") => Ok(ResponseTransferMode::Stream),
        Some(other) => {
            let message = format!("{} must be BUFFERED or STREAM, not `{other}`", of.name(key));
            Err(Diagnostic::new(of.at, message))
        }
    }
}

/// Whether an integration calls Lambda with POST, which is the default. Warns of another method.
pub(super) fn calls_with_post(of: &Properties<'_>, key: &str) -> Result<bool, Diagnostic> {
    let Some(other) = of.text(key)?.filter(|method| !method.eq_ignore_ascii_case("POST")) else {
        return Ok(true);
    };
    let message = format!(
        "{} is `{other}`, which does not invoke Lambda: a REST API responds with 500",
        of.name(key)
    );
    of.scope
        .warn(Diagnostic::new(of.at, message).help("write `POST` for every method of the route"));
    Ok(false)
}

/// An API of CloudFormation, without its routes, stage and authorizers.
pub(super) fn bare(entry: &MappingEntry, kind: ApiKind) -> Api {
    Api {
        logical_id: entry.key.clone(),
        kind,
        stage: "$default".to_owned(),
        stage_variables: IndexMap::new(),
        gateway_responses: GatewayResponses::new(),
        authorizers: Vec::new(),
        api_keys: Vec::new(),
        routes: Vec::new(),
    }
}
