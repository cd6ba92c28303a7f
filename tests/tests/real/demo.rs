//! The shipped application as a newcomer starts it: release programs, `template.yaml`, the search behind the proxy.
//!
//! `just release` builds the release programs and runs it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use hardcap_tests::client::{Call, Client};
use hardcap_tests::content::{Content, ContentKind};
use hardcap_tests::eventually::eventually;
use hardcap_tests::installed;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `hardcap up` on the shipped template, with everything that it says.
struct Demo {
    child: Child,
    stderr: BufReader<ChildStderr>,
    ready: Value,
    /// Kept for as long as the ready file is needed.
    _folder: tempfile::TempDir,
}

impl Demo {
    #[expect(clippy::disallowed_methods, reason = "the demo is a program that this test starts")]
    fn start(hardcap: &Path) -> Demo {
        let folder = tempfile::tempdir().expect("a folder for the ready file");
        let ready_file = folder.path().join("ready.json");
        let mut child = Command::new(hardcap)
            .args(["up", "--api-port", "0", "--aws-port", "0", "--ready-file"])
            .arg(&ready_file)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", hardcap.display()));
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut said = String::new();
        while !ready_file.exists() {
            let read = stderr.read_line(&mut said).expect("its standard error is text");
            assert!(read > 0, "hardcap ended before it listened:\n{said}");
        }
        let ready = std::fs::read(&ready_file).expect("the ready file is there");
        let ready = serde_json::from_slice(&ready).expect("the ready file is JSON");
        Demo { child, stderr, ready, _folder: folder }
    }

    fn url(&self, kind: &str, id: &str) -> String {
        let url = self.ready[kind][id].as_str();
        url.unwrap_or_else(|| panic!("no {kind} {id}: {}", self.ready)).to_owned()
    }

    /// The processes below hardcap: functions and companions.
    fn children(&self) -> Vec<u32> {
        let id = self.child.id();
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).expect("hardcap runs");
        let lists = tasks
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        lists
            .flat_map(|list| list.split(' ').filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
            .collect()
    }

    /// Ends it as Ctrl-C does; its exit code and what it said last.
    fn stop(mut self) -> (Option<i32>, String) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("it runs");
        kill_process(id, Signal::INT).expect("hardcap is told to end");
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).expect("its standard error is text");
        (self.child.wait().expect("it ends").code(), said)
    }
}

/// What a process calls itself.
fn name(id: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// Whether a process runs. One that has ended and that nobody has asked after does not, though it still has a number.
fn is_there(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the release programs: just release"]
async fn the_shipped_application_walks_with_release_programs() {
    let hardcap = installed::release_program();
    let demo = Demo::start(&hardcap);
    let client = Client::new();

    let giant = demo.url("apis", "GiantApi");
    let largest = client.get(format!("{giant}/giant?size=4718559")).await.expect("an answer");
    assert_eq!((largest.status.as_u16(), largest.body.len()), (200, 4_718_559), "{largest:?}");
    let over = client.get(format!("{giant}/giant?size=4718560")).await.expect("an answer");
    assert_eq!(
        (over.status.as_u16(), over.text()),
        (502, r#"{"message": "Internal server error"}"#)
    );

    for base in [
        demo.url("apis", "RestApi"),
        demo.url("apis", "HttpApi"),
        demo.url("function_urls", "ProxyFunctionUrl"),
    ] {
        let found = client.get(format!("{base}/logs/_search?size=3")).await.expect("an answer");
        assert_eq!(found.status, 200, "{found:?}");
        assert_eq!(found.json()["hits"]["hits"].as_array().map(Vec::len), Some(3), "{found:?}");

        for size in [0, 1_000, 4_800_000, 20_000_000] {
            let content = Content { kind: ContentKind::Incompressible, size, seed: 3 };
            let call = Call::get(format!("{base}{}", content.path()));
            let digested = client.fetch_digest(&call).await.expect("an answer");
            assert_eq!(digested.status, 200, "{size} through {base}: {digested:?}");
            assert_eq!(digested.sha256, content.digest(), "{size} through {base}: {digested:?}");
        }
    }

    let children = demo.children();
    assert!(children.len() >= 3, "the search, the giant and the proxy run: {children:?}");
    let guard = children.iter().copied().find(|id| name(*id) == "sandbox-guard");
    let (code, said) = demo.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("lambda_sync_response"), "the report is missing:\n{said}");
    for id in children.into_iter().filter(|id| Some(*id) != guard) {
        assert!(!is_there(id), "process {id} outlived hardcap\n{said}");
    }
    // It removes what may be left behind when hardcap is gone, and then has nothing more to do.
    if let Some(guard) = guard {
        eventually(Duration::from_secs(30), "the guard of the control groups ends", async || {
            if is_there(guard) { Err(guard) } else { Ok(()) }
        })
        .await;
    }
}
