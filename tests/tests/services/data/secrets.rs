//! Secrets Manager, by hand: what is on the wire.

use hardcap_limits::Date;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hardcap::Emulator;
use hardcap::config::Secret;
use hardcap_tests::client::{Answer, Client};
use hardcap_tests::lambda::advance;
use serde_json::{Value, json};

use super::{call, output, refused};

async fn manager(emulator: &Emulator, operation: &str, mut input: Value) -> Answer {
    let writes = ["CreateSecret", "PutSecretValue", "UpdateSecret"].contains(&operation);
    if writes && input.get("ClientRequestToken").is_none() {
        // As SDKs and the CLI do where a call has no token.
        input["ClientRequestToken"] = json!(uuid::Uuid::new_v4().to_string());
    }
    call(emulator, &format!("secretsmanager.{operation}"), input).await
}

#[tokio::test]
async fn a_secret_of_65536_bytes_is_kept_and_one_more_is_refused() {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .secret(Secret::new("s", "one"))
        .start()
        .await
        .unwrap();
    let put = async |length: usize| {
        let input = json!({ "SecretId": "s", "SecretString": "x".repeat(length) });
        manager(&emulator, "PutSecretValue", input).await
    };
    output(&put(65_536).await);
    let (code, message) = refused(&put(65_537).await);
    assert_eq!(code, "ValidationException");
    assert_eq!(
        message,
        "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length \
         less than or equal to 65536"
    );
    let binary = |length| json!({ "SecretId": "s", "SecretBinary": BASE64_STANDARD.encode(vec![0; length]) });
    output(&manager(&emulator, "PutSecretValue", binary(65_536)).await);
    let (_, message) = refused(&manager(&emulator, "PutSecretValue", binary(65_537)).await);
    assert!(message.contains("'secretBinary'"), "{message}");
    output(&put(1).await);
    let seen = &emulator.totals().limits["secrets_value"];
    assert_eq!((seen.highest_admitted, seen.refused), (65_536, 2));
}

#[tokio::test]
async fn a_rotated_secret_keeps_its_previous_value() {
    let secret = Secret::new("shop/key", "one");
    let arn = secret.arn("us-east-1");
    let emulator = Emulator::builder().limits(Date::CLASSIC).secret(secret).start().await.unwrap();
    let get = async |input: Value| manager(&emulator, "GetSecretValue", input).await;
    let first = output(&get(json!({ "SecretId": "shop/key" })).await);
    assert_eq!(first["SecretString"], "one");
    assert_eq!(first["ARN"], json!(arn));
    assert_eq!(first["VersionStages"], json!(["AWSCURRENT"]));
    let put = json!({ "SecretId": arn, "SecretString": "two" });
    let second = output(&manager(&emulator, "PutSecretValue", put).await);
    assert_eq!(second["VersionStages"], json!(["AWSCURRENT"]));
    assert_eq!(output(&get(json!({ "SecretId": arn })).await)["SecretString"], "two");
    let previous =
        output(&get(json!({ "SecretId": "shop/key", "VersionStage": "AWSPREVIOUS" })).await);
    assert_eq!(previous["SecretString"], "one");
    assert_eq!(previous["VersionId"], first["VersionId"]);
    let described =
        output(&manager(&emulator, "DescribeSecret", json!({ "SecretId": "shop/key" })).await);
    let stages = &described["VersionIdsToStages"];
    assert_eq!(stages[first["VersionId"].as_str().unwrap()], json!(["AWSPREVIOUS"]));
    assert_eq!(stages[second["VersionId"].as_str().unwrap()], json!(["AWSCURRENT"]));
    let partial = &arn[..arn.len() - 7];
    assert_eq!(output(&get(json!({ "SecretId": partial })).await)["SecretString"], "two");
}

