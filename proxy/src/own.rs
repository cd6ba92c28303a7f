//! The routes under `/_proxy` that need neither login nor configuration.

use http::{HeaderMap, Method};
use serde_json::json;

use crate::error::ProxyError;
use crate::response::{Body, Response};

/// Handles a path below `/_proxy`.
///
/// # Errors
///
/// [`ProxyError::OwnRoute`] for an unknown path, which is never sent to the upstream.
pub fn respond(route: &str, method: &Method, cors: &HeaderMap) -> Result<Response, ProxyError> {
    match route {
        "/ping" => ping(method, cors),
        _ => Err(ProxyError::OwnRoute(format!("{}{route}", crate::path::OWN_PREFIX))),
    }
}

/// Confirms that the function runs, without further requests.
fn ping(method: &Method, cors: &HeaderMap) -> Result<Response, ProxyError> {
    if method != Method::GET && method != Method::HEAD {
        return Err(ProxyError::OwnMethod("GET, HEAD"));
    }
    let body = json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }).to_string();
    let mut response = Response::json(200, body, &[cors]);
    if method == Method::HEAD {
        response.body = Body::Empty;
    }
    Ok(response)
}
