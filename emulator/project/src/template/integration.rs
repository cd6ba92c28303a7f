//! Integrations other than Lambda proxy: custom integrations of a REST API, and actions of services on an HTTP API.

use http::StatusCode;
use indexmap::IndexMap;

use super::diagnostic::Diagnostic;
use super::function::target_of;
use super::properties::Properties;
use super::tree::Value;
use hardcap_core::config::{
    ACCOUNT_ID, ActionSubtype, Backend, ContentHandling, CustomIntegration, Integration,
    IntegrationResponse, InvalidMapping, Passthrough, RequestParameter, Route, ServiceAction,
    ServiceCall, service_call,
};
use hardcap_velocity::{InvalidIntegration, SelectionPattern, templates};

/// The services that an integration can call here, as URIs name them.
const SERVICES: [&str; 8] =
    ["dynamodb", "events", "lambda", "logs", "s3", "secretsmanager", "sns", "sqs"];

/// The prefix of the headers of a response.
const RESPONSE_HEADER: &str = "method.response.header.";

/// The names of the properties of a custom integration, which differ between CloudFormation and OpenAPI.
pub(super) struct Names {
    /// Whether API Gateway imports the properties, and resolves its variables in them.
    is_imported: bool,
    uri: &'static str,
    method: &'static str,
    request_parameters: &'static str,
    request_templates: &'static str,
    passthrough: &'static str,
    content_handling: &'static str,
    responses: &'static str,
    status: &'static str,
    response_parameters: &'static str,
    response_templates: &'static str,
    pattern: &'static str,
}

impl Names {
    /// A text with the variables that API Gateway resolves when it imports a definition (developer guide, "AWS variables for
    /// OpenAPI import").
    fn resolved(&self, of: &Properties<'_>, text: String) -> String {
        if !self.is_imported || !text.contains("${AWS::") {
            return text;
        }
        text.replace("${AWS::Region}", &of.scope.names.region)
            .replace("${AWS::AccountId}", ACCOUNT_ID)
            .replace("${AWS::Partition}", "aws")
    }

    fn texts(
        &self,
        of: &Properties<'_>,
        key: &str,
    ) -> Result<IndexMap<String, String>, Diagnostic> {
        let texts = of.text_map(key)?.into_iter();
        Ok(texts.map(|(name, text)| (name, self.resolved(of, text))).collect())
    }
}

/// The names in `AWS::ApiGateway::Method`, where responses are a list.
pub(super) const RAW: Names = Names {
    is_imported: false,
    uri: "Uri",
    method: "IntegrationHttpMethod",
    request_parameters: "RequestParameters",
    request_templates: "RequestTemplates",
    passthrough: "PassthroughBehavior",
    content_handling: "ContentHandling",
    responses: "IntegrationResponses",
    status: "StatusCode",
    response_parameters: "ResponseParameters",
    response_templates: "ResponseTemplates",
    pattern: "SelectionPattern",
};

/// The names in an OpenAPI definition, where responses are a mapping by pattern.
pub(super) const DEFINED: Names = Names {
    is_imported: true,
    uri: "uri",
    method: "httpMethod",
    request_parameters: "requestParameters",
    request_templates: "requestTemplates",
    passthrough: "passthroughBehavior",
    content_handling: "contentHandling",
    responses: "responses",
    status: "statusCode",
    response_parameters: "responseParameters",
    response_templates: "responseTemplates",
    pattern: "selectionPattern",
};

