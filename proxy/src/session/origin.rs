//! The origin of a request: a page of this proxy, of an allowed origin, or of another site.
//!
//! `SameSite=Lax` keeps browsers from sending the cookie with most requests of other sites; this check covers the rest.

use http::Method;

use crate::event::Request;

/// The origin of a request, as far as its headers show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OriginKind {
    /// A page of this proxy, or the user of the browser directly.
    Own,
    /// A page of a configured origin.
    Allowed,
    /// Any other page.
    Foreign,
    /// No header shows it: a program or an old browser.
    Unknown,
}

/// Headers that Kibana and OpenSearch Dashboards send, or that scripts send against CSRF. A page of another origin would need a
/// preflight for them.
const ASKED_FOR: [&str; 7] = [
    "kbn-xsrf",
    "kbn-version",
    "osd-xsrf",
    "osd-version",
    "x-requested-with",
    "x-csrf-token",
    "x-upload-id",
];
/// The content types that a form can send without a preflight.
const OF_FORMS: [&str; 3] =
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

impl OriginKind {
    /// Reads `Sec-Fetch-Site` and `Origin`. `public_url` is the public address, if it is configured.
    pub(crate) fn of(
        request: &Request,
        public_url: Option<&str>,
        allowed: &[String],
    ) -> OriginKind {
        let origin = request.header("origin");
        let is_allowed = origin.is_some_and(|origin| allowed.iter().any(|known| known == origin));
        match (request.header("sec-fetch-site"), origin) {
            (Some("same-origin" | "none"), _) => OriginKind::Own,
            (_, Some(_)) if is_allowed => OriginKind::Allowed,
            (None, Some(origin)) if own_origin(request, public_url).as_deref() == Some(origin) => {
                OriginKind::Own
            }
            (None, None) => OriginKind::Unknown,
            _ => OriginKind::Foreign,
        }
    }
}

/// Whether a request may change something.
pub(crate) fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Whether a changing request cannot have been caused by a page of another site.
pub(crate) fn is_trusted(request: &Request, source: OriginKind) -> bool {
    match source {
        OriginKind::Own | OriginKind::Allowed => true,
        OriginKind::Foreign => false,
        // An old browser can only be made to send a form.
        OriginKind::Unknown => request.method != Method::POST || is_beyond_forms(request),
    }
}

fn is_beyond_forms(request: &Request) -> bool {
    let kind = request.header("content-type").unwrap_or("text/plain");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ASKED_FOR.iter().any(|name| request.header(name).is_some())
        || !OF_FORMS.contains(&kind.as_str())
}

fn own_origin(request: &Request, public_url: Option<&str>) -> Option<String> {
    match public_url {
        Some(url) => {
            let (scheme, rest) = url.split_once("://")?;
            Some(format!("{scheme}://{}", rest.split('/').next()?))
        }
        None => Some(format!("{}://{}", scheme(request), request.header("host")?)),
    }
}

/// The scheme that the client used, as reported by the gateway.
pub(crate) fn scheme(request: &Request) -> &'static str {
    let plain = request.header("x-forwarded-proto") == Some("http");
    if plain { "http" } else { "https" }
}

/// Whether the host is a loopback address, which browsers treat as secure.
pub(crate) fn is_loopback(request: &Request) -> bool {
    let host = request.header("host").unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address: Option<std::net::IpAddr> = name.parse().ok();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::request;

    const ALLOWED: &str = "https://kibana.example";

    fn check(method: &str, headers: &[(&str, &str)], trusted: bool) {
        let request = request(method, "/logs/_doc", headers);
        let allowed = [ALLOWED.to_owned()];
        let source = OriginKind::of(&request, None, &allowed);
        assert_eq!(is_trusted(&request, source), trusted, "{method} {headers:?}: {source:?}");
    }

    const HOST: (&str, &str) = ("host", "proxy.example");
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

    #[test]
    fn a8_sec_fetch_site_decides_if_it_is_present() {
        check("POST", &[HOST, FORM, ("sec-fetch-site", "same-origin")], true);
        check("POST", &[HOST, FORM, ("sec-fetch-site", "none")], true);
        for site in ["cross-site", "same-site", "something-new", ""] {
            check("POST", &[HOST, FORM, ("sec-fetch-site", site)], false);
            check("DELETE", &[HOST, ("sec-fetch-site", site), ("osd-xsrf", "true")], false);
            check("PUT", &[HOST, ("sec-fetch-site", site), ("origin", ALLOWED)], true);
            check(
                "PUT",
                &[HOST, ("sec-fetch-site", site), ("origin", "https://proxy.example")],
                false,
            );
        }
    }

    #[test]
    fn a8_without_sec_fetch_site_the_origin_decides() {
        check("POST", &[HOST, FORM, ("origin", "https://proxy.example")], true);
        check("POST", &[HOST, FORM, ("origin", ALLOWED)], true);
        for origin in [
            "null",
            "http://proxy.example",
            "https://proxy.example:8443",
            "https://evil.example",
            "https://proxy.example.evil.example",
            "https://evilproxy.example",
            "HTTPS://PROXY.EXAMPLE",
            "",
        ] {
            check("POST", &[HOST, ("content-type", "application/json"), ("origin", origin)], false);
        }
    }

    #[test]
    fn a8_without_both_headers_only_forms_are_refused() {
        check("POST", &[HOST], false);
        check("POST", &[HOST, FORM], false);
        check("POST", &[HOST, ("content-type", "Text/Plain; charset=utf-8")], false);
        check("POST", &[HOST, ("content-type", "multipart/form-data; boundary=x")], false);
        check("POST", &[HOST, FORM, ("osd-xsrf", "true")], true);
        check("POST", &[HOST, FORM, ("kbn-version", "7.10.2")], true);
        check("POST", &[HOST, ("x-upload-id", "x")], true);
        check("POST", &[HOST, ("content-type", "application/json")], true);
        check("POST", &[HOST, ("content-type", "application/x-ndjson")], true);
        check("DELETE", &[HOST], true);
    }

    #[test]
    fn a8_the_public_address_defines_the_own_origin() {
        let request = request(
            "POST",
            "/",
            &[("host", "abc.execute-api"), ("origin", "https://es.example:8443")],
        );
        let source = |url: Option<&str>| OriginKind::of(&request, url, &[]);
        assert_eq!(source(Some("https://es.example:8443/base")), OriginKind::Own);
        assert_eq!(source(Some("https://es.example/base")), OriginKind::Foreign);
        assert_eq!(source(None), OriginKind::Foreign);
    }

    #[test]
    fn loopback_hosts_are_recognized() {
        for (host, local) in [
            ("localhost", true),
            ("localhost:3000", true),
            ("a.localhost:1", true),
            ("127.0.0.1:3000", true),
            ("127.9.9.9", true),
            ("[::1]:3000", true),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
            ("localhost.evil.example", false),
            ("", false),
            ("[::2]", false),
        ] {
            assert_eq!(is_loopback(&request("GET", "/", &[("host", host)])), local, "{host}");
        }
    }
}
