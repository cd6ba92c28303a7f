//! The columns that run functions: one function in three languages, under AWS's own runtimes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hardcap::config::Function;
use hardcap_limits::Millis;
use hardcap_tests::process::binary;

/// A runtime with the function of the table, and the words that are its own.
#[derive(Debug)]
pub(super) struct Runtime {
    pub(super) name: &'static str,
    identifier: &'static str,
    command: Vec<OsString>,
    /// `errorType` of a plain error.
    pub(super) error_type: &'static str,
    /// What it says of an answer that cannot be written: `errorType`, and the end of `errorMessage`.
    pub(super) unserializable: (&'static str, &'static str),
}

impl Runtime {
    pub(super) fn function(&self) -> Function {
        let mut function = Function::new(self.name, self.command.clone());
        function.task_root = folder();
        function.handler = "cases.handler".to_owned();
        function.runtime = self.identifier.to_owned();
        function.memory_mb = 512;
        function.timeout = Millis(5_000);
        function
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases")
}

pub(super) fn rust() -> Runtime {
    let guest = binary(env!("CARGO_PKG_NAME"), "guest");
    Runtime {
        name: "rust",
        identifier: "provided.al2023",
        command: vec![guest.into(), "behave".into()],
        error_type: "&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>",
        unserializable: ("Runtime.ExitError", "Error: Runtime exited with error: exit status 1"),
    }
}

pub(super) fn python(interpreter: &Path) -> Runtime {
    let client = ["-m", "awslambdaric", "cases.handler"].map(OsString::from);
    Runtime {
        name: "python",
        identifier: "python3.11",
        command: std::iter::once(interpreter.into()).chain(client).collect(),
        error_type: "RuntimeError",
        unserializable: (
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type object is not JSON serializable",
        ),
    }
}

pub(super) fn node(client: &Path) -> Runtime {
    Runtime {
        name: "node",
        identifier: "nodejs20.x",
        command: vec!["node".into(), client.into(), "cases.handler".into()],
        error_type: "Error",
        unserializable: ("Error", "Unable to stringify response body"),
    }
}
