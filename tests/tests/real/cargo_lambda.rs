//! cargo-lambda as people use it: what it builds runs as it is, its `invoke` and its `deploy` work against the emulator.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hardcap::config::DEFAULT_REGION;
use hardcap_tests::eventually::eventually;
use hardcap_tests::installed;
use hardcap_tests::process::{Process, binary, output_with, search_path};
use serde_json::{Value, json};

const TEMPLATE: &str = "
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: hello
      CodeUri: lambda/hello
      Handler: bootstrap
      Runtime: provided.al2023
      MemorySize: 512
      Timeout: 30
";
const ROLE: &str = "arn:aws:iam::000000000000:role/any";

/// A project whose function cargo-lambda has built, and a hardcap that runs it.
struct Stage {
    folder: tempfile::TempDir,
    program: PathBuf,
    hardcap: Process,
    url: String,
}

impl Stage {
    async fn start() -> Stage {
        let program = installed::tool("cargo-lambda");
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        build(&program, &folder.path().join("lambda"), "binary");
        let (hardcap, url) = up(folder.path()).await;
        Stage { folder, program, hardcap, url }
    }

    fn invoke(&self, function: &str, way: Way, data: &[&str]) -> Output {
        let port = self.url.rsplit(':').next().expect("an address has a port");
        let way = match way {
            Way::Address => ["--invoke-address", "127.0.0.1", "--invoke-port", port].to_vec(),
            Way::Endpoint => ["--remote", "--endpoint-url", &self.url].to_vec(),
        };
        run(&self.program, &[&["lambda", "invoke", function], &way[..], data].concat())
    }

