//! The proxy's own routes, under `/_proxy`.

use http::Method;
use serde_json::json;

use crate::answer::{Answer, Body, Text};
use crate::error::Failure;
use crate::headers::Lines;

/// Answers a path below `/_proxy`.
///
/// # Errors
///
/// [`Failure::OwnRoute`] when there is nothing: such a path never goes to the upstream.
pub fn answer(route: &str, method: &Method, cors: &Lines) -> Result<Answer, Failure> {
    match route {
        "/ping" => ping(method, cors),
        _ => Err(Failure::OwnRoute(format!("{}{route}", crate::path::OWN_PREFIX))),
    }
}

/// Tells that the function runs; it asks nobody.
fn ping(method: &Method, cors: &Lines) -> Result<Answer, Failure> {
    if method != Method::GET && method != Method::HEAD {
        return Err(Failure::OwnMethod("GET, HEAD"));
    }
    let mut headers: Lines = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    headers.extend(cors.iter().cloned());
    let body = json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }).to_string();
    let body = if method == Method::HEAD { Body::Empty } else { Body::Text(Text::from(body)) };
    Ok(Answer { status: 200, headers, body })
}
