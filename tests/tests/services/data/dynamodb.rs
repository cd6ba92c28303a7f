//! DynamoDB through AWS's own client, and by hand where the client would hide what is on the wire.

use hardcap_limits::Date;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId as _;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use hardcap::Emulator;
use hardcap::config::{Attribute, AttributeKind, Index, Projection, Table};
use hardcap_tests::client::Client;
use hardcap_tests::lambda::advance;
use serde_json::{Value, json};

use super::{call, client, output, refused};

const TOO_LARGE: &str = "Item size has exceeded the maximum allowed size";
const TOO_LARGE_UPDATE: &str = "Item size to update has exceeded the maximum allowed size";

async fn emulator() -> Emulator {
    Emulator::builder().limits(Date::CLASSIC).table(jobs()).start().await.expect("it starts")
}

fn jobs() -> Table {
    Table { ttl_attribute: Some("expires".to_owned()), ..Table::new("jobs", "id") }
}

fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// An item of `size` bytes: the names `id` and `body`, the key, and as much body as is left.
fn item(id: &str, size: usize) -> Value {
    let body = "x".repeat(size - "id".len() - id.len() - "body".len());
    json!({ "id": { "S": id }, "body": { "S": body } })
}

async fn put(emulator: &Emulator, item: Value) -> hardcap_tests::client::Answer {
    let input = json!({ "TableName": "jobs", "Item": item });
    call(emulator, "DynamoDB_20120810.PutItem", input).await
}

fn seen(emulator: &Emulator) -> (u64, u64, u64) {
    let totals = emulator.totals();
    let seen = totals.limits.get("dynamodb_item").cloned().unwrap_or_default();
    (seen.highest_admitted, seen.highest, seen.refused)
}

#[tokio::test]
async fn an_item_of_409600_bytes_is_put_and_one_byte_more_is_refused() {
    let emulator = emulator().await;
    output(&put(&emulator, item("at", 409_600)).await);
    let over = put(&emulator, item("over", 409_601)).await;
    assert_eq!(
        over.text(),
        format!(
            r#"{{"__type":"com.amazon.coral.validate#ValidationException","message":"{TOO_LARGE}"}}"#
        )
    );
    assert_eq!(over.status, 400);
    output(&put(&emulator, item("after", 100)).await);
    assert_eq!(seen(&emulator), (409_600, 409_601, 1));
}

#[tokio::test]
async fn an_update_to_409600_bytes_is_made_and_one_byte_more_is_refused() {
    let emulator = emulator().await;
    output(&put(&emulator, item("a", 400_000)).await);
    let update = |size: usize| {
        let more = "y".repeat(size - 400_000 - "more".len());
        call(
            &emulator,
            "DynamoDB_20120810.UpdateItem",
            json!({
                "TableName": "jobs",
                "Key": { "id": { "S": "a" } },
                "UpdateExpression": "SET more = :more",
                "ExpressionAttributeValues": { ":more": { "S": more } },
            }),
        )
    };
    output(&update(409_600).await);
    let (code, message) = refused(&update(409_601).await);
    assert_eq!(code, "com.amazon.coral.validate#ValidationException");
    assert_eq!(message, TOO_LARGE_UPDATE);
    output(&update(400_100).await);
    assert_eq!(seen(&emulator), (409_600, 409_601, 1));
}

#[tokio::test]
async fn a_lower_item_limit_holds_for_puts_and_for_updates() {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .table(jobs())
        .set("dynamodb_item", 1_000)
        .start()
        .await
        .unwrap();
    output(&put(&emulator, item("a", 1_000)).await);
    assert_eq!(refused(&put(&emulator, item("a", 1_001)).await).1, TOO_LARGE);
    let append = |text: &str| {
        call(
            &emulator,
            "DynamoDB_20120810.UpdateItem",
            json!({
                "TableName": "jobs",
                "Key": { "id": { "S": "b" } },
                "UpdateExpression": "SET parts = list_append(if_not_exists(parts, :none), :more)",
                "ExpressionAttributeValues": {
                    ":none": { "L": [] },
                    ":more": { "L": [{ "S": text }] },
                },
            }),
        )
    };
    // "id" + "b" + "parts" + a list of one: 3 + 1 + the text.
    output(&append(&"z".repeat(1_000 - 12)).await);
    assert_eq!(refused(&append("").await).1, TOO_LARGE_UPDATE);
    assert_eq!(seen(&emulator).0, 1_000);
}

