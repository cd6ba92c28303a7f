//! The same table of cases from Python: boto3 deploys, and a package of Python runs.

use std::path::Path;

use hardcap::Emulator;
use hardcap_limits::Date;
use hardcap_tests::installed;
use hardcap_tests::process::Process;

/// lambda_environment, lambda_timeout, lambda_memory_max, lambda_function_name, lambda_unreserved_min
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn boto3_gets_the_errors_of_lambda_at_each_limit_and_python_runs() {
    let python = installed::python();
    let builder = Emulator::builder().limits(Date::LATEST);
    let emulator = builder.configure(|config| config.python = Some(python.clone())).start().await;
    let emulator = emulator.expect("an emulator on free ports");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/python/deploy.py");
    let mut cases = Process::start(
        &python,
        [script.as_os_str()],
        &[
            ("AWS_ENDPOINT_URL", emulator.aws_url()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ],
    )
    .expect("Python starts");
    let mut passed = 0;
    while let Ok(line) = cases.line().await {
        match line.split_once(' ') {
            Some(("ok", _)) => passed += 1,
            _ => panic!("{line}"),
        }
    }
    let status = cases.stop().await.expect("it has ended");
    assert!(status.success(), "{status}: {passed} cases passed");
    assert_eq!(passed, 14);
}
