//! Installations and builds: functions that are created while one runs, and what remains of it when hardcap ends.

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::eventually::eventually;
use hardcap_tests::process::{self, Process};
use http::Method;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::project::{Project, addresses, hardcap};

/// A template with one function of a runtime.
fn template(runtime: &str) -> String {
    format!(
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {{CodeUri: code, Handler: app.handler, \
         Runtime: {runtime}}}\n"
    )
}

/// Starts another process, writes its id, and waits for it without end.
const BUSY: &str = "sleep 1000 &\necho $! > \"$(dirname \"$0\")/started.new\"\n\
                    mv \"$(dirname \"$0\")/started.new\" \"$(dirname \"$0\")/started\"\nwait\n";

/// A Python without AWS's runtime client, with this pip. Its functions return their event.
fn python(pip: &str) -> String {
    let guest = process::binary(env!("CARGO_PKG_NAME"), "guest");
    let properties = r#"{"executable": "%s", "base": "%s", "version": [3, 12, 1], "tag": "fake", "has_client": false, "has_sdk": true}"#;
    format!(
        "#!/bin/sh\ncase \"$1\" in\n-m)\n{pip}\n;;\n-E) printf '{properties}' \"$0\" \"$0\" ;;\n*) exec '{}' echo ;;\nesac\n",
        guest.display()
    )
}

/// Waits for the file `succeed` or `fail`, and does so.
const PIP: &str = r#"here=$(dirname "$0")
until [ -e "$here/succeed" ] || [ -e "$here/fail" ]; do sleep 0.02; done
[ -e "$here/succeed" ] || { echo "no route to the packages" >&2; exit 1; }
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/awslambdaric" && : > "$2/awslambdaric/__init__.py""#;

/// A running hardcap with the Python above.
struct Api {
    client: Client,
    url: String,
}

impl Api {
    async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let call = Call::new(method, format!("{}{path}", self.url)).body(body.to_string());
        self.client.send(&call).await.unwrap()
    }

    async fn create(&self) -> Answer {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("app.py", SimpleFileOptions::default()).unwrap();
        zip.write_all(b"def handler(event, context): return event").unwrap();
        let zip = STANDARD.encode(zip.finish().unwrap().into_inner());
        let function = json!({
            "FunctionName": "F",
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/any",
            "Timeout": 30,
            "Code": {"ZipFile": zip},
        });
        self.call(Method::POST, "/2015-03-31/functions", &function).await
    }

    async fn configure(&self, handler: &str) -> Answer {
        let path = "/2015-03-31/functions/F/configuration";
        self.call(Method::PUT, path, &json!({ "Handler": handler })).await
    }

    async fn invoke(&self) -> Answer {
        self.call(Method::POST, "/2015-03-31/functions/F/invocations", &json!({"a": 1})).await
    }

    /// The configuration of the function.
    async fn configuration(&self) -> Value {
        let path = "/2015-03-31/functions/F/configuration";
        let answer = self.call(Method::GET, path, &Value::Null).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        answer.json()
    }

    /// Waits until the member of the configuration has this value.
    async fn until(&self, member: &str, value: &str) -> Value {
        eventually(Duration::from_secs(60), value, async || {
            let configuration = self.configuration().await;
            if configuration[member] == value { Ok(configuration) } else { Err(configuration) }
        })
        .await
    }
}

