//! Who a caller is, and what is said of services that are not there.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use hardcap::Emulator;
use hardcap_limits::Date;
use hardcap_tests::client::{Answer, Call, Client};
use serde_json::json;

use super::{call, client, client_with_keys, output, refused};

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/sts/aws4_request, \
                      SignedHeaders=host, Signature=0";

async fn ask(emulator: &Emulator, form: &str, signed: bool) -> Answer {
    let mut call = Call::post(format!("{}/", emulator.aws_url()), form.to_owned())
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    if signed {
        call = call.header("authorization", SIGNED);
    }
    Client::new().send(&call).await.expect("the AWS port answers")
}

#[tokio::test]
async fn a_caller_is_the_user_test_of_the_account() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let answer = ask(&emulator, form, true).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    for part in [
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">",
        "<Arn>arn:aws:iam::000000000000:user/test</Arn>",
        "<Account>000000000000</Account>",
        answer.header("x-amzn-requestid").unwrap(),
    ] {
        assert!(answer.text().contains(part), "{part} is not in {answer:?}");
    }
    let unsigned = ask(&emulator, form, false).await;
    assert_eq!(unsigned.status, 403, "{unsigned:?}");
    assert!(unsigned.text().contains("<Code>MissingAuthenticationToken</Code>"), "{unsigned:?}");
    let other = ask(&emulator, "Action=AssumeRole&Version=2011-06-15", true).await;
    assert_eq!(other.status, 400, "{other:?}");
    assert!(other.text().contains("<Code>InvalidAction</Code>"), "{other:?}");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named_with_those_that_are() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    let answer = call(&emulator, "Kinesis_20131202.PutRecord", json!({})).await;
    let (code, message) = refused(&answer);
    assert_eq!(code, "UnknownOperationException");
    assert!(
        message.starts_with(
            "hardcap does not emulate Kinesis_20131202 (PutRecord); it has Lambda, S3, DynamoDB"
        ),
        "{message}"
    );
}

#[tokio::test]
async fn a_service_that_speaks_forms_is_refused_in_xml() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    let mail =
        Call::post(format!("{}/", emulator.aws_url()), "Action=SendEmail&Version=2010-12-01")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header("authorization", SIGNED.replace("/sts/", "/ses/"));
    let answer = Client::new().send(&mail).await.unwrap();
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(
        answer.text().contains("<Message>hardcap does not emulate SES (SendEmail); it has"),
        "{answer:?}"
    );
}

async fn strict() -> Emulator {
    Emulator::builder()
        .limits(Date::CLASSIC)
        .configure(|config| config.strict_auth = true)
        .start()
        .await
        .expect("an emulator on free ports")
}

#[tokio::test]
async fn strict_authentication_takes_a_true_signature_and_no_other() {
    let emulator = strict().await;
    client(&emulator).list_tables().send().await.expect("the signature is true");
    let code = async |id: &str, secret: &str| {
        let refused = client_with_keys(&emulator, id, secret).list_tables().send().await;
        refused.unwrap_err().code().map(str::to_owned)
    };
    assert_eq!(code("test", "wrong").await.as_deref(), Some("InvalidSignatureException"));
    assert_eq!(code("AKIAUNKNOWN", "test").await.as_deref(), Some("UnrecognizedClientException"));
    client(&emulator).list_tables().send().await.expect("the signature is true");
}

#[tokio::test]
async fn strict_authentication_refuses_calls_without_a_signature_in_each_services_way() {
    let emulator = strict().await;
    for (target, namespace) in [
        ("DynamoDB_20120810.ListTables", "com.amazon.coral.service#"),
        ("AmazonSSM.DescribeParameters", ""),
        ("secretsmanager.ListSecrets", ""),
    ] {
        let (code, message) = refused(&call(&emulator, target, json!({})).await);
        assert_eq!(code, format!("{namespace}MissingAuthenticationTokenException"), "{target}");
        assert_eq!(message, "Request is missing Authentication Token");
    }
    let invoke =
        Call::post(format!("{}/2015-03-31/functions/f/invocations", emulator.aws_url()), "{}");
    let answer = Client::new().send(&invoke).await.unwrap();
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.header("x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
    assert_eq!(answer.text(), r#"{"message":"Request is missing Authentication Token"}"#);
    let stale = ask(&emulator, "Action=GetCallerIdentity", true).await;
    assert_eq!(stale.status, 403, "{stale:?}");
    assert!(stale.text().contains("<Code>IncompleteSignature</Code>"), "{stale:?}");
    let health = Client::new().get(format!("{}/health", emulator.control_url())).await.unwrap();
    output(&health);
}
