//! Tests of `settings`: when it is asked, what serves meanwhile, and what is never shown.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use futures_util::future::join_all;
use serde_json::json;
use wiremock::matchers::{body_partial_json, header, header_exists};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const CANARY: &str = "canary-password";
const LONG: Duration = Duration::from_secs(100_000);

fn credentials() -> CredentialsCache {
    let fixed = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    CredentialsCache::new(SharedCredentialsProvider::new(fixed))
}

fn setting(server: &MockServer, reference: &str, lifetimes: Lifetimes) -> Setting {
    let place: http::Uri = server.uri().parse().expect("it is a URL");
    let endpoints =
        Endpoints { region: "eu-west-1".to_owned(), ssm: place.clone(), secrets: place };
    let reference = reference.parse().expect("it is a reference");
    Setting::new(SettingConfig { reference, endpoints }, lifetimes)
}

fn parameter(value: &str) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({ "Parameter": { "Name": "/p", "Value": value } }))
}

fn secret(value: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "SecretString": value }))
}

fn refusal(status: u16, kind: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "__type": kind, "message": "said AWS" }))
}

/// Sets the response to every call of this operation.
async fn answers(server: &MockServer, target: &str, response: ResponseTemplate) {
    server.reset().await;
    let signed = header_exists("authorization");
    Mock::given(header("x-amz-target", target))
        .and(signed)
        .respond_with(response)
        .mount(server)
        .await;
}

async fn calls(server: &MockServer) -> usize {
    server.received_requests().await.expect("they are recorded").len()
}

async fn value(setting: &Setting) -> Result<String, SettingError> {
    setting.get(&credentials()).await.map(|value| value.secret.reveal().to_owned())
}

fn check(text: &str, expected: Option<&Reference>) {
    let read: Result<Reference, ReferenceError> = text.parse();
    assert_eq!(read.as_ref().ok(), expected, "{text}: {read:?}");
    match read {
        Ok(reference) => assert_eq!(reference.to_string(), text),
        Err(why) => assert!(!why.to_string().contains("hunter2"), "it may be a secret: {why}"),
    }
}

#[test]
fn references_are_parsed_and_displayed_unchanged() {
    let secret = |name: &str, key: Option<&str>| Reference::Secret {
        name: name.to_owned(),
        key: key.map(str::to_owned),
    };
    check("ssm:/a/b", Some(&Reference::Parameter("/a/b".to_owned())));
    check("ssm:a", Some(&Reference::Parameter("a".to_owned())));
    check("ssm:/a/", Some(&Reference::Parameters("/a".to_owned())));
    check("secret:a/b", Some(&secret("a/b", None)));
    check("secret:a#b", Some(&secret("a", Some("b"))));
    let arn = "arn:aws:secretsmanager:eu-west-1:1:secret:a-Ab12cd";
    check(&format!("secret:{arn}#b"), Some(&secret(arn, Some("b"))));
    for wrong in ["", "user:hunter2", "ssm:", "secret:", "secret:#b", "secret:a#", "ssm:a b"] {
        check(wrong, None);
    }
}

