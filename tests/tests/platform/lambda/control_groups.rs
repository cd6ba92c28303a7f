//! What the kernel holds a sandbox to, whoever the user is, and that nobody escapes its end.
//!
//! Where the machine lets nobody make control groups there are none: a test then asks that the machine agrees.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hardcap::Emulator;
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::eventually::eventually;
use serde_json::json;

use super::processes::{runs, until_ended};
use super::{Lambda, guest, log};

const EAGAIN: i32 = 11;

/// The groups of a process, one a hierarchy: `4:memory:/hardcap-17/1`.
fn groups(pid: u64) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("the process runs");
    let line = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        let roots = [controllers, "unified", ""].map(|it| Path::new("/sys/fs/cgroup").join(it));
        roots.iter().map(|root| root.join(path)).find(|it| it.join("cgroup.procs").exists())
    };
    text.lines().filter_map(line).collect()
}

/// The folders of the sandbox that a process is in; empty when the machine lets nobody make such.
fn groups_of_sandbox(pid: u64) -> Vec<PathBuf> {
    let mut groups = groups(pid);
    groups.retain(|group| group.to_string_lossy().contains("/hardcap-"));
    if groups.is_empty() {
        for own in self::groups(u64::from(std::process::id())) {
            let probe = own.join(format!("probe-{pid}"));
            let made = std::fs::create_dir(&probe).is_ok();
            let _ = std::fs::remove_dir(&probe);
            assert!(!made, "{} can be made, and the sandbox has no group", probe.display());
        }
    }
    groups
}

/// The value of the first of these files that is there.
fn value(groups: &[PathBuf], files: [&str; 2]) -> Option<u64> {
    let read = |file: PathBuf| std::fs::read_to_string(file).ok()?.trim().parse().ok();
    groups.iter().flat_map(|group| files.map(|file| group.join(file))).find_map(read)
}

