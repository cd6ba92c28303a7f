//! Real Python under AWS's own runtime client.

use hardcap_tests::installed;
use std::path::Path;

use hardcap::config::Function;
use hardcap_limits::Millis;
use serde_json::{Value, json};

use super::{Lambda, assert_fault, log};

/// A function of `fixtures/python`.
async fn python(module: &str) -> Lambda {
    let python = installed::python();
    let handler = format!("{module}.handler");
    let command = [python.as_os_str(), "-m".as_ref(), "awslambdaric".as_ref(), handler.as_ref()];
    let mut function = Function::new(module, command);
    function.task_root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/python");
    function.handler = handler.clone();
    function.runtime = "python3.11".to_owned();
    function.timeout = Millis(30_000);
    function.memory_mb = 512;
    Lambda::current([function]).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn the_giant_in_python_passes_with_4718559_bytes_and_fails_with_one_more() {
    let lambda = python("giant").await;
    let event = |size: &str| json!({"queryStringParameters": {"size": size}});
    let passes = lambda.invoke("giant", event("4718559")).await;
    assert_eq!(passes.header("x-amz-function-error"), None, "{}", log(&passes));
    assert_eq!(passes.body.len(), 6_291_556, "the envelope fills the limit to the byte");

    let fails = lambda.invoke("giant", event("4718560")).await;
    assert_eq!(fails.json()["errorType"], "Function.ResponseSizeTooLarge", "{}", log(&fails));
    let told = log(&fails);
    assert!(told.contains("6291560") && told.contains("6291556"), "{told}");
    // awslambdaric raises over the 413 and ends: so it was observed on AWS on 2026-09-12.
    assert!(told.ends_with("\tStatus: error\tError Type: Runtime.ExitError\n"), "{told}");
    lambda.is_healthy("giant", event("0")).await;
    assert_eq!(lambda.emulator.totals().cold_starts, 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn python_returns_null_for_nothing_and_fails_as_recorded_on_2025_11_24() {
    let lambda = python("behave").await;
    assert_eq!(lambda.invoke("behave", "{}").await.text(), "null");

    let raised = lambda.invoke("behave", json!({"raise": "Handler fails"})).await;
    assert_eq!(raised.header("x-amz-function-error"), Some("Unhandled"));
    let body: Value = raised.json();
    assert_eq!(body["errorMessage"], "Handler fails");
    assert_eq!(body["errorType"], "Exception");
    assert_eq!(body["requestId"], raised.header("x-amzn-requestid").unwrap());

    for event in [json!({"sys_exit": 0}), json!({"os_exit": 0})] {
        assert_fault(
            &lambda.invoke("behave", event).await,
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {id} Error: Runtime exited without providing a reason"}"#,
        );
        lambda.is_healthy("behave", "{}").await;
    }
    let printed = lambda.invoke("behave", json!({"print": "hello from Python"})).await;
    assert!(log(&printed).contains("\nhello from Python\nEND "), "{}", log(&printed));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn a_module_that_cannot_be_imported_is_the_error_recorded_on_2025_11_24() {
    let lambda = python("broken").await;
    let failed = lambda.invoke("broken", "{}").await;
    assert_eq!(failed.header("x-amz-function-error"), Some("Unhandled"));
    let body: Value = failed.json();
    assert_eq!(body["errorType"], "Runtime.ImportModuleError", "{body}\n{}", log(&failed));
    assert_eq!(body["requestId"], "");
    assert!(
        body["errorMessage"].as_str().unwrap().contains("No module named 'no_such_module'"),
        "{body}"
    );
}
