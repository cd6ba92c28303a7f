//! `/_hardcap/faults`: faults are added, shown, replaced and taken back while everything runs.

use hardcap::faults::{Fault, Throttle};
use hardcap_limits::Date;
use hardcap_tests::client::{Answer, Call};
use http::Method;
use serde_json::{Value, json};

use super::{Suffering, guest};

impl Suffering {
    async fn faults(&self, method: Method, path: &str, body: impl ToString) -> Answer {
        let url = format!("{}/faults{path}", self.emulator.control_url());
        self.send(Call::new(method, url).body(body.to_string())).await
    }
}

async fn well() -> Suffering {
    Suffering::start(hardcap::Emulator::builder().limits(Date::CLASSIC).function(guest("echo")))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_added_strikes_is_shown_and_is_taken_back() {
    let suffering = well().await;
    let throttle = json!({"fault": "throttle", "function": "echo"});
    let added = suffering.faults(Method::POST, "", throttle).await;
    assert_eq!((added.status.as_u16(), added.json()), (201, json!({"id": 1})), "{added:?}");
    assert_eq!(suffering.invoke("echo", "{}").await.status, 429);
    let shown = suffering.faults(Method::GET, "", "").await.json();
    let expected = json!({"seed": 0, "faults": [{
        "id": 1, "fault": "throttle", "function": "echo", "probability": 1.0, "occasions": 1, "struck": 1,
    }]});
    assert_eq!(shown, expected);
    let removed = suffering.faults(Method::DELETE, "/1", "").await;
    assert_eq!((removed.status.as_u16(), &removed.json()["faults"]), (200, &json!([])));
    suffering.is_healthy("echo").await;
    let again = suffering.faults(Method::DELETE, "/1", "").await;
    assert_eq!(
        (again.status.as_u16(), again.text()),
        (404, r#"{"error":"there is no fault with the id 1"}"#)
    );
}

/// What a probability of a half does to 40 invocations.
async fn throttled(suffering: &Suffering, seed: u64) -> Vec<u16> {
    let fault = json!({"fault": "throttle", "probability": 0.5});
    let put = suffering.faults(Method::PUT, "", json!({"seed": seed, "faults": [fault]})).await;
    assert_eq!(put.status, 200, "{put:?}");
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(suffering.invoke("echo", "{}").await.status.as_u16());
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_strikes_the_same_invocations() {
    let suffering = well().await;
    let first = throttled(&suffering, 7).await;
    assert!(first.contains(&200) && first.contains(&429), "{first:?}");
    assert_eq!(throttled(&suffering, 7).await, first);
    assert_ne!(throttled(&suffering, 8).await, first);
    let cleared = suffering.faults(Method::DELETE, "", "").await;
    assert_eq!(cleared.json(), json!({"seed": 0, "faults": []}));
    suffering.is_healthy("echo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_fault_is_refused_with_the_valid_ones_and_changes_nothing() {
    let suffering = well().await;
    for (fault, said) in [
        (json!([]), "expected an object such as {\"fault\": \"throttle\"}"),
        (json!({"fault": "thrott"}), "unknown variant `thrott`, expected one of `throttle`"),
        (json!({"fault": "throttle", "millis": 3}), "unknown field `millis`"),
        (
            json!({"fault": "throttle", "function": "ecco"}),
            "the function `ecco`, which does not exist",
        ),
        (
            json!({"fault": "throttle", "probability": 1.5}),
            "`probability` must be a number from 0 to 1, not 1.5",
        ),
        (
            json!({"fault": "throttle", "probability": "often"}),
            "`probability` must be a number from 0 to 1, not \"often\"",
        ),
        (
            json!({"fault": "throttle", "count": -1}),
            "`count` must be a whole number of at most 9007199254740991, not -1",
        ),
        (json!({"fault": "kill"}), "missing field `phase`"),
        (json!({"fault": "kill", "phase": "now"}), "unknown variant `now`"),
        (
            json!({"fault": "delay", "millis": 86_400_001}),
            "`millis` must be at most 86400000 (a day), not 86400001",
        ),
        (json!({"fault": "slow", "service": "sqs", "millis": 1}), "unknown variant `sqs`"),
    ] {
        let refused = suffering.faults(Method::POST, "", &fault).await;
        assert_eq!(refused.status, 400, "{fault}: {refused:?}");
        let error = refused.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains(said), "{fault}: {error}");
        let plan = json!({"faults": [{"fault": "drop"}, fault]});
        assert_eq!(suffering.faults(Method::PUT, "", plan).await.status, 400, "{fault}");
    }
    assert_eq!(suffering.faults(Method::POST, "", "{").await.status, 400);
    assert_eq!(suffering.faults(Method::GET, "", "").await.json()["faults"], json!([]));
    suffering.is_healthy("echo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_returns_to_the_faults_that_the_run_began_with() {
    let suffering = Suffering::with(guest("echo"), Throttle::default(), 1).await;
    assert_eq!(suffering.invoke("echo", "{}").await.status, 429);
    suffering.is_healthy("echo").await;
    suffering.faults(Method::POST, "", json!({"fault": "drop"})).await;
    let url = format!("{}/reset", suffering.emulator.control_url());
    assert_eq!(suffering.send(Call::post(url, "")).await.status, 200);
    let shown: Value = suffering.faults(Method::GET, "", "").await.json();
    assert_eq!(shown["faults"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown["faults"][0]["struck"], 0, "{shown}");
    assert_eq!(suffering.invoke("echo", "{}").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_a_fault_for_nothing_does_not_start() {
    let fault = Fault::new(Throttle { function: Some("ecco".to_owned()) });
    let started = hardcap::Emulator::builder()
        .limits(Date::CLASSIC)
        .function(guest("echo"))
        .fault(fault)
        .start()
        .await;
    let error = started.expect_err("there is no such function").to_string();
    assert_eq!(error, "invalid fault: `throttle` names the function `ecco`, which does not exist");
}
