//! The Rust that the pages show, compiled and run. A page shows lines of this file.

use hardcap_tests::client::Client;

/// Whether this is code of this file, however both are broken into lines.
pub(crate) fn is_compiled(text: &str) -> bool {
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    dense(include_str!("rust.rs")).contains(&dense(text))
}

#[test]
fn code_of_this_file_is_compiled_and_other_code_is_not() {
    assert!(is_compiled("type Done =\n  Result<(), Box<dyn std::error::Error>>;"));
    assert!(!is_compiled(concat!("type Done = ", "u8;")));
}

type Done = Result<(), Box<dyn std::error::Error>>;

#[tokio::test(flavor = "multi_thread")]
async fn an_emulator_in_a_test_listens_and_stops() -> Done {
    use hardcap::{Emulator, config::Function};

    let emulator = Emulator::builder()
        .function(Function::new("api", ["target/release/my-function"]))
        .rest_api("Api", &[("ANY", "/{proxy+}", "api")])
        .start()
        .await?;
    let url = format!("{}/report.pdf", emulator.api_url("Api")?);
    // The program does not exist: API Gateway's answer to a function that cannot start.
    assert_eq!(Client::new().get(&url).await?.status, 502);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_buckets_and_streams_are_set_in_a_test() -> Done {
    use hardcap::Emulator;
    use hardcap::config::{Bucket, Function};

    let emulator = Emulator::builder()
        .limits("2024-01-01".parse()?)
        .set("lambda_sync_response", 10_000)
        .function(Function::new("api", ["target/release/my-function"]))
        .streaming_function_url("api")
        .bucket(Bucket { name: "reports".to_owned(), ..Bucket::default() })
        .start()
        .await?;
    let refused = emulator.report().rows.iter().filter(|row| row.refused > 0).count();
    assert_eq!(refused, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_invoked_without_http_in_a_test() -> Done {
    use hardcap::{Emulator, config::Function, limits::Millis};

    let emulator = Emulator::builder()
        .function(Function::new("api", ["target/release/my-function"]))
        .start()
        .await?;
    let response = emulator.invoke("api", r#"{"order": 1}"#).await?;
    assert!(response.function_error.is_some(), "the program does not exist");
    emulator.invoke_async("api", r#"{"order": 2}"#).await?;
    emulator.until(|totals| totals.events.retried == 1).await;
    emulator.advance_clock(Millis(60_000)).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_injected_in_a_test() -> Done {
    use hardcap::Emulator;
    use hardcap::faults::{Fault, Kill, Phase};

    let kill = Kill { function: None, phase: Phase::Busy, after_millis: 0 };
    let emulator =
        Emulator::builder().fault(Fault::new(kill).probability(0.1)).fault_seed(7).start().await?;
    assert_eq!(emulator.report().injected.len(), 0);
    Ok(())
}
