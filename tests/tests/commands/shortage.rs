//! A machine that is short of file descriptors: what was begun goes on, and the function is never blamed.

use std::net::TcpStream;
use std::path::Path;

use hardcap_tests::client::{Call, Client};
use hardcap_tests::process::binary;
use serde_json::json;
use tokio::task::JoinSet;

use super::project::{Project, Up};
use super::watch::until_said;

const TEMPLATE: &str = "
Resources:
  Behave:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: behave
      CodeUri: .
      Timeout: 30
";

async fn up(descriptors: u32) -> (Project, Up) {
    let project = Project::new();
    project.write("template.yaml", TEMPLATE);
    let guest = binary(env!("CARGO_PKG_NAME"), "guest");
    let settings = format!("[functions.Behave]\ncommand = [\"{}\", \"behave\"]\n", guest.display());
    project.write("hardcap.toml", &settings);
    let up = project.up_with_descriptors(descriptors).await;
    (project, up)
}

fn invoke(up: &Up, event: &serde_json::Value) -> Call {
    let url = format!("{}/2015-03-31/functions/behave/invocations", up.aws);
    Call::post(url, event.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_descriptor_wait_and_one_log_line_reports_it() {
    let (_project, up) = up(100).await;
    let address = up.aws.strip_prefix("http://").expect("an address").to_owned();
    let connections: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(&address).expect("the kernel accepts it")).collect();
    const SAID: &str = "cannot be accepted yet: Too many open files";
    until_said(&up, SAID, 1).await;
    // A second wave finds the shortage that the first one made.
    drop(TcpStream::connect(&address));
    drop(connections);

    let health = up.control("health").await;
    assert_eq!(health["status"], "ok", "{health}");
    let answer = Client::new().send(&invoke(&up, &json!({"size": 10}))).await.expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 10), "{answer:?}");
    let said = up.said();
    assert_eq!(said.matches(SAID).count(), 1, "{said}");
    assert!(said.contains("RLIMIT_NOFILE, is 100 (hard limit 100)"), "{said}");
    assert!(said.len() < 10_000, "{} bytes: {said}", said.len());
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invocations_without_descriptors_are_refused_by_the_platform_and_never_share_tmp() {
    let (_project, up) = up(160).await;
    let name = format!("/tmp/hardcap-test-shortage-{}", std::process::id());
    let mut invocations = JoinSet::new();
    for _ in 0..60 {
        let call = invoke(&up, &json!({"millis": 100, "file": name}));
        invocations.spawn(async move { Client::new().send(&call).await.expect("an answer") });
    }
    let (mut done, mut refused) = (0, 0);
    while let Some(answer) = invocations.join_next().await {
        let answer = answer.expect("the request was sent");
        let blamed = answer.headers.get("x-amz-function-error");
        assert_eq!(blamed, None, "{answer:?}");
        match answer.status.as_u16() {
            200 => done += 1,
            429 | 500 | 503 => refused += 1,
            other => panic!("{other}: {answer:?}"),
        }
    }
    assert!(done > 0, "{refused} of 60 were refused: {}", up.said());

    let after = Client::new().send(&invoke(&up, &json!({"file": name}))).await.expect("an answer");
    assert_eq!(after.status.as_u16(), 200, "{after:?}");
    if Path::new(&name).exists() {
        std::fs::remove_file(&name).expect("a file of this test");
        assert!(up.said().contains("because the kernel permits no private one"), "{}", up.said());
    }
    // A run that the machine was too small for is not a run to trust.
    assert!(refused > 0, "all 60 were answered with 160 descriptors");
    assert!(up.said().contains("file descriptors for another one are missing"), "{}", up.said());
    up.stop_with(1).await;
}
