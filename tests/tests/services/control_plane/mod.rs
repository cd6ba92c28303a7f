//! Lambda's control plane from outside, with AWS's own SDK: functions made, changed and removed while the emulator runs.

mod durable;
mod limits;
mod node;
mod packages;
mod python;
mod recordings;
mod refusals;
mod running;
mod settings;
mod streaming;
mod versions;

use std::io::{Cursor, Write as _};

use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::create_function::builders::CreateFunctionFluentBuilder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, FunctionUrlAuthType, Runtime};
use hardcap::record::Totals;
use hardcap::{Builder, Emulator};
use hardcap_limits::Date;
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::lambda::until;
use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const ROLE: &str = "arn:aws:iam::000000000000:role/any";

/// An emulator with the limits of today, AWS's SDK, and a client for what an SDK would not send.
struct Plane {
    emulator: Emulator,
    sdk: aws_sdk_lambda::Client,
    client: Client,
}

impl Plane {
    async fn start() -> Plane {
        Plane::with(Emulator::builder().limits(Date::LATEST)).await
    }

    async fn with(builder: Builder) -> Plane {
        let emulator = builder.start().await.expect("an emulator on free ports");
        let sdk = sdk(emulator.aws_url());
        Plane { emulator, sdk, client: Client::new() }
    }

    /// CreateFunction of the guest in one of its modes.
    fn create(&self, name: &str, mode: &str) -> CreateFunctionFluentBuilder {
        self.sdk
            .create_function()
            .function_name(name)
            .role(ROLE)
            .runtime(Runtime::from("provided.al2023"))
            .handler(mode)
            .timeout(30)
            .memory_size(256)
            .code(code(guest()))
    }

    /// Sends a request that no SDK would.
    async fn send(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let method = method.parse().expect("a method");
        let url = format!("{}{path}", self.emulator.aws_url());
        let call = Call::new(method, url).body(body.into());
        self.client.send(&call).await.expect("an answer of the emulator")
    }

    /// Invokes a function, which must not fail, and gives what it returned.
    async fn invoke(&self, name: &str, event: &str) -> Value {
        let invoke = self.sdk.invoke().function_name(name).payload(Blob::new(event));
        let output = invoke.send().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let payload = output.payload().expect("a payload").as_ref();
        let text = String::from_utf8_lossy(payload);
        assert_eq!(output.function_error(), None, "{name}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {text}: {error}"))
    }

    /// What a refused change must not have made.
    async fn has(&self, name: &str) -> bool {
        self.sdk.get_function().function_name(name).send().await.is_ok()
    }

    /// Adds the statement without which a URL with `AuthType: NONE` is refused.
    async fn let_everyone_invoke_url(&self, function: &str) {
        let add = self.sdk.add_permission().function_name(function).statement_id("url");
        let add = add.action("lambda:InvokeFunctionUrl").principal("*");
        let add = add.function_url_auth_type(FunctionUrlAuthType::None);
        add.send().await.expect("added");
    }

    /// Waits until the records say so.
    async fn until(&self, done: impl Fn(&Totals) -> bool) {
        until(&self.emulator, done).await;
    }
}

/// AWS's SDK for the emulator at this address.
fn sdk(url: &str) -> aws_sdk_lambda::Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_lambda::Client::from_conf(config)
}

/// A package with these files, all executable.
fn package(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o755);
    for (name, content) in files {
        zip.start_file(*name, options).expect("a name");
        zip.write_all(content).expect("memory takes it");
    }
    zip.finish().expect("a zip file").into_inner()
}

/// A package whose program is the guest; the handler is its mode.
fn guest() -> Vec<u8> {
    let script = format!("#!/bin/sh\nexec '{}' \"$_HANDLER\"\n", env!("CARGO_BIN_EXE_guest"));
    package(&[("bootstrap", script.as_bytes())])
}

fn code(package: Vec<u8>) -> FunctionCode {
    FunctionCode::builder().zip_file(Blob::new(package)).build()
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Environment::builder().set_variables(Some(pairs.collect())).build()
}

/// Status, code and message of a refusal.
#[track_caller]
fn refused<T: std::fmt::Debug, E>(answer: Result<T, SdkError<E>>) -> (u16, String, String)
where
    E: ProvideErrorMetadata + std::fmt::Debug,
{
    let error = answer.expect_err("it is refused");
    let status = error.raw_response().map(|raw| raw.status().as_u16()).unwrap_or_default();
    let code = error.code().unwrap_or_default().to_owned();
    (status, code, error.message().unwrap_or_default().to_owned())
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug, E>(
    answer: Result<T, SdkError<E>>,
    status: u16,
    code: &str,
    message: &str,
) where
    E: ProvideErrorMetadata + std::fmt::Debug,
{
    let told = refused(answer);
    assert_eq!(told, (status, code.to_owned(), message.to_owned()));
}
