//! The routes under `/_proxy` that need neither login nor configuration.

use http::Method;
use serde_json::json;

use crate::response::{Response, Body, Text};
use crate::error::ProxyError;
use crate::headers::Lines;

/// Handles a path below `/_proxy`.
///
/// # Errors
///
/// [`ProxyError::OwnRoute`] for an unknown path, which is never sent to the upstream.
pub fn respond(route: &str, method: &Method, cors: &Lines) -> Result<Response, ProxyError> {
    match route {
        "/ping" => ping(method, cors),
        _ => Err(ProxyError::OwnRoute(format!("{}{route}", crate::path::OWN_PREFIX))),
    }
}

/// Confirms that the function runs, without further requests.
fn ping(method: &Method, cors: &Lines) -> Result<Response, ProxyError> {
    if method != Method::GET && method != Method::HEAD {
        return Err(ProxyError::OwnMethod("GET, HEAD"));
    }
    let mut headers: Lines = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    headers.extend(cors.iter().cloned());
    let body = json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }).to_string();
    let body = if method == Method::HEAD { Body::Empty } else { Body::Text(Text::from(body)) };
    Ok(Response { status: 200, headers, body })
}
