//! The vocabulary of these tests: a function with an extension beside it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap::config::Function;
use hardcap::{Builder, Emulator};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::process::binary;
use tempfile::TempDir;

/// A layer's folder, with programs in `extensions`.
pub(crate) struct Layer {
    folder: TempDir,
}

impl Layer {
    /// The extension under test, under each of these names.
    pub(crate) fn with(names: &[&str]) -> Layer {
        let folder = tempfile::tempdir().expect("a folder for a layer");
        std::fs::create_dir(folder.path().join("extensions")).expect("a folder for extensions");
        for name in names {
            let program = binary(env!("CARGO_PKG_NAME"), "extension");
            std::fs::copy(program, folder.path().join("extensions").join(name))
                .expect("a program for a layer");
        }
        Layer { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The guest in one of its modes, with a layer and the script of its extensions.
pub(crate) fn function(mode: &str, layer: &Layer, script: &str) -> Function {
    let mut function = hardcap_tests::functions::guest(mode);
    function.timeout = Millis(20_000);
    function.layers.push(layer.path().to_owned());
    function.environment.insert("EXTENSION".to_owned(), script.to_owned());
    function
}

pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
}

impl World {
    pub(crate) async fn with(function: Function) -> World {
        World::start(Emulator::builder().limits(Date::CLASSIC).function(function)).await
    }

    pub(crate) async fn start(builder: Builder) -> World {
        let emulator = builder.start().await.expect("an emulator on free ports");
        World { emulator, client: Client::new() }
    }

    pub(crate) async fn invoke(&self, function: &str, event: impl ToString) -> Answer {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let call = Call::post(format!("{}{path}", self.emulator.aws_url()), event.to_string());
        self.client.send(&call.header("x-amz-log-type", "Tail")).await.expect("an answer")
    }
}

/// The tail of the invocation's log.
pub(crate) fn log(answer: &Answer) -> String {
    let encoded = answer.header("x-amz-log-result").unwrap_or_default();
    let decoded = STANDARD.decode(encoded).expect("the log's tail is base64");
    String::from_utf8_lossy(&decoded).into_owned()
}

#[track_caller]
pub(crate) fn assert_error(answer: &Answer, error_type: &str, message: &str) {
    let id = answer.header("x-amzn-requestid").expect("every answer has a request id");
    let expected = format!(
        r#"{{"errorType":"{error_type}","errorMessage":"RequestId: {id} Error: {message}"}}"#
    );
    assert_eq!(answer.text(), expected, "{}", log(answer));
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
}
