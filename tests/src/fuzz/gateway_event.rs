//! From a request to the event of a function, and back.

use bytes::Bytes;
use hardcap::fuzz::{Api, event};
use hardcap_core::percent;
use hardcap_proxy::event::{ApiType, Query, Request};
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::input::Input;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "OPTIONS", "X!#"];
const NAMES: [&str; 10] = [
    "content-type",
    "content-encoding",
    "cookie",
    "host",
    "user-agent",
    "x-a",
    "x-forwarded-for",
    "connection",
    "content-length",
    "x-amzn-trace-id",
];
const TYPES: [&str; 5] =
    ["application/json", "text/plain; charset=utf-8", "image/png", "application/octet-stream", "a"];

/// The event is as large as counted and is JSON, and a function that reads it finds the request that was sent.
pub fn gateway_event(data: &[u8]) {
    let mut input = Input::new(data);
    let api = *input.choose(&Api::ALL);
    let is_binary = input.is_set();
    let method = *input.choose(&METHODS);
    let target = format!("/{}", input.text(60));
    let mut request = http::Request::builder().method(method).uri(&target);
    let mut headers = Vec::new();
    for _ in 0..input.below(6) {
        let name = *input.choose(&NAMES);
        let name = HeaderName::from_static(name);
        let value =
            if name == "content-type" { input.choose(&TYPES).as_bytes() } else { input.bytes(20) };
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        headers.push((name.clone(), value.clone()));
        request = request.header(name, value);
    }
    let Ok(request) = request.body(()) else { return };
    let (head, ()) = request.into_parts();
    let sent = input.rest();
    let binary: &[String] = if is_binary { &["*/*".to_owned()] } else { &[] };
    let path = head.uri.path().to_owned();
    let (counted, json) = event(api, &head, &path, Bytes::copy_from_slice(sent), binary);
    assert_eq!(counted, json.len() as u64, "{api:?}");
    let shown = || String::from_utf8_lossy(&json).into_owned();
    let value: Value =
        serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error}: {}", shown()));

    let read: Request =
        serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error}: {}", shown()));
    assert_eq!(read.api, api_type(api), "{}", shown());
    assert_eq!(read.method.as_str(), method);
    let decoded = percent::decode(&path);
    match api {
        Api::Rest | Api::HttpV1 => assert_eq!(read.path, path),
        Api::HttpV2 => assert_eq!(Some(read.path.as_str()), decoded.split('?').next()),
        Api::Url => assert!(!read.path.contains("//") && read.path.len() <= decoded.len()),
    }
    let query = head.uri.query().unwrap_or_default();
    match &read.query {
        Query::Raw(raw) => assert_eq!(raw, query),
        Query::Decoded(pairs) => {
            let separators: &[char] = if api == Api::Rest { &['&', ';'] } else { &['&'] };
            let mut expected = percent::query_pairs(query, separators);
            // Values of one name stand together.
            let names: Vec<String> = expected.iter().map(|(name, _)| name.clone()).collect();
            expected.sort_by_key(|(name, _)| names.iter().position(|known| known == name));
            assert_eq!(*pairs, expected, "{}", shown());
        }
    }
    let is_lossy = api == Api::Rest && !is_binary;
    let repaired = String::from_utf8_lossy(sent);
    let expected = if is_lossy { repaired.as_bytes() } else { sent };
    assert_eq!(read.body, expected, "{api:?}: {}", shown());
    for (name, sent) in headers.iter().filter(|(name, _)| *name == "x-a" || *name == "user-agent") {
        let sent = match std::str::from_utf8(sent.as_bytes()) {
            Ok(text) => text.to_owned(),
            Err(_) => sent.as_bytes().iter().copied().map(char::from).collect(),
        };
        let mut values =
            read.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_str()));
        assert!(
            values.any(|(_, value)| value.contains(&sent)),
            "{name}: {sent:?} is not in {}",
            shown()
        );
    }
    assert!(!read.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("connection")));
    assert_eq!(read.source_ip.as_deref(), Some("192.0.2.1"));
    assert!(value["requestContext"].is_object());
}

fn api_type(api: Api) -> ApiType {
    match api {
        Api::Rest => ApiType::Rest,
        Api::HttpV1 => ApiType::HttpV1,
        // Only the host and the account tell a function URL.
        Api::HttpV2 | Api::Url => ApiType::HttpV2,
    }
}