#[test]
fn a_user_and_a_password_are_sent_from_either_form() {
    let sent = |text: &str| {
        let header = basic::authorization(&Secret::new(text.to_owned()))?;
        assert!(header.is_sensitive());
        Some(header.to_str().expect("it is ASCII").to_owned())
    };
    // RFC 7617, section 2.
    let expected = Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned());
    assert_eq!(sent("Aladdin:open sesame"), expected);
    assert_eq!(sent("Aladdin:open sesame\n"), expected);
    assert_eq!(sent(r#"{"username":"Aladdin","password":"open sesame","x":1}"#), expected);
    for wrong in ["", "nobody", ":password", r#"{"username":"a"}"#] {
        assert_eq!(sent(wrong), None, "{wrong}");
    }
}

#[tokio::test]
async fn e1_concurrent_and_later_requests_share_one_fetch() {
    let server = MockServer::start().await;
    answers(&server, "AmazonSSM.GetParameter", parameter("v")).await;
    let setting = setting(&server, "ssm:/p", Lifetimes::default());
    let all = join_all((0..20).map(|_| value(&setting))).await;
    assert!(all.iter().all(|one| one.as_deref() == Ok("v")), "{all:?}");
    assert_eq!(value(&setting).await.as_deref(), Ok("v"));
    assert_eq!(calls(&server).await, 1);
}

#[tokio::test]
async fn e1_during_an_outage_the_old_value_is_used_for_a_bounded_time() {
    let server = MockServer::start().await;
    let old = Lifetimes { fresh: Duration::ZERO, stale: LONG, pause: LONG };
    let setting = setting(&server, "ssm:/p", old);
    answers(&server, "AmazonSSM.GetParameter", parameter("v")).await;
    assert_eq!(value(&setting).await.as_deref(), Ok("v"));
    answers(&server, "AmazonSSM.GetParameter", refusal(500, "InternalServerError")).await;
    for _ in 0..3 {
        assert_eq!(value(&setting).await.as_deref(), Ok("v"));
    }
    assert_eq!(calls(&server).await, 2, "twice, and then not for a while");

    let short = Lifetimes { fresh: Duration::ZERO, stale: Duration::ZERO, pause: LONG };
    let setting = self::setting(&server, "ssm:/p", short);
    answers(&server, "AmazonSSM.GetParameter", parameter("v")).await;
    assert_eq!(value(&setting).await.as_deref(), Ok("v"));
    answers(&server, "AmazonSSM.GetParameter", refusal(500, "InternalServerError")).await;
    let too_old = value(&setting).await;
    assert!(matches!(too_old, Err(SettingError::Unavailable(..))), "{too_old:?}");
}

#[tokio::test]
async fn e1_transient_errors_are_retried_once_and_refusals_are_not() {
    let server = MockServer::start().await;
    let cases = [
        (503, "ServiceUnavailable", 2),
        (400, "ThrottlingException", 2),
        (400, "ParameterNotFound", 1),
        (400, "ExpiredTokenException", 1),
        (403, "AccessDeniedException", 1),
    ];
    for (status, kind, expected) in cases {
        answers(&server, "AmazonSSM.GetParameter", refusal(status, kind)).await;
        let failed = value(&setting(&server, "ssm:/p", Lifetimes::default())).await;
        let text = failed.expect_err("it is refused").to_string();
        assert!(text.contains(kind) && text.contains("ssm:/p"), "{text}");
        assert_eq!(calls(&server).await, expected, "{kind}");
    }
}

#[tokio::test]
async fn e2_a_refused_value_is_fetched_again_once() {
    let server = MockServer::start().await;
    let setting = setting(&server, "secret:s", Lifetimes { pause: LONG, ..Lifetimes::default() });
    answers(&server, "secretsmanager.GetSecretValue", secret("old")).await;
    let old = setting.get(&credentials()).await.expect("there is one");
    answers(&server, "secretsmanager.GetSecretValue", secret("new")).await;
    let renewed = join_all((0..10).map(|_| async {
        let renewed = setting.renewed(&old, &credentials()).await.expect("it can be fetched");
        renewed.expect("there is another").secret
    }));
    let renewed = renewed.await;
    assert!(renewed.iter().all(|secret| secret.reveal() == "new"));
    assert_eq!(calls(&server).await, 1);
    let new = setting.get(&credentials()).await.expect("there is one");
    assert_eq!((new.secret.reveal(), new.version), ("new", 1));
    for _ in 0..3 {
        let none = setting.renewed(&new, &credentials()).await.expect("it can be fetched");
        assert_eq!(none, None, "it is as it was");
    }
    assert_eq!(calls(&server).await, 2, "a wrong password does not become a flood");
}

#[tokio::test]
async fn e3_values_of_every_size_arrive_whole() {
    let server = MockServer::start().await;
    for length in [4_096, 8_192] {
        let long = "é".repeat(length / 2);
        answers(&server, "AmazonSSM.GetParameter", parameter(&long)).await;
        assert_eq!(value(&setting(&server, "ssm:/p", Lifetimes::default())).await, Ok(long));
    }
    let long = "\u{1}".repeat(65_536);
    answers(&server, "secretsmanager.GetSecretValue", secret(&long)).await;
    assert_eq!(value(&setting(&server, "secret:s", Lifetimes::default())).await, Ok(long));
}

#[tokio::test]
async fn e3_parts_are_joined_in_the_order_of_their_numbers_over_all_pages() {
    let server = MockServer::start().await;
    let part =
        |number: u32| json!({ "Name": format!("/p/{number}"), "Value": format!("<{number}>") });
    let page = |numbers: &[u32], next: Option<&str>| {
        let parts: Vec<_> = numbers.iter().map(|number| part(*number)).collect();
        ResponseTemplate::new(200).set_body_json(json!({ "Parameters": parts, "NextToken": next }))
    };
    answers(&server, "AmazonSSM.GetParametersByPath", page(&[1, 10, 2], Some("more"))).await;
    Mock::given(body_partial_json(json!({ "NextToken": "more" })))
        .respond_with(page(&[3], None))
        .with_priority(1)
        .mount(&server)
        .await;
    let joined = value(&setting(&server, "ssm:/p/", Lifetimes::default())).await;
    assert_eq!(joined.as_deref(), Ok("<1><2><3><10>"));
}

#[tokio::test]
async fn a_member_of_a_secret_is_returned_and_a_missing_one_is_named() {
    let server = MockServer::start().await;
    let target = "secretsmanager.GetSecretValue";
    answers(&server, target, secret(r#"{"a":"x","n":7}"#)).await;
    let of = |reference| setting(&server, reference, Lifetimes::default());
    assert_eq!(value(&of("secret:s#a")).await.as_deref(), Ok("x"));
    assert_eq!(value(&of("secret:s#n")).await.as_deref(), Ok("7"));
    let none = value(&of("secret:s#b")).await.expect_err("there is none");
    assert_eq!(none.to_string(), "secret:s#b: the secret has no such member");
    let binary = ResponseTemplate::new(200).set_body_json(json!({ "SecretBinary": "AA==" }));
    answers(&server, target, binary).await;
    let none = value(&of("secret:s")).await.expect_err("there is none");
    assert_eq!(none.to_string(), "secret:s: the secret is not a text");
}

#[tokio::test]
async fn e4_no_text_contains_a_value() {
    let server = MockServer::start().await;
    answers(&server, "AmazonSSM.GetParameter", parameter(CANARY)).await;
    let setting = setting(&server, "ssm:/p", Lifetimes::default());
    let value = setting.get(&credentials()).await.expect("there is one");
    assert_eq!(value.secret.reveal(), CANARY);
    let shown = format!("{setting:?} {value:?} {:?}", basic::authorization(&value.secret));
    assert!(!shown.contains(CANARY), "{shown}");
    let broken = format!("{{\"Parameter\": \"{CANARY}\"}}");
    let broken = ResponseTemplate::new(200).set_body_string(broken);
    answers(&server, "AmazonSSM.GetParameter", broken).await;
    let error = self::setting(&server, "ssm:/p", Lifetimes::default()).get(&credentials()).await;
    let shown = format!("{error:?}");
    assert!(error.is_err() && !shown.contains(CANARY), "{shown}");
}
