//! SNS and EventBridge through boto3, which reads XML and JSON by the models of both services.

use std::path::Path;

use hardcap::Emulator;
use hardcap_tests::installed;
use hardcap_tests::process::output_with;
use serde_json::{Value, json};

use super::sqs::VARIABLES;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn boto3_publishes_to_a_topic_and_puts_events_on_a_bus_with_its_defaults() {
    let python = installed::python();
    let emulator = Emulator::builder().start().await.expect("an emulator on free ports");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases/topics.py");
    let arguments = [script.as_os_str(), emulator.aws_url().as_ref()];
    let ran = output_with(&python, arguments, &VARIABLES).expect("Python runs");
    let text = String::from_utf8_lossy(&ran.stdout);
    let seen: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!(
        seen,
        json!({
            "tags": [{ "Key": "team", "Value": "a" }],
            "scope": "MessageAttributes",
            "batch": [3, 0],
            "bodies": ["0", "1", "2", "one \u{2713}\n"],
            "binary": "0001",
            "topics": [true],
            "too long": "Invalid parameter: Message too long",
            "put": 1,
            "events": ["{\"n\":2}"],
            "created": true,
            "pattern": "Event pattern is not valid. Reason: \"a\" must be an object or an array",
            "rule": "Rule none does not exist on EventBus default.",
        })
    );
}
