//! Events of the four gateways.

use hardcap_limits::envelope::Length;
use serde_json::{Value, json};

use super::*;
use crate::request::tests::received;

fn facts() -> Arc<ApiFacts> {
    Arc::new(ApiFacts {
        api_id: "s902u1zkkl".to_owned(),
        account_id: "147997163238".to_owned(),
        default_host: "s902u1zkkl.execute-api.us-west-2.amazonaws.com".to_owned(),
        stage: "test".to_owned(),
        stage_variables: IndexMap::new(),
        deployment_id: "abc123".to_owned(),
        binary_media_types: vec!["image/*".to_owned()],
    })
}

fn info() -> RequestInfo {
    RequestInfo {
        request_id: "4acd49e9-9210-4d04-8e04-0f26a4e92537".to_owned(),
        extended_request_id: "JCIudEUfPHcEhog=".to_owned(),
        trace_root: "Root=1-67fd87f5-7643e6a875203f06341af04f".to_owned(),
        arrived: EpochMillis(1_744_668_661_718),
    }
}

/// The event as JSON, which is as long as it was counted to be.
fn built(event: &GatewayEvent) -> Value {
    let mut length = Length::default();
    event.describe(&mut length);
    let mut text = Vec::new();
    event.describe(&mut text);
    assert_eq!(length.bytes().0, text.len() as u64);
    serde_json::from_slice(&text).unwrap()
}

fn event(shape: Shape, request: ClientRequest) -> Value {
    built(&GatewayEvent::new(shape, &facts(), RouteContext::default(), info(), request))
}

const ALL: [Shape; 4] = [Shape::Rest, Shape::HttpV1, Shape::HttpV2, Shape::Url];

#[test]
fn repeated_query_parameters_keep_the_last_all_or_are_joined() {
    let request = || received("GET", "/a?q=Hello%20World&tag=C%23&tag=.NET+Core", &[]);
    for shape in [Shape::Rest, Shape::HttpV1] {
        let event = event(shape, request());
        let last = json!({"q": "Hello World", "tag": ".NET Core"});
        assert_eq!(event["queryStringParameters"], last);
        let all = json!({"q": ["Hello World"], "tag": ["C#", ".NET Core"]});
        assert_eq!(event["multiValueQueryStringParameters"], all);
    }
    for shape in [Shape::HttpV2, Shape::Url] {
        let event = event(shape, request());
        let joined = json!({"q": "Hello World", "tag": "C#,.NET Core"});
        assert_eq!(event["queryStringParameters"], joined);
        assert_eq!(event["rawQueryString"], "q=Hello%20World&tag=C%23&tag=.NET+Core");
    }
}

#[test]
fn a_semicolon_splits_parameters_on_a_rest_api() {
    let request = || received("GET", "/?a=1;b=2", &[]);
    let rest = event(Shape::Rest, request());
    assert_eq!(rest["queryStringParameters"], json!({"a": "1", "b": "2"}));
    let http = event(Shape::HttpV2, request());
    assert_eq!(http["queryStringParameters"], json!({"a": "1;b=2"}));
}

#[test]
fn repeated_headers_keep_the_last_all_or_are_joined() {
    let request = || received("GET", "/", &[("X-A", "1"), ("x-a", "2")]);
    let rest = event(Shape::Rest, request());
    assert_eq!(rest["headers"]["X-A"], "2");
    assert_eq!(rest["multiValueHeaders"]["X-A"], json!(["1", "2"]));
    assert_eq!(event(Shape::HttpV2, request())["headers"]["x-a"], "1,2");
}

#[test]
fn cookies_have_a_member_of_their_own_in_format_2_only() {
    let request = || received("GET", "/", &[("Cookie", "session=abc123; theme=dark")]);
    let rest = event(Shape::Rest, request());
    assert_eq!(rest["headers"]["Cookie"], "session=abc123; theme=dark");
    let http = event(Shape::HttpV2, request());
    assert_eq!(http["cookies"], json!(["session=abc123", "theme=dark"]));
    assert_eq!(http["headers"].get("cookie"), None);
}

#[test]
fn a_rest_api_drops_the_length_and_all_drop_the_connection() {
    let headers = [("Content-Length", "0"), ("Connection", "keep-alive")];
    for shape in ALL {
        let text = event(shape, received("GET", "/", &headers))["headers"].to_string();
        assert!(!text.contains("onnection"), "{shape:?} {text}");
        assert_eq!(text.contains("ontent-"), shape != Shape::Rest, "{shape:?} {text}");
    }
}