#[track_caller]
fn is_conflict(answer: &Answer, message: &str) {
    let text = format!("The operation cannot be performed at this time. {message}");
    assert_eq!(answer.status.as_u16(), 409, "{answer:?}");
    assert_eq!(answer.header("x-amzn-errortype"), Some("ResourceConflictException"), "{answer:?}");
    assert_eq!(answer.json()["message"], text, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_pending_or_in_progress_while_its_runtime_client_is_installed() {
    let project = Project::new();
    project.program("python3.12", &python(PIP));
    let (succeed, fail) = (project.path().join("succeed"), project.path().join("fail"));
    let cache = project.path().join("cache");
    let path = format!("{}:/usr/bin:/bin", project.path().display());
    let variables =
        [("PATH", &*path), ("HARDCAP_CACHE", cache.to_str().unwrap()), ("VIRTUAL_ENV", "")];
    let (template, ready) =
        (project.path().join("template.yaml"), project.path().join("ready.json"));
    let arguments = ["--api-port", "0", "--aws-port", "0", "--ready-file", ready.to_str().unwrap()];
    let up = [&["up", template.to_str().unwrap()], &arguments[..]].concat();
    let log = project.path().join("up.log");
    let mut hardcap = Process::start_logged_with(&hardcap(), up, &variables, &log).unwrap();
    let url = addresses(&mut hardcap, &ready, &log).await["aws"].as_str().unwrap().to_owned();
    let api = Api { client: Client::new(), url };

    // The end of a function ends its installation, and the invocations that wait for it.
    assert_eq!(api.create().await.status.as_u16(), 201);
    let delete = api.call(Method::DELETE, "/2015-03-31/functions/F", &Value::Null);
    let (invoked, deleted) = tokio::join!(api.invoke(), delete);
    assert_eq!((invoked.status.as_u16(), deleted.status.as_u16()), (404, 204), "{invoked:?}");

    // Nothing is installed yet, so a response shows that the installation is not waited for.
    let created = api.create().await;
    assert_eq!((created.status.as_u16(), &created.json()["State"]), (201, &"Pending".into()));
    let pending = api.configuration().await;
    assert_eq!(pending["State"], "Pending", "{pending}");
    assert_eq!(pending["StateReasonCode"], "Creating", "{pending}");
    let state = "The function is currently in the following state: Pending";
    is_conflict(&api.configure("app.other").await, state);
    let version = "/2015-03-31/functions/F/versions";
    is_conflict(&api.call(Method::POST, version, &json!({})).await, state);
    let (invoked, ()) = tokio::join!(api.invoke(), async {
        std::fs::write(&succeed, "").unwrap();
    });
    assert_eq!((invoked.status.as_u16(), invoked.text()), (200, r#"{"a":1}"#), "{invoked:?}");
    let active = api.configuration().await;
    assert_eq!(
        (&active["State"], &active["LastUpdateStatus"]),
        (&"Active".into(), &"Successful".into())
    );

    std::fs::remove_file(&succeed).unwrap();
    std::fs::remove_dir_all(&cache).unwrap();
    let updated = api.configure("app.second").await;
    assert_eq!(
        (updated.status.as_u16(), &updated.json()["LastUpdateStatus"]),
        (200, &"InProgress".into())
    );
    let progress = api.configuration().await;
    assert_eq!(
        (&progress["State"], &progress["LastUpdateStatus"]),
        (&"Active".into(), &"InProgress".into())
    );
    assert_eq!(progress["Handler"], "app.second");
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:F";
    let update = format!("An update is in progress for resource: {arn}");
    is_conflict(&api.configure("app.third").await, &update);
    is_conflict(&api.call(Method::POST, version, &json!({})).await, &update);
    let meanwhile = api.invoke().await;
    assert_eq!((meanwhile.status.as_u16(), meanwhile.text()), (200, r#"{"a":1}"#), "{meanwhile:?}");

    std::fs::write(&fail, "").unwrap();
    let failed = api.until("LastUpdateStatus", "Failed").await;
    let reason = failed["LastUpdateStatusReason"].as_str().unwrap();
    assert!(reason.contains("installing it failed: no route to the packages"), "{failed}");
    assert_eq!(failed["LastUpdateStatusReasonCode"], "InternalError", "{failed}");
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("the function has no program: "), "{said}");
    let invoked = api.invoke().await;
    assert_eq!(invoked.header("x-amz-function-error"), Some("Unhandled"), "{invoked:?}");
    assert!(invoked.text().contains("no route to the packages"), "{invoked:?}");

    std::fs::write(&succeed, "").unwrap();
    assert_eq!(api.configure("app.third").await.status.as_u16(), 200);
    api.until("LastUpdateStatus", "Successful").await;
    let healthy = api.invoke().await;
    assert_eq!((healthy.status.as_u16(), healthy.text()), (200, r#"{"a":1}"#), "{healthy:?}");
    assert_eq!(hardcap.stop().await.unwrap().code(), Some(0));
}

/// The id of the process that [`BUSY`] has started.
async fn started(project: &Project) -> Pid {
    let file = project.path().join("started");
    let id = eventually(Duration::from_secs(60), "the installation has begun", async || {
        std::fs::read_to_string(&file)
    });
    let id: i32 = id.await.trim().parse().unwrap();
    Pid::from_raw(id).unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_9_of_hardcap_ends_the_processes_of_its_installation_and_of_its_build() {
    for (runtime, program, text) in [
        ("python3.12", "python", python(BUSY)),
        ("provided.al2023", "cargo", format!("#!/bin/sh\n{BUSY}")),
    ] {
        let project = Project::new();
        let code = project.path().join("code");
        std::fs::create_dir(&code).unwrap();
        std::fs::write(code.join("app.py"), "").unwrap();
        if program == "cargo" {
            std::fs::write(code.join("Cargo.toml"), "").unwrap();
        }
        project.program(program, &text);
        project.write("hardcap.toml", "[functions.F]\npython = \"python\"\n");
        let template = project.write("template.yaml", &template(runtime));
        let path = format!("{}:/usr/bin:/bin", project.path().display());
        let cache = project.path().join("cache");
        let variables = [("PATH", path.as_str()), ("HARDCAP_CACHE", cache.to_str().unwrap())];
        let up = ["up", &template, "--api-port", "0", "--aws-port", "0"];
        let hardcap = Process::start(&hardcap(), up, &variables).unwrap();
        let child = started(&project).await;
        let id = hardcap.id().and_then(|id| Pid::from_raw(i32::try_from(id).unwrap())).unwrap();
        kill_process(id, Signal::KILL).unwrap();
        eventually(Duration::from_secs(60), "the process of the program ends", async || {
            if is_running(child) { Err(format!("{program}: {child:?} runs")) } else { Ok(()) }
        })
        .await;
        drop(hardcap);
    }
}

/// Whether a process exists and is not a zombie.
fn is_running(process: Pid) -> bool {
    let stat = Path::new("/proc").join(process.as_raw_nonzero().to_string()).join("stat");
    let is_zombie = std::fs::read_to_string(stat).is_ok_and(|stat| stat.contains(") Z "));
    test_kill_process(process).is_ok() && !is_zombie
}