#[tokio::test]
async fn a_secret_is_created_updated_listed_and_deleted() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    let created = json!({ "Name": "s", "SecretString": "one", "Description": "first" });
    let created_at = output(&manager(&emulator, "CreateSecret", created.clone()).await);
    assert!(created_at["VersionId"].is_string(), "{created_at}");
    let (code, message) = refused(&manager(&emulator, "CreateSecret", created.clone()).await);
    assert_eq!(code, "ResourceExistsException");
    assert_eq!(message, "The operation failed because the secret s already exists.");
    let update = json!({ "SecretId": "s", "SecretBinary": "AAEC", "Description": "second" });
    output(&manager(&emulator, "UpdateSecret", update).await);
    let found = output(&manager(&emulator, "GetSecretValue", json!({ "SecretId": "s" })).await);
    assert_eq!(found["SecretBinary"], "AAEC");
    assert!(found.get("SecretString").is_none(), "{found}");
    let listed = output(&manager(&emulator, "ListSecrets", json!({})).await);
    assert_eq!(listed["SecretList"][0]["Description"], "second");
    output(&manager(&emulator, "DeleteSecret", json!({ "SecretId": "s" })).await);
    assert_eq!(
        refused(&manager(&emulator, "GetSecretValue", json!({ "SecretId": "s" })).await).0,
        "InvalidRequestException"
    );
    let (_, message) = refused(&manager(&emulator, "CreateSecret", created.clone()).await);
    assert_eq!(
        message,
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    );
    let force = json!({ "SecretId": "s", "ForceDeleteWithoutRecovery": true });
    output(&manager(&emulator, "DeleteSecret", force).await);
    let absent = manager(&emulator, "GetSecretValue", json!({ "SecretId": "s" })).await;
    assert_eq!(
        absent.text(),
        r#"{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}"#
    );
    let again = output(&manager(&emulator, "CreateSecret", created).await);
    assert_ne!(again["ARN"], created_at["ARN"]);
}

#[tokio::test]
async fn a_deleted_secret_can_be_restored_until_its_window_is_over() {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .secret(Secret::new("s", "one"))
        .start()
        .await
        .unwrap();
    let delete = json!({ "SecretId": "s", "RecoveryWindowInDays": 7 });
    output(&manager(&emulator, "DeleteSecret", delete.clone()).await);
    output(&manager(&emulator, "RestoreSecret", json!({ "SecretId": "s" })).await);
    output(&manager(&emulator, "DeleteSecret", delete).await);
    advance(&emulator, &Client::new(), Duration::from_secs(8 * 24 * 3_600)).await;
    let gone = refused(&manager(&emulator, "RestoreSecret", json!({ "SecretId": "s" })).await);
    assert_eq!(gone.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_repeated_creation_with_the_same_token_answers_the_same() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    let create = |value: &str, token: &str| json!({ "Name": "s", "SecretString": value, "ClientRequestToken": token });
    let first = output(&manager(&emulator, "CreateSecret", create("one", "t-1")).await);
    let again = output(&manager(&emulator, "CreateSecret", create("one", "t-1")).await);
    assert_eq!(first, again);
    assert_eq!(first["VersionId"], "t-1");
    for (value, token) in [("two", "t-1"), ("one", "t-2")] {
        let (code, _) = refused(&manager(&emulator, "CreateSecret", create(value, token)).await);
        assert_eq!(code, "ResourceExistsException", "{value} {token}");
    }
    let versions =
        output(&manager(&emulator, "ListSecretVersionIds", json!({ "SecretId": "s" })).await);
    assert_eq!(versions["Versions"].as_array().map(Vec::len), Some(1), "{versions}");
}

/// Recorded on AWS, 2023-05-12: `TestSecretsManager::test_no_client_request_token`.
#[tokio::test]
async fn a_write_without_a_token_is_refused() {
    let emulator = Emulator::builder()
        .limits(Date::CLASSIC)
        .secret(Secret::new("s", "one"))
        .start()
        .await
        .unwrap();
    for (operation, input) in [
        ("CreateSecret", json!({ "Name": "new", "SecretString": "x" })),
        ("PutSecretValue", json!({ "SecretId": "s", "SecretString": "x" })),
        ("UpdateSecret", json!({ "SecretId": "s", "SecretString": "x" })),
    ] {
        let answer = call(&emulator, &format!("secretsmanager.{operation}"), input).await;
        let (code, message) = refused(&answer);
        assert_eq!(code, "InvalidRequestException", "{operation}");
        assert_eq!(
            message,
            "You must provide a ClientRequestToken value. We recommend a UUID-type value."
        );
    }
    let kept = output(&manager(&emulator, "GetSecretValue", json!({ "SecretId": "s" })).await);
    assert_eq!(kept["SecretString"], "one");
}

/// Recorded on AWS, 2022-09-28: `TestSecretsManager::test_invalid_secret_name`.
#[tokio::test]
async fn a_name_that_no_secret_can_have_is_not_looked_for() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    for name in ["Inv Name", " Inv*Name? ", " Inv *?!]Name\\-"] {
        for operation in
            ["GetSecretValue", "DescribeSecret", "DeleteSecret", "ListSecretVersionIds"]
        {
            let answer = manager(&emulator, operation, json!({ "SecretId": name })).await;
            let (code, message) = refused(&answer);
            assert_eq!(code, "ValidationException", "{operation} {name}");
            assert!(message.starts_with("Invalid name. Must be a valid name"), "{message}");
        }
    }
    let force = json!({ "SecretId": "absent", "ForceDeleteWithoutRecovery": true });
    let deleted = output(&manager(&emulator, "DeleteSecret", force).await);
    assert_eq!(deleted["Name"], "absent");
}

