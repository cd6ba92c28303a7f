//! Customized gateway responses.

use hardcap_limits::{Bytes as ByteCount, Limits, Millis};
use indexmap::IndexMap;

use std::sync::Arc;

use super::*;
use crate::event::{ApiFacts, RequestInfo, RouteContext, Shape};
use crate::frontend::GatewayKind;
use crate::request::tests::received;
use crate::response::MalformedResponse;
use hardcap_core::clock::EpochMillis;
use hardcap_lambda::stop::ThrottleReason;

fn facts() -> ApiFacts {
    ApiFacts {
        api_id: "o81lxisefl".to_owned(),
        account_id: "000000000000".to_owned(),
        default_host: "o81lxisefl.execute-api.us-east-1.amazonaws.com".to_owned(),
        stage: "custErr".to_owned(),
        stage_variables: IndexMap::from_iter([("a".to_owned(), "a".to_owned())]),
        deployment_id: String::new(),
        binary_media_types: Vec::new(),
    }
}

/// The refusal of `GET /custErr/pets/5?q=1` with these gateway responses.
fn rendered(responses: &[(&str, GatewayResponse)], error: GatewayError) -> Response<String> {
    let responses =
        responses.iter().map(|(kind, response)| ((*kind).to_owned(), response.clone())).collect();
    let info = RequestInfo {
        request_id: "4acd49e9-9210-4d04-8e04-0f26a4e92537".to_owned(),
        extended_request_id: "JCIudEUfPHcEhog=".to_owned(),
        trace_root: "Root=1-67fd87f5-7643e6a875203f06341af04f".to_owned(),
        arrived: EpochMillis(1_744_668_661_718),
    };
    let route = RouteContext {
        resource: "/pets/{petId}".to_owned(),
        path_parameters: vec![("petId".to_owned(), "5".to_owned())],
        ..RouteContext::default()
    };
    let request = received("GET", "/custErr/pets/5?q=1", &[("x-amzn-RequestId", "123344566")]);
    let limits = Limits::classic();
    let refusal = super::super::render(GatewayKind::Rest, &error, &limits, &info, "Root=1-a");
    let values = Values::new(Shape::Rest, &Arc::new(facts()), &info, &request, &route);
    customize(&responses, &error, &values, refusal)
}

fn response(status: Option<u16>, headers: &[(&str, &str)], template: &str) -> GatewayResponse {
    let mapped = |(name, mapping): &(&str, &str)| ((*name).to_owned(), mapping.parse().unwrap());
    let template = (!template.is_empty()).then(|| ("application/json".into(), template.into()));
    GatewayResponse {
        status,
        headers: headers.iter().map(mapped).collect(),
        templates: template.into_iter().collect(),
    }
}

