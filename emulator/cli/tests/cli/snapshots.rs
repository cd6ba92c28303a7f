//! The whole output of the program as text: help, limits, findings, explanations, reports, and the lines of `up`.
//!
//! `INSTA_UPDATE=always cargo test -p hardcap-cli --test cli snapshots` writes the files of `snapshots` anew. Read what has changed
//! before it is committed.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::program::{folder, hardcap, stop, up, with_program};

/// Both outputs and the exit code.
fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    let code = output.status.code().expect("it ended by itself");
    format!("exit code {code}\n--- standard output\n{printed}--- standard error\n{said}")
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = hardcap(folder, arguments);
    // Help shows the variables of the program with their values.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HARDCAP_") {
            command.env_remove(name);
        }
    }
    command.env("COLUMNS", "100").env("NO_COLOR", "1").output().expect("hardcap starts")
}

/// Compares with a file of `snapshots`, without what is different on every run and machine.
fn compare(name: &str, folder: &Path, text: &str) {
    let folder = folder.display().to_string();
    let text = text.replace(&folder, "[folder]");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[port]");
    settings.add_filter(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[id]");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

const COMMANDS: [&str; 14] = [
    "up",
    "init",
    "check",
    "exec",
    "explain",
    "health",
    "invoke",
    "limits",
    "logs",
    "probe",
    "replay",
    "report",
    "completions",
    "man",
];

#[test]
fn the_help_of_every_command_is_shown() {
    let folder = folder(&[]);
    let all = run(folder.path(), &["--help"]);
    compare("help", folder.path(), &shown(&all));
    let help = String::from_utf8_lossy(&all.stdout).into_owned();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    for line in listed {
        let name = line.split_whitespace().next().expect("a command has a name");
        assert!(name == "help" || COMMANDS.contains(&name), "{name} has no snapshot:\n{help}");
    }
    for command in COMMANDS {
        let output = run(folder.path(), &[command, "--help"]);
        compare(&format!("help-{command}"), folder.path(), &shown(&output));
    }
}

#[test]
fn limits_are_shown_as_a_table_one_by_one_and_by_what_differs() {
    let folder = folder(&[]);
    for (name, arguments) in [
        ("limits", &["limits", "--limits", "2026-11-01"][..]),
        ("limits-row", &["limits", "lambda_sync_response"]),
        ("limits-unknown-row", &["limits", "lambda_sync_respone"]),
        ("limits-diff", &["limits", "--diff", "classic", "current"]),
    ] {
        compare(name, folder.path(), &shown(&run(folder.path(), arguments)));
    }
}

/// Every severity, with and without a remedy.
const WRONG: &str = "
Resources:
  Slow:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: a.b
      Runtime: provided.al2023
      Timeout: 901
      MemorySize: 64
      Events: {Get: {Type: Api, Properties: {Path: /slow, Method: get}}}
  Waits:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: a.b
      Runtime: provided.al2023
      Timeout: 60
      Events: {Get: {Type: HttpApi, Properties: {Path: /waits, Method: get}}}
";

#[test]
fn the_findings_of_a_template_are_shown_with_their_places_and_remedies() {
    let wrong = with_program(&[]);
    std::fs::write(wrong.path().join("template.yaml"), WRONG).expect("written");
    compare("check", wrong.path(), &shown(&run(wrong.path(), &["check"])));
    let torn = folder(&[("template.yaml", "Resources:\n  F: {Type: AWS::Serverless::Function\n")]);
    compare("check-torn", torn.path(), &shown(&run(torn.path(), &["check"])));
}

#[test]
fn texts_of_failures_are_explained() {
    let folder = folder(&[]);
    for (name, text) in [
        (
            "too-large",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        ),
        (
            "timeout",
            "2025-11-25T07:00:00.000Z 5f8a6c9e-0000-4000-8000-000000000000 Task timed out after 3.00 seconds",
        ),
        (
            "bad-gateway",
            "HTTP/1.1 502 Bad Gateway\r\ncontent-type: application/json\r\n\r\n{\"message\": \"Internal server error\"}",
        ),
        (
            "environment",
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.",
        ),
        ("unknown", "the cat sat on the mat"),
    ] {
        std::fs::write(folder.path().join("text"), text).expect("written");
        let output = run(folder.path(), &["explain", "text"]);
        compare(&format!("explain-{name}"), folder.path(), &shown(&output));
    }
}

#[test]
fn a_run_is_reported_from_its_records() {
    let folder = with_program(&[]);
    let invoke =
        format!("'{}' invoke --url $AWS_ENDPOINT_URL Hello", env!("CARGO_BIN_EXE_hardcap"));
    let script = format!("({invoke}; {invoke} -e 1) >/dev/null 2>&1; true");
    let limit = ["--set", "lambda_sync_request=1"];
    let exec = [&["exec", "-q"], &limit[..], &["--records", "run.json", "--", "sh", "-c", &script]];
    let ran = run(folder.path(), &exec.concat());
    assert_eq!(ran.status.code(), Some(0), "{}", shown(&ran));

    // Spans are different each time, and decide the order of the rows.
    let path = folder.path().join("run.json");
    let mut records: Value =
        serde_json::from_slice(&std::fs::read(&path).expect("it is there")).expect("JSON");
    for (row, millis) in [("lambda_init", 26), ("lambda_timeout", 7)] {
        let measured = &mut records["totals"]["limits"][row];
        assert!(measured["highest"].is_u64(), "{row} is measured: {measured}");
        measured["highest"] = millis.into();
        measured["highest_admitted"] = millis.into();
    }
    std::fs::write(&path, records.to_string()).expect("written");

    compare("report", folder.path(), &shown(&run(folder.path(), &["report", "run.json"])));
    let gated = run(folder.path(), &["report", "run.json", "--fail-on", "refused"]);
    compare("report-gate", folder.path(), &shown(&gated));
}

#[test]
fn up_lists_what_listens() {
    let folder = with_program(&[]);
    let (child, stderr, said) = up(folder.path(), &["--limits", "classic"]);
    let _ = stop(child, stderr);
    compare("up", folder.path(), &said);
}