    /// As [`Stage::invoke`], with a name that the function greets.
    fn greeting(&self, function: &str, way: Way, name: &str) -> Value {
        let event = json!({ "name": name }).to_string();
        let ran = self.invoke(function, way, &["--data-ascii", &event]);
        serde_json::from_slice(&ran.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", said(&ran)))
    }

    /// Deploys what was built, under a name.
    fn deploy(&self, name: &str, more: &[&str]) -> Output {
        let artefacts = self.folder.path().join("lambda").display().to_string();
        let places = ["--binary-name", "hello", "--lambda-dir", &artefacts];
        let target = ["--endpoint-url", &self.url, "--role", ROLE];
        let arguments = [&["lambda", "deploy", name], &places[..], &target, more].concat();
        run(&self.program, &arguments)
    }

    async fn stop(self) {
        assert_eq!(self.hardcap.stop().await.expect("it ends").code(), Some(0));
    }
}

/// The two ways in which cargo-lambda invokes: as its own emulator, by address and port, and as Lambda itself, by an endpoint.
#[derive(Clone, Copy, Debug)]
enum Way {
    Address,
    Endpoint,
}

/// Runs a tool with cargo-lambda's zig on `PATH`, away from this repository's own manifests.
fn run(program: &Path, arguments: &[&str]) -> Output {
    let tools = program.parent().expect("it lies in a folder").display().to_string();
    let path = format!("{tools}:{}", search_path());
    // What was compiled before is kept beside the other tests' files; cargo-lambda's `--target-dir` is not one for its linker.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cargo-lambda").display().to_string();
    let variables = [
        ("PATH", path.as_str()),
        ("CARGO_TARGET_DIR", &target),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", DEFAULT_REGION),
        ("AWS_DEFAULT_REGION", DEFAULT_REGION),
    ];
    output_with(program, arguments, &variables).expect("it runs")
}

/// All that a tool wrote, in one line: cargo-lambda breaks its lines to fit a terminal.
fn said(ran: &Output) -> String {
    let text =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(['│', '├', '╰', '─', '▶'], " ");
    let all = format!("{}: {} {}", ran.status, text(&ran.stdout), text(&ran.stderr));
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_succeeded(ran: &Output) {
    assert!(ran.status.success(), "{}", said(ran));
}

/// cargo-lambda moves what cargo has built, and cargo's own lock does not last until then: two at once take it from each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Builds the fixture.
fn build(program: &Path, folder: &Path, format: &str) {
    let manifest =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cargo-lambda/Cargo.toml");
    let (manifest, artefacts) = (manifest.display().to_string(), folder.display().to_string());
    let places = ["--locked", "--manifest-path", &manifest, "--lambda-dir", &artefacts];
    let build = ["lambda", "build", "--output-format", format];
    let _building = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    assert_succeeded(&run(program, &[&build, &places[..]].concat()));
}

/// `hardcap up` on a folder, until it listens: the address of its AWS APIs.
async fn up(folder: &Path) -> (Process, String) {
    let (template, ready) = (folder.join("template.yaml"), folder.join("ready.json"));
    std::fs::write(&template, TEMPLATE).expect("the template is written");
    let (template, ready_file) = (template.display().to_string(), ready.display().to_string());
    let ports = ["--aws-port", "0", "--api-port", "0", "--ready-file", &ready_file];
    let arguments = [&["up", &template, "--limits", "current", "--quiet"], &ports[..]].concat();
    let hardcap = binary("hardcap", "hardcap");
    let mut hardcap = Process::start(&hardcap, arguments, &[]).expect("it starts");
    let addresses: Value =
        eventually(Duration::from_secs(120), "`hardcap up` listens", async || {
            let text = std::fs::read(&ready).map_err(|error| error.to_string());
            assert!(hardcap.ended().expect("it is watched").is_none(), "hardcap did not start");
            text.map(|text| serde_json::from_slice(&text).expect("the ready file is JSON"))
        })
        .await;
    let url = addresses["aws"].as_str().expect("an address").to_owned();
    (hardcap, url)
}

/// An event of exactly so many bytes, in a file.
fn event_of(folder: &Path, bytes: usize) -> String {
    let name = "x".repeat(bytes - r#"{"name":""}"#.len());
    let path = folder.join(format!("{bytes}.json"));
    std::fs::write(&path, format!(r#"{{"name":"{name}"}}"#)).expect("the event is written");
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cargo-lambda: just test-all"]
async fn the_folder_that_cargo_lambda_builds_runs_as_it_is_and_its_invoke_reaches_it_both_ways() {
    let stage = Stage::start().await;
    for way in [Way::Address, Way::Endpoint] {
        assert_eq!(stage.greeting("hello", way, "cargo"), json!({"hello": "cargo"}), "{way:?}");
    }
    let unknown = stage.invoke("nobody", Way::Endpoint, &["--data-ascii", "{}"]);
    assert_eq!(unknown.status.code(), Some(1), "{}", said(&unknown));
    assert!(said(&unknown).contains("ResourceNotFoundException"), "{}", said(&unknown));
    stage.stop().await;
}

/// lambda_sync_request, lambda_sync_response
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cargo-lambda: just test-all"]
async fn cargo_lambdas_invoke_takes_an_event_of_6291456_bytes_and_says_why_not_one_more() {
    let stage = Stage::start().await;
    let largest = event_of(stage.folder.path(), 6_291_456);
    let over = event_of(stage.folder.path(), 6_291_457);
    for way in [Way::Address, Way::Endpoint] {
        let ran = stage.invoke("hello", way, &["--data-file", &largest]);
        assert_succeeded(&ran);
        // The answer has `hello` where the event has `name`: one byte more, which an answer may be.
        assert_eq!(ran.stdout.trim_ascii().len(), 6_291_457, "{way:?}");

        let refused = stage.invoke("hello", way, &["--data-file", &over]);
        assert_eq!(refused.status.code(), Some(1), "{way:?}: {}", said(&refused));
        let told = match way {
            // It expects an error of a function there, and a refusal of Lambda's own has no `errorType`.
            Way::Address => "missing field `errorType`",
            Way::Endpoint => {
                "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
            }
        };
        assert!(said(&refused).contains(told), "{way:?}: {}", said(&refused));
        assert_eq!(stage.greeting("hello", way, "after"), json!({"hello": "after"}), "{way:?}");
    }
    stage.stop().await;
}

/// lambda_environment
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cargo-lambda: just test-all"]
async fn cargo_lambda_deploys_anew_and_again_with_4096_bytes_of_environment_and_not_one_more() {
    let stage = Stage::start().await;
    let environment = |bytes: usize| format!("AA={}", "x".repeat(bytes - r#"{"AA":""}"#.len()));
    let first = stage.deploy("deployed", &["--memory", "256", "--timeout", "31"]);
    assert_succeeded(&first);
    let arn = format!("arn:aws:lambda:{}:000000000000:function:deployed", DEFAULT_REGION);
    assert!(said(&first).contains(&arn), "{}", said(&first));
    assert_eq!(stage.greeting("deployed", Way::Endpoint, "once"), json!({"hello": "once"}));

    assert_succeeded(&stage.deploy("deployed", &["--env-var", &environment(4_096)]));
    let over = stage.deploy("deployed", &["--env-var", &environment(4_097)]);
    assert!(!over.status.success(), "{}", said(&over));
    assert!(said(&over).contains("exceeded the 4KB limit"), "{}", said(&over));
    assert_eq!(stage.greeting("deployed", Way::Address, "again"), json!({"hello": "again"}));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cargo-lambda: just test-all"]
async fn the_zip_that_cargo_lambda_makes_is_a_package_as_it_is() {
    let stage = Stage::start().await;
    build(&stage.program, &stage.folder.path().join("zip"), "zip");
    let zip = stage.folder.path().join("zip/hello/bootstrap.zip");
    let zip = format!("fileb://{}", zip.display());
    let create = ["lambda", "create-function", "--function-name", "zipped", "--zip-file", &zip];
    let rest = ["--runtime", "provided.al2023", "--handler", "bootstrap", "--role", ROLE];
    let target = ["--endpoint-url", &stage.url];
    assert_succeeded(&run(&installed::tool("aws"), &[&create[..], &rest, &target].concat()));
    assert_eq!(stage.greeting("zipped", Way::Endpoint, "zip"), json!({"hello": "zip"}));
    stage.stop().await;
}
