//! Custom integrations: the client's response, made of the backend's answer.

use bytes::Bytes;
use hardcap_core::config::{ContentHandling, IntegrationResponse, ResponseMapping};
use hardcap_core::context::Context;
use hardcap_velocity::{InvalidIntegration, SelectionPattern, Template, templates};
use http::{StatusCode, header};
use serde_json::Value;

use super::Answer;
use super::content::Content;
use super::custom::{Custom, JSON, binary_in_template, of_body, render, replace};
use crate::media::{essence, first_accepted, is_listed};
use crate::refusal::GatewayError;
use crate::response::{ProxyResponse, remapped};
use crate::values::{Values, joined};

/// A response of an integration, parsed.
#[derive(Debug)]
pub(super) struct Rule {
    /// The pattern that the whole selection text must match; `None` for the default.
    pattern: Option<SelectionPattern>,
    status: StatusCode,
    headers: Vec<(String, ResponseMapping)>,
    templates: Vec<(String, Template)>,
    content_handling: Option<ContentHandling>,
}

impl Rule {
    pub(super) fn parse(given: &IntegrationResponse) -> Result<Rule, InvalidIntegration> {
        let pattern = given.pattern.as_deref().filter(|pattern| !pattern.is_empty());
        let pattern = pattern.map(SelectionPattern::parse);
        let status = StatusCode::from_u16(given.status)
            .map_err(|_| InvalidIntegration::Status(given.status))?;
        Ok(Rule {
            pattern: pattern.transpose()?,
            status,
            headers: given.headers.clone(),
            templates: templates(&given.templates)?,
            content_handling: given.content_handling,
        })
    }

    /// Recorded by LocalStack: the template for the type that the client accepts, else that for JSON, else the first.
    fn template(&self, accept: Option<&str>) -> Option<&(String, Template)> {
        let of = |name: &str| self.templates.iter().find(|(known, _)| essence(known) == name);
        let accepted = accept.map(essence);
        accepted.and_then(|name| of(&name)).or_else(|| of(JSON)).or(self.templates.first())
    }

    /// The value of a header; `None` if the answer does not have it.
    fn value(&self, mapping: &ResponseMapping, answer: &Answer, values: &Values) -> Option<String> {
        match mapping {
            ResponseMapping::Static(text) => Some(text.clone()),
            ResponseMapping::Header(name) => {
                let all = answer.headers.get_all(name.as_str()).iter();
                joined(all.filter_map(|value| value.to_str().ok()))
            }
            ResponseMapping::Body(path) => of_body(&answer.body, path.as_deref()),
            ResponseMapping::Context(name) => values.of_context(name),
            ResponseMapping::StageVariable(name) => values.api.stage_variables.get(name).cloned(),
        }
    }
}

impl Custom {
    /// Makes the client's response of the answer.
    pub(super) fn response(
        &self,
        ctx: &Context,
        values: &mut Values,
        answer: Answer,
    ) -> Result<ProxyResponse, GatewayError> {
        let rule = self.rule(&answer)?;
        let accept = values.request.header("accept").map(str::to_owned);
        let media_type = answer.headers.get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let binary_types = &values.api.binary_media_types;
        let content = Content::of_response(
            &answer.body,
            is_listed(binary_types, media_type),
            is_listed(binary_types, first_accepted(accept.as_deref())),
            rule.content_handling,
        )
        .map_err(|error| GatewayError::IntegrationFailed(error.to_string()))?;
        let (content_type, body) = match rule.template(accept.as_deref()) {
            None => (JSON, content.into_bytes()),
            Some((media_type, template)) => {
                let Content::Text(text) = content else { return Err(binary_in_template()) };
                let text = render(ctx, template, &text, values)?;
                (media_type.as_str(), Bytes::from(text))
            }
        };
        let mut headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        for (name, mapping) in &rule.headers {
            if let Some(value) = rule.value(mapping, &answer, values) {
                headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                headers.push((name.clone(), value));
            }
        }
        let overrides = &values.context["responseOverride"];
        replace(&mut headers, &overrides["header"]);
        let mut response = ProxyResponse::new(overridden(&overrides["status"], rule.status));
        for (name, value) in headers {
            // Recorded 2024-12-11: `TE` keeps its name, unlike in a Lambda proxy integration.
            let sent = if name.eq_ignore_ascii_case("te") { name.into() } else { remapped(&name) };
            response.append(&sent, &value)?;
        }
        response.body = body;
        Ok(response)
    }

    /// The response for an answer. Official: the pattern of an integration with Lambda is compared with the error message of the
    /// function, that of any other with the status. UNCONFIRMED: the first that matches applies.
    fn rule(&self, answer: &Answer) -> Result<&Rule, GatewayError> {
        let selection = match self.calls_lambda() {
            true => error_message(answer),
            false => answer.status.as_str().to_owned(),
        };
        let matches = |rule: &&Rule| {
            rule.pattern.as_ref().is_some_and(|pattern| pattern.is_match(&selection))
        };
        let default = || self.responses.iter().find(|rule| rule.pattern.is_none());
        self.responses.iter().find(matches).or_else(default).ok_or_else(|| {
            GatewayError::IntegrationFailed(format!(
                "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: {}",
                answer.status.as_u16()
            ))
        })
    }
}

/// `errorMessage` of a function that failed; empty if it did not.
fn error_message(answer: &Answer) -> String {
    if !answer.headers.contains_key("x-amz-function-error") {
        return String::new();
    }
    let error: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    error["errorMessage"].as_str().unwrap_or_default().to_owned()
}

/// The status that a template sets. One that is not an integer from 100 to 599 has no effect (LocalStack's tests on AWS).
fn overridden(value: &Value, status: StatusCode) -> StatusCode {
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
    let number = number.filter(|number| (100..600).contains(number));
    number.and_then(|number| StatusCode::from_u16(number).ok()).unwrap_or(status)
}
