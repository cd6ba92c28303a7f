//! `hardcap logs`: what functions have logged, and what they log from now on.

use hardcap_tests::process::{Process, binary};
use serde_json::Value;

use crate::project::Project;

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_printed_for_one_function_or_all_and_followed() {
    let project = Project::new();
    let up = project.up(&[]).await;
    let invoke = async |function: &str, event: &str| {
        project.run(&["invoke", "--url", &up.aws, function, "-e", event]).await
    };
    invoke("Behave", r#"{"print":"first"}"#).await;
    invoke("Giant", r#"{"queryStringParameters":{"size":"1"}}"#).await;

    let all = project.run(&["logs", "--url", &up.aws]).await;
    assert_eq!(all.code, Some(0), "{all:?}");
    assert!(
        all.printed.contains(" | first\n") && all.printed.contains(" giant-of-the-stack | START "),
        "{all:?}"
    );
    let one = project.run(&["logs", "--url", &up.aws, "Giant", "--format", "json"]).await;
    let lines: Vec<Value> =
        one.printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["function"] == "giant-of-the-stack"), "{one:?}");
    assert!(lines.iter().any(|line| line["text"].as_str().unwrap().starts_with("END ")), "{one:?}");

    let following = ["logs", "-f", "--url", &up.aws, "Behave"];
    let log = project.path().join("follow.log");
    let mut following =
        Process::start_logged(&binary("hardcap", "hardcap"), following, &log).unwrap();
    let mut until = async |text: &str| while !following.line().await.unwrap().contains(text) {};
    until(" | first").await;
    invoke("Behave", r#"{"print":"second"}"#).await;
    until(" | second").await;
    assert_eq!(following.stop().await.unwrap().code(), Some(0), "a signal ends it as it should");

    let unknown = project.run(&["logs", "--url", &up.aws, "Nobody"]).await;
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.said.contains("no function is called `Nobody`"), "{unknown:?}");
    let url = up.aws.clone();
    up.stop().await;
    let gone = project.run(&["logs", "--url", &url]).await;
    assert!(gone.said.contains("start one with `hardcap up`"), "{gone:?}");
}
