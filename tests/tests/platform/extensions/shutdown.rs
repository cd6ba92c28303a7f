//! The shutdown phase: who is told of the end and in which words, how long it lasts, and what becomes of whoever stays.
//!
//! Lengths are read from the deadline that the platform itself names, and bounded by the clock only from the side on which
//! a busy machine cannot err.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hardcap::config::Function;
use hardcap::{Clock, Emulator, EpochMillis};
use hardcap_limits::{Date, Millis};
use hardcap_tests::eventually::eventually;
use hardcap_tests::process::binary;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::world::{Layer, World, function, log};

/// A function beside an extension that takes so many milliseconds for its end, and the file in which it tells of that.
struct Stage {
    folder: TempDir,
    _layer: Layer,
    function: Function,
}

impl Stage {
    fn lingering(events: &str, millis: u64) -> Stage {
        let (folder, layer) = (tempfile::tempdir().expect("a folder"), Layer::with(&["agent"]));
        let script = format!(r#"[{{"register":{events}}},{{"linger":{millis}}}]"#);
        let mut function = function("behave", &layer, &script);
        let told = folder.path().join("told").display().to_string();
        function.environment.insert("TOLD".to_owned(), told);
        Stage { folder, _layer: layer, function }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("told")
    }

    /// What the extension has written: its process id, what it was told of the end, and that it came to it.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.file()).expect("the extension has begun");
        text.lines().map(str::to_owned).collect()
    }

    fn told(&self) -> Value {
        let lines = self.lines();
        let event = lines.get(1).unwrap_or_else(|| panic!("it was not told of its end: {lines:?}"));
        serde_json::from_str(event).unwrap_or_else(|error| panic!("{error}: {event}"))
    }

    /// Waits until the extension's process has ended.
    async fn until_ended(&self) {
        let process = format!("/proc/{}", self.lines()[0]);
        eventually(Duration::from_secs(60), "the extension's process ends", async || {
            if Path::new(&process).exists() { Err(process.clone()) } else { Ok(()) }
        })
        .await;
    }
}

