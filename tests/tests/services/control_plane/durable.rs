//! With a data directory created functions survive, and what was refused leaves nothing behind.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_lambda::types::{FunctionUrlAuthType, Runtime};
use hardcap::Emulator;
use hardcap_limits::Date;

use hardcap_tests::eventually::eventually;

use super::{Plane, code, environment, refused};

async fn plane(data: &Path) -> Plane {
    Plane::with(Emulator::builder().limits(Date::LATEST).data(data)).await
}

/// Every path below a folder.
fn files(folder: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            found.push(path.display().to_string());
            folders.extend(path.is_dir().then_some(path));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_function_is_there_after_a_restart_with_all_that_was_set() {
    let data = tempfile::tempdir().expect("a folder");
    let first = plane(data.path()).await;
    let create = first.create("f1", "behave").environment(environment(&[("STAGE", "kept")]));
    let made = create.description("it stays").tags("a", "1").send().await.expect("made");
    let put = first.sdk.put_function_event_invoke_config().function_name("f1");
    put.maximum_retry_attempts(1).send().await.expect("put");
    let put = first.sdk.put_function_concurrency().function_name("f1");
    put.reserved_concurrent_executions(7).send().await.expect("reserved");
    let url = first.sdk.create_function_url_config().function_name("f1");
    url.auth_type(FunctionUrlAuthType::None).send().await.expect("opened");
    first.let_everyone_invoke_url("f1").await;
    first.create("gone", "echo").send().await.expect("made");
    first.sdk.delete_function().function_name("gone").send().await.expect("deleted");
    first.emulator.stop().await;

    let second = plane(data.path()).await;
    let get = second.sdk.get_function().function_name("f1").send().await.expect("it is there");
    let configuration = get.configuration().expect("a configuration");
    assert_eq!(configuration.description(), Some("it stays"));
    assert_eq!(configuration.code_sha256(), made.code_sha256());
    assert_eq!(get.tags().and_then(|tags| tags.get("a")).map(String::as_str), Some("1"));
    assert_eq!(get.concurrency().and_then(|it| it.reserved_concurrent_executions()), Some(7));
    assert_eq!(second.invoke("f1", r#"{"env": true}"#).await["STAGE"], "kept");
    let events = second.sdk.get_function_event_invoke_config().function_name("f1").send().await;
    assert_eq!(events.expect("they are there").maximum_retry_attempts(), Some(1));
    let url = second.sdk.get_function_url_config().function_name("f1").send().await;
    let url = url.expect("it is there").function_url().to_owned();
    assert_eq!(second.client.get(&url).await.expect("an answer").status, 200);
    assert!(!second.has("gone").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_and_replaced_code_leaves_no_file() {
    let data = tempfile::tempdir().expect("a folder");
    let first = plane(data.path()).await;
    first.create("f1", "echo").send().await.expect("made");
    let (status, _, _) =
        refused(first.create("f2", "echo").code(code(b"no zip".to_vec())).send().await);
    assert_eq!(status, 400);
    let update = first.sdk.update_function_code().function_name("f1");
    update
        .zip_file(aws_sdk_lambda::primitives::Blob::new(super::guest()))
        .send()
        .await
        .expect("new");
    assert_eq!(first.invoke("f1", "1").await, 1);
    first.emulator.stop().await;
    // A package that a run which was cut off had begun to unpack.
    let rubbish = data.path().join("functions/f1/half/code");
    std::fs::create_dir_all(&rubbish).expect("made");

    let second = plane(data.path()).await;
    assert_eq!(second.invoke("f1", "1").await, 1);
    let kept = files(&data.path().join("functions"));
    let packages = kept.iter().filter(|file| file.ends_with("package.zip")).count();
    assert_eq!(packages, 1, "{kept:?}");
    // By whole names: the random ones may contain anything.
    let is_left = |file: &String| file.split('/').any(|name| name == "f2" || name == "half");
    assert!(!kept.iter().any(is_left), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_templates_function_is_the_templates_again_at_the_next_start() {
    let data = tempfile::tempdir().expect("a folder");
    let start = || {
        let builder = Emulator::builder().limits(Date::LATEST).data(data.path());
        Plane::with(builder.function(hardcap_tests::functions::guest("echo")))
    };
    let first = start().await;
    let update = first.sdk.update_function_configuration().function_name("echo");
    update.memory_size(1024).send().await.expect("changed");
    let update = first.sdk.update_function_code().function_name("echo");
    let zip = aws_sdk_lambda::primitives::Blob::new(super::guest());
    update.zip_file(zip).send().await.expect("changed");
    let update = first.sdk.update_function_configuration().function_name("echo");
    let changed = update.handler("behave").send().await.expect("changed");
    assert_eq!(changed.memory_size(), Some(1024));
    assert_eq!(first.invoke("echo", r#"{"size": 4}"#).await, "xx");
    first.emulator.stop().await;

    let second = start().await;
    let get = second.sdk.get_function_configuration().function_name("echo").send().await;
    assert_eq!(get.expect("it is there").memory_size(), Some(128));
    assert_eq!(second.invoke("echo", "1").await, 1);
}

const CHILD: &str = "HARDCAP_TESTS_CONTROL_PLANE_DIRECTORY";

/// Not a test of its own: what the next one starts as a process, to kill it.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_there_to_be_killed() {
    #[expect(clippy::disallowed_methods, reason = "how this process learns that it is the child")]
    let Ok(folder) = std::env::var(CHILD) else { return };
    let builder = Emulator::builder().limits(Date::LATEST).data(folder.as_ref());
    let emulator = builder.start().await.expect("an emulator on free ports");
    println!("\nlistening {}", emulator.aws_url());
    std::future::pending::<()>().await;
}

/// An emulator in a process of its own, and its address.
fn spawn(data: &Path) -> (std::process::Child, String) {
    #[expect(clippy::disallowed_methods, reason = "a process of its own, to be killed")]
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "control_plane::durable::a_process_that_is_there_to_be_killed",
            "--nocapture",
        ])
        .env(CHILD, data)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let url = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.strip_prefix("listening ")?.to_owned()));
    (child, url.expect("the child listens"))
}

/// Creates functions and changes each, one after the other, until nobody answers; `kept` has what was acknowledged.
async fn change(sdk: aws_sdk_lambda::Client, line: usize, kept: &Mutex<BTreeMap<String, String>>) {
    for at in 0.. {
        let name = format!("f{line}-{at}");
        let mut is_new = true;
        for stage in ["one", "two", "three"] {
            let variables = environment(&[("STAGE", stage)]);
            let done = if std::mem::take(&mut is_new) {
                let create = sdk.create_function().function_name(&name).role(super::ROLE);
                let create = create.runtime(Runtime::from("provided.al2023")).handler("behave");
                create.code(code(super::guest())).environment(variables).send().await.is_ok()
            } else {
                let update = sdk.update_function_configuration().function_name(&name);
                let configured = update.environment(variables).send().await.is_ok();
                let zip = aws_sdk_lambda::primitives::Blob::new(super::guest());
                let update = sdk.update_function_code().function_name(&name).zip_file(zip);
                configured && update.send().await.is_ok()
            };
            if !done {
                return;
            }
            kept.lock().expect("no panic").insert(name.clone(), stage.to_owned());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_changes_every_function_is_there_whole() {
    // Not under /tmp, of which every sandbox has its own.
    let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let (mut child, url) = spawn(data.path());
    let kept = Arc::new(Mutex::new(BTreeMap::new()));
    let lines: Vec<_> = (0..3)
        .map(|line| {
            let (sdk, kept) = (super::sdk(&url), Arc::clone(&kept));
            tokio::spawn(async move { change(sdk, line, &kept).await })
        })
        .collect();
    eventually(Duration::from_secs(120), "12 functions are acknowledged", async || {
        let kept = kept.lock().expect("no panic").len();
        if kept < 12 { Err(kept) } else { Ok(()) }
    })
    .await;
    child.kill().expect("SIGKILL");
    child.wait().expect("it has ended");
    for line in lines {
        line.await.expect("no panic");
    }

    let second = plane(data.path()).await;
    let kept = kept.lock().expect("no panic").clone();
    let list = second.sdk.list_functions().max_items(1000).send().await.expect("a list");
    let names: Vec<_> = list.functions().iter().filter_map(|it| it.function_name()).collect();
    for name in kept.keys() {
        assert!(names.contains(&name.as_str()), "{name} was acknowledged, and is gone: {names:?}");
    }
    let stages = ["one", "two", "three"];
    for &name in &names {
        let found = second.invoke(name, r#"{"env": true}"#).await["STAGE"].clone();
        let at = |stage: Option<&str>| stages.iter().position(|it| Some(*it) == stage);
        let found = at(found.as_str()).unwrap_or_else(|| panic!("{name}: {found}"));
        // What was acknowledged, or what was under way.
        match at(kept.get(name).map(String::as_str)) {
            Some(told) => assert!((told..=told + 1).contains(&found), "{name}: {told} {found}"),
            None => assert_eq!(found, 0, "{name}"),
        }
    }
    let files = files(&data.path().join("functions"));
    let packages = files.iter().filter(|file| file.ends_with("package.zip")).count();
    assert_eq!(packages, names.len(), "{files:#?}");
    second.emulator.stop().await;
}
