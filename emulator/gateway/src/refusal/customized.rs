//! Gateway responses: the status, headers and body that a REST API configures for errors.
//!
//! Official (developer guide, "Gateway response types" and "Gateway responses for REST APIs", read 2026-11-26): a response
//! that is not configured falls back to `DEFAULT_4XX` or `DEFAULT_5XX`; templates are not VTL.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::GatewayError;
use crate::FRAMING;
use crate::authorize::TokenRefusal;
use crate::values::Values;
use hardcap_core::config::{GatewayResponse, GatewayResponses, Mapping};
use hardcap_lambda::stop::InvokeError;

/// The error, as templates name it.
struct ErrorVariables<'e> {
    kind: &'static str,
    message: &'e str,
}

/// Applies the configured status, headers and body to a refusal.
pub(crate) fn customize(
    responses: &GatewayResponses,
    error: &GatewayError,
    values: &Values,
    mut refusal: Response<String>,
) -> Response<String> {
    let Some(kind) = response_type(error, &refusal) else { return refusal };
    let fallback = if refusal.status().is_client_error() { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
    let Some(own) = responses.get(kind).or_else(|| responses.get(fallback)) else {
        return refusal;
    };
    let body: serde_json::Value = serde_json::from_str(refusal.body()).unwrap_or_default();
    let text = body["message"].as_str().or(body["Message"].as_str());
    let variables = ErrorVariables { kind, message: text.unwrap_or_default() };
    if let Some(status) = own.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        *refusal.status_mut() = status;
    }
    if let Some((media_type, template)) = template(own) {
        *refusal.body_mut() = fill(template, values, &variables);
        set(&mut refusal, header::CONTENT_TYPE, media_type);
    }
    for (name, mapping) in &own.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        let name = name.filter(|name| !FRAMING.contains(&name.as_str()));
        if let (Some(name), Some(value)) = (name, mapped(mapping, values, &variables)) {
            set(&mut refusal, name, &value);
        }
    }
    refusal
}

/// The response type of a refusal; `None` if it cannot be customized.
fn response_type(error: &GatewayError, refusal: &Response<String>) -> Option<&'static str> {
    // A refusal in front of an API is plain text: recorded 2021-09-12 for bodies of more than 10 MB, where
    // REQUEST_TOO_LARGE has no effect, and official (important notes of API Gateway).
    let kind = refusal.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return None;
    }
    match error {
        // Recorded 2022-02-25 and 2025-10-05 for a response that is too large; UNCONFIRMED for a malformed one.
        GatewayError::FunctionError(_) | GatewayError::MalformedResponse(_) => {
            Some("INTEGRATION_FAILURE")
        }
        GatewayError::NoRoute | GatewayError::UnknownMethod | GatewayError::NoSignature => {
            Some("MISSING_AUTHENTICATION_TOKEN")
        }
        GatewayError::TokenRefused(TokenRefusal::Expired) => Some("EXPIRED_TOKEN"),
        GatewayError::Unauthorized | GatewayError::TokenRefused(_) => Some("UNAUTHORIZED"),
        GatewayError::Denied { .. } => Some("ACCESS_DENIED"),
        GatewayError::AuthorizerFailed(_) => Some("AUTHORIZER_FAILURE"),
        GatewayError::NoAuthorizer(_) | GatewayError::InvalidDecision(_) => {
            Some("AUTHORIZER_CONFIGURATION_ERROR")
        }
        GatewayError::BadSignature { .. } => Some("INVALID_SIGNATURE"),
        GatewayError::NoApiKey => Some("INVALID_API_KEY"),
        GatewayError::MissingParameters(_) => Some("BAD_REQUEST_PARAMETERS"),
        GatewayError::InvokeError(InvokeError::Bug(_) | InvokeError::Shortage(_)) => None,
        GatewayError::InvokeError(InvokeError::Refused(_)) => match refusal.status() {
            // UNCONFIRMED: AWS may exclude this refusal from gateway responses, like the one above.
            StatusCode::PAYLOAD_TOO_LARGE => Some("REQUEST_TOO_LARGE"),
            StatusCode::GATEWAY_TIMEOUT => Some("INTEGRATION_TIMEOUT"),
            _ => Some("API_CONFIGURATION_ERROR"),
        },
        // UNCONFIRMED: recorded as "due to configuration error" in the execution log (2025-05-20), and as 500.
        GatewayError::InvokeError(
            InvokeError::Throttled(_)
            | InvokeError::FunctionNotFound { .. }
            | InvokeError::InvalidEvent { .. },
        )
        | GatewayError::NotCallable
        | GatewayError::IntegrationFailed(_) => Some("API_CONFIGURATION_ERROR"),
        GatewayError::UnsupportedMediaType(_) => Some("UNSUPPORTED_MEDIA_TYPE"),
        // UNCONFIRMED: without a stage nothing is deployed; the others never reach the API.
        GatewayError::NoStage
        | GatewayError::UnresolvedParameter { .. }
        | GatewayError::NotPublic
        | GatewayError::BadRequest(_)
        | GatewayError::UriTooLong
        | GatewayError::CutShort(_)
        | GatewayError::BodyTimeout(_) => None,
    }
}

/// UNCONFIRMED: which of several templates applies.
fn template(response: &GatewayResponse) -> Option<(&str, &str)> {
    let json = response.templates.get_key_value("application/json");
    let (media_type, template) = json.or_else(|| response.templates.first())?;
    Some((media_type, template))
}

fn set(response: &mut Response<String>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The value of a header; `None` if the request does not have it.
fn mapped(mapping: &Mapping, values: &Values, variables: &ErrorVariables<'_>) -> Option<String> {
    match mapping {
        Mapping::Context(name) => context(name, values, variables),
        mapping => values.mapped(mapping),
    }
}

/// Replaces the known variables of a template. The others stay as they are.
fn fill(template: &str, values: &Values, variables: &ErrorVariables<'_>) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        filled.push_str(&rest[..at]);
        let variable = &rest[at..=at + length_of_name(&rest[at + 1..])];
        match value_of(variable, values, variables) {
            Some(value) => filled.push_str(&value),
            None => filled.push_str(variable),
        }
        rest = &rest[at + variable.len()..];
    }
    filled + rest
}

/// The length of a variable's name at the start of a text. A dot belongs to it if more of the name follows.
fn length_of_name(text: &str) -> usize {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name = &text[..text.find(|c| !in_name(c)).unwrap_or(text.len())];
    name.trim_end_matches('.').len()
}

fn value_of(variable: &str, values: &Values, variables: &ErrorVariables<'_>) -> Option<String> {
    let name = variable.strip_prefix('$')?;
    match name.split_once('.')? {
        ("context", name) => context(name, values, variables),
        ("stageVariables", name) => values.api.stage_variables.get(name).cloned(),
        _ => None,
    }
}

/// A variable of the context, which has those of the error here.
fn context(name: &str, values: &Values, variables: &ErrorVariables<'_>) -> Option<String> {
    match name {
        "error.message" => Some(variables.message.to_owned()),
        // The message as a JSON string.
        "error.messageString" => Some(serde_json::Value::from(variables.message).to_string()),
        "error.responseType" => Some(variables.kind.to_owned()),
        name => values.of_context(name),
    }
}

#[cfg(test)]
mod tests;
