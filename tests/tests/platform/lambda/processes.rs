//! The processes themselves: what they are given, and that nothing of them is left behind.

use std::path::Path;
use std::time::Duration;

use hardcap::Emulator;
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::Client;
use hardcap_tests::eventually::eventually;
use serde_json::json;

use super::{Lambda, guest, log};

#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_the_environment_of_aws_and_nothing_of_its_parents() {
    let mut function = guest("behave");
    function.environment.insert("STAGE".to_owned(), "test".to_owned());
    let lambda = Lambda::with([function]).await;
    let environment = lambda.invoke("behave", json!({"env": true})).await.json();
    let environment = environment.as_object().unwrap();
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "behave"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("STAGE", "test"),
        ("AWS_ENDPOINT_URL", lambda.emulator.aws_url()),
    ] {
        assert_eq!(environment.get(name).and_then(|it| it.as_str()), Some(value), "{name}");
    }
    let path = environment["PATH"].as_str().unwrap();
    let recorded = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin";
    assert!(path.strip_prefix(recorded).is_some_and(|rest| rest.starts_with(':')), "{path}");
    for name in ["AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "_HANDLER", "_X_AMZN_TRACE_ID"] {
        assert!(environment.contains_key(name), "{name}");
    }
    assert!(!environment.contains_key("AWS_EXECUTION_ENV"), "a custom runtime has none");
    let given: Vec<&str> =
        "AWS_ LAMBDA_ _AWS_XRAY_DAEMON_ _HANDLER _X_AMZN TZ LANG PATH LD_LIBRARY_PATH STAGE"
            .split(' ')
            .collect();
    for name in environment.keys() {
        assert!(given.iter().any(|prefix| name.starts_with(prefix)), "{name} leaked in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_is_a_point_in_time() {
    let lambda = Lambda::with([guest("behave")]).await;
    lambda.invoke("behave", "{}").await;
    // Advancing the emulator's calendar does not move the clocks that processes read.
    lambda.emulator.clock().advance(Millis(86_400_000)).await;
    let before = hardcap::Clock::default().now();
    let deadline = lambda.invoke("behave", json!({"deadline": true})).await.json();
    let after = hardcap::Clock::default().now();
    let deadline = deadline.as_u64().unwrap();
    assert!(
        (before.0 + 10_000..=after.0 + 10_000).contains(&deadline),
        "{before:?} {deadline} {after:?}"
    );
}

/// Whether a process exists and has not ended; a zombie has.
pub(crate) fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

pub(crate) async fn until_ended(pid: u64) {
    let status = format!("/proc/{pid}/status");
    eventually(Duration::from_secs(60), "a process ends", async || {
        if runs(pid) { Err(std::fs::read_to_string(&status)) } else { Ok(()) }
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_a_function_starts_end_with_its_sandbox() {
    let mut function = guest("behave");
    function.timeout = Millis(1_000);
    let lambda = Lambda::with([function]).await;
    let child = lambda.invoke("behave", json!({"child": true})).await.json().as_u64().unwrap();
    assert!(runs(child));
    lambda.invoke("behave", json!({"hang": true})).await;
    until_ended(child).await;

    let child = lambda.invoke("behave", json!({"child": true})).await.json().as_u64().unwrap();
    lambda.invoke("behave", json!({"exit": 1})).await;
    until_ended(child).await;

    let child = lambda.invoke("behave", json!({"child": true})).await.json().as_u64().unwrap();
    lambda.emulator.stop().await;
    until_ended(child).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_emulator_that_is_dropped_leaves_no_process_behind() {
    let lambda = Lambda::with([guest("behave")]).await;
    let child = lambda.invoke("behave", json!({"child": true})).await.json().as_u64().unwrap();
    drop(lambda);
    until_ended(child).await;
}

#[cfg(target_os = "linux")]
#[test]
fn an_emulator_whose_runtime_ends_leaves_no_process_behind() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (lambda, child) = runtime.block_on(async {
        let lambda = Lambda::with([guest("behave")]).await;
        let child = lambda.invoke("behave", json!({"child": true})).await.json().as_u64().unwrap();
        (lambda, child)
    });
    drop(runtime);
    drop(lambda);
    tokio::runtime::Runtime::new().unwrap().block_on(until_ended(child));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_ends_after_ten_idle_minutes_of_the_emulators_clock() {
    let lambda = Lambda::with([guest("behave")]).await;
    let process = async || {
        lambda.invoke("behave", json!({"place": true})).await.json()[0].as_u64().expect("an id")
    };
    let first = process().await;
    // The time that this test takes counts too.
    lambda.emulator.clock().advance(Millis(570_000)).await;
    assert_eq!(process().await, first);
    lambda.emulator.clock().advance(Millis(600_000)).await;
    until_ended(first).await;
    assert_ne!(process().await, first);
    assert_eq!(lambda.emulator.totals().cold_starts, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_does_not_end_the_run() {
    let lambda = Lambda::with([guest("behave")]).await;
    for millis in [300, 301] {
        let call = lambda.call("behave", json!({"millis": millis}));
        let left = hardcap::Clock::default().timeout(Millis(100), Client::new().send(&call)).await;
        assert!(left.is_none(), "{left:?}");
    }
    lambda.until(|totals| totals.invocations == 2).await;
    assert!(lambda.emulator.totals().faults.is_empty());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_takes_more_memory_than_it_has_is_killed() {
    let lambda = Lambda::with([guest("behave")]).await;
    lambda.is_healthy("behave", json!({"leak_mb": 60})).await;
    let killed = lambda.invoke("behave", json!({"leak_mb": 100, "millis": 5_000})).await;
    let log = log(&killed);
    let body = killed.json();
    assert_eq!(body["errorType"], "Runtime.ExitError", "{log}");
    assert!(
        body["errorMessage"]
            .as_str()
            .unwrap()
            .ends_with("Runtime exited with error: signal: killed"),
        "{body}"
    );
    assert!(log.contains("and may use 128 MB"), "{log}");
    lambda.is_healthy("behave", "{}").await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_report_shows_the_memory_that_the_kernel_counted() {
    let lambda = Lambda::with([guest("behave")]).await;
    let answer = lambda.invoke("behave", json!({"leak_mb": 50})).await;
    let log = log(&answer);
    let used = log.split("Max Memory Used: ").nth(1).and_then(|it| it.split(' ').next());
    let used: u64 = used.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("{log}"));
    assert!((50..100).contains(&used), "{log}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_has_a_tmp_of_its_own_that_a_timeout_leaves_in_place() {
    let mut function = guest("behave");
    function.timeout = Millis(1_000);
    let lambda = Lambda::with([function]).await;
    let name = format!("/tmp/hardcap-test-{}", std::process::id());
    let file = || lambda.invoke("behave", json!({"file": name}));
    let first = file().await;
    if Path::new(&name).exists() {
        std::fs::remove_file(&name).unwrap();
        assert!(
            !may_mount(),
            "the kernel permits a private /tmp, and the sandbox has none: {}",
            log(&first)
        );
        return;
    }
    assert_eq!(first.text(), r#""""#);
    assert_eq!(file().await.text(), r#""written""#);
    let process = async || lambda.invoke("behave", json!({"place": true})).await.json()[0].clone();
    let before = process().await;
    lambda.invoke("behave", json!({"hang": true})).await;
    assert_eq!(
        file().await.text(),
        r#""written""#,
        "recorded on 2024-04-08: /tmp outlives a timeout"
    );
    assert_ne!(process().await, before, "recorded on 2024-04-08: nothing in memory outlives it");
}

/// Whether this machine lets a sandbox have a `/tmp` of its own.
#[cfg(target_os = "linux")]
pub(crate) fn may_mount() -> bool {
    may("mount -t tmpfs tmpfs /tmp")
}

/// Whether this machine lets a sandbox have a `/var/task`.
#[cfg(target_os = "linux")]
pub(crate) fn may_lay_over_var() -> bool {
    may(
        "mount -t tmpfs tmpfs /tmp && mkdir /tmp/l && mount -t overlay overlay -o lowerdir=/tmp/l:/var /var",
    )
}

/// Whether this works in a mount namespace: root has one for the asking, others need a user namespace around it.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "asks the machine, not the emulator")]
fn may(script: &str) -> bool {
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let unshare = std::process::Command::new("unshare").args([flags, "sh", "-c", script]).output();
    unshare.is_ok_and(|output| output.status.success())
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_program_under_tmp_still_runs() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let program = folder.path().join("bootstrap");
    std::fs::copy(env!("CARGO_BIN_EXE_guest"), &program).unwrap();
    let mut function = guest("echo");
    function.command = vec!["./bootstrap".into(), "echo".into()];
    function.task_root = folder.path().to_owned();
    let lambda = Lambda::start(Emulator::builder().limits(Date::CLASSIC).function(function)).await;
    lambda.is_healthy("echo", "{}").await;
}
