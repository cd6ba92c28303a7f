//! `hardcap up --watch`: what is edited is put in place, and everything else goes on.

use std::time::Duration;

use hardcap_tests::eventually::eventually;
use hardcap_tests::process::binary;
use serde_json::Value;

use crate::project::{Project, TEMPLATE, Up};

/// Waits until it has said something so many times.
pub(crate) async fn until_said(up: &Up, text: &str, times: usize) {
    let what = format!("the log has {text:?} {times} times");
    eventually(Duration::from_secs(120), &what, async || {
        let said = up.said();
        if said.matches(text).count() >= times { Ok(()) } else { Err(said) }
    })
    .await;
}

async fn invoke(project: &Project, up: &Up, function: &str, event: &str) -> String {
    let ran = project.run(&["invoke", "--url", &up.aws, function, "-e", event]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}\n{}", up.said());
    ran.printed
}

async fn cold_starts(up: &Up, function: &str) -> usize {
    let run = up.control("records").await;
    let records = run["records"].as_array().unwrap();
    let starts = |one: &&Value| one["what"] == "cold_start" && one["function"] == function;
    records.iter().filter(starts).count()
}

/// The template with a variable of `Behave`.
fn with_stage(stage: &str) -> String {
    let variable = format!("Timeout: 30\n      Environment: {{Variables: {{STAGE: '{stage}'}}}}");
    TEMPLATE.replace("Timeout: 30", &variable)
}

