//! Sizes and texts of envelopes agree with each other, with `serde_json` and with the observed output of a real runtime.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap_limits::envelope::{
    Length, Payload, ProxyBody, ProxyResponse, Sink, Style, base64_capacity, base64_len,
    json_ascii_string_len, json_string_len, object, object_in,
};
use hardcap_limits::{Bytes, Limits};
use proptest::prelude::*;

/// Texts of every kind, with lengths around the block size.
fn text() -> impl Strategy<Value = String> {
    let kinds = prop_oneof![
        any::<char>(),
        prop::char::range('\0', '\u{1f}'),
        prop::sample::select(vec!['"', '\\', '/', '\u{7f}', '\u{80}', '\u{2028}', '\u{2029}']),
        prop::sample::select(vec![
            '\u{d7ff}',
            '\u{e000}',
            '\u{fffd}',
            '\u{ffff}',
            '\u{10000}',
            '😀'
        ]),
        prop::char::range(' ', '~'),
    ];
    prop_oneof![
        prop::collection::vec(kinds, 0..130).prop_map(String::from_iter),
        "[ -~]{0,200}",
        (0_usize..200).prop_map(|size| "\u{1}".repeat(size)),
    ]
}

fn written(describe: impl Fn(&mut dyn Sink)) -> String {
    let mut text = Vec::new();
    describe(&mut text);
    let mut length = Length::default();
    describe(&mut length);
    assert_eq!(length.bytes(), Bytes::of(&text), "counted and written differ");
    String::from_utf8(text).expect("JSON is UTF-8")
}

proptest! {
    #[test]
    fn a_string_is_serialized_like_serde_json(text in text()) {
        let expected = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(json_string_len(&text), Bytes(expected.len() as u64));
        prop_assert_eq!(written(|sink| sink.string(&text)), expected);
    }

    #[test]
    fn an_ascii_string_is_ascii_and_parses_to_the_same_text(text in text()) {
        let json = written(|sink| sink.ascii_string(&text));
        prop_assert!(json.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", json);
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text.clone());
        prop_assert_eq!(json_ascii_string_len(&text), Bytes(json.len() as u64));
    }

    #[test]
    fn base64_takes_four_characters_for_every_three_bytes(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let expected = STANDARD.encode(&bytes);
        prop_assert_eq!(base64_len(bytes.len() as u64), Bytes(expected.len() as u64));
        prop_assert_eq!(written(|sink| sink.base64(&bytes)), format!("\"{expected}\""));
    }

    #[test]
    fn the_capacity_of_a_text_is_the_largest_number_of_bytes_that_fit_as_base64(text in 0_u64..100_000_000) {
        let most = base64_capacity(text).0;
        prop_assert!(base64_len(most).0 <= text);
        prop_assert!(base64_len(most + 1).0 > text);
    }

    #[test]
    fn an_object_parses_to_the_described_members(
        members in prop::collection::vec((text(), text()), 0..6),
        list in prop::collection::vec(text(), 0..4),
        style in prop::sample::select(vec![Style::Compact, Style::Python, Style::PythonAscii]),
    ) {
        let json = written(|sink| object_in(style, sink, |root| {
            root.object("map", |map| members.iter().for_each(|(name, text)| map.string(name, text)));
            root.strings("list", list.iter().map(String::as_str));
            root.raw("number", "12");
            root.string_or_null("none", None);
        }));
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let last = |name: &String| members.iter().rev().find(|(other, _)| other == name).map(|(_, text)| text);
        for (name, _) in &members {
            prop_assert_eq!(value["map"][name].as_str(), last(name).map(String::as_str));
        }
        prop_assert_eq!(&value["list"], &serde_json::json!(list));
        prop_assert_eq!(&value["number"], 12);
        prop_assert!(value["none"].is_null());
        if style == Style::Compact && members.is_empty() {
            prop_assert_eq!(json, value.to_string());
        }
    }

    #[test]
    fn a_proxy_response_carries_status_body_and_every_header_line(
        status in 100_u16..600,
        names in prop::collection::vec(("(a|A|b|x-c|set-cookie|Set-Cookie)", text()), 0..8),
        body in text(),
        encoded in any::<bool>(),
    ) {
        let headers: Vec<_> = names.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let carried = if encoded { ProxyBody::Base64(body.as_bytes()) } else { ProxyBody::Text(&body) };
        let response = ProxyResponse { status, headers: &headers, body: carried };
        for payload in [Payload::V1, Payload::V2] {
            let json = response.to_json(payload);
            prop_assert_eq!(response.len(payload), Bytes::of(&json));
            prop_assert_eq!(json.capacity(), json.len());
            let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(&value["statusCode"], status);
            prop_assert_eq!(&value["isBase64Encoded"], encoded);
            let sent = value["body"].as_str().expect("a body is a string");
            let received = if encoded { STANDARD.decode(sent).unwrap() } else { sent.as_bytes().to_vec() };
            prop_assert_eq!(received, body.as_bytes());
            for name in ["a", "b", "x-c", "set-cookie"] {
                let lines = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
                let expected: Vec<String> = lines.map(|(_, value)| (*value).to_owned()).collect();
                prop_assert_eq!(received_lines(&value, payload, name), joined(&expected, payload, name));
            }
        }
    }
}

