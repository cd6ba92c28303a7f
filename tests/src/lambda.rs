//! Lambda's Invoke API as a test calls it, and what a test does while events are under way: wait for records, and let time pass.

use std::time::Duration;

use hardcap::config::Function;
use hardcap::record::Totals;
use hardcap::{Builder, Emulator};
use hardcap_limits::{Date, Millis};
use serde_json::json;

use crate::client::{Answer, Call, Client};

/// No record takes longer to come.
const WITHIN: Millis = Millis(300_000);

/// An emulator with some functions, and a client of its Invoke API.
#[derive(Debug)]
pub struct Lambda {
    /// What is asked.
    pub emulator: Emulator,
    /// Who asks.
    pub client: Client,
}

impl Lambda {
    /// Starts what a builder describes.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start(builder: Builder) -> Lambda {
        let emulator = builder.start().await.expect("an emulator on free ports");
        Lambda { emulator, client: Client::new() }
    }

    /// Starts an emulator with these functions.
    pub async fn with(functions: impl IntoIterator<Item = Function>) -> Lambda {
        Lambda::start(
            functions
                .into_iter()
                .fold(Emulator::builder().limits(Date::CLASSIC), Builder::function),
        )
        .await
    }

    /// Starts an emulator with these functions and the newest limits and texts.
    pub async fn current(functions: impl IntoIterator<Item = Function>) -> Lambda {
        let builder = Emulator::builder().limits(Date::LATEST);
        Lambda::start(functions.into_iter().fold(builder, Builder::function)).await
    }

    /// A request to invoke; the kind is `RequestResponse` or `Event`.
    #[must_use]
    pub fn call(&self, function: &str, kind: &str, event: impl ToString) -> Call {
        let url = self.emulator.aws_url();
        Call::post(format!("{url}/2015-03-31/functions/{function}/invocations"), event.to_string())
            .header("x-amz-invocation-type", kind)
    }

    /// Sends a request.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn send(&self, call: Call) -> Answer {
        self.client.send(&call).await.expect("an answer of the emulator")
    }

    /// Invokes a function, and waits for what it returns.
    pub async fn invoke(&self, function: &str, event: impl ToString) -> Answer {
        self.send(self.call(function, "RequestResponse", event)).await
    }

    /// Hands an event over.
    pub async fn event(&self, function: &str, event: impl ToString) -> Answer {
        self.send(self.call(function, "Event", event)).await
    }

    /// Hands an event over that must be accepted, and gives its request id.
    ///
    /// # Panics
    ///
    /// When it is not accepted.
    pub async fn accepted(&self, function: &str, event: impl ToString) -> String {
        let answer = self.event(function, event).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (202, 0), "{answer:?}");
        answer.header("x-amzn-requestid").expect("every answer has a request id").to_owned()
    }

    /// Waits until the records say so.
    pub async fn until(&self, done: impl Fn(&Totals) -> bool) {
        until(&self.emulator, done).await;
    }

    /// Lets some seconds pass.
    pub async fn advance(&self, seconds: u64) {
        advance(&self.emulator, &self.client, Duration::from_secs(seconds)).await;
    }
}

/// Waits until the records of an emulator say so, for at most five minutes.
///
/// # Panics
///
/// When they do not. The message has the totals.
pub async fn until(emulator: &Emulator, done: impl Fn(&Totals) -> bool) {
    let mut records = emulator.recorder().watch();
    let recorded = async {
        while !done(&emulator.totals()) {
            // A record that was missed is one more reason to look again.
            let _ = records.recv().await;
        }
    };
    let recorded = emulator.clock().timeout(WITHIN, recorded).await;
    assert!(recorded.is_some(), "not within {WITHIN:?}; last seen: {:?}", emulator.totals());
}

/// Advances the clock of an emulator.
///
/// # Panics
///
/// When it does not say that it did.
pub async fn advance(emulator: &Emulator, client: &Client, span: Duration) {
    let millis = u64::try_from(span.as_millis()).expect("a span of some days");
    let url = format!("{}/clock/advance", emulator.control_url());
    let call = Call::post(url, json!({ "millis": millis }).to_string());
    let answer = client.send(&call.header("content-type", "application/json")).await;
    let answer = answer.expect("an answer of the control surface");
    assert_eq!(answer.status, 200, "{answer:?}");
}
