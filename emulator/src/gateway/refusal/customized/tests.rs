//! Refusals in an owner's words.

use hardcap_limits::{Bytes as ByteCount, Limits, Millis, Party};
use indexmap::IndexMap;

use super::*;
use crate::gateway::answer::Malformed;
use crate::gateway::request::tests::received;
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
fn told(responses: &[(&str, GatewayResponse)], ending: Ending) -> Response<String> {
    let responses =
        responses.iter().map(|(kind, response)| ((*kind).to_owned(), response.clone())).collect();
    let moment = Moment {
        request_id: "4acd49e9-9210-4d04-8e04-0f26a4e92537".to_owned(),
        extended_request_id: "JCIudEUfPHcEhog=".to_owned(),
        trace_root: "Root=1-67fd87f5-7643e6a875203f06341af04f".to_owned(),
        arrived: EpochMillis(1_744_668_661_718),
    };
    let taken = Taken {
        resource: "/pets/{petId}".to_owned(),
        path_parameters: vec![("petId".to_owned(), "5".to_owned())],
        ..Taken::default()
    };
    let request = received("GET", "/custErr/pets/5?q=1", &[("x-amzn-RequestId", "123344566")]);
    let limits = Limits::classic();
    let refusal = super::super::render(Party::RestClient, &ending, &limits, &moment, "Root=1-a");
    let source = Source { api: &facts(), request: &request, moment: &moment, taken: &taken };
    customize(&responses, &ending, source, refusal)
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
fn the_developer_guides_example_comes_out_as_it_says() {
    let headers = [
        ("Access-Control-Allow-Origin", "'a.b.c'"),
        ("x-request-id", "method.request.header.x-amzn-RequestId"),
        ("x-request-path", "method.request.path.petId"),
        ("x-request-query", "method.request.querystring.q"),
        ("x-request-none", "method.request.querystring.none"),
    ];
    let template = r#"{"message":$context.error.messageString,"type":"$context.error.responseType","stage":"$context.stage","resourcePath":"$context.resourcePath","stageVariables.a":"$stageVariables.a"}"#;
    let own = response(Some(404), &headers, template);
    let told = told(&[("MISSING_AUTHENTICATION_TOKEN", own)], Ending::NoRoute);
    assert_eq!(told.status(), 404);
    assert_eq!(header(&told, "access-control-allow-origin"), Some("a.b.c"));
    assert_eq!(header(&told, "x-request-id"), Some("123344566"));
    assert_eq!(header(&told, "x-request-path"), Some("5"));
    assert_eq!(header(&told, "x-request-query"), Some("1"));
    assert_eq!(header(&told, "x-request-none"), None);
    assert_eq!(header(&told, "x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
    assert_eq!(
        told.body(),
        r#"{"message":"Missing Authentication Token","type":"MISSING_AUTHENTICATION_TOKEN","stage":"custErr","resourcePath":"/pets/{petId}","stageVariables.a":"a"}"#
    );
}

#[test]
fn each_refusal_has_its_type_and_falls_back_to_that_of_its_class() {
    let limits = Limits::classic();
    let too_large =
        || -> Ending { limits.lambda_sync_request.exceeded_by(ByteCount(6_291_457)).into() };
    let late = || -> Ending { limits.rest_timeout.exceeded_by(Millis(29_230)).into() };
    let throttled = || Ending::InvokeError(InvokeError::Throttled(ThrottleReason::Function));
    let cases: [(&dyn Fn() -> Ending, &str, u16); 5] = [
        (&|| Ending::NoRoute, "MISSING_AUTHENTICATION_TOKEN", 403),
        (&too_large, "REQUEST_TOO_LARGE", 413),
        (&late, "INTEGRATION_TIMEOUT", 504),
        (&|| Ending::Malformed(Malformed("x".to_owned())), "INTEGRATION_FAILURE", 502),
        (&throttled, "API_CONFIGURATION_ERROR", 500),
    ];
    for (ending, kind, status) in cases {
        let class = if status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        let own = (kind, response(None, &[("x-own", "'own'")], "$context.error.responseType"));
        let general = (class, response(Some(418), &[("x-class", "'class'")], ""));
        let plain = told(&[], ending());

        let both = told(&[general.clone(), own], ending());
        assert_eq!((both.status().as_u16(), both.body().as_str()), (status, kind));
        assert_eq!((header(&both, "x-own"), header(&both, "x-class")), (Some("own"), None));

        let fallen = told(&[general], ending());
        assert_eq!((fallen.status().as_u16(), fallen.body()), (418, plain.body()), "{kind}");
        assert_eq!(header(&fallen, "x-class"), Some("class"), "{kind}");
        assert_eq!(header(&fallen, "content-type"), Some("application/json"), "{kind}");

        let other = if status < 500 { "DEFAULT_5XX" } else { "DEFAULT_4XX" };
        let untouched = told(&[(other, response(Some(418), &[], "x"))], ending());
        assert_eq!((untouched.status().as_u16(), untouched.body()), (status, plain.body()));
    }
}

#[test]
fn what_is_refused_in_front_of_an_api_and_a_bug_of_ours_are_in_nobody_elses_words() {
    let own = response(Some(418), &[("x-own", "'own'")], "{}");
    let all = ["DEFAULT_4XX", "DEFAULT_5XX", "REQUEST_TOO_LARGE"].map(|kind| (kind, own.clone()));
    let limits = Limits::classic();
    let body = limits.rest_request_body.exceeded_by(ByteCount(10_485_761));
    let refused = told(&all, body.into());
    assert_eq!(
        (refused.status().as_u16(), refused.body().as_str(), header(&refused, "x-own")),
        (413, "HTTP content length exceeded 10485760 bytes.", None)
    );
    let bug = told(&all, Ending::InvokeError(InvokeError::Bug("secret cause".to_owned())));
    assert_eq!((bug.status().as_u16(), header(&bug, "x-own")), (500, None));
}

#[test]
fn nobody_but_the_gateway_frames_a_body_and_what_is_no_header_is_left_out() {
    let headers = [
        ("Content-Length", "'5'"),
        ("transfer-encoding", "'chunked'"),
        ("no header", "'x'"),
        ("x-broken", "method.request.header.x-broken"),
        ("x-whole", "'x'"),
    ];
    let told = told(&[("DEFAULT_4XX", response(None, &headers, ""))], Ending::NoRoute);
    let names: Vec<&str> = told.headers().keys().map(|name| name.as_str()).collect();
    let expected =
        ["content-type", "x-amzn-errortype", "x-amzn-requestid", "x-amz-apigw-id", "x-whole"];
    assert_eq!(names, expected);
}

#[test]
fn a_template_replaces_what_it_knows_and_nothing_else() {
    let filled = |template: &str| {
        let own = response(None, &[], template);
        told(&[("DEFAULT_4XX", own)], Ending::NoRoute).into_body()
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
fn a_template_of_another_media_type_brings_its_type() {
    let mut own = response(None, &[], "");
    own.templates.insert("text/html".to_owned(), "<p>$context.error.message</p>".to_owned());
    let told = told(&[("DEFAULT_4XX", own)], Ending::NoRoute);
    assert_eq!(header(&told, "content-type"), Some("text/html"));
    assert_eq!(told.body(), "<p>Missing Authentication Token</p>");
}
