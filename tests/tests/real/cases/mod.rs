//! One table of cases: every limit at it and one over, a timeout, an exit, an error, a bad answer, each with a healthy
//! invocation after it. Its columns are real clients (aws-sdk-lambda, boto3, the AWS CLI) and real runtimes (Rust, Python's
//! `awslambdaric`, Node's `aws-lambda-ric`).
//!
//! Rust with Rust always runs; the others need what `just setup` installs.

mod clients;
mod environment;
mod runtimes;
mod s3;
mod sqs;
mod table;
mod topics;

use hardcap::Emulator;
use hardcap_limits::Date;
use hardcap_tests::installed;

use clients::Client;
use runtimes::Runtime;
use table::{CASES, Case, HEALTHY};

/// Runs the whole table with one client and one runtime.
async fn table(runtime: &Runtime, client: fn(&Emulator) -> Client) {
    let emulator =
        Emulator::builder().limits(Date::CLASSIC).function(runtime.function()).start().await;
    let emulator = emulator.expect("an emulator on free ports");
    let mut client = client(&emulator);
    for case in CASES {
        check(&mut client, runtime, case).await;
        check(&mut client, runtime, &HEALTHY).await;
    }
}

async fn check(client: &mut Client, runtime: &Runtime, case: &Case) {
    let seen = client.invoke(runtime.name, case.kind, &case.event()).await;
    if let Err(wrong) = case.compare(runtime, &seen) {
        let (client, runtime) = (client.name(), runtime.name);
        panic!("{client} with {runtime}: {}: {wrong}\n{seen:?}", case.about);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_sdk_with_the_rust_runtime() {
    table(&runtimes::rust(), Client::sdk).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn the_rust_sdk_with_pythons_runtime() {
    let python = installed::python();
    table(&runtimes::python(&python), Client::sdk).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: just test-all"]
async fn the_rust_sdk_with_nodes_runtime() {
    let node = installed::node_runtime();
    table(&runtimes::node(&node), Client::sdk).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: just test-all"]
async fn the_rust_sdk_with_hardcaps_own_runtime_for_node() {
    let node = installed::own_node_runtime();
    table(&runtimes::node(&node), Client::sdk).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and Node: just test-all"]
async fn boto3_with_every_runtime() {
    let (python, node) = (installed::python(), installed::node_runtime());
    for runtime in [runtimes::rust(), runtimes::python(&python), runtimes::node(&node)] {
        table(&runtime, Client::boto3).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and Node: just test-all"]
async fn the_aws_cli_with_every_runtime() {
    let (python, node) = (installed::python(), installed::node_runtime());
    for runtime in [runtimes::rust(), runtimes::python(&python), runtimes::node(&node)] {
        table(&runtime, Client::cli).await;
    }
}