const ENVIRONMENT: &str = r#"{"env":true}"#;
const GIANT: &str = r#"{"queryStringParameters":{"size":"1"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_function_is_another_one_and_the_others_and_all_data_stay() {
    let project = Project::new();
    let up = project.up(&["--watch"]).await;
    invoke(&project, &up, "Giant", GIANT).await;
    assert!(!invoke(&project, &up, "Behave", ENVIRONMENT).await.contains("STAGE"));

    project.write("template.yaml", &with_stage("edited"));
    until_said(&up, "reloaded: Behave\n", 1).await;
    let environment = invoke(&project, &up, "Behave", ENVIRONMENT).await;
    assert!(environment.contains(r#""STAGE":"edited""#), "{environment}");
    invoke(&project, &up, "Giant", GIANT).await;
    assert_eq!(cold_starts(&up, "giant-of-the-stack").await, 1, "it keeps its sandbox");
    assert_eq!(up.said().matches("reloaded").count(), 1, "{}", up.said());

    let moved = with_stage("edited").replace("Path: /giant", "Path: /large");
    project.write("template.yaml", &moved);
    until_said(&up, "APIs and their routes have changed: restart hardcap to apply it", 1).await;
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_finished_by_the_code_that_it_began_with() {
    let project = Project::new();
    project.write("template.yaml", &with_stage("old"));
    let up = project.up_as_it_is(&["--watch"]).await;
    let event = r#"{"millis":3000,"env":true}"#;
    let long = invoke(&project, &up, "Behave", event);
    let change = async {
        while cold_starts(&up, "Behave").await == 0 {}
        project.write("template.yaml", &with_stage("new"));
        until_said(&up, "reloaded: Behave\n", 1).await;
        invoke(&project, &up, "Behave", ENVIRONMENT).await
    };
    let (finished, next) = tokio::join!(long, change);
    assert!(finished.contains(r#""STAGE":"old""#), "{finished}");
    assert!(next.contains(r#""STAGE":"new""#), "{next}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_unreadable_or_refused_is_reported_and_changes_nothing() {
    let project = Project::new();
    project.write("template.yaml", &with_stage("kept"));
    let up = project.up_as_it_is(&["--watch"]).await;
    // 4,097 bytes of environment: {"STAGE":"…"} has 12 beside the value.
    let too_large = with_stage(&"x".repeat(4_085));
    for (at, (broken, reason)) in [
        ("Resources: [", "this is not YAML"),
        (too_large.as_str(), "exceeded the 4KB limit"),
        (&with_stage("kept").replace("Timeout: 30", "Timeout: 901"), "901"),
    ]
    .into_iter()
    .enumerate()
    {
        project.write("template.yaml", broken);
        until_said(&up, "the previous version continues\n", at + 1).await;
        assert!(up.said().contains(reason), "{reason}:\n{}", up.said());
        let environment = invoke(&project, &up, "Behave", ENVIRONMENT).await;
        assert!(environment.contains(r#""STAGE":"kept""#), "{environment}");
    }
    project.write("template.yaml", &with_stage("mended"));
    until_said(&up, "reloaded: Behave\n", 1).await;
    let environment = invoke(&project, &up, "Behave", ENVIRONMENT).await;
    assert!(environment.contains(r#""STAGE":"mended""#), "{environment}");
    up.stop().await;
}

const RUST: &str = "
Resources:
  Rust:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda}
    Properties: {CodeUri: ./watched, Handler: bootstrap, Runtime: provided.al2023}
";

/// A Rust program of no dependency, which becomes the guest in one of its manners.
fn source(manner: &str) -> String {
    let guest = binary(env!("CARGO_PKG_NAME"), "guest");
    format!(
        "use std::os::unix::process::CommandExt as _;\n\
         fn main() {{ panic!(\"{{}}\", std::process::Command::new({guest:?}).arg({manner:?}).exec()); }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_function_is_built_when_its_source_is_edited_and_one_that_is_wrong_replaces_nothing()
{
    let project = Project::new();
    std::fs::create_dir_all(project.path().join("watched/src")).unwrap();
    let package = "[package]\nname = \"watched-by-hardcap\"\nedition = \"2024\"\n[workspace]\n";
    project.write("watched/Cargo.toml", package);
    project.write("watched/src/main.rs", &source("behave"));
    project.write("hardcap.toml", "");
    project.write("template.yaml", RUST);
    let up = project.up_as_it_is(&["--watch"]).await;
    assert!(invoke(&project, &up, "Rust", r#"{"size":5}"#).await.contains("xxx"));

    project.write("watched/src/main.rs", "fn main() { it is no Rust }\n");
    until_said(&up, "the previous version continues\n", 1).await;
    assert!(up.said().contains("the build failed"), "{}", up.said());
    assert!(invoke(&project, &up, "Rust", r#"{"size":5}"#).await.contains("xxx"));

    project.write("watched/src/main.rs", &source("echo"));
    until_said(&up, "reloaded: Rust\n", 1).await;
    assert!(invoke(&project, &up, "Rust", r#"{"size":5}"#).await.contains(r#"{"size":5}"#));
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_was_built_elsewhere_is_taken_up_in_a_new_folder_too() {
    let project = Project::new();
    let template = RUST.replace("    Metadata: {BuildMethod: rust-cargolambda}\n", "");
    project.write("hardcap.toml", "");
    project.write("template.yaml", &template);
    let program = |manner: &str| {
        let guest = binary(env!("CARGO_PKG_NAME"), "guest");
        format!("#!/bin/sh\nexec '{}' {manner}\n", guest.display())
    };
    std::fs::create_dir(project.path().join("watched")).unwrap();
    project.program("watched/bootstrap", &program("behave"));
    let up = project.up_as_it_is(&["--watch"]).await;
    assert!(invoke(&project, &up, "Rust", r#"{"size":5}"#).await.contains("xxx"));

    project.program("watched/bootstrap", &program("echo"));
    until_said(&up, "reloaded: Rust\n", 1).await;
    assert!(invoke(&project, &up, "Rust", r#"{"size":5}"#).await.contains(r#"{"size":5}"#));

    std::fs::create_dir(project.path().join("watched/data")).unwrap();
    until_said(&up, "reloaded: Rust\n", 2).await;
    project.write("watched/data/words.txt", "new");
    until_said(&up, "reloaded: Rust\n", 3).await;
    up.stop().await;
}
