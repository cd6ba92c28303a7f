//! A reset: the data of the template, for the next test of a suite.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use hardcap::config::{Bucket, BucketCorsRule, Parameter, Secret, Table};
use hardcap::{Builder, Emulator};
use hardcap_limits::Date;
use hardcap_tests::client::{Call, Client};
use serde_json::{Value, json};

use super::{call, output, refused};

fn s3(emulator: &Emulator) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(emulator.aws_url())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// A template's data: one bucket, one table, one parameter, one secret.
fn template() -> Builder {
    let cors = vec![BucketCorsRule {
        allowed_origins: vec!["https://example.com".to_owned()],
        allowed_methods: vec!["GET".to_owned()],
        ..BucketCorsRule::default()
    }];
    Emulator::builder()
        .limits(Date::CLASSIC)
        .bucket(Bucket { name: "files".to_owned(), cors, ..Bucket::default() })
        .table(Table::new("orders", "id"))
        .parameter(Parameter::new("/stage", "template"))
        .secret(Secret::new("password", "template"))
}

/// Changes all of it, and adds more.
async fn change(emulator: &Emulator) {
    let run = async |target: &str, input: Value| output(&call(emulator, target, input).await);
    let s3 = s3(emulator);
    s3.create_bucket().bucket("another").send().await.expect("a new bucket");
    for bucket in ["files", "another"] {
        let large = ByteStream::from(vec![b'x'; 3_000_000]);
        s3.put_object().bucket(bucket).key("large").body(large).send().await.expect("stored");
    }
    s3.create_multipart_upload().bucket("files").key("parts").send().await.expect("begun");
    s3.delete_bucket_cors().bucket("files").send().await.expect("without rules");
    let item = json!({ "TableName": "orders", "Item": { "id": { "S": "1" } } });
    run("DynamoDB_20120810.PutItem", item).await;
    let created = json!({
        "TableName": "more",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": true,
    });
    run("DynamoDB_20120810.CreateTable", created).await;
    let put = json!({ "Name": "/stage", "Value": "changed", "Overwrite": true });
    run("AmazonSSM.PutParameter", put).await;
    let put = json!({ "Name": "/more", "Value": "x", "Type": "String" });
    run("AmazonSSM.PutParameter", put).await;
    let put = json!({ "SecretId": "password", "SecretString": "changed", "ClientRequestToken": "0123456789-0123456789-0123456789-01" });
    run("secretsmanager.PutSecretValue", put).await;
}

/// What there is, in the words of each API.
async fn found(emulator: &Emulator) -> Value {
    let run = async |target: &str, input: Value| output(&call(emulator, target, input).await);
    let s3 = s3(emulator);
    let buckets = s3.list_buckets().send().await.expect("a list");
    let buckets: Vec<_> = buckets.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    let objects = s3.list_objects_v2().bucket("files").send().await.expect("a list").key_count();
    let uploads = s3.list_multipart_uploads().bucket("files").send().await.expect("a list");
    let cors = s3.get_bucket_cors().bucket("files").send().await;
    let tables = run("DynamoDB_20120810.ListTables", json!({})).await;
    let items = run("DynamoDB_20120810.Scan", json!({ "TableName": "orders" })).await;
    let stage = run("AmazonSSM.GetParameter", json!({ "Name": "/stage" })).await;
    let password = run("secretsmanager.GetSecretValue", json!({ "SecretId": "password" })).await;
    json!({
        "buckets": buckets,
        "objects": objects,
        "uploads": uploads.uploads().len(),
        "cors": cors.is_ok_and(|cors| cors.cors_rules().len() == 1),
        "tables": tables["TableNames"],
        "items": items["Count"],
        "stage": [stage["Parameter"]["Value"], stage["Parameter"]["Version"]],
        "password": password["SecretString"],
    })
}

async fn reset(emulator: &Emulator, query: &str) {
    let url = format!("{}/reset{query}", emulator.control_url());
    let answer = Client::new().send(&Call::post(url, "")).await.expect("the control surface");
    let said = answer.json();
    assert_eq!((answer.status.as_u16(), &said["status"]), (200, &json!("ok")), "{said}");
    assert!(said["run"]["id"].is_string(), "a reset begins another run: {said}");
}

fn of_the_template() -> Value {
    json!({
        "buckets": ["files"],
        "objects": 0,
        "uploads": 0,
        "cors": true,
        "tables": ["orders"],
        "items": 0,
        "stage": ["template", 1],
        "password": "template",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_keeps_data_unless_it_is_asked_to_reset_it() {
    let emulator = template().start().await.expect("an emulator");
    assert_eq!(found(&emulator).await, of_the_template());
    change(&emulator).await;
    let changed = found(&emulator).await;
    assert_eq!(changed["buckets"], json!(["another", "files"]), "{changed}");
    assert_eq!((&changed["objects"], &changed["items"]), (&json!(1), &json!(1)), "{changed}");

    reset(&emulator, "").await;
    assert_eq!(found(&emulator).await, changed);
    reset(&emulator, "?data=false").await;
    assert_eq!(found(&emulator).await, changed);
    reset(&emulator, "?data=true").await;
    assert_eq!(found(&emulator).await, of_the_template());
    let gone = call(&emulator, "AmazonSSM.GetParameter", json!({ "Name": "/more" })).await;
    assert_eq!(refused(&gone).0, "ParameterNotFound");

    // All of it can be used again.
    change(&emulator).await;
    assert_eq!(found(&emulator).await, changed);
    let url = format!("{}/reset?dat=true", emulator.control_url());
    let wrong = Client::new().send(&Call::post(url, "")).await.expect("the control surface");
    assert_eq!(wrong.status, 400, "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_in_a_folder_that_was_reset_is_gone_after_a_restart_too() {
    let data = tempfile::tempdir().unwrap();
    let start = async || template().data(data.path()).start().await.expect("an emulator");
    let first = start().await;
    change(&first).await;
    reset(&first, "?data=true").await;
    first.stop().await;
    let second = start().await;
    assert_eq!(found(&second).await, of_the_template());
    change(&second).await;
    second.stop().await;
    // A table of an earlier run is deleted although nothing has asked for it in this one.
    let third = start().await;
    reset(&third, "?data=true").await;
    assert_eq!(found(&third).await, of_the_template());
}
