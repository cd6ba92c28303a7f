//! Lambda from outside: real processes behind `POST /2015-03-31/functions/{name}/invocations`.

#[cfg(target_os = "linux")]
mod control_groups;
mod endings;
mod init;
mod invoke_api;
mod node;
mod processes;
mod protocol;
mod python;
#[cfg(target_os = "linux")]
mod sandbox;
mod sizes;
mod system_log;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap::config::Function;
use hardcap::record::Totals;
use hardcap::{Builder, Emulator};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::lambda::until;

/// A function that is the guest in one of its modes.
fn guest(mode: &str) -> Function {
    guest_with(mode, &[])
}

fn guest_with(mode: &str, arguments: &[&str]) -> Function {
    let command = [env!("CARGO_BIN_EXE_guest"), mode].into_iter().chain(arguments.iter().copied());
    let mut function = Function::new(mode, command);
    function.timeout = Millis(10_000);
    function
}

/// An emulator with some functions, and a client of its Invoke API.
struct Lambda {
    emulator: Emulator,
    client: Client,
}

impl Lambda {
    async fn with(functions: impl IntoIterator<Item = Function>) -> Lambda {
        Lambda::start(
            functions
                .into_iter()
                .fold(Emulator::builder().limits(Date::CLASSIC), Builder::function),
        )
        .await
    }

    /// The same with the newest known limits and texts.
    async fn current(functions: impl IntoIterator<Item = Function>) -> Lambda {
        let builder = Emulator::builder().limits(Date::LATEST);
        Lambda::start(functions.into_iter().fold(builder, Builder::function)).await
    }

    async fn start(builder: Builder) -> Lambda {
        let emulator = builder.start().await.expect("an emulator on free ports");
        Lambda { emulator, client: Client::new() }
    }

    fn call(&self, function: &str, event: impl ToString) -> Call {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        Call::post(format!("{}{path}", self.emulator.aws_url()), event.to_string())
    }

    async fn send(&self, call: Call) -> Answer {
        self.client.send(&call).await.expect("an answer of the emulator")
    }

    async fn invoke(&self, function: &str, event: impl ToString) -> Answer {
        self.send(self.call(function, event).header("x-amz-log-type", "Tail")).await
    }

    /// Waits until the records say so.
    async fn until(&self, done: impl Fn(&Totals) -> bool) {
        until(&self.emulator, done).await;
    }

    /// A function that was refused something must still serve.
    async fn is_healthy(&self, function: &str, event: impl ToString) {
        let answer = self.invoke(function, event).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("x-amz-function-error"), None, "{answer:?}\n{}", log(&answer));
    }
}

/// The tail of the invocation's log.
fn log(answer: &Answer) -> String {
    let encoded = answer.header("x-amz-log-result").unwrap_or_default();
    let decoded = STANDARD.decode(encoded).expect("the log's tail is base64");
    String::from_utf8_lossy(&decoded).into_owned()
}

#[track_caller]
fn assert_fault(answer: &Answer, payload: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"), "{}", log(answer));
    let id = answer.header("x-amzn-requestid").expect("every answer has a request id");
    assert_eq!(answer.text(), payload.replace("{id}", id), "{}", log(answer));
}