#[tokio::test]
async fn secrets_are_listed_by_what_their_filters_say() {
    let emulator = Emulator::builder().limits(Date::CLASSIC).start().await.unwrap();
    for (name, description, tags) in [
        ("shop/key", "The Key", json!([{ "Key": "env", "Value": "prod" }])),
        (
            "shop/url",
            "an address",
            json!([{ "Key": "env", "Value": "test" }, { "Key": "team", "Value": "a" }]),
        ),
        ("other", "the rest", json!([])),
    ] {
        let input = json!({ "Name": name, "Description": description, "SecretString": "x", "Tags": tags, "KmsKeyId": "alias/k" });
        output(&manager(&emulator, "CreateSecret", input).await);
    }
    let names = async |filters: Value| {
        let listed =
            output(&manager(&emulator, "ListSecrets", json!({ "Filters": filters })).await);
        let list = listed["SecretList"].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(|it| it["Name"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let by = |key: &str, values: &[&str]| json!({ "Key": key, "Values": values });
    assert_eq!(names(json!([by("tag-key", &["env"])])).await, ["shop/key", "shop/url"]);
    assert_eq!(names(json!([by("tag-value", &["prod"])])).await, ["shop/key"]);
    assert_eq!(names(json!([by("tag-key", &["!env"])])).await, ["other"]);
    assert_eq!(names(json!([by("description", &["the"])])).await, ["other", "shop/key"]);
    assert_eq!(names(json!([by("name", &["shop"]), by("tag-key", &["team"])])).await, ["shop/url"]);
    assert_eq!(names(json!([by("all", &["TEST"])])).await, ["shop/url"]);
    assert_eq!(names(json!([by("name", &["Shop"])])).await, [""; 0]);
    let wrong = json!({ "Filters": [by("colour", &["red"])] });
    assert_eq!(refused(&manager(&emulator, "ListSecrets", wrong).await).0, "ValidationException");

    let tag = json!({ "SecretId": "other", "Tags": [{ "Key": "env", "Value": "dev" }] });
    output(&manager(&emulator, "TagResource", tag).await);
    let untag = json!({ "SecretId": "shop/url", "TagKeys": ["env"] });
    output(&manager(&emulator, "UntagResource", untag).await);
    assert_eq!(names(json!([by("tag-key", &["env"])])).await, ["other", "shop/key"]);
    let described =
        output(&manager(&emulator, "DescribeSecret", json!({ "SecretId": "shop/url" })).await);
    assert_eq!(described["Tags"], json!([{ "Key": "team", "Value": "a" }]));
    assert_eq!(described["KmsKeyId"], "alias/k");
}
