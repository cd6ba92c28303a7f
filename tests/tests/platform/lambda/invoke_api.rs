//! The Invoke API: names, kinds of invocation, headers, refusals.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap::Emulator;
use hardcap_limits::Date;
use serde_json::{Value, json};

use super::{Lambda, guest, log};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_named_by_name_partial_arn_or_arn() {
    let lambda = Lambda::with([guest("echo")]).await;
    for name in [
        "echo",
        "echo:$LATEST",
        "000000000000:function:echo",
        "arn:aws:lambda:us-east-1:000000000000:function:echo",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aecho%3A%24LATEST",
    ] {
        let answer = lambda.invoke(name, "1").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "1"), "{name}");
    }
    let mut call = lambda.call("echo", "1");
    call.url += "?Qualifier=$LATEST";
    assert_eq!(lambda.send(call).await.text(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_function_is_404_with_its_arn_and_since_2025_with_latest() {
    for (day, latest) in [("2025-11-23", ""), ("2025-11-24", ":$LATEST")] {
        let builder = Emulator::builder().limits(day.parse().unwrap()).function(guest("echo"));
        let lambda = Lambda::start(builder).await;
        for (name, arn, latest) in [
            ("doesnotexist", "us-east-1:000000000000:function:doesnotexist", latest),
            ("echo:live", "us-east-1:000000000000:function:echo:live", ""),
            (
                "arn:aws:lambda:eu-west-1:000000000000:function:echo",
                "eu-west-1:000000000000:function:echo",
                latest,
            ),
            ("111122223333:function:echo", "us-east-1:111122223333:function:echo", latest),
        ] {
            let answer = lambda.invoke(name, "1").await;
            assert_eq!(answer.status, 404, "{name}");
            assert_eq!(answer.header("x-amzn-errortype"), Some("ResourceNotFoundException"));
            let message = format!("Function not found: arn:aws:lambda:{arn}{latest}");
            assert_eq!(answer.text(), format!(r#"{{"Type":"User","Message":"{message}"}}"#));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_json_is_refused_and_no_event_is_an_empty_object() {
    let lambda = Lambda::with([guest("echo")]).await;
    let refused = lambda.invoke("echo", "{\"a\"").await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.header("x-amzn-errortype"), Some("InvalidRequestContentException"));
    let body = refused.json();
    assert_eq!(body["Type"], "User");
    assert!(
        body["message"].as_str().unwrap().starts_with("Could not parse request body into json: "),
        "{body}"
    );
    for (event, fault, column) in [
        (
            &b"\x99\x00"[..],
            "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object or \
             token 'null', 'true' or 'false')",
            1,
        ),
        (&b"{\"a\": \"\x87\"}"[..], "Invalid UTF-8 start byte 0x87", 8),
    ] {
        let refused = lambda.send(lambda.call("echo", "").body(event)).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        // Recorded on 2025-11-24, with the name of AWS's parser that shows through.
        let message = format!(
            "Could not parse request body into json: Could not parse payload into json: {fault}\n at [Source: REDACTED \
             (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: {column}]"
        );
        assert_eq!(refused.json(), json!({"Type": "User", "message": message}));
    }
    assert_eq!(lambda.emulator.totals().invocations, 0, "the function was not invoked");
    assert_eq!(lambda.invoke("echo", "").await.text(), "{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_runs_nothing_and_an_unknown_kind_is_refused() {
    let lambda = Lambda::with([guest("echo")]).await;
    let kind = |kind: &str| lambda.call("echo", "1").header("x-amz-invocation-type", kind);
    let dry = lambda.send(kind("DryRun")).await;
    assert_eq!((dry.status.as_u16(), dry.body.len()), (204, 0));
    let refused = lambda.send(kind("Sideways")).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.header("x-amzn-errortype"), Some("ValidationException"));
    let told = "1 validation error detected: Value 'Sideways' at 'invocationType' failed to satisfy constraint: Member must \
                satisfy enum value set: [DryRun, RequestResponse, Event]";
    assert_eq!(refused.json(), json!({ "message": told }));
    assert_eq!(lambda.emulator.totals().invocations, 0);
    assert_eq!(lambda.send(kind("RequestResponse")).await.text(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_options_that_violate_their_constraints_are_refused_in_one_response() {
    let builder = Emulator::builder().limits(Date::LATEST).function(guest("echo"));
    let lambda = Lambda::start(builder).await;
    let of_name = "Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: \
                   (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
    let of_log = "Value 'Foo' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]";
    let one = |text: &str| format!("1 validation error detected: {text}");
    for path in [
        "2015-03-31/functions/NAME/invocations",
        "2021-11-15/functions/NAME/response-streaming-invocations",
    ] {
        for (name, log_type, told) in [
            ("a%20b", None, one(of_name)),
            ("echo", Some("Foo"), one(of_log)),
            ("a%20b", Some("Foo"), format!("2 validation errors detected: {of_name}; {of_log}")),
        ] {
            let mut call = lambda.call("echo", "1");
            call.url = format!("{}/{}", lambda.emulator.aws_url(), path.replace("NAME", name));
            if let Some(log_type) = log_type {
                call = call.header("x-amz-log-type", log_type);
            }
            let refused = lambda.send(call).await;
            assert_eq!(refused.status, 400, "{path}: {refused:?}");
            assert_eq!(refused.header("x-amzn-errortype"), Some("ValidationException"));
            assert_eq!(refused.json(), json!({ "message": told }), "{path}");
        }
    }
    assert_eq!(lambda.emulator.totals().invocations, 0, "the function was not invoked");
    let none = lambda.send(lambda.call("echo", "1").header("x-amz-log-type", "None")).await;
    assert_eq!((none.text(), none.header("x-amz-log-result")), ("1", None));
    let missing = lambda.invoke("a.b", "1").await;
    assert_eq!(
        missing.status, 404,
        "a function that exists may have dots in its name: {missing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_what_the_function_printed_between_start_and_report() {
    let lambda = Lambda::with([guest("behave")]).await;
    for line in ["first", "second"] {
        let answer = lambda.invoke("behave", json!({"print": line})).await;
        let (id, log) = (answer.header("x-amzn-requestid").unwrap(), log(&answer));
        let start =
            format!("START RequestId: {id} Version: $LATEST\n{line}\nEND RequestId: {id}\n");
        assert!(log.starts_with(&start), "{log}");
        let report = log.strip_prefix(&start).unwrap();
        assert!(report.starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{report}");
        assert!(report.contains(" ms\tMemory Size: 128 MB\tMax Memory Used: "), "{report}");
        assert!(report.ends_with("\t\n"), "{report}");
        assert!(!report.contains("Used: 0 MB") || cfg!(not(target_os = "linux")), "{report}");
    }
    let silent = lambda.send(lambda.call("behave", "{}")).await;
    assert_eq!(silent.header("x-amz-log-result"), None, "only those who ask get the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_is_4096_bytes() {
    let lambda = Lambda::with([guest("behave")]).await;
    let answer = lambda.invoke("behave", json!({"print": "x".repeat(10_000)})).await;
    let tail = log(&answer);
    assert_eq!(tail.len(), 4096);
    assert!(tail.starts_with('x') && tail.contains("REPORT"), "{tail}");

    let builder = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("behave"))
        .set("lambda_log_tail", 10);
    let lambda = Lambda::start(builder).await;
    assert_eq!(log(&lambda.invoke("behave", "{}").await).len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_context_arrives_decoded() {
    let lambda = Lambda::with([guest("behave")]).await;
    let context = json!({"client": {
        "installation_id": "i", "app_title": "t", "app_version_name": "1", "app_version_code": "2", "app_package_name": "p"
    }, "custom": {"key": "value"}, "env": {}});
    let call = |header: String| {
        lambda
            .call("behave", json!({"client_context": true}))
            .header("x-amz-client-context", header)
    };
    let answer = lambda.send(call(STANDARD.encode(context.to_string()))).await;
    assert_eq!(answer.json()["custom"]["key"], "value", "{answer:?}");
    assert_eq!(lambda.send(call("no base64!".to_owned())).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_header_reaches_the_invoker_and_a_given_one_is_kept() {
    let lambda = Lambda::with([guest("echo")]).await;
    let given = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let answer = lambda.send(lambda.call("echo", "1").header("x-amzn-trace-id", given)).await;
    assert_eq!(answer.header("x-amzn-trace-id"), Some(given));
}

const THROTTLED: &str = r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_that_is_used_up_throttles_at_once() {
    let mut one = guest("script");
    one.reserved_concurrency = Some(1);
    let mut none = guest("echo");
    none.reserved_concurrency = Some(0);
    let lambda = Lambda::with([one, none]).await;
    let answer = lambda.invoke("echo", "1").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (429, THROTTLED));
    assert_eq!(answer.header("x-amzn-errortype"), Some("TooManyRequestsException"));

    let busy = lambda.invoke("script", json!([{"sleep": 2_000}, "tell"]));
    let second = async {
        lambda.until(|totals| totals.cold_starts == 1).await;
        lambda.invoke("script", json!(["tell"])).await
    };
    let (first, second) = tokio::join!(busy, second);
    assert_eq!(first.status, 200);
    assert_eq!((second.status.as_u16(), second.text()), (429, THROTTLED));
    assert_eq!(lambda.emulator.totals().throttles, 2);
    lambda.is_healthy("script", json!(["tell"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn load_is_spread_over_sandboxes_up_to_the_accounts_concurrency() {
    let builder = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("behave"))
        .set("lambda_concurrency", 3);
    let lambda = Lambda::start(builder).await;
    let slow = || lambda.invoke("behave", json!({"millis": 2_000}));
    let over = async {
        lambda.until(|totals| totals.cold_starts == 3).await;
        lambda.invoke("behave", "{}").await
    };
    let (a, b, c, over) = tokio::join!(slow(), slow(), slow(), over);
    assert_eq!([a.status, b.status, c.status].map(|status| status.as_u16()), [200; 3]);
    assert_eq!(over.status, 429);
    let body: Value = over.json();
    assert_eq!(body["Reason"], "ConcurrentInvocationLimitExceeded", "{body}");
    lambda.is_healthy("behave", "{}").await;
    assert_eq!(lambda.emulator.totals().cold_starts, 3, "warm sandboxes are used again");
}
