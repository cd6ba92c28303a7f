//! Secrets Manager, by hand: what is on the wire.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hardcap::Emulator;
use hardcap::config::Secret;
use hardcap_tests::client::{Answer, Client};
use hardcap_tests::lambda::advance;
use serde_json::{Value, json};

use crate::{call, output, refused};

async fn manager(emulator: &Emulator, operation: &str, input: Value) -> Answer {
    call(emulator, &format!("secretsmanager.{operation}"), input).await
}

#[tokio::test]
async fn a_secret_of_65536_bytes_is_kept_and_one_more_is_refused() {
    let emulator = Emulator::builder().secret(Secret::new("s", "one")).start().await.unwrap();
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
    let emulator = Emulator::builder().secret(secret).start().await.unwrap();
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
    let emulator = Emulator::builder().start().await.unwrap();
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
    let emulator = Emulator::builder().secret(Secret::new("s", "one")).start().await.unwrap();
    let delete = json!({ "SecretId": "s", "RecoveryWindowInDays": 7 });
    output(&manager(&emulator, "DeleteSecret", delete.clone()).await);
    output(&manager(&emulator, "RestoreSecret", json!({ "SecretId": "s" })).await);
    output(&manager(&emulator, "DeleteSecret", delete).await);
    advance(&emulator, &Client::new(), Duration::from_secs(8 * 24 * 3_600)).await;
    let gone = refused(&manager(&emulator, "RestoreSecret", json!({ "SecretId": "s" })).await);
    assert_eq!(gone.0, "ResourceNotFoundException");
}
