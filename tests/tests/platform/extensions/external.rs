//! External extensions: processes that the platform starts before the runtime, and that end after it.

use hardcap::Emulator;
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::Call;
use serde_json::json;

use super::world::{Layer, World, assert_error, function, log};

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_of_a_layer_receives_each_invocation_and_the_shutdown() {
    let layer = Layer::with(&["agent"]);
    let script = r#"[{"register":["INVOKE","SHUTDOWN"]},"next"]"#;
    let world = World::with(function("behave", &layer, script)).await;
    let cold = world.invoke("behave", "{}").await;
    let text = log(&cold);
    assert!(
        text.contains(
            r#"agent heard 200 {"functionName":"behave","functionVersion":"$LATEST","handler":"bootstrap"}"#
        ),
        "{text}"
    );
    assert!(
        text.lines()
            .any(|line| line == "EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE,SHUTDOWN]"),
        "{text}"
    );
    assert!(text.contains("\tInit Duration: "), "{text}");
    let warm = world.invoke("behave", json!({"deadline": true, "millis": 200})).await;
    let id = warm.header("x-amzn-requestid").unwrap();
    let told = format!(
        r#"agent heard 200 {{"eventType":"INVOKE","deadlineMs":{},"requestId":"{id}","invokedFunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:behave","tracing":{{"type":"X-Amzn-Trace-Id","value":"Root="#,
        warm.text()
    );
    assert!(log(&warm).contains(&told), "{told}\n{}", log(&warm));
    assert_eq!(world.emulator.totals().cold_starts, 1);
    world.emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_does_not_wait_for_extensions_but_the_next_invocation_does() {
    let layer = Layer::with(&["slow"]);
    let script = r#"[{"register":["INVOKE"]},"next",{"sleep":400},{"print":"worked"},"next"]"#;
    let world = World::with(function("behave", &layer, script)).await;
    let first = world.invoke("behave", "{}").await;
    assert_eq!(first.header("x-amz-function-error"), None, "{}", log(&first));
    assert!(!log(&first).contains("worked"), "{}", log(&first));
    let second = world.invoke("behave", "{}").await;
    assert_eq!(second.header("x-amz-function-error"), None, "{}", log(&second));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_does_not_come_back_ends_its_sandbox_at_the_timeout() {
    let layer = Layer::with(&["stuck"]);
    let script = r#"[{"register":["INVOKE"]},"next",{"sleep":600000}]"#;
    let mut function = function("behave", &layer, script);
    function.timeout = Millis(1_000);
    function.reserved_concurrency = Some(1);
    let world = World::with(function).await;
    for _ in 0..2 {
        let answer = world.invoke("behave", "{}").await;
        assert_eq!(answer.header("x-amz-function-error"), None, "{}", log(&answer));
    }
    assert_eq!(world.emulator.totals().cold_starts, 2, "the first sandbox was not free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_an_invocation_ends_it_and_the_sandbox() {
    let layer = Layer::with(&["crash"]);
    for (status, message) in [(0, "exit code 0"), (7, "exit status 7")] {
        let script = format!(r#"[{{"register":["INVOKE"]}},"next",{{"exit":{status}}}]"#);
        let builder = Emulator::builder().limits(Date::LATEST);
        let world = World::start(builder.function(function("behave", &layer, &script))).await;
        let answer = world.invoke("behave", json!({"millis": 10_000})).await;
        assert_error(&answer, "Extension.Crash", message);
        assert!(
            log(&answer).ends_with("\tStatus: error\tError Type: Extension.Crash\n"),
            "{}",
            log(&answer)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_init_is_reported_and_init_is_tried_once_more() {
    let layer = Layer::with(&["crash"]);
    let script = r#"[{"register":["INVOKE"]},{"exit":0}]"#;
    let world = World::with(function("behave", &layer, script)).await;
    let answer = world.invoke("behave", "{}").await;
    assert_error(&answer, "Extension.Crash", "exit code 0");
    let text = log(&answer);
    for phase in ["init", "invoke"] {
        let line = format!(" ms\tPhase: {phase}\tStatus: error\tError Type: Extension.Crash\n");
        assert_eq!(text.matches(&line).count(), 1, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_an_extension_reports_is_what_its_end_is_called() {
    let layer = Layer::with(&["agent"]);
    let script = r#"[{"register":["INVOKE"]},{"init_error":"Extension.NoKey"},{"exit":0}]"#;
    let world = World::with(function("behave", &layer, script)).await;
    let answer = world.invoke("behave", "{}").await;
    // Recorded in elastic/apm-aws-lambda#145, 2022-03-10.
    assert_error(&answer, "Extension.InitError", "exit code 0");
    let text = log(&answer);
    assert!(text.contains(r#"agent heard 202 {"status":"OK"}"#), "{text}");
    let line =
        "EXTENSION\tName: agent\tState: InitError\tEvents: [INVOKE]\tError Type: Extension.NoKey\n";
    assert!(text.contains(line), "{text}");

    let script = r#"[{"register":["INVOKE"]},"next",{"exit_error":"Extension.Full"},{"exit":1}]"#;
    let world = World::with(function("behave", &layer, script)).await;
    let answer = world.invoke("behave", json!({"millis": 10_000})).await;
    assert_error(&answer, "Extension.ExitError", "exit status 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_never_registers_meets_the_limit_of_init() {
    let layer = Layer::with(&["silent"]);
    let mut function = function("behave", &layer, r#"[{"sleep":600000}]"#);
    function.timeout = Millis(1_000);
    let builder =
        Emulator::builder().limits(Date::CLASSIC).function(function).set("lambda_init", 300);
    let world = World::start(builder).await;
    let answer = world.invoke("behave", "{}").await;
    let text = log(&answer);
    assert!(text.contains("Phase: init\tStatus: timeout"), "{text}");
    assert!(answer.text().contains("Task timed out after 1.00 seconds"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_executed_is_a_launch_error() {
    let layer = Layer::with(&[]);
    std::fs::write(layer.path().join("extensions/notes.txt"), "not a program").unwrap();
    let world = World::with(function("behave", &layer, "[]")).await;
    let answer = world.invoke("behave", "{}").await;
    assert!(answer.text().contains(r#""errorType":"Extension.LaunchError""#), "{}", answer.text());
    let line = "EXTENSION\tName: notes.txt\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n";
    assert!(log(&answer).contains(line), "{}", log(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_extensions_run_and_an_eleventh_is_one_too_many() {
    let names: Vec<String> = (0..11).map(|number| format!("e{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let script = r#"[{"register":[]},"next"]"#;
    let ten = Layer::with(&names[..10]);
    let world = World::with(function("behave", &ten, script)).await;
    let answer = world.invoke("behave", "{}").await;
    assert_eq!(answer.header("x-amz-function-error"), None, "lambda_extensions: {}", log(&answer));
    let eleven = Layer::with(&names);
    let world = World::with(function("behave", &eleven, script)).await;
    let answer = world.invoke("behave", "{}").await;
    assert!(answer.text().contains(r#""errorType":"Extension.LaunchError""#), "{}", answer.text());
    assert!(
        log(&answer)
            .contains("Name: e10\tState: LaunchError\tEvents: []\tError Type: TooManyExtensions"),
        "{}",
        log(&answer)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_web_server_works_behind_an_adapter() {
    let layer = Layer::with(&["lambda-adapter"]);
    let port = free_port();
    let script = format!(r#"[{{"register":[]}},{{"adapt":{port}}}]"#);
    let mut web = function("web", &layer, &script);
    web.environment.insert("PORT".to_owned(), port.to_string());
    let world =
        World::start(Emulator::builder().limits(Date::CLASSIC).function(web).function_url("web"))
            .await;
    let address = world.emulator.function_url("web").unwrap().to_owned();
    for text in ["one", "two"] {
        let call = Call::post(format!("{address}/hello"), text.to_owned())
            .header("content-type", "text/plain");
        let answer = world.client.send(&call).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (200, format!("/hello got {text}").as_str()),
            "{answer:?}"
        );
    }
    assert_eq!(world.emulator.totals().cold_starts, 1);
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
