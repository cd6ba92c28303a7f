//! The security schemes of an OpenAPI definition, and the requirements of its operations.

use hardcap_limits::Millis;

use super::{REST_TTL, RouteAuth, authorizer_format, issuer_of, jwt_rules, seconds, validation_of};
use crate::template::assemble::Parts;
use crate::template::diagnostic::Diagnostic;
use crate::template::function::target_of;
use crate::template::properties::Properties;
use crate::template::scope::Scope;
use crate::template::tree::{Node, Value};
use hardcap_core::config::{Authorizer, AuthorizerKind, IdentitySource};

/// Reads the security schemes of a definition into authorizers of its API.
pub(in crate::template) fn of_definition(
    scope: &Scope<'_>,
    api: &str,
    definition: &Node,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    for (name, scheme) in schemes(scope, definition)? {
        let Some(node) = scheme.get("x-amazon-apigateway-authorizer") else { continue };
        let of = Properties::new(scope, format!("the authorizer `{name}` of `{api}`"), node)?;
        let kind = of.text("type")?.unwrap_or_default().to_ascii_lowercase();
        let Some(uri) = of.text("authorizerUri")? else {
            let mut rules = jwt_rules(&of, "jwtConfiguration", ["issuer", "audience"])?;
            if let Some(pool) = of.texts("providerARNs")?.first() {
                rules.issuer = issuer_of(pool);
            }
            let header = match scheme.get("name").map(|node| &node.value) {
                Some(Value::Text(header)) => header.clone(),
                _ => "Authorization".to_owned(),
            };
            let source = of.text("identitySource")?;
            let source = source.as_deref().and_then(IdentitySource::parse);
            let source = source.unwrap_or(IdentitySource::Header(header));
            let is_jwt = kind == "jwt";
            if let Some(mut read) = parts.guards.of_tokens(&of, name, rules, (source, is_jwt))? {
                if !is_jwt {
                    read.validation = validation_of(&of, "identityValidationExpression")?;
                }
                parts.guards.authorizers.push((api.to_owned(), read));
            }
            continue;
        };
        let is_http = of.node("authorizerPayloadFormatVersion")?.is_some();
        let (kind, default) = match kind.as_str() {
            "token" => (AuthorizerKind::Token, REST_TTL),
            _ if is_http => {
                let format = authorizer_format(&of, "authorizerPayloadFormatVersion")?;
                let simple = of.flag("enableSimpleResponses")?.unwrap_or_default();
                (AuthorizerKind::Http { format, simple }, Millis(0))
            }
            _ => (AuthorizerKind::Request, REST_TTL),
        };
        let validation = match kind {
            AuthorizerKind::Token => validation_of(&of, "identityValidationExpression")?,
            _ => None,
        };
        let sources = of.text("identitySource")?.unwrap_or_default();
        let mut identity: Vec<_> = sources.split(',').filter_map(IdentitySource::parse).collect();
        // The scheme has the name of the header with the token.
        if kind == AuthorizerKind::Token
            && let Some(Value::Text(header)) = scheme.get("name").map(|node| &node.value)
        {
            identity = vec![IdentitySource::Header(header.clone())];
        }
        let authorizer = Authorizer {
            name: name.to_owned(),
            function: target_of(&uri),
            kind,
            identity,
            validation,
            ttl: seconds(&of, "authorizerResultTtlInSeconds")?.unwrap_or(default),
            jwt: None,
        };
        parts.guards.authorizers.push((api.to_owned(), authorizer));
    }
    Ok(())
}

fn schemes<'n>(
    scope: &Scope<'_>,
    definition: &'n Node,
) -> Result<Vec<(&'n str, &'n Node)>, Diagnostic> {
    let of_swagger = definition.get("securityDefinitions");
    let of_openapi = definition.get("components").and_then(|it| it.get("securitySchemes"));
    let Some(schemes) = of_swagger.or(of_openapi) else { return Ok(Vec::new()) };
    let schemes = scope.choose(schemes)?.entries("the security schemes of a definition")?;
    Ok(schemes.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect())
}

/// The requirements of an operation: its own `security`, else that of the whole definition.
pub(in crate::template) fn of_operation(
    scope: &Scope<'_>,
    definition: &Node,
    operation: &Node,
) -> Result<RouteAuth, Diagnostic> {
    let Some(security) = operation.get("security").or_else(|| definition.get("security")) else {
        return Ok(RouteAuth::default());
    };
    let schemes = schemes(scope, definition)?;
    let authorizer = Some("NONE".to_owned());
    let mut route = RouteAuth { authorizer, api_key: Some(false), scopes: None };
    for one in scope.choose(security)?.items("`security` of an operation")? {
        for entry in one.entries("an item of `security`")? {
            let scheme = schemes.iter().find(|(name, _)| *name == entry.key);
            let text = |key: &str| match scheme.and_then(|(_, node)| node.get(key)) {
                Some(Node { value: Value::Text(text), .. }) => Some(text.to_ascii_lowercase()),
                _ => None,
            };
            if text("x-amazon-apigateway-authtype").as_deref() == Some("awssigv4") {
                route.authorizer = Some("AWS_IAM".to_owned());
            } else if text("name").as_deref() == Some("x-api-key")
                && scheme.is_some_and(|(_, it)| it.get("x-amazon-apigateway-authorizer").is_none())
            {
                route.api_key = Some(true);
            } else {
                route.authorizer = Some(entry.key.clone());
                let mut scopes = Vec::new();
                for item in entry.value.items("the scopes of an operation")? {
                    scopes.push(item.scalar("a scope")?.to_owned());
                }
                route.scopes = Some(scopes);
            }
        }
    }
    Ok(route)
}
