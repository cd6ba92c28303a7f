//! The asynchronous queue: an event that fails is retried after one and two minutes. The test advances the clock instead of
//! waiting.
//!
//! ```console
//! $ cargo run -p hardcap --example async_queue
//! ```
//!
//! What to see: three attempts in a few seconds of real time, with AWS's delays between them. The event then ends as exhausted,
//! and its dead letter goes to the configured destination. The destination is an object in a bucket here.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use hardcap::Emulator;
use hardcap::config::{Bucket, EventInvokeConfig, Function};
use hardcap::limits::Millis;
use hardcap::record::Observation;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

async fn always_fails(_event: LambdaEvent<Value>) -> Result<Value, Error> {
    Err("the upstream is down".into())
}

/// The delays before the retries so far.
fn delays(emulator: &Emulator) -> Vec<Millis> {
    let delay = |observation| match observation {
        Observation::EventRetried { wait, .. } => Some(Millis(wait)),
        _ => None,
    };
    let records = emulator.recorder().newest();
    records.into_iter().filter_map(|record| delay(record.what)).collect()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // This program is its own function: hardcap starts it again with an argument.
    if std::env::args().nth(1).as_deref() == Some("function") {
        return lambda_runtime::run(service_fn(always_fails)).await;
    }
    let this = std::env::current_exe()?;
    let mut worker = Function::new("worker", [this.as_os_str(), "function".as_ref()]);
    let failed = Some("arn:aws:s3:::failed".to_owned());
    worker.events = EventInvokeConfig { on_failure: failed, ..EventInvokeConfig::default() };
    let emulator = Emulator::builder()
        .function(worker)
        .bucket(Bucket { name: "failed".to_owned(), ..Bucket::default() })
        .start()
        .await?;

    emulator.invoke_async("worker", r#"{"order":1}"#).await?;
    for retry in 1..=2 {
        emulator.until(|totals| totals.events.retried == retry).await;
        let delay = delays(&emulator).last().copied().expect("a retry was recorded");
        println!("attempt {retry} failed; the next one is due in {} s", delay.0 / 1_000);
        emulator.advance_clock(delay).await;
    }
    emulator.events_ended().await;
    let totals = emulator.totals();
    println!("invocations: {}, exhausted: {}", totals.invocations, totals.events.retries_exhausted);
    emulator.until(|totals| totals.events.sent == 1).await;
    println!("destination records: 1");
    emulator.stop().await;
    Ok(())
}
