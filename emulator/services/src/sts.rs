//! STS: the query protocol, and `GetCallerIdentity`, which many tools call first.

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header};

use hardcap_core::caller;
use hardcap_core::config::ACCOUNT_ID;
use hardcap_core::context::{Context, Platform};
use hardcap_core::serve;

/// The maximum size of a call, far above that of any supported one.
const BODY_MAX: usize = 64 * 1024;
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Whether a request uses the query protocol: a form, or `Action` in the query of the root.
pub fn is_query_call<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let path = request.uri().path();
    // The URL of a queue has the account and the name of the queue.
    let is_queue = path.strip_prefix('/').is_some_and(|path| path.starts_with(ACCOUNT_ID));
    (path == "/" || is_queue) && (is_form(request) || caller::value(query, "Action").is_some())
}

/// Whether the body of a request is a form.
pub fn is_form<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}

/// Responds to a call of the query protocol.
pub fn handle(platform: &Platform, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async move {
        let ctx = platform.context();
        let (head, body) = request.into_parts();
        let body = serve::read_at_most(body, BODY_MAX).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        let query = head.uri.query().unwrap_or_default();
        let action = caller::value(&body, "Action")
            .or_else(|| caller::value(query, "Action"))
            .unwrap_or_default();
        if action != "GetCallerIdentity" {
            let text = format!("hardcap's STS has no action {action}; it has GetCallerIdentity");
            return error(&ctx, 400, "InvalidAction", &text);
        }
        let Some(key) = caller::access_key(&head.headers, query) else {
            return error(
                &ctx,
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            );
        };
        let function = platform.keyring.find(&key).and_then(|key| key.function);
        let (arn, user) = caller::identity(&key, function.as_deref());
        let id = &ctx.request_id;
        let body = format!(
            "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    <Arn>{arn}</Arn>\n    \
         <UserId>{user}</UserId>\n    <Account>{ACCOUNT_ID}</Account>\n  </GetCallerIdentityResult>\n  \
         <ResponseMetadata>\n    <RequestId>{id}</RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n"
        );
        respond(&ctx, 200, body)
    })
}

/// An error in the query protocol's XML.
pub fn error(ctx: &Context, status: u16, code: &str, message: &str) -> Response<Body> {
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    let id = &ctx.request_id;
    let body = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>{code}</Code>\n    \
         <Message>{message}</Message>\n  </Error>\n  <RequestId>{id}</RequestId>\n</ErrorResponse>\n"
    );
    respond(ctx, status, body)
}

fn respond(ctx: &Context, status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
