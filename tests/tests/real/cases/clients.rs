//! The columns that call functions: AWS's own clients.

use std::path::{Path, PathBuf};

use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use hardcap::Emulator;
use hardcap_tests::installed;
use hardcap_tests::process::{Dialogue, output_with};
use serde::Deserialize;
use serde_json::json;

/// How a function is called.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallKind {
    RequestResponse,
    Event,
}

impl CallKind {
    fn name(self) -> &'static str {
        match self {
            CallKind::RequestResponse => "RequestResponse",
            CallKind::Event => "Event",
        }
    }
}

/// What a client made of a call.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) function_error: Option<String>,
    /// The code of the error that the client raised.
    pub(super) refused: Option<String>,
    #[serde(skip)]
    pub(super) payload: Vec<u8>,
}

/// Shows the beginning of the payload only.
impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Seen { status, function_error, refused, payload } = self;
        let start = String::from_utf8_lossy(&payload[..payload.len().min(600)]);
        write!(f, "{status} {function_error:?} {refused:?} {} bytes: {start}", payload.len())
    }
}

/// A client of Lambda.
pub(super) enum Client {
    /// aws-sdk-lambda for Rust.
    Sdk(aws_sdk_lambda::Client),
    /// boto3, in a Python that takes one call after the other.
    Boto3(Dialogue, tempfile::TempDir),
    /// The AWS CLI, one process a call.
    Cli { program: PathBuf, endpoint: String, folder: tempfile::TempDir },
}

impl Client {
    pub(super) fn sdk(emulator: &Emulator) -> Client {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .region(Region::new("us-east-1"))
            .endpoint_url(emulator.aws_url())
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Client::Sdk(aws_sdk_lambda::Client::from_conf(config))
    }

    pub(super) fn boto3(emulator: &Emulator) -> Client {
        let python = installed::python();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases/boto.py");
        let arguments = [script.as_os_str(), emulator.aws_url().as_ref()];
        Client::Boto3(Dialogue::start(&python, arguments).expect("Python starts"), folder())
    }

    pub(super) fn cli(emulator: &Emulator) -> Client {
        let program = installed::tool("aws");
        Client::Cli { program, endpoint: emulator.aws_url().to_owned(), folder: folder() }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Client::Sdk(_) => "aws-sdk-lambda",
            Client::Boto3(..) => "boto3",
            Client::Cli { .. } => "the AWS CLI",
        }
    }

    pub(super) async fn invoke(&mut self, function: &str, kind: CallKind, event: &[u8]) -> Seen {
        match self {
            Client::Sdk(client) => sdk(client, function, kind, event).await,
            Client::Boto3(python, folder) => boto3(python, folder.path(), (function, kind, event)),
            Client::Cli { program, endpoint, folder } => {
                cli(program, endpoint, folder.path(), (function, kind, event))
            }
        }
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for events and answers")
}

async fn sdk(
    client: &aws_sdk_lambda::Client,
    function: &str,
    kind: CallKind,
    event: &[u8],
) -> Seen {
    let kind = InvocationType::from(kind.name());
    let call = client.invoke().function_name(function).invocation_type(kind);
    match call.payload(Blob::new(event)).send().await {
        Ok(answer) => Seen {
            status: u16::try_from(answer.status_code()).expect("a status"),
            function_error: answer.function_error().map(str::to_owned),
            refused: None,
            payload: answer.payload().map(|blob| blob.as_ref().to_vec()).unwrap_or_default(),
        },
        Err(error) => Seen {
            status: error.raw_response().map_or(0, |response| response.status().as_u16()),
            refused: error.code().map(str::to_owned),
            ..Seen::default()
        },
    }
}

type Call<'a> = (&'a str, CallKind, &'a [u8]);

fn boto3(python: &mut Dialogue, folder: &Path, (function, kind, event): Call<'_>) -> Seen {
    let (asked, answered) = (folder.join("event"), folder.join("answer"));
    std::fs::write(&asked, event).expect("the event is written");
    let call =
        json!({"function": function, "kind": kind.name(), "event": asked, "answer": answered});
    let line = python.ask(&call.to_string()).expect("Python answers");
    let seen: Seen = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    Seen { payload: std::fs::read(&answered).expect("the answer is written"), ..seen }
}

/// What the CLI prints of a call that was not refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    status_code: u16,
    function_error: Option<String>,
}

fn cli(program: &Path, endpoint: &str, folder: &Path, (function, kind, event): Call<'_>) -> Seen {
    let (asked, answered) = (folder.join("event"), folder.join("answer"));
    std::fs::write(&asked, event).expect("the event is written");
    let payload = format!("fileb://{}", asked.display());
    let answered_text = answered.display().to_string();
    let arguments = ["--endpoint-url", endpoint, "--output", "json", "--cli-read-timeout", "120"];
    let call = ["lambda", "invoke", "--function-name", function, "--payload", &payload];
    let rest = ["--invocation-type", kind.name(), &answered_text];
    let variables = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_MAX_ATTEMPTS", "1"),
    ];
    let ran = output_with(program, arguments.iter().chain(&call).chain(&rest), &variables);
    let ran = ran.expect("the CLI runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    if ran.status.success() {
        let printed: Printed =
            serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        return Seen {
            status: printed.status_code,
            function_error: printed.function_error,
            refused: None,
            payload: std::fs::read(&answered).expect("the answer is written"),
        };
    }
    // An error occurred (RequestEntityTooLargeException) when calling the Invoke operation: …
    let code = said.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let code = code.unwrap_or_else(|| panic!("the CLI names no error: {said}")).0;
    // The CLI does not show the status; each code has one.
    let status = if code == "RequestEntityTooLargeException" { 413 } else { 0 };
    Seen { status, refused: Some(code.to_owned()), ..Seen::default() }
}
