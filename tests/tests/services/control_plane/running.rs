//! Functions that change while they run: the old sandbox finishes, the new code serves the next.

use std::pin::pin;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LastUpdateStatus;
use hardcap::Emulator;
use hardcap_limits::Date;
use hardcap_tests::client::Call;
use hardcap_tests::functions;
use serde_json::Value;

use super::{Plane, environment, guest, package, refused};

#[tokio::test(flavor = "multi_thread")]
async fn the_old_sandbox_finishes_its_request_and_the_new_one_gets_the_next() {
    let plane = Plane::start().await;
    let create = plane.create("f1", "behave").environment(environment(&[("STAGE", "old")]));
    create.send().await.expect("made");
    let long = plane
        .sdk
        .invoke()
        .function_name("f1")
        .payload(Blob::new(r#"{"millis": 1500, "env": true}"#));
    let long = tokio::spawn(long.send());
    plane.until(|totals| totals.cold_starts == 1).await;

    let update = plane.sdk.update_function_configuration().function_name("f1");
    let update = update.environment(environment(&[("STAGE", "new")])).send().await;
    assert_eq!(
        update.expect("updated").environment().unwrap().variables().unwrap()["STAGE"],
        "new"
    );
    assert_eq!(plane.invoke("f1", r#"{"env": true}"#).await["STAGE"], "new");
    let finished = long.await.expect("it ends").expect("it is answered");
    let env: Value = serde_json::from_slice(finished.payload().unwrap().as_ref()).expect("JSON");
    assert_eq!(env["STAGE"], "old");
    assert_eq!(plane.invoke("f1", r#"{"env": true}"#).await["STAGE"], "new");
    assert_eq!(plane.emulator.totals().cold_starts, 2, "one sandbox of each");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_code_serves_the_next_invocation() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    assert_eq!(plane.invoke("f1", "1").await, 1);
    let script = format!("#!/bin/sh\nexec '{}' behave\n", env!("CARGO_BIN_EXE_guest"));
    let update = plane.sdk.update_function_code().function_name("f1");
    let update = update.zip_file(Blob::new(package(&[("bootstrap", script.as_bytes())])));
    let updated = update.send().await.expect("updated");
    assert_eq!(plane.invoke("f1", r#"{"size": 7}"#).await, "xxxxx");
    let get = plane.sdk.get_function().function_name("f1").send().await.expect("it is there");
    assert_eq!(get.configuration().unwrap().code_sha256(), updated.code_sha256());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_function_finishes_what_it_is_in_and_is_gone_for_the_next() {
    let plane = Plane::start().await;
    plane.create("f1", "behave").send().await.expect("made");
    // It returns what a file of its package holds, after the package has been deleted.
    let event = r#"{"millis": 1500, "file": "bootstrap"}"#;
    let long = plane.sdk.invoke().function_name("f1").payload(Blob::new(event));
    let long = tokio::spawn(long.send());
    plane.until(|totals| totals.cold_starts == 1).await;
    plane.sdk.delete_function().function_name("f1").send().await.expect("deleted");
    let (status, code, message) = refused(plane.sdk.invoke().function_name("f1").send().await);
    assert_eq!((status, code.as_str()), (404, "ResourceNotFoundException"));
    assert!(message.ends_with(":function:f1:$LATEST"), "{message}");
    let finished = long.await.expect("it ends").expect("it is answered");
    let payload = String::from_utf8_lossy(finished.payload().unwrap().as_ref()).into_owned();
    assert!(payload.contains("exec"), "its package was there until it ended: {payload}");
    plane.create("f1", "echo").send().await.expect("the name is free again");
    assert_eq!(plane.invoke("f1", "1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_at_once_leave_one_function_that_works() {
    let plane = Plane::start().await;
    let creating = (0..8).map(|_| tokio::spawn(plane.create("f1", "echo").send()));
    let mut made = 0;
    for create in creating.collect::<Vec<_>>() {
        match create.await.expect("it ends") {
            Ok(_) => made += 1,
            Err(error) => {
                let (status, code, message) = refused::<(), _>(Err(error));
                assert_eq!((status, code.as_str()), (409, "ResourceConflictException"));
                assert_eq!(message, "Function already exist: f1");
            }
        }
    }
    assert_eq!(made, 1);
    let changing = (0..8).map(|n| {
        let update = plane.sdk.update_function_configuration().function_name("f1");
        tokio::spawn(update.description(format!("change {n}")).send())
    });
    let invoking = (0..8).map(|_| {
        let invoke = plane.sdk.invoke().function_name("f1").payload(Blob::new("1"));
        tokio::spawn(
            async move { invoke.send().await.map(|output| output.function_error().is_none()) },
        )
    });
    let (changing, invoking): (Vec<_>, Vec<_>) = (changing.collect(), invoking.collect());
    let mut changed = 0;
    for change in changing {
        match change.await.expect("it ends") {
            Ok(_) => changed += 1,
            Err(error) => {
                let (status, code, message) = refused::<(), _>(Err(error));
                assert_eq!((status, code.as_str()), (409, "ResourceConflictException"));
                assert!(message.contains("An update is in progress for resource"), "{message}");
            }
        }
    }
    assert!(changed > 0, "the first change is not refused");
    for invoke in invoking {
        assert!(invoke.await.expect("it ends").expect("it is answered"));
    }
    assert_eq!(plane.invoke("f1", "2").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_an_older_revision_is_refused() {
    let plane = Plane::start().await;
    let made = plane.create("f1", "echo").send().await.expect("made");
    let get = plane.sdk.get_function_configuration().function_name("f1").send().await;
    let seen = get.expect("found").revision_id().expect("a revision").to_owned();
    assert_ne!(made.revision_id(), Some(seen.as_str()), "it was created meanwhile");
    let update = |revision: &str| {
        let update = plane.sdk.update_function_code().function_name("f1");
        update.zip_file(Blob::new(guest())).revision_id(revision).send()
    };
    let newer = update(&seen).await.expect("it is the latest");
    assert_ne!(newer.revision_id(), Some(seen.as_str()));
    let (status, error, _) = refused(update(&seen).await);
    assert_eq!((status, error.as_str()), (412, "PreconditionFailedException"));
    assert_eq!(plane.invoke("f1", "1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_surface_knows_created_functions_and_faults_can_be_for_them() {
    let plane =
        Plane::with(Emulator::builder().limits(Date::CLASSIC).function(functions::guest("echo")))
            .await;
    plane.create("f1", "echo").send().await.expect("made");
    let control = plane.emulator.control_url();
    let listed = plane.client.get(&format!("{control}/functions")).await.expect("an answer").json();
    let functions = listed["functions"].as_array().expect("a list").iter();
    let names: Vec<_> = functions.map(|it| (it["name"].clone(), it["created"].clone())).collect();
    assert_eq!(names, [("echo".into(), false.into()), ("f1".into(), true.into())]);

    let faults = format!("{control}/faults");
    let throttle = async |name: &str| {
        let fault = serde_json::json!({"fault": "throttle", "function": name, "count": 1});
        let call = Call::post(&faults, fault.to_string());
        plane.client.send(&call).await.expect("an answer")
    };
    let unknown = throttle("f2").await;
    assert_eq!(unknown.status, 400);
    assert!(
        unknown.text().contains("names the function `f2`, which does not exist"),
        "{unknown:?}"
    );
    assert_eq!(throttle("f1").await.status, 201);
    let (status, code, _) = refused(plane.sdk.invoke().function_name("f1").send().await);
    assert_eq!((status, code.as_str()), (429, "TooManyRequestsException"));
    assert_eq!(plane.invoke("f1", "1").await, 1);
    // A fault for a function that is gone does no harm, neither does a return to how the run began.
    assert_eq!(throttle("f1").await.status, 201);
    plane.sdk.delete_function().function_name("f1").send().await.expect("deleted");
    let reset = Call::post(format!("{control}/reset"), Vec::new());
    assert_eq!(plane.client.send(&reset).await.expect("an answer").status, 200);
    assert_eq!(plane.invoke("echo", "1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_in_progress_during_an_update_and_successful_after_it() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let status = || async {
        let shown = plane.sdk.get_function_configuration().function_name("f1").send().await;
        shown.expect("a function").last_update_status().cloned()
    };
    // Whether a request arrives during the update depends on the machine, so they are sent until one does.
    let mut is_seen = false;
    for _ in 0..100 {
        let update = plane.sdk.update_function_code().function_name("f1");
        let mut update = pin!(update.zip_file(Blob::new(guest())).send());
        let updated = loop {
            tokio::select! {
                updated = &mut update => break updated,
                shown = status() => is_seen |= shown == Some(LastUpdateStatus::InProgress),
            }
        };
        updated.expect("updated");
        assert_eq!(status().await, Some(LastUpdateStatus::Successful));
        if is_seen {
            return;
        }
    }
    panic!("100 updates, and none was seen in progress");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_during_another_one_is_refused_and_a_later_one_succeeds() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let update = || {
        let update = plane.sdk.update_function_code().function_name("f1");
        update.zip_file(Blob::new(guest())).send()
    };
    // Whether two updates overlap depends on the machine, so they are sent until they do.
    let mut seen = 0;
    for _ in 0..100 {
        let outcomes = tokio::join!(update(), update(), update(), update());
        let outcomes = [outcomes.0, outcomes.1, outcomes.2, outcomes.3];
        let (updated, conflicts): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert!(!updated.is_empty(), "the first update is not refused: {conflicts:?}");
        seen += conflicts.len();
        for conflict in conflicts {
            let (status, code, message) = refused(conflict);
            assert_eq!((status, code.as_str()), (409, "ResourceConflictException"));
            assert_eq!(
                message,
                "The operation cannot be performed at this time. An update is in progress for resource: \
                 arn:aws:lambda:us-east-1:000000000000:function:f1"
            );
        }
        if seen > 0 {
            break;
        }
    }
    assert!(seen > 0, "400 updates, four at a time, and none was refused");
    update().await.expect("no update is in progress");
    assert_eq!(plane.invoke("f1", "1").await, 1);
}
