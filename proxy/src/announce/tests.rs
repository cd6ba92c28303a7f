//! Tests of `announce`.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use hardcap_limits::envelope::Payload;

use super::*;
use crate::headers::get;

const LOCATION: &str = "https://answers.s3.eu-west-1.amazonaws.com/overflow/1?X-Amz-Signature=s";

fn announced(form: &Form, status: u16) -> (Answer, Delivery, Value) {
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
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let stored = Stored {
        key: "overflow/1".to_owned(),
        size: 7_000_000,
        sha256: Some("ab".repeat(32)),
        excerpt: Bytes::from_static(b"{\"error\":"),
    };
    let expires = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let link = Link { location: LOCATION.to_owned(), expires };
    let (answer, delivery) =
        announce(form, &Head { status, headers }, &stored, &link, "/_proxy/overflow/1");
    let posted: Value = serde_json::from_slice(&answer.to_json(Payload::V2)).unwrap();
    let body = serde_json::from_str(posted["body"].as_str().unwrap()).unwrap();
    (answer, delivery, body)
}

fn check_link_members(answer: &Answer, body: &Value) {
    assert_eq!(body["location"], LOCATION);
    assert_eq!(body["expires"], "2027-01-15T08:00:00Z");
    assert_eq!(body["renew"], "/_proxy/overflow/1");
    assert_eq!(body["size"], 7_000_000);
    assert_eq!(body["sha256"], "ab".repeat(32));
    assert_eq!(get(&answer.headers, "cache-control"), Some("no-store"));
    assert_eq!(get(&answer.headers, "referrer-policy"), Some("no-referrer"));
    for gone in ["etag", "age", "content-language"] {
        assert_eq!(get(&answer.headers, gone), None, "{gone}");
    }
    let cookies = answer.headers.iter().filter(|(name, _)| name == "set-cookie").count();
    assert_eq!(cookies, 2, "only the body overflows");
    assert_eq!(get(&answer.headers, "x-elastic-product"), Some("Elasticsearch"));
}

#[test]
fn r1_r4_a_redirect_is_a_303_that_nobody_keeps() {
    let (answer, delivery, body) = announced(&Form::Redirect, 200);
    assert_eq!((answer.status, delivery), (303, Delivery::Redirect));
    assert_eq!(get(&answer.headers, "location"), Some(LOCATION));
    assert_eq!(get(&answer.headers, "content-type"), Some("application/json"));
    assert!(body["detail"].as_str().unwrap().contains("X-Overflow: link"), "{body}");
    check_link_members(&answer, &body);
}

#[test]
fn r3_a_link_keeps_the_status_and_the_location_of_a_201() {
    let (answer, delivery, body) = announced(&Form::Link, 201);
    assert_eq!((answer.status, delivery), (201, Delivery::Link));
    assert_eq!(get(&answer.headers, "location"), Some("https://public.example/index/_doc/1"));
    assert_eq!(get(&answer.headers, "content-type"), Some(LINK_TYPE));
    check_link_members(&answer, &body);
}

#[test]
fn r3_an_error_keeps_its_status_and_shows_how_it_begins() {
    let (answer, delivery, body) = announced(&Form::Problem, 429);
    assert_eq!((answer.status, delivery), (429, Delivery::Link));
    assert_eq!(get(&answer.headers, "content-type"), Some("application/problem+json"));
    assert_eq!(body["status"], 429);
    assert_eq!(body["excerpt"], "{\"error\":");
    check_link_members(&answer, &body);
}

#[test]
fn r5_an_error_in_place_of_an_answer_says_why_and_links_to_it() {
    let (answer, delivery, body) = announced(&Form::Refused("Because.".to_owned()), 200);
    assert_eq!((answer.status, delivery), (406, Delivery::Refused));
    assert_eq!(get(&answer.headers, "location"), None);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.starts_with("Because. The upstream answered with status 200"), "{body}");
    assert_eq!(
        (&body["status"], get(&answer.headers, "content-type")),
        (&json!(406), Some(PROBLEM_TYPE))
    );
    check_link_members(&answer, &body);
}

#[test]
fn p5_a_link_is_not_to_be_seen_in_a_log() {
    let expires = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let text = format!("{:?}", Link { location: LOCATION.to_owned(), expires });
    assert!(!text.contains("X-Amz-Signature"), "{text}");
    assert!(text.contains("overflow/1"), "{text}");
}
