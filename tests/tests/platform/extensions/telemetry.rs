//! Telemetry: what an extension has subscribed to comes to its listener.

use std::path::Path;

use serde_json::{Value, json};

use super::world::{Layer, World, function, log};

const TELEMETRY: &str = "2022-07-01/telemetry";
const LOGS: &str = "2020-08-15/logs";

/// A function beside an extension that has subscribed at `path` to `types`.
async fn subscribed(folder: &Path, layer: &Layer, path: &str, types: &str) -> World {
    subscribed_with(folder, layer, (path, types), &[]).await
}

/// The same with variables that say more.
async fn subscribed_with(
    folder: &Path,
    layer: &Layer,
    (path, types): (&str, &str),
    variables: &[(&str, &str)],
) -> World {
    let script = format!(
        r#"[{{"register":["INVOKE"]}},{{"subscribe":["{path}",{types}]}},{{"print":"from the extension"}},"next"]"#
    );
    let mut function = function("behave", layer, &script);
    let batches = folder.join("batches").display().to_string();
    function.environment.insert("BATCHES".to_owned(), batches);
    for (name, value) in variables {
        function.environment.insert((*name).to_owned(), (*value).to_owned());
    }
    World::with(function).await
}

/// All events that have come so far.
fn events(folder: &Path) -> Vec<Value> {
    let batches = std::fs::read_to_string(folder.join("batches")).unwrap_or_default();
    let batch = |line: &str| serde_json::from_str::<Vec<Value>>(line).expect("a batch is a list");
    // A line without its end is still being written.
    batches.split_inclusive('\n').filter(|line| line.ends_with('\n')).flat_map(batch).collect()
}

