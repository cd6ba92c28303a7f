//! `--strict-auth`: refuses calls whose signature is not valid, in the error format of each API.

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;

use crate::sts;
use hardcap_core::context::Platform;
use hardcap_core::serve::{self, RequestBody};
use hardcap_core::strict::{self, Denied};

/// The maximum body size, above that of every API. A body is read completely before its signature is verified.
const BODY_MAX: usize = 1 << 25;

/// The error format of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `__type` and `message`, status 400. The text is the prefix of the type.
    Json(&'static str),
    /// `message` and the header `x-amzn-errortype`, status 403.
    Rest,
    /// An XML document, status 403.
    Query,
}

/// Reads a call completely and verifies its signature. Returns the call, or the response that refuses it.
pub fn verified(
    platform: &Platform,
    request: Request<RequestBody>,
    dialect: Dialect,
) -> BoxFuture<'_, Result<Request<Body>, Response<Body>>> {
    Box::pin(async move {
        let (head, body) = request.into_parts();
        let Some(body) = serve::read_at_most(body, BODY_MAX).await else {
            let text = format!(
                "the request is larger than {BODY_MAX} bytes, or ended before its body did"
            );
            let (code, query_code) = ("RequestEntityTooLargeException", "RequestEntityTooLarge");
            let denied = Denied { code, query_code, text };
            return Err(render(platform, &denied, dialect));
        };
        match strict::verify(&head, &body, platform) {
            Ok(()) => Ok(Request::from_parts(head, Body::from(body))),
            Err(denied) => Err(render(platform, &denied, dialect)),
        }
    })
}

/// Refuses a call for a reason that AWS does not have, with status 403 in every format.
pub fn refuse(platform: &Platform, text: &str, dialect: Dialect) -> Response<Body> {
    let (code, query_code) = ("AccessDeniedException", "AccessDenied");
    let denied = Denied { code, query_code, text: text.to_owned() };
    let mut response = render(platform, &denied, dialect);
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

fn render(platform: &Platform, denied: &Denied, dialect: Dialect) -> Response<Body> {
    let ctx = platform.context();
    let (status, kind, body) = match dialect {
        Dialect::Json(namespace) => {
            let code = format!("{namespace}{}", denied.code);
            let body = json!({ "__type": code, "message": denied.text }).to_string();
            // DynamoDB uses version 1.0 of the protocol, the others 1.1.
            let version = if namespace.is_empty() { "1.1" } else { "1.0" };
            (400, format!("application/x-amz-json-{version}"), body)
        }
        Dialect::Rest => {
            let body = json!({ "message": denied.text }).to_string();
            (403, "application/json".to_owned(), body)
        }
        Dialect::Query => return sts::error(&ctx, 403, denied.query_code, &denied.text),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::try_from(kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if dialect == Dialect::Rest {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(denied.code));
    }
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
