//! Tests of `headers`.

use proptest::prelude::*;

use super::*;
use crate::event::testing;

fn request(headers: &[(&str, &str)]) -> Request {
    testing::request("GET", "/", headers)
}

/// The names and values that go upstream, without those that the proxy itself sets.
fn sent(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let map = for_upstream(&request(headers), true, None, &ExtraHeaders::default())
        .expect("the headers are fine");
    let ours = ["accept-encoding", "x-forwarded-proto", "x-forwarded-for"];
    let lines = map.iter().filter(|(name, _)| !ours.contains(&name.as_str()));
    lines
        .map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
        .collect()
}

/// The headers that the client receives, as text.
fn result(headers: &[(&str, &[u8])]) -> Vec<(String, String)> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    texts(&for_client(&map))
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), text_of(value).into_owned())).collect()
}

fn lines(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn end_to_end_headers_are_forwarded_with_repetitions() {
    let headers = [
        ("osd-xsrf", "true"),
        ("kbn-version", "8.1.0"),
        ("Content-Type", "application/x-ndjson"),
        ("content-encoding", "gzip"),
        ("Accept", "text/plain"),
        ("accept", "text/html"),
        ("cookie", "a=1; b=2"),
        ("X-Elastic-Product-Origin", "kibana"),
    ];
    let lower: Vec<_> = headers.iter().map(|(n, v)| (n.to_lowercase(), (*v).to_owned())).collect();
    let mut sent = sent(&headers);
    sent.sort();
    let mut expected = lower;
    expected.sort();
    assert_eq!(sent, expected);
}

#[test]
fn s7_headers_that_could_forge_an_identity_are_removed_in_every_spelling() {
    for name in [
        "Authorization",
        "AUTHORIZATION",
        "Host",
        "host",
        "X-Amz-Date",
        "x_amz_security_token",
        "X-Amz-Content-Sha256",
        "x-amzn-trace-id",
        "Forwarded",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "x-forwarded_host",
        "X-Forwarded-User",
        "x_forwarded_user",
        "X-Real-IP",
        "Proxy-Authorization",
        "Proxy_Authorization",
        "Proxy-Connection",
        "Content-Length",
        "X-Overflow",
    ] {
        assert_eq!(sent(&[(name, "evil")]), [], "{name}");
    }
    let map = for_upstream(
        &request(&[("x-forwarded-for", "evil")]),
        true,
        None,
        &ExtraHeaders::default(),
    )
    .unwrap();
    assert_eq!(map.get("x-forwarded-for").unwrap(), "192.0.2.9", "it is the gateway's word");
}

#[test]
fn a6_only_the_proxy_sets_the_identity_headers() {
    let names = [
        "X-Forwarded-User",
        "x_forwarded_user",
        "X_Forwarded-User",
        "X-FORWARDED-USER",
        "x-forwarded_groups",
        "X-Forwarded-Email",
        "X-Forwarded-Preferred-Username",
        "X-Auth-Request-User",
        "x_auth_request_user",
        "Remote-User",
        "REMOTE_USER",
        "X-Remote-User",
        "x_remote_groups",
        "X-WebAuth-User",
        "X-Proxy-User",
        "x_proxy_roles",
        "es-security-runas-user",
        "opendistro_security_impersonate_as",
        "X-HTTP-Method-Override",
        "x_method_override",
        "X-Original-URL",
        "X-Rewrite-URL",
    ];
    let smuggled: Vec<(&str, &str)> = names.iter().map(|name| (*name, "mallory")).collect();
    assert_eq!(sent(&smuggled), [], "without a login there is no identity");
    let user = UserHeaders { name: "alice", group: "read" };
    let map =
        for_upstream(&request(&smuggled), true, Some(user), &ExtraHeaders::default()).unwrap();
    let all = |name: &str| map.get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(all("x-forwarded-user"), ["alice"]);
    assert_eq!(all("x-forwarded-groups"), ["read"]);
    let text = format!("{map:?}");
    assert!(!text.contains("mallory"), "{text}");
}

#[test]
fn a3_the_session_cookie_is_not_forwarded() {
    let session = "__Host-hardcap-session=canary";
    for (cookies, left) in [
        (&[session][..], &[][..]),
        (&["a=1", session], &["a=1"]),
        (&["sid=1; __Host-hardcap-session=canary; b=é"], &["sid=1; b=é"]),
        (&["hardcap-session=canary; __Host-hardcap-login=canary"], &[]),
    ] {
        let headers: Vec<(&str, &str)> = cookies.iter().map(|value| ("Cookie", *value)).collect();
        let map = for_upstream(&request(&headers), true, None, &ExtraHeaders::default()).unwrap();
        let all: Vec<&[u8]> = map.get_all("cookie").iter().map(HeaderValue::as_bytes).collect();
        let left: Vec<&[u8]> = left.iter().map(|value| value.as_bytes()).collect();
        assert_eq!(all, left, "{cookies:?}");
    }
    let set = result(&[
        ("set-cookie", b"__Host-hardcap-session=x; Path=/; Secure"),
        ("set-cookie", b"=__Host-hardcap-session=x"),
        ("set-cookie", b" = hardcap-session=x; Path=/"),
        ("set-cookie", b"==__host-HARDCAP-login=x"),
        ("set-cookie", b"sid=1"),
    ]);
    assert_eq!(set, lines(&[("set-cookie", "sid=1")]), "no upstream logs people in or out");
}

#[test]
fn headers_of_one_hop_are_dropped_both_ways() {
    let named = [
        ("Connection", "close, X-Opaque-Id"),
        ("x-opaque-id", "1"),
        ("X_Opaque_Id", "2"),
        ("kbn-xsrf", "3"),
    ];
    assert_eq!(sent(&named), lines(&[("kbn-xsrf", "3")]));
    for name in
        ["Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Expect"]
    {
        assert_eq!(sent(&[(name, "x")]), [], "{name}");
    }
    let response = result(&[
        ("connection", b"x-hop"),
        ("x-hop", b"1"),
        ("transfer-encoding", b"chunked"),
        ("content-length", b"5"),
        ("proxy-authenticate", b"Basic"),
        ("etag", b"\"1\""),
    ]);
    assert_eq!(response, lines(&[("etag", "\"1\"")]));
}

#[test]
fn c3_the_upstream_is_asked_for_gzip_or_identity() {
    for (accepts, expected) in [(true, "gzip"), (false, "identity")] {
        let map = for_upstream(
            &request(&[("accept-encoding", "br, zstd")]),
            accepts,
            None,
            &ExtraHeaders::default(),
        )
        .unwrap();
        let values: Vec<_> = map.get_all("accept-encoding").iter().collect();
        assert_eq!(values, [expected]);
    }
}

#[test]
fn s13_values_that_are_not_ascii_or_not_text_do_not_panic() {
    assert_eq!(sent(&[("x-opaque-id", "é☃")]), lines(&[("x-opaque-id", "é☃")]));
    let all: Vec<u8> = (0x80..=0xff).collect();
    let response = result(&[("x-bytes", &all), ("x-text", "é".as_bytes())]);
    let text = |name: &str| response.iter().find(|(known, _)| known == name).map(|(_, text)| text);
    assert_eq!(text("x-text").map(String::as_str), Some("é"));
    assert_eq!(text("x-bytes").map(|text| text.chars().count()), Some(128));
    for bad in ["a\r\nb", "a\0b", "\n"] {
        assert!(
            for_upstream(&request(&[("x-name", bad)]), true, None, &ExtraHeaders::default())
                .is_err(),
            "{bad:?}"
        );
    }
    assert!(
        for_upstream(&request(&[("na me", "x")]), true, None, &ExtraHeaders::default()).is_err()
    );
}

#[test]
fn a3_only_the_domain_is_removed_from_a_cookie_of_the_upstream() {
    let response = result(&[
        ("set-cookie", b"sid=1; Domain=search-x.es.amazonaws.com; Path=/; HttpOnly"),
        ("set-cookie", b"domain=kept; domain=gone;SameSite=Lax"),
    ]);
    let expected =
        [("set-cookie", "sid=1; Path=/; HttpOnly"), ("set-cookie", "domain=kept;SameSite=Lax")];
    assert_eq!(response, lines(&expected));
}

#[test]
fn cors_headers_of_the_upstream_are_dropped() {
    let response = result(&[("access-control-allow-origin", b"*"), ("x-elastic-product", b"E")]);
    assert_eq!(response, lines(&[("x-elastic-product", "E")]));
}

#[test]
fn responses_to_logged_in_users_are_private() {
    for (before, after) in [
        (&[][..], "private"),
        (&["public, max-age=86400"], "private, max-age=86400"),
        (&["Public", "S-MaxAge=60, immutable"], "private, immutable"),
        (&["no-store"], "no-store"),
        (&["public, No-Store"], "No-Store"),
        (&["private, max-age=1"], "private, max-age=1"),
        (&["private=\"set-cookie, x\", public"], "private"),
        (&["no-cache=\"a, public\", public"], "private, no-cache=\"a, public\""),
        (&["must-revalidate,,proxy-revalidate"], "private, must-revalidate"),
        (&["stale-while-revalidate=60, max-age=0"], "private, max-age=0"),
    ] {
        let mut kept = HeaderMap::new();
        for value in before {
            append(&mut kept, CACHE_CONTROL, value);
        }
        kept.insert("surrogate-control", HeaderValue::from_static("max-age=9"));
        kept.insert("cloudflare-cdn-cache-control", HeaderValue::from_static("max-age=9"));
        make_private(&mut kept);
        assert_eq!(kept, of(&[("cache-control", after)]), "{before:?}");
    }
}

#[test]
fn vary_is_added_once() {
    let mut known = of(&[("vary", "Accept, origin")]);
    vary(&mut known, "Origin");
    assert_eq!(known, of(&[("vary", "Accept, origin")]));
    vary(&mut known, "Accept-Encoding");
    assert_eq!(known.len(), 2);
    let mut all = of(&[("vary", "*")]);
    vary(&mut all, "Origin");
    assert_eq!(all, of(&[("vary", "*")]));
}

proptest! {
    #[test]
    fn s7_no_spelling_of_a_forbidden_header_gets_through(
        at in 0_usize..8,
        upper in proptest::collection::vec(any::<bool>(), 40),
        underscore in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let names = [
            "authorization", "x-amz-date", "x-forwarded-for", "x-forwarded-user", "host",
            "proxy-authorization", "forwarded", "x-amz-security-token",
        ];
        let name: String = names[at].chars().enumerate().map(|(index, letter)| match letter {
            '-' if underscore[index] => '_',
            letter if upper[index] => letter.to_ascii_uppercase(),
            letter => letter,
        }).collect();
        prop_assert_eq!(sent(&[(&name, "evil")]), []);
    }

    #[test]
    fn s13_forwarding_headers_never_panics(name in ".{0,20}", value in ".{0,40}", bytes in proptest::collection::vec(0x20_u8..=0xff, 0..40)) {
        let _ = for_upstream(&request(&[(&name, &value)]), true, None, &ExtraHeaders::default());
        let mut map = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            map.append("x-odd", value);
        }
        let _ = for_client(&map);
        let _ = accepts_gzip(&value);
    }
}
