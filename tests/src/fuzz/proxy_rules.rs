//! What the rules of the proxy let through.

use std::sync::LazyLock;

use hardcap_proxy::event::{ApiType, Query};
use hardcap_proxy::path::Target;
use hardcap_proxy::session::{Role, Rules};
use http::Method;

use super::input::Input;
use super::proxy_path::request;

static RULES: LazyLock<[Rules; 2]> = LazyLock::new(|| {
    let secret = "deny * * /secret-*/**; allow read GET,POST /{index}/_search";
    [Rules::default(), Rules::read(secret).expect("rules")]
});
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "MOVE"];

/// A path that is denied is denied in every spelling, `read` may nothing that `full` may not, and no spelling reaches an index
/// that a rule denies.
pub fn proxy_rules(data: &[u8]) {
    let mut input = Input::new(data);
    let method = Method::from_bytes(input.choose(&METHODS).as_bytes()).expect("a method");
    let which = input.below(2);
    let spelling = input.byte();
    let path = String::from_utf8_lossy(input.rest()).into_owned();
    let Ok(target) = Target::of(&request(ApiType::Rest, &path, Query::Raw(String::new()))) else {
        return;
    };
    let rules = &RULES[which];
    let spelled = respelled(&target.path, spelling);
    for role in [Role::Read, Role::Full] {
        let (plain, other) =
            (rules.admit(role, &method, &target.path), rules.admit(role, &method, &spelled));
        assert_eq!(
            plain.is_ok(),
            other.is_ok(),
            "{role} {method} {} and {spelled}: {plain:?}, {other:?}",
            target.path
        );
        if which == 1 && plain.is_ok() {
            let reached = reached(&target.path);
            let secret = reached.iter().find(|index| index.starts_with("secret-"));
            assert!(secret.is_none(), "{role} {method} {}: {reached:?}", target.path);
        }
        if method == Method::HEAD {
            let get = rules.admit(role, &Method::GET, &target.path);
            assert_eq!(plain.is_ok(), get.is_ok(), "{role} {}", target.path);
        }
        if matches!(method.as_str(), "DELETE" | "MOVE") && which == 0 && role == Role::Read {
            let closes = [
                "/_search/scroll",
                "/_search/point_in_time",
                "/_pit",
                "/_async_search",
                "/_eql",
                "/_sql",
            ];
            assert!(
                plain.is_err()
                    || closes.iter().any(|it| target.path.contains(&it[1..]))
                    || target.path.contains('%'),
                "{method} {}",
                target.path
            );
        }
    }
    let (read, full) = (
        rules.admit(Role::Read, &method, &target.path),
        rules.admit(Role::Full, &method, &target.path),
    );
    // The rule of the second set lets `read` through before those that are built in.
    assert!(
        which == 1 || read.is_err() || full.is_ok(),
        "{method} {}: only `read` may",
        target.path
    );
}

/// The same path with more characters encoded, by the bits of a number.
fn respelled(path: &str, bits: u8) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(path.len() * 3);
    let mut left = 0;
    for (at, byte) in path.bytes().enumerate() {
        // An escape stays one, in the other case of letters.
        if left > 0 {
            left -= 1;
            text.push(if bits & 0x80 == 0 {
                char::from(byte)
            } else {
                char::from(byte.to_ascii_lowercase())
            });
            continue;
        }
        if byte == b'%' {
            left = 2;
        }
        if byte.is_ascii_alphanumeric() && bits >> (at % 8) & 1 == 1 {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        } else {
            text.push(char::from(byte));
        }
    }
    text
}

/// The indices that Elasticsearch finds for the first segment of a path, among some that there are: names and wildcards are taken
/// in, `-` takes out once a wildcard stands before it. `expand_wildcards=none` in the query leaves the names that are written out,
/// so they are found whatever stands behind them.
fn reached(path: &str) -> Vec<&'static str> {
    const INDICES: [&str; 5] = ["logs-1", "metrics", "secret-1", "secret-2", "secr"];
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let list = hardcap_core::percent::decode(first);
    let (mut by_name, mut by_wildcard) = (Vec::new(), Vec::new());
    let mut after_wildcard = false;
    for part in list.split(',') {
        let (takes_out, glob) = match part.strip_prefix('-') {
            Some(glob) if after_wildcard => (true, glob),
            _ => (false, part),
        };
        after_wildcard |= glob.contains('*');
        // One star is as good as many, and is sooner compared.
        let mut glob = glob.to_owned();
        while glob.contains("**") {
            glob = glob.replace("**", "*");
        }
        let of = |index: &&'static str| matches(glob.as_bytes(), index.as_bytes());
        if takes_out {
            by_wildcard.retain(|index| !of(index));
        } else if glob.contains('*') {
            by_wildcard.extend(INDICES.iter().copied().filter(of));
        } else {
            by_name.extend(INDICES.iter().copied().filter(of));
        }
    }
    by_name.append(&mut by_wildcard);
    by_name
}

fn matches(glob: &[u8], text: &[u8]) -> bool {
    match (glob.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, text) || text.split_first().is_some_and(|(_, text)| matches(glob, text))
        }
        (Some((one, glob)), Some((other, text))) => one == other && matches(glob, text),
        _ => false,
    }
}
