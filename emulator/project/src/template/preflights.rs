//! Preflights of SAM's `Cors`: mock integrations of a REST API.

use super::diagnostic::Diagnostic;
use super::properties::Properties;
use super::tree::Value;
use hardcap_core::config::{
    Api, CustomIntegration, Integration, IntegrationResponse, ResponseMapping, Route,
};

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
pub(super) fn of(api: &Api, cors: &SamCors) -> Vec<Route> {
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
        let header = |name: &str, value: String| (name.to_owned(), ResponseMapping::Static(value));
        let given = cors.headers.iter().map(|(name, value)| header(name, value.clone()));
        let methods = header("Access-Control-Allow-Methods", methods);
        let response = IntegrationResponse {
            status: 200,
            headers: given.chain([methods]).collect(),
            templates: [("application/json".to_owned(), "{}\n".to_owned())].into(),
            ..IntegrationResponse::default()
        };
        let mock = Integration::Custom(Box::new(CustomIntegration::mock(response)));
        Route::with("OPTIONS", path, mock)
    };
    paths.into_iter().map(preflight).collect()
}