/// An integration of type `AWS` or `MOCK`, or what it is that hardcap does not emulate: `AWS with Kinesis`, `HTTP_PROXY`.
pub(super) fn custom(
    of: &Properties<'_>,
    kind: &str,
    names: &Names,
) -> Result<Result<CustomIntegration, String>, Diagnostic> {
    let kind = kind.to_ascii_uppercase();
    let backend = match kind.as_str() {
        "MOCK" => Backend::Mock,
        "AWS" => {
            let uri = names.resolved(of, of.required_text(names.uri)?);
            let Some((service, call)) = service_call(&uri) else {
                return Ok(Err(format!("{kind} with the URI `{uri}`")));
            };
            if !SERVICES.contains(&service.as_str()) {
                return Ok(Err(format!("{kind} with the service `{service}`")));
            }
            let method = of.text(names.method)?.map(|method| method.to_ascii_uppercase());
            let method = method.filter(|method| method != "ANY");
            Backend::Service { service, method, call }
        }
        _ => return Ok(Err(kind)),
    };
    let integration = CustomIntegration {
        backend,
        request_parameters: request_parameters(of, names)?,
        request_templates: names.texts(of, names.request_templates)?,
        passthrough: passthrough(of, names.passthrough)?,
        content_handling: content_handling(of, names.content_handling)?,
        responses: responses(of, names)?,
    };
    if let Err(cause) = check(&integration) {
        let message = format!("{}: {cause}: a request gets 500", of.what);
        of.scope.warn(Diagnostic::new(of.at, message).rule("mapping-template"));
    }
    if integration.responses.is_empty() {
        let message =
            format!("{} has no `{}`: a request gets 500, as on AWS", of.what, names.responses);
        of.scope.warn(Diagnostic::new(of.at, message).rule("mapping-template"));
    }
    of.without_effect(&[names.method, names.uri]);
    Ok(Ok(integration))
}

/// The first template, pattern or status of an integration that is invalid. API Gateway accepts such an integration and fails at each
/// request: UNCONFIRMED.
fn check(custom: &CustomIntegration) -> Result<(), InvalidIntegration> {
    templates(&custom.request_templates)?;
    for response in &custom.responses {
        templates(&response.templates)?;
        response.pattern.as_deref().map(SelectionPattern::parse).transpose()?;
        StatusCode::from_u16(response.status)
            .map_err(|_| InvalidIntegration::Status(response.status))?;
    }
    Ok(())
}

fn request_parameters(
    of: &Properties<'_>,
    names: &Names,
) -> Result<Vec<RequestParameter>, Diagnostic> {
    let texts = names.texts(of, names.request_parameters)?;
    let read = |(key, value): (&String, &String)| {
        RequestParameter::read(key, value).map_err(|error| {
            invalid(of, names.request_parameters, key, &error).help(
                "write a text in single quotes inside the value, as in \"'*'\", method.request.header.NAME, \
                 method.request.querystring.NAME, method.request.path.NAME, method.request.body.PATH, context.NAME \
                 or stageVariables.NAME",
            )
        })
    };
    texts.iter().map(read).collect()
}

fn invalid(of: &Properties<'_>, list: &str, key: &str, error: &InvalidMapping) -> Diagnostic {
    Diagnostic::new(of.at, format!("`{key}` in {}: {error}", of.name(list)))
}

fn passthrough(of: &Properties<'_>, key: &str) -> Result<Passthrough, Diagnostic> {
    let given = of.text(key)?.unwrap_or_default();
    match given.to_ascii_uppercase().as_str() {
        "" | "WHEN_NO_MATCH" => Ok(Passthrough::WhenNoMatch),
        "WHEN_NO_TEMPLATES" => Ok(Passthrough::WhenNoTemplates),
        "NEVER" => Ok(Passthrough::Never),
        _ => {
            let message = format!("{} cannot be `{given}`", of.name(key));
            let help = "write WHEN_NO_MATCH, WHEN_NO_TEMPLATES or NEVER";
            Err(Diagnostic::new(of.at, message).help(help))
        }
    }
}

