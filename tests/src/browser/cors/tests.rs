//! Tests of `cors`, a rule each.

use http::{HeaderMap, HeaderName, StatusCode};

use super::*;

const PAGE: &str = "https://kibana.example";

fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers: map, body: bytes::Bytes::new() }
}

fn urls(list: &[&str]) -> Vec<String> {
    list.iter().map(|url| (*url).to_owned()).collect()
}

#[test]
fn an_origin_is_null_once_a_foreign_one_has_redirected_to_yet_another() {
    let (own, api, s3) =
        ("https://kibana.example/a", "https://api.example/", "https://s3.example/");
    assert_eq!(serialized_origin(PAGE, &urls(&[own])), PAGE);
    assert_eq!(serialized_origin(PAGE, &urls(&[own, s3])), PAGE, "the page's own server redirects");
    assert_eq!(serialized_origin(PAGE, &urls(&[api])), PAGE);
    assert_eq!(serialized_origin(PAGE, &urls(&[api, api])), PAGE, "within one origin");
    assert_eq!(serialized_origin(PAGE, &urls(&[api, s3])), "null");
    assert_eq!(serialized_origin(PAGE, &urls(&[api, own])), "null", "even back home");
    assert_eq!(serialized_origin(PAGE, &urls(&[own, api, s3])), "null");
}

#[test]
fn the_check_compares_whole_origins_and_asks_more_of_credentials() {
    use Credentials::{Include, Omit, SameOrigin};
    let any = answer(200, &[("access-control-allow-origin", "*")]);
    let exact = answer(200, &[("access-control-allow-origin", PAGE)]);
    let null = answer(200, &[("access-control-allow-origin", "null")]);
    let twice = answer(
        200,
        &[("access-control-allow-origin", PAGE), ("access-control-allow-origin", PAGE)],
    );
    let full = answer(
        200,
        &[("access-control-allow-origin", PAGE), ("access-control-allow-credentials", "true")],
    );
    for (answer, origin, credentials, passes) in [
        (&any, PAGE, SameOrigin, true),
        (&any, "null", Omit, true),
        (&any, PAGE, Include, false),
        (&exact, PAGE, SameOrigin, true),
        (&exact, "null", SameOrigin, false),
        (&exact, "https://kibana.example.evil", SameOrigin, false),
        (&exact, PAGE, Include, false),
        (&null, "null", SameOrigin, true),
        (&twice, PAGE, SameOrigin, false),
        (&full, PAGE, Include, true),
        (&self::answer(200, &[]), PAGE, Omit, false),
    ] {
        let checked = check(answer, origin, credentials);
        assert_eq!(checked.is_ok(), passes, "{answer:?} {origin} {credentials:?}: {checked:?}");
    }
}

#[test]
fn headers_that_kibana_sends_need_a_preflight_and_plain_ones_do_not() {
    let lines = |list: &[(&str, &str)]| -> Vec<(String, Vec<u8>)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    };
    let unsafe_names = |list: &[(&str, &str)]| -> Vec<String> {
        unsafe_header_names(&lines(list)).into_iter().collect()
    };
    assert!(
        unsafe_names(&[("Accept", "*/*"), ("Content-Type", "text/plain;charset=UTF-8")]).is_empty()
    );
    assert!(
        unsafe_names(&[("range", "bytes=0-"), ("accept-language", "de-CH, en;q=0.5")]).is_empty()
    );
    assert_eq!(
        unsafe_names(&[("kbn-version", "8.9.0"), ("Content-Type", "application/json")]),
        ["content-type", "kbn-version"]
    );
    assert_eq!(
        unsafe_names(&[("Authorization", "Basic x"), ("If-Match", "\"e\"")]),
        ["authorization", "if-match"]
    );
    for (name, value) in [
        ("range", "bytes=-500"),
        ("range", "bytes=0-1,4-5"),
        ("accept", "a{b"),
        ("accept-language", "de;q=\"1\""),
    ] {
        assert_eq!(unsafe_names(&[(name, value)]), [name], "{value}");
    }
    assert_eq!(unsafe_names(&[("accept", &"a".repeat(129))]), ["accept"]);
    let long = "a".repeat(128);
    let many: Vec<(&str, &str)> = (0..9).map(|_| ("accept", long.as_str())).collect();
    assert!(unsafe_names(&many[..8]).is_empty(), "1024 bytes together");
    assert_eq!(unsafe_names(&many), ["accept"], "more than 1024");
}

