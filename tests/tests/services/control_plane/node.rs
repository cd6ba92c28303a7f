//! A package of Node, under hardcap's own runtime.

use aws_sdk_lambda::types::Runtime;
use serde_json::Value;

use super::{Plane, code, package};

const HANDLER: &str = "
export const handler = async (event) => event.size === undefined
  ? { got: event, runtime: process.env.AWS_EXECUTION_ENV, root: process.env.LAMBDA_TASK_ROOT }
  : 'x'.repeat(event.size)
";

/// lambda_sync_response
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: just test-all"]
async fn a_package_of_node_is_created_and_answers_6291556_bytes_and_not_one_more() {
    let files: [(&str, &[u8]); 1] = [("index.mjs", HANDLER.as_bytes())];
    let plane = Plane::start().await;
    let create = plane.create("node", "index.handler").runtime(Runtime::Nodejs22x);
    create.code(code(package(&files))).send().await.expect("made");

    let answer = plane.invoke("node", r#"{"one": 1}"#).await;
    assert_eq!(answer["got"]["one"], 1, "{answer}");
    assert_eq!(answer["runtime"], "AWS_Lambda_nodejs22.x", "{answer}");
    assert_eq!(answer["root"], "/var/task", "{answer}");

    // As JSON it has two quotation marks more.
    let largest = plane.invoke("node", r#"{"size": 6291554}"#).await;
    assert_eq!(largest.as_str().map(str::len), Some(6_291_554));
    let over = plane.sdk.invoke().function_name("node");
    let over = over.payload(aws_sdk_lambda::primitives::Blob::new(r#"{"size": 6291555}"#));
    let over = over.send().await.expect("an answer");
    assert_eq!(over.function_error(), Some("Unhandled"));
    let told: Value = serde_json::from_slice(over.payload().unwrap().as_ref()).expect("JSON");
    assert_eq!(told["errorType"], "Function.ResponseSizeTooLarge", "{told}");
    assert_eq!(plane.invoke("node", r#"{"size": 1}"#).await, "x");
}