#[tokio::test]
async fn of_24_racing_conditional_puts_one_wins() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let races = (0..24).map(|racer| {
        let client = client.clone();
        tokio::spawn(async move {
            let put = client.put_item().table_name("jobs").item("id", string("claim"));
            let put = put.item("owner", string(racer.to_string()));
            put.condition_expression("attribute_not_exists(id)").send().await
        })
    });
    let mut winners = 0;
    for race in races.collect::<Vec<_>>() {
        match race.await.expect("no racer panics") {
            Ok(_) => winners += 1,
            Err(error) => {
                assert_eq!(error.code(), Some("ConditionalCheckFailedException"), "{error:?}");
            }
        }
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn a_transaction_is_whole_or_nothing() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let put = |id: &str| {
        let put = Put::builder().table_name("jobs").item("id", string(id));
        let put = put.condition_expression("attribute_not_exists(id)").build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    client
        .transact_write_items()
        .transact_items(put("a"))
        .transact_items(put("b"))
        .send()
        .await
        .unwrap();
    let error = client
        .transact_write_items()
        .transact_items(put("c"))
        .transact_items(put("a"))
        .send()
        .await;
    let Err(SdkError::ServiceError(error)) = error else { panic!("{error:?}") };
    let error = error.into_err();
    assert!(error.is_transaction_canceled_exception(), "{error:?}");
    let left = client.get_item().table_name("jobs").key("id", string("c")).send().await.unwrap();
    assert!(left.item.is_none(), "{left:?}");
}

#[tokio::test]
async fn an_index_is_queried_page_after_page() {
    let table = Table {
        name: "jobs".to_owned(),
        attributes: [
            ("id", AttributeKind::String),
            ("state", AttributeKind::String),
            ("due", AttributeKind::Number),
        ]
        .map(|(name, kind)| Attribute { name: name.to_owned(), kind })
        .to_vec(),
        hash_key: "id".to_owned(),
        range_key: None,
        indexes: vec![Index {
            name: "due".to_owned(),
            hash_key: "state".to_owned(),
            range_key: Some("due".to_owned()),
            projection: Projection::KeysOnly,
        }],
        ttl_attribute: None,
    };
    let emulator = Emulator::builder().limits(Date::CLASSIC).table(table).start().await.unwrap();
    let client = client(&emulator);
    for number in 0..7 {
        let put = client.put_item().table_name("jobs").item("id", string(format!("job-{number}")));
        let put = put.item("state", string(if number == 3 { "done" } else { "running" }));
        let put = put.item("due", AttributeValue::N((100 - number).to_string()));
        put.item("body", string("not projected")).send().await.unwrap();
    }
    let mut pages = client
        .query()
        .table_name("jobs")
        .index_name("due")
        .key_condition_expression("#s = :s AND due < :now")
        .expression_attribute_names("#s", "state")
        .expression_attribute_values(":s", string("running"))
        .expression_attribute_values(":now", AttributeValue::N("100".to_owned()))
        .limit(2)
        .into_paginator()
        .send();
    let mut due = Vec::new();
    while let Some(page) = pages.next().await {
        for item in page.expect("a page").items.unwrap_or_default() {
            assert!(!item.contains_key("body"), "{item:?}");
            due.push(item["due"].as_n().unwrap().clone());
        }
    }
    assert_eq!(due, ["94", "95", "96", "98", "99"]);
    let scanned = client.scan().table_name("jobs").send().await.unwrap();
    assert_eq!(scanned.count, 7);
}

#[tokio::test]
async fn an_expired_item_can_be_read_until_the_emulators_clock_is_advanced() {
    let emulator = emulator().await;
    let now = emulator.clock().now().0 / 1000;
    let put_until = |id: &'static str, expires: u64| {
        put(&emulator, json!({ "id": { "S": id }, "expires": { "N": expires.to_string() } }))
    };
    output(&put_until("past", now - 60).await);
    output(&put_until("soon", now + 3_000).await);
    output(&put_until("late", now + 9_000).await);
    output(&put_until("mistaken", 60).await);
    output(&put(&emulator, json!({ "id": { "S": "text" }, "expires": { "S": "1" } })).await);
    let ids = async || {
        let found = output(
            &call(&emulator, "DynamoDB_20120810.Scan", json!({ "TableName": "jobs" })).await,
        );
        let items = found["Items"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<String> =
            items.iter().map(|item| item["id"]["S"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids.join(" ")
    };
    assert_eq!(ids().await, "late mistaken past soon text");
    advance(&emulator, &Client::new(), Duration::from_secs(3_600)).await;
    assert_eq!(ids().await, "late mistaken text");
}

#[tokio::test]
async fn time_to_live_is_changed_by_an_update_that_changes_it_and_by_no_other() {
    let emulator = emulator().await;
    let update = |enabled: bool, name: &str| {
        let specification = json!({ "Enabled": enabled, "AttributeName": name });
        let input = json!({ "TableName": "jobs", "TimeToLiveSpecification": specification });
        call(&emulator, "DynamoDB_20120810.UpdateTimeToLive", input)
    };
    let active =
        "TimeToLive is active on a different AttributeName: current AttributeName is expires";
    assert_eq!(refused(&update(true, "expires").await).1, "TimeToLive is already enabled");
    assert_eq!(refused(&update(true, "other").await).1, active);
    assert_eq!(refused(&update(false, "other").await).1, active);
    output(&update(false, "expires").await);
    let (code, message) = refused(&update(false, "expires").await);
    assert_eq!(code, "com.amazon.coral.validate#ValidationException");
    assert_eq!(message, "TimeToLive is already disabled");
    output(&update(true, &"x".repeat(255)).await);
}

#[tokio::test]
async fn an_update_of_time_to_live_without_a_required_member_is_refused_as_on_aws() {
    let emulator = emulator().await;
    let message = async |specification: Value| {
        let input = json!({ "TableName": "jobs", "TimeToLiveSpecification": specification });
        refused(&call(&emulator, "DynamoDB_20120810.UpdateTimeToLive", input).await).1
    };
    let null = |place: &str| {
        format!("Value null at '{place}' failed to satisfy constraint: Member must not be null")
    };
    let one = "1 validation error detected:";
    let specification = null("timeToLiveSpecification");
    let enabled = null("timeToLiveSpecification.enabled");
    let name = null("timeToLiveSpecification.attributeName");
    assert_eq!(message(Value::Null).await, format!("{one} {specification}"));
    assert_eq!(message(json!({ "AttributeName": "a" })).await, format!("{one} {enabled}"));
    assert_eq!(message(json!({ "Enabled": false })).await, format!("{one} {name}"));
    let both = format!("2 validation errors detected: {enabled}; {name}");
    assert_eq!(message(json!({})).await, both);
    let long = "x".repeat(256);
    assert_eq!(
        message(json!({ "Enabled": true, "AttributeName": long })).await,
        format!(
            "{one} Value '{long}' at 'timeToLiveSpecification.attributeName' failed to satisfy constraint: Member must have \
             length less than or equal to 255"
        )
    );
}

#[tokio::test]
async fn an_answer_has_a_request_id_and_a_checksum_that_the_sdk_verifies() {
    let emulator = emulator().await;
    let described =
        call(&emulator, "DynamoDB_20120810.DescribeTable", json!({ "TableName": "jobs" })).await;
    assert_eq!(output(&described)["Table"]["TableStatus"], "ACTIVE");
    assert_eq!(
        output(&described)["Table"]["TableArn"],
        "arn:aws:dynamodb:us-east-1:000000000000:table/jobs"
    );
    let id = described.header("x-amzn-requestid").unwrap();
    assert!(
        id.len() == 52 && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()),
        "{id}"
    );
    let checksum = flate2::Crc::new();
    let checksum = {
        let mut checksum = checksum;
        checksum.update(&described.body);
        checksum.sum()
    };
    assert_eq!(described.header("x-amz-crc32"), Some(checksum.to_string().as_str()));
    assert_eq!(described.header("content-type"), Some("application/x-amz-json-1.0"));
    assert_eq!(described.header("server"), Some("Server"));
    assert!(described.header("x-dynoxide-version").is_none(), "{described:?}");
    let listed = client(&emulator).list_tables().send().await.unwrap();
    assert_eq!(listed.table_names(), ["jobs"]);
    assert!(listed.request_id().is_some());
}

#[tokio::test]
async fn an_invalid_request_gets_the_error_of_aws() {
    let emulator = emulator().await;
    let get = json!({ "TableName": "absent", "Key": { "id": { "S": "1" } } });
    let (code, message) = refused(&call(&emulator, "DynamoDB_20120810.GetItem", get).await);
    assert_eq!(code, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException");
    assert_eq!(message, "Requested resource not found");
    let get = json!({ "TableName": "jobs", "Key": { "wrong": { "S": "1" } } });
    let (_, message) = refused(&call(&emulator, "DynamoDB_20120810.GetItem", get).await);
    assert_eq!(message, "The provided key element does not match the schema");
    let (code, message) =
        refused(&call(&emulator, "DynamoDB_20120810.DescribeLimits", json!({})).await);
    assert_eq!(code, "com.amazon.coral.service#UnknownOperationException");
    assert_eq!(message, "hardcap does not emulate the operation `DescribeLimits` of DynamoDB");
}

#[tokio::test]
async fn items_outlive_the_emulator_in_a_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let start =
        || Emulator::builder().limits(Date::CLASSIC).table(jobs()).data(directory.path()).start();
    let first = start().await.unwrap();
    output(&put(&first, item("kept", 100)).await);
    first.stop().await;
    let second = start().await.unwrap();
    let get = json!({ "TableName": "jobs", "Key": { "id": { "S": "kept" } } });
    let found = output(&call(&second, "DynamoDB_20120810.GetItem", get).await);
    assert_eq!(found["Item"]["id"]["S"], "kept");
}

#[tokio::test]
async fn another_endpoint_is_handed_the_requests_unchanged() {
    let behind = emulator().await;
    let endpoint = behind.aws_url().to_owned();
    let front = Emulator::builder()
        .limits(Date::CLASSIC)
        .configure(|config| config.dynamodb_endpoint = Some(endpoint))
        .start()
        .await
        .unwrap();
    output(&put(&front, item("a", 100)).await);
    let listed = client(&front).list_tables().send().await.unwrap();
    assert_eq!(listed.table_names(), ["jobs"]);
    assert_eq!(seen(&behind), (100, 100, 0));
    assert_eq!(seen(&front), (0, 0, 0));
}

#[tokio::test]
async fn a_table_that_cannot_be_made_stops_the_start_with_its_name() {
    let table = Table { range_key: Some("at".to_owned()), ..Table::new("jobs", "id") };
    let error = Emulator::builder().limits(Date::CLASSIC).table(table).start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "table `jobs`: the key attribute `at` is not among its attribute definitions"
    );
}
