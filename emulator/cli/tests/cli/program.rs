//! The program from outside: exit codes, messages, and that no process is left running.

#![expect(clippy::disallowed_methods, reason = "the program under test is a process")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const FUNCTION: &str = "
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Events: {Get: {Type: Api, Properties: {Path: '/hello/{name}', Method: get}}, All: {Type: HttpApi}}
      FunctionUrlConfig: {AuthType: NONE}
  Files: {Type: AWS::S3::Bucket}
";

/// Resources of the other kinds whose names are in the environment of `exec` and in the ready file.
const NAMED: &str = "
  Jobs: {Type: AWS::SQS::Queue}
  News: {Type: AWS::SNS::Topic}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders}}
  Level: {Type: AWS::SSM::Parameter, Properties: {Name: /shop/level, Type: String, Value: debug}}
";

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    folder
}

/// A folder with the function above and an executable `bootstrap`.
pub(crate) fn with_program(files: &[(&str, &str)]) -> TempDir {
    let program = [("template.yaml", FUNCTION), ("bootstrap", "#!/bin/sh\n")];
    let folder = folder(&[&program, files].concat());
    let bootstrap = folder.path().join("bootstrap");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).expect("chmod");
    folder
}

pub(crate) fn hardcap(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hardcap"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    hardcap(folder, arguments).output().expect("hardcap starts")
}

/// Runs and expects this exit code, nothing on standard output, and these texts on standard error.
#[track_caller]
pub(crate) fn fails(folder: &Path, arguments: &[&str], code: i32, said: &[&str]) {
    fails_with(folder, arguments, code, said, |_| {});
}