async fn pid(lambda: &Lambda) -> u64 {
    let place = lambda.invoke("behave", json!({"place": true})).await;
    place.json()[0].as_u64().unwrap_or_else(|| panic!("{place:?}\n{}", log(&place)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_counts_1024_processes_and_threads_also_of_root() {
    let lambda = Lambda::with([guest("behave")]).await;
    let groups = groups_of_sandbox(pid(&lambda).await);
    // `lambda_processes`
    if value(&groups, ["pids.max", "pids.max"]) == Some(1024) {
        let threads = lambda.invoke("behave", json!({"threads": true})).await;
        assert_eq!(threads.json(), json!([1024, EAGAIN]), "{}", log(&threads));
        lambda.is_healthy("behave", "{}").await;
    } else {
        assert!(!groups.iter().any(|it| it.join("pids.max").exists()), "{groups:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_bounds_the_memory_of_a_sandbox_with_what_it_may_keep_in_tmp() {
    let builder = Emulator::builder().limits(Date::LATEST).function(guest("behave"));
    let lambda = Lambda::start(builder.set("lambda_tmp_min", 12)).await;
    let groups = groups_of_sandbox(pid(&lambda).await);
    let bound = value(&groups, ["memory.limit_in_bytes", "memory.max"]);
    if bound.is_none() {
        return;
    }
    // 128 MB of the function, 12 MB of its `/tmp`.
    assert_eq!(bound, Some(140 * 1024 * 1024));
    let full = lambda.invoke("behave", json!({"leak_mb": 100, "fill": ["/tmp/fill", 12]})).await;
    assert_eq!(full.json(), json!([12, null]), "a full /tmp takes nothing: {}", log(&full));
    // Faster than anything that looks from time to time.
    let killed = lambda.invoke("behave", json!({"leak_mb": 400})).await;
    let text = log(&killed);
    assert_eq!(killed.json()["errorType"], "Runtime.OutOfMemory", "{text}");
    assert!(killed.text().contains("Runtime exited with error: signal: killed"), "{killed:?}");
    assert!(text.ends_with("\tStatus: error\tError Type: Runtime.OutOfMemory\n"), "{text}");
    assert_eq!(lambda.emulator.totals().limits["lambda_memory_max"].refused, 1);
    assert!(text.contains("and may use 128 MB"), "{text}");
    lambda.is_healthy("behave", "{}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_leaves_its_session_ends_with_its_sandbox_and_its_group() {
    let mut function = guest("behave");
    function.timeout = Millis(2_000);
    let lambda = Lambda::with([function]).await;
    for end in [json!({"hang": true}), json!({"exit": 1}), json!({"signal": 9})] {
        let groups = groups_of_sandbox(pid(&lambda).await);
        let deserter = lambda.invoke("behave", json!({"deserter": true})).await;
        let deserter = deserter.json().as_u64().expect("a process id");
        if groups.is_empty() {
            return kill(deserter);
        }
        assert!(runs(deserter), "{end}");
        lambda.invoke("behave", end).await;
        until_ended(deserter).await;
        until_gone(&groups).await;
    }
    let groups = groups_of_sandbox(pid(&lambda).await);
    let deserter = lambda.invoke("behave", json!({"deserter": true})).await;
    lambda.emulator.stop().await;
    assert!(!runs(deserter.json().as_u64().expect("a process id")));
    assert!(!groups.iter().any(|group| group.exists()), "{groups:?}");
}

async fn until_gone(folders: &[PathBuf]) {
    eventually(Duration::from_secs(60), "the control groups are removed", async || {
        let left: Vec<_> = folders.iter().filter(|folder| folder.exists()).cloned().collect();
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

const CHILD: &str = "HARDCAP_TESTS_LAMBDA_CHILD";

/// Not a test of its own: what the next one starts as a process, to kill it.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_there_to_be_killed() {
    #[expect(clippy::disallowed_methods, reason = "how this process learns that it is the child")]
    if std::env::var(CHILD).is_err() {
        return;
    }
    let lambda = Lambda::with([guest("behave")]).await;
    println!("\nlistening {}", lambda.emulator.aws_url());
    std::future::pending::<()>().await;
}

/// An emulator in a process of its own.
struct Child {
    process: std::process::Child,
    url: String,
}

impl Child {
    fn start() -> Child {
        #[expect(clippy::disallowed_methods, reason = "a process of its own, to be killed")]
        let mut process =
            std::process::Command::new(std::env::current_exe().expect("this program"))
                .args(["--exact", "lambda::control_groups::a_process_that_is_there_to_be_killed"])
                .arg("--nocapture")
                .env(CHILD, "1")
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("the child starts");
        let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("listening ")?.to_owned()))
            .expect("the child listens");
        Child { process, url: format!("{url}/2015-03-31/functions/behave/invocations") }
    }

    async fn ask(&self, event: serde_json::Value) -> serde_json::Value {
        let answer = Client::new().send(&Call::post(&self.url, event.to_string())).await;
        answer.expect("an answer of the child").json()
    }

    fn kill(mut self) {
        self.process.kill().expect("SIGKILL");
        self.process.wait().expect("it has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emulator_that_is_killed_leaves_no_process_and_no_group() {
    let child = Child::start();
    let runtime = child.ask(json!({"place": true})).await[0].as_u64().expect("a process id");
    let heir = child.ask(json!({"child": true})).await.as_u64().expect("a process id");
    let deserter = child.ask(json!({"deserter": true})).await.as_u64().expect("a process id");
    let groups = groups_of_sandbox(runtime);
    assert!(runs(runtime) && runs(heir) && runs(deserter));
    child.kill();
    until_ended(runtime).await;
    if groups.is_empty() {
        return [heir, deserter].into_iter().for_each(kill);
    }
    until_ended(heir).await;
    until_ended(deserter).await;
    let homes: Vec<_> = groups.iter().filter_map(|it| Some(it.parent()?.to_owned())).collect();
    until_gone(&homes).await;

    // What one leaves whose guard was killed with it, the next one removes. No process has this number.
    let left: Vec<_> = homes.iter().map(|home| home.with_file_name("hardcap-4194305")).collect();
    #[expect(clippy::disallowed_methods, reason = "a process that somebody has left behind")]
    let mut forgotten = std::process::Command::new("sleep").arg("600").spawn().expect("it starts");
    for home in &left {
        std::fs::create_dir_all(home.join("1")).expect("a group");
        let join = std::fs::write(home.join("1/cgroup.procs"), forgotten.id().to_string());
        join.expect("it joins");
    }
    let child = Child::start();
    child.ask(json!({})).await;
    until_ended(forgotten.id().into()).await;
    assert!(!left.iter().any(|home| home.exists()), "{left:?}");
    let _ = forgotten.wait();
    child.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_guard_of_the_control_groups_is_replaced_before_the_next_sandbox() {
    let child = Child::start();
    let first = child.ask(json!({"place": true})).await[0].as_u64().expect("a process id");
    let groups = groups_of_sandbox(first);
    if groups.is_empty() {
        return child.kill();
    }
    let guards = || children_named("sandbox-guard", child.process.id());
    let [killed] = guards()[..] else { panic!("one guard is expected: {:?}", guards()) };
    kill(killed);
    until_ended(killed).await;

    // The sandbox of a second invocation is new, because the first one ended with its process.
    child.ask(json!({"exit": 1})).await;
    let second = child.ask(json!({"place": true})).await[0].as_u64().expect("a process id");
    assert_ne!(first, second);
    let [another] = guards()[..] else { panic!("one guard is expected: {:?}", guards()) };
    assert_ne!(another, killed);
    let homes: Vec<_> = groups.iter().filter_map(|it| Some(it.parent()?.to_owned())).collect();
    child.kill();
    until_ended(second).await;
    until_gone(&homes).await;
}

/// The children of a process that have this name and still run.
fn children_named(name: &str, parent: u32) -> Vec<u64> {
    let processes = std::fs::read_dir("/proc").expect("the kernel lists its processes").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok());
    let is_one = |id: &u64| {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{id}/status")) else {
            return false;
        };
        let has = |line: String| status.lines().any(|it| it == line);
        has(format!("Name:\t{name}"))
            && has(format!("PPid:\t{parent}"))
            && !status.contains("State:\tZ")
    };
    ids.filter(is_one).collect()
}

fn kill(pid: u64) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let _ = rustix::process::kill_process(pid.expect("an id"), rustix::process::Signal::KILL);
}
