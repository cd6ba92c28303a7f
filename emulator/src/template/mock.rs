//! Fixed responses of a REST API, without a function: mock integrations, and the preflights of SAM's `Cors`.

use super::diagnostic::Diagnostic;
use super::properties::Properties;
use super::tree::{Node, Value};
use hardcap_core::config::{
    Access, Api, FixedResponse, PayloadFormat, ResponseTransferMode, Route,
};

const PARAMETER: &str = "method.response.header.";

/// The names of a mock integration's properties, which differ between CloudFormation and OpenAPI.
pub(super) struct Names {
    pub(super) responses: &'static str,
    pub(super) status: &'static str,
    pub(super) parameters: &'static str,
    pub(super) templates: &'static str,
    pub(super) pattern: &'static str,
}

/// The names in `AWS::ApiGateway::Method`, where responses are a list.
pub(super) const RAW: Names = Names {
    responses: "IntegrationResponses",
    status: "StatusCode",
    parameters: "ResponseParameters",
    templates: "ResponseTemplates",
    pattern: "SelectionPattern",
};
/// The names in an OpenAPI definition, where responses are a mapping by pattern.
pub(super) const DEFINED: Names = Names {
    responses: "responses",
    status: "statusCode",
    parameters: "responseParameters",
    templates: "responseTemplates",
    pattern: "selectionPattern",
};

/// The response of a mock integration to every request: its integration response without a pattern; `None` without such a response.
pub(super) fn response(
    of: &Properties<'_>,
    names: &Names,
) -> Result<Option<FixedResponse>, Diagnostic> {
    let Some(node) = of.node(names.responses)? else { return Ok(None) };
    let what = of.name(names.responses);
    let all: Vec<Properties<'_>> = match &node.value {
        Value::List(items) => items
            .iter()
            .map(|item| Properties::new(of.scope, what.clone(), item))
            .collect::<Result<_, _>>()?,
        _ => {
            let entries = node.entries(&what)?;
            let default = entries.find("default");
            let chosen = default.or_else(|| entries.first());
            chosen
                .map(|entry| Properties::new(of.scope, what.clone(), &entry.value))
                .into_iter()
                .collect::<Result<_, _>>()?
        }
    };
    for one in all {
        if one.text(names.pattern)?.is_some_and(|pattern| !pattern.is_empty()) {
            continue;
        }
        let status = one.number(names.status)?.unwrap_or(200);
        let mut headers = Vec::new();
        if let Some(parameters) = one.value(names.parameters)? {
            for entry in parameters.entries(&one.name(names.parameters))? {
                let name = entry.key.strip_prefix(PARAMETER);
                let value = entry.value.scalar(&format!("`{}`", entry.key))?;
                if let (Some(name), Some(value)) = (name, quoted(value)) {
                    headers.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        let body = body(&one, names)?;
        return Ok(Some(FixedResponse { status, headers, body }));
    }
    Ok(None)
}

/// A route of a REST API with a fixed response.
pub(super) fn route(method: String, path: String, fixed: FixedResponse) -> Route {
    Route {
        method,
        path,
        function: String::new(),
        payload_format: PayloadFormat::V1,
        timeout: None,
        response_transfer_mode: ResponseTransferMode::Buffered,
        calls_with_post: true,
        access: Access::default(),
        fixed: Some(fixed),
    }
}

/// The mapping template for JSON, if it is a text. A template with variables is not evaluated.
fn body(of: &Properties<'_>, names: &Names) -> Result<String, Diagnostic> {
    let Some(templates) = of.value(names.templates)? else { return Ok(String::new()) };
    let Some(Node { value: Value::Text(text), at, .. }) = templates.get("application/json") else {
        return Ok(String::new());
    };
    if text.contains(['$', '#']) {
        let message = format!(
            "{} has a mapping template with variables, which is not evaluated: its body is empty",
            of.what
        );
        of.scope.warn(Diagnostic::new(*at, message).rule("not-emulated"));
        return Ok(String::new());
    }
    Ok(text.clone())
}

/// The content of a text in single quotes, API Gateway's notation of a static value.
fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'')
}

/// `Cors` of an `AWS::Serverless::Api`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SamCors {
    headers: Vec<(&'static str, String)>,
    methods: Option<String>,
}

/// Reads `Cors`: an origin, or a mapping. The values are in single quotes.
pub(super) fn sam_cors(of: &Properties<'_>) -> Result<Option<SamCors>, Diagnostic> {
    let plain = |text: String| quoted(&text).map(str::to_owned).unwrap_or(text);
    let Some(node) = of.node("Cors")? else { return Ok(None) };
    let mut cors = SamCors::default();
    let is_map = matches!(&node.value, Value::Map(_))
        && node.only_entry().is_none_or(|entry| !super::tree::is_intrinsic(&entry.key));
    if !is_map {
        let origin = of.text("Cors")?.unwrap_or_default();
        cors.headers.push(("Access-Control-Allow-Origin", plain(origin)));
        return Ok(Some(cors));
    }
    let Some(of) = of.child("Cors")? else { return Ok(None) };
    for (key, name) in [
        ("AllowOrigin", "Access-Control-Allow-Origin"),
        ("AllowHeaders", "Access-Control-Allow-Headers"),
        ("MaxAge", "Access-Control-Max-Age"),
    ] {
        if let Some(value) = of.text(key)? {
            cors.headers.push((name, plain(value)));
        }
    }
    if of.flag("AllowCredentials")?.unwrap_or_default() {
        cors.headers.push(("Access-Control-Allow-Credentials", "true".to_owned()));
    }
    cors.methods = of.text("AllowMethods")?.map(plain);
    of.finish();
    Ok(Some(cors))
}

/// The preflights that AWS SAM adds: one for each path without an OPTIONS method (aws-sam-translator, `add_cors`, read
/// 2026-11-29).
pub(super) fn preflights(api: &Api, cors: &SamCors) -> Vec<Route> {
    let mut paths: Vec<&str> = Vec::new();
    for route in &api.routes {
        if !paths.contains(&route.path.as_str()) {
            paths.push(&route.path);
        }
    }
    let methods_of = |path: &str| -> Vec<&str> {
        let of_path = api.routes.iter().filter(|route| route.path == path);
        of_path.map(|route| route.method.as_str()).collect()
    };
    paths.retain(|path| !methods_of(path).contains(&"OPTIONS"));
    let preflight = |path: &str| {
        let methods = cors.methods.clone().unwrap_or_else(|| {
            let mut methods = methods_of(path);
            if methods.contains(&"ANY") {
                methods = vec!["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"];
            }
            methods.push("OPTIONS");
            methods.sort_unstable();
            methods.dedup();
            methods.join(",")
        });
        let mut headers: Vec<(String, String)> =
            cors.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        headers.push(("Access-Control-Allow-Methods".to_owned(), methods));
        let fixed = FixedResponse { status: 200, headers, body: "{}\n".to_owned() };
        route("OPTIONS".to_owned(), path.to_owned(), fixed)
    };
    paths.into_iter().map(preflight).collect()
}
