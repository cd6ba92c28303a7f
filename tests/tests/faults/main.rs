//! Faults on purpose, from outside: each strikes where it is asked to, as often as it is asked to, and all is well after.

mod control;
mod events;
mod invocations;
mod stores;

use hardcap::config::Function;
use hardcap::faults::{Fault, Kind};
use hardcap::{Builder, Emulator, Totals};
use hardcap_limits::Millis;
use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::functions;
use serde_json::json;

/// An emulator in which something goes wrong, and a client.
struct Suffering {
    emulator: Emulator,
    client: Client,
}

impl Suffering {
    async fn start(builder: Builder) -> Suffering {
        let emulator = builder.start().await.expect("an emulator on free ports");
        Suffering { emulator, client: Client::new() }
    }

    /// One function, and one fault that strikes so often.
    async fn with(function: Function, kind: impl Into<Kind>, count: u64) -> Suffering {
        let fault = Fault::new(kind).count(count);
        Suffering::start(Emulator::builder().function(function).fault(fault)).await
    }

    fn call(&self, function: &str, kind: &str, event: impl ToString) -> Call {
        let url = self.emulator.aws_url();
        Call::post(format!("{url}/2015-03-31/functions/{function}/invocations"), event.to_string())
            .header("x-amz-invocation-type", kind)
    }

    async fn send(&self, call: Call) -> Answer {
        self.client.send(&call).await.expect("an answer of the emulator")
    }

    async fn invoke(&self, function: &str, event: impl ToString) -> Answer {
        self.send(self.call(function, "RequestResponse", event)).await
    }

    /// Sends an event that must be accepted, and gives its request id.
    async fn accepted(&self, function: &str, event: impl ToString) -> String {
        let answer = self.send(self.call(function, "Event", event)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.header("x-amzn-requestid").expect("every answer has a request id").to_owned()
    }

    async fn is_healthy(&self, function: &str) {
        let answer = self.invoke(function, "{}").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("x-amz-function-error"), None, "{answer:?}");
    }

    /// Waits until the records say so.
    async fn until(&self, done: impl Fn(&Totals) -> bool) {
        let mut records = self.emulator.recorder().watch();
        while !done(&self.emulator.totals()) {
            // A record that was missed is one more reason to look again.
            let _ = records.recv().await;
        }
    }

    async fn advance(&self, seconds: u64) {
        let url = format!("{}/clock/advance", self.emulator.control_url());
        let call = Call::post(url, json!({ "millis": seconds * 1000 }).to_string());
        let answer = self.send(call.header("content-type", "application/json")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// How often a fault has struck, as the records have it.
    fn struck(&self, fault: &str) -> u64 {
        self.emulator.totals().injected.get(fault).copied().unwrap_or_default()
    }
}

/// A guest with time enough on a busy machine.
fn guest(mode: &str) -> Function {
    let mut function = functions::guest(mode);
    function.timeout = Millis(60_000);
    function
}
