//! The CORS configuration of an HTTP API or a function URL, which the gateway itself applies.
//!
//! Official (developer guides of API Gateway and Lambda): a preflight never reaches the function, and a configuration replaces
//! the function's own `Access-Control-*` headers. UNCONFIRMED: the exact set of headers.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::request::ClientRequest;
use super::response::ProxyResponse;
use hardcap_core::config::Cors;

/// The headers that a configuration sets, and a function cannot.
const OURS: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// The response to a preflight; `None` for any other request.
pub(super) fn preflight(
    cors: &Cors,
    request: &ClientRequest,
    status: StatusCode,
) -> Option<ProxyResponse> {
    let is_preflight = request.method == "OPTIONS"
        && request.header("origin").is_some()
        && request.header("access-control-request-method").is_some();
    is_preflight.then(|| {
        let mut headers = HeaderMap::new();
        if add_origin(cors, request.header("origin"), &mut headers) {
            set(&mut headers, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods);
            set(&mut headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers);
            if let Some(seconds) = cors.max_age_seconds {
                headers.insert(header::ACCESS_CONTROL_MAX_AGE, seconds.into());
            }
        }
        ProxyResponse { status, headers, body: bytes::Bytes::new() }
    })
}

/// Replaces the CORS headers of a function by those of the configuration.
pub(super) fn apply(cors: &Cors, origin: Option<&str>, headers: &mut HeaderMap) {
    // The response to a preflight already has them.
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_METHODS) {
        return;
    }
    OURS.iter().for_each(|name| drop(headers.remove(name)));
    if add_origin(cors, origin, headers) {
        set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers);
    }
}

fn add_origin(cors: &Cors, origin: Option<&str>, headers: &mut HeaderMap) -> bool {
    let Some(origin) = origin else { return false };
    let any = cors.allow_origins.iter().any(|allowed| allowed == "*");
    if !any && !cors.allow_origins.iter().any(|allowed| matches(allowed, origin)) {
        return false;
    }
    let allowed = if any && !cors.allow_credentials { "*" } else { origin };
    let Ok(value) = HeaderValue::from_str(allowed) else { return false };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if allowed != "*" {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if cors.allow_credentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    true
}

/// An exact origin, or one that ends with `*`: `https://*`.
fn matches(allowed: &str, origin: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(start) => origin.starts_with(start),
        None => allowed == origin,
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if values.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&values.join(",")) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::received;

    fn rules(origins: &[&str]) -> Cors {
        Cors {
            allow_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            allow_methods: vec!["GET".to_owned(), "PUT".to_owned()],
            allow_headers: vec!["content-type".to_owned()],
            expose_headers: vec!["etag".to_owned()],
            allow_credentials: false,
            max_age_seconds: Some(300),
        }
    }

    fn text(headers: &HeaderMap) -> String {
        let lines =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        lines.collect::<Vec<_>>().join("\n")
    }

    const PREFLIGHT: [(&str, &str); 2] =
        [("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT")];

    #[test]
    fn a_preflight_gets_the_configured_headers() {
        let request = received("OPTIONS", "/x", &PREFLIGHT);
        let response =
            preflight(&rules(&["https://a.example"]), &request, StatusCode::NO_CONTENT).unwrap();
        let expected = "access-control-allow-origin: https://a.example\nvary: Origin\n\
            access-control-allow-methods: GET,PUT\naccess-control-allow-headers: content-type\n\
            access-control-max-age: 300";
        assert_eq!(text(&response.headers), expected);
        assert_eq!(response.status, 204);
    }

    #[test]
    fn a_foreign_origin_gets_no_permission() {
        for origins in [&["https://b.example"][..], &["https://a.example.evil"], &[]] {
            let request = received("OPTIONS", "/", &PREFLIGHT);
            let response = preflight(&rules(origins), &request, StatusCode::NO_CONTENT).unwrap();
            assert_eq!(text(&response.headers), "", "{origins:?}");
        }
    }

    #[test]
    fn a_request_that_is_not_a_preflight_reaches_the_function() {
        let rules = rules(&["*"]);
        for request in [received("OPTIONS", "/", &PREFLIGHT[..1]), received("GET", "/", &PREFLIGHT)]
        {
            assert!(preflight(&rules, &request, StatusCode::NO_CONTENT).is_none());
        }
    }

    #[test]
    fn the_functions_own_cors_headers_are_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://x"));
        headers.insert(header::ETAG, HeaderValue::from_static("\"1\""));
        apply(&rules(&["*"]), Some("https://a.example"), &mut headers);
        let expected =
            "access-control-allow-origin: *\netag: \"1\"\naccess-control-expose-headers: etag";
        let mut lines: Vec<_> = expected.lines().collect();
        lines.sort_unstable();
        let found = text(&headers);
        let mut found: Vec<_> = found.lines().collect();
        found.sort_unstable();
        assert_eq!(found, lines);
    }
}