fn header<'r>(response: &'r Response<String>, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// The walk-through of AWS's developer guide (answer dated 2017-05-02). Its page shows the values of the body partly
/// without the quotes that its template has, so only what it is unambiguous about is compared.
#[test]
fn the_developer_guides_example_gives_the_documented_response() {
    let headers = [
        ("Access-Control-Allow-Origin", "'a.b.c'"),
        ("x-request-id", "method.request.header.x-amzn-RequestId"),
        ("x-request-path", "method.request.path.petId"),
        ("x-request-query", "method.request.querystring.q"),
        ("x-request-none", "method.request.querystring.none"),
    ];
    let template = r#"{"message":$context.error.messageString,"type":"$context.error.responseType","stage":"$context.stage","resourcePath":"$context.resourcePath","stageVariables.a":"$stageVariables.a"}"#;
    let own = response(Some(404), &headers, template);
    let rendered = rendered(&[("MISSING_AUTHENTICATION_TOKEN", own)], GatewayError::NoRoute);
    assert_eq!(rendered.status(), 404);
    assert_eq!(header(&rendered, "access-control-allow-origin"), Some("a.b.c"));
    assert_eq!(header(&rendered, "x-request-id"), Some("123344566"));
    assert_eq!(header(&rendered, "x-request-path"), Some("5"));
    assert_eq!(header(&rendered, "x-request-query"), Some("1"));
    assert_eq!(header(&rendered, "x-request-none"), None);
    assert_eq!(header(&rendered, "x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
    assert_eq!(
        rendered.body(),
        r#"{"message":"Missing Authentication Token","type":"MISSING_AUTHENTICATION_TOKEN","stage":"custErr","resourcePath":"/pets/{petId}","stageVariables.a":"a"}"#
    );
}

#[test]
fn each_refusal_has_its_type_and_falls_back_to_that_of_its_class() {
    let limits = Limits::classic();
    let too_large =
        || -> GatewayError { limits.lambda_sync_request.exceeded_by(ByteCount(6_291_457)).into() };
    let late = || -> GatewayError { limits.rest_timeout.exceeded_by(Millis(29_230)).into() };
    let throttled = || GatewayError::InvokeError(InvokeError::Throttled(ThrottleReason::Function));
    let cases: [(&dyn Fn() -> GatewayError, &str, u16); 5] = [
        (&|| GatewayError::NoRoute, "MISSING_AUTHENTICATION_TOKEN", 403),
        (&too_large, "REQUEST_TOO_LARGE", 413),
        (&late, "INTEGRATION_TIMEOUT", 504),
        (
            &|| GatewayError::MalformedResponse(MalformedResponse("x".to_owned())),
            "INTEGRATION_FAILURE",
            502,
        ),
        (&throttled, "API_CONFIGURATION_ERROR", 500),
    ];
    for (error, kind, status) in cases {
        let class = if status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        let own = (kind, response(None, &[("x-own", "'own'")], "$context.error.responseType"));
        let general = (class, response(Some(418), &[("x-class", "'class'")], ""));
        let plain = rendered(&[], error());

        let both = rendered(&[general.clone(), own], error());
        assert_eq!((both.status().as_u16(), both.body().as_str()), (status, kind));
        assert_eq!((header(&both, "x-own"), header(&both, "x-class")), (Some("own"), None));

        let fallen = rendered(&[general], error());
        assert_eq!((fallen.status().as_u16(), fallen.body()), (418, plain.body()), "{kind}");
        assert_eq!(header(&fallen, "x-class"), Some("class"), "{kind}");
        assert_eq!(header(&fallen, "content-type"), Some("application/json"), "{kind}");

        let other = if status < 500 { "DEFAULT_5XX" } else { "DEFAULT_4XX" };
        let untouched = rendered(&[(other, response(Some(418), &[], "x"))], error());
        assert_eq!((untouched.status().as_u16(), untouched.body()), (status, plain.body()));
    }
}

#[test]
fn refusals_in_front_of_an_api_and_internal_errors_cannot_be_customized() {
    let own = response(Some(418), &[("x-own", "'own'")], "{}");
    let all = ["DEFAULT_4XX", "DEFAULT_5XX", "REQUEST_TOO_LARGE"].map(|kind| (kind, own.clone()));
    let limits = Limits::classic();
    let body = limits.rest_request_body.exceeded_by(ByteCount(10_485_761));
    let refused = rendered(&all, body.into());
    assert_eq!(
        (refused.status().as_u16(), refused.body().as_str(), header(&refused, "x-own")),
        (413, "HTTP content length exceeded 10485760 bytes.", None)
    );
    let bug =
        rendered(&all, GatewayError::InvokeError(InvokeError::Bug("secret cause".to_owned())));
    assert_eq!((bug.status().as_u16(), header(&bug, "x-own")), (500, None));
}

#[test]
fn framing_headers_and_invalid_header_names_are_omitted() {
    let headers = [
        ("Content-Length", "'5'"),
        ("transfer-encoding", "'chunked'"),
        ("no header", "'x'"),
        ("x-broken", "method.request.header.x-broken"),
        ("x-whole", "'x'"),
    ];
    let rendered =
        rendered(&[("DEFAULT_4XX", response(None, &headers, ""))], GatewayError::NoRoute);
    let names: Vec<&str> = rendered.headers().keys().map(|name| name.as_str()).collect();
    let expected =
        ["content-type", "x-amzn-errortype", "x-amzn-requestid", "x-amz-apigw-id", "x-whole"];
    assert_eq!(names, expected);
}

#[test]
fn a_template_replaces_known_variables_only() {
    let filled = |template: &str| {
        let own = response(None, &[], template);
        rendered(&[("DEFAULT_4XX", own)], GatewayError::NoRoute).into_body()
    };
    assert_eq!(filled("$context.error.message."), "Missing Authentication Token.");
    assert_eq!(
        filled("$context.requestId$context.stage"),
        "4acd49e9-9210-4d04-8e04-0f26a4e92537custErr"
    );
    assert_eq!(
        filled("5 $, $$, $context, $context.nothing, $input.body, é$"),
        "5 $, $$, $context, $context.nothing, $input.body, é$"
    );
    assert_eq!(filled("#set($x = 1)"), "#set($x = 1)");
}

#[test]
fn a_template_of_another_media_type_sets_the_content_type() {
    let mut own = response(None, &[], "");
    own.templates.insert("text/html".to_owned(), "<p>$context.error.message</p>".to_owned());
    let rendered = rendered(&[("DEFAULT_4XX", own)], GatewayError::NoRoute);
    assert_eq!(header(&rendered, "content-type"), Some("text/html"));
    assert_eq!(rendered.body(), "<p>Missing Authentication Token</p>");
}