#[test]
fn a_preflight_lists_what_is_unsafe_in_lower_case_and_sorted() {
    let call = Call::new(Method::PUT, "https://s3.example/x").header("X-B", "1").header("a", "2");
    let unsafe_names = unsafe_header_names(&call.headers);
    let asked = Asked {
        origin: "null",
        call: &call,
        credentials: Credentials::SameOrigin,
        unsafe_names: &unsafe_names,
    };
    let preflight = asked.preflight();
    let value = |name: &str| {
        let found = preflight.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    assert_eq!(preflight.method, Method::OPTIONS);
    assert_eq!(value("access-control-request-method").as_deref(), Some("PUT"));
    assert_eq!(value("access-control-request-headers").as_deref(), Some("a,x-b"));
    assert_eq!(value("origin").as_deref(), Some("null"));
    assert_eq!(value("cookie"), None);
}

fn granted(call: &Call, credentials: Credentials, answer: &Answer) -> Result<(), String> {
    let unsafe_names = unsafe_header_names(&call.headers);
    let asked = Asked { origin: PAGE, call, credentials, unsafe_names: &unsafe_names };
    asked.granted(answer, 7200).map(drop)
}

#[test]
fn a_preflight_permits_what_it_lists() {
    let origin = ("access-control-allow-origin", PAGE);
    let with = |more: &[(&'static str, &str)]| {
        let mut headers = vec![origin, ("access-control-allow-credentials", "true")];
        headers.extend_from_slice(more);
        answer(204, &headers)
    };
    let put = Call::new(Method::PUT, "https://s3.example/x");
    let kbn = Call::get("https://s3.example/x").header("kbn-version", "8");
    let auth = Call::get("https://s3.example/x").header("authorization", "Basic x");
    let methods = |list| ("access-control-allow-methods", list);
    let headers = |list| ("access-control-allow-headers", list);
    use Credentials::{Include, SameOrigin};
    for (call, credentials, answer, passes) in [
        (&put, SameOrigin, with(&[methods("GET, PUT")]), true),
        (&put, SameOrigin, with(&[methods("GET, put")]), false),
        (&put, SameOrigin, with(&[methods("*")]), true),
        (&put, Include, with(&[methods("*")]), false),
        (&put, SameOrigin, with(&[]), false),
        (&kbn, SameOrigin, with(&[headers("Kbn-Version")]), true),
        (&kbn, SameOrigin, with(&[headers("*")]), true),
        (&kbn, Include, with(&[headers("*")]), false),
        (&kbn, SameOrigin, with(&[]), false),
        (&auth, SameOrigin, with(&[headers("*")]), false),
        (&auth, SameOrigin, with(&[headers("authorization")]), true),
    ] {
        let outcome = granted(call, credentials, &answer);
        assert_eq!(outcome.is_ok(), passes, "{call:?} {credentials:?} {answer:?}: {outcome:?}");
    }
    let refused = answer(403, &[origin, headers("kbn-version")]);
    assert_eq!(granted(&kbn, SameOrigin, &refused), Err("status 403 Forbidden".to_owned()));
}

#[test]
fn a_cached_preflight_applies_to_one_url_for_a_limited_time() {
    let there = Call::get("https://s3.example/x").header("kbn-version", "8");
    let elsewhere = Call { url: "https://s3.example/y".to_owned(), ..there.clone() };
    let unsafe_names = unsafe_header_names(&there.headers);
    let asked =
        |call, credentials| Asked { origin: PAGE, call, credentials, unsafe_names: &unsafe_names };
    let plain = asked(&there, Credentials::SameOrigin);
    let permits = answer(
        204,
        &[
            ("access-control-allow-origin", "*"),
            ("access-control-allow-headers", "*"),
            ("access-control-max-age", "60"),
        ],
    );
    let mut grants = Grants::default();
    assert!(!grants.cover(&plain));
    grants.keep(&plain, plain.granted(&permits, 7200).unwrap());
    assert!(grants.cover(&plain));
    assert!(!grants.cover(&asked(&elsewhere, Credentials::SameOrigin)), "every link is a new URL");
    assert!(!grants.cover(&asked(&there, Credentials::Include)), "credentials are asked for anew");
    grants.wait(59);
    assert!(grants.cover(&plain));
    grants.wait(1);
    assert!(!grants.cover(&plain));
    grants.keep(&plain, plain.granted(&permits, 7200).unwrap());
    grants.forget(&plain);
    assert!(!grants.cover(&plain));
}

#[test]
fn scripts_see_what_is_safe_or_exposed_and_never_a_cookie() {
    let answer = answer(
        200,
        &[
            ("content-type", "text/csv"),
            ("etag", "\"e\""),
            ("x-amz-request-id", "1"),
            ("set-cookie", "a=b"),
            ("access-control-expose-headers", "ETag, Set-Cookie"),
        ],
    );
    let seen = |tainting| -> Vec<String> {
        let headers = visible_headers(&answer, tainting, Credentials::SameOrigin);
        headers.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(seen(Tainting::Cors), ["content-type", "etag"]);
    assert!(seen(Tainting::Basic).contains(&"x-amz-request-id".to_owned()));
    assert!(!seen(Tainting::Basic).contains(&"set-cookie".to_owned()));
    assert!(seen(Tainting::Opaque).is_empty());
}
