//! Keeps web pages out of the control surface.
//!
//! It listens on loopback or in a container, and any page that a developer has open can send requests there. A page of another
//! origin is told by its `Origin` or `Sec-Fetch-Site`; one that has bound a name of its own to this address (DNS rebinding) is
//! told by its `Host`: such a name is one of the public DNS, for there its owner decides what it leads to. A neighbour in a
//! network of containers, which calls this one `hardcap`, uses a name that nobody can own there.

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
    if is_public_name(host) {
        return Some(
            "the control surface answers to addresses, names without a dot, and *.localhost and *.internal: any other could be a web page's that was bound to this address",
        );
    }
    let foreign_origin =
        text(header::ORIGIN).is_some_and(|origin| origin != format!("http://{host}"));
    let cross_site = text(header::HeaderName::from_static("sec-fetch-site"))
        .is_some_and(|site| !matches!(site, "same-origin" | "none"));
    (foreign_origin || cross_site)
        .then_some("the control surface does not answer pages of other origins")
}

/// Whether the public DNS could know this name. It never will know a name without a dot, nor what is below `localhost` (RFC 6761)
/// and `internal` (ICANN's resolution of 2024-07-29); an address is no name.
fn is_public_name(host: &str) -> bool {
    if host.starts_with('[') {
        return false;
    }
    let name = host.split(':').next().unwrap_or_default();
    let is_address = name.parse::<std::net::Ipv4Addr>().is_ok();
    let name = name.trim_end_matches('.');
    let last = name.rsplit_once('.').map(|(_, last)| last);
    let is_private =
        |last: &str| ["localhost", "internal"].iter().any(|own| last.eq_ignore_ascii_case(own));
    !is_address && last.is_some_and(|last| !is_private(last))
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
            &[("host", "hardcap:4566")],
            &[("host", "172.18.0.2:4566")],
            &[("host", "[fd00::2]:4566")],
            &[("host", "hardcap.localhost")],
            &[("host", "host.docker.INTERNAL:4566")],
            &[],
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
            &[("host", "example.com.")],
            &[("host", "internal.example")],
            &[("host", "localhost.example.com:4566")],
            &[("host", "hardcap:4566"), ("origin", "https://example.com")],
            &[("host", "172.18.0.2:4566"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(refusal(&headers(pairs)).is_some(), "{pairs:?}");
        }
    }
}
