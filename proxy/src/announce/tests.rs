//! Tests of `announce`.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use hardcap_limits::envelope::Payload;

use super::*;

fn get<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

const LINK: &str = "https://answers.s3.eu-west-1.amazonaws.com/overflow/1?X-Amz-Signature=s";

fn announced(form: &OverflowForm, status: u16) -> (Response, Delivery, Value) {
    let headers = [
        ("content-type", "application/json"),
        ("content-language", "en"),
        ("etag", "\"1\""),
        ("cache-control", "public, max-age=86400"),
        ("age", "10"),
        ("location", "https://public.example/index/_doc/1"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("x-elastic-product", "Elasticsearch"),
        ("vary", "Origin"),
    ];
    let headers = headers::of(&headers);
    let stored = StoredResponse {
        key: "overflow/1".to_owned(),
        size: 7_000_000,
        sha256: Some("ab".repeat(32)),
        excerpt: Bytes::from_static(b"{\"error\":"),
    };
    let expires = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let link = Link { location: LINK.to_owned(), expires };
    let (response, delivery) =
        announce(form, &Head { status, headers }, &stored, &link, "/_proxy/overflow/1");
    let posted: Value = serde_json::from_slice(&response.to_json(Payload::V2)).unwrap();
    let body = serde_json::from_str(posted["body"].as_str().unwrap()).unwrap();
    (response, delivery, body)
}

fn check_link_members(response: &Response, body: &Value) {
    assert_eq!(body["location"], LINK);
    assert_eq!(body["expires"], "2027-01-15T08:00:00Z");
    assert_eq!(body["renew"], "/_proxy/overflow/1");
    assert_eq!(body["size"], 7_000_000);
    assert_eq!(body["sha256"], "ab".repeat(32));
    assert_eq!(get(&response.headers, "cache-control"), Some("no-store"));
    assert_eq!(get(&response.headers, "referrer-policy"), Some("no-referrer"));
    for gone in ["etag", "age", "content-language"] {
        assert_eq!(get(&response.headers, gone), None, "{gone}");
    }
    let cookies = response.headers.get_all("set-cookie").iter().count();
    assert_eq!(cookies, 2, "only the body overflows");
    assert_eq!(get(&response.headers, "x-elastic-product"), Some("Elasticsearch"));
}

#[test]
fn r1_r4_a_redirect_is_a_303_that_is_not_cached() {
    let (response, delivery, body) = announced(&OverflowForm::Redirect, 200);
    assert_eq!((response.status, delivery), (303, Delivery::Redirect));
    assert_eq!(get(&response.headers, "location"), Some(LINK));
    assert_eq!(get(&response.headers, "content-type"), Some("application/json"));
    assert!(body["detail"].as_str().unwrap().contains("X-Overflow: link"), "{body}");
    check_link_members(&response, &body);
}

#[test]
fn r3_a_link_keeps_the_status_and_the_location_of_a_201() {
    let (response, delivery, body) = announced(&OverflowForm::Link, 201);
    assert_eq!((response.status, delivery), (201, Delivery::Link));
    assert_eq!(get(&response.headers, "location"), Some("https://public.example/index/_doc/1"));
    assert_eq!(get(&response.headers, "content-type"), Some(LINK_TYPE));
    check_link_members(&response, &body);
}

#[test]
fn r3_a_stored_error_keeps_its_status_and_shows_an_excerpt() {
    let (response, delivery, body) = announced(&OverflowForm::Problem, 429);
    assert_eq!((response.status, delivery), (429, Delivery::Link));
    assert_eq!(get(&response.headers, "content-type"), Some("application/problem+json"));
    assert_eq!(body["status"], 429);
    assert_eq!(body["excerpt"], "{\"error\":");
    check_link_members(&response, &body);
}

#[test]
fn r5_an_error_in_place_of_a_response_has_the_reason_and_the_link() {
    let (response, delivery, body) = announced(&OverflowForm::Refused("Because.".to_owned()), 200);
    assert_eq!((response.status, delivery), (406, Delivery::Refused));
    assert_eq!(get(&response.headers, "location"), None);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.starts_with("Because. The upstream responded with status 200"), "{body}");
    assert_eq!(
        (&body["status"], get(&response.headers, "content-type")),
        (&json!(406), Some(PROBLEM_TYPE))
    );
    check_link_members(&response, &body);
}

#[test]
fn p5_a_link_is_not_shown_in_logs() {
    let expires = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let text = format!("{:?}", Link { location: LINK.to_owned(), expires });
    assert!(!text.contains("X-Amz-Signature"), "{text}");
    assert!(text.contains("overflow/1"), "{text}");
}
