//! Faults on purpose, from outside: each strikes where it is asked to, as often as it is asked to, and all is well after.

mod control;
mod events;
mod invocations;
mod stores;

use std::ops::Deref;

use hardcap::config::Function;
use hardcap::faults::{Fault, FaultKind};
use hardcap::{Builder, Emulator};
use hardcap_limits::{Date, Millis};
use hardcap_tests::functions;
use hardcap_tests::lambda::Lambda;

/// An emulator in which something goes wrong, and a client.
struct Suffering(Lambda);

impl Deref for Suffering {
    type Target = Lambda;

    fn deref(&self) -> &Lambda {
        &self.0
    }
}

impl Suffering {
    async fn start(builder: Builder) -> Suffering {
        Suffering(Lambda::start(builder).await)
    }

    /// One function, and one fault that strikes so often.
    async fn with(function: Function, kind: impl Into<FaultKind>, count: u64) -> Suffering {
        let fault = Fault::new(kind).count(count);
        Suffering::start(Emulator::builder().limits(Date::CLASSIC).function(function).fault(fault))
            .await
    }

    async fn is_healthy(&self, function: &str) {
        let answer = self.invoke(function, "{}").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("x-amz-function-error"), None, "{answer:?}");
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
