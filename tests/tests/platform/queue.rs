//! Asynchronous invocation from outside: real functions, Lambda's own client, a clock that is advanced.

use std::io::{BufRead as _, BufReader};
use std::ops::Deref;
use std::time::Duration;

use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::types::InvocationType;
use hardcap::config::{Bucket, EventInvokeConfig, Function, RecursiveLoop, Schedule};
use hardcap::record::Observation;
use hardcap::{Builder, Emulator};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::{Call, Client};
use hardcap_tests::eventually::eventually;
use hardcap_tests::functions;
use hardcap_tests::lambda::Lambda;
use serde_json::{Value, json};

const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

/// What a test asks of the queue.
struct Queue(Lambda);

impl Deref for Queue {
    type Target = Lambda;

    fn deref(&self) -> &Lambda {
        &self.0
    }
}

impl Queue {
    async fn start(builder: Builder) -> Queue {
        Queue(Lambda::start(builder).await)
    }

    async fn with(functions: impl IntoIterator<Item = Function>) -> Queue {
        // Destinations and dead letters of the tests are in this queue.
        let dead = hardcap::config::Queue::new("dead");
        let builder = Emulator::builder().limits(Date::CLASSIC).queue(dead);
        Queue(Lambda::start(functions.into_iter().fold(builder, Builder::function)).await)
    }

    /// What the control surface says of the queue.
    async fn status(&self) -> Value {
        let answer = self.client.get(format!("{}/queue", self.emulator.control_url())).await;
        answer.expect("the control surface").json()
    }

    async fn letters(&self) -> Vec<Value> {
        self.status().await["dead_letters"].as_array().expect("a list").clone()
    }

    /// The waits of all retries so far, in seconds.
    fn waits(&self) -> Vec<u64> {
        let records = self.emulator.recorder().newest();
        let waits = records.iter().filter_map(|record| match record.what {
            Observation::EventRetried { wait, .. } => Some(wait / 1000),
            _ => None,
        });
        waits.collect()
    }
}

fn guest(mode: &str) -> Function {
    let mut function = functions::guest(mode);
    function.timeout = Millis(10_000);
    function
}

/// A guest whose events are dealt with in this way.
fn guest_with(mode: &str, change: impl FnOnce(&mut EventInvokeConfig)) -> Function {
    let mut function = guest(mode);
    change(&mut function.events);
    function
}

fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
}

