//! The protocol of the JSON services: a request is an operation and an object, a response is an object, an error has a type.

use std::fmt;

use axum::body::Body;
use bytes::Bytes;
use hardcap_limits::{Exceeded, Party};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use hardcap_core::clock::EpochMillis;
use hardcap_core::context::{Context, Platform};
use hardcap_core::record::Observation;
use hardcap_core::serve;

/// The maximum size of a request, far above that of any operation of these services. AWS publishes no number.
const BODY_MAX: usize = 1024 * 1024;
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// One call of an operation.
pub(crate) struct Call {
    /// The request's identity and limits.
    pub(crate) ctx: Context,
    /// The name after the dot in `X-Amz-Target`.
    pub(crate) operation: String,
    body: Bytes,
}

/// The error of an operation.
#[derive(Clone, Debug)]
pub enum ApiError {
    /// An exception of the service: its type, and its message if it has one.
    Exception(&'static str, Option<String>),
    /// A limit of the table, and the value of `{value}` in its text.
    Refused(Exceeded, &'static str),
    /// An internal error, with its cause.
    Bug(String),
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApiError::Exception(_, Some(text)) => f.write_str(text),
            ApiError::Exception(code, None) => f.write_str(code),
            ApiError::Refused(exceeded, _) => exceeded.fmt(f),
            ApiError::Bug(cause) => f.write_str(cause),
        }
    }
}

impl std::error::Error for ApiError {}

/// The error of the configured resources of a service, or of the folder that keeps them.
#[derive(Debug, thiserror::Error)]
pub enum ResourceError {
    /// AWS would refuse a configured resource.
    #[error("{kind} `{name}`: {error}")]
    Refused {
        /// `parameter` or `secret`.
        kind: &'static str,
        /// The resource's name.
        name: String,
        /// The refusal.
        error: ApiError,
    },
    /// The folder cannot be read or written.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> ApiError {
        ApiError::Bug(error.to_string())
    }
}

impl From<Exceeded> for ApiError {
    fn from(exceeded: Exceeded) -> ApiError {
        ApiError::Refused(exceeded, "")
    }
}

/// A `ValidationException`, which all these services have.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::Exception("ValidationException", Some(message.into()))
}

/// The error for a required member that is missing, in AWS's text.
pub(crate) fn missing(member: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: \
         Member must not be null"
    ))
}

impl Call {
    /// Parses the request's body as the input of an operation. An empty body is an empty object.
    ///
    /// # Errors
    ///
    /// `SerializationException` if it is not JSON, or if a member has the wrong type.
    pub(crate) fn input<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let body = if self.body.is_empty() { b"{}".as_slice() } else { &self.body };
        serde_json::from_slice(body)
            .map_err(|error| ApiError::Exception("SerializationException", Some(error.to_string())))
    }

    /// The time of the call.
    pub(crate) fn now(&self) -> EpochMillis {
        self.ctx.arrived
    }
}

/// Seconds since 1970 with three decimals, as a JSON number.
pub fn seconds(at: EpochMillis) -> Value {
    let text = format!("{}.{:03}", at.0 / 1000, at.0 % 1000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Reads a call, runs it on a thread that may wait for the disk, and renders the result. `message` is the service's spelling of
/// that member of its exceptions.
pub(crate) async fn serve_call(
    platform: &Platform,
    request: Request<Body>,
    message: &'static str,
    run: impl FnOnce(&Call) -> Result<Value, ApiError> + Send + 'static,
) -> Response<Body> {
    let ctx = platform.context();
    let operation = operation(request.headers());
    let Some(body) = serve::read_at_most(request.into_body(), BODY_MAX).await else {
        return render(&ctx, 413, &json!({ "__type": "RequestEntityTooLargeException" }));
    };
    let call = Call { ctx: ctx.clone(), operation, body };
    match tokio::task::spawn_blocking(move || run(&call)).await {
        Ok(Ok(output)) => render(&ctx, 200, &output),
        Ok(Err(error)) => render_error(&ctx, error, message),
        Err(error) => bug(&ctx, error.to_string()),
    }
}

/// The error for an unknown operation.
pub(crate) fn unknown_operation(service: &str, operation: &str, known: &[&str]) -> ApiError {
    let known = known.join(", ");
    ApiError::Exception(
        "UnknownOperationException",
        Some(format!("hardcap's {service} has no operation `{operation}`; it has {known}")),
    )
}

/// A tag in the format of these services.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

/// Tags of a resource, by key.
pub(crate) type Tags = indexmap::IndexMap<String, String>;

/// Adds tags to those of a resource, or replaces their values.
pub(crate) fn add_tags(tags: &mut Tags, added: Vec<Tag>) {
    tags.extend(added.into_iter().map(|tag| (tag.key, tag.value)));
}

/// Tags as responses show them.
pub(crate) fn shown_tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// The SHA-256 of a resource's specification in the template. A later start compares it to detect a change.
pub(crate) fn template_digest(specification: &Value) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(Sha256::digest(specification.to_string()))
}

/// The requested page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// One page of a list, and the token of the next page. A token is the number of items before that page.
///
/// # Errors
///
/// `ValidationException` for a page size that is not allowed, `InvalidNextToken` for an invalid token.
pub(crate) fn page<T>(
    member: &str,
    found: &[T],
    requested: &Page,
    largest: usize,
    show: impl Fn(&T) -> Value,
) -> Result<Value, ApiError> {
    let size = requested.max_results.unwrap_or(largest);
    if !(1..=largest).contains(&size) {
        let bound = if size == 0 { "greater than or equal to 1" } else { "less than or equal to" };
        let bound = if size == 0 { bound.to_owned() } else { format!("{bound} {largest}") };
        return Err(invalid(format!(
            "1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: Member must \
             have value {bound}"
        )));
    }
    let start = match requested.next_token.as_deref().map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) if start <= found.len() => start,
        Some(_) => {
            let text = "The specified token isn't valid.".to_owned();
            return Err(ApiError::Exception("InvalidNextToken", Some(text)));
        }
    };
    let end = found.len().min(start + size);
    let mut page = json!({ member: found[start..end].iter().map(show).collect::<Vec<_>>() });
    if end < found.len() {
        page["NextToken"] = json!(end.to_string());
    }
    Ok(page)
}

fn operation(headers: &HeaderMap) -> String {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    target.and_then(|target| target.split_once('.')).map(|(_, name)| name).unwrap_or("").to_owned()
}

fn render_error(ctx: &Context, error: ApiError, message: &'static str) -> Response<Body> {
    match error {
        ApiError::Exception(code, text) => {
            // AWS's common front of these services writes the member in lower case, independent of the service.
            let member = if code == "ValidationException" { "message" } else { message };
            let mut body = json!({ "__type": code });
            if let Some(text) = text {
                body[member] = Value::String(text);
            }
            render(ctx, 400, &body)
        }
        ApiError::Refused(exceeded, value) => {
            match exceeded.refusal_with(Party::Invoker, &[("value", value)]) {
                Some(refusal) => respond(ctx, refusal.status, refusal.body),
                None => bug(ctx, format!("no text for {exceeded}")),
            }
        }
        ApiError::Bug(cause) => bug(ctx, cause),
    }
}

fn bug(ctx: &Context, cause: String) -> Response<Body> {
    tracing::error!(request_id = %ctx.request_id, %cause, "hardcap failed");
    ctx.record(Observation::Bug { cause });
    render(ctx, 500, &json!({ "__type": "InternalFailure" }))
}

fn render(ctx: &Context, status: u16, body: &Value) -> Response<Body> {
    respond(ctx, status, body.to_string())
}

fn respond(ctx: &Context, status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
