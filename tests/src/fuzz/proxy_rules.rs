//! What the rules of the proxy let through.

use std::sync::LazyLock;

use hardcap_proxy::event::{FrontDoor, Query};
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
    let Ok(target) = Target::of(&request(FrontDoor::Rest, &path, Query::Raw(String::new()))) else {
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
            let first = first_segment(&target.path);
            assert!(
                !first.split(',').any(|name| name.starts_with("secret-")),
                "{role} {method} {}",
                target.path
            );
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

/// The first segment, decoded, in lower case.
fn first_segment(path: &str) -> String {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    hardcap_core::percent::decode(first).to_lowercase()
}
