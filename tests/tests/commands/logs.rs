//! `hardcap logs`: what functions have logged, and what they log from now on.

use hardcap_tests::client::{Call, Client};
use hardcap_tests::process::{Process, binary};
use serde_json::Value;

use crate::project::{Project, TEMPLATE};
use crate::watch::until_said;

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
    assert!(unknown.said.contains("there is no function `Nobody`"), "{unknown:?}");
    let url = up.aws.clone();
    up.stop().await;
    let gone = project.run(&["logs", "--url", &url]).await;
    assert!(gone.said.contains("start one with `hardcap up`"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_the_platform_are_json_where_the_template_says_so() {
    let project = Project::new();
    let logging = "Timeout: 30\n      LoggingConfig: {LogFormat: JSON, SystemLogLevel: INFO}";
    project.write("template.yaml", &TEMPLATE.replace("Timeout: 30", logging));
    let up = project.up_as_it_is(&[]).await;
    for function in ["Behave", "Giant"] {
        let event = r#"{"print":"first","queryStringParameters":{"size":"1"}}"#;
        project.run(&["invoke", "--url", &up.aws, function, "-e", event]).await;
    }
    let lines = async |function: &str| -> Vec<String> {
        let logs = ["logs", "--url", &up.aws, function, "--json"];
        let printed = project.run(&logs).await.printed;
        let text = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["text"].as_str().unwrap().to_owned()
        };
        printed.lines().map(text).collect()
    };
    let json = lines("Behave").await;
    let types: Vec<String> = json
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|event| event["type"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(types, ["platform.start", "platform.report"], "{json:?}");
    assert!(json.iter().any(|line| line == "first"), "{json:?}");
    let text = lines("Giant").await;
    assert!(text.iter().any(|line| line.starts_with("REPORT RequestId: ")), "{text:?}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_of_an_api_is_one_line_with_its_status_its_bytes_and_why_it_was_refused() {
    let project = Project::new();
    let up = project.up(&[]).await;
    let ready = std::fs::read(project.path().join("ready.json")).unwrap();
    let ready: serde_json::Value = serde_json::from_slice(&ready).unwrap();
    let url = |api: &str| {
        let url = ready["apis"][api]["url"].as_str().or(ready["apis"][api].as_str());
        url.unwrap_or_else(|| panic!("{ready}")).trim_end_matches('/').to_owned()
    };
    let client = Client::new();
    for (call, status, line) in [
        (Call::get(format!("{}/giant?size=10", url("Rest"))), 200, "GET /dev/giant 200 in "),
        (
            Call::post(format!("{}/behav", url("ServerlessHttpApi")), "{}"),
            404,
            " ms, 2 bytes in, 23 bytes out (ServerlessHttpApi): no such route; did you mean POST /behave?",
        ),
        (
            Call::post(format!("{}/behave", url("ServerlessHttpApi")), vec![b'x'; 10_485_761]),
            413,
            " ms, 10,485,761 bytes in, ",
        ),
    ] {
        let answer = client.send(&call).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        until_said(&up, line, 1).await;
    }
    until_said(&up, "http_request_body: 10485761 bytes, 1 over", 1).await;
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_selected_by_time_on_the_clock_of_the_run_and_by_a_regular_expression() {
    let project = Project::new();
    let up = project.up(&[]).await;
    let print = async |text: &str| {
        let event = format!("{{\"print\":\"{text}\"}}");
        let ran = project.run(&["invoke", "--url", &up.aws, "Behave", "-e", &event]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
    };
    print("first").await;
    let advance = Call::post(format!("{}/_hardcap/clock/advance", up.aws), r#"{"millis":3600000}"#);
    assert_eq!(Client::new().send(&advance).await.unwrap().status.as_u16(), 200);
    print("second").await;
    let logs = async |more: &[&str]| {
        let ran = project.run(&[&["logs", "--url", &up.aws], more].concat()).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.printed
    };
    let all = logs(&[]).await;
    assert!(all.contains("| first\n") && all.contains("| second\n"), "{all}");
    let recent = logs(&["--since", "5m"]).await;
    assert!(!recent.contains("first") && recent.contains("| second\n"), "{recent}");
    let all_again = logs(&["--since", "2h"]).await;
    assert!(all_again.contains("| first\n") && all_again.contains("| second\n"), "{all_again}");
    assert_eq!(logs(&["--since", "2999-01-01"]).await, "");
    let found = logs(&["--grep", "^(first|second)$"]).await;
    assert_eq!(found.lines().count(), 2, "{found}");
    let json = logs(&["--json", "--grep", "(?i)FIRST"]).await;
    let line: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(line["text"], "first");
    assert_eq!(logs(&["--format", "json", "--grep", "(?i)FIRST"]).await, json);

    let log = project.path().join("follow.log");
    let following =
        ["logs", "-f", "--url", &up.aws, "--since", "5m", "--grep", "^(first|second|third)$"];
    let mut following =
        Process::start_logged(&binary("hardcap", "hardcap"), following, &log).unwrap();
    assert!(following.line().await.unwrap().ends_with(" | second"));
    print("third").await;
    assert!(following.line().await.unwrap().ends_with(" | third"));
    assert_eq!(following.stop().await.unwrap().code(), Some(0));
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_time_and_an_invalid_regular_expression_are_wrong_usage() {
    let project = Project::new();
    for (arguments, said) in [
        (["logs", "--since", "soon"], "such as 30s, 5m, 2h or 1d"),
        (["logs", "--grep", "("], "unclosed group"),
    ] {
        let ran = project.run(&arguments).await;
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.said.contains(said), "{ran:?}");
    }
}
