//! Keeps web pages out of the control surface.
//!
//! It listens on loopback, but any page that a developer has open can send requests there. A page of another origin is
//! told by its `Origin` or `Sec-Fetch-Site`; one that has bound a name of its own to 127.0.0.1 is told by its `Host`.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};

pub(crate) async fn same_machine_only(request: Request, next: Next) -> Response {
    match refusal(request.headers()) {
        Some(reason) => {
            let body = axum::Json(serde_json::json!({ "error": reason }));
            (StatusCode::FORBIDDEN, body).into_response()
        }
        None => next.run(request).await,
    }
}

fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).unwrap_or_default();
    if !is_loopback(host) {
        return Some("the control surface answers to 127.0.0.1 and localhost only");
    }
    let foreign_origin =
        text(header::ORIGIN).is_some_and(|origin| origin != format!("http://{host}"));
    let cross_site = text(header::HeaderName::from_static("sec-fetch-site"))
        .is_some_and(|site| !matches!(site, "same-origin" | "none"));
    (foreign_origin || cross_site)
        .then_some("the control surface does not answer pages of other origins")
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.is_empty()
        || name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn scripts_tools_and_its_own_page_are_let_through() {
        for pairs in [
            &[("host", "127.0.0.1:4566")][..],
            &[("host", "localhost:4566"), ("origin", "http://localhost:4566")],
            &[("host", "[::1]:4566"), ("sec-fetch-site", "same-origin")],
            &[("host", "localhost:4566"), ("sec-fetch-site", "none")],
        ] {
            assert_eq!(refusal(&headers(pairs)), None, "{pairs:?}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        for pairs in [
            &[("host", "127.0.0.1:4566"), ("origin", "https://example.com")][..],
            &[("host", "127.0.0.1:4566"), ("origin", "null")],
            &[("host", "127.0.0.1:4566"), ("sec-fetch-site", "cross-site")],
            &[("host", "rebound.example.com:4566")],
            &[("host", "127.0.0.1.example.com")],
        ] {
            assert!(refusal(&headers(pairs)).is_some(), "{pairs:?}");
        }
    }
}
