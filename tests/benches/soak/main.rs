//! Mixed traffic for an hour against the real program `hardcap` with faults injected, while the kernel is asked how much
//! memory, how many file descriptors and how many threads it has.
//!
//! ```text
//! cargo run --release -p hardcap-tests --bin soak -- --minutes 60 --out soak
//! ```
//!
//! Writes `soak.csv` (one line per sample) and `soak.svg` (the plot). Fails when the last tenth of the run needs more than the
//! second tenth did: by over a quarter for memory, by over 16 for descriptors and for threads. The first tenth is warm-up.

mod plot;
mod sample;
mod traffic;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use hardcap::Clock;
use hardcap_tests::process::{Process, beside};

use sample::Sample;
use traffic::{Counts, Targets};

/// Mixed traffic with faults, and what the program needs meanwhile.
#[derive(Parser)]
struct Options {
    /// How long to run, in minutes.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Rounds of traffic per second; each has one request of every kind.
    #[arg(long, default_value_t = 2.0)]
    rounds_per_second: f64,
    /// Where to write the figures: `OUT.csv` and `OUT.svg`.
    #[arg(long, default_value = "soak")]
    out: PathBuf,
}

const TEMPLATE: &str = "
Resources:
  Behave:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: behave
      CodeUri: .
      Timeout: 2
      Events:
        Http: {Type: HttpApi, Properties: {Path: /http, Method: post}}
        Rest: {Type: Api, Properties: {Path: /rest, Method: post}}
  Store:
    Type: AWS::S3::Bucket
    Properties: {BucketName: soak}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: soak
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
";

const FAULTS: &str = r#"
fault_seed = 7

[[fault]]
fault = "throttle"
probability = 0.02

[[fault]]
fault = "kill"
phase = "busy"
probability = 0.02

[[fault]]
fault = "duplicate"
probability = 0.05

[[fault]]
fault = "reorder"
within_millis = 2000
probability = 0.1

[[fault]]
fault = "fail"
service = "s3"
error = "throttle"
probability = 0.02

[[fault]]
fault = "fail"
service = "dynamodb"
error = "internal"
probability = 0.02
"#;

#[tokio::main]
async fn main() -> io::Result<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    let (process, targets) = start(folder.path()).await?;
    let id = process.id().ok_or_else(|| io::Error::other("hardcap ended at once"))?;
    let whole = Duration::from_secs_f64(options.minutes * 60.0);
    let pause = Duration::from_secs_f64(1.0 / options.rounds_per_second);
    let between = (whole / 720).max(Duration::from_millis(200));

    let clock = Clock::default();
    let began = clock.stopwatch();
    let mut counts = Counts::default();
    let mut samples = vec![Sample::of(id, began.elapsed())?];
    let mut next_sample = between;
    let mut round = 0_u32;
    while began.elapsed() < whole {
        traffic::round(&targets, round.into(), &mut counts).await;
        round += 1;
        if began.elapsed() >= next_sample {
            samples.push(Sample::of(id, began.elapsed())?);
            next_sample += between;
            if samples.len().is_multiple_of(72) {
                eprintln!("{:5.1} min: {counts}", began.elapsed().as_secs_f64() / 60.0);
            }
        }
        let rest = (pause * round).saturating_sub(began.elapsed());
        clock.pause(rest).await;
    }
    let status = process.stop().await?;
    let csv = sample::csv(&samples);
    std::fs::write(options.out.with_extension("csv"), csv)?;
    std::fs::write(options.out.with_extension("svg"), plot::svg(&samples))?;
    eprintln!("{counts}; hardcap ended with {status}");
    let growth = sample::growth(&samples);
    eprintln!("{growth}");
    match growth.is_flat() {
        true => Ok(()),
        false => Err(io::Error::other("the figures are not flat")),
    }
}

async fn start(folder: &Path) -> io::Result<(Process, Targets)> {
    let guest = beside("guest");
    let settings =
        format!("{FAULTS}\n[functions.Behave]\ncommand = [\"{}\", \"behave\"]\n", guest.display());
    std::fs::write(folder.join("template.yaml"), TEMPLATE)?;
    std::fs::write(folder.join("hardcap.toml"), settings)?;
    let ready = folder.join("ready.json");
    let template = folder.join("template.yaml");
    let template = template.to_string_lossy();
    let ready_file = ready.to_string_lossy();
    let arguments =
        ["up", &template, "--api-port", "0", "--aws-port", "0", "--ready-file", &ready_file];
    let log = folder.join("hardcap.log");
    let mut process = Process::start_logged(&beside("hardcap"), arguments, &log)?;
    loop {
        if let Ok(text) = std::fs::read(&ready) {
            return Ok((process, Targets::read(&text)?));
        }
        if process.ended()?.is_some() {
            return Err(io::Error::other(std::fs::read_to_string(&log)?));
        }
        tokio::task::yield_now().await;
    }
}
