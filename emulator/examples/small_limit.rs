//! A gateway with a small limit: the test crosses it with kilobytes instead of megabytes.
//!
//! ```console
//! $ cargo run -p hardcap --example small_limit
//! ```
//!
//! What to see: the response of 900 bytes passes. The limit applies to the JSON that the function returns, not to its body, so
//! the body of 1,000 bytes is refused: the client gets 502 from API Gateway, as it would on AWS. The report has the measured
//! bytes, and names the number that the run overrides.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

mod support;

use hardcap::Emulator;
use hardcap::config::Function;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

/// The function: responds with a body of as many bytes as the query asks for.
async fn body_of_size(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let size = event.payload["queryStringParameters"]["size"].as_str().unwrap_or("0").parse()?;
    Ok(json!({ "statusCode": 200, "body": "x".repeat(size) }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // This program is its own function: hardcap starts it again with an argument.
    if std::env::args().nth(1).as_deref() == Some("function") {
        return lambda_runtime::run(service_fn(body_of_size)).await;
    }
    let this = std::env::current_exe()?;
    let emulator = Emulator::builder()
        .set("lambda_sync_response", 1_000)
        .function(Function::new("sized", [this.as_os_str(), "function".as_ref()]))
        .rest_api("Api", &[("GET", "/body", "sized")])
        .start()
        .await?;

    for size in [900, 1_000] {
        let url = format!("{}/body?size={size}", emulator.api_url("Api")?);
        let (status, body) = support::get(&url).await?;
        println!("body of {size} bytes: {status}, {} bytes", body.len());
    }
    let report = emulator.report();
    let refused = report.rows.iter().find(|row| row.refused > 0).expect("one response was refused");
    println!(
        "{}: highest {} of {}, {} refused",
        refused.row, refused.highest, refused.max, refused.refused
    );
    println!("override: {} instead of {}", report.overrides[0].in_force, report.overrides[0].aws);
    emulator.stop().await;
    Ok(())
}
