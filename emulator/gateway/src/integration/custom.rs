//! Custom integrations: the request to the backend, made of the client's request.

use bytes::Bytes;
use hardcap_core::config::{
    Backend, ContentHandling, CustomIntegration, ParameterPlace, Passthrough, RequestMapping,
    RequestParameter, ServiceCall,
};
use hardcap_core::context::Context;
use hardcap_core::uri;
use hardcap_velocity::{Inputs, InvalidIntegration, Template, json_path, templates};
use http::Method;
use serde_json::Value;

use super::call::ServiceRequest;
use super::content::Content;
use super::response::Rule;
use super::{Answer, mock};
use crate::media::{essence, is_listed};
use crate::refusal::GatewayError;
use crate::values::{Values, joined, text_of};

/// The media type of a body without one.
pub(super) const JSON: &str = "application/json";

/// Headers that a parameter must not set. Recorded 2024-12-11: the gateway responds with 500.
const FORBIDDEN: [&str; 7] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "proxy-authenticate",
    "te",
    "transfer-encoding",
];

/// Services whose operations the gateway names in `X-Amz-Target`, with the prefix of their targets and their version of JSON. For
/// others the integration sets the header.
const TARGETS: [(&str, &str, &str); 3] = [
    ("dynamodb", "DynamoDB_20120810", "application/x-amz-json-1.0"),
    ("kinesis", "Kinesis_20131202", "application/x-amz-json-1.1"),
    ("states", "AWSStepFunctions", "application/x-amz-json-1.0"),
];

/// A custom integration with its templates and patterns parsed.
#[derive(Debug)]
pub(crate) struct Custom {
    backend: Backend,
    parameters: Vec<RequestParameter>,
    templates: Vec<(String, Template)>,
    passthrough: Passthrough,
    content_handling: Option<ContentHandling>,
    pub(super) responses: Vec<Rule>,
}

/// What the request of a client becomes.
#[derive(Debug)]
pub(super) enum Call {
    /// The status code of a mock integration.
    Mock(Answer),
    /// A request to a service.
    Service(ServiceRequest),
}

/// A request to a backend as parameters and overrides describe it.
#[derive(Debug, Default)]
struct Parts {
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    path: Vec<(String, String)>,
}