fn deadline(told: &Value) -> EpochMillis {
    EpochMillis(told["deadlineMs"].as_u64().unwrap_or_else(|| panic!("no deadline: {told}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_receives_shutdown_and_has_two_seconds() {
    let stage = Stage::lingering(r#"["SHUTDOWN"]"#, 0);
    let world = World::with(stage.function.clone()).await;
    let answer = world.invoke("behave", "{}").await;
    assert_eq!(answer.header("x-amz-function-error"), None, "{}", log(&answer));
    let before = Clock::default().wall();
    world.emulator.stop().await;
    let after = Clock::default().wall();
    let (lines, told) = (stage.lines(), stage.told());
    assert_eq!(told["eventType"], "SHUTDOWN", "{told}");
    assert_eq!(told["shutdownReason"], "spindown", "{told}");
    assert_eq!(told.as_object().map(serde_json::Map::len), Some(3), "{told}");
    assert_eq!(lines.get(2).map(String::as_str), Some("came to its end"), "{lines:?}");
    // `lambda_shutdown_external`: 2,000 ms from the moment at which the end began, which was between these two. A
    // millisecond that has begun may be counted on either side.
    let deadline = deadline(&told);
    let (earliest, latest) = (before.plus(Millis(1_998)), after.plus(Millis(2_002)));
    assert!((earliest..=latest).contains(&deadline), "{before:?} {deadline:?} {after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_is_not_done_by_the_deadline_is_killed_then_and_not_before() {
    let stage = Stage::lingering(r#"["SHUTDOWN"]"#, 600_000);
    let world = World::with(stage.function.clone()).await;
    world.invoke("behave", "{}").await;
    world.emulator.stop().await;
    let after = Clock::default().wall();
    let deadline = deadline(&stage.told());
    assert!(deadline.since(after).0 <= 1, "killed before its time: {deadline:?} {after:?}");
    assert_eq!(stage.lines().len(), 2, "{:?}", stage.lines());
    stage.until_ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_needs_less_than_the_limit_is_waited_for() {
    let stage = Stage::lingering(r#"["SHUTDOWN"]"#, 700);
    // So much that a busy machine does not matter.
    let limit = 120_000;
    let builder = Emulator::builder().limits(Date::CLASSIC).function(stage.function.clone());
    let world = World::start(builder.set("lambda_shutdown_external", limit)).await;
    world.invoke("behave", "{}").await;
    let before = Clock::default().wall();
    world.emulator.stop().await;
    assert_eq!(stage.lines().get(2).map(String::as_str), Some("came to its end"));
    assert!(deadline(&stage.told()) >= before.plus(Millis(limit - 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_did_not_ask_is_killed_without_a_word() {
    let stage = Stage::lingering(r#"["INVOKE"]"#, 600_000);
    let builder = Emulator::builder().limits(Date::CLASSIC).function(stage.function.clone());
    let world = World::start(builder.set("lambda_shutdown_external", 600_000)).await;
    world.invoke("behave", "{}").await;
    world.emulator.stop().await;
    // It may have heard of the invocation, over which it lingers.
    let lines = stage.lines();
    assert!(lines.len() <= 2 && !lines.concat().contains("SHUTDOWN"), "{lines:?}");
    stage.until_ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_is_a_timeout_after_one_and_a_failure_when_the_runtime_ends() {
    for (wish, reason) in [(json!({"hang": true}), "timeout"), (json!({"exit": 1}), "failure")] {
        let mut stage = Stage::lingering(r#"["SHUTDOWN"]"#, 0);
        stage.function.timeout = Millis(1_500);
        let world = World::with(stage.function.clone()).await;
        let answer = world.invoke("behave", wish).await;
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"), "{}", log(&answer));
        // The sandbox has ended, or ends, for this reason: stopping only waits for it.
        world.emulator.stop().await;
        assert_eq!(stage.told()["shutdownReason"], reason, "{:?}", stage.lines());
    }
}

/// A function whose runtime does `trap` when it is asked to end, and has an internal extension with it if there is `INNER`.
fn trapping(stage: &Stage, trap: &str) -> Function {
    let mut function = stage.function.clone();
    function.layers.clear();
    let program = std::mem::take(&mut function.command);
    // Who has not registered when the runtime asks for its first event is too late.
    let inner = r#"[ -z "$INNER" ] || { "$INNER" > "$TOLD.inner" & until grep -q heard "$TOLD.inner"; do sleep 0.02; done; }"#;
    let script = format!(
        r#"trap '{trap}' TERM; {inner}; echo began > "$TOLD"; "$0" "$@" & while :; do wait; done"#
    );
    let shell = ["sh".into(), "-c".into(), script.into()];
    function.command = shell.into_iter().chain(program).collect();
    function
}

const ASKED: &str = r#"echo asked >> "$TOLD"; exit 0"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_alone_is_killed_without_being_asked() {
    let stage = Stage::lingering("[]", 0);
    let world = World::with(trapping(&stage, ASKED)).await;
    world.invoke("behave", "{}").await;
    world.emulator.stop().await;
    // `lambda_shutdown`: 0 ms.
    assert_eq!(stage.lines(), ["began"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_with_an_internal_extension_is_asked_to_end() {
    let stage = Stage::lingering(r#"["INVOKE"]"#, 0);
    let accompanied = |trap| {
        let mut function = trapping(&stage, trap);
        let inner = binary(env!("CARGO_PKG_NAME"), "extension").display().to_string();
        function.environment.insert("INNER".to_owned(), inner);
        let script = r#"[{"register":["INVOKE"]},"next"]"#;
        function.environment.insert("EXTENSION".to_owned(), script.to_owned());
        function
    };
    // The runtime's share of it, 30 percent, is more than a busy machine needs.
    let builder = Emulator::builder().limits(Date::CLASSIC).function(accompanied(ASKED));
    let world = World::start(builder.set("lambda_shutdown_internal", 200_000)).await;
    let answer = world.invoke("behave", "{}").await;
    assert!(log(&answer).contains("EXTENSION\tName: extension\t"), "{}", log(&answer));
    world.emulator.stop().await;
    assert_eq!(stage.lines(), ["began", "asked"]);

    // `lambda_shutdown_internal`: 500 ms, of which one that stays has 30 percent.
    let world = World::with(accompanied("")).await;
    let answer = world.invoke("behave", "{}").await;
    assert!(log(&answer).contains("EXTENSION\tName: extension\t"), "{}", log(&answer));
    let stopwatch = Clock::default().stopwatch();
    world.emulator.stop().await;
    assert!(stopwatch.elapsed_millis() >= Millis(150), "{:?}", stopwatch.elapsed());
}
