//! Tests of `job::aws`: the errors of Lambda, DynamoDB and S3, the retries, and the errors that the engine gets.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use bytes::Bytes;

use super::*;
use crate::job::ports::{
    Blobs as _, Invoker as _, ObjectHeaders, PortError, Rows as _, TableItem, Written,
};

fn quick() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(1))
}

/// An error as the JSON services and Lambda write it.
fn refused(status: u16, kind: &str) -> HttpResponse {
    let body = format!("{{\"__type\": \"com.amazonaws#{kind}\", \"message\": \"said AWS\"}}");
    let mut response = HttpResponse::new(status.try_into().unwrap(), body.into());
    response.headers_mut().insert("x-amzn-errortype", kind.to_owned());
    response
}

fn invoke_answers(answers: impl Fn() -> HttpResponse + Send + Sync + 'static) -> Rule {
    mock!(aws_sdk_lambda::Client::invoke).sequence().http_response(answers).repeatedly().build()
}

async fn invoke(rule: &Rule) -> Result<(), PortError> {
    let client = mock_client!(aws_sdk_lambda, RuleMode::MatchAny, [rule], |config| config
        .retry_config(quick()));
    LambdaInvoker::new(client, "job").invoke(Bytes::from_static(b"{}")).await
}

async fn write(rule: &Rule, items: Vec<TableItem>) -> Result<Written, PortError> {
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [rule], |config| config
        .retry_config(quick()));
    DynamoRows::new(client, "jobs").write(items).await
}

fn item(key: &str) -> TableItem {
    let document = "{}".to_owned();
    TableItem { key: key.to_owned(), version: 1, document, due: None, forget: 1_900_000_000_000 }
}

#[tokio::test]
async fn a_throttled_invocation_is_tried_three_times_and_the_job_waits() {
    for (status, kind) in
        [(429, "TooManyRequestsException"), (500, "ServiceException"), (503, "ServiceUnavailable")]
    {
        let rule = invoke_answers(move || refused(status, kind));
        let told = invoke(&rule).await;
        assert!(
            matches!(&told, Err(PortError::Unavailable(text)) if text.contains(kind)),
            "{told:?}"
        );
        assert_eq!(rule.num_calls(), 3, "{kind}");
    }
}

#[tokio::test]
async fn an_invocation_succeeds_after_lambda_recovers() {
    let rule = mock!(aws_sdk_lambda::Client::invoke)
        .sequence()
        .http_response(|| refused(429, "TooManyRequestsException"))
        .times(2)
        .output(|| InvokeOutput::builder().status_code(202).build())
        .build();
    assert_eq!(invoke(&rule).await, Ok(()));
    assert_eq!(rule.num_calls(), 3);
}

#[tokio::test]
async fn j5_a_permanently_refused_invocation_is_not_repeated() {
    let large = invoke_answers(|| refused(413, "RequestTooLargeException"));
    let told = invoke(&large).await;
    assert!(matches!(told, Err(PortError::TooLarge(_))), "{told:?}");
    let recursion = invoke_answers(|| refused(400, "RecursiveInvocationException"));
    let told = invoke(&recursion).await;
    assert!(matches!(told, Err(PortError::Recursion(_))), "{told:?}");
    let denied = invoke_answers(|| refused(403, "AccessDeniedException"));
    let told = invoke(&denied).await;
    assert!(matches!(told, Err(PortError::Refused(_))), "{told:?}");
    for rule in [large, recursion, denied] {
        assert_eq!(rule.num_calls(), 1);
    }
}

#[tokio::test]
async fn an_expired_token_does_not_fail_the_job() {
    let rule = invoke_answers(|| refused(403, "ExpiredTokenException"));
    let told = invoke(&rule).await;
    assert!(matches!(told, Err(PortError::Unavailable(_))), "{told:?}");
    assert_eq!(rule.num_calls(), 1, "the same token again would be refused again");
    let rule = mock!(aws_sdk_s3::Client::put_object).then_http_response(|| {
        let xml = "<Error><Code>ExpiredToken</Code><Message>said S3</Message></Error>";
        HttpResponse::new(400.try_into().unwrap(), xml.into())
    });
    let client = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&rule], |config| config
        .retry_config(quick()));
    let blobs = S3Blobs::new(client, "answers", "jobs");
    let told = blobs.put("a", &ObjectHeaders::default(), Bytes::from_static(b"a")).await;
    assert!(matches!(told, Err(PortError::Unavailable(_))), "{told:?}");
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test]
async fn a_throttled_table_is_called_three_times() {
    for kind in ["ThrottlingException", "ProvisionedThroughputExceededException"] {
        let rule = mock!(aws_sdk_dynamodb::Client::put_item)
            .sequence()
            .http_response(move || refused(400, kind))
            .repeatedly()
            .build();
        let told = write(&rule, vec![item("a")]).await;
        assert!(matches!(told, Err(PortError::Unavailable(_))), "{told:?}");
        assert_eq!(rule.num_calls(), 3, "{kind}");
    }
    let recovers = mock!(aws_sdk_dynamodb::Client::put_item)
        .sequence()
        .http_response(|| refused(400, "ThrottlingException"))
        .times(2)
        .output(|| PutItemOutput::builder().build())
        .build();
    assert_eq!(write(&recovers, vec![item("a")]).await, Ok(Written::Yes));
    assert_eq!(recovers.num_calls(), 3);
}

#[tokio::test]
async fn j2_an_unmet_condition_is_a_conflict_and_not_an_error() {
    let rule = mock!(aws_sdk_dynamodb::Client::put_item)
        .then_http_response(|| refused(400, "ConditionalCheckFailedException"));
    assert_eq!(write(&rule, vec![item("a")]).await, Ok(Written::Conflict));
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test]
async fn a_write_refused_by_dynamodb_is_not_repeated() {
    for kind in ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"] {
        let rule = mock!(aws_sdk_dynamodb::Client::put_item)
            .then_http_response(move || refused(400, kind));
        let told = write(&rule, vec![item("a")]).await;
        assert!(matches!(&told, Err(PortError::Refused(text)) if text.contains(kind)), "{told:?}");
        assert_eq!(rule.num_calls(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_put_succeeds_after_s3_slowed_down() {
    let rule = mock!(aws_sdk_s3::Client::put_object)
        .sequence()
        .http_response(|| {
            let xml = "<Error><Code>SlowDown</Code><Message>said S3</Message></Error>";
            HttpResponse::new(503.try_into().unwrap(), xml.into())
        })
        .times(2)
        .output(|| PutObjectOutput::builder().build())
        .build();
    let client = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&rule], |config| config
        .retry_config(quick()));
    let blobs = S3Blobs::new(client, "answers", "jobs");
    assert_eq!(blobs.put("a", &ObjectHeaders::default(), Bytes::from_static(b"a")).await, Ok(()));
    assert_eq!(rule.num_calls(), 3);
}
