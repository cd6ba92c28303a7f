//! The ports keep the same contract on AWS's own clients as in memory.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use hardcap::Emulator;
use hardcap::config::{Bucket, Table};
use hardcap_limits::Date;
use hardcap_proxy::job::aws::{DynamoRows, S3Blobs};
use hardcap_proxy::job::memory::{MemoryBlobs, MemoryRows};
use hardcap_proxy::job::ports::{
    Blobs, ObjectHeaders, OpenUpload, PortError, Rows, TableItem, Written,
};

async fn emulator() -> Emulator {
    let bucket = Bucket { name: "answers".to_owned(), ..Bucket::default() };
    let builder =
        Emulator::builder().limits(Date::CLASSIC).table(Table::new("jobs", "pk")).bucket(bucket);
    builder.start().await.expect("it starts")
}

fn dynamodb(emulator: &Emulator) -> DynamoRows {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(emulator.aws_url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    DynamoRows::new(aws_sdk_dynamodb::Client::from_conf(config), "jobs")
}

fn s3(emulator: &Emulator) -> S3Blobs {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(emulator.aws_url())
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    S3Blobs::new(aws_sdk_s3::Client::from_conf(config), "answers", "some/jobs")
}

fn item(key: &str, version: u64, due: Option<u64>) -> TableItem {
    let document = format!("{{\"version\":{version},\"é\":\"\\u0000\"}}");
    TableItem { key: key.to_owned(), version, document, due, forget: 1_900_000_000_000 }
}

async fn rows_keep_their_contract(rows: &dyn Rows) {
    assert_eq!(rows.read("a").await, Ok(None));
    let first = item("a", 1, Some(100));
    assert_eq!(rows.write(vec![first.clone()]).await, Ok(Written::Yes));
    assert_eq!(rows.read("a").await, Ok(Some(first.clone())));
    assert_eq!(rows.write(vec![first.clone()]).await, Ok(Written::Conflict), "it is there");
    assert_eq!(rows.write(vec![item("a", 3, None)]).await, Ok(Written::Conflict), "2 is left out");
    let second = item("a", 2, Some(100));
    let with_one_that_fails = vec![second.clone(), item("b", 1, None), item("c", 2, None)];
    assert_eq!(rows.write(with_one_that_fails).await, Ok(Written::Conflict));
    assert_eq!(rows.read("a").await, Ok(Some(first)), "all or nothing");
    assert_eq!(rows.read("b").await, Ok(None), "all or nothing");
    let both = vec![second.clone(), item("b", 1, None), item("c", 1, None)];
    assert_eq!(rows.write(both).await, Ok(Written::Yes));

    for number in 0..7 {
        let due = item(&format!("due-{number}"), 1, Some(200 + number));
        assert_eq!(rows.write(vec![due]).await, Ok(Written::Yes));
    }
    let mut found = Vec::new();
    let mut from = None;
    loop {
        let page = rows.due(205, from).await.expect("a page");
        found.extend(page.items.into_iter().map(|item| item.key));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    found.sort();
    assert_eq!(found, ["a", "due-0", "due-1", "due-2", "due-3", "due-4", "due-5"]);
    let large = TableItem { document: "x".repeat(409_700), ..item("large", 1, None) };
    let refused = rows.write(vec![large]).await;
    assert!(matches!(refused, Err(PortError::Refused(_))), "{refused:?}");
}

async fn blobs_keep_their_contract(blobs: &dyn Blobs) {
    let described = ObjectHeaders {
        content_type: Some("application/x-ndjson".to_owned()),
        content_encoding: Some("gzip".to_owned()),
        ..ObjectHeaders::default()
    };
    let missing = blobs.get("x/none").await;
    assert!(matches!(missing, Err(PortError::Missing(_))), "{missing:?}");
    assert_eq!(blobs.size("x/none").await, Ok(None));
    blobs.put("x/one", &described, b"\x00\xff".as_slice().into()).await.expect("it is stored");
    assert_eq!(blobs.get("x/one").await.expect("it is there"), b"\x00\xff".as_slice());
    assert_eq!(blobs.size("x/one").await, Ok(Some(2)));

    let id = blobs.begin("x/two", &described).await.expect("it is begun");
    let upload = OpenUpload { key: "x/two".to_owned(), id };
    let long = vec![7_u8; 5 * 1024 * 1024];
    blobs.part(&upload, 1, vec![1; long.len()].into()).await.expect("a part");
    let first = blobs.part(&upload, 1, long.clone().into()).await.expect("over what was there");
    let last = blobs.part(&upload, 2, b"end".as_slice().into()).await.expect("a part");
    assert_eq!(blobs.uploads("x/").await, Ok(vec![upload.clone()]));
    assert_eq!(blobs.uploads("y/").await, Ok(vec![]));
    blobs.complete(&upload, &[first, last]).await.expect("it is whole");
    let whole = blobs.get("x/two").await.expect("it is there");
    assert!(whole.len() == long.len() + 3 && whole.starts_with(&long) && whole.ends_with(b"end"));
    let part = blobs.part(&upload, 3, b"late".as_slice().into()).await;
    assert!(matches!(part, Err(PortError::Missing(_))), "{part:?}");
    blobs.abort(&upload).await.expect("it has ended already");

    let id = blobs.begin("x/three", &described).await.expect("it is begun");
    let open = OpenUpload { key: "x/three".to_owned(), id };
    blobs.abort(&open).await.expect("it ends");
    assert_eq!(blobs.uploads("x/").await, Ok(vec![]));
    let complete = blobs.complete(&open, &[]).await;
    assert!(complete.is_err(), "{complete:?}");
    let mut keys = blobs.list("x/").await.expect("a list");
    keys.sort();
    assert_eq!(keys, ["x/one", "x/two"]);
    blobs.delete("x/one").await.expect("it goes");
    blobs.delete("x/one").await.expect("it is gone already");
    assert_eq!(blobs.list("x/").await, Ok(vec!["x/two".to_owned()]));
}

#[tokio::test]
async fn rows_in_memory_keep_the_contract() {
    rows_keep_their_contract(&MemoryRows::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_dynamodb_keep_the_contract() {
    let emulator = emulator().await;
    rows_keep_their_contract(&dynamodb(&emulator)).await;
}

#[tokio::test]
async fn blobs_in_memory_keep_the_contract() {
    blobs_keep_their_contract(&MemoryBlobs::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_in_s3_keep_the_contract() {
    let emulator = emulator().await;
    blobs_keep_their_contract(&s3(&emulator)).await;
}
