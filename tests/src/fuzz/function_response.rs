//! What functions post, and what gateways make of it.

use bytes::Bytes;
use hardcap::fuzz::{Api, respond, respond_streaming};
use hardcap_limits::envelope::{Payload, ProxyBody, ProxyResponse};
use http::HeaderMap;
use serde_json::Value;

use super::input::Input;

/// A well-formed response arrives as it was meant, and any other bytes become a response that HTTP permits or an error.
pub fn function_response(data: &[u8]) {
    let mut input = Input::new(data);
    if input.is_set() {
        arrives(&mut input);
        return;
    }
    let posted = Bytes::copy_from_slice(input.rest());
    for api in Api::ALL {
        match respond(api, &posted) {
            Ok((status, headers, body)) => {
                assert!((200..=599).contains(&status.as_u16()), "{api:?}: {status}");
                assert!(body.len() <= posted.len(), "{api:?}: {} of {}", body.len(), posted.len());
                assert!(headers.contains_key("content-type"), "{api:?}: {headers:?}");
                let json = serde_json::from_slice::<Value>(&posted).ok();
                let is_proxy = json.as_ref().is_some_and(|json| json["statusCode"] != Value::Null);
                if api == Api::Url && !is_proxy && json.as_ref().is_some_and(|it| !it.is_string()) {
                    let body = serde_json::from_slice::<Value>(&body).ok();
                    assert_eq!(body, json, "the value is the body");
                }
                assert!(json.is_some() || api == Api::HttpV2, "{api:?} took what is not JSON");
            }
            Err(why) => assert!(why.0.starts_with("Malformed Lambda proxy response"), "{why}"),
        }
        if let Ok((status, _)) = respond_streaming(api, &posted) {
            assert!((200..=599).contains(&status.as_u16()), "{api:?}: {status}");
        }
    }
}

const NAMES: [&str; 6] = ["x-a", "X-B", "content-type", "set-cookie", "cache-control", "location"];

fn arrives(input: &mut Input<'_>) {
    let status = 200 + u16::from(input.byte()) + u16::from(input.byte()) % 145;
    let lines: Vec<(String, String)> = (0..input.below(6))
        .map(|_| {
            let name = *input.choose(&NAMES);
            let value: String = input.text(30).chars().filter(|c| !c.is_control()).collect();
            (name.to_owned(), value.trim().to_owned())
        })
        .collect();
    let headers: Vec<(&str, &str)> =
        lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let is_text = input.is_set();
    let rest = input.rest();
    let text = String::from_utf8_lossy(rest);
    let (body, bytes) = if is_text {
        (ProxyBody::Text(&text), text.as_bytes())
    } else {
        (ProxyBody::Base64(rest), rest)
    };
    let response = ProxyResponse { status, headers: &headers, body };
    for api in Api::ALL {
        let payload =
            if matches!(api, Api::Rest | Api::HttpV1) { Payload::V1 } else { Payload::V2 };
        let posted = Bytes::from(response.to_json(payload));
        let (answered, got, body) =
            respond(api, &posted).unwrap_or_else(|why| panic!("{api:?}: {why}: {posted:?}"));
        assert_eq!(answered.as_u16(), status, "{api:?}");
        assert_eq!(body, bytes, "{api:?}");
        must_have(&got, &headers, payload);
        // Only these two hand a response on as it comes.
        if matches!(api, Api::Rest | Api::Url) {
            let head = respond_streaming(api, &posted);
            let (answered, got) = head.unwrap_or_else(|why| panic!("{api:?}: {why}: {posted:?}"));
            assert_eq!(answered.as_u16(), status, "{api:?}");
            must_have(&got, &headers, payload);
        }
    }
}

fn must_have(got: &HeaderMap, sent: &[(&str, &str)], payload: Payload) {
    for name in NAMES {
        let sent: Vec<&str> = sent
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
            .collect();
        let got: Vec<&[u8]> = got.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
        if sent.is_empty() {
            assert!(got.is_empty() || name == "content-type", "{name}: {got:?}");
        } else if payload == Payload::V2 && name != "set-cookie" {
            assert_eq!(got, [sent.join(", ").as_bytes()], "{name}");
        } else {
            let sent: Vec<&[u8]> = sent.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(got, sent, "{name}");
        }
    }
}
