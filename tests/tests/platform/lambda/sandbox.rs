//! What a function has of the machine: disk, files, processes, time, and where it finds itself.
//!
//! The limits here are the kernel's to enforce: on one that does not, a test says so and asks that the machine agrees.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use hardcap::Emulator;
use hardcap::config::FileSystem;
use hardcap_limits::{Date, Millis};
use hardcap_tests::eventually::eventually;
use serde_json::json;

use super::processes::{may_lay_over_var, may_mount};
use super::{Lambda, guest, log};

/// The numbers that Linux gives its errors.
const ENOSPC: i32 = 28;
const EMFILE: i32 = 24;

#[tokio::test(flavor = "multi_thread")]
async fn tmp_holds_512_mb_by_default_and_the_configured_size() {
    // `lambda_tmp_min` stands in for 512, so that a test does not fill the memory of its machine.
    let mut large = guest("behave");
    large.ephemeral_storage_mb = Some(12);
    for (function, mb) in [(guest("behave"), 8), (large, 12)] {
        let builder =
            Emulator::builder().limits(Date::CLASSIC).function(function).set("lambda_tmp_min", 8);
        let lambda = Lambda::start(builder).await;
        if !may_mount() {
            return;
        }
        let fill = |mb: u64| lambda.invoke("behave", json!({"fill": ["/tmp/fill", mb]}));
        assert_eq!(fill(mb).await.json(), json!([mb, null]));
        assert_eq!(fill(mb + 1).await.json(), json!([mb, ENOSPC]));
        assert_eq!(fill(1).await.json(), json!([1, null]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tmp_larger_than_aws_allows_is_as_large_as_it_allows() {
    let mut function = guest("behave");
    function.ephemeral_storage_mb = Some(100);
    let builder = Emulator::builder().limits(Date::CLASSIC).function(function).set("lambda_tmp", 6);
    let lambda = Lambda::start(builder).await;
    if may_mount() {
        let filled = lambda.invoke("behave", json!({"fill": ["/tmp/fill", 7]})).await;
        assert_eq!(filled.json(), json!([6, ENOSPC]), "{}", log(&filled));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tmp_is_kept_when_a_process_is_replaced_and_its_size_holds_for_both() {
    let mut function = guest("behave");
    function.timeout = Millis(1_000);
    let builder =
        Emulator::builder().limits(Date::CLASSIC).function(function).set("lambda_tmp_min", 4);
    let lambda = Lambda::start(builder).await;
    if !may_mount() {
        return;
    }
    let fill = |name: &str| lambda.invoke("behave", json!({"fill": [name, 3]}));
    assert_eq!(fill("/tmp/one").await.json(), json!([3, null]));
    lambda.invoke("behave", json!({"hang": true})).await;
    assert_eq!(fill("/tmp/two").await.json(), json!([1, ENOSPC]), "the first file is still there");
    assert_eq!(lambda.emulator.totals().cold_starts, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_1024_file_descriptors() {
    let lambda = Lambda::with([guest("behave")]).await;
    let opened = lambda.invoke("behave", json!({"open_files": true})).await;
    // `lambda_file_descriptors`
    assert_eq!(opened.json(), json!([1024, EMFILE]), "{}", log(&opened));
    lambda.is_healthy("behave", "{}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_has_1024_processes_and_threads() {
    let lambda = Lambda::with([guest("behave")]).await;
    let limits = lambda.invoke("behave", json!({"file": "/proc/self/limits"})).await;
    let text = limits.json().as_str().unwrap_or_default().to_owned();
    let line = text.lines().find(|line| line.starts_with("Max processes")).unwrap_or_default();
    // `lambda_processes`, where the kernel counts the processes of one sandbox alone.
    let counts = rustix::process::geteuid().is_root() || may_mount();
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    assert_eq!(words.get(2..4) == Some(&["1024", "1024"]), counts, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_finds_itself_in_var_task_which_it_cannot_write() {
    let package = tempfile::tempdir().unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_guest"), package.path().join("bootstrap")).unwrap();
    let mut function = guest("behave");
    function.command = vec!["./bootstrap".into(), "behave".into()];
    function.task_root = package.path().to_owned();
    let lambda = Lambda::with([function]).await;
    let place = lambda.invoke("behave", json!({"place": true})).await.json()[1].clone();
    let environment = lambda.invoke("behave", json!({"env": true})).await.json();
    assert_eq!(place, environment["LAMBDA_TASK_ROOT"]);
    if may_lay_over_var() {
        assert_eq!(place, json!("/var/task"));
        assert_eq!(environment["LD_LIBRARY_PATH"], "/var/task:/var/task/lib:/opt/lib");
        lambda.invoke("behave", json!({"file": "/var/task/new"})).await;
        assert!(!package.path().join("new").exists(), "the package was written to");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_with_one_access_point_share_the_files_of_a_file_system() {
    let with = |name: &str, access_point: &str, mount_path: &str| {
        let (access_point, mount_path) = (access_point.to_owned(), mount_path.to_owned());
        let mut function = guest("behave");
        function.name = name.to_owned();
        function.file_systems.push(FileSystem { access_point, mount_path });
        function
    };
    let functions = [
        with("one", "a", "/mnt/one"),
        with("two", "a", "/mnt/two"),
        with("other", "b", "/mnt/one"),
    ];
    let lambda = Lambda::with(functions).await;
    if !may_lay_over_var() {
        return;
    }
    let file = async |function: &str, path: &str| {
        lambda.invoke(function, json!({ "file": path })).await.json()
    };
    assert_eq!(file("one", "/mnt/one/file").await, "");
    assert_eq!(file("two", "/mnt/two/file").await, "written");
    assert_eq!(file("other", "/mnt/one/file").await, "");
    // Only the file systems are writable.
    assert_eq!(file("one", "/mnt/beside").await, "");
    assert_eq!(file("one", "/mnt/beside").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_still_being_written_starts_later_and_as_isolated_as_any() {
    let package = tempfile::tempdir().unwrap();
    let bootstrap = package.path().join("bootstrap");
    std::fs::copy(env!("CARGO_BIN_EXE_guest"), &bootstrap).unwrap();
    let mut function = guest("behave");
    function.command = vec!["./bootstrap".into(), "behave".into()];
    function.task_root = package.path().to_owned();
    let lambda = Lambda::with([function]).await;
    let written = std::fs::OpenOptions::new().append(true).open(&bootstrap).unwrap();
    let closed = tokio::spawn(async move {
        hardcap::Clock::default().pause(Duration::from_millis(200)).await;
        drop(written);
    });
    let place = lambda.invoke("behave", json!({"place": true})).await;
    closed.await.unwrap();
    assert_eq!(place.status, 200, "{place:?}");
    if may_lay_over_var() {
        assert_eq!(place.json()[1], "/var/task", "{place:?}");
    }
}

/// Recorded on 2025-11-24: `drwxrwxrwt`.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_a_sandbox_may_write_to_its_tmp() {
    let lambda = Lambda::with([guest("behave")]).await;
    let place = lambda.invoke("behave", json!({"place": true})).await.json();
    if may_mount() {
        let inside = std::path::PathBuf::from(format!("/proc/{}", place[0])).join("root");
        let tmp = std::fs::metadata(inside.join("tmp")).unwrap();
        assert_eq!(tmp.permissions().mode() & 0o7777, 0o1777);
        assert_ne!(tmp.dev(), std::fs::metadata("/tmp").unwrap().dev(), "it is its own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layers_are_laid_over_opt_the_last_on_top() {
    let (lower, upper) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(lower.path().join("both"), "lower").unwrap();
    std::fs::write(upper.path().join("both"), "upper").unwrap();
    std::fs::write(lower.path().join("one"), "lower").unwrap();
    let mut function = guest("behave");
    function.layers = vec![lower.path().to_owned(), upper.path().to_owned()];
    let lambda = Lambda::with([function]).await;
    if may_lay_over_var() {
        for (file, text) in [("/opt/both", "upper"), ("/opt/one", "lower")] {
            let read = lambda.invoke("behave", json!({"file": file})).await;
            assert_eq!(read.json(), json!(text), "{file}");
        }
        let hosts = lambda.invoke("behave", json!({"file": "/etc/hosts"})).await;
        assert!(hosts.text().contains("127.0.0.1 sandbox.localdomain sandbox"), "{hosts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_is_frozen_between_invocations_and_goes_on_with_the_next() {
    let lambda = Lambda::with([guest("behave")]).await;
    for _ in 0..3 {
        let place = lambda.invoke("behave", json!({"place": true})).await.json();
        let pid = place[0].as_u64().expect("a process id");
        until_stopped(pid).await;
    }
    assert_eq!(lambda.emulator.totals().cold_starts, 1);
    lambda.emulator.stop().await;
}

/// Waits until the kernel shows a process as stopped.
async fn until_stopped(pid: u64) {
    eventually(Duration::from_secs(60), "a process is stopped", async || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.contains(") T ") { Ok(()) } else { Err(stat) }
    })
    .await;
}
