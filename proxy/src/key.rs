//! The keys of stored responses: unguessable, with at most a short suffix from the client's path.

use uuid::Uuid;

/// The longest suffix, in characters.
const SUFFIX_MAX: usize = 16;

/// A new key: `prefix/uuid`, and `.suffix` if the last segment of the path has a plain one.
#[must_use]
pub fn new_key(prefix: &str, path: &str) -> String {
    let id = Uuid::new_v4();
    match suffix(path) {
        Some(suffix) => format!("{prefix}/{id}.{suffix}"),
        None => format!("{prefix}/{id}"),
    }
}

/// The text after the last dot of the last segment, if it is 1 to 16 ASCII letters and digits.
fn suffix(path: &str) -> Option<&str> {
    let segment = path.rsplit('/').next()?;
    let (_, suffix) = segment.rsplit_once('.')?;
    let plain = !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain && suffix.len() <= SUFFIX_MAX).then_some(suffix)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn check(path: &str, expected: Option<&str>) {
        assert_eq!(suffix(path), expected, "{path}");
    }

    #[test]
    fn k1_the_suffix_is_that_of_the_last_segment_alone() {
        check("/report.csv", Some("csv"));
        check("/a/b.tar.gz", Some("gz"));
        check("/.kibana/_search", None);
        check("/a.b/c", None);
        check("/logs-2017.10.01/_search", None);
        check("/x.", None);
        check("/x.%2e%2e%2f", None);
        check("/x.js;v=1", None);
        check("/x.é", None);
        check("/x.aaaaaaaaaaaaaaaa", Some("aaaaaaaaaaaaaaaa"));
        check("/x.aaaaaaaaaaaaaaaaa", None);
        check(&format!("/x.{}", "a".repeat(300)), None);
        check("/", None);
        check("", None);
    }

    #[test]
    fn p8_keys_are_unique_and_not_sequential() {
        let keys: HashSet<String> = (0..100_000).map(|_| new_key("p", "/x")).collect();
        assert_eq!(keys.len(), 100_000);
        // A version 4 UUID is random but for 6 bits: neighbours share no prefix beyond chance.
        let firsts: HashSet<&str> = keys.iter().map(|key| &key[2..4]).collect();
        assert_eq!(firsts.len(), 256, "the first byte takes every value");
    }

    proptest! {
        #[test]
        fn k1_a_key_is_prefix_uuid_and_a_plain_suffix_for_every_path(path in ".*") {
            let key = new_key("some/prefix", &path);
            let rest = key.strip_prefix("some/prefix/").expect("the prefix is first");
            let (id, suffix) = rest.split_at(36);
            prop_assert!(id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-'));
            if !suffix.is_empty() {
                prop_assert!(suffix.starts_with('.'));
                prop_assert!((2..=17).contains(&suffix.len()));
                prop_assert!(suffix[1..].bytes().all(|b| b.is_ascii_alphanumeric()));
            }
        }
    }
}
