//! The upstream's `Location`, rewritten to lead through this proxy.
//!
//! References are resolved as browsers do (the URL standard of WHATWG), once against the upstream's address and once against the
//! client's. A reference that the two would resolve differently is refused.

use http::Uri;
use url::Url;

/// The longest part of a refused location in an error, in characters.
const SHOWN_MAX: usize = 200;
/// The base URL if the public address is unknown; only the origin's equality is checked.
const SOME_HOST: &str = "https://public.invalid";

/// A redirect to another host, or one that clients could resolve differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignLocation(pub String);

/// The reference for the client: path, query and fragment below the public address.
///
/// `location` is the upstream's header in response to `asked`, a path and query below the base path of `upstream`. `public` is
/// the prefix of public addresses: a whole address, a stage, or empty.
///
/// # Errors
///
/// [`ForeignLocation`] if it leads to another host, which the client would follow.
pub fn public(
    location: &str,
    upstream: &Uri,
    asked: &str,
    public: &str,
) -> Result<String, ForeignLocation> {
    let foreign = || ForeignLocation(location.chars().take(SHOWN_MAX).collect());
    // Clients that do not follow the URL standard read these in their own way.
    if location.contains('\\') || location.chars().any(char::is_control) {
        return Err(foreign());
    }
    let meant = meant(location, upstream, asked).ok_or_else(foreign)?;
    let mut reference = format!("{public}{}", without_base(meant.path(), upstream));
    if let Some(query) = meant.query() {
        reference.push('?');
        reference.push_str(query);
    }
    if let Some(fragment) = meant.fragment() {
        reference.push('#');
        reference.push_str(fragment);
    }
    if stays(&reference, public) { Ok(reference) } else { Err(foreign()) }
}

/// The target, if it is on the upstream's host. Behind a load balancer its scheme and port are often wrong.
fn meant(location: &str, upstream: &Uri, asked: &str) -> Option<Url> {
    let host = upstream.host()?;
    let base = upstream.path().trim_end_matches('/');
    let base = format!("{}://{}{base}{asked}", upstream.scheme_str()?, upstream.authority()?);
    let base = Url::parse(&base).ok()?;
    let meant = base.join(location).ok()?;
    // The host as the parser normalizes it.
    let own = Url::parse(&format!("http://{host}/")).ok()?;
    let is_own = matches!(meant.scheme(), "http" | "https")
        && meant.host() == own.host()
        && meant.username().is_empty()
        && meant.password().is_none();
    is_own.then_some(meant)
}

/// Whether a reference leads to the public address, from any path.
fn stays(reference: &str, public: &str) -> bool {
    let whole = if public.contains("://") { public.to_owned() } else { SOME_HOST.to_owned() };
    let Ok(base) = Url::parse(&format!("{}/a/b?c", whole.trim_end_matches('/'))) else {
        return false;
    };
    let Ok(led) = base.join(reference) else {
        return false;
    };
    let stage = Url::parse(&format!("{whole}/")).map(|url| url.path().to_owned());
    let prefix =
        if public.contains("://") { stage.unwrap_or_default() } else { format!("{public}/") };
    led.origin() == base.origin()
        && led.path().starts_with(&prefix)
        // A client that removes empty segments would read a host there.
        && (prefix != "/" || !led.path().starts_with("//"))
}

