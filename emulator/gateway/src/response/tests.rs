//! Answers of the four gateways.

use super::*;

const BINARY: &[&str] = &["*/*"];

/// The response to what a function posted: status, content type, other headers as `name: value`, body.
fn response(shape: Shape, binary_media_types: &[&str], posted: &str) -> Option<String> {
    let binary_media_types: Vec<String> =
        binary_media_types.iter().map(|listed| (*listed).to_owned()).collect();
    let rules =
        ResponseRules { shape, accept: Some("*/*"), binary_media_types: &binary_media_types };
    let response = to_http(rules, &Bytes::copy_from_slice(posted.as_bytes())).ok()?;
    let mut text = response.status.as_u16().to_string();
    for (name, value) in &response.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        text += &format!(" | {name}: {value}");
    }
    Some(format!("{text} | {}", String::from_utf8_lossy(&response.body)))
}

#[track_caller]
fn check(shape: Shape, posted: &str, expected: &str) {
    assert_eq!(response(shape, &[], posted).as_deref(), Some(expected), "{shape:?} {posted}");
}

#[track_caller]
fn refused(shape: Shape, posted: &str) {
    assert_eq!(response(shape, &[], posted), None, "{shape:?} {posted}");
}

const JSON: &str = "content-type: application/json";
const PLAIN: &str = "content-type: text/plain; charset=utf-8";

#[test]
fn the_content_type_defaults_by_gateway() {
    let posted = r#"{"statusCode":200,"body":"Hello, World!"}"#;
    check(Shape::Rest, posted, &format!("200 | {JSON} | Hello, World!"));
    check(Shape::HttpV1, posted, &format!("200 | {PLAIN} | Hello, World!"));
    check(Shape::HttpV2, posted, &format!("200 | {PLAIN} | Hello, World!"));
    check(Shape::Url, posted, &format!("200 | {JSON} | Hello, World!"));
}

#[test]
fn a_content_type_of_the_function_is_kept_in_any_case() {
    let posted = r#"{"statusCode":200,"headers":{"CONTENT-type":"text/css"}}"#;
    for shape in [Shape::Rest, Shape::HttpV1, Shape::HttpV2, Shape::Url] {
        check(shape, posted, "200 | content-type: text/css | ");
    }
}

