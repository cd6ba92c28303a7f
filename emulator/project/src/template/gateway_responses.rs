//! Gateway responses: `GatewayResponses` of SAM, `AWS::ApiGateway::GatewayResponse`, and those of an OpenAPI definition.

use super::assemble::Parts;
use super::diagnostic::Diagnostic;
use super::properties::Properties;
use super::scope::Scope;
use super::tree::MappingEntry;
use hardcap_core::config::{GatewayResponse, GatewayResponses, Mapping, RESPONSE_TYPES};

/// A type of gateway response that API Gateway does not have.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a type of gateway response; they are {known}", known = RESPONSE_TYPES.join(", "))]
struct UnknownResponseType(String);

/// The prefix of a header's name outside SAM.
const HEADER: &str = "gatewayresponse.header.";
/// The key of gateway responses in a definition.
const DEFINED: &str = "x-amazon-apigateway-gateway-responses";
/// The names of the status and of the bodies in templates. A definition has them with a lower-case first letter.
const IN_CAPITALS: (&str, &str) = ("StatusCode", "ResponseTemplates");

/// The gateway responses of the OpenAPI definition in a property, if there is one.
pub(super) fn read_definition(
    of: &Properties<'_>,
    key: &str,
) -> Result<GatewayResponses, Diagnostic> {
    let mut responses = GatewayResponses::new();
    let Some(definition) = of.node(key)?.and_then(|definition| definition.get(DEFINED)) else {
        return Ok(responses);
    };
    let what = format!("`{DEFINED}` of {}", of.name(key));
    for entry in of.scope.choose(definition)?.entries(&what)? {
        known_type(&entry.key).map_err(|unknown| Diagnostic::new(entry.at, unknown.to_string()))?;
        let what = format!("`{}` of {what}", entry.key);
        let response = Properties::new(of.scope, what, &entry.value)?;
        let headers = headers(&response, "responseParameters", HEADER)?;
        let response = finished(response, headers, ("statusCode", "responseTemplates"))?;
        responses.insert(entry.key.clone(), response);
    }
    Ok(responses)
}

/// `GatewayResponses` of SAM together with those of the definition, by type. In SAM, the names of headers have no prefix.
pub(super) fn read_sam(of: &Properties<'_>) -> Result<GatewayResponses, Diagnostic> {
    let mut responses = read_definition(of, "DefinitionBody")?;
    for (entry, response) in of.named_children("GatewayResponses")? {
        known_type(&entry.key).map_err(|unknown| Diagnostic::new(entry.at, unknown.to_string()))?;
        let headers = match response.child("ResponseParameters")? {
            Some(parameters) => {
                parameters.without_effect(&["Paths", "QueryStrings"]);
                let headers = headers(&parameters, "Headers", "")?;
                parameters.finish();
                headers
            }
            None => Vec::new(),
        };
        responses.insert(entry.key.clone(), finished(response, headers, IN_CAPITALS)?);
    }
    Ok(responses)
}

/// Adds an `AWS::ApiGateway::GatewayResponse` to the API that it names.
pub(super) fn connect(
    scope: &Scope<'_>,
    entry: &MappingEntry,
    parts: &mut Parts,
) -> Result<(), Diagnostic> {
    let of = Properties::of(scope, "the gateway response", entry)?;
    let api = of.required_text("RestApiId")?;
    let kind = of.required_text("ResponseType")?;
    known_type(&kind).map_err(|unknown| Diagnostic::new(of.at, unknown.to_string()))?;
    let headers = headers(&of, "ResponseParameters", HEADER)?;
    let response = finished(of, headers, IN_CAPITALS)?;
    if let Some(api) = parts.apis.iter_mut().find(|known| scope.api_id(&known.logical_id) == api) {
        api.gateway_responses.insert(kind, response);
    }
    Ok(())
}

fn known_type(name: &str) -> Result<(), UnknownResponseType> {
    if RESPONSE_TYPES.contains(&name) {
        return Ok(());
    }
    Err(UnknownResponseType(name.to_owned()))
}

fn finished(
    of: Properties<'_>,
    headers: Vec<(String, Mapping)>,
    (status, templates): (&str, &str),
) -> Result<GatewayResponse, Diagnostic> {
    let name = of.name(status);
    let status = of.number::<u16>(status)?;
    if status.is_some_and(|status| !(100..600).contains(&status)) {
        return Err(Diagnostic::new(of.at, format!("{name} must be from 100 to 599")));
    }
    let templates = of.text_map(templates)?;
    of.finish();
    Ok(GatewayResponse { status, headers, templates })
}

/// The headers of a mapping: its keys that begin with `prefix`. Other keys name paths and queries, which no response has.
fn headers(
    of: &Properties<'_>,
    key: &str,
    prefix: &str,
) -> Result<Vec<(String, Mapping)>, Diagnostic> {
    let Some(node) = of.value(key)? else { return Ok(Vec::new()) };
    let mut headers = Vec::new();
    for entry in node.entries(&of.name(key))? {
        let Some(name) = entry.key.strip_prefix(prefix) else { continue };
        // A header whose value evaluates to `AWS::NoValue` is not sent.
        if entry.value.is_absent() {
            continue;
        }
        let what = format!("`{name}` of {}", of.name(key));
        let mapping = entry.value.scalar(&what)?.parse().map_err(|error| {
            Diagnostic::new(entry.at, format!("{what}: {error}")).help(
                "write a text in single quotes inside the value, as in \"'*'\", or method.request.header.NAME, \
                 method.request.querystring.NAME, method.request.path.NAME, context.NAME or stageVariables.NAME",
            )
        })?;
        headers.push((name.to_owned(), mapping));
    }
    Ok(headers)
}
