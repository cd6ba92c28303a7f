//! Tests of `sign`: the signature that a server computes from the raw request line equals the one that was sent.
//!
//! The server's side is implemented independently here, and is verified with AWS's own test vectors.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z
const TIME: Duration = Duration::from_secs(1_440_938_160);

fn encode(bytes: &[u8], keep_slash: bool) -> String {
    let plain =
        |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b) || (keep_slash && b == b'/');
    bytes
        .iter()
        .map(|b| if plain(*b) { char::from(*b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// The canonical query of a query that is already in canonical spelling: sorted by name, then value, with a `=` each.
fn canonical_query(raw: &str) -> String {
    let parts = raw.split('&').filter(|part| !part.is_empty());
    let mut pairs: Vec<(&str, &str)> =
        parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
    pairs.sort_unstable();
    let parts: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
    parts.join("&")
}

/// The canonical path of a server that encodes the path once more.
fn signature(
    (method, path, query): (&str, &str, &str),
    headers: &[(&str, &str)],
    body_sha256: &str,
    scope: &str,
    secret: &str,
) -> String {
    let mut sorted = headers.to_vec();
    sorted.sort_unstable();
    let lines: String = sorted.iter().map(|(n, v)| format!("{n}:{}\n", v.trim())).collect();
    let names = sorted.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(";");
    let path = encode(path.as_bytes(), true);
    let query = canonical_query(query);
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body_sha256}");
    let date = headers.iter().find(|(n, _)| *n == "x-amz-date").expect("it is dated").1;
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        hex::encode(Sha256::digest(canonical.as_bytes()))
    );
    let mac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let first = format!("AWS4{secret}").into_bytes();
    let key = scope.split('/').fold(first, |key, part| mac(&key, part));
    hex::encode(mac(&key, &to_sign))
}

/// `(scope, signature)` of an `Authorization`.
fn parse_authorization(text: &str) -> (String, Vec<String>, String) {
    let field = |name: &str| {
        let rest = text.split(name).nth(1).expect("the field is there");
        rest.split(',').next().expect("it has a value").trim().to_owned()
    };
    let credential = field("Credential=");
    let scope = credential.split_once('/').expect("a key and a scope").1.to_owned();
    let names = field("SignedHeaders=").split(';').map(str::to_owned).collect();
    (scope, names, field("Signature="))
}

#[test]
fn the_server_of_these_tests_agrees_with_the_vectors_of_aws() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/sigv4");
    for name in [
        "get-vanilla",
        "get-vanilla-with-session-token",
        "post-vanilla",
        "double-url-encode",
        "get-vanilla-query-order-key-case",
    ] {
        let request = fs::read_to_string(vectors.join(name).join("request.http")).expect(name);
        let mut lines = request.lines();
        let line: Vec<&str> = lines.next().expect("a request line").split(' ').collect();
        let (path, query) = line[1].split_once('?').unwrap_or((line[1], ""));
        let headers: Vec<(String, String)> = lines
            .take_while(|line| !line.is_empty())
            .map(|line| line.split_once(':').expect("a header"))
            .map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()))
            .collect();
        let authorization = headers.iter().find(|(n, _)| n == "authorization").expect(name);
        let (scope, names, expected) = parse_authorization(&authorization.1);
        let signed: Vec<(&str, &str)> = headers
            .iter()
            .filter(|(n, _)| names.contains(n))
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let found = signature((line[0], path, query), &signed, EMPTY_SHA256, &scope, SECRET);
        assert_eq!(found, expected, "{name}");
    }
}

fn credentials(token: Option<&str>) -> Credentials {
    Credentials::new("AKIDEXAMPLE", SECRET, token.map(str::to_owned), None, "test")
}

/// Signs a request, and verifies it as the server of the service does, from the request line as sent.
fn check(path_and_query: &str) {
    let scope = Scope { service: "es".to_owned(), region: "eu-west-1".to_owned() };
    let host = "search-x.eu-west-1.es.amazonaws.com";
    let url = format!("https://{host}{path_and_query}");
    let body_sha256 = hex::encode(Sha256::digest(b"{}"));
    let signable =
        Signable { method: "POST", url: &url, host, headers: &[], body_sha256: &body_sha256 };
    let time = SystemTime::UNIX_EPOCH + TIME;
    let headers = signature_headers(signable, &scope, &credentials(Some("token")), time).unwrap();
    let text = |name: &str| headers.get(name).expect(name).to_str().unwrap().to_owned();
    let (scope, names, found) = parse_authorization(&text("authorization"));
    let expected_names = ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];
    assert_eq!(names, expected_names, "s6: nothing an intermediary may change");
    assert_eq!(text("x-amz-content-sha256"), body_sha256, "s8");
    let (sha256, date, token) =
        (text("x-amz-content-sha256"), text("x-amz-date"), text("x-amz-security-token"));
    let signed = [
        ("host", host),
        ("x-amz-content-sha256", sha256.as_str()),
        ("x-amz-date", date.as_str()),
        ("x-amz-security-token", token.as_str()),
    ];
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let expected = signature(("POST", path, query), &signed, &body_sha256, &scope, SECRET);
    assert_eq!(found, expected, "{path_and_query}");
}

#[test]
fn s2_the_signature_covers_the_bytes_of_the_request_line() {
    for path in [
        "/",
        "/*",
        "/*,-x/_search",
        "/%2A",
        "/%3Clogstash-%7Bnow%2Fd%7D%3E/_search",
        "/caf%C3%A9",
        "/a%20b",
        "/a:b;c@d",
        "/'()!",
        "/a//b",
        "/index/_doc/a%2Fb",
        "/_search?q=a%20b&v&pretty=&a=2&a=1",
        "/app?_g=%28a%3A%27b%27%29",
    ] {
        check(path);
    }
}

#[test]
fn s2_an_encoded_star_and_a_bare_one_are_two_paths() {
    let scope = Scope { service: "es".to_owned(), region: "eu-west-1".to_owned() };
    let sign = |url: &str| {
        let signable =
            Signable { method: "GET", url, host: "h", headers: &[], body_sha256: EMPTY_SHA256 };
        let time = SystemTime::UNIX_EPOCH + TIME;
        let headers = signature_headers(signable, &scope, &credentials(None), time).unwrap();
        headers.get("authorization").unwrap().to_str().unwrap().to_owned()
    };
    assert_ne!(sign("https://h/*"), sign("https://h/%2A"));
}

#[test]
fn p5_the_signature_is_marked_as_a_secret() {
    let scope = Scope { service: "es".to_owned(), region: "eu-west-1".to_owned() };
    let signable = Signable {
        method: "GET",
        url: "https://h/",
        host: "h",
        headers: &[],
        body_sha256: EMPTY_SHA256,
    };
    let time = SystemTime::UNIX_EPOCH + TIME;
    let headers = signature_headers(signable, &scope, &credentials(Some("canary")), time).unwrap();
    let text = format!("{headers:?}");
    assert!(!text.contains("canary") && !text.contains("Signature="), "{text}");
}

proptest! {
    #[test]
    fn s2_every_accepted_path_and_query_is_signed_as_it_is_sent(
        path in "/[ -~é]{0,30}",
        query in "[ -~é]{0,30}",
    ) {
        let request = crate::event::Request {
            api: crate::event::ApiType::Rest,
            method: http::Method::POST,
            path,
            query: crate::event::Query::Raw(query.replace('#', "")),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
            source_ip: None,
            stage_prefix: String::new(),
        };
        if let Ok(target) = crate::path::Target::of(&request) {
            check(&target.path_and_query());
        }
    }
}