fn content_handling(of: &Properties<'_>, key: &str) -> Result<Option<ContentHandling>, Diagnostic> {
    let given = of.text(key)?.unwrap_or_default();
    match given.as_str() {
        "" => Ok(None),
        "CONVERT_TO_TEXT" => Ok(Some(ContentHandling::ToText)),
        "CONVERT_TO_BINARY" => Ok(Some(ContentHandling::ToBinary)),
        _ => {
            let message = format!("{} cannot be `{given}`", of.name(key));
            let help = "write CONVERT_TO_TEXT or CONVERT_TO_BINARY";
            Err(Diagnostic::new(of.at, message).help(help))
        }
    }
}

/// The responses of an integration. In a definition the key is the pattern, or `default`.
fn responses(of: &Properties<'_>, names: &Names) -> Result<Vec<IntegrationResponse>, Diagnostic> {
    let is_list =
        of.node(names.responses)?.is_some_and(|node| matches!(node.value, Value::List(_)));
    if is_list {
        let all = of.children(names.responses)?;
        return all.iter().map(|one| response(one, names, one.text(names.pattern)?)).collect();
    }
    let all = of.named_children(names.responses)?;
    all.iter()
        .map(|(entry, one)| {
            let pattern = (entry.key != "default").then(|| entry.key.clone());
            response(one, names, pattern)
        })
        .collect()
}

fn response(
    of: &Properties<'_>,
    names: &Names,
    pattern: Option<String>,
) -> Result<IntegrationResponse, Diagnostic> {
    let mut headers = Vec::new();
    for (key, value) in &names.texts(of, names.response_parameters)? {
        let Some(name) = key.strip_prefix(RESPONSE_HEADER) else { continue };
        let mapping = value.parse().map_err(|error| {
            invalid(of, names.response_parameters, key, &error).help(
                "write a text in single quotes inside the value, as in \"'*'\", integration.response.header.NAME, \
                 integration.response.body.PATH, context.NAME or stageVariables.NAME",
            )
        })?;
        headers.push((name.to_owned(), mapping));
    }
    Ok(IntegrationResponse {
        pattern: pattern.filter(|pattern| !pattern.is_empty()),
        status: of.number(names.status)?.unwrap_or(200),
        headers,
        templates: names.texts(of, names.response_templates)?,
        content_handling: content_handling(of, names.content_handling)?,
    })
}

/// A route with a custom integration. One with Lambda names its function, so that its absence is noticed.
pub(super) fn custom_route(method: &str, path: &str, custom: CustomIntegration) -> Route {
    let function = match &custom.backend {
        Backend::Service { service, call: ServiceCall::Path(path), .. } if service == "lambda" => {
            target_of(path)
        }
        Backend::Service { .. } | Backend::Mock => String::new(),
    };
    Route { function, ..Route::with(method, path, Integration::Custom(Box::new(custom))) }
}

/// The action of an HTTP API's integration; `None` if hardcap does not emulate it.
///
/// # Errors
///
/// A required parameter is missing, or the action does not have a parameter: AWS refuses both.
pub(super) fn action(
    of: &Properties<'_>,
    subtype: &str,
    key: &str,
) -> Result<Option<ServiceAction>, Diagnostic> {
    let Some(known) = ActionSubtype::named(subtype) else { return Ok(None) };
    let names = if key == DEFINED.request_parameters { &DEFINED } else { &RAW };
    let parameters = names.texts(of, key)?;
    let what = of.name(key);
    if let Some(name) = known.required().iter().find(|name| !parameters.contains_key(**name)) {
        let message = format!("{what} has no `{name}`, which {subtype} requires");
        return Err(Diagnostic::new(of.at, message));
    }
    let has = |name: &str| known.required().contains(&name) || known.optional().contains(&name);
    if let Some(name) = parameters.keys().find(|name| !has(name)) {
        let message = format!("{what} has `{name}`, which is not a parameter of {subtype}");
        let known = known.required().iter().chain(known.optional()).copied();
        return Err(Diagnostic::new(of.at, message).nearest(name, known));
    }
    Ok(Some(ServiceAction { subtype: known, parameters }))
}
