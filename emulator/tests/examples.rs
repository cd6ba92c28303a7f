//! Every example runs and prints what its comment promises.

use std::path::PathBuf;
use std::process::Command;

/// The output of an example. `cargo test` without a target builds the examples beside the tests.
#[expect(clippy::disallowed_methods, reason = "an example is a program")]
fn output_of(example: &str) -> String {
    let test = std::env::current_exe().expect("the running test has a path");
    let profile = test.ancestors().nth(2).expect("it is in target/PROFILE/deps");
    let program: PathBuf =
        profile.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "{} is not built: cargo build -p hardcap --examples",
        program.display()
    );
    let output = Command::new(&program).output().expect("the example starts");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{example}: {:?}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

#[test]
fn the_example_function_shows_a_response_an_error_a_refusal_and_the_log() {
    assert_eq!(
        output_of("function"),
        "response: {\"greeting\":\"Hello Ada\"}\n\
         function error: the event has no name\n\
         refused: lambda_sync_request: 6291457 bytes, 1 over the limit of 6291456\n\
         log:\n  START\n  END\n  REPORT\n"
    );
}

#[test]
fn the_example_small_limit_shows_a_response_that_passes_and_one_that_is_refused() {
    assert_eq!(
        output_of("small_limit"),
        "body of 900 bytes: 200, 900 bytes\n\
         body of 1000 bytes: 502, 36 bytes\n\
         lambda_sync_response: highest 1028 of 1000, 1 refused\n\
         override: 1000 instead of 6291556\n"
    );
}

#[test]
fn the_example_faults_shows_two_throttles_and_a_response() {
    assert_eq!(
        output_of("faults"),
        "attempt 1: throttled, ConcurrentInvocationLimitExceeded\n\
         attempt 2: throttled, ConcurrentInvocationLimitExceeded\n\
         attempt 3: response\n\
         payload: {\"order\":1}\n\
         injected: {\"throttle\": 2}\n"
    );
}

#[test]
fn the_example_async_queue_shows_two_retries_and_the_end_of_the_event() {
    assert_eq!(
        output_of("async_queue"),
        "attempt 1 failed; the next one is due in 60 s\n\
         attempt 2 failed; the next one is due in 120 s\n\
         invocations: 3, exhausted: 1\n\
         destination records: 1\n"
    );
}
