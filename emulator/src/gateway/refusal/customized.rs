//! A refusal of a REST API in the words that its owner chose: status, headers and body of a gateway response.
//!
//! Official (developer guide, "Gateway response types" and "Gateway responses for REST APIs", read 2026-11-26): a response
//! that is not set falls back to `DEFAULT_4XX` or `DEFAULT_5XX`; templates are not VTL.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::Ending;
use crate::gateway::FRAMING;
use crate::gateway::authorize::TokenRefusal;
use crate::gateway::event::{ApiFacts, Moment, Taken};
use crate::gateway::request::Received;
use hardcap_core::config::{GatewayResponse, GatewayResponses, Mapping};
use hardcap_core::percent;
use hardcap_lambda::stop::InvokeError;

/// What mappings and templates may take values from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'r> {
    pub(crate) api: &'r ApiFacts,
    pub(crate) request: &'r Received,
    pub(crate) moment: &'r Moment,
    /// The route, where there is one.
    pub(crate) taken: &'r Taken,
}

/// What went wrong, as templates name it.
struct Error<'e> {
    kind: &'static str,
    message: &'e str,
}

/// Gives a refusal the status, the headers and the body that are set for it.
pub(crate) fn customize(
    responses: &GatewayResponses,
    ending: &Ending,
    source: Source<'_>,
    mut refusal: Response<String>,
) -> Response<String> {
    let Some(kind) = response_type(ending, &refusal) else { return refusal };
    let fallback = if refusal.status().is_client_error() { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
    let Some(own) = responses.get(kind).or_else(|| responses.get(fallback)) else {
        return refusal;
    };
    let body: serde_json::Value = serde_json::from_str(refusal.body()).unwrap_or_default();
    let text = body["message"].as_str().or(body["Message"].as_str());
    let error = Error { kind, message: text.unwrap_or_default() };
    if let Some(status) = own.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        *refusal.status_mut() = status;
    }
    if let Some((media_type, template)) = template(own) {
        *refusal.body_mut() = fill(template, source, &error);
        set(&mut refusal, header::CONTENT_TYPE, media_type);
    }
    for (name, mapping) in &own.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        let name = name.filter(|name| !FRAMING.contains(&name.as_str()));
        if let (Some(name), Some(value)) = (name, mapped(mapping, source, &error)) {
            set(&mut refusal, name, &value);
        }
    }
    refusal
}

/// The type of a refusal; `None` where no gateway response is asked.
fn response_type(ending: &Ending, refusal: &Response<String>) -> Option<&'static str> {
    // What is refused in front of an API is plain text: recorded 2021-09-12 for bodies of more than 10 MB, where
    // REQUEST_TOO_LARGE has no effect, and official (important notes of API Gateway).
    let kind = refusal.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return None;
    }
    match ending {
        // Recorded 2022-02-25 and 2025-10-05 for an answer that is too large; UNCONFIRMED for a malformed one.
        Ending::FunctionError(_) | Ending::Malformed(_) => Some("INTEGRATION_FAILURE"),
        Ending::NoRoute | Ending::NoSignature => Some("MISSING_AUTHENTICATION_TOKEN"),
        Ending::TokenRefused(TokenRefusal::Expired) => Some("EXPIRED_TOKEN"),
        Ending::Unauthorized | Ending::TokenRefused(_) => Some("UNAUTHORIZED"),
        Ending::Denied { .. } => Some("ACCESS_DENIED"),
        Ending::AuthorizerFailed(_) => Some("AUTHORIZER_FAILURE"),
        Ending::AuthorizerMisconfigured(_) => Some("AUTHORIZER_CONFIGURATION_ERROR"),
        Ending::BadSignature { .. } => Some("INVALID_SIGNATURE"),
        Ending::NoApiKey => Some("INVALID_API_KEY"),
        Ending::MissingParameters(_) => Some("BAD_REQUEST_PARAMETERS"),
        Ending::InvokeError(InvokeError::Bug(_) | InvokeError::Shortage(_)) => None,
        Ending::InvokeError(InvokeError::Refused(_)) => match refusal.status() {
            // UNCONFIRMED: that this refusal has this type, and that AWS does not leave it alone as it does the one above.
            StatusCode::PAYLOAD_TOO_LARGE => Some("REQUEST_TOO_LARGE"),
            StatusCode::GATEWAY_TIMEOUT => Some("INTEGRATION_TIMEOUT"),
            _ => Some("API_CONFIGURATION_ERROR"),
        },
        // UNCONFIRMED: recorded as "due to configuration error" in the execution log (2025-05-20), and as 500.
        Ending::InvokeError(_) | Ending::NotCallable => Some("API_CONFIGURATION_ERROR"),
        // UNCONFIRMED: without a stage there is nothing that was deployed; the others are no requests to AWS's front.
        Ending::NoStage
        | Ending::NotSigned
        | Ending::NotPublic
        | Ending::BadRequest(_)
        | Ending::UriTooLong
        | Ending::CutShort(_)
        | Ending::BodyTimeout(_) => None,
    }
}

