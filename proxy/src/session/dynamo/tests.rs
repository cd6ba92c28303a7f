//! Tests of `dynamo`: the errors of DynamoDB, and the retries.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

use super::*;

fn store(rules: &[&Rule]) -> DynamoStore {
    // Retries as ever, without the wait.
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::Sequential, rules, |config| config
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1))));
    DynamoStore::new(client, "sessions")
}

fn refused(status: u16, code: &str) -> HttpResponse {
    let body = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"said DynamoDB"}}"#
    );
    HttpResponse::new(status.try_into().unwrap(), body.into())
}

/// A read with the same response to every attempt: its result, and the number of calls.
async fn read_when(status: u16, code: &'static str) -> (String, usize) {
    let get = mock!(Client::get_item)
        .sequence()
        .http_response(move || refused(status, code))
        .times(10)
        .build();
    let outage = store(&[&get]).session("x").await.unwrap_err();
    (outage.to_string(), get.num_calls())
}

#[tokio::test]
async fn a10_a_transient_error_is_retried_twice_before_it_is_an_outage() {
    for (status, code) in [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ] {
        let (said, calls) = read_when(status, code).await;
        assert!(said.contains(code) && said.contains("said DynamoDB"), "{said}");
        assert_eq!(calls, 3, "{code}");
    }
}

#[tokio::test]
async fn a10_a_permanent_error_is_not_retried() {
    for (status, code) in [
        (400, "ExpiredTokenException"),
        (400, "AccessDeniedException"),
        (400, "ResourceNotFoundException"),
        (400, "UnrecognizedClientException"),
    ] {
        let (said, calls) = read_when(status, code).await;
        assert!(said.contains(code), "{said}");
        assert_eq!(calls, 1, "{code}");
    }
}

#[tokio::test]
async fn a10_one_transient_error_is_not_noticed() {
    let get = mock!(Client::get_item)
        .sequence()
        .http_response(|| refused(400, "ThrottlingException"))
        .output(|| GetItemOutput::builder().build())
        .build();
    assert_eq!(store(&[&get]).session("x").await, Ok(None));
    assert_eq!(get.num_calls(), 2);
}

#[tokio::test]
async fn reads_are_consistent() {
    let get = mock!(Client::get_item)
        .match_requests(|get| {
            get.consistent_read() == Some(true)
                && get
                    .key()
                    .and_then(|key| key.get("pk")?.as_s().ok())
                    .is_some_and(|pk| pk == "session/x")
        })
        .then_output(|| GetItemOutput::builder().build());
    assert_eq!(store(&[&get]).session("x").await, Ok(None));
}

#[tokio::test]
async fn an_unreadable_item_is_an_outage_and_not_a_missing_session() {
    let get = mock!(Client::get_item)
        .then_output(|| GetItemOutput::builder().item("pk", text("session/x")).build());
    let outage = store(&[&get]).session("x").await.unwrap_err();
    assert!(outage.to_string().contains("lacks sealed, seen or forget"), "{outage}");
}

fn not_met() -> HttpResponse {
    refused(400, "ConditionalCheckFailedException")
}

#[tokio::test]
async fn a_deleted_session_is_not_restored() {
    let update = mock!(Client::update_item)
        .match_requests(|update| update.condition_expression() == Some("attribute_exists(pk)"))
        .then_http_response(not_met);
    assert_eq!(store(&[&update]).touch("x", 7).await, Ok(false));
    assert_eq!(update.num_calls(), 1);
}

#[tokio::test]
async fn a9_an_expired_window_is_replaced() {
    let update = mock!(Client::update_item).then_http_response(not_met);
    let put = mock!(Client::put_item).then_output(|| PutItemOutput::builder().build());
    let counted = store(&[&update, &put]).count("x", 100, 50).await;
    assert_eq!(counted, Ok(AttemptCount { count: 1, ends: 150 }));
}

#[tokio::test]
async fn a9_a_current_window_is_incremented() {
    let update = mock!(Client::update_item).then_output(|| {
        UpdateItemOutput::builder()
            .attributes("attempts", number(4))
            .attributes("ends", number(120))
            .build()
    });
    let counted = store(&[&update]).count("x", 100, 50).await;
    assert_eq!(counted, Ok(AttemptCount { count: 4, ends: 120 }));
}
