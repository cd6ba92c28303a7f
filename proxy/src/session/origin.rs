//! Where a request comes from: a page of this proxy, one that may call it, or one that must not.
//!
//! `SameSite=Lax` keeps the cookie from requests that other sites make; this is what holds where that does not.

use http::Method;

use crate::event::Request;

/// Where a request comes from, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A page of this proxy, or the person in front of the browser.
    Own,
    /// A page whose origin is configured.
    Allowed,
    /// Any other page.
    Foreign,
    /// It does not say: no browser of this decade.
    Unknown,
}

/// Headers that Kibana and OpenSearch Dashboards send, or that scripts send for this very purpose. A page of another origin
/// would have to ask first.
const ASKED_FOR: [&str; 7] = [
    "kbn-xsrf",
    "kbn-version",
    "osd-xsrf",
    "osd-version",
    "x-requested-with",
    "x-csrf-token",
    "x-upload-id",
];
/// What a form can send without asking.
const OF_FORMS: [&str; 3] =
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

impl Source {
    /// Reads `Sec-Fetch-Site` and `Origin`. `public_url` is the address that clients use, if it is configured.
    pub(crate) fn of(request: &Request, public_url: Option<&str>, allowed: &[String]) -> Source {
        let origin = request.header("origin");
        let is_allowed = origin.is_some_and(|origin| allowed.iter().any(|known| known == origin));
        match (request.header("sec-fetch-site"), origin) {
            (Some("same-origin" | "none"), _) => Source::Own,
            (_, Some(_)) if is_allowed => Source::Allowed,
            (None, Some(origin)) if own_origin(request, public_url).as_deref() == Some(origin) => {
                Source::Own
            }
            (None, None) => Source::Unknown,
            _ => Source::Foreign,
        }
    }
}

/// Whether a request may change something.
pub(crate) fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Whether a request that changes something is none that a page of another site made the browser send.
pub(crate) fn is_trusted(request: &Request, source: Source) -> bool {
    match source {
        Source::Own | Source::Allowed => true,
        Source::Foreign => false,
        // An old browser can be made to send a form, and nothing else.
        Source::Unknown => request.method != Method::POST || is_beyond_forms(request),
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

/// The scheme that the client used; the gateway says so.
pub(crate) fn scheme(request: &Request) -> &'static str {
    let plain = request.header("x-forwarded-proto") == Some("http");
    if plain { "http" } else { "https" }
}

/// Whether the client is on the machine itself, which browsers count as secure.
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
    use crate::session::testing::request;

    const ALLOWED: &str = "https://kibana.example";

    fn check(method: &str, headers: &[(&str, &str)], trusted: bool) {
        let request = request(method, "/logs/_doc", headers);
        let allowed = [ALLOWED.to_owned()];
        let source = Source::of(&request, None, &allowed);
        assert_eq!(is_trusted(&request, source), trusted, "{method} {headers:?}: {source:?}");
    }

    const HOST: (&str, &str) = ("host", "proxy.example");
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

    #[test]
    fn a8_the_browser_says_which_site_asks() {
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
    fn a8_without_that_the_origin_counts() {
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
    fn a8_without_either_it_has_to_be_more_than_a_form() {
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
    fn a8_a_public_address_is_the_own_origin() {
        let request = request(
            "POST",
            "/",
            &[("host", "abc.execute-api"), ("origin", "https://es.example:8443")],
        );
        let source = |url: Option<&str>| Source::of(&request, url, &[]);
        assert_eq!(source(Some("https://es.example:8443/base")), Source::Own);
        assert_eq!(source(Some("https://es.example/base")), Source::Foreign);
        assert_eq!(source(None), Source::Foreign);
    }

    #[test]
    fn the_machine_itself_is_known() {
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
