//! Tests of `path`: the corpus of paths.

use http::Method;
use proptest::prelude::*;

use super::*;

fn request(api: ApiType, path: &str, query: Query) -> Request {
    Request {
        api,
        method: Method::GET,
        path: path.to_owned(),
        query,
        headers: Vec::new(),
        body: bytes::Bytes::new(),
        source_ip: None,
        stage_prefix: String::new(),
    }
}

fn rest(path: &str) -> Result<String, BadTarget> {
    Target::of(&request(ApiType::Rest, path, Query::Raw(String::new()))).map(|t| t.path)
}

fn http(path: &str) -> Result<String, BadTarget> {
    Target::of(&request(ApiType::HttpV2, path, Query::Raw(String::new()))).map(|t| t.path)
}

fn query(raw: &str) -> Result<Option<String>, BadTarget> {
    Target::of(&request(ApiType::HttpV2, "/", Query::Raw(raw.to_owned()))).map(|t| t.query)
}

#[test]
fn s1_a_raw_path_is_kept_unchanged() {
    for path in [
        "/",
        "/a/b/",
        "/*",
        "/*,-x/_search",
        "/%2A",
        "/%2a",
        "/%3Clogstash-%7Bnow%2Fd%7D%3E/_search",
        "/index/_doc/https%3A%2F%2Fexample.com%2F%23top",
        "/caf%C3%A9",
        "/a:b;c=d@e!$&'()+,",
    ] {
        assert_eq!(rest(path), Ok(path.to_owned()));
    }
}

#[test]
fn s1_characters_that_a_request_line_cannot_contain_are_encoded() {
    assert_eq!(rest("/café"), Ok("/caf%C3%A9".to_owned()));
    assert_eq!(rest("/a b\"<>^`{|}"), Ok("/a%20b%22%3C%3E%5E%60%7B%7C%7D".to_owned()));
}

#[test]
fn s1_a_decoded_path_with_one_encoding_is_encoded_again() {
    assert_eq!(http("/a b/é"), Ok("/a%20b/%C3%A9".to_owned()));
    assert_eq!(http("/*,-x/_search"), Ok("/*,-x/_search".to_owned()));
    assert_eq!(http("/100%"), Ok("/100%25".to_owned()));
    assert_eq!(http("/a?b"), Ok("/a%3Fb".to_owned()));
}

#[test]
fn s1_a_decoded_path_with_two_meanings_is_refused() {
    assert!(matches!(http("/a%2Fb"), Err(BadTarget::Ambiguous(_))));
    assert!(matches!(http("/<logstash-{now/d}>/_search"), Err(BadTarget::Ambiguous(_))));
    assert_eq!(http("/a#b"), Err(BadTarget::Forbidden("`#`")));
}

#[test]
fn s5_traversal_is_refused_in_every_spelling() {
    for path in [
        "/..",
        "/.",
        "/a/../b",
        "/a/./b",
        "/%2e%2e/b",
        "/%2E./b",
        "/a/..%2fb",
        "/a%2f..%2fb",
        "/%252e%252e/b",
        "/a/..;/b",
        "/a;/../b",
        "/a/..;x=1/b",
    ] {
        assert_eq!(rest(path), Err(BadTarget::DotSegment), "{path}");
    }
    for path in ["/a\\b", "/..\\..", "/a%5Cb"] {
        assert_eq!(rest(path), Err(BadTarget::Forbidden("a backslash")), "{path}");
    }
    assert_eq!(rest("/a%00b"), Err(BadTarget::Forbidden("a NUL")));
    assert_eq!(rest("/a%0Ab"), Err(BadTarget::Forbidden("a control character")));
    assert_eq!(rest("/a#b"), Err(BadTarget::Forbidden("`#`")));
    assert_eq!(rest("//a//b"), Err(BadTarget::EmptySegment));
    assert_eq!(rest("/a//"), Err(BadTarget::EmptySegment));
}

#[test]
fn s5_dots_within_a_name_are_not_traversal() {
    for path in ["/..a", "/a..", "/.kibana/x", "/...", "/logs-2017.10.01/_search"] {
        assert_eq!(rest(path), Ok(path.to_owned()));
    }
}

