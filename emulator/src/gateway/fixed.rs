//! Responses of mock integrations.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::event::RequestInfo;
use super::frontend::GatewayKind;
use super::{FRAMING, HttpResponse, refusal};
use hardcap_core::config::FixedResponse;

/// The response. Recorded 2024-08-07: it has no `X-Amzn-Trace-Id`, and is JSON by default.
pub(super) fn response(
    kind: GatewayKind,
    fixed: &FixedResponse,
    info: &RequestInfo,
) -> HttpResponse {
    let mut response = Response::new(Body::from(fixed.body.clone()));
    *response.status_mut() = StatusCode::from_u16(fixed.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &fixed.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        let name = name.filter(|name| !FRAMING.contains(&name.as_str()));
        if let (Some(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    refusal::identify(kind, headers, info);
    response
}
