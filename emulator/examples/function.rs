//! A function in a test: invoke it, read its response, its error and its log.
//!
//! ```console
//! $ cargo run -p hardcap --example function
//! ```
//!
//! What to see: the first response is what the function returned. The second invocation reached the function and failed, so it
//! has a response too, with AWS's error document as its payload. The third was refused before it reached the function: its
//! event is one byte over the limit. The log has the same START, END and REPORT lines as on AWS.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use hardcap::Emulator;
use hardcap::config::Function;
use hardcap::invoke::FunctionError;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

/// The function: greets a name. Yours is a program of its own.
async fn greet(event: LambdaEvent<Value>) -> Result<Value, Error> {
    match event.payload["name"].as_str() {
        Some(name) => Ok(json!({ "greeting": format!("Hello {name}") })),
        None => Err("the event has no name".into()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // This program is its own function: hardcap starts it again with an argument.
    if std::env::args().nth(1).as_deref() == Some("function") {
        return lambda_runtime::run(service_fn(greet)).await;
    }
    let this = std::env::current_exe()?;
    let greet = Function::new("greet", [this.as_os_str(), "function".as_ref()]);
    let emulator = Emulator::builder().function(greet).start().await?;

    let response = emulator.invoke("greet", r#"{"name": "Ada"}"#).await?;
    println!("response: {}", String::from_utf8_lossy(&response.payload));

    let failed = emulator.invoke("greet", "{}").await?;
    if let Some(FunctionError::Reported { message, .. }) = failed.function_error {
        println!("function error: {message}");
    }

    let refused = emulator.invoke("greet", vec![b' '; 6_291_457]).await;
    println!("refused: {}", refused.expect_err("the event is over the limit"));

    println!("log:");
    for line in String::from_utf8_lossy(&response.log_tail).lines() {
        println!("  {}", line.split(['\t', ' ']).next().unwrap_or_default());
    }
    emulator.stop().await;
    Ok(())
}