/// As [`fails`], with further settings of the process, such as its environment.
#[track_caller]
pub(crate) fn fails_with(
    folder: &Path,
    arguments: &[&str],
    code: i32,
    said: &[&str],
    prepare: impl FnOnce(&mut Command),
) {
    let mut command = hardcap(folder, arguments);
    prepare(&mut command);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("hardcap starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut stderr = String::new();
    while lines.read_line(&mut stderr).expect("its standard error is text") > 0 {
        if stderr.contains(LISTENS) {
            child.kill().expect("it runs");
            panic!("{arguments:?} does not fail: {stderr}");
        }
    }
    let output = child.wait_with_output().expect("it has ended");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
    for text in said {
        assert!(stderr.contains(text), "{arguments:?} does not say {text:?}: {stderr}");
    }
}

/// The last line of `up` before it waits.
const LISTENS: &str = "Ctrl-C stops everything";

pub(crate) const ANY_PORT: [&str; 5] = ["up", "--api-port", "0", "--aws-port", "0"];

/// `hardcap up` on free ports, until everything listens. Returns its messages so far.
pub(crate) fn up(folder: &Path, more: &[&str]) -> (Child, BufReader<ChildStderr>, String) {
    up_with(folder, more, |_| {})
}

fn up_with(
    folder: &Path,
    more: &[&str],
    prepare: impl FnOnce(&mut Command),
) -> (Child, BufReader<ChildStderr>, String) {
    let mut command = hardcap(folder, &ANY_PORT);
    prepare(&mut command);
    let mut child = command
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("hardcap starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut said = String::new();
    while !said.contains(LISTENS) {
        let read = stderr.read_line(&mut said).expect("its standard error is text");
        assert!(read > 0, "hardcap ended before it listened: {said}");
    }
    (child, stderr, said)
}

fn process(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id")
}

/// Stops it as an operator does. Returns the exit code and the rest of its messages.
pub(crate) fn stop(mut child: Child, mut stderr: BufReader<ChildStderr>) -> (Option<i32>, String) {
    kill_process(process(child.id()), Signal::TERM).expect("it runs");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("its standard error is text");
    (child.wait().expect("it ends").code(), rest)
}

fn get(url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").expect("a URL").split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("it listens");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

pub(crate) fn ready_file(folder: &Path) -> Value {
    let content = fs::read(folder.join("ready.json")).expect("the ready file is there");
    serde_json::from_slice(&content).expect("it is JSON")
}

#[test]
fn a_wrong_template_is_shown_with_its_line() {
    let template = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Timeout: ten\n";
    let folder = folder(&[("template.yaml", template)]);
    let said = "error: `Timeout` of the function `F` must be a whole number, not `ten`\n  --> template.yaml:5:16\n   |\n 5 |       Timeout: ten\n   |                ^\n";
    for command in ["up", "check"] {
        fails(folder.path(), &[command], 1, &[said]);
    }
}

#[test]
fn a_template_that_is_not_there_or_not_text_is_named() {
    let folder = folder(&[]);
    fails(folder.path(), &[], 1, &["error: this folder has no template.yaml", "`hardcap init`"]);
    fails(folder.path(), &["up", "x.yaml"], 1, &["error: x.yaml cannot be read: No such file"]);
    fs::write(folder.path().join("x.yaml"), b"a: b\nc: \xff").expect("written");
    let said = "this byte is not UTF-8\n  --> x.yaml:2:4";
    fails(folder.path(), &["check", "x.yaml"], 1, &[said]);
}

#[test]
fn a_wrong_hardcap_toml_is_shown_with_its_line_and_the_nearest_key() {
    for (toml, said) in [
        ("[companions.x\n", "this is not TOML: "),
        ("paramters = {}\n", "hardcap.toml has no key `paramters`\n  --> hardcap.toml:1:1"),
        ("paramters = {}\n", "help: did you mean `parameters`?"),
        (
            "[limits]\n\nlambda_sync_respone = 1\n",
            "there is no limit called `lambda_sync_respone`\n  --> hardcap.toml:3:1",
        ),
        (
            "[limits]\nlambda_sync_response = \"6 parsecs\"\n",
            "the limit `lambda_sync_response`: `6 parsecs` is not a whole number of bytes, such as 1000000, 256KB or 6MB\n  --> hardcap.toml:2:24",
        ),
        ("[companions.search]\nready = \"/\"\n", "the companion `search` has no program"),
        ("[companions.search]\ncommand = []\n", "must be a list of words"),
        (
            "[companions.search]\ncommand = [\"x\"]\nport = 70000\n",
            "`port` must be a port from 1 to 65535, not `70000`",
        ),
        ("[functions.Helo]\n", "the template has no function `Helo`\n  --> hardcap.toml:1:12"),
        ("[parameters]\nUpstream = \"x\"\n", "the template has no parameter `Upstream`"),
        ("[credentials.AKIA]\n", "the credentials `AKIA` have no `secret`"),
        ("also = [\"gone.yaml\"]\n", "gone.yaml cannot be read"),
        ("[[try]]\nabout = \"x\"\n", "a `try` has no `command`"),
    ] {
        let folder = with_program(&[("hardcap.toml", toml)]);
        fails(folder.path(), &ANY_PORT, 1, &["error: ", said]);
    }
}

#[test]
fn a_missing_program_is_named_with_the_way_out() {
    let empty = folder(&[("template.yaml", FUNCTION)]);
    let said = ["the function `Hello` has no program in ", "= help: put a `bootstrap` or"];
    fails(empty.path(), &["up"], 1, &said);

    let not_executable = folder(&[("template.yaml", FUNCTION), ("bootstrap", "")]);
    fails(not_executable.path(), &["up"], 1, &["is not executable: ", "= help: chmod +x "]);

    let nowhere = FUNCTION.replace("CodeUri: .", "CodeUri: nowhere");
    let nowhere = folder(&[("template.yaml", &nowhere)]);
    fails(nowhere.path(), &["up"], 1, &["the code of the function `Hello` does not exist: "]);

    let toml = "[functions.Hello]\ncommand = [\"no-such-program\"]\n";
    let said = "the program of the function `Hello` is missing or not executable: no-such-program";
    fails(with_program(&[("hardcap.toml", toml)]).path(), &["up"], 1, &[said]);
}

#[test]
fn a_python_without_the_runtime_of_aws_is_named_with_the_way_out() {
    let template =
        FUNCTION.replace("CodeUri: .", "CodeUri: .\n      Runtime: python3.11\n      Handler: a.b");
    let toml = "[functions.Hello]\npython = \"bootstrap\"\n";
    let folder = with_program(&[("hardcap.toml", toml)]);
    fs::write(folder.path().join("template.yaml"), template).expect("written");
    // A Python that answers what it is asked, and has no client.
    let probed = r#"{"executable": "/no/python", "base": "/no/python", "version": [3, 11, 1], "tag": "none", "has_client": false, "has_sdk": false}"#;
    let python = format!("#!/bin/sh\necho '{probed}'\n");
    fs::write(folder.path().join("bootstrap"), python).expect("written");
    let said = [
        "needs AWS's Python runtime, which /no/python does not have; nothing is installed offline",
        "help: run /no/python -m pip install awslambdaric",
    ];
    let cache = folder.path().join("cache");
    let mut command = hardcap(folder.path(), &["up", "--offline"]);
    let output = command.env("HARDCAP_CACHE", &cache).output().expect("hardcap starts");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    said.iter().for_each(|text| assert!(stderr.contains(text), "{text}: {stderr}"));

    fs::write(folder.path().join("bootstrap"), "#!/bin/sh\nexit 1\n").expect("written");
    let said = "the Python of the function `Hello` does not start: ";
    fails(folder.path(), &["up"], 1, &[said, "correct `python` of [functions.Hello]"]);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = with_program(&[]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let said = format!("error: cannot listen on 127.0.0.1:{port}: ");
    for (option, other) in [("--api-port", "--aws-port"), ("--aws-port", "--api-port")] {
        let arguments = ["up", option, &port, other, "0"];
        fails(folder.path(), &arguments, 1, &[&said, "choose another port"]);
    }
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let folder = with_program(&[("taken", "a file, not a folder")]);
    let arguments = [&ANY_PORT[..], &["--data", "taken"]].concat();
    fails(folder.path(), &arguments, 1, &["error: ", "taken"]);
}

#[test]
fn a_ready_file_that_cannot_be_written_is_named() {
    let folder = with_program(&[]);
    let arguments = [&ANY_PORT[..], &["--ready-file", "no/folder/ready.json"]].concat();
    let said = "error: cannot write the ready file no/folder/ready.json";
    fails(folder.path(), &arguments, 1, &[said]);
}

#[test]
fn a_wrong_command_line_ends_with_2_and_the_way_out() {
    let folder = with_program(&[]);
    for (arguments, said) in [
        (&["up", "--limits", "2023-02-29"][..], "use `classic`, `current` or a day such as"),
        (&["limits", "--limits", "yesterday"], "`yesterday` is not a date for limits"),
        (&["up", "--set", "lambda_sync_respone=1"], "did you mean `lambda_sync_response`?"),
        (&["up", "--set", "lambda_sync_response=6s"], "`6s` is not a whole number of bytes"),
        (&["up", "--set", "lambda_sync_response"], "write ROW=VALUE"),
        (&["up", "--parameter", "=x"], "write NAME=VALUE"),
        (&["up", "--api-port", "70000"], "70000 is not in 0..=65535"),
        (&["up", "--quiet", "--verbose"], "cannot be used with"),
        (&["chekc"], "check"),
    ] {
        fails(folder.path(), arguments, 2, &[said]);
    }
}

#[test]
fn the_version_is_printed() {
    let output = run(folder(&[]).path(), &["--version"]);
    let expected = format!("hardcap {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (output.status.code(), String::from_utf8_lossy(&output.stdout)),
        (Some(0), expected.into())
    );
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_table_of_limits_is_printed_in_each_format_and_for_each_day() {
    let folder = folder(&[]);
    let output = |arguments: &[&str]| {
        let output = run(folder.path(), &[&["limits"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(output(&[]).starts_with("Limits of current."));
    assert!(output(&["--limits", "classic"]).starts_with("Limits of 2022-04-22 (classic)."));
    assert!(output(&["--format", "markdown"]).starts_with('#'));
    let in_force = |arguments: &[&str]| -> u64 {
        let json = output(&[&["--format", "json"], arguments].concat());
        let json: Value = serde_json::from_str(&json).expect("JSON");
        let mut rows = json["rows"].as_array().expect("rows").iter();
        let row = rows.find(|row| row["name"] == "lambda_async_request").expect("the row");
        row["in_force"].as_u64().expect("a number")
    };
    assert_eq!(in_force(&[]), 1_048_576);
    assert_eq!(in_force(&["--limits", "classic"]), 262_144);
    assert_eq!(in_force(&["--set", "lambda_async_request=1KB"]), 1_024);
    assert_eq!(in_force(&["--limits", "2018-01-01"]), 131_072);
    assert_eq!(in_force(&["--limits", "current"]), 1_048_576);
    assert_eq!(in_force(&["--set", "lambda_async_request=5"]), 5);
}

#[test]
fn check_ends_with_1_when_something_would_fail_and_with_0_when_it_would_not() {
    let folder = with_program(&[]);
    let output = run(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "0 errors, 0 warnings, 0 notes");

    // {"VV":"…"} around the value: 9 bytes more than the value.
    for (bytes, code) in [(4087, 0), (4088, 1)] {
        let value = "x".repeat(bytes);
        let variables = format!("CodeUri: .\n      Environment: {{Variables: {{VV: {value}}}}}");
        let template = FUNCTION.replace("CodeUri: .", &variables);
        fs::write(folder.path().join("template.yaml"), template).expect("written");
        let output = run(folder.path(), &["check", "--format", "json"]);
        assert_eq!(output.status.code(), Some(code), "{bytes}");
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let mut findings = json["findings"].as_array().expect("findings").iter();
        assert_eq!(findings.any(|f| f["code"] == "environment-size"), code == 1, "{json}");
        assert_eq!(json["errors"], code);
    }
}

/// lambda_unzipped_layers
#[test]
fn code_and_layers_of_262144000_bytes_pass_and_one_byte_more_is_an_error() {
    let manifest = "[functions.Hello]\nlayers = [\"layer\"]\n";
    let unzipped = |code: &str, layer: Option<u64>, filler: u64| {
        let template = FUNCTION.replace("CodeUri: .", &format!("CodeUri: {code}"));
        let folder = folder(&[("template.yaml", &template)]);
        let code = folder.path().join(code);
        fs::create_dir_all(&code).expect("a folder");
        fs::write(code.join("bootstrap"), "#!/bin/sh\n").expect("written");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(code.join("bootstrap"), executable).expect("executable");
        let sparse = |path: &Path, bytes| {
            fs::File::create(path).and_then(|file| file.set_len(bytes)).expect("a sparse file");
        };
        sparse(&code.join("filler"), filler - "#!/bin/sh\n".len() as u64);
        if let Some(bytes) = layer {
            fs::write(folder.path().join("hardcap.toml"), manifest).expect("written");
            fs::create_dir(folder.path().join("layer")).expect("a folder");
            sparse(&folder.path().join("layer/file"), bytes);
        }
        let output = run(folder.path(), &["check", "--format", "json"]);
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let mut findings = json["findings"].as_array().expect("findings").iter();
        let found = findings.find(|finding| finding["code"] == "package-size");
        let said = |it: &Value| (it["severity"].clone(), it["message"].clone());
        (output.status.code(), found.map(said))
    };
    let built = ".aws-sam/build/Hello";
    assert_eq!(unzipped(built, Some(100), 262_143_900), (Some(0), None));
    let both = "AWS refuses `Hello`: Function code combined with layers exceeds the maximum allowed size of 262144000 \
                bytes. The actual size is 262144001 bytes.";
    assert_eq!(
        unzipped(built, Some(101), 262_143_900),
        (Some(1), Some(("error".into(), both.into())))
    );
    assert_eq!(unzipped(built, None, 262_144_000), (Some(0), None));
    let alone = "AWS refuses `Hello`: Unzipped size must be smaller than 262144000 bytes";
    assert_eq!(unzipped(built, None, 262_144_001), (Some(1), Some(("error".into(), alone.into()))));
    // What a build makes of a source folder is not known before it.
    let source = "AWS refuses `Hello` unless its build leaves files out: Unzipped size must be smaller than 262144000 bytes";
    assert_eq!(
        unzipped("src", None, 262_144_001),
        (Some(0), Some(("warning".into(), source.into())))
    );
}

#[test]
fn every_format_of_check_reports_a_template_that_cannot_be_read() {
    let folder = folder(&[("template.yaml", "Resources:\n  F: {Type: !Nope x}\n")]);
    for (format, expected) in [
        ("json", "\"rule\": \"invalid-template\""),
        ("sarif", "\"ruleId\": \"invalid-template\""),
        ("github", "::error file=template.yaml,line=2,col=13,title=invalid-template::"),
        ("junit", "failures=\"1\""),
    ] {
        let output = run(folder.path(), &["check", "--format", format]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(expected), "{format}: {text}");
        assert_eq!(output.status.code(), Some(1), "{format}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("`!Nope` is not a function of CloudFormation"), "{said}");
    }
}

#[test]
fn an_application_that_aws_would_refuse_starts_only_with_allow_invalid() {
    let folder = with_program(&[]);
    let template = FUNCTION.replace("CodeUri: .", "CodeUri: .\n      Timeout: 901");
    fs::write(folder.path().join("template.yaml"), template).expect("written");
    let said = [
        "error[timeout] template.yaml:3:3: AWS refuses `Hello`: 1 validation error detected: Value '901' at 'timeout' \
         failed to satisfy constraint: Member must have value less than or equal to 900",
        "--allow-invalid",
    ];
    fails(folder.path(), &ANY_PORT, 1, &said);
    fails(folder.path(), &["exec", "--", "true"], 1, &said);
    let (child, stderr, said) = up(folder.path(), &["--allow-invalid"]);
    assert!(said.contains("started although AWS would refuse it: error[timeout]"), "{said}");
    let (code, rest) = stop(child, stderr);
    assert_eq!(code, Some(0), "{rest}");
}

#[test]
fn up_listens_writes_the_ready_file_and_leaves_nothing_behind() {
    let folder = with_program(&[("ready.json", "{\"aws\": \"http://from.an.earlier.run\"}")]);
    let more = ["--ready-file", "ready.json", "--limits", "2018-01-01"];
    let (child, stderr, said) = up(folder.path(), &more);
    assert!(said.starts_with("limits: 2018-01-01; 18 numbers are not those of today: "), "{said}");
    assert!(said.contains("curl -i 'http://127.0.0.1:"), "{said}");
    let ready = ready_file(folder.path());
    assert_eq!(ready["limits"], "2018-01-01");
    let control = ready["control"].as_str().expect("a URL");
    assert!(get(&format!("{control}/health")).starts_with("HTTP/1.1 200 "));
    for url in [
        &ready["aws"],
        &ready["apis"]["ServerlessRestApi"],
        &ready["apis"]["ServerlessHttpApi"],
        &ready["function_urls"]["HelloUrl"],
    ] {
        assert!(url.as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{ready}");
    }
    let (code, rest) = stop(child, stderr);
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("limits of 2018-01-01"), "the report is missing: {rest}");
    assert!(!folder.path().join("ready.json").exists(), "the ready file outlived the run");
}

/// Sends a call of an AWS API and gives the whole response. The signature names the service and is not verified.
fn call(url: &str, service: &str, headers: &str, body: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("hardcap listens");
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let length = body.len();
    write!(stream, "POST / HTTP/1.1\r\nHost: {address}\r\nAuthorization: {signed}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .expect("it is sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it answers");
    response
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

#[test]
fn cloudformation_describes_the_stack_and_cloudwatch_has_the_logs_of_its_functions() {
    let outputs = "Outputs:\n  Where: {Value: !Sub 'https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod'}\n";
    let template = format!("{FUNCTION}{outputs}");
    let folder =
        with_program(&[("samconfig.toml", "[default.deploy.parameters]\nstack_name = \"shop\"\n")]);
    fs::write(folder.path().join("template.yaml"), template).expect("written");
    let (child, stderr, said) = up(folder.path(), &["--ready-file", "ready.json"]);
    assert!(said.contains("outputs of the stack shop:\n  Where "), "{said}");
    let ready = ready_file(folder.path());
    let aws = ready["aws"].as_str().expect("a URL");
    let api = ready["apis"]["ServerlessRestApi"].as_str().expect("a URL");

    let cloudformation = |body: &str| call(aws, "cloudformation", FORM, body);
    let stack = cloudformation("Action=DescribeStacks&Version=2010-05-15&StackName=shop");
    assert!(stack.starts_with("HTTP/1.1 200 "), "{stack}");
    assert!(stack.contains(&format!("<OutputValue>{api}</OutputValue>")), "{stack}");
    assert!(stack.contains("<StackStatus>CREATE_COMPLETE</StackStatus>"), "{stack}");
    let other = cloudformation("Action=DescribeStacks&StackName=other%20one");
    assert!(other.starts_with("HTTP/1.1 400 "), "{other}");
    assert!(other.contains("<Message>Stack with id other one does not exist</Message>"), "{other}");
    let resources = cloudformation("Action=ListStackResources&StackName=shop");
    let bucket = "<LogicalResourceId>Files</LogicalResourceId>\n<PhysicalResourceId>shop-files</PhysicalResourceId>";
    assert!(resources.contains(bucket), "{resources}");
    let missing = cloudformation("Action=ListStackResources");
    assert!(missing.contains("Value null at 'stackName'"), "{missing}");
    let found = cloudformation("Action=DescribeStackResources&PhysicalResourceId=Hello");
    assert!(found.contains("<ResourceType>AWS::Lambda::Function</ResourceType>"), "{found}");

    let logs = |operation: &str, body: &str| {
        let target = format!("X-Amz-Target: Logs_20140328.{operation}\r\n");
        call(aws, "logs", &target, body)
    };
    let group = r#"{"logGroupName": "/aws/lambda/Hello"}"#;
    let before = logs("FilterLogEvents", group);
    assert!(before.contains(r#""events":[]"#), "{before}");
    assert!(get(&format!("{api}/hello/x")).starts_with("HTTP/1.1 502 "));
    let after = logs("FilterLogEvents", group);
    assert!(after.contains(r#""logStreamName":"20"#), "{after}");
    let filtered = logs(
        "FilterLogEvents",
        r#"{"logGroupName": "/aws/lambda/Hello", "filterPattern": "nothing-like-this"}"#,
    );
    assert!(filtered.contains(r#""events":[]"#), "{filtered}");
    let gone = logs("FilterLogEvents", r#"{"logGroupName": "/aws/lambda/Gone"}"#);
    assert!(gone.contains("ResourceNotFoundException"), "{gone}");
    let (code, rest) = stop(child, stderr);
    assert_eq!(code, Some(0), "{rest}");
}

#[test]
fn exec_gives_names_and_outputs_and_hides_the_developer_s_aws_settings() {
    let outputs = "Outputs:\n  Bucket: {Value: !Ref Files}\n";
    let folder = with_program(&[]);
    fs::write(folder.path().join("template.yaml"), format!("{FUNCTION}{NAMED}{outputs}"))
        .expect("written");
    let mut command = hardcap(folder.path(), &["exec", "-q", "--stack-name", "shop", "--", "env"]);
    for (name, value) in [
        ("AWS_PROFILE", "production"),
        ("AWS_SESSION_TOKEN", "secret"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
        ("AWS_ACCESS_KEY_ID", "AKIAREAL"),
        ("AWS_STORAGE_BUCKET_NAME", "mine"),
    ] {
        command.env(name, value);
    }
    let output = command.output().expect("hardcap starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    for expected in [
        "AWS_ACCESS_KEY_ID=test",
        "AWS_CONFIG_FILE=/dev/null",
        "AWS_EC2_METADATA_DISABLED=true",
        "AWS_SAM_STACK_NAME=shop",
        "AWS_STORAGE_BUCKET_NAME=mine",
        "HARDCAP_FUNCTION_Hello=Hello",
        "HARDCAP_BUCKET_Files=shop-files",
        "HARDCAP_QUEUE_Jobs=https://sqs.us-east-1.amazonaws.com/000000000000/shop-Jobs",
        "HARDCAP_TOPIC_News=arn:aws:sns:us-east-1:000000000000:shop-News",
        "HARDCAP_BUS_Bus=orders",
        "HARDCAP_PARAMETER_Level=/shop/level",
        "HARDCAP_OUTPUT_Bucket=shop-files",
    ] {
        assert!(lines.contains(&expected), "{expected} is missing: {text}");
    }
    for hidden in [
        "AWS_PROFILE=",
        "AWS_SESSION_TOKEN=",
        "AWS_ENDPOINT_URL_S3=",
        "AWS_IGNORE_",
        "AWS_ROLE_ARN=",
    ] {
        assert!(!text.contains(hidden), "{hidden} is there: {text}");
    }
}

#[test]
fn the_ready_file_has_names_outputs_and_the_environment_that_exec_gives() {
    let outputs = "Outputs:\n  Bucket: {Value: !Ref Files}\n  Url: {Value: !Sub 'https://${ServerlessHttpApi}.execute-api.${AWS::Region}.amazonaws.com/x'}\n";
    let folder = with_program(&[]);
    fs::write(folder.path().join("template.yaml"), format!("{FUNCTION}{NAMED}{outputs}"))
        .expect("written");
    let more = ["--stack-name", "shop", "--ready-file", "ready.json"];
    let (child, stderr, said) = up_with(folder.path(), &more, |command| {
        command.env("AWS_PROFILE", "production").env("AWS_REGION", "eu-north-1");
    });
    let ready = ready_file(folder.path());
    let api = ready["apis"]["ServerlessHttpApi"].as_str().expect(&said);
    assert_eq!(
        (&ready["region"], &ready["stack"]),
        (&"us-east-1".into(), &"shop".into()),
        "{ready}"
    );
    assert_eq!(ready["functions"], serde_json::json!({ "Hello": "Hello" }), "{ready}");
    assert_eq!(ready["tables"], serde_json::json!({}), "{ready}");
    assert_eq!(ready["buckets"], serde_json::json!({ "Files": "shop-files" }), "{ready}");
    let url = "https://sqs.us-east-1.amazonaws.com/000000000000/shop-Jobs";
    assert_eq!(ready["queues"], serde_json::json!({ "Jobs": url }), "{ready}");
    let arn = "arn:aws:sns:us-east-1:000000000000:shop-News";
    assert_eq!(ready["topics"], serde_json::json!({ "News": arn }), "{ready}");
    assert_eq!(ready["buses"], serde_json::json!({ "Bus": "orders" }), "{ready}");
    assert_eq!(ready["parameters"], serde_json::json!({ "Level": "/shop/level" }), "{ready}");
    assert_eq!(ready["secrets"], serde_json::json!({}), "{ready}");
    let outputs = serde_json::json!({ "Bucket": "shop-files", "Url": format!("{api}/x") });
    assert_eq!(ready["outputs"], outputs, "{ready}");
    let environment = &ready["environment"];
    assert_eq!(environment["AWS_ENDPOINT_URL"], ready["aws"], "{ready}");
    assert_eq!(environment["HARDCAP_OUTPUT_Bucket"], "shop-files", "{ready}");
    assert_eq!(environment["AWS_REGION"], "us-east-1", "{ready}");
    assert!(environment.as_object().expect("an object").contains_key("AWS_PROFILE"), "{ready}");
    assert!(environment["AWS_PROFILE"].is_null(), "{ready}");
    assert_eq!(stop(child, stderr).0, Some(0));
}

#[test]
fn up_ends_with_its_standard_input_if_it_is_asked_to() {
    let folder = with_program(&[]);
    let more = ["--ready-file", "ready.json", "--stop-at-eof"];
    let (mut child, mut stderr, _) = up_with(folder.path(), &more, |command| {
        command.stdin(Stdio::piped());
    });
    let input = child.stdin.as_mut().expect("it is piped");
    input.write_all(b"what is written changes nothing\n").expect("it is read");
    assert!(
        get(&format!("{}/health", ready_file(folder.path())["control"].as_str().unwrap()))
            .contains("\"ok\"")
    );
    drop(child.stdin.take());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("its standard error is text");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{rest}");
    assert!(!folder.path().join("ready.json").exists(), "the ready file outlived the run");

    // Without the option it runs on, as a service does whose standard input is empty.
    let (mut child, stderr, _) = up(folder.path(), &["--ready-file", "ready.json"]);
    assert!(
        get(&format!("{}/health", ready_file(folder.path())["control"].as_str().unwrap()))
            .contains("\"ok\"")
    );
    assert_eq!(child.try_wait().expect("it can be asked"), None);
    assert_eq!(stop(child, stderr).0, Some(0));
}

#[test]
fn completions_and_man_pages_know_every_command_and_option() {
    let folder = folder(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(folder.path(), &["completions", shell]);
        let script = String::from_utf8(output.stdout).expect("text");
        assert_eq!(output.status.code(), Some(0), "{shell}");
        for known in ["replay", "min-headroom", "completions"] {
            assert!(script.contains(known), "{shell} does not know {known}");
        }
    }
    let output = run(folder.path(), &["man", "pages"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (page, known) in [
        ("hardcap.1", "Exit codes"),
        ("hardcap-exec.1", "min\\-headroom"),
        ("hardcap-completions.1", "fish"),
    ] {
        let text = fs::read_to_string(folder.path().join("pages").join(page)).expect(page);
        assert!(text.starts_with(".ie") && text.contains(known), "{page}: {text}");
    }
    fails(&folder.path().join("pages"), &["man", "hardcap.1"], 1, &["cannot write hardcap.1"]);
}

#[test]
fn a_rust_function_is_built_and_an_error_of_the_compiler_is_shown() {
    let template = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: f}}\n    Properties: {CodeUri: .}\n";
    let manifest = "[package]\nname = \"f\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[[bin]]\nname = \"f\"\npath = \"f.rs\"\n[workspace]\n";
    let folder =
        folder(&[("template.yaml", template), ("Cargo.toml", manifest), ("f.rs", "fn main() {}")]);
    let not_built = ["`f` of f has not been built", "start once without --no-build"];
    let target = |command: &mut Command| {
        command.env("CARGO_TARGET_DIR", folder.path().join("target"));
    };
    fails_with(folder.path(), &[&ANY_PORT[..], &["--no-build"]].concat(), 1, &not_built, target);

    let (child, stderr, said) = up_with(folder.path(), &[], target);
    assert!(said.contains("Compiling f v0.1.0"), "{said}");
    stop(child, stderr);
    let (child, stderr, said) = up_with(folder.path(), &["--no-build"], target);
    assert!(!said.contains("Finished"), "{said}");
    stop(child, stderr);

    fs::write(folder.path().join("f.rs"), "fn main() { nothing() }").expect("written");
    let said = [
        "error: the build failed (exit status: 101)",
        "error[E0425]: cannot find function `nothing`",
    ];
    fails_with(folder.path(), &ANY_PORT, 1, &said, target);
}

/// Settings with a companion that is a second hardcap: a service with a health check that needs nothing else.
fn with_another(other: &TempDir) -> String {
    format!(
        "[companions.other]\ncommand = [{:?}, \"up\", {:?}, \"--quiet\"]\narguments = [\"--api-port\", \"0\", \"--aws-port\", \"${{port}}\"]\nready = \"/_hardcap/health\"\n",
        env!("CARGO_BIN_EXE_hardcap"),
        other.path().join("template.yaml"),
    )
}

#[test]
fn a_companion_runs_while_hardcap_runs_and_not_longer() {
    let other = with_program(&[]);
    let toml = with_another(&other);
    let folder = with_program(&[("hardcap.toml", &toml)]);
    let (child, stderr, _) = up(folder.path(), &["--ready-file", "ready.json"]);
    let ready = ready_file(folder.path());
    let url = ready["companions"]["other"].as_str().expect("a URL").to_owned();
    assert!(get(&format!("{url}/_hardcap/health")).starts_with("HTTP/1.1 200 "));
    let (code, rest) = stop(child, stderr);
    assert_eq!(code, Some(0), "{rest}");
    let address = url.strip_prefix("http://").expect("a URL");
    let refused = TcpStream::connect(address).expect_err("the companion still listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[cfg(target_os = "linux")]
#[test]
fn a_companion_does_not_outlive_a_hardcap_that_is_killed() {
    let other = with_program(&[]);
    let toml = with_another(&other);
    let folder = with_program(&[("hardcap.toml", &toml)]);
    let (mut child, _stderr, _) = up(folder.path(), &["--ready-file", "ready.json"]);
    let ready = ready_file(folder.path());
    let url = ready["companions"]["other"].as_str().expect("a URL");
    let address = url.strip_prefix("http://").expect("a URL");
    let mut connection = TcpStream::connect(address).expect("the companion listens");
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
    // It closes when the companion ends, and nothing else closes it so soon.
    connection.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket has timeouts");
    let ended = connection.read(&mut [0; 1]);
    let still_open = ended.as_ref().is_err_and(|error| {
        matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
    });
    assert!(!still_open, "the companion still runs");
}

#[test]
fn a_fault_for_a_function_that_there_is_not_is_refused_where_it_stands() {
    let toml = "[[fault]]\nfault = \"throttle\"\n\n[[fault]]\nfault = \"kill\"\nphase = \"busy\"\nfunction = \"Helo\"\n";
    let folder = with_program(&[("hardcap.toml", toml)]);
    let said = [
        "error: `kill` is for a function `Helo`, and the template has none\n  --> hardcap.toml:7:12\n",
        "did you mean `Hello`?",
    ];
    fails(folder.path(), &ANY_PORT, 1, &said);
}

#[test]
fn a_companion_that_ends_or_says_nothing_is_named() {
    let brief = "[companions.brief]\ncommand = [\"sh\", \"-c\", \"echo broken; exit 7\"]\n";
    for (toml, said) in [
        (
            "[companions.gone]\ncommand = [\"no-such-program\"]\n",
            "the program of the companion `gone` is missing or not executable: no-such-program",
        ),
        (brief, "the companion `brief` ended before it was ready: exit status: 7"),
        (brief, "brief | broken"),
        (
            "[companions.mute]\ncommand = [\"sleep\", \"1000\"]\nready_within_seconds = 0\n",
            "the companion `mute` was not ready within 0 s: nothing listens on http://127.0.0.1:",
        ),
    ] {
        let folder = with_program(&[("hardcap.toml", toml)]);
        fails(folder.path(), &ANY_PORT, 1, &["error: ", said]);
    }
}

#[test]
fn a_companion_that_never_was_ready_is_ended_with_what_it_started() {
    let toml = "[companions.mute]\ncommand = [\"sh\", \"-c\", \"sleep 1000 > fifo & wait\"]\nready_within_seconds = 1\n";
    let folder = with_program(&[("hardcap.toml", toml)]);
    let fifo = folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    // Reading ends when the other end of the pipe is closed everywhere: when `sleep` has ended.
    let (ended, wait) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || ended.send(fs::read(fifo).expect("the fifo opens")));
    fails(folder.path(), &ANY_PORT, 1, &["was not ready within 1 s"]);
    wait.recv_timeout(Duration::from_secs(60)).expect("what the companion started still runs");
}
