//! The platform's lines of a log in JSON, in the log tail and in the log itself.

use hardcap::config::{LogLevels, Logging};
use serde_json::{Value, json};

use super::*;

/// A guest with a log in JSON, whose lines of the platform have at least this level.
fn with_level(mode: &str, level: &str) -> Function {
    let levels = LogLevels { system: level.to_owned(), ..LogLevels::default() };
    Function { logging: Logging { json: Some(levels) }, ..guest(mode) }
}

/// The events of the platform in a log: their types and records.
#[track_caller]
fn events(log: &str) -> Vec<(String, Value)> {
    let events = log.lines().filter(|line| line.starts_with('{'));
    events
        .map(|line| {
            let event: Value = serde_json::from_str(line).expect("an event is JSON");
            let time = event["time"].as_str().unwrap_or_default();
            assert!(
                time.ends_with('Z') && time.len() == "2026-10-08T07:30:28.235Z".len(),
                "{line}"
            );
            (event["type"].as_str().unwrap_or_default().to_owned(), event["record"].clone())
        })
        .collect()
}

fn types(log: &str) -> Vec<String> {
    events(log).into_iter().map(|(kind, _)| kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_decides_which_lines_of_the_platform_a_log_in_json_has() {
    let debug = [
        "platform.initStart",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ];
    for (level, expected) in
        [("DEBUG", &debug[..]), ("INFO", &["platform.start", "platform.report"]), ("WARN", &[])]
    {
        let lambda = Lambda::current([with_level("behave", level)]).await;
        let cold = log(&lambda.invoke("behave", r#"{"print":"of the function"}"#).await);
        assert_eq!(types(&cold), expected, "{level}: {cold}");
        assert!(cold.contains("of the function\n"), "{cold}");
        for line in ["START RequestId", "END RequestId", "REPORT RequestId", "INIT_REPORT"] {
            assert!(!cold.contains(line), "{level}: {cold}");
        }
        let warm = log(&lambda.invoke("behave", "{}").await);
        let in_each = |kind: &&&str| !kind.starts_with("platform.init");
        let expected: Vec<&str> = expected.iter().filter(in_each).copied().collect();
        assert_eq!(types(&warm), expected, "{level}: {warm}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_have_the_members_that_were_captured_from_aws() {
    let lambda = Lambda::current([with_level("behave", "DEBUG")]).await;
    let answer = lambda.invoke("behave", "{}").await;
    let (cold, id) = (log(&answer), answer.header("x-amzn-requestid").expect("an id"));
    let events = events(&cold);
    let record = |kind: &str| {
        let found = events.iter().find(|(given, _)| given == kind);
        found.unwrap_or_else(|| panic!("{kind}: {cold}")).1.clone()
    };
    let names = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(
        record("platform.initStart"),
        json!({"initializationType": "on-demand", "phase": "init", "functionName": "behave", "functionVersion": "$LATEST"})
    );
    assert_eq!(
        record("platform.initRuntimeDone"),
        json!({"initializationType": "on-demand", "phase": "init", "status": "success"})
    );
    let init = record("platform.initReport");
    assert_eq!(names(&init), ["initializationType", "phase", "status", "metrics"]);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:behave";
    assert_eq!(
        record("platform.start"),
        json!({"requestId": id, "functionArn": arn, "version": "$LATEST"})
    );
    let done = record("platform.runtimeDone");
    assert_eq!(names(&done), ["requestId", "status", "metrics"]);
    assert_eq!(names(&done["metrics"]), ["durationMs", "producedBytes"]);
    assert_eq!(done["metrics"]["producedBytes"], answer.body.len());
    let report = record("platform.report");
    assert_eq!(names(&report), ["requestId", "metrics", "status"]);
    let metrics =
        ["durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"];
    assert_eq!(names(&report["metrics"]), metrics);
    assert_eq!(
        (&report["metrics"]["memorySizeMB"], &report["status"]),
        (&json!(128), &json!("success"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_logged_in_json_at_every_level() {
    let mut slow = with_level("never-poll", "WARN");
    slow.timeout = Millis(300);
    let builder = Emulator::builder().limits(Date::LATEST).function(slow);
    let builder = builder.function(with_level("exit-in-init", "WARN")).set("lambda_init", 200);
    let lambda = Lambda::start(builder).await;
    let timed_out = log(&lambda.invoke("never-poll", "{}").await);
    let expected = [
        ("platform.initReport", "init", "timeout"),
        ("platform.initReport", "invoke", "timeout"),
        ("platform.runtimeDone", "", "timeout"),
        ("platform.report", "", "timeout"),
    ];
    let seen = |log: &str| -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = events(log).into_iter();
        all.map(|(kind, it)| (kind, text(&it["phase"]), text(&it["status"]))).collect()
    };
    let owned = |expected: &[(&str, &str, &str)]| -> Vec<(String, String, String)> {
        let all = expected.iter();
        all.map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
    };
    assert_eq!(seen(&timed_out), owned(&expected), "{timed_out}");
    let exited = log(&lambda.invoke("exit-in-init", "{}").await);
    let expected = [
        ("platform.initRuntimeDone", "init", "error"),
        ("platform.initReport", "init", "error"),
        ("platform.initRuntimeDone", "invoke", "error"),
        ("platform.initReport", "invoke", "error"),
        ("platform.runtimeDone", "", "error"),
        ("platform.report", "", "error"),
    ];
    assert_eq!(seen(&exited), owned(&expected), "{exited}");
    let report = events(&exited).pop().expect("a report").1;
    assert_eq!(report["errorType"], "Runtime.ExitError", "{exited}");
}
