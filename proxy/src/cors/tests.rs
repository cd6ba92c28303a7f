//! Tests of `cors`.

use proptest::prelude::*;

use super::*;
use crate::event::testing;

fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

const KIBANA: &str = "https://kibana.example";

fn request(method: Method, headers: &[(&str, &str)]) -> Request {
    testing::request(method.as_str(), "/", headers)
}

fn allowed() -> Vec<String> {
    vec![KIBANA.to_owned(), "http://localhost:5601".to_owned()]
}

fn granted(origin: &str) -> Option<String> {
    let lines = headers(&request(Method::GET, &[("Origin", origin)]), &allowed());
    assert_eq!(get(&lines, "vary"), Some("Origin"), "caches keep origins apart");
    let granted = get(&lines, "access-control-allow-origin").map(str::to_owned);
    assert_eq!(get(&lines, "access-control-allow-credentials").is_some(), granted.is_some());
    granted
}

#[test]
fn x5_only_a_configured_origin_is_allowed() {
    assert_eq!(granted(KIBANA).as_deref(), Some(KIBANA));
    assert_eq!(granted("http://localhost:5601").as_deref(), Some("http://localhost:5601"));
    for origin in [
        "null",
        "https://kibana.example.evil.example",
        "https://evil-kibana.example",
        "https://KIBANA.example",
        "https://kibana.example:443",
        "https://kibana.example:8443",
        "http://kibana.example",
        "https://kibana.example/",
        "https://sub.kibana.example",
        "*",
        "",
        "https://kibana.exampl",
    ] {
        assert_eq!(granted(origin), None, "{origin}");
    }
}

#[test]
fn x1_a_preflight_is_answered_without_the_upstream() {
    let asked = [
        ("origin", KIBANA),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "kbn-version, osd-xsrf"),
    ];
    let response = preflight(&request(Method::OPTIONS, &asked), &allowed()).expect("it is one");
    assert_eq!(response.status, 204);
    assert_eq!(get(&response.headers, "access-control-allow-origin"), Some(KIBANA));
    assert_eq!(
        get(&response.headers, "access-control-allow-headers"),
        Some("kbn-version, osd-xsrf")
    );
    assert!(get(&response.headers, "access-control-allow-methods").unwrap().contains("DELETE"));
    let foreign = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let response = preflight(&request(Method::OPTIONS, &foreign), &allowed()).expect("it is one");
    assert_eq!(get(&response.headers, "access-control-allow-origin"), None);
    assert_eq!(get(&response.headers, "access-control-allow-headers"), None);
}

#[test]
fn an_options_request_that_is_not_a_preflight_is_forwarded() {
    assert_eq!(preflight(&request(Method::OPTIONS, &[("origin", KIBANA)]), &allowed()), None);
    let get = [("origin", KIBANA), ("access-control-request-method", "GET")];
    assert_eq!(preflight(&request(Method::GET, &get), &allowed()), None);
}

#[test]
fn without_configured_origins_there_are_no_cors_headers() {
    assert_eq!(headers(&request(Method::GET, &[("origin", KIBANA)]), &[]), HeaderMap::new());
}

proptest! {
    #[test]
    fn x5_no_other_origin_is_ever_reflected(prefix in "[a-z.]{0,5}", suffix in "[a-z.:0-9/]{0,6}") {
        let origin = format!("https://{prefix}kibana.example{suffix}");
        prop_assert_eq!(granted(&origin).is_some(), origin == KIBANA);
    }
}