/// Invokes until an event of this type has come: an extension that is frozen takes what waits when it goes on.
async fn until(world: &World, folder: &Path, kind: &str) -> Vec<Value> {
    for _ in 0..200 {
        world.invoke("behave", json!({"print": "from the function", "millis": 20})).await;
        let events = events(folder);
        if events.iter().any(|event| event["type"] == kind) {
            return events;
        }
    }
    panic!("no {kind}: {:#?}", events(folder));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_receives_init_invocations_and_log_lines() {
    let (folder, layer) = (tempfile::tempdir().unwrap(), Layer::with(&["listener"]));
    let types = r#"["platform","function","extension"]"#;
    let world = subscribed(folder.path(), &layer, TELEMETRY, types).await;
    let first = world.invoke("behave", json!({"print": "from the function"})).await;
    assert!(log(&first).contains(r#"listener heard 200 "OK""#), "{}", log(&first));
    let id = first.header("x-amzn-requestid").expect("a request id").to_owned();
    let events = until(&world, folder.path(), "platform.report").await;
    let kinds: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    let platform: Vec<_> = kinds.iter().filter(|kind| kind.starts_with("platform.")).collect();
    assert_eq!(
        platform[..8],
        [
            &"platform.initStart",
            &"platform.telemetrySubscription",
            &"platform.initRuntimeDone",
            &"platform.extension",
            &"platform.initReport",
            &"platform.start",
            &"platform.runtimeDone",
            &"platform.report",
        ],
        "{events:#?}"
    );
    let record = |kind: &str| &events.iter().find(|event| event["type"] == kind).unwrap()["record"];
    assert_eq!(record("function"), "from the function");
    let printed =
        |event: &Value| event["type"] == "extension" && event["record"] == "from the extension";
    assert!(events.iter().any(printed), "{events:#?}");
    assert_eq!(
        *record("platform.telemetrySubscription"),
        json!({"name": "listener", "state": "Subscribed", "types": ["platform", "function", "extension"]})
    );
    assert_eq!(
        *record("platform.extension"),
        json!({"name": "listener", "state": "Ready", "events": ["INVOKE"]})
    );
    assert_eq!(record("platform.start")["requestId"], id.as_str());
    let report = record("platform.report");
    assert_eq!(report["status"], "success");
    assert_eq!(report["metrics"]["memorySizeMB"], 128);
    assert!(report["metrics"]["initDurationMs"].is_number(), "{report}");
    assert_eq!(record("platform.runtimeDone")["metrics"]["producedBytes"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_of_the_logs_api_has_only_what_it_asked_for() {
    let (folder, layer) = (tempfile::tempdir().unwrap(), Layer::with(&["listener"]));
    let world = subscribed(folder.path(), &layer, LOGS, r#"["function"]"#).await;
    let events = until(&world, folder.path(), "function").await;
    for event in events {
        assert_eq!(
            (&event["type"], &event["record"]),
            (&json!("function"), &json!("from the function"))
        );
    }
}

/// Of the first invocation: the types of the platform's events about it, in the order in which they came.
fn about_the_first(events: &[Value]) -> Vec<(&str, &Value)> {
    let start = events.iter().find(|event| event["type"] == "platform.start").expect("a start");
    let id = &start["record"]["requestId"];
    let about = events.iter().filter(|event| event["record"]["requestId"] == *id);
    about.map(|event| (event["type"].as_str().unwrap_or_default(), &event["record"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_api_has_events_of_its_own() {
    for (schema, expected) in [
        ("{}", &["platform.start", "platform.end", "platform.report"][..]),
        (
            r#"{"schemaVersion": "2021-03-18"}"#,
            &["platform.start", "platform.runtimeDone", "platform.end", "platform.report"],
        ),
    ] {
        let (folder, layer) = (tempfile::tempdir().unwrap(), Layer::with(&["listener"]));
        let subscription = (LOGS, r#"["platform"]"#);
        let variables = [("SUBSCRIPTION", schema)];
        let world = subscribed_with(folder.path(), &layer, subscription, &variables).await;
        let events = until(&world, folder.path(), "platform.report").await;
        let about = about_the_first(&events);
        assert_eq!(about.iter().map(|it| it.0).collect::<Vec<_>>(), expected, "{events:#?}");
        let id = &about[0].1["requestId"];
        for (kind, record) in &about {
            match *kind {
                "platform.start" | "platform.end" => assert_eq!(**record, json!({"requestId": id})),
                "platform.runtimeDone" => {
                    assert_eq!(**record, json!({"requestId": id, "status": "success"}));
                }
                _ => assert_eq!(record.as_object().map(serde_json::Map::len), Some(2), "{record}"),
            }
        }
        let is_of_the_other = |event: &Value| {
            let kind = event["type"].as_str().unwrap_or_default();
            kind.starts_with("platform.init") || kind == "platform.telemetrySubscription"
        };
        assert!(!events.iter().any(is_of_the_other), "{events:#?}");
        assert!(events.iter().any(|it| it["type"] == "platform.logsSubscription"), "{events:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_times_of_telemetry_are_those_of_the_report() {
    let (folder, layer) = (tempfile::tempdir().unwrap(), Layer::with(&["listener"]));
    let world = subscribed(folder.path(), &layer, TELEMETRY, r#"["platform"]"#).await;
    let first = world.invoke("behave", json!({"millis": 30})).await;
    let events = until(&world, folder.path(), "platform.report").await;
    let about = about_the_first(&events);
    let kinds: Vec<_> = about.iter().map(|it| it.0).collect();
    assert_eq!(kinds, ["platform.start", "platform.runtimeDone", "platform.report"]);
    let (done, report) = (&about[1].1["metrics"], &about[2].1["metrics"]);
    let millis = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value}"));
    let (worked, duration) = (millis(&done["durationMs"]), millis(&report["durationMs"]));
    assert!((30.0..=duration).contains(&worked), "{done} {report}");
    let line = log(&first);
    for (name, value) in [
        ("Duration", duration),
        ("Billed Duration", millis(&report["billedDurationMs"])),
        ("Init Duration", millis(&report["initDurationMs"])),
        ("Max Memory Used", millis(&report["maxMemoryUsedMB"])),
    ] {
        let field = line.split('\t').find_map(|field| field.strip_prefix(&format!("{name}: ")));
        let number = field.and_then(|field| field.split(' ').next()?.parse::<f64>().ok());
        // The line has two digits of the three, rounded.
        let is_equal = number.is_some_and(|number| (number - value).abs() < 0.006);
        assert!(is_equal, "{name} is {value}: {line}");
    }
    let times: Vec<_> = events.iter().filter_map(|event| event["time"].as_str()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_each_event_is_a_line() {
    let (folder, layer) = (tempfile::tempdir().unwrap(), Layer::with(&["listener"]));
    let types = r#"["platform","function"]"#;
    let variables = [("SUBSCRIPTION", r#"{"destination": {"protocol": "TCP"}}"#)];
    let world = subscribed_with(folder.path(), &layer, (TELEMETRY, types), &variables).await;
    let events = until(&world, folder.path(), "platform.report").await;
    let printed = events.iter().find(|event| event["type"] == "function").expect("a line");
    assert_eq!(printed["record"], "from the function");
    assert_eq!(about_the_first(&events).len(), 3, "{events:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_refused_is_delivered_again() {
    let (folder, layer) = (tempfile::tempdir().unwrap(), Layer::with(&["listener"]));
    let subscription = (TELEMETRY, r#"["platform"]"#);
    let world = subscribed_with(folder.path(), &layer, subscription, &[("REFUSE", "1")]).await;
    let events = until(&world, folder.path(), "platform.report").await;
    assert_eq!(events[0]["type"], "platform.initStart", "{events:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_a_slow_subscriber_loses_are_counted_exactly() {
    let (folder, layer) = (tempfile::tempdir().unwrap(), Layer::with(&["listener"]));
    let stall = folder.path().join("stall");
    std::fs::write(&stall, "").unwrap();
    let variables = [("STALL", stall.to_str().unwrap())];
    let subscription = (TELEMETRY, r#"["function"]"#);
    let world = subscribed_with(folder.path(), &layer, subscription, &variables).await;
    // Far more than two batches of 1,000 events.
    let lines = vec!["a line"; 5_000].join("\n");
    let answer = world.invoke("behave", json!({"print": lines})).await;
    assert_eq!(answer.header("x-amz-function-error"), None, "{}", log(&answer));
    std::fs::remove_file(&stall).unwrap();
    let mut printed = 5_000;
    let (mut seen, mut lost) = (0, 0);
    for _ in 0..500 {
        // What is lost is told with the next line for which there is room. After that the last lines are only waited for.
        if lost == 0 {
            world.invoke("behave", json!({"print": "one more", "millis": 20})).await;
            printed += 1;
        } else {
            world.invoke("behave", json!({"millis": 20})).await;
        }
        let events = events(folder.path());
        let of = |kind: &'static str| events.iter().filter(move |event| event["type"] == kind);
        seen = of("function").count() as u64;
        let dropped = |event: &Value| event["record"]["droppedRecords"].as_u64();
        lost = of("platform.logsDropped").filter_map(dropped).sum();
        if lost > 0 && seen + lost == printed {
            let record = &of("platform.logsDropped").next().expect("one").clone()["record"];
            assert!(record["droppedBytes"].as_u64() > record["droppedRecords"].as_u64());
            assert_eq!(
                record["reason"],
                "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
            );
            return;
        }
    }
    panic!("{printed} lines were printed, {seen} have come, and {lost} are counted as lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_after_init_is_refused_and_delivers_nothing() {
    for (path, refusal) in [
        (
            TELEMETRY,
            r#"403 {"errorMessage":"Telemetry API subscription is closed already","errorType":"Telemetry.SubscriptionClosed"}"#,
        ),
        (
            LOGS,
            r#"403 {"errorMessage":"Logs API subscription is closed already","errorType":"Logs.SubscriptionClosed"}"#,
        ),
    ] {
        let (folder, layer) = (tempfile::tempdir().unwrap(), Layer::with(&["late"]));
        let subscribe = format!(r#"{{"subscribe":["{path}",["function","platform"]]}}"#);
        let script = format!(r#"[{{"register":["INVOKE"]}},"next",{subscribe},"next"]"#);
        let mut function = function("behave", &layer, &script);
        let batches = folder.path().join("batches");
        function.environment.insert("BATCHES".to_owned(), batches.display().to_string());
        let world = World::with(function).await;
        let mut told = log(&world.invoke("behave", "{}").await);
        // The next invocation begins when the extension, which has tried to subscribe meanwhile, is ready for it.
        for _ in 0..2 {
            let answer = world.invoke("behave", json!({"print": "x", "millis": 60})).await;
            told += &log(&answer);
        }
        assert_eq!(world.emulator.totals().cold_starts, 1);
        assert!(told.contains(&format!("late heard {refusal}")), "{told}");
        world.emulator.stop().await;
        assert_eq!(std::fs::read_to_string(&batches).unwrap_or_default(), "");
    }
}
