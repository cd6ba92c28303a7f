//! Content Security Policy Level 3, as far as it is about where things may be loaded from.

use super::{Destination, NetworkError, origin};

/// A policy: its directives in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy(Vec<(String, Vec<String>)>);

impl Policy {
    /// Reads the header (CSP, 2.2.1): of a directive that is given twice the first counts.
    #[must_use]
    pub fn parse(header: &str) -> Policy {
        let mut directives: Vec<(String, Vec<String>)> = Vec::new();
        for directive in header.split(';') {
            let mut words = directive.split_ascii_whitespace();
            let Some(name) = words.next() else { continue };
            let name = name.to_ascii_lowercase();
            if !directives.iter().any(|(known, _)| *known == name) {
                directives.push((name, words.map(str::to_owned).collect()));
            }
        }
        Policy(directives)
    }

    /// Whether a page may load this (CSP, 4.1.2), also where a redirect leads.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Policy`] with the directive that forbids it.
    pub fn admit(
        &self,
        destination: Destination,
        url: &str,
        page: &str,
        redirects: usize,
    ) -> Result<(), NetworkError> {
        let mut names = fallbacks(destination).iter();
        let decides = names.find_map(|name| self.0.iter().find(|(known, _)| known == name));
        let Some((directive, sources)) = decides else {
            return Ok(());
        };
        let admitted = sources.iter().any(|source| matches(source, url, page, redirects));
        let refused = || NetworkError::Policy { directive: directive.clone(), url: url.to_owned() };
        admitted.then_some(()).ok_or_else(refused)
    }
}

/// The directive for a destination and those in its place where it is not there (CSP, 6.8.1 and 6.8.3).
fn fallbacks(destination: Destination) -> &'static [&'static str] {
    match destination {
        Destination::Empty => &["connect-src", "default-src"],
        Destination::Script => &["script-src-elem", "script-src", "default-src"],
        Destination::Style => &["style-src-elem", "style-src", "default-src"],
        Destination::Font => &["font-src", "default-src"],
        Destination::Worker => &["worker-src", "child-src", "script-src", "default-src"],
        // Where a person goes is no business of the page that they leave.
        Destination::Document => &[],
    }
}

/// *Does url match expression in origin with redirect count?* (CSP, 6.7.2.8)
fn matches(source: &str, url: &str, page: &str, redirects: usize) -> bool {
    let Some(target) = origin(url) else {
        return false;
    };
    let (scheme, host) = target.split_once("://").unwrap_or_default();
    match source {
        "*" => matches!(scheme, "http" | "https"),
        "'self'" => target == page,
        // Nonces, hashes and `'unsafe-inline'` are not about a URL.
        quoted if quoted.starts_with('\'') => false,
        only_scheme if only_scheme.ends_with(':') => only_scheme.trim_end_matches(':') == scheme,
        expression => {
            let (wanted, rest) = match expression.split_once("://") {
                Some((wanted, rest)) => (Some(wanted), rest),
                None => (None, expression),
            };
            let (wanted_host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let scheme_matches = wanted.is_none_or(|wanted| wanted == scheme);
            let host_matches = match wanted_host.strip_prefix('*') {
                Some(end) => host.ends_with(end),
                None => host == wanted_host,
            };
            // A path is not compared once there was a redirect: it would tell pages where others lead.
            let path_matches = redirects > 0 || path.is_empty() || path_of(url).starts_with(path);
            scheme_matches && host_matches && path_matches
        }
    }
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kibana and OpenSearch Dashboards send with their pages.
    const KIBANA: &str =
        "script-src 'self'; worker-src blob: 'self'; style-src 'unsafe-inline' 'self'";
    const PAGE: &str = "https://kibana.example";

    fn admits(policy: &str, destination: Destination, url: &str, redirects: usize) -> bool {
        Policy::parse(policy).admit(destination, url, PAGE, redirects).is_ok()
    }

    #[test]
    fn kibana_loads_its_scripts_from_itself_and_its_data_from_anywhere() {
        use Destination::{Document, Empty, Font, Script, Style, Worker};
        let (own, s3) = ("https://kibana.example/app.js", "https://b.s3.eu-west-1.amazonaws.com/k");
        for destination in [Script, Style, Worker] {
            assert!(admits(KIBANA, destination, own, 0), "{destination:?}");
            assert!(
                !admits(KIBANA, destination, s3, 1),
                "{destination:?}: a redirect does not escape the policy"
            );
        }
        for destination in [Empty, Font, Document] {
            assert!(admits(KIBANA, destination, s3, 1), "{destination:?}");
        }
        let refused = Policy::parse(KIBANA).admit(Script, s3, PAGE, 1).unwrap_err();
        assert_eq!(refused.to_string(), format!("the page's policy `script-src` forbids {s3}"));
    }

    #[test]
    fn a_source_names_a_scheme_a_host_and_a_path() {
        let admits = |source: &str, url, redirects| {
            admits(&format!("default-src {source}"), Destination::Empty, url, redirects)
        };
        let url = "https://b.s3.amazonaws.com/answers/1?x";
        for source in [
            "*",
            "https:",
            "b.s3.amazonaws.com",
            "*.amazonaws.com",
            "https://b.s3.amazonaws.com/answers/",
        ] {
            assert!(admits(source, url, 0), "{source}");
        }
        for source in [
            "'none'",
            "'self'",
            "http:",
            "s3.amazonaws.com",
            "https://b.s3.amazonaws.com/other/",
            "''",
        ] {
            assert!(!admits(source, url, 0), "{source}");
        }
        assert!(admits("https://b.s3.amazonaws.com/other/", url, 1), "a path is for the first URL");
    }

    #[test]
    fn the_first_of_two_directives_counts() {
        assert!(!admits("script-src 'self'; SCRIPT-SRC *", Destination::Script, "https://x/", 0));
        assert!(admits("", Destination::Script, "https://x/", 0));
    }
}
