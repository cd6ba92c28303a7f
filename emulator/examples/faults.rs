//! Faults: a caller that retries, tested against throttles that come at will.
//!
//! ```console
//! $ cargo run -p hardcap --example faults
//! ```
//!
//! What to see: the first two attempts are throttled although no concurrency is used, then the function responds. The report
//! counts the throttles as injected, so a gate can tell them from those of AWS's limits. With `probability` instead of `count`,
//! `fault_seed` makes a run repeatable.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use hardcap::Emulator;
use hardcap::config::Function;
use hardcap::faults::{Fault, Throttle};
use hardcap::invoke::{InvokeError, InvokeResponse};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}

/// The code under test: retries throttled invocations. A real one waits between its attempts.
async fn invoke_with_retries(
    emulator: &Emulator,
    event: &str,
) -> Result<InvokeResponse, InvokeError> {
    for attempt in 1..=5 {
        match emulator.invoke("echo", event.to_owned()).await {
            Err(InvokeError::Throttled(reason)) => {
                println!("attempt {attempt}: throttled, {reason}")
            }
            result => {
                println!(
                    "attempt {attempt}: {}",
                    if result.is_ok() { "response" } else { "error" }
                );
                return result;
            }
        }
    }
    emulator.invoke("echo", event.to_owned()).await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // This program is its own function: hardcap starts it again with an argument.
    if std::env::args().nth(1).as_deref() == Some("function") {
        return lambda_runtime::run(service_fn(echo)).await;
    }
    let this = std::env::current_exe()?;
    let emulator = Emulator::builder()
        .function(Function::new("echo", [this.as_os_str(), "function".as_ref()]))
        .fault(Fault::new(Throttle::default()).count(2))
        .start()
        .await?;

    let response = invoke_with_retries(&emulator, r#"{"order":1}"#).await?;
    println!("payload: {}", String::from_utf8_lossy(&response.payload));
    println!("injected: {:?}", emulator.report().injected);
    emulator.stop().await;
    Ok(())
}
