//! Functions that a person steps through: without timeouts, and with a debugger.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use hardcap_tests::client::{Call, Client, RawConnection};
use hardcap_tests::eventually::eventually;
use hardcap_tests::installed;
use hardcap_tests::process::Process;
use serde_json::{Value, json};

use crate::project::{Project, TEMPLATE, Up, hardcap};
use crate::watch::until_said;

/// The maximum wait for a message of a debugger.
const BOUND: hardcap_limits::Millis = hardcap_limits::Millis(60_000);

fn ready(project: &Project) -> Value {
    let ready = std::fs::read(project.path().join("ready.json")).unwrap();
    serde_json::from_slice(&ready).unwrap()
}

/// The template with a timeout of one second for `Behave`.
fn short() -> String {
    TEMPLATE.replace("Timeout: 30", "Timeout: 1")
}

async fn post_behave(project: &Project) -> u16 {
    let api = ready(project)["apis"]["ServerlessHttpApi"].as_str().unwrap().to_owned();
    let call = Call::post(format!("{}/behave", api.trim_end_matches('/')), "{}");
    Client::new().send(&call).await.unwrap().status.as_u16()
}

/// Invokes `Behave` for 1.5 seconds, and says whether it succeeded.
async fn takes_longer_than_its_timeout(project: &Project, up: &Up) -> bool {
    let ran =
        project.run(&["invoke", "--url", &up.aws, "Behave", "-e", r#"{"millis":1500}"#]).await;
    assert_eq!(ran.printed.contains("Task timed out"), ran.code != Some(0), "{ran:?}");
    ran.code == Some(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_timeouts_turns_off_those_of_functions_and_of_gateways_and_records_none() {
    let project = Project::new();
    project.write("template.yaml", &short());
    let up = project.up_as_it_is(&["--set", "http_timeout=1"]).await;
    assert!(!takes_longer_than_its_timeout(&project, &up).await);
    assert_eq!(post_behave(&project).await, 503);
    up.stop().await;

    let up = project.up_as_it_is(&["--set", "http_timeout=1", "--no-timeouts"]).await;
    assert!(takes_longer_than_its_timeout(&project, &up).await);
    assert_eq!(post_behave(&project).await, 200);
    let report = up.control("report").await;
    let rows = report["rows"].as_array().unwrap().iter().map(|row| row["row"].as_str().unwrap());
    let timeouts: Vec<_> =
        rows.filter(|row| row.ends_with("timeout") || *row == "lambda_init").collect();
    assert!(timeouts.is_empty(), "{timeouts:?}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeout_of_one_function_is_off_by_hardcap_toml() {
    let project = Project::new();
    project.write("template.yaml", &short());
    let settings = std::fs::read_to_string(project.path().join("hardcap.toml")).unwrap();
    project.write("hardcap.toml", &format!("{settings}timeout = \"off\"\n"));
    let up = project.up_as_it_is(&[]).await;
    assert!(takes_longer_than_its_timeout(&project, &up).await);
    up.stop().await;
    project.write("hardcap.toml", &format!("{settings}timeout = \"60\"\n"));
    let ran = project.run(&["check"]).await;
    assert!(ran.said.contains("`timeout` must be \"off\", not `60`"), "{ran:?}");
}

/// The number behind a text in the log.
fn number_after(up: &Up, text: &str) -> u32 {
    let said = up.said();
    let rest = said.split(text).nth(1).unwrap_or_else(|| panic!("{text:?} is missing: {said}"));
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_behind_an_alias_has_the_debugger_of_its_function() {
    let project = Project::new();
    project.write("template.yaml", &short().replace("Timeout: 1", "AutoPublishAlias: live"));
    let up = project.up_as_it_is(&["--debug", "Behave"]).await;
    until_said(&up, "a debugger can attach to process ", 1).await;
    let process = number_after(&up, "a debugger can attach to process ");
    let event = r#"{"place":true}"#;
    let ran = project.run(&["invoke", "--url", &up.aws, "Behave:live", "-e", event]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let place: Value = serde_json::from_str(&ran.printed).unwrap();
    assert_eq!(place[0].as_u64(), Some(u64::from(process)), "{place}");
    assert_eq!(post_behave(&project).await, 200);
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debugged_function_has_one_running_sandbox_before_its_first_event() {
    let project = Project::new();
    project.write("template.yaml", &short());
    let up = project.up_as_it_is(&["--debug", "Behave"]).await;
    assert_eq!(ready(&project)["debuggers"], json!({ "Behave": null }));
    until_said(&up, "a debugger can attach to process ", 1).await;
    let process = number_after(&up, "a debugger can attach to process ");
    let place = async || {
        let event = r#"{"place":true,"millis":1200}"#;
        let ran = project.run(&["invoke", "--url", &up.aws, "Behave", "-e", event]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        serde_json::from_str::<Value>(&ran.printed).unwrap()[0].as_u64()
    };
    let places = tokio::join!(place(), place());
    let expected = Some(u64::from(process));
    assert_eq!(
        places,
        (expected, expected),
        "both events have the same sandbox, one after the other"
    );
    // An idle sandbox is frozen after 10 ms otherwise.
    for _ in 0..20 {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        assert!(!state.contains(") T "), "{state}");
        hardcap::Clock::default().pause(std::time::Duration::from_millis(10)).await;
    }
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_wait_for_a_debugged_function_get_another_sandbox_when_the_first_one_ends() {
    let project = Project::new();
    let up = project.up(&["--debug", "Behave"]).await;
    let invoke = async |event: &str| {
        project.run(&["invoke", "--url", &up.aws, "Behave", "-e", event]).await.code
    };
    let event = r#"{"exit":1,"millis":300}"#;
    let (first, second) = tokio::join!(invoke(event), invoke(event));
    assert_eq!((first, second), (Some(1), Some(1)));
    assert_eq!(invoke("{}").await, Some(0));
    until_said(&up, "a debugger can attach to process ", 3).await;
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_cannot_be_debugged_is_an_error_that_says_why() {
    let project = Project::new();
    let up = async |target: &str| {
        let ports = ["up", "--api-port", "0", "--aws-port", "0", "--debug", target];
        project.run(&ports).await
    };
    for (target, code, said) in [
        ("Behav", 1, "did you mean `Behave`?"),
        ("Behave=5678", 1, "by their process id"),
        ("Behave=x", 2, "write FUNCTION or FUNCTION=PORT"),
    ] {
        let ran = up(target).await;
        assert_eq!(ran.code, Some(code), "{target}: {ran:?}");
        assert!(ran.said.contains(said), "{target}: {ran:?}");
    }
}

/// A project with one function in an interpreted language behind `GET /`.
fn interpreted(project: &Project, runtime: &str, file: &str, code: &str) {
    let template = format!(
        "Resources:\n  App:\n    Type: AWS::Serverless::Function\n    Properties:\n      Runtime: {runtime}\n      Handler: \
         app.handler\n      CodeUri: code\n      Timeout: 1\n      Events: {{Get: {{Type: HttpApi, Properties: {{Path: /, \
         Method: get}}}}}}\n"
    );
    std::fs::create_dir(project.path().join("code")).unwrap();
    project.write(&format!("code/{file}"), code);
    project.write("template.yaml", &template);
}

/// The address of the debugger of `App`.
fn debugger(project: &Project) -> String {
    ready(project)["debuggers"]["App"].as_str().unwrap().to_owned()
}

/// Sends `GET /` while the debugger keeps the function for longer than its timeout.
fn request(project: &Project) -> tokio::task::JoinHandle<(u16, String)> {
    let api = ready(project)["apis"]["ServerlessHttpApi"].as_str().unwrap().to_owned();
    tokio::spawn(async move {
        let answer = Client::new()
            .send(&Call::get(format!("{}/", api.trim_end_matches('/'))))
            .await
            .unwrap();
        (answer.status.as_u16(), answer.text().to_owned())
    })
}

/// Connects to a debugger, which listens soon after the start.
async fn connected(address: &str) -> RawConnection {
    let url = format!("http://{address}/");
    let clock = hardcap::Clock::default();
    for _ in 0..600 {
        if let Ok(connection) = RawConnection::open(&url).await {
            return connection;
        }
        clock.pause(std::time::Duration::from_millis(50)).await;
    }
    panic!("nothing listens on {address}");
}

/// A command of hardcap whose function waits for a debugger.
struct Waiting {
    process: Process,
    log: PathBuf,
    /// The address of the debugger.
    address: String,
}

impl Waiting {
    async fn start(project: &Project, arguments: &[&str]) -> Waiting {
        let log = project.path().join("waiting.log");
        let process = Process::start_logged(&hardcap(), arguments, &log).unwrap();
        let address =
            eventually(Duration::from_secs(120), "App waits for a debugger", async || {
                let said = std::fs::read_to_string(&log).unwrap();
                let rest = said.split_once("App waits for a debugger on ");
                let line = rest.and_then(|(_, rest)| rest.split_once('\n'));
                line.map(|(address, _)| address.to_owned()).ok_or(said)
            })
            .await;
        Waiting { process, log, address }
    }

    /// Waits for its end, and returns its exit code and the first line of its standard output.
    async fn end(mut self) -> (Option<i32>, String) {
        let printed = self.process.line().await;
        let printed = printed
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::fs::read_to_string(&self.log)));
        let ended = eventually(Duration::from_secs(60), "the command has ended", async || {
            self.process.ended().unwrap().ok_or("it runs")
        })
        .await;
        (ended.code(), printed)
    }
}

/// A client of the Debug Adapter Protocol.
struct Dap {
    connection: RawConnection,
    sequence: u64,
}

impl Dap {
    /// Attaches to the debugger of `App` and sets a breakpoint at a line of `code/app.py`.
    async fn attach(project: &Project, address: &str, line: u32) -> Dap {
        let mut dap = Dap { connection: connected(address).await, sequence: 0 };
        dap.send("initialize", json!({"adapterID": "test", "clientID": "test"})).await;
        dap.until("command", "initialize").await;
        let local = project.path().join("code");
        let mappings = json!([{"localRoot": local, "remoteRoot": "/var/task"}]);
        dap.send("attach", json!({"justMyCode": false, "pathMappings": mappings})).await;
        dap.until("event", "initialized").await;
        let source = json!({"path": local.join("app.py")});
        let breakpoints = json!({"source": source, "breakpoints": [{"line": line}]});
        dap.send("setBreakpoints", breakpoints).await;
        dap.until("command", "setBreakpoints").await;
        dap.send("configurationDone", json!({})).await;
        dap.until("command", "attach").await;
        dap
    }

    async fn send(&mut self, command: &str, arguments: Value) {
        self.sequence += 1;
        let message = json!({"seq": self.sequence, "type": "request", "command": command, "arguments": arguments});
        let text = message.to_string();
        let message = format!("Content-Length: {}\r\n\r\n{text}", text.len());
        self.connection.write(message).await.unwrap();
    }

    /// Waits for a message of which a member has this value.
    async fn until(&mut self, member: &str, value: &str) -> Value {
        let wait = self.wait_for(member, value);
        let message = hardcap::Clock::default().timeout(BOUND, wait).await;
        message.unwrap_or_else(|| panic!("no message has the {member} {value}"))
    }

    async fn wait_for(&mut self, member: &str, value: &str) -> Value {
        loop {
            let head = self.connection.read_until("\r\n\r\n").await.unwrap();
            let head = String::from_utf8(head).unwrap();
            let length = head
                .trim()
                .rsplit(' ')
                .next()
                .unwrap()
                .parse()
                .unwrap_or_else(|_| panic!("it ended: {head:?}"));
            let message: Value =
                serde_json::from_slice(&self.connection.read_exactly(length).await.unwrap())
                    .unwrap();
            assert_ne!(message["success"], false, "{message}");
            if message[member] == value {
                return message;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn a_breakpoint_of_debugpy_stops_a_python_function_for_longer_than_its_timeout() {
    let python = installed::python();
    let project = Project::new();
    interpreted(&project, "python3.11", "app.py", PYTHON);
    project.write("hardcap.toml", &format!("[functions.App]\npython = \"{}\"\n", python.display()));
    let up = project.up_as_it_is(&["--debug", "App=0"]).await;
    let mut dap = Dap::attach(&project, &debugger(&project), 3).await;
    let request = request(&project);
    let stopped = dap.until("event", "stopped").await;
    assert_eq!(stopped["body"]["reason"], "breakpoint", "{stopped}");
    hardcap::Clock::default().pause(std::time::Duration::from_millis(1_500)).await;
    dap.send("continue", json!({"threadId": stopped["body"]["threadId"]})).await;
    assert_eq!(request.await.unwrap(), (200, "42".to_owned()), "{}", up.said());
    up.stop().await;
}

/// A function whose third line can have a breakpoint.
const PYTHON: &str = "def handler(event, context):\n    value = 41\n    return str(value + 1)\n";

/// The project of [`PYTHON`] with an alias that its events invoke.
fn with_alias() -> Project {
    let project = Project::new();
    interpreted(&project, "python3.11", "app.py", PYTHON);
    let template = std::fs::read_to_string(project.path().join("template.yaml")).unwrap();
    let alias = "Timeout: 1\n      AutoPublishAlias: live";
    project.write("template.yaml", &template.replace("Timeout: 1", alias));
    let python = installed::python();
    project.write("hardcap.toml", &format!("[functions.App]\npython = \"{}\"\n", python.display()));
    project
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn invoke_waits_for_debugpy_at_the_version_behind_the_alias() {
    let project = with_alias();
    let template = project.path().join("template.yaml");
    let arguments = ["invoke", "--template", template.to_str().unwrap(), "App", "--debug", "App=0"];
    let command = Waiting::start(&project, &arguments).await;
    let mut dap = Dap::attach(&project, &command.address, 3).await;
    let stopped = dap.until("event", "stopped").await;
    assert_eq!(stopped["body"]["reason"], "breakpoint", "{stopped}");
    dap.send("continue", json!({"threadId": stopped["body"]["threadId"]})).await;
    assert_eq!(command.end().await, (Some(0), "\"42\"".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn latest_runs_without_the_debugger_of_the_version_behind_the_alias() {
    let project = with_alias();
    let up = project.up_as_it_is(&["--debug", "App=0"]).await;
    let mut dap = Dap::attach(&project, &debugger(&project), 3).await;
    let ran = project.run(&["invoke", "--url", &up.aws, "App"]).await;
    assert_eq!((ran.code, &*ran.printed), (Some(0), "\"42\"\n"), "{}", up.said());
    let request = request(&project);
    let stopped = dap.until("event", "stopped").await;
    dap.send("continue", json!({"threadId": stopped["body"]["threadId"]})).await;
    assert_eq!(request.await.unwrap(), (200, "42".to_owned()), "{}", up.said());
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_with_an_alias_has_its_debugger_at_the_version_behind_it() {
    let project = Project::new();
    let alias = "Timeout: 30\n      AutoPublishAlias: live";
    project.write("template.yaml", &TEMPLATE.replace("Timeout: 30", alias));
    let up = project.up_as_it_is(&["--debug", "Behave"]).await;
    until_said(&up, "a debugger can attach to process ", 1).await;
    let ran = project.run(&["invoke", "--url", &up.aws, "Behave"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(post_behave(&project).await, 200);
    assert_eq!(up.said().matches("a debugger can attach").count(), 1, "{}", up.said());
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_and_invoke_refuse_a_debugger_that_attaches_by_process_id() {
    let project = Project::new();
    for arguments in [
        &["exec", "--debug", "Behave", "--", "true"][..],
        &["invoke", "Behave", "--debug", "Behave", "--template", "template.yaml"],
    ] {
        let ran = project.run(arguments).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.said.contains("use `hardcap up --debug Behave`, attach, "), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn a_python_without_debugpy_is_an_error_with_the_command_that_installs_it() {
    let project = Project::new();
    interpreted(&project, "python3.11", "app.py", "def handler(event, context): return 1\n");
    // A Python that finds neither its packages nor those of its user.
    project.program("bare", "#!/bin/sh\nexec python3 -I -S \"$@\"\n");
    project.write("hardcap.toml", "[functions.App]\npython = \"bare\"\n");
    let ran = project.run(&["up", "--api-port", "0", "--aws-port", "0", "--debug", "App=0"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.said.contains("needs debugpy, which ") && ran.said.contains(" -m pip install debugpy"),
        "{ran:?}"
    );
}

/// A client of Node's inspector, which speaks JSON over a WebSocket.
struct Inspector {
    connection: RawConnection,
    id: u64,
    /// The URLs of the scripts that were parsed, by their ids.
    scripts: HashMap<String, String>,
}

impl Inspector {
    async fn open(address: &str) -> Inspector {
        let mut list = connected(address).await;
        let request = format!("GET /json/list HTTP/1.1\r\nHost: {address}\r\n\r\n");
        list.write(request).await.unwrap();
        let head = String::from_utf8(list.read_until("\r\n\r\n").await.unwrap()).unwrap();
        // The inspector keeps the connection open.
        let length = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let length = length.unwrap_or_else(|| panic!("{head}"));
        let body = list.read_exactly(length).await.unwrap();
        let targets: Value = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{head}"));
        let url = targets[0]["webSocketDebuggerUrl"].as_str().unwrap();
        let path = url.split_once(address).unwrap().1;
        let mut connection = connected(address).await;
        let upgrade = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: \
             13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        connection.write(upgrade).await.unwrap();
        let head = connection.read_until("\r\n\r\n").await.unwrap();
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Inspector { connection, id: 0, scripts: HashMap::new() }
    }

    /// Sends a text frame. Its mask is zero, so its payload is as it is.
    async fn send(&mut self, method: &str, parameters: Value) {
        self.id += 1;
        let text = json!({"id": self.id, "method": method, "params": parameters}).to_string();
        let length = u16::try_from(text.len()).unwrap();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.connection.write(frame).await.unwrap();
    }

    async fn message(&mut self) -> io::Result<Value> {
        let head = self.connection.read_exactly(2).await?;
        let length = match head[1] {
            126 => {
                let bytes = self.connection.read_exactly(2).await?;
                u64::from(u16::from_be_bytes([bytes[0], bytes[1]]))
            }
            127 => {
                let bytes = self.connection.read_exactly(8).await?;
                u64::from_be_bytes(bytes.try_into().unwrap())
            }
            short => u64::from(short),
        };
        let payload = self.connection.read_exactly(usize::try_from(length).unwrap()).await?;
        Ok(serde_json::from_slice(&payload)?)
    }

    /// Waits for an event.
    async fn until(&mut self, method: &str) -> Value {
        let event = hardcap::Clock::default().timeout(BOUND, self.wait_for(method)).await;
        event.unwrap_or_else(|| panic!("there is no event {method}"))
    }

    async fn wait_for(&mut self, method: &str) -> Value {
        loop {
            let message = self.message().await.unwrap();
            if message["method"] == "Debugger.scriptParsed" {
                let text = |member: &str| message["params"][member].as_str().unwrap().to_owned();
                self.scripts.insert(text("scriptId"), text("url"));
            }
            if message["method"] == method {
                return message;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: just test-all"]
async fn a_command_of_exec_waits_until_the_inspector_is_attached() {
    let project = Project::new();
    let code = "debugger;\nexports.handler = async () => '42';\n";
    interpreted(&project, "nodejs20.x", "app.js", code);
    project.write("hardcap.toml", "");
    let template = project.path().join("template.yaml");
    let program = hardcap();
    let invoke = [program.to_str().unwrap(), "invoke", "App"];
    let arguments = ["exec", template.to_str().unwrap(), "--debug", "App=0", "--"];
    let command = Waiting::start(&project, &[&arguments[..], &invoke].concat()).await;
    let mut inspector = Inspector::open(&command.address).await;
    inspector.send("Debugger.enable", json!({})).await;
    inspector.send("Runtime.runIfWaitingForDebugger", json!({})).await;
    // The first line of the module, which runs once, before the first event.
    let paused = inspector.until("Debugger.paused").await;
    let location = &paused["params"]["callFrames"][0]["location"];
    assert_eq!(location["lineNumber"], 0, "{paused}");
    inspector.send("Debugger.resume", json!({})).await;
    assert_eq!(command.end().await, (Some(0), "\"42\"".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: just test-all"]
async fn a_breakpoint_of_the_inspector_stops_a_node_function_for_longer_than_its_timeout() {
    let project = Project::new();
    let code = "exports.handler = async () => {\n  const value = 41;\n  debugger;\n  return String(value + 1);\n};\n";
    interpreted(&project, "nodejs20.x", "app.js", code);
    project.write("hardcap.toml", "");
    let up = project.up_as_it_is(&["--debug", "App=0"]).await;
    let mut inspector = Inspector::open(&debugger(&project)).await;
    inspector.send("Debugger.enable", json!({})).await;
    let request = request(&project);
    let paused = inspector.until("Debugger.paused").await;
    let frame = &paused["params"]["callFrames"][0];
    let script = &inspector.scripts[frame["location"]["scriptId"].as_str().unwrap()];
    assert!(script.ends_with("/app.js"), "{script}: {frame}");
    assert_eq!(frame["location"]["lineNumber"], 2, "{frame}");
    hardcap::Clock::default().pause(std::time::Duration::from_millis(1_500)).await;
    inspector.send("Debugger.resume", json!({})).await;
    assert_eq!(request.await.unwrap(), (200, "42".to_owned()), "{}", up.said());
    up.stop().await;
}
