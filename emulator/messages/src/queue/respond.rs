//! Responses: JSON with the header of the query protocol's code, or the XML of the query protocol.

use axum::body::Body;
use hardcap_core::context::Context;
use hardcap_core::record::Observation;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::call::Protocol;
use super::error::{NON_EXISTENT_QUEUE, SqsError};

const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";

/// Renders the result of an operation.
pub(super) fn respond(
    ctx: &Context,
    protocol: Protocol,
    action: &str,
    result: Result<Value, SqsError>,
) -> Response<Body> {
    if let Err(SqsError::Bug(cause)) = &result {
        tracing::error!(request_id = %ctx.request_id, cause, "hardcap failed");
        ctx.record(Observation::Bug { cause: cause.clone() });
    }
    match protocol {
        Protocol::Json => json_response(ctx, result),
        Protocol::Query => query_response(ctx, action, result),
        Protocol::QueryInJson => query_response_in_json(ctx, action, result),
    }
}

fn json_response(ctx: &Context, result: Result<Value, SqsError>) -> Response<Body> {
    let error = match result {
        Ok(value) => return response(ctx, 200, "application/x-amz-json-1.0", value.to_string()),
        Err(error) => error,
    };
    let (kind, text) = error.parts();
    let body = json!({ "__type": kind.json, "message": text });
    let mut response = response(ctx, kind.status, "application/x-amz-json-1.0", body.to_string());
    let fault = if kind.status < 500 { "Sender" } else { "Receiver" };
    if let Ok(code) = HeaderValue::from_str(&format!("{};{fault}", kind.query)) {
        response.headers_mut().insert("x-amzn-query-error", code);
    }
    response
}

fn query_response(ctx: &Context, action: &str, result: Result<Value, SqsError>) -> Response<Body> {
    let mut xml = Xml("<?xml version=\"1.0\"?>".to_owned());
    let (status, root) = match &result {
        Ok(_) => (200, format!("{action}Response")),
        Err(error) => (error.parts().0.status, "ErrorResponse".to_owned()),
    };
    xml.0.push_str(&format!("<{root} xmlns=\"{NAMESPACE}\">"));
    match result {
        Ok(value) => {
            if value.as_object().is_some_and(|members| !members.is_empty())
                || HAS_RESULT.contains(&action)
            {
                xml.within(&format!("{action}Result"), |xml| xml.members(action, &value));
            }
            xml.within("ResponseMetadata", |xml| xml.text("RequestId", &ctx.request_id));
        }
        Err(error) => {
            let (kind, mut text) = error.parts();
            if *kind == NON_EXISTENT_QUEUE {
                // Recorded with this ending in the query protocol only.
                text = text.replace("exist.", "exist for this wsdl version.");
            }
            xml.within("Error", |xml| {
                xml.text("Type", if kind.status < 500 { "Sender" } else { "Receiver" });
                xml.text("Code", kind.query);
                xml.text("Message", &text);
                xml.0.push_str("<Detail/>");
            });
            xml.text("RequestId", &ctx.request_id);
        }
    }
    xml.0.push_str(&format!("</{root}>"));
    response(ctx, status, "text/xml", xml.0)
}

/// The response of the query protocol for a client that accepts JSON, such as API Gateway. That of SendMessage is shown in the
/// README of serverless-patterns/apigw-rest-api-sqs-lambda-bedrock-cdk, that of ReceiveMessage in the README of
/// APIGateway-SQS-ReceiveMessages; UNCONFIRMED: that of other operations, and attributes.
fn query_response_in_json(
    ctx: &Context,
    action: &str,
    result: Result<Value, SqsError>,
) -> Response<Body> {
    let (status, body) = match result {
        Ok(mut value) => {
            match action {
                "SendMessage" => complete(&mut value, &SENT),
                "ReceiveMessage" => value = json!({ "messages": received(&value) }),
                _ => {}
            }
            let metadata = json!({ "RequestId": &*ctx.request_id });
            let mut members = Map::new();
            members.insert("ResponseMetadata".to_owned(), metadata);
            members.insert(format!("{action}Result"), value);
            members.sort_keys();
            (200, json!({ format!("{action}Response"): members }))
        }
        Err(error) => {
            let (kind, text) = error.parts();
            let party = if kind.status < 500 { "Sender" } else { "Receiver" };
            let error = json!({ "Code": kind.query, "Message": text, "Type": party });
            (kind.status, json!({ "Error": error, "RequestId": &*ctx.request_id }))
        }
    };
    response(ctx, status, "application/json", body.to_string())
}

