//! Where an upstream's `Location` leads when it is followed through this proxy.
//!
//! Reference resolution is that of browsers (the URL standard of WHATWG), both for what the upstream means and for what the
//! client makes of the answer: a text that the two would read differently is not passed on.

use http::Uri;
use url::Url;

/// How much of a refused text is shown.
const SHOWN_MAX: usize = 200;
/// The address of a client that the proxy was not told: only that it stays the same is looked at.
const SOME_HOST: &str = "https://public.invalid";

/// An upstream's redirect to another host, or one that two readers could understand differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign(pub String);

/// The reference for the client: the path and what follows it, below the public address.
///
/// `location` is what the upstream said in answer to `asked`, a path and query below the base path of `upstream`. `public` is
/// what stands before paths in the addresses that clients use: a whole address, a stage, or nothing.
///
/// # Errors
///
/// [`Foreign`] when it leads to another host, which a client would follow because this proxy passed it on.
pub fn public(
    location: &str,
    upstream: &Uri,
    asked: &str,
    public: &str,
) -> Result<String, Foreign> {
    let foreign = || Foreign(location.chars().take(SHOWN_MAX).collect());
    // Readers that do not follow the standard of browsers understand these in their own way.
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

/// What the upstream means, if it is an address of its own. Its scheme and port are often wrong behind a balancer.
fn meant(location: &str, upstream: &Uri, asked: &str) -> Option<Url> {
    let host = upstream.host()?;
    let base = upstream.path().trim_end_matches('/');
    let base = format!("{}://{}{base}{asked}", upstream.scheme_str()?, upstream.authority()?);
    let base = Url::parse(&base).ok()?;
    let meant = base.join(location).ok()?;
    // The host as the parser writes it: lower case, without a trailing difference of spelling.
    let own = Url::parse(&format!("http://{host}/")).ok()?;
    let is_own = matches!(meant.scheme(), "http" | "https")
        && meant.host() == own.host()
        && meant.username().is_empty()
        && meant.password().is_none();
    is_own.then_some(meant)
}

/// Whether a client that follows a reference asks the public address, at whichever path it was.
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
        // A reader that takes empty segments away would find a host there.
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
                assert!(matches!(&led, Err(Foreign(_))), "{location}: {led:?}");
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
            // Below a stage it is a path and nothing else.
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
                // What the browser asked is the public address and the path.
                let whole = if public_address.contains("://") { public_address.to_owned() } else { format!("https://public.example{public_address}") };
                let page = Url::parse(&format!("{whole}{asked}")).expect("an address");
                let there = page.join(&led).expect("a browser understands it");
                prop_assert_eq!(there.origin(), page.origin(), "{} became {}", location, led);
                let below = Url::parse(&whole).expect("an address");
                prop_assert!(there.path().starts_with(below.path()), "{} became {}", location, led);
                prop_assert!(led.is_ascii() && !led.contains(['\\', '\r', '\n']), "{}", led);
                // A reader that takes a path apart at its slashes finds no host either.
                prop_assert!(!led.starts_with("//"), "{}", led);
            }
        }
    }
}
