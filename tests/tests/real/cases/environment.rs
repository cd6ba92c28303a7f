//! The environment of a function, whole: the names and values that AWS gives, in the three runtimes, and nothing else.
//!
//! Written by hand after what was recorded on AWS: by LocalStack's tests for every managed runtime (2023-11-20) and for
//! `provided.al2023` (2026-01-13), and a public dump of Python 3.14 (2025-12-28). Where hardcap differs, it is said.

use hardcap_limits::Date;
use std::collections::BTreeMap;

use hardcap::Emulator;
use hardcap_tests::installed;

use super::clients::{CallKind, Client};
use super::runtimes::{self, Runtime};

/// What any value may be: it differs from one sandbox to the next.
const ANY: &str = "*";

/// Of every function. The folder is `/var/task` where the kernel lets a sandbox have one.
const COMMON: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", ANY),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ("AWS_LAMBDA_FUNCTION_NAME", "{name}"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/{name}"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", ANY),
    ("AWS_LAMBDA_RUNTIME_API", ANY),
    ("AWS_REGION", "us-east-1"),
    ("AWS_SECRET_ACCESS_KEY", ANY),
    ("AWS_SESSION_TOKEN", ANY),
    ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
    // On AWS 169.254.100.1, where nothing listens here.
    ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
    ("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"),
    ("_AWS_XRAY_DAEMON_PORT", "2000"),
    ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ("LAMBDA_TASK_ROOT", "{root}"),
    ("LANG", "en_US.UTF-8"),
    // AWS's begins with the libraries of its own image.
    ("LD_LIBRARY_PATH", "{root}:{root}/lib:/opt/lib"),
    // AWS's, with this machine's behind it.
    ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin:{path}"),
    ("TZ", ":UTC"),
    ("_HANDLER", "cases.handler"),
    ("_X_AMZN_TRACE_ID", ANY),
    // hardcap's only addition: where its AWS is.
    ("AWS_ENDPOINT_URL", "{aws}"),
];

const RUST: &[(&str, &str)] = &[];

const PYTHON: &[(&str, &str)] = &[
    ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11"),
    ("PWD", "{root}"),
    ("PYTHONPATH", "/var/runtime"),
    ("SHLVL", "0"),
];

const NODE: &[(&str, &str)] = &[
    ("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs20.x"),
    (
        "NODE_PATH",
        "/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:{root}",
    ),
    ("PWD", "{root}"),
    ("SHLVL", "0"),
];

async fn compare(runtime: &Runtime, own: &[(&str, &str)]) {
    let emulator =
        Emulator::builder().limits(Date::CLASSIC).function(runtime.function()).start().await;
    let emulator = emulator.expect("an emulator on free ports");
    let mut client = Client::sdk(&emulator);
    let seen = client
        .invoke(runtime.name, CallKind::RequestResponse, br#"{"env": true, "size": 2}"#)
        .await;
    let mut environment: BTreeMap<String, String> =
        serde_json::from_slice(&seen.payload).unwrap_or_else(|error| panic!("{error}: {seen:?}"));
    // Python sets this itself on a machine that does not have the locale of `LANG`, as AWS's image does.
    environment.remove("LC_CTYPE");
    let root = environment.get("LAMBDA_TASK_ROOT").cloned().unwrap_or_default();
    assert!(root == "/var/task" || root.ends_with("fixtures/cases"), "{root}");
    let filled = |value: &str| {
        value
            .replace("{name}", runtime.name)
            .replace("{root}", &root)
            .replace("{path}", &hardcap_tests::process::search_path())
            .replace("{aws}", emulator.aws_url())
    };
    for (name, value) in COMMON.iter().chain(own) {
        let given = environment.remove(*name);
        let given = given.unwrap_or_else(|| panic!("{}: there is no {name}", runtime.name));
        assert!(
            *value == ANY || given == filled(value),
            "{}: {name} is {given:?} and not {:?}",
            runtime.name,
            filled(value)
        );
    }
    assert!(environment.is_empty(), "{} has more: {environment:?}", runtime.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_has_the_environment_of_aws_and_nothing_else() {
    compare(&runtimes::rust(), RUST).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn python_has_the_environment_of_aws_and_nothing_else() {
    let python = installed::python();
    compare(&runtimes::python(&python), PYTHON).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: just test-all"]
async fn node_has_the_environment_of_aws_and_nothing_else() {
    let node = installed::node_runtime();
    compare(&runtimes::node(&node), NODE).await;
    let own = installed::own_node_runtime();
    compare(&runtimes::node(&own), NODE).await;
}