/// Adds the members that are missing, as null, and sorts all by their names.
fn complete(value: &mut Value, names: &[&str]) {
    let Some(members) = value.as_object_mut() else { return };
    for name in names {
        members.entry(*name).or_insert(Value::Null);
    }
    members.sort_keys();
}

/// The messages of ReceiveMessage; null for an empty response. Attributes are lists of pairs.
fn received(value: &Value) -> Value {
    let messages = value["Messages"].as_array().filter(|messages| !messages.is_empty());
    let Some(messages) = messages else { return Value::Null };
    let message = |message: &Value| {
        let mut message = message.clone();
        for name in ["Attributes", "MessageAttributes"] {
            if let Some(pairs) = message[name].as_object() {
                let pair =
                    |(name, value): (&String, &Value)| json!({ "Name": name, "Value": value });
                message[name] = pairs.iter().map(pair).collect();
            }
        }
        complete(&mut message, &RECEIVED);
        message
    };
    messages.iter().map(message).collect()
}

/// The members of a received message.
const RECEIVED: [&str; 7] = [
    "Attributes",
    "Body",
    "MD5OfBody",
    "MD5OfMessageAttributes",
    "MessageAttributes",
    "MessageId",
    "ReceiptHandle",
];

/// The members of the result of SendMessage.
const SENT: [&str; 5] = [
    "MD5OfMessageAttributes",
    "MD5OfMessageBody",
    "MD5OfMessageSystemAttributes",
    "MessageId",
    "SequenceNumber",
];

/// Operations whose response has a result even if it is empty.
const HAS_RESULT: [&str; 5] = [
    "ReceiveMessage",
    "ListQueues",
    "GetQueueAttributes",
    "ListQueueTags",
    "ListDeadLetterSourceQueues",
];

/// XML as it is written.
struct Xml(String);

impl Xml {
    fn within(&mut self, name: &str, content: impl FnOnce(&mut Xml)) {
        self.0.push_str(&format!("<{name}>"));
        content(self);
        self.0.push_str(&format!("</{name}>"));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.within(name, |xml| xml.escape(text));
    }

    /// Line ends and tabs are written as references, because a parser would change them.
    fn escape(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\r' => self.0.push_str("&#xD;"),
                c => self.0.push(c),
            }
        }
    }

    /// The members of a result: lists and maps without an element around them, as the model says (`flattened`).
    fn members(&mut self, action: &str, value: &Value) {
        let Value::Object(members) = value else { return };
        for (name, value) in members {
            match (name.as_str(), value) {
                ("Messages", Value::Array(messages)) => {
                    messages
                        .iter()
                        .for_each(|one| self.within("Message", |xml| xml.members(action, one)));
                }
                ("Successful" | "Failed", Value::Array(entries)) => {
                    let element = match name.as_str() {
                        "Failed" => "BatchResultErrorEntry".to_owned(),
                        _ => format!("{action}ResultEntry"),
                    };
                    entries
                        .iter()
                        .for_each(|one| self.within(&element, |xml| xml.members(action, one)));
                }
                ("QueueUrls" | "queueUrls", Value::Array(urls)) => {
                    urls.iter().for_each(|url| self.scalar("QueueUrl", url));
                }
                ("Attributes", Value::Object(map)) => self.map("Attribute", ("Name", "Value"), map),
                ("Tags", Value::Object(map)) => self.map("Tag", ("Key", "Value"), map),
                ("MessageAttributes", Value::Object(map)) => {
                    self.map("MessageAttribute", ("Name", "Value"), map);
                }
                (name, value) => self.scalar(name, value),
            }
        }
    }

    fn map(
        &mut self,
        element: &str,
        (key, value): (&str, &str),
        map: &serde_json::Map<String, Value>,
    ) {
        for (name, item) in map {
            self.within(element, |xml| {
                xml.text(key, name);
                match item {
                    Value::Object(_) => xml.within(value, |xml| xml.members("", item)),
                    item => xml.scalar(value, item),
                }
            });
        }
    }

    fn scalar(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.text(name, text),
            value => self.text(name, &value.to_string()),
        }
    }
}

fn response(
    ctx: &Context,
    status: u16,
    content_type: &'static str,
    body: String,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