impl Custom {
    /// Parses the templates and patterns of an integration.
    ///
    /// # Errors
    ///
    /// [`InvalidIntegration`] for the first text that is invalid.
    pub(crate) fn parse(given: &CustomIntegration) -> Result<Custom, InvalidIntegration> {
        Ok(Custom {
            backend: given.backend.clone(),
            parameters: given.request_parameters.clone(),
            templates: templates(&given.request_templates)?,
            passthrough: given.passthrough,
            content_handling: given.content_handling,
            responses: given.responses.iter().map(Rule::parse).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn is_mock(&self) -> bool {
        self.backend == Backend::Mock
    }

    pub(super) fn calls_lambda(&self) -> bool {
        matches!(&self.backend, Backend::Service { service, .. } if service == "lambda")
    }

    /// Makes the request to the backend. What the template sets in `$context` stays there for the template of the response.
    pub(super) fn request(
        &self,
        ctx: &Context,
        values: &mut Values,
        body: &Bytes,
    ) -> Result<Call, GatewayError> {
        let media_type = values.request.header("content-type").unwrap_or(JSON).to_owned();
        let template = self.template(&media_type)?;
        let is_binary = is_listed(&values.api.binary_media_types, &media_type);
        let content = Content::of_request(body, is_binary, self.content_handling)
            .map_err(|error| GatewayError::IntegrationFailed(error.to_string()))?;
        let content = match template {
            None => content,
            Some(template) => {
                let Content::Text(text) = content else { return Err(binary_in_template()) };
                // Recorded 2025-03-19: `$input.body` of a request without a body is `{}`.
                let text = if text.is_empty() { "{}" } else { text.as_str() };
                Content::Text(render(ctx, template, text, values)?)
            }
        };
        let Backend::Service { service, method, call } = &self.backend else {
            return mock::answer(&content).map(Call::Mock);
        };
        let parts = self.parts(values, body)?;
        let method = method.as_deref().unwrap_or(&values.request.method);
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST);
        let mut request = ServiceRequest {
            service: service.clone(),
            path: String::new(),
            query: parts.query,
            headers: parts.headers,
            // Such requests have no body, whatever the template gives.
            body: match method {
                Method::GET | Method::HEAD | Method::OPTIONS => Bytes::new(),
                _ => content.into_bytes(),
            },
            method,
        };
        let mut body_type = match (template, request.body.is_empty()) {
            (_, true) => None,
            (Some(_), false) => Some(JSON.to_owned()),
            (None, false) => Some(media_type),
        };
        match call {
            ServiceCall::Path(path) => request.path = filled(path, &parts.path, values),
            ServiceCall::Action(action) => {
                request.path = "/".to_owned();
                request.query.push(("Action".to_owned(), action.clone()));
                if let Some((_, prefix, json)) = TARGETS.iter().find(|(name, ..)| name == service) {
                    default_header(&mut request, "X-Amz-Target", format!("{prefix}.{action}"));
                    body_type = Some((*json).to_owned());
                }
            }
        }
        if let Some(body_type) = body_type {
            default_header(&mut request, "Content-Type", body_type);
        }
        default_header(&mut request, "Accept", JSON.to_owned());
        let agent = format!("AmazonAPIGateway_{}", values.api.api_id);
        default_header(&mut request, "User-Agent", agent);
        Ok(Call::Service(request))
    }

    /// The template for a media type, or the refusal of a body without one.
    fn template(&self, media_type: &str) -> Result<Option<&Template>, GatewayError> {
        let wanted = essence(media_type);
        let of = |name: &str| self.templates.iter().find(|(known, _)| essence(known) == name);
        if let Some((_, template)) = of(&wanted).or_else(|| of("$default")) {
            return Ok(Some(template));
        }
        match self.passthrough {
            Passthrough::WhenNoMatch => Ok(None),
            Passthrough::WhenNoTemplates if self.templates.is_empty() => Ok(None),
            Passthrough::WhenNoTemplates | Passthrough::Never => {
                Err(GatewayError::UnsupportedMediaType(media_type.to_owned()))
            }
        }
    }

    /// The headers, the query and the parts of the path. What the template overrides replaces what a parameter gives.
    fn parts(&self, values: &Values, body: &Bytes) -> Result<Parts, GatewayError> {
        let mut parts = Parts::default();
        for RequestParameter { place, name, value } in &self.parameters {
            if *place == ParameterPlace::Header
                && FORBIDDEN.iter().any(|known| known.eq_ignore_ascii_case(name))
            {
                let cause = format!("{name} header already present");
                return Err(GatewayError::IntegrationFailed(cause));
            }
            let given = match value {
                RequestMapping::Part(mapping) => values.mapped(mapping).into_iter().collect(),
                RequestMapping::MultiValueHeader(name) => {
                    values.all_of_header(name).into_iter().collect()
                }
                RequestMapping::MultiValueQueryString(name) => {
                    let all = values.all_of_query(name).into_iter();
                    match place {
                        ParameterPlace::QueryString => all.map(str::to_owned).collect(),
                        _ => joined(all).into_iter().collect(),
                    }
                }
                RequestMapping::Body(path) => of_body(body, path.as_deref()).into_iter().collect(),
            };
            let to = match place {
                ParameterPlace::Header => &mut parts.headers,
                ParameterPlace::QueryString => &mut parts.query,
                ParameterPlace::Path => &mut parts.path,
            };
            let given: Vec<String> = given;
            to.extend(given.into_iter().map(|value| (name.clone(), value)));
        }
        let overrides = &values.context["requestOverride"];
        replace(&mut parts.headers, &overrides["header"]);
        replace(&mut parts.query, &overrides["querystring"]);
        replace(&mut parts.path, &overrides["path"]);
        Ok(parts)
    }
}

/// Renders a template. What it sets in `$context` is in `values` afterwards.
pub(super) fn render(
    ctx: &Context,
    template: &Template,
    body: &str,
    values: &mut Values,
) -> Result<String, GatewayError> {
    let inputs = Inputs {
        body,
        headers: &values.request.headers,
        query: &values.query,
        path: &values.path,
        context: &values.context,
        stage_variables: &values.api.stage_variables,
        iterations_max: ctx.limits.rest_template_iterations.max.0,
    };
    let rendered = template
        .render(&inputs)
        .map_err(|error| GatewayError::IntegrationFailed(error.to_string()))?;
    values.context = rendered.context;
    Ok(rendered.text)
}

/// Recorded 2025-03-17: binary data and a mapping template give 500.
pub(super) fn binary_in_template() -> GatewayError {
    let cause =
        "a mapping template cannot read binary data; set ContentHandling to CONVERT_TO_TEXT";
    GatewayError::IntegrationFailed(cause.to_owned())
}

/// The body as a value: the whole text, or the part that a JSONPath without `$.` selects.
pub(super) fn of_body(body: &[u8], path: Option<&str>) -> Option<String> {
    let Some(path) = path else { return Some(String::from_utf8_lossy(body).into_owned()) };
    let value: Value = serde_json::from_slice(body).ok()?;
    text_of(&json_path(&value, &format!("$.{path}")).ok().flatten()?)
}

/// Sets the members of an object as values of these names.
pub(super) fn replace(pairs: &mut Vec<(String, String)>, overrides: &Value) {
    for (name, value) in overrides.as_object().into_iter().flatten() {
        pairs.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        match value {
            Value::Array(values) => {
                pairs.extend(
                    values.iter().filter_map(|value| Some((name.clone(), text_of(value)?))),
                );
            }
            value => pairs.extend(text_of(value).map(|value| (name.clone(), value))),
        }
    }
}

fn default_header(request: &mut ServiceRequest, name: &str, value: String) {
    if !request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
        request.headers.push((name.to_owned(), value));
    }
}

/// A path with its parameters and stage variables filled in. What a path cannot contain is percent-encoded.
fn filled(path: &str, parameters: &[(String, String)], values: &Values) -> String {
    let mut filled = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find(['{', '$']) {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let variable = rest.strip_prefix("${stageVariables.");
        let name = variable.or_else(|| rest.strip_prefix('{'));
        let Some((name, after)) = name.and_then(|name| name.split_once('}')) else {
            filled.push_str(&rest[..1]);
            rest = &rest[1..];
            continue;
        };
        match variable {
            Some(_) => {
                let value = values.api.stage_variables.get(name);
                filled.push_str(value.map_or("", String::as_str));
            }
            None => {
                let value = parameters.iter().find(|(known, _)| known == name);
                filled.push_str(value.map_or("", |(_, value)| value));
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    uri::encode_rest(&filled)
}