#[test]
fn a_rest_api_accepts_a_missing_body_null_headers_a_text_status_booleans_and_numbers() {
    check(Shape::Rest, r#"{"statusCode":200}"#, &format!("200 | {JSON} | "));
    check(Shape::Rest, r#"{"statusCode":200,"headers":null}"#, &format!("200 | {JSON} | "));
    check(Shape::Rest, "{}", &format!("200 | {JSON} | "));
    check(Shape::Rest, r#"{"headers":{"a":"b"}}"#, &format!("200 | a: b | {JSON} | "));
    check(Shape::Rest, r#"{"statusCode":"201"}"#, &format!("201 | {JSON} | "));
    check(Shape::Rest, r#"{"headers":{"flag":true}}"#, &format!("200 | flag: true | {JSON} | "));
    check(Shape::Rest, r#"{"headers":{"time":1796}}"#, &format!("200 | time: 1796 | {JSON} | "));
}

#[test]
fn a_rest_api_refuses_a_malformed_proxy_response() {
    for posted in [
        r#"{"statusCode":200,"wrongValue":"value"}"#,
        r#"{"statusCode":200,"cookies":[]}"#,
        "[]",
        "[200]",
        "null",
        r#""justAString""#,
        "3",
        "",
        "{",
        r#"{"multiValueHeaders":{"a":"value1"}}"#,
        r#"{"headers":{"a":["value1"]}}"#,
        r#"{"headers":{"a":null}}"#,
        r#"{"headers":[]}"#,
        r#"{"statusCode":"test"}"#,
        r#"{"statusCode":0}"#,
        r#"{"statusCode":200.0}"#,
        r#"{"statusCode":101}"#,
        r#"{"statusCode":[200]}"#,
        r#"{"body":{"a":1}}"#,
        r#"{"body":3}"#,
        r#"{"isBase64Encoded":"maybe"}"#,
        r#"{"body":"\ud800"}"#,
    ] {
        refused(Shape::Rest, posted);
    }
}

#[test]
fn an_http_api_of_format_1_ignores_unknown_members_and_requires_a_status() {
    let posted = r#"{"statusCode":200,"wrongValue":"value"}"#;
    check(Shape::HttpV1, posted, &format!("200 | {PLAIN} | "));
    check(Shape::HttpV1, r#"{"statusCode":"201"}"#, &format!("201 | {PLAIN} | "));
    for posted in [
        "{}",
        r#"{"headers":{"test-header":"value"}}"#,
        r#""justAString""#,
        r#"{"statusCode":"test"}"#,
        r#"{"statusCode":0}"#,
        r#"{"statusCode":200,"multiValueHeaders":{"a":"value1"}}"#,
    ] {
        refused(Shape::HttpV1, posted);
    }
}

#[test]
fn in_format_2_json_without_a_status_is_the_body() {
    for (posted, body) in [
        ("{}", "{}"),
        ("null", "null"),
        ("3", "3"),
        ("true", "true"),
        ("[1, 2, 3, 4, 5]", "[1, 2, 3, 4, 5]"),
        (r#""Hello, World!""#, "Hello, World!"),
        (r#""errorMessage""#, "errorMessage"),
        (r#"{"headers": {"test-header": "value"}}"#, r#"{"headers": {"test-header": "value"}}"#),
        (r#"{"broken"#, r#"{"broken"#),
    ] {
        check(Shape::HttpV2, posted, &format!("200 | {JSON} | {body}"));
    }
}

#[test]
fn in_format_2_json_with_a_status_is_a_proxy_response() {
    check(Shape::HttpV2, r#"{"statusCode":200,"x":1}"#, &format!("200 | {PLAIN} | "));
    check(Shape::HttpV2, r#"{"statusCode":"201"}"#, &format!("201 | {PLAIN} | "));
    let posted = r#"{"statusCode":200,"cookies":["a=1","b=2; Path=/"],"headers":{"x":true}}"#;
    let expected =
        format!("200 | x: true | set-cookie: a=1 | set-cookie: b=2; Path=/ | {PLAIN} | ");
    check(Shape::HttpV2, posted, &expected);
    for posted in [
        r#"{"statusCode":200,"cookies":{"a":"b"}}"#,
        r#"{"statusCode":"test"}"#,
        r#"{"statusCode":0}"#,
        r#"{"errorMessage":"test fake error message"}"#,
    ] {
        refused(Shape::HttpV2, posted);
    }
}

#[test]
fn a_function_url_rewrites_json_without_white_space() {
    check(Shape::Url, r#"{"hello": "world"}"#, &format!(r#"200 | {JSON} | {{"hello":"world"}}"#));
    check(Shape::Url, "[1, 2]", &format!("200 | {JSON} | [1,2]"));
    check(Shape::Url, r#""hello""#, &format!("200 | {JSON} | hello"));
    check(Shape::Url, "3", &format!("200 | {JSON} | 3"));
    check(Shape::Url, "true", &format!("200 | {JSON} | true"));
    let object = r#"{"statusCode":200,"body":{"a": 1}}"#;
    check(Shape::Url, object, &format!(r#"200 | {JSON} | {{"a":1}}"#));
    refused(Shape::Url, r#"{"broken"#);
}

#[test]
fn values_of_both_kinds_of_headers_are_merged_in_the_order_of_the_gateway() {
    let posted = r#"{"statusCode":200,"headers":{"test-multi":"solo","c":"d"},
        "multiValueHeaders":{"tesT-Multi":["one","two"]}}"#;
    let expected =
        format!("200 | test-multi: one | test-multi: two | test-multi: solo | c: d | {JSON} | ");
    check(Shape::Rest, posted, &expected);
    let expected =
        format!("200 | test-multi: solo | test-multi: one | test-multi: two | c: d | {PLAIN} | ");
    check(Shape::HttpV1, posted, &expected);
}

#[test]
fn base64_is_decoded_everywhere_but_on_a_rest_api_that_does_not_list_the_type() {
    let posted = r#"{"statusCode":200,"body":"dGVzdC1kYXRh","isBase64Encoded":true}"#;
    check(Shape::Rest, posted, &format!("200 | {JSON} | dGVzdC1kYXRh"));
    let decoded = format!("200 | {JSON} | test-data");
    assert_eq!(response(Shape::Rest, BINARY, posted), Some(decoded.clone()));
    check(Shape::HttpV1, posted, &format!("200 | {PLAIN} | test-data"));
    check(Shape::HttpV2, posted, &format!("200 | {PLAIN} | test-data"));
    check(Shape::Url, posted, &decoded);
}

#[test]
fn base64_that_is_marked_by_a_text_and_has_escapes_is_decoded() {
    let posted = r#"{"body": "\/\/\/\/", "isBase64Encoded": "true", "statusCode": 200}"#;
    let rules =
        ResponseRules { shape: Shape::Rest, accept: None, binary_media_types: &["*/*".to_owned()] };
    let response = to_http(rules, &Bytes::from_static(posted.as_bytes())).unwrap();
    assert_eq!(response.body, [0xff, 0xff, 0xff].as_slice());
}

#[test]
fn only_the_first_accepted_media_type_decides_about_base64_on_a_rest_api() {
    let listed = ["image/png".to_owned()];
    let posted = Bytes::from_static(br#"{"body":"dGVzdC1kYXRh","isBase64Encoded":true}"#);
    let with = |accept| {
        let rules = ResponseRules { shape: Shape::Rest, accept, binary_media_types: &listed };
        to_http(rules, &posted).unwrap().body
    };
    assert_eq!(with(Some("image/png, text/html")), "test-data");
    assert_eq!(with(Some("text/html, image/png")), "dGVzdC1kYXRh");
    assert_eq!(with(Some("*/*")), "dGVzdC1kYXRh");
    assert_eq!(with(None), "dGVzdC1kYXRh");
}

#[test]
fn json_that_is_not_utf8_is_malformed_even_in_an_unknown_member() {
    let posted = Bytes::from_static(b"{\"statusCode\":200,\"other\":{\"a\":\"\xff\"}}");
    for shape in [Shape::Rest, Shape::HttpV1, Shape::Url] {
        let rules = ResponseRules { shape, accept: None, binary_media_types: &[] };
        assert!(to_http(rules, &posted).is_err(), "{shape:?}");
    }
}

#[test]
fn invalid_base64_is_malformed() {
    for posted in [r#"{"statusCode":200,"body":"a*","isBase64Encoded":true}"#] {
        for shape in [Shape::HttpV1, Shape::HttpV2, Shape::Url] {
            refused(shape, posted);
        }
        assert_eq!(response(Shape::Rest, BINARY, posted), None);
    }
}

#[test]
fn headers_that_http_does_not_allow_are_malformed_and_never_a_panic() {
    for headers in [r#"{"a b":"c"}"#, r#"{"a":"b\nc"}"#, r#"{"":"c"}"#, r#"{"a":"\u0000"}"#] {
        let posted = format!(r#"{{"statusCode":200,"headers":{headers}}}"#);
        for shape in [Shape::Rest, Shape::HttpV1, Shape::HttpV2, Shape::Url] {
            refused(shape, &posted);
        }
    }
}

#[test]
fn values_outside_ascii_are_sent_as_utf8() {
    let posted = r#"{"statusCode":200,"headers":{"a":"é"}}"#;
    check(Shape::Rest, posted, &format!("200 | a: é | {JSON} | "));
}

#[test]
fn a_rest_api_renames_reserved_headers() {
    let posted = r#"{"headers":{"Content-Length":"5","WWW-Authenticate":"Basic","Date":"x"}}"#;
    let expected = format!(
        "200 | x-amzn-remapped-content-length: 5 | x-amzn-remapped-www-authenticate: Basic | \
         x-amzn-remapped-date: x | {JSON} | "
    );
    check(Shape::Rest, posted, &expected);
}
