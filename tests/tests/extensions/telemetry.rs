//! Telemetry: what an extension has subscribed to comes to its listener.

use std::path::Path;

use serde_json::{Value, json};

use super::world::{Layer, World, function, log};

/// A function beside an extension that has subscribed at `path` to `types`.
async fn subscribed(folder: &Path, layer: &Layer, path: &str, types: &str) -> World {
    let script = format!(
        r#"[{{"register":["INVOKE"]}},{{"subscribe":["{path}",{types}]}},{{"print":"from the extension"}},"next"]"#
    );
    let mut function = function("behave", layer, &script);
    let batches = folder.join("batches").display().to_string();
    function.environment.insert("BATCHES".to_owned(), batches);
    World::with(function).await
}

/// All events that have come so far.
fn events(folder: &Path) -> Vec<Value> {
    let batches = std::fs::read_to_string(folder.join("batches")).unwrap_or_default();
    let batch = |line: &str| serde_json::from_str::<Vec<Value>>(line).expect("a batch is a list");
    batches.lines().flat_map(batch).collect()
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
async fn a_subscriber_is_told_of_init_of_invocations_and_of_what_is_written() {
    let (folder, layer) = (tempfile::tempdir().unwrap(), Layer::with(&["listener"]));
    let types = r#"["platform","function","extension"]"#;
    let world = subscribed(folder.path(), &layer, "2022-07-01/telemetry", types).await;
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
    let world = subscribed(folder.path(), &layer, "2020-08-15/logs", r#"["function"]"#).await;
    let events = until(&world, folder.path(), "function").await;
    for event in events {
        assert_eq!(
            (&event["type"], &event["record"]),
            (&json!("function"), &json!("from the function"))
        );
    }
}
