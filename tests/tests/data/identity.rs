//! Who a caller is, and what is said of services that are not there.

use hardcap::Emulator;
use hardcap_tests::client::{Answer, Call, Client};
use serde_json::json;

use crate::{call, refused};

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
    let emulator = Emulator::builder().start().await.unwrap();
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
    let emulator = Emulator::builder().start().await.unwrap();
    let answer = call(&emulator, "AmazonSQS.SendMessage", json!({})).await;
    let (code, message) = refused(&answer);
    assert_eq!(code, "UnknownOperationException");
    assert!(
        message.starts_with("hardcap has no service `AmazonSQS`; it has Lambda, S3, DynamoDB"),
        "{message}"
    );
}