fn without_base<'a>(path: &'a str, upstream: &Uri) -> &'a str {
    let base = upstream.path().trim_end_matches('/');
    match path.strip_prefix(base) {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r7_a_redirect_within_the_upstream_leads_through_the_proxy() {
        let upstream: Uri = "https://search-x.eu-west-1.es.amazonaws.com/base".parse().unwrap();
        for (location, expected) in [
            ("https://search-x.eu-west-1.es.amazonaws.com/base/_dashboards/", "/_dashboards/"),
            ("http://SEARCH-X.eu-west-1.es.amazonaws.com:443/base/a?b=c#d", "/a?b=c#d"),
            ("//search-x.eu-west-1.es.amazonaws.com/base/a", "/a"),
            ("https://search-x.eu-west-1.es.amazonaws.com", "/"),
            ("/base/_dashboards/app", "/_dashboards/app"),
            ("/elsewhere", "/elsewhere"),
            ("app/kibana", "/logs/app/kibana"),
            ("?x=1", "/logs/_search?x=1"),
            ("#top", "/logs/_search?q=1#top"),
            ("../a", "/a"),
            ("/base/../../a", "/a"),
            ("", "/logs/_search?q=1"),
            ("/base/caf\u{e9}?a=b%2Fc%20d", "/caf%C3%A9?a=b%2Fc%20d"),
        ] {
            for public_address in
                ["https://public.example/prod", "/prod", "", "https://public.example:8443"]
            {
                let asked = "/logs/_search?q=1";
                let led = public(location, &upstream, asked, public_address);
                assert_eq!(led, Ok(format!("{public_address}{expected}")), "{location}");
            }
        }
    }

    #[test]
    fn r7_a_redirect_to_another_host_is_not_passed_on() {
        let upstream: Uri = "https://search-x.example/base".parse().unwrap();
        for location in [
            "https://evil.example/",
            "//evil.example/",
            "///evil.example/",
            "https:///evil.example/",
            "https://search-x.example@evil.example/",
            "https://search-x.example:pass@evil.example/",
            "https://user@search-x.example/a",
            "https://search-x.example.evil.example/",
            "https://evil.example/?https://search-x.example/",
            "http:evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "mailto:a@b",
            "ftp://search-x.example/",
            "http://[::1/",
            "https://search-x.example:99999/",
            "/a\r\nset-cookie: x",
            "/a\tb",
        ] {
            for public_address in ["", "/prod", "https://public.example"] {
                let led = public(location, &upstream, "/", public_address);
                assert!(matches!(&led, Err(ForeignLocation(_))), "{location}: {led:?}");
            }
        }
    }

    #[test]
    fn r7_a_path_that_would_be_read_as_a_host_is_not_passed_on() {
        let upstream: Uri = "http://search-x.example/base".parse().unwrap();
        for location in [
            "http://search-x.example//evil.com/x",
            "//search-x.example//evil.com",
            "/base//evil.com",
            "/base///evil.com/",
            "/.//evil.com",
            "/base/..//evil.com",
            "/base/%2e%2e//evil.com",
            "http://search-x.example/base//evil.com",
        ] {
            for public_address in ["", "https://public.example"] {
                let led = public(location, &upstream, "/", public_address);
                assert!(led.is_err(), "{location} below `{public_address}`: {led:?}");
            }
            // Below a stage it can only be a path.
            let led = public(location, &upstream, "/", "/prod").expect("it stays");
            assert!(led.starts_with("/prod//") && led.contains("evil.com"), "{led}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn r7_no_location_leads_a_browser_away(
            pieces in proptest::collection::vec(proptest::sample::select(vec![
                "http:", "https:", "/", "//", "\\", "search-x.example", "evil.com", "@", ":", "?", "#", ".", "..", "%2e", "%2F",
                "%5C", "base", "x", " ", "\t", "\u{a0}", "\u{ff0f}", "javascript:", ";", "[::1]", "0x7f.1",
            ]), 0..9),
            public_address in proptest::sample::select(vec!["", "/prod", "https://public.example", "https://public.example/es"]),
            asked in proptest::sample::select(vec!["/", "/a/b", "/a/b/?c=d"]),
        ) {
            let location = pieces.concat();
            let upstream: Uri = "http://search-x.example/base".parse().expect("an address");
            if let Ok(led) = public(&location, &upstream, asked, public_address) {
                // The browser requested the public address and the path.
                let whole = if public_address.contains("://") { public_address.to_owned() } else { format!("https://public.example{public_address}") };
                let page = Url::parse(&format!("{whole}{asked}")).expect("an address");
                let there = page.join(&led).expect("a browser understands it");
                prop_assert_eq!(there.origin(), page.origin(), "{} became {}", location, led);
                let below = Url::parse(&whole).expect("an address");
                prop_assert!(there.path().starts_with(below.path()), "{} became {}", location, led);
                prop_assert!(led.is_ascii() && !led.contains(['\\', '\r', '\n']), "{}", led);
                // A client that splits a path at its slashes does not find a host either.
                prop_assert!(!led.starts_with("//"), "{}", led);
            }
        }
    }
}