/// UNCONFIRMED: which of several templates counts.
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

/// The value of a header; one that the request does not have leaves the header out.
fn mapped(mapping: &Mapping, source: Source<'_>, error: &Error<'_>) -> Option<String> {
    let named = |pairs: &[(String, String)], name: &str| {
        pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    match mapping {
        Mapping::Static(text) => Some(text.clone()),
        Mapping::Header(name) => source.request.header(name).map(str::to_owned),
        Mapping::QueryString(name) => {
            named(&percent::query_pairs(&source.request.query, &['&', ';']), name)
        }
        Mapping::Path(name) => named(&source.taken.path_parameters, name),
        Mapping::Context(name) => context(name, source, error),
        Mapping::StageVariable(name) => source.api.stage_variables.get(name).cloned(),
    }
}

/// A body: every variable replaced that is known here, and the others as they are written.
fn fill(template: &str, source: Source<'_>, error: &Error<'_>) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        filled.push_str(&rest[..at]);
        let variable = &rest[at..=at + length_of_name(&rest[at + 1..])];
        match value_of(variable, source, error) {
            Some(value) => filled.push_str(&value),
            None => filled.push_str(variable),
        }
        rest = &rest[at + variable.len()..];
    }
    filled + rest
}

/// How much of a text is a variable's name: a point belongs to it where more follows.
fn length_of_name(text: &str) -> usize {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name = &text[..text.find(|c| !in_name(c)).unwrap_or(text.len())];
    name.trim_end_matches('.').len()
}

fn value_of(variable: &str, source: Source<'_>, error: &Error<'_>) -> Option<String> {
    let name = variable.strip_prefix('$')?;
    match name.split_once('.')? {
        ("context", name) => context(name, source, error),
        ("stageVariables", name) => source.api.stage_variables.get(name).cloned(),
        _ => None,
    }
}

fn context(name: &str, source: Source<'_>, error: &Error<'_>) -> Option<String> {
    let Source { api, request, moment, taken } = source;
    let value = match name {
        "error.message" => error.message,
        // The message as a text of JSON.
        "error.messageString" => {
            return Some(serde_json::Value::from(error.message).to_string());
        }
        "error.responseType" => error.kind,
        "accountId" => &api.account_id,
        "apiId" => &api.api_id,
        "domainName" if request.host().is_empty() => &api.default_host,
        "domainName" => request.host(),
        "extendedRequestId" => &moment.extended_request_id,
        "httpMethod" => &request.method,
        "identity.sourceIp" => &request.source_ip,
        "identity.userAgent" => request.header("user-agent")?,
        "path" => &request.path,
        "protocol" => request.protocol,
        "requestId" => &moment.request_id,
        "requestTimeEpoch" => return Some(moment.arrived.0.to_string()),
        "resourcePath" => &taken.resource,
        "stage" => &api.stage,
        _ => return None,
    };
    Some(value.to_owned())
}

#[cfg(test)]
mod tests;
