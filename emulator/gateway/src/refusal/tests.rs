//! Responses of each gateway for errors, compared with texts written by hand.

use hardcap_limits::{Bytes as ByteCount, Millis};

use super::*;
use hardcap_core::clock::EpochMillis;
use hardcap_lambda::stop::ThrottleReason;

fn info() -> RequestInfo {
    RequestInfo {
        request_id: "4acd49e9-9210-4d04-8e04-0f26a4e92537".to_owned(),
        extended_request_id: "JCIudEUfPHcEhog=".to_owned(),
        trace_root: "Root=1-67fd87f5-7643e6a875203f06341af04f".to_owned(),
        arrived: EpochMillis(1_744_668_661_718),
    }
}

/// Status, headers and body of a response.
fn rendered(kind: GatewayKind, error: GatewayError) -> String {
    let response = render(kind, &error, &Limits::classic(), &info(), "Root=1-a;Sampled=0");
    let (head, body) = response.into_parts();
    let mut text = format!("{}\n", head.status.as_u16());
    for (name, value) in &head.headers {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    text + "\n" + &body
}

const REST_IDS: &str = "x-amzn-requestid: 4acd49e9-9210-4d04-8e04-0f26a4e92537\n\
    x-amz-apigw-id: JCIudEUfPHcEhog=\n";
const HTTP_ID: &str = "apigw-requestid: JCIudEUfPHcEhog=\n";
const JSON: &str = "content-type: application/json\n";

#[test]
fn a_body_too_large_for_a_rest_api_is_refused_in_plain_text() {
    let exceeded = Limits::classic().rest_request_body.exceeded_by(ByteCount(10_485_761));
    let expected = "413\ncontent-type: text; charset=utf-8\n\n\
        HTTP content length exceeded 10485760 bytes.";
    assert_eq!(rendered(GatewayKind::Rest, exceeded.into()), expected);
}

#[test]
fn an_event_that_is_too_large_has_the_text_of_each_gateway() {
    let exceeded = Limits::classic().lambda_sync_request.exceeded_by(ByteCount(6_291_457));
    let error = "x-amzn-errortype: BadRequestException\n";
    assert_eq!(
        rendered(GatewayKind::Rest, exceeded.into()),
        format!("413\n{JSON}{error}{REST_IDS}\n{{\"message\": \"Request Too Long\"}}")
    );
    assert_eq!(
        rendered(GatewayKind::Http, exceeded.into()),
        format!("413\n{JSON}{HTTP_ID}\n{{\"message\":\"Request Entity Too Large\"}}")
    );
    let url = rendered(GatewayKind::Url, exceeded.into());
    let body = r#"{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#;
    assert!(url.starts_with("413\n") && url.ends_with(body), "{url}");
}

#[test]
fn a_timeout_is_a_body_of_41_and_33_bytes() {
    let limits = Limits::classic();
    let rest = rendered(GatewayKind::Rest, limits.rest_timeout.exceeded_by(Millis(29_230)).into());
    let expected = format!(
        "504\n{JSON}x-amzn-errortype: InternalServerErrorException\n{REST_IDS}\
         x-amzn-trace-id: Root=1-a;Sampled=0\n\n{{\"message\": \"Endpoint request timed out\"}}"
    );
    assert_eq!(rest, expected);
    let http = rendered(GatewayKind::Http, limits.http_timeout.exceeded_by(Millis(30_001)).into());
    assert_eq!(http, format!("503\n{JSON}{HTTP_ID}\n{{\"message\":\"Service Unavailable\"}}"));
}

#[test]
fn a_malformed_response_and_a_function_error_are_bodies_of_36_and_35_bytes() {
    let exceeded = Limits::classic().lambda_sync_response.exceeded_by(ByteCount(6_291_557));
    let errors = || {
        [
            GatewayError::MalformedResponse(MalformedResponse("x".to_owned())),
            GatewayError::FunctionError(FunctionError::Exited {
                error_type: "Runtime.ExitError".to_owned(),
                message: "exit status 1".to_owned(),
            }),
            GatewayError::FunctionError(FunctionError::ResponseTooLarge(exceeded)),
        ]
    };
    for error in errors() {
        let expected = format!(
            "502\n{JSON}x-amzn-errortype: InternalServerErrorException\n{REST_IDS}\n\
             {{\"message\": \"Internal server error\"}}"
        );
        assert_eq!(rendered(GatewayKind::Rest, error), expected);
    }
    for error in errors() {
        let expected = format!("500\n{JSON}{HTTP_ID}\n{{\"message\":\"Internal Server Error\"}}");
        assert_eq!(rendered(GatewayKind::Http, error), expected);
    }
    for error in errors() {
        let url = rendered(GatewayKind::Url, error);
        assert!(url.starts_with("502\n") && url.ends_with("\n\nInternal Server Error"), "{url}");
    }
}

#[test]
fn unknown_routes_are_403_and_404() {
    let rest = rendered(GatewayKind::Rest, GatewayError::NoRoute);
    let expected = format!(
        "403\n{JSON}x-amzn-errortype: MissingAuthenticationTokenException\n{REST_IDS}\n\
         {{\"message\":\"Missing Authentication Token\"}}"
    );
    assert_eq!(rest, expected);
    let http = rendered(GatewayKind::Http, GatewayError::NoRoute);
    assert_eq!(http, format!("404\n{JSON}{HTTP_ID}\n{{\"message\":\"Not Found\"}}"));
}

#[test]
fn a_throttled_function_is_500_503_and_429() {
    let throttled = || GatewayError::InvokeError(InvokeError::Throttled(ThrottleReason::Function));
    assert!(rendered(GatewayKind::Rest, throttled()).starts_with("500\n"));
    assert!(rendered(GatewayKind::Http, throttled()).starts_with("503\n"));
    let url = rendered(GatewayKind::Url, throttled());
    let reason = r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","#;
    assert!(url.starts_with("429\n") && url.contains(reason), "{url}");
}

#[test]
fn the_cause_of_an_internal_error_is_never_in_the_response() {
    for kind in [GatewayKind::Rest, GatewayKind::Http, GatewayKind::Url] {
        let rendered =
            rendered(kind, GatewayError::InvokeError(InvokeError::Bug("secret cause".to_owned())));
        assert!(rendered.starts_with("500\n") && !rendered.contains("secret"), "{rendered}");
    }
}