/// A JSON string of this many bytes, quotes included.
fn string_of(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

async fn limit_of_a_day(day: &str, limit: usize) {
    let date: Date = day.parse().expect("a date");
    let queue = Queue::start(Emulator::builder().limits(date).function(guest("echo"))).await;
    queue.accepted("echo", string_of(limit)).await;

    let over = queue.event("echo", string_of(limit + 1)).await;
    assert_eq!(over.status, 413, "{day} {over:?}");
    assert_eq!(over.header("x-amzn-errortype"), Some("RequestEntityTooLargeException"));
    let observed = limit + 1;
    let expected = format!(
        r#"{{"Message":"{observed} byte payload is too large for the Event invocation type (limit {limit} bytes)"}}"#
    );
    assert_eq!(over.text(), expected);

    queue.accepted("echo", "{}").await;
    queue.until(|totals| totals.events.delivered == 2).await;
    let totals = queue.emulator.totals();
    let seen = &totals.limits["lambda_async_request"];
    assert_eq!((seen.highest_admitted, seen.highest), (limit as u64, observed as u64), "{day}");
    assert_eq!((totals.events.accepted, totals.invocations), (2, 2), "{day}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_fits_the_limit_of_its_day_and_one_byte_more_does_not() {
    limit_of_a_day("2018-11-15", 131_072).await;
    limit_of_a_day("2018-11-16", 262_144).await;
    limit_of_a_day("2025-10-28", 1_048_576).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_larger_than_any_invocation_is_refused_as_an_event() {
    let queue = Queue::with([guest("echo")]).await;
    let over = queue.event("echo", string_of(7_000_000)).await;
    assert_eq!(over.status, 413);
    assert!(over.text().contains("7000000 byte payload is too large for the Event"), "{over:?}");
    queue.accepted("echo", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_event_is_refused_before_it_is_queued() {
    let queue = Queue::with([guest("echo")]).await;
    let broken = queue.event("echo", "{\"a\"").await;
    assert_eq!(broken.status, 400, "{broken:?}");
    assert_eq!(broken.header("x-amzn-errortype"), Some("InvalidRequestContentException"));
    assert_eq!(queue.event("nobody", "{}").await.status, 404);
    assert_eq!(queue.emulator.totals().events.accepted, 0);
    queue.accepted("echo", "").await;
    queue.until(|totals| totals.events.delivered == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_the_data_forgets_events_that_wait_and_dead_letters() {
    let dead = |events: &mut EventInvokeConfig| events.dead_letter = Some(QUEUE_ARN.to_owned());
    let queue = Queue::with([guest_with("behave", dead)]).await;
    queue.accepted("behave", r#"{"error": "no luck"}"#).await;
    queue.until(|totals| totals.events.retried == 1).await;
    let reset = Call::post(format!("{}/reset?data=true", queue.emulator.control_url()), "");
    assert_eq!(queue.client.send(&reset).await.expect("the control surface").status, 200);
    // An attempt that has just failed may still be under way: it does not go back into the line.
    let status = eventually(Duration::from_secs(60), "no attempt is under way", async || {
        let status = queue.status().await;
        if status["in_flight"] == 0 { Ok(status) } else { Err(status) }
    })
    .await;
    let left = [&status["in_flight"], &status["pending"], &status["bytes"]];
    assert_eq!(left, [0, 0, 0], "{status}");
    queue.advance(180).await;
    queue.accepted("behave", "{}").await;
    queue.until(|totals| totals.events.delivered == 1).await;
    let events = queue.emulator.totals().events;
    assert_eq!((events.accepted, events.retried, events.ended()), (1, 0, 1), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_receives_202_and_the_function_runs() {
    let queue = Queue::with([guest("echo")]).await;
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(queue.emulator.aws_url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let sdk = aws_sdk_lambda::Client::from_conf(config);
    let invoke = sdk.invoke().function_name("echo").invocation_type(InvocationType::Event);
    let output = invoke.payload("{}".as_bytes().into()).send().await.expect("accepted");
    assert_eq!((output.status_code(), output.function_error()), (202, None));
    assert!(output.payload().is_none(), "{output:?}");
    assert_eq!(output.executed_version(), None, "recorded on 2025-11-24");
    queue.until(|totals| totals.events.delivered == 1).await;
}

/// lambda_async_retries, lambda_async_first_wait, lambda_async_second_wait
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_function_is_tried_three_times_and_its_event_becomes_a_record_and_a_dead_letter()
{
    let dead = |events: &mut EventInvokeConfig| {
        events.on_failure = Some(QUEUE_ARN.to_owned());
        events.dead_letter = Some(QUEUE_ARN.to_owned());
    };
    let queue = Queue::with([guest_with("behave", dead)]).await;
    let id = queue.accepted("behave", r#"{"error": "no luck"}"#).await;
    queue.until(|totals| totals.events.retried == 1).await;
    queue.advance(60).await;
    queue.until(|totals| totals.events.retried == 2).await;
    queue.advance(120).await;
    queue.until(|totals| totals.events.ended() == 1).await;

    let totals = queue.emulator.totals();
    assert_eq!((totals.events.retries_exhausted, totals.invocations), (1, 3), "{totals:?}");
    assert_eq!(queue.waits(), [60, 120]);
    let records = queue.emulator.recorder().newest();
    let invoked =
        records.iter().filter(|record| matches!(record.what, Observation::Invoked { .. }));
    let ids: Vec<_> = invoked.map(|record| record.request_id.as_str()).collect();
    assert_eq!(ids, [id.as_str(); 3], "all attempts have one request id");
    let letters = queue.letters().await;
    assert_eq!(letters.len(), 2, "{letters:?}");
    let record: Value = serde_json::from_str(letters[0]["body"].as_str().unwrap()).unwrap();
    let context = json!({
        "requestId": id,
        "functionArn": format!("{}:$LATEST", function_arn("behave")),
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    });
    assert_eq!(record["requestContext"], context);
    assert_eq!(letters[1]["body"], r#"{"error": "no luck"}"#);
    assert_eq!(letters[1]["to"], QUEUE_ARN);
    let expected = json!({"RequestID": id, "ErrorCode": 200, "ErrorMessage": "no luck"});
    assert_eq!(letters[1]["attributes"], expected);
}

/// lambda_async_age, lambda_async_age_min
#[tokio::test(flavor = "multi_thread")]
async fn an_age_that_fits_no_retry_or_one_ends_the_event_after_one_attempt_or_two() {
    for (age, retries) in [(60_000, 0), (90_000, 1)] {
        let young = |events: &mut EventInvokeConfig| {
            events.maximum_event_age = Some(Millis(age));
            events.on_failure = Some(QUEUE_ARN.to_owned());
        };
        let queue = Queue::with([guest_with("behave", young)]).await;
        queue.accepted("behave", r#"{"error": "no"}"#).await;
        for retry in 1..=retries {
            queue.until(|totals| totals.events.retried == retry).await;
            queue.advance(60).await;
        }
        queue.until(|totals| totals.events.ended() == 1).await;
        assert_eq!(queue.emulator.totals().events.aged_out, 1);
        let letters = queue.letters().await;
        let record: Value = serde_json::from_str(letters[0]["body"].as_str().unwrap()).unwrap();
        assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
        assert_eq!(record["requestContext"]["approximateInvokeCount"], retries + 1);
    }
}

/// lambda_async_backoff_min, lambda_async_backoff_max
#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_event_waits_longer_each_time_and_is_delivered_in_the_end() {
    let mut one = guest("behave");
    one.reserved_concurrency = Some(1);
    let builder = Emulator::builder()
        .limits(Date::CLASSIC)
        .function(one)
        .set("lambda_async_backoff_max", 2_000);
    let queue = Queue::start(builder.set("lambda_async_backoff_min", 1_000)).await;
    let busy = queue.call("behave", "RequestResponse", r#"{"millis": 5000}"#);
    let throttled = async {
        queue.until(|totals| totals.cold_starts == 1).await;
        queue.accepted("behave", "{}").await;
        for retries in 1..=3 {
            queue.until(|totals| totals.events.retried >= retries).await;
            queue.advance(2).await;
        }
    };
    let (answer, ()) = tokio::join!(queue.send(busy), throttled);
    assert_eq!(answer.status, 200, "{answer:?}");
    queue.advance(2).await;
    queue.until(|totals| totals.events.delivered == 1).await;
    assert_eq!(queue.waits()[..3], [1, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_of_zero_sends_events_to_the_destination_untried() {
    let mut none = guest("echo");
    none.reserved_concurrency = Some(0);
    none.events.maximum_retry_attempts = Some(0);
    none.events.on_failure = Some(QUEUE_ARN.to_owned());
    let queue = Queue::with([none]).await;
    let id = queue.accepted("echo", r#"{"a": 1}"#).await;
    queue.until(|totals| totals.events.ended() == 1).await;
    let totals = queue.emulator.totals();
    assert_eq!((totals.events.zero_concurrency, totals.invocations), (1, 0));
    let letters = queue.letters().await;
    let mut record: Value = serde_json::from_str(letters[0]["body"].as_str().unwrap()).unwrap();
    record["timestamp"] = Value::from("T");
    let expected = json!({
        "version": "1.0",
        "timestamp": "T",
        "requestContext": {
            "requestId": id,
            "functionArn": format!("{}:$LATEST", function_arn("echo")),
            "condition": "ZeroReservedConcurrency",
            "approximateInvokeCount": 0,
        },
        "requestPayload": {"a": 1},
    });
    assert_eq!(record, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_receive_success_and_failure() {
    let told = |events: &mut EventInvokeConfig| {
        events.maximum_retry_attempts = Some(0);
        events.on_success = Some(function_arn("echo"));
        events.on_failure = Some(function_arn("echo"));
    };
    let shown = |events: &mut EventInvokeConfig| events.on_success = Some(QUEUE_ARN.to_owned());
    let queue = Queue::with([guest_with("behave", told), guest_with("echo", shown)]).await;
    for (event, condition, response, context) in [
        (
            json!({"size": 4}),
            "Success",
            json!("xx"),
            json!({"statusCode": 200, "executedVersion": "$LATEST"}),
        ),
        (
            json!({"exit": 7}),
            "RetriesExhausted",
            json!({"errorType": "Runtime.ExitError", "errorMessage": "RequestId: {id} Error: Runtime exited with error: exit status 7"}),
            json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}),
        ),
    ] {
        let before = queue.emulator.totals().events.ended();
        let id = queue.accepted("behave", &event).await;
        queue.until(|totals| totals.events.ended() == before + 2).await;
        let letters = queue.letters().await;
        let outer: Value =
            serde_json::from_str(letters.last().unwrap()["body"].as_str().unwrap()).unwrap();
        let record = &outer["requestPayload"];
        assert_eq!(
            record, &outer["responsePayload"],
            "the destination got the record as its event"
        );
        let expected: Value = response.to_string().replace("{id}", &id).parse().unwrap();
        assert_eq!(record["responsePayload"], expected);
        assert_eq!(record["responseContext"], context);
        assert_eq!(record["requestPayload"], event);
        let of = format!("{}:$LATEST", function_arn("behave"));
        let context = json!({"requestId": id, "functionArn": of, "condition": condition, "approximateInvokeCount": 1});
        assert_eq!(record["requestContext"], context);
        assert_eq!(record["version"], "1.0");
        let keys: Vec<_> = record.as_object().unwrap().keys().collect();
        let order = [
            "version",
            "timestamp",
            "requestContext",
            "requestPayload",
            "responseContext",
            "responsePayload",
        ];
        assert_eq!(keys, order);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_receives_the_record_of_a_failure_and_a_missing_one_is_counted() {
    for (bucket, sent) in [("records", 1), ("missing", 0)] {
        let told = |events: &mut EventInvokeConfig| {
            events.maximum_retry_attempts = Some(0);
            events.on_failure = Some(format!("arn:aws:s3:::{bucket}"));
        };
        let records = Bucket { name: "records".to_owned(), ..Bucket::default() };
        let builder = Emulator::builder()
            .limits(Date::CLASSIC)
            .function(guest_with("behave", told))
            .bucket(records);
        let queue = Queue::start(builder).await;
        let id = queue.accepted("behave", r#"{"error": "no"}"#).await;
        queue.until(|totals| totals.events.ended() == 1).await;
        let events = queue.emulator.totals().events;
        assert_eq!((events.sent, events.not_sent), (sent, 1 - sent), "{events:?}");
        if sent == 0 {
            continue;
        }
        let s3 = s3(&queue.emulator);
        let listed = s3.list_objects_v2().bucket("records").send().await.expect("a list");
        let key = listed.contents()[0].key().expect("a key");
        assert!(key.starts_with("aws/lambda/async/behave/20"), "{key}");
        let object = s3.get_object().bucket("records").key(key).send().await.expect("the object");
        let body = object.body.collect().await.expect("its body").into_bytes();
        let record: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(record["requestContext"]["requestId"], id);
        assert_eq!(record["responsePayload"]["errorMessage"], "no");
    }
}

pub(crate) fn s3(emulator: &Emulator) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(emulator.aws_url())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// lambda_recursion
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_invokes_itself_is_stopped_after_16_invocations() {
    let builder = Emulator::builder().limits(Date::LATEST).function(guest("behave"));
    let queue = Queue::start(builder).await;
    let sync = queue.call("behave", "RequestResponse", r#"{"again": "RequestResponse"}"#);
    let answer = queue.send(sync).await;
    assert_eq!(answer.text(), r#""400 RecursiveInvocationException""#, "{answer:?}");
    assert_eq!(queue.emulator.totals().invocations, 16);

    queue.accepted("behave", r#"{"again": "Event"}"#).await;
    queue.until(|totals| totals.events.ended() == 17).await;
    let totals = queue.emulator.totals();
    assert_eq!((totals.events.delivered, totals.events.recursive), (16, 1));
    assert_eq!(totals.invocations, 16 + 16);
    assert_eq!(totals.limits["lambda_recursion"].refused, 2);
    let letters = queue.letters().await;
    assert_eq!((letters.len(), &letters[0]["body"]), (1, &json!(r#"{"again":"Event"}"#)));
    queue.accepted("behave", "{}").await;
    queue.until(|totals| totals.events.delivered == 17).await;
}

/// lambda_recursion: before its first day, nothing looks for loops.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_invokes_itself_goes_on_before_2023_07_05() {
    for (day, is_stopped) in [("2023-07-04", false), ("2023-07-05", true)] {
        let builder = Emulator::builder().limits(day.parse().expect("a day"));
        let queue = Queue::start(builder.function(guest("behave"))).await;
        queue.accepted("behave", r#"{"again": "Event"}"#).await;
        if is_stopped {
            // An invocation hands its event over before it ends, so the last ones may still run.
            queue
                .until(|totals| totals.events.recursive == 1 && totals.events.delivered == 16)
                .await;
            assert_eq!(queue.emulator.totals().invocations, 16, "on {day}");
        } else {
            queue.until(|totals| totals.events.delivered > 20).await;
            assert_eq!(queue.emulator.totals().events.recursive, 0, "on {day}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_is_allowed_goes_on() {
    let mut function = guest("behave");
    function.recursive_loop = RecursiveLoop::Allow;
    let queue = Queue::with([function]).await;
    queue.accepted("behave", r#"{"again": "Event"}"#).await;
    queue.until(|totals| totals.events.delivered > 20).await;
    assert_eq!(queue.emulator.totals().events.recursive, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_event_survives_a_restart_of_the_emulator() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        let dead = |events: &mut EventInvokeConfig| events.dead_letter = Some(QUEUE_ARN.to_owned());
        Queue::start(
            Emulator::builder()
                .limits(Date::CLASSIC)
                .data(folder.path())
                .function(guest_with("behave", dead)),
        )
    };
    let queue = start().await;
    let id = queue.accepted("behave", r#"{"error": "again and again"}"#).await;
    queue.until(|totals| totals.events.retried == 1).await;
    // Waits or is under way when the emulator stops: nobody knows whether it was done.
    queue.accepted("behave", r#"{"millis": 5000}"#).await;
    queue.0.emulator.stop().await;

    let queue = start().await;
    queue.until(|totals| totals.events.delivered == 1).await;
    queue.advance(60).await;
    queue.until(|totals| totals.events.retried == 1).await;
    queue.advance(120).await;
    queue.until(|totals| totals.events.ended() == 2).await;
    let events = queue.emulator.totals().events;
    assert_eq!((events.restored, events.accepted), (2, 0), "{events:?}");
    assert_eq!((events.delivered, events.retries_exhausted), (1, 1), "{events:?}");
    queue.0.emulator.stop().await;

    let queue = start().await;
    let status = queue.status().await;
    assert_eq!((&status["pending"], &status["in_flight"]), (&json!(0), &json!(0)), "{status}");
    assert_eq!(status["dead_letters"][0]["id"], id, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_events_for_a_crashing_function_each_ends_once() {
    let once = |events: &mut EventInvokeConfig| {
        events.maximum_retry_attempts = Some(1);
        events.dead_letter = Some(QUEUE_ARN.to_owned());
    };
    let mut function = guest_with("behave", once);
    function.timeout = Millis(60_000);
    let queue = Queue::with([function]).await;
    for at in 0..1000 {
        let event = if at % 10 == 0 { json!({"exit": 1}) } else { json!({"size": at}) };
        queue.accepted("behave", event).await;
    }
    queue.until(|totals| totals.events.delivered == 900 && totals.events.retried == 100).await;
    queue.advance(60).await;
    queue.until(|totals| totals.events.ended() == 1000).await;
    let totals = queue.emulator.totals();
    let events = &totals.events;
    assert_eq!((events.accepted, events.pending()), (1000, 0), "{events:?}");
    assert_eq!((events.delivered, events.retries_exhausted), (900, 100), "{events:?}");
    assert_eq!((events.retried, events.sent), (100, 100), "{events:?}");
    assert_eq!((totals.invocations, totals.faults["Runtime.ExitError"]), (1100, 200));
    let status = queue.status().await;
    assert_eq!((&status["pending"], &status["in_flight"]), (&json!(0), &json!(0)));
    assert_eq!(status["dead_letters"].as_array().map(Vec::len), Some(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_invokes_its_function_by_the_emulators_clock() {
    let mut function = guest_with("echo", |events| events.on_success = Some(QUEUE_ARN.to_owned()));
    let schedule = Schedule { name: "sweep".to_owned(), rate: Millis(300_000), input: None };
    function.schedules.push(schedule);
    let queue = Queue::with([function]).await;
    for delivered in 1..=2 {
        queue.advance(300).await;
        queue.until(|totals| totals.events.delivered == delivered).await;
    }
    let letters = queue.letters().await;
    let record: Value = serde_json::from_str(letters[0]["body"].as_str().unwrap()).unwrap();
    let event = &record["requestPayload"];
    assert_eq!(event["detail-type"], "Scheduled Event");
    assert_eq!(event["resources"], json!(["arn:aws:events:us-east-1:000000000000:rule/sweep"]));
}

const CHILD: &str = "HARDCAP_TESTS_QUEUE_DIRECTORY";

/// Not a test of its own: what the next one starts as a process, to kill it.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_there_to_be_killed() {
    #[expect(clippy::disallowed_methods, reason = "how this process learns that it is the child")]
    let Ok(folder) = std::env::var(CHILD) else { return };
    let builder =
        Emulator::builder().limits(Date::CLASSIC).data(folder.as_ref()).function(guest("behave"));
    let queue = Queue::start(builder).await;
    println!("\nlistening {}", queue.emulator.aws_url());
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_event_is_processed_even_if_the_emulator_is_killed() {
    // Not under /tmp, of which every sandbox has its own.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let (data, done) = (folder.path().join("data"), folder.path().join("done"));
    std::fs::create_dir(&done).expect("a folder for what was done");
    #[expect(clippy::disallowed_methods, reason = "a process of its own, to be killed")]
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "queue::a_process_that_is_there_to_be_killed", "--nocapture"])
        .env(CHILD, &data)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut listening = lines.map_while(Result::ok);
    let url = listening.find_map(|line| Some(line.strip_prefix("listening ")?.to_owned()));
    let url = format!("{}/2015-03-31/functions/behave/invocations", url.expect("it listens"));
    let file = |at: usize| done.join(at.to_string());
    for at in 0..60 {
        let event = json!({"millis": 50, "file": file(at)}).to_string();
        let call = Call::post(&url, event).header("x-amz-invocation-type", "Event");
        let answer = Client::new().send(&call).await.expect("an answer of the child");
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("it has ended");
    let left = (0..60).filter(|at| !file(*at).exists()).count();
    assert!(left > 0, "the child was killed too late to show anything");

    let queue = Queue::start(
        Emulator::builder().limits(Date::CLASSIC).data(&data).function(guest("behave")),
    )
    .await;
    queue.until(|totals| totals.events.pending() == 0).await;
    let events = queue.emulator.totals().events;
    assert!(events.restored >= left as u64 && events.delivered == events.restored, "{events:?}");
    for at in 0..60 {
        assert!(file(at).exists(), "event {at} was lost; {events:?}");
    }
}
