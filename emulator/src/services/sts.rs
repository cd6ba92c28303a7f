//! STS: the query protocol, and `GetCallerIdentity`, which many tools call first.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};

use hardcap_core::config::ACCOUNT_ID;
use hardcap_core::context::{Context, Platform};
use hardcap_core::serve;

/// The maximum size of a call, far above that of any supported one.
const BODY_MAX: usize = 64 * 1024;
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Whether a request uses the query protocol: a form, or `Action` in the query of the root.
pub(crate) fn is_query_call<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let path = request.uri().path();
    // The URL of a queue has the account and the name of the queue.
    let is_queue = path.strip_prefix('/').is_some_and(|path| path.starts_with(ACCOUNT_ID));
    (path == "/" || is_queue) && (is_form(request) || value(query, "Action").is_some())
}

/// Whether the body of a request is a form.
pub(crate) fn is_form<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}

/// Responds to a call of the query protocol.
pub(crate) async fn handle(platform: &Platform, request: Request<Body>) -> Response<Body> {
    let ctx = platform.context();
    let (head, body) = request.into_parts();
    let body = serve::read_at_most(body, BODY_MAX).await.unwrap_or_default();
    let body = String::from_utf8_lossy(&body).into_owned();
    let query = head.uri.query().unwrap_or_default();
    let action = value(&body, "Action").or_else(|| value(query, "Action")).unwrap_or_default();
    if action != "GetCallerIdentity" {
        let text = format!("hardcap's STS has no action {action}; it has GetCallerIdentity");
        return error(&ctx, 400, "InvalidAction", &text);
    }
    let Some(key) = access_key(&head.headers, query) else {
        return error(
            &ctx,
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        );
    };
    let function = platform.keyring.find(&key).and_then(|key| key.function);
    let (arn, user) = identity(&key, function.as_deref());
    let id = &ctx.request_id;
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    <Arn>{arn}</Arn>\n    \
         <UserId>{user}</UserId>\n    <Account>{ACCOUNT_ID}</Account>\n  </GetCallerIdentityResult>\n  \
         <ResponseMetadata>\n    <RequestId>{id}</RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n"
    );
    respond(&ctx, 200, body)
}

/// The ARN and the user id of a key: a function's role for the keys of its sandboxes, the user `test` for all others.
pub(crate) fn identity(key: &str, function: Option<&str>) -> (String, String) {
    match function {
        Some(function) => (
            format!("arn:aws:sts::{ACCOUNT_ID}:assumed-role/{function}-role/{function}"),
            format!("AROA{}:{function}", &key[key.len().saturating_sub(16)..]),
        ),
        None => (format!("arn:aws:iam::{ACCOUNT_ID}:user/test"), "AIDATEST".to_owned()),
    }
}

/// The user id of the caller of a request.
pub(crate) fn user<B>(platform: &Platform, request: &Request<B>) -> String {
    let key = access_key(request.headers(), request.uri().query().unwrap_or_default());
    let key = key.unwrap_or_default();
    let function = platform.keyring.find(&key).and_then(|key| key.function);
    identity(&key, function.as_deref()).1
}

/// The access key id of a request's signature, in its header or (presigned) its query.
pub(crate) fn access_key(headers: &HeaderMap, query: &str) -> Option<String> {
    let credential = credential(headers, query)?;
    Some(credential.split('/').next().unwrap_or_default().to_owned())
}

/// `KEY/DATE/REGION/SERVICE/aws4_request`, from the header or from the query.
pub(crate) fn credential(headers: &HeaderMap, query: &str) -> Option<String> {
    let header = headers.get(header::AUTHORIZATION).and_then(|header| header.to_str().ok());
    match header.and_then(|header| header.split_once("Credential=")) {
        Some((_, rest)) => Some(rest.split([',', ' ']).next().unwrap_or_default().to_owned()),
        None => Some(value(query, "X-Amz-Credential")?.replace("%2F", "/").replace("%2f", "/")),
    }
}

/// The value of a form's field, not decoded.
pub(crate) fn value<'q>(form: &'q str, name: &str) -> Option<&'q str> {
    form.split('&')
        .filter_map(|field| field.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// An error in the query protocol's XML.
pub(crate) fn error(ctx: &Context, status: u16, code: &str, message: &str) -> Response<Body> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandboxs_key_is_the_functions_role_and_every_other_key_the_user_test() {
        assert_eq!(
            identity("ASIA0123456789ABCDEF", Some("proxy")),
            (
                "arn:aws:sts::000000000000:assumed-role/proxy-role/proxy".to_owned(),
                "AROA0123456789ABCDEF:proxy".to_owned()
            )
        );
        assert_eq!(identity("test", None).0, "arn:aws:iam::000000000000:user/test");
    }

    #[test]
    fn the_key_is_found_in_the_header_and_in_the_query() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            access_key(
                &headers,
                "X-Amz-Credential=AKIA%2F20261123%2Fus-east-1%2Fsts%2Faws4_request"
            )
            .as_deref(),
            Some("AKIA")
        );
        assert_eq!(access_key(&headers, ""), None);
        let signed = "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0";
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(signed));
        assert_eq!(access_key(&headers, "").as_deref(), Some("test"));
    }
}
