//! Actions of services that the routes of an HTTP API call.
//!
//! Source: developer guide, "Integration subtype reference", read 2026-11-30. SQS is called with forms, because its responses are
//! XML (shown in the READMEs of public templates, such as serverless-patterns/apigw-http-api-sqs-lambda-cdk).

use bytes::Bytes;
use hardcap_core::config::{ActionSubtype, ServiceAction};
use hardcap_core::context::Context;
use http::{Method, header};
use serde_json::{Map, Value, json};

use super::Answer;
use super::call::ServiceRequest;
use super::expression::{Source, evaluate};
use crate::refusal::GatewayError;
use crate::response::ProxyResponse;
use crate::values::Values;

/// The request of an action: its parameters with the values of the client's request.
pub(super) fn request(
    ctx: &Context,
    action: &ServiceAction,
    values: &Values,
    body: &Bytes,
) -> Result<ServiceRequest, GatewayError> {
    let selectable = usize::try_from(ctx.limits.http_selected_body.max.0).unwrap_or(usize::MAX);
    let source = Source { values, body, selectable };
    let mut given = Map::new();
    for (name, text) in &action.parameters {
        let Some(value) = evaluate(text, &source) else {
            // Reported with the error text of the access log (hashicorp/terraform-provider-aws#19443, 2021-05-19), and with 400
            // (aws-samples/sessions-with-aws-sam#38, 2022-01-10).
            let (name, source_text) = (name.clone(), text.clone());
            return Err(GatewayError::UnresolvedParameter { name, source_text });
        };
        given.insert(name.clone(), value.into());
    }
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
    match action.subtype {
        ActionSubtype::PutEvents => Ok(put_events(&given)),
        ActionSubtype::SendMessage => {
            let mut form = Form::of("SendMessage");
            form.texts(&given, &["MessageBody", "DelaySeconds", "MessageDeduplicationId"]);
            form.texts(&given, &["MessageGroupId"]);
            for (parameter, field) in [
                ("MessageAttributes", "MessageAttribute"),
                ("MessageSystemAttributes", "MessageSystemAttribute"),
            ] {
                form.attributes(field, text(parameter)).map_err(|()| {
                    let source_text = action.parameters.get(parameter).cloned().unwrap_or_default();
                    GatewayError::UnresolvedParameter { name: parameter.to_owned(), source_text }
                })?;
            }
            Ok(form.sent_to(text("QueueUrl")))
        }
        ActionSubtype::ReceiveMessage => {
            let mut form = Form::of("ReceiveMessage");
            form.texts(&given, &["MaxNumberOfMessages", "ReceiveRequestAttemptId"]);
            form.texts(&given, &["VisibilityTimeout", "WaitTimeSeconds"]);
            form.list("AttributeName", text("AttributeNames"));
            form.list("MessageAttributeName", text("MessageAttributeNames"));
            Ok(form.sent_to(text("QueueUrl")))
        }
        ActionSubtype::DeleteMessage => {
            let mut form = Form::of("DeleteMessage");
            form.texts(&given, &["ReceiptHandle"]);
            Ok(form.sent_to(text("QueueUrl")))
        }
        ActionSubtype::PurgeQueue => Ok(Form::of("PurgeQueue").sent_to(text("QueueUrl"))),
    }
}

/// The client's response: that of the service. UNCONFIRMED: whether an error of the service reaches the client unchanged.
pub(super) fn response(answer: Answer) -> ProxyResponse {
    let mut response = ProxyResponse::new(answer.status);
    if let Some(kind) = answer.headers.get(header::CONTENT_TYPE) {
        response.headers.insert(header::CONTENT_TYPE, kind.clone());
    }
    response.body = answer.body;
    response
}

fn put_events(given: &Map<String, Value>) -> ServiceRequest {
    let mut entry = Map::new();
    for (name, value) in given {
        let text = value.as_str().unwrap_or_default();
        match name.as_str() {
            "Region" => {}
            "Time" => {
                entry.insert(name.clone(), seconds(text));
            }
            "Resources" => {
                entry.insert(name.clone(), listed(text).into());
            }
            _ => {
                entry.insert(name.clone(), value.clone());
            }
        }
    }
    let headers =
        [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", "AWSEvents.PutEvents")];
    ServiceRequest {
        service: "events".to_owned(),
        method: Method::POST,
        path: "/".to_owned(),
        query: Vec::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: Bytes::from(json!({ "Entries": [entry] }).to_string()),
    }
}

/// A time as the API takes it: seconds since 1970, which may be written as a date.
fn seconds(text: &str) -> Value {
    let format = &time::format_description::well_known::Rfc3339;
    match time::OffsetDateTime::parse(text, format) {
        Ok(date) => json!(date.unix_timestamp()),
        Err(_) => text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number)),
    }
}

/// The items of a list in JSON, or one text.
fn listed(text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Ok(items) => items,
        Err(_) if text.is_empty() => Vec::new(),
        Err(_) => vec![text.to_owned()],
    }
}

/// A form of the query protocol.
struct Form(Vec<(String, String)>);

impl Form {
    fn of(action: &str) -> Form {
        Form(vec![("Action".to_owned(), action.to_owned())])
    }

    fn texts(&mut self, given: &Map<String, Value>, names: &[&str]) {
        for name in names {
            if let Some(value) = given.get(*name).and_then(Value::as_str) {
                self.0.push(((*name).to_owned(), value.to_owned()));
            }
        }
    }

    fn list(&mut self, field: &str, text: &str) {
        for (at, item) in listed(text).into_iter().enumerate() {
            self.0.push((format!("{field}.{}", at + 1), item));
        }
    }

    /// Attributes in JSON, by their name.
    fn attributes(&mut self, field: &str, text: &str) -> Result<(), ()> {
        if text.is_empty() {
            return Ok(());
        }
        let attributes: Map<String, Value> = serde_json::from_str(text).map_err(|_| ())?;
        for (at, (name, value)) in attributes.into_iter().enumerate() {
            let prefix = format!("{field}.{}", at + 1);
            self.0.push((format!("{prefix}.Name"), name));
            for (member, value) in value.as_object().ok_or(())? {
                let text = value.as_str().ok_or(())?;
                self.0.push((format!("{prefix}.Value.{member}"), text.to_owned()));
            }
        }
        Ok(())
    }

    fn sent_to(self, url: &str) -> ServiceRequest {
        let path = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = path.find('/').map_or("/", |at| &path[at..]);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(self.0);
        let kind = "application/x-www-form-urlencoded";
        ServiceRequest {
            service: "sqs".to_owned(),
            method: Method::POST,
            path: path.to_owned(),
            query: Vec::new(),
            headers: vec![("Content-Type".to_owned(), kind.to_owned())],
            body: Bytes::from(form.finish()),
        }
    }
}