#[test]
fn s11_a_target_that_is_a_url_is_refused() {
    for path in ["http://evil.example/", "evil.example", "@evil.example/", "*"] {
        assert_eq!(rest(path), Err(BadTarget::NotAbsolute), "{path}");
    }
}

#[test]
fn a_broken_escape_is_refused() {
    for path in ["/%", "/%2", "/%zz", "/a%2"] {
        assert_eq!(rest(path), Err(BadTarget::BrokenEscape("path")), "{path}");
    }
    assert_eq!(query("a=%zz"), Err(BadTarget::BrokenEscape("query")));
}

#[test]
fn s3_a_query_is_rewritten_to_the_spelling_that_is_signed() {
    assert_eq!(query("q=a+b"), Ok(Some("q=a%20b".to_owned())));
    assert_eq!(query("q=a%2Bb"), Ok(Some("q=a%2Bb".to_owned())));
    assert_eq!(query("q=%e9"), Err(BadTarget::QueryNotUtf8));
    assert_eq!(query("q=%FF"), Err(BadTarget::QueryNotUtf8));
    assert_eq!(
        query("_g=(a:'b!c',d:!(1))"),
        Ok(Some("_g=%28a%3A%27b%21c%27%2Cd%3A%21%281%29%29".to_owned()))
    );
    assert_eq!(query("a=b=c"), Ok(Some("a=b%3Dc".to_owned())));
}

#[test]
fn s4_order_duplicates_and_bare_keys_are_kept() {
    assert_eq!(query("z=1&a=2&z=3&v&pretty="), Ok(Some("z=1&a=2&z=3&v&pretty=".to_owned())));
    assert_eq!(query(""), Ok(None));
    assert_eq!(query("&&"), Ok(None));
    let pairs = vec![("b".to_owned(), "1 2".to_owned()), ("b".to_owned(), "+".to_owned())];
    let target = Target::of(&request(ApiType::Rest, "/", Query::Decoded(pairs)));
    assert_eq!(target.unwrap().path_and_query(), "/?b=1%202&b=%2B");
}

#[test]
fn r8_the_proxys_own_paths_are_recognized_in_every_spelling() {
    let route = |path: &str| {
        let target = Target { path: path.to_owned(), query: None };
        target.own_route()
    };
    assert_eq!(route("/_proxy"), Some(String::new()));
    assert_eq!(route("/_proxy/ping"), Some("/ping".to_owned()));
    assert_eq!(route("/%5Fproxy/ping"), Some("/ping".to_owned()));
    assert_eq!(route("/_proxy%2Fping"), Some("/ping".to_owned()));
    assert_eq!(route("/_proxyx"), None);
    assert_eq!(route("/x/_proxy/ping"), None);
}

proptest! {
    #[test]
    fn s1_every_accepted_path_is_a_uri_with_the_meaning_of_the_sent_one(path in "/[ -~é☃]{0,40}") {
        if let Ok(encoded) = rest(&path) {
            let uri: http::Uri = encoded.parse().expect("an accepted path is a URI");
            prop_assert_eq!(uri.path(), &encoded, "nothing rewrites it");
            prop_assert_eq!(decode(encoded.as_bytes()), decode(path.as_bytes()));
        }
        if let Ok(encoded) = http(&path) {
            prop_assert_eq!(decode(encoded.as_bytes()), path.as_bytes());
        }
    }

    #[test]
    fn s4_every_parameter_reaches_the_upstream(pairs in proptest::collection::vec((".*", ".*"), 0..8)) {
        let target = Target::of(&request(ApiType::Rest, "/", Query::Decoded(pairs.clone()))).unwrap();
        let parts = target.query.as_deref().unwrap_or_default().split('&').filter(|part| !part.is_empty());
        let seen: Vec<(String, String)> = parts
            .map(|part| {
                let (name, value) = part.split_once('=').expect("every pair has one");
                let text = |t: &str| String::from_utf8(decode(t.as_bytes())).expect("it was text");
                (text(name), text(value))
            })
            .collect();
        prop_assert_eq!(seen, pairs);
    }

    #[test]
    fn reading_a_target_never_panics(path in ".*", raw in ".*") {
        let _ = Target::of(&request(ApiType::Rest, &path, Query::Raw(raw.clone())));
        let _ = Target::of(&request(ApiType::HttpV2, &path, Query::Raw(raw)));
    }
}
