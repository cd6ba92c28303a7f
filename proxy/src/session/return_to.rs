//! The target of the redirect after a login: a path of this proxy, never another host.

use crate::path::{Target, decode};

/// The longest path, in bytes. Longer ones are replaced by `/`, because they occur twice in a URL.
const LENGTH_MAX: usize = 2048;

/// A path and query of this proxy that is safe to redirect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The path of a request without a session, to return to.
    pub(crate) fn target(target: &Target) -> ReturnTo {
        ReturnTo::read(&target.path_and_query())
    }

    /// Reads a client's text; anything but a path of this proxy becomes `/`.
    #[must_use]
    pub fn read(text: &str) -> ReturnTo {
        ReturnTo(if is_own_path(text) { text.to_owned() } else { "/".to_owned() })
    }

    /// Path and query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Path and query, encoded as the value of a parameter.
    pub(crate) fn encoded(&self) -> String {
        form_urlencoded::byte_serialize(self.0.as_bytes()).collect()
    }
}

/// Whether every browser reads the text as a path of the same origin. It is checked as it is, decoded once, and decoded twice,
/// because intermediaries may decode it.
fn is_own_path(text: &str) -> bool {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let once = decode(path.as_bytes());
    let twice = decode(&once);
    text.starts_with('/')
        && text.len() <= LENGTH_MAX
        // A `Location` is ASCII; paths are encoded.
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#')
        && [path.as_bytes(), &once, &twice].into_iter().all(is_plain)
        // A login must not lead to the login or the logout.
        && !twice.starts_with(b"/_proxy/log")
}

fn is_plain(path: &[u8]) -> bool {
    let has = |part: &[u8]| path.windows(part.len()).any(|window| window == part);
    let dots = path.split(|byte| *byte == b'/').any(|segment| segment == b"." || segment == b"..");
    !has(b"//") && !has(b"\\") && !dots && !path.iter().any(u8::is_ascii_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Targets of open redirects in other proxies.
    const CORPUS: &str = include_str!("../../../fixtures/redirects/open-redirects/targets.txt");

    fn leads_to(text: &str) -> String {
        ReturnTo::read(text).as_str().to_owned()
    }

    #[test]
    fn a4_every_target_of_the_corpus_becomes_the_root() {
        let targets: Vec<&str> = CORPUS.lines().collect();
        assert!(targets.len() > 100, "the corpus is not empty");
        for target in targets {
            assert_eq!(leads_to(target), "/", "{target}");
            let decoded = String::from_utf8_lossy(&decode(target.as_bytes())).into_owned();
            assert_eq!(leads_to(&decoded), "/", "{target}, decoded");
        }
    }

    #[test]
    fn a4_targets_with_control_characters_or_spaces_become_the_root() {
        for text in [
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r\\evil.example",
            "/\u{b}/evil.example",
            "/ /evil.example",
            "/\0/x",
            "/é",
            "/a\r\nset-cookie: x=1",
            "/%0d%0aset-cookie:%20x",
            "",
            " /a",
        ] {
            assert_eq!(leads_to(text), "/", "{text:?}");
        }
        assert_eq!(leads_to(&format!("/{}", "a".repeat(LENGTH_MAX))), "/");
    }

    #[test]
    fn a4_paths_of_the_proxy_are_kept_unchanged() {
        for text in [
            "/",
            "/_dashboards/app/discover",
            "/logs-*/_search?q=a%20b&v",
            "/%3Clogs-%7Bnow%2Fd%7D%3E/_search",
            "/a?next=https://elsewhere.example//x",
            "/logs/_search?q=%2F%2Fx",
            "/_proxy/jobs/a",
        ] {
            assert_eq!(leads_to(text), text);
        }
        for text in
            ["/_proxy/login?return=/a", "/_proxy/logout", "/%5fproxy/login", "/%255Fproxy/login"]
        {
            assert_eq!(leads_to(text), "/", "{text}: a login does not lead to the login");
        }
    }

    proptest! {
        #[test]
        fn a4_every_kept_target_is_a_path(text in "[/\\\\%0-9a-f.:@?#\t ]{0,24}") {
            let kept = leads_to(&text);
            prop_assert!(kept.starts_with('/') && !kept.starts_with("//") && !kept.starts_with("/\\"));
            let url: http::Uri = kept.parse().expect("a path and query");
            prop_assert_eq!(url.authority(), None);
        }
    }
}
