//! SQS through boto3, which verifies the digests of messages and of their attributes.

use std::path::Path;

use hardcap::Emulator;
use hardcap_tests::installed;
use hardcap_tests::process::output_with;
use serde_json::{Value, json};

pub(super) const VARIABLES: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_MAX_ATTEMPTS", "1"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn boto3_sends_receives_and_deletes_messages_with_its_defaults() {
    let python = installed::python();
    let emulator = Emulator::builder().start().await.expect("an emulator on free ports");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases/sqs.py");
    let arguments = [script.as_os_str(), emulator.aws_url().as_ref()];
    let ran = output_with(&python, arguments, &VARIABLES).expect("Python runs");
    let text = String::from_utf8_lossy(&ran.stdout);
    let seen: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!(
        seen,
        json!({
            "same": true,
            "batch": 10,
            "bodies": "one \u{2713}\n",
            "binary": "0001",
            "deleted": 10,
            "again": true,
            "empty": true,
            "tags": { "team": "a" },
            "gone": "AWS.SimpleQueueService.NonExistentQueue",
        })
    );
}