/// The values of a header that a gateway would send.
fn received_lines(value: &serde_json::Value, payload: Payload, name: &str) -> Vec<String> {
    let texts = |value: &serde_json::Value| -> Vec<String> {
        let one = value.as_str().map(str::to_owned).into_iter();
        let many = value.as_array().into_iter().flatten().filter_map(|text| text.as_str());
        one.chain(many.map(str::to_owned)).collect()
    };
    if payload == Payload::V2 && name == "set-cookie" {
        return texts(&value["cookies"]);
    }
    let members = [&value["headers"], &value["multiValueHeaders"]];
    let members = members.into_iter().filter_map(|members| members.as_object()).flatten();
    members
        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
        .flat_map(|(_, v)| texts(v))
        .collect()
}

fn joined(expected: &[String], payload: Payload, name: &str) -> Vec<String> {
    if payload == Payload::V2 && name != "set-cookie" && expected.len() > 1 {
        return vec![expected.join(", ")];
    }
    expected.to_vec()
}

#[test]
fn every_control_and_special_character_has_its_known_length() {
    for code in 0..0x250_u32 {
        let text = char::from_u32(code).expect("below the surrogates").to_string().repeat(33);
        let expected = serde_json::to_string(&text).unwrap();
        assert_eq!(json_string_len(&text), Bytes(expected.len() as u64), "U+{code:04X}");
        assert_eq!(written(|sink| sink.string(&text)), expected, "U+{code:04X}");
    }
    // Written by Python 3.11: json.dumps('é\x7f\u2028😀"\\/\x08\x0b').
    let python = r#""\u00e9\u007f\u2028\ud83d\ude00\"\\/\b\u000b""#;
    assert_eq!(written(|sink| sink.ascii_string("é\x7f\u{2028}😀\"\\/\x08\x0b")), python);
}

#[test]
fn a_member_without_a_value_is_null() {
    let members = written(|sink| {
        object(sink, |event| {
            event.string_or_null("path", Some("/a"));
            event.string_or_null("stage", None);
            event.map_or_null("headers", [("host", "b")]);
            event.map_or_null("parameters", []);
            event.string_or_null("last", Some(""));
        });
    });
    assert_eq!(
        members,
        r#"{"path":"/a","stage":null,"headers":{"host":"b"},"parameters":null,"last":""}"#
    );
}

#[test]
fn an_empty_description_has_length_zero() {
    assert_eq!(written(|sink| object(sink, |_| {})), "{}");
    assert_eq!(written(|sink| sink.string("")), "\"\"");
    assert_eq!(written(|sink| sink.base64(&[])), "\"\"");
    assert_eq!(written(|sink| object(sink, |root| root.map_or_null("map", []))), r#"{"map":null}"#);
}

#[test]
fn an_object_under_way_shows_how_it_is_written() {
    let mut json = Vec::new();
    object_in(Style::Python, &mut json, |root| {
        assert_eq!(format!("{root:?}"), "Object { style: Python, .. }");
    });
}

/// Zappa up to 0.45.1 responds in this form: `isBase64Encoded` as a text before the status, and Python's spaces.
fn zappa(body: &[u8], sink: &mut dyn Sink) {
    object_in(Style::PythonAscii, sink, |answer| {
        answer.base64("body", body);
        answer.string("isBase64Encoded", "true");
        answer.raw("statusCode", "200");
        answer.object("headers", |headers| {
            headers.string("Content-Type", "text/html; charset=utf-8");
            headers.string("Content-Length", &body.len().to_string());
        });
    });
}

/// The report behind this project: a response of 4,718,559 bytes succeeded, one of 4,718,560 failed.
#[test]
fn the_envelope_of_zappa_explains_the_cutoff_to_the_byte() {
    let limits = Limits::at("2018-01-01".parse().unwrap());
    let posted = |size: usize| {
        let mut length = Length::default();
        zappa(&vec![b'x'; size], &mut length);
        length.bytes()
    };
    assert_eq!(base64_len(4_718_559), Bytes(6_291_412));
    assert_eq!(posted(4_718_559), Bytes(6_291_412 + 144));
    assert_eq!(posted(4_718_559), Bytes(6_291_556));
    assert_eq!(posted(4_718_560), Bytes(6_291_560));
    assert!(limits.lambda_sync_response.admit(posted(4_718_559)).is_ok());
    let exceeded = limits.lambda_sync_response.admit(posted(4_718_560)).unwrap_err();
    assert_eq!(
        exceeded.to_string(),
        "lambda_sync_response: 6291560 bytes, 4 over the limit of 6291556"
    );
    assert_eq!(
        written(|sink| zappa(b"x", sink)),
        r#"{"body": "eA==", "isBase64Encoded": "true", "statusCode": 200, "headers": {"Content-Type": "text/html; charset=utf-8", "Content-Length": "1"}}"#
    );
}
