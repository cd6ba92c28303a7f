//! The arithmetic of envelopes: what is counted before a response is written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap_limits::envelope::{
    Length, Payload, ProxyBody, ProxyResponse, Style, base64_capacity, base64_len,
    json_ascii_string_len, json_string_len,
};
use serde_json::Value;

use super::input::Input;

/// The predicted size is the size of what is written, in every style, and what is written is JSON that holds the parts.
pub fn envelope(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.byte();
    let status = 100 + u16::from(input.byte()) * 2;
    let names = ["content-type", "set-cookie", "Set-Cookie", "x-a", "X-A", "\u{e9}\"\\\n"];
    let lines: Vec<(String, String)> =
        (0..input.below(5)).map(|_| ((*input.choose(&names)).to_owned(), input.text(40))).collect();
    let headers: Vec<(&str, &str)> =
        lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let rest = input.rest();
    let text = String::from_utf8_lossy(rest);
    let body = if kind & 1 == 0 { ProxyBody::Text(&text) } else { ProxyBody::Base64(rest) };
    let response = ProxyResponse { status, headers: &headers, body };
    for payload in [Payload::V1, Payload::V2] {
        let json = response.to_json(payload);
        assert_eq!(response.len(payload).0, json.len() as u64);
        for style in [Style::Compact, Style::Python, Style::PythonAscii] {
            let (mut length, mut written) = (Length::default(), Vec::new());
            response.describe_in(style, payload, &mut length);
            response.describe_in(style, payload, &mut written);
            assert_eq!(length.bytes().0, written.len() as u64, "{style:?} {payload:?}");
            assert_eq!(style == Style::Compact, written == json, "{style:?}");
            assert!(style != Style::PythonAscii || written.is_ascii());
            holds(&written, &response, payload);
        }
    }
    assert_eq!(
        json_string_len(&text).0,
        serde_json::to_string(&text).map_or(0, |it| it.len() as u64)
    );
    assert!(json_ascii_string_len(&text).0 >= 2 + text.chars().count() as u64);
    let encoded = base64_len(rest.len() as u64).0;
    assert_eq!(encoded, STANDARD.encode(rest).len() as u64);
    assert!(
        base64_capacity(encoded).0 >= rest.len() as u64
            && base64_capacity(encoded).0 < rest.len() as u64 + 3
    );
}

fn holds(json: &[u8], response: &ProxyResponse<'_>, payload: Payload) {
    let shown = || String::from_utf8_lossy(json).into_owned();
    let value: Value =
        serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}: {}", shown()));
    assert_eq!(value["statusCode"], response.status, "{}", shown());
    let body = value["body"].as_str().unwrap_or_else(|| panic!("no body: {}", shown()));
    match response.body {
        ProxyBody::Text(text) => assert_eq!(body, text),
        ProxyBody::Base64(bytes) => assert_eq!(STANDARD.decode(body).ok().as_deref(), Some(bytes)),
    }
    assert_eq!(value["isBase64Encoded"], matches!(response.body, ProxyBody::Base64(_)));
    // No value is lost, and none is there twice.
    let single = value["headers"].as_object().map_or(0, serde_json::Map::len);
    let several = value["multiValueHeaders"].as_object();
    let several: usize =
        several.map_or(0, |all| all.values().filter_map(Value::as_array).map(Vec::len).sum());
    let cookies = value["cookies"].as_array().map_or(0, Vec::len);
    match payload {
        Payload::V1 => assert_eq!(single + several, response.headers.len(), "{}", shown()),
        Payload::V2 => {
            let is_cookie = |name: &str| name.eq_ignore_ascii_case("set-cookie");
            let set = response.headers.iter().filter(|(name, _)| is_cookie(name)).count();
            assert_eq!(cookies, set, "{}", shown());
        }
    }
}
