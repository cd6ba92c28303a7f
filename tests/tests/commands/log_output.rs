//! The log of `hardcap up`: near limits, colours, and one JSON object a line.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use hardcap_tests::client::{Call, Client};
use hardcap_tests::eventually::eventually;
use hardcap_tests::process;
use serde_json::Value;

use crate::project::{Project, Up};
use crate::watch::until_said;

fn url(project: &Project, api: &str) -> String {
    let ready = std::fs::read(project.path().join("ready.json")).unwrap();
    let ready: Value = serde_json::from_slice(&ready).unwrap();
    ready["apis"][api]
        .as_str()
        .unwrap_or_else(|| panic!("{ready}"))
        .trim_end_matches('/')
        .to_owned()
}

async fn get(url: String, status: u16) {
    let answer = Client::new().send(&Call::get(url)).await.unwrap();
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_a_request_names_a_limit_of_which_it_used_80_percent_and_no_other() {
    let project = Project::new();
    let up = project.up(&["--set", "lambda_sync_response=1000"]).await;
    let giant = format!("{}/giant?size=", url(&project, "Rest"));
    get(format!("{giant}10"), 200).await;
    get(format!("{giant}560"), 200).await;
    until_said(&up, "560 bytes out (Rest), ", 1).await;
    let said = up.said();
    let near = said.lines().find(|line| line.contains("560 bytes out (Rest), ")).unwrap();
    assert!(near.ends_with(" % of lambda_sync_response (888 of 1,000 bytes)"), "{near}");
    let far = said.lines().find(|line| line.contains("10 bytes out")).unwrap();
    assert!(far.ends_with("10 bytes out (Rest)"), "{far}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_writes_more_than_a_mebibyte_at_once_is_shown_in_part_and_logged_whole() {
    let project = Project::new();
    let up = project.up(&[]).await;
    // Each line takes 1,024 bytes: 64 are around its text.
    let printing = |lines: usize, last: &str| {
        let line = "x".repeat(960);
        let text = format!("{}{last}", format!("{line}\n").repeat(lines));
        project.write("event.json", &serde_json::json!({ "print": text }).to_string())
    };
    let invoke = async |event: &str| {
        let ran = project.run(&["invoke", "--url", &up.aws, "Behave", "-e", event]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
    };
    // 1,000 of 1,024 lines, with room for others.
    invoke(&printing(1_000, "the end of the first")).await;
    until_said(&up, "Behave | REPORT ", 1).await;
    let said = up.said();
    assert!(said.contains("Behave | the end of the first\n"), "it is at the limit");
    assert!(!said.contains("left out"), "it is at the limit");

    invoke(&printing(3_000, "the end of the second")).await;
    until_said(&up, "Behave | REPORT ", 2).await;
    let said = up.said();
    let shown = said.matches("Behave | xxxxxxxxxx").count();
    assert!((1_000..3_000).contains(&shown), "{shown}");
    let notice = said.lines().find(|line| line.contains("left out here")).unwrap();
    assert!(notice.contains(" WARN Behave | hardcap: "), "{notice}");
    assert!(
        notice.contains(" in a second; `hardcap logs Behave` has the newest lines"),
        "{notice}"
    );
    assert_eq!(said.matches("Behave | END ").count(), 2);
    let logged = project.run(&["logs", "--url", &up.aws, "Behave"]).await.printed;
    assert_eq!(logged.matches(" | xxxxxxxxxx").count(), 4_000);
    assert!(logged.contains(" | the end of the second\n") && !logged.contains("left out here"));

    eventually(Duration::from_secs(60), "a later line is shown", async || {
        invoke(r#"{"print":"healthy"}"#).await;
        if up.said().contains("Behave | healthy\n") { Ok(()) } else { Err(()) }
    })
    .await;
    up.stop().await;
}

/// The lines of the log as JSON.
fn objects(up: &Up) -> Vec<Value> {
    let said = up.said();
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    said.lines().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_the_json_log_is_an_object_with_format_time_level_source_and_message() {
    let project = Project::new();
    let up = project.up(&["--log-format", "json", "--set", "lambda_sync_response=1000"]).await;
    let rest = url(&project, "Rest");
    get(format!("{rest}/giant?size=560"), 200).await;
    get(format!("{rest}/giant?size=1000"), 502).await;
    get(format!("{rest}/nothing"), 403).await;
    until_said(&up, "\"status\":403", 1).await;
    let lines = objects(&up);
    for line in &lines {
        assert_eq!(line["format"], 1, "{line}");
        let members = ["time", "level", "source", "message"];
        assert!(members.iter().all(|member| line[member].is_string()), "{line}");
    }
    let ready = lines.iter().find(|line| line["event"] == "ready").unwrap();
    assert_eq!(ready["ready"]["aws"], up.aws.as_str(), "{ready}");
    let of =
        |source: &str| lines.iter().filter(|line| line["source"] == source).collect::<Vec<_>>();
    let requests = of("gateway");
    let statuses: Vec<_> = requests.iter().map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(200), Some(502), Some(403)], "{requests:?}");
    let near = requests[0];
    assert_eq!((&near["method"], &near["path"]), (&"GET".into(), &"/dev/giant".into()), "{near}");
    assert_eq!((&near["api"], &near["response_bytes"]), (&"Rest".into(), &560.into()), "{near}");
    assert_eq!(
        (&near["limit"], &near["limit_percent"]),
        (&"lambda_sync_response".into(), &88.into()),
        "{near}"
    );
    assert!(near["request_id"].is_string() && near["duration_ms"].is_u64(), "{near}");
    assert_eq!(requests[1]["refused_by"], "lambda_sync_response", "{}", requests[1]);
    assert_eq!(requests[1]["level"], "warn");
    let functions = of("function");
    assert!(functions.iter().all(|line| line["function"] == "giant-of-the-stack"), "{functions:?}");
    let of_request = |id: &Value| functions.iter().filter(|line| line["request_id"] == *id).count();
    assert!(of_request(&requests[0]["request_id"]) >= 3, "{functions:?}");
    assert!(of_request(&requests[1]["request_id"]) >= 3, "{functions:?}");
    assert!(functions.iter().all(|line| line["request_id"].is_string()), "{functions:?}");
    let begins = |text: &str| {
        functions.iter().any(|line| line["message"].as_str().unwrap().starts_with(text))
    };
    assert!(begins("START ") && begins("REPORT "), "{functions:?}");
    let log = up.log();
    up.stop().await;
    let said = std::fs::read_to_string(log).unwrap();
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["event"], &last["report"]["answers"]["502"]),
        (&"report".into(), &1.into()),
        "{last}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_a_service_that_is_not_emulated_has_one_line_however_often_it_is_made() {
    let project = Project::new();
    let up = project.up(&[]).await;
    let call = |target: &str| {
        let signed =
            "AWS4-HMAC-SHA256 Credential=test/20261130/us-east-1/kinesis/aws4_request, Signature=0";
        let call = Call::post(format!("{}/", up.aws), "{}").header("x-amz-target", target);
        call.header("authorization", signed)
    };
    for target in
        ["Kinesis_20131202.PutRecord", "Kinesis_20131202.PutRecord", "Kinesis_20131202.GetRecords"]
    {
        let answer = Client::new().send(&call(target)).await.unwrap();
        assert_eq!(answer.status.as_u16(), 400, "{answer:?}");
    }
    let line = |operation| {
        format!(
            "a client called {operation} of Kinesis, which hardcap does not emulate; AWS_ENDPOINT_URL_KINESIS in its environment \
             names another emulator"
        )
    };
    until_said(&up, &line("GetRecords"), 1).await;
    assert_eq!(up.said().matches(&line("PutRecord")).count(), 1, "{}", up.said());
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_http2_has_a_line_with_the_services_that_an_sdk_calls_so() {
    let project = Project::new();
    let up = project.up(&[]).await;
    let mut stream = TcpStream::connect(up.aws.trim_start_matches("http://")).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    until_said(&up, "uses for Bedrock, Kinesis, Lex, Polly and Transcribe streaming", 1).await;
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_and_a_finding_are_objects_of_the_json_log_too() {
    let project = Project::new();
    let template = "Resources:\n  A: {Type: AWS::Serverless::Function, Properties: {MemorySize: 1, CodeUri: .}}\n";
    project.write("template.yaml", template);
    project.write("hardcap.toml", "");
    let ran =
        project.run(&["up", "--log-format", "json", "--api-port", "0", "--aws-port", "0"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let lines: Vec<Value> =
        ran.said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!(last["level"], "error", "{ran:?}");
    assert!(last["message"].as_str().unwrap().contains("AWS refuses `A`"), "{ran:?}");
}

/// Runs a command with a terminal as its outputs, and gives what the terminal got.
async fn on_a_terminal(folder: &Path, command: &str) -> String {
    let arguments = ["-qec", command, "/dev/null"];
    let output = process::output(Path::new("script"), arguments, folder).await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_functions_are_coloured_on_a_terminal_unless_no_color_is_set() {
    let project = Project::new();
    let up = project.up(&[]).await;
    let invoked = ["invoke", "--url", &up.aws, "Behave", "-e", r#"{"print":"word"}"#];
    assert_eq!(project.run(&invoked).await.code, Some(0));
    let hardcap = process::binary("hardcap", "hardcap");
    let logs = format!("{} logs --url {} Behave", hardcap.display(), up.aws);
    let colored = on_a_terminal(project.path(), &logs).await;
    assert!(colored.contains("mBehave\x1b[0m | word"), "{colored:?}");
    let plain = on_a_terminal(project.path(), &format!("NO_COLOR=1 {logs}")).await;
    assert!(plain.contains(" Behave | word") && !plain.contains('\x1b'), "{plain:?}");
    let piped = on_a_terminal(project.path(), &format!("{logs} | cat")).await;
    assert!(piped.contains(" Behave | word") && !piped.contains('\x1b'), "{piped:?}");
    up.stop().await;
}