#[test]
fn the_clients_address_is_appended_to_x_forwarded_for() {
    let request = received("GET", "/", &[("X-Forwarded-For", "10.0.0.1"), ("Host", "h:81")]);
    let headers = &event(Shape::Rest, request)["headers"];
    assert_eq!(headers["X-Forwarded-For"], "10.0.0.1, 127.0.0.1");
    assert_eq!(headers["X-Forwarded-Port"], "81");
    assert_eq!(headers["X-Forwarded-Proto"], "http");
}

#[track_caller]
fn check_body(shape: Shape, headers: &[(&str, &str)], sent: &[u8], body: &str, is_base64: bool) {
    let mut request = received("POST", "/", headers);
    request.body = Bytes::copy_from_slice(sent);
    let event = event(shape, request);
    assert_eq!(event["body"], body, "{shape:?} {headers:?}");
    assert_eq!(event["isBase64Encoded"], is_base64, "{shape:?} {headers:?}");
}

#[test]
fn an_empty_body_is_null_or_absent() {
    for shape in ALL {
        let event = event(shape, received("POST", "/", &[("Content-Type", "image/png")]));
        assert_eq!(event["body"], Value::Null);
        assert_eq!(event["isBase64Encoded"], false);
    }
}

#[test]
fn a_rest_api_encodes_listed_types_and_repairs_all_others() {
    let png = [("Content-Type", "image/png")];
    check_body(Shape::Rest, &png, &[1, 2, 3, 4, 5], "AQIDBAU=", true);
    check_body(Shape::Rest, &[("Content-Type", "text/plain")], b"a\xffb", "a\u{fffd}b", false);
    check_body(Shape::Rest, &[], b"a", "a", false);
}

#[test]
fn an_http_api_and_a_function_url_encode_bodies_that_are_not_text() {
    for shape in [Shape::HttpV1, Shape::HttpV2, Shape::Url] {
        let with = |content_type| [("Content-Type", content_type)];
        check_body(shape, &with("application/octet-stream"), &[1, 2, 3], "AQID", true);
        check_body(shape, &with("multipart/form-data; boundary=x"), b"abc", "YWJj", true);
        check_body(shape, &with("text/html; charset=utf-8"), b"abc", "abc", false);
        check_body(shape, &with("application/json"), b"{}", "{}", false);
        check_body(shape, &with("text/plain"), b"\xff", "/w==", true);
        let gzip = [("Content-Type", "text/plain"), ("Content-Encoding", "gzip")];
        check_body(shape, &gzip, b"abc", "YWJj", true);
    }
}

#[test]
fn the_path_of_a_function_url_is_decoded_and_its_double_slashes_are_one() {
    let event = event(Shape::Url, received("GET", "//pa2%25Fth/1", &[]));
    assert_eq!(event["rawPath"], "/pa2%Fth/1");
    assert_eq!(event["requestContext"]["http"]["path"], "/pa2%Fth/1");
}

#[test]
fn the_path_of_an_http_api_is_decoded_and_ends_at_a_question_mark() {
    let with = |path| event(Shape::HttpV2, received("GET", path, &[]))["rawPath"].clone();
    assert_eq!(with("/a%20b//c"), "/a b//c");
    assert_eq!(with("/a%3Fb"), "/a");
}

#[test]
fn the_shapes_have_exactly_the_members_of_aws() {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let rest = event(Shape::Rest, received("GET", "/test/a", &[]));
    let expected = "resource path httpMethod headers multiValueHeaders queryStringParameters \
        multiValueQueryStringParameters pathParameters stageVariables requestContext body \
        isBase64Encoded";
    assert_eq!(keys(&rest).join(" "), expected);
    let expected = "resourceId resourcePath httpMethod extendedRequestId requestTime path \
        accountId protocol stage domainPrefix requestTimeEpoch requestId identity domainName \
        deploymentId apiId";
    assert_eq!(keys(&rest["requestContext"]).join(" "), expected);
    assert_eq!(keys(&rest["requestContext"]["identity"]).len(), 12);
    assert_eq!(rest["requestContext"]["requestTime"], "14/Apr/2025:22:11:01 +0000");

    let http = event(Shape::HttpV1, received("GET", "/", &[]));
    assert_eq!(http["version"], "1.0");
    assert_eq!(http["requestContext"]["requestId"], http["requestContext"]["extendedRequestId"]);
    assert_eq!(http["requestContext"]["identity"]["userAgent"], "");
    assert_eq!(rest["requestContext"]["identity"]["userAgent"], Value::Null);

    let http = event(Shape::HttpV2, received("GET", "/", &[]));
    let expected = "version routeKey rawPath rawQueryString headers requestContext isBase64Encoded";
    assert_eq!(keys(&http).join(" "), expected);
    let expected = "accountId apiId domainName domainPrefix http requestId routeKey stage time \
        timeEpoch";
    assert_eq!(keys(&http["requestContext"]).join(" "), expected);
}
