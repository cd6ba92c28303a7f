//! Tests of `event`: the shapes of payload 1.0 and 2.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(event: &Value) -> Request {
    serde_json::from_str(&event.to_string()).expect("it is an event")
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn rest() -> Value {
    json!({
        "resource": "/{proxy+}",
        "path": "/%3Clogs-%7Bnow%2Fd%7D%3E/_search",
        "httpMethod": "POST",
        "headers": {"Accept": "b", "Host": "api.example"},
        "multiValueHeaders": {"Accept": ["a", "b"], "Host": ["api.example"]},
        "queryStringParameters": {"q": "2"},
        "multiValueQueryStringParameters": {"q": ["1", "2"], "pretty": [""]},
        "pathParameters": {"proxy": "x"},
        "stageVariables": null,
        "requestContext": {
            "stage": "prod",
            "path": "/prod/%3Clogs-%7Bnow%2Fd%7D%3E/_search",
            "identity": {"sourceIp": "192.0.2.1"},
            "accountId": "123456789012",
        },
        "body": "{\"size\": 1}\n",
        "isBase64Encoded": false,
    })
}

fn http() -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/prod/a b/c",
        "rawQueryString": "z=1&a=2&z=3&v",
        "cookies": ["a=1", "b=2"],
        "headers": {"accept": "a,b", "host": "x.execute-api.eu-west-1.amazonaws.com"},
        "requestContext": {
            "accountId": "123456789012",
            "domainName": "x.execute-api.eu-west-1.amazonaws.com",
            "http": {"method": "GET", "path": "/prod/a b/c", "sourceIp": "192.0.2.2"},
            "stage": "prod",
        },
        "isBase64Encoded": false,
    })
}

#[test]
fn s1_a_rest_api_keeps_the_path_as_it_was_sent() {
    let request = read(&rest());
    assert_eq!(request.api, ApiType::Rest);
    assert_eq!(request.path, "/%3Clogs-%7Bnow%2Fd%7D%3E/_search");
    assert_eq!(request.stage_prefix, "/prod");
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.source_ip.as_deref(), Some("192.0.2.1"));
    assert_eq!(request.body, "{\"size\": 1}\n");
    let expected = pairs(&[("q", "1"), ("q", "2"), ("pretty", "")]);
    assert_eq!(request.query, Query::Decoded(expected));
    let expected = pairs(&[("Accept", "a"), ("Accept", "b"), ("Host", "api.example")]);
    assert_eq!(request.headers, expected);
}

#[test]
fn an_empty_rest_event_is_a_request() {
    let request = read(&json!({
        "path": "/",
        "httpMethod": "GET",
        "headers": null,
        "multiValueHeaders": null,
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "requestContext": {},
        "body": null,
        "isBase64Encoded": false,
    }));
    assert_eq!((request.headers.len(), request.body.len()), (0, 0));
    assert_eq!(request.query, Query::Decoded(Vec::new()));
}

#[test]
fn s1_the_stage_is_removed_from_payload_2_and_the_query_is_kept() {
    let request = read(&http());
    assert_eq!(request.api, ApiType::HttpV2);
    assert_eq!(request.path, "/a b/c");
    assert_eq!(request.stage_prefix, "/prod");
    assert_eq!(request.query, Query::Raw("z=1&a=2&z=3&v".to_owned()));
    assert_eq!(request.header("Cookie"), Some("a=1; b=2"));
    assert_eq!(request.source_ip.as_deref(), Some("192.0.2.2"));
}

#[test]
fn the_default_stage_is_not_part_of_the_path() {
    let mut event = http();
    event["requestContext"]["stage"] = json!("$default");
    assert_eq!(read(&event).path, "/prod/a b/c");
    event["requestContext"]["stage"] = json!("pro");
    assert_eq!(read(&event).path, "/prod/a b/c", "a prefix of a segment is none");
}

#[test]
fn payload_1_of_an_http_api_is_recognized_by_its_version() {
    let mut event = rest();
    event["version"] = json!("1.0");
    event["path"] = json!("/prod/a");
    let request = read(&event);
    assert_eq!((request.api, request.path.as_str()), (ApiType::HttpV1, "/a"));
}

#[test]
fn a_function_url_is_recognized_by_its_host_or_its_anonymous_account() {
    let mut by_host = http();
    by_host["requestContext"]["domainName"] = json!("abc.lambda-url.eu-west-1.on.aws");
    assert_eq!(read(&by_host).api, ApiType::FunctionUrl);
    let mut by_account = http();
    by_account["requestContext"]["accountId"] = json!("anonymous");
    assert_eq!(read(&by_account).api, ApiType::FunctionUrl);
}

#[test]
fn an_event_that_is_not_a_request_is_refused_with_a_reason() {
    for event in ["{}", "{\"Records\":[]}", "{\"requestContext\":{}}"] {
        let error = serde_json::from_str::<Request>(event).unwrap_err().to_string();
        assert!(error.contains("not an HTTP request"), "{error}");
    }
    let mut balanced = json!({ "httpMethod": "GET", "path": "/", "headers": {}, "body": "" });
    balanced["requestContext"] =
        json!({ "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:x" } });
    let error = serde_json::from_str::<Request>(&balanced.to_string()).unwrap_err().to_string();
    assert!(error.contains("Application Load Balancer"), "{error}");
    for event in ["null", "[]", "\"text\"", "1"] {
        assert!(serde_json::from_str::<Request>(event).is_err(), "{event}");
    }
    let mut event = http();
    event["isBase64Encoded"] = json!(true);
    event["body"] = json!("not base64!");
    let error = serde_json::from_str::<Request>(&event.to_string()).unwrap_err().to_string();
    assert!(error.contains("not base64"), "{error}");
}

#[test]
fn the_debug_output_of_a_request_has_no_header_and_no_body() {
    let mut event = rest();
    event["multiValueHeaders"]["Cookie"] = json!(["canary-cookie"]);
    event["body"] = json!("canary-body");
    let text = format!("{:?}", read(&event));
    assert!(!text.contains("canary"), "{text}");
}

proptest! {
    #[test]
    fn b3_a_body_arrives_byte_for_byte(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in ".{0,200}") {
        for mut event in [rest(), http()] {
            event["body"] = json!(STANDARD.encode(&bytes));
            event["isBase64Encoded"] = json!(true);
            prop_assert_eq!(read(&event).body, &bytes);
            event["body"] = json!(text);
            event["isBase64Encoded"] = json!(false);
            prop_assert_eq!(read(&event).body, text.as_bytes());
        }
    }

    #[test]
    fn reading_an_event_never_panics(text in ".{0,200}") {
        let _ = serde_json::from_str::<Request>(&text);
    }
}
