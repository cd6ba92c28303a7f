//! What is set beside the code: events, loops, URLs, tags; and what a list of functions shows.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    DestinationConfig, FunctionUrlAuthType, InvocationType, InvokeMode, OnFailure, RecursiveLoop,
};
use hardcap::Emulator;
use hardcap::config::{EventInvokeConfig, Function};
use hardcap_limits::{Date, Millis};
use hardcap_tests::client::Call;
use hardcap_tests::functions;
use serde_json::json;

use super::{Plane, assert_refused, refused};

const INVALID: &str = "InvalidParameterValueException";
const NOT_FOUND: &str = "ResourceNotFoundException";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function";

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_of_events_is_put_merged_and_deleted_as_recorded_on_2023_11_20() {
    let plane = Plane::start().await;
    plane.create("f1", "behave").send().await.expect("made");
    let get = || plane.sdk.get_function_event_invoke_config().function_name("f1").send();
    let missing = format!("The function {ARN}:f1:$LATEST doesn't have an EventInvokeConfig");
    assert_refused(get().await, 404, NOT_FOUND, &missing);

    let put = || plane.sdk.put_function_event_invoke_config().function_name("f1");
    let first = put().maximum_retry_attempts(0).maximum_event_age_in_seconds(60).send().await;
    assert_eq!(first.expect("put").function_arn(), Some(format!("{ARN}:f1:$LATEST").as_str()));
    let update = plane.sdk.update_function_event_invoke_config().function_name("f1");
    let merged = update.maximum_retry_attempts(1).send().await.expect("merged");
    assert_eq!(
        (merged.maximum_retry_attempts(), merged.maximum_event_age_in_seconds()),
        (Some(1), Some(60))
    );
    put().maximum_retry_attempts(0).send().await.expect("replaced");
    let now = get().await.expect("it is there");
    assert_eq!((now.maximum_retry_attempts(), now.maximum_event_age_in_seconds()), (Some(0), None));
    let listed = plane.sdk.list_function_event_invoke_configs().function_name("f1").send().await;
    assert_eq!(listed.expect("a list").function_event_invoke_configs().len(), 1);

    // No retry: one attempt, and that is the end.
    let invoke = plane.sdk.invoke().function_name("f1").invocation_type(InvocationType::Event);
    invoke.payload(Blob::new(r#"{"error": "no luck"}"#)).send().await.expect("accepted");
    plane.until(|totals| totals.events.retries_exhausted == 1).await;
    assert_eq!(plane.emulator.totals().events.retried, 0);

    plane.sdk.delete_function_event_invoke_config().function_name("f1").send().await.expect("gone");
    assert_refused(get().await, 404, NOT_FOUND, &missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_of_events_are_refused_in_aws_words_and_change_nothing() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let put = || plane.sdk.put_function_event_invoke_config().function_name("f1");
    put().maximum_retry_attempts(1).send().await.expect("put");
    let to = |arn: String| {
        let failure = OnFailure::builder().destination(arn).build();
        DestinationConfig::builder().on_failure(failure).build()
    };
    let own = "You can't specify the function as a destination for itself.";
    let destination = put().destination_config(to(format!("{ARN}:f1")));
    assert_refused(destination.send().await, 400, INVALID, own);
    let nothing = "You must specify at least one of error handling or destination setting.";
    assert_refused(put().send().await, 400, INVALID, nothing);
    let told = "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member \
                must have value less than or equal to 2";
    assert_refused(put().maximum_retry_attempts(3).send().await, 400, "ValidationException", told);
    let (status, code, _) = refused(put().maximum_event_age_in_seconds(59).send().await);
    assert_eq!((status, code.as_str()), (400, "ValidationException"));
    let other = plane.sdk.put_function_event_invoke_config().function_name("none");
    let told = "The function doesn't exist.";
    assert_refused(other.maximum_retry_attempts(1).send().await, 404, NOT_FOUND, told);
    let now = plane.sdk.get_function_event_invoke_config().function_name("f1").send().await;
    assert_eq!(now.expect("it is there").maximum_retry_attempts(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_is_allowed_and_forbidden_again() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let get = || plane.sdk.get_function_recursion_config().function_name("f1").send();
    assert_eq!(get().await.unwrap().recursive_loop(), Some(&RecursiveLoop::Terminate));
    let put = plane.sdk.put_function_recursion_config().function_name("f1");
    put.recursive_loop(RecursiveLoop::Allow).send().await.expect("allowed");
    assert_eq!(get().await.unwrap().recursive_loop(), Some(&RecursiveLoop::Allow));
    let put = plane.sdk.put_function_recursion_config().function_name("f1");
    let (status, code, _) = refused(put.recursive_loop(RecursiveLoop::from("Never")).send().await);
    assert_eq!((status, code.as_str()), (400, "ValidationException"));
    assert_eq!(get().await.unwrap().recursive_loop(), Some(&RecursiveLoop::Allow));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_url_is_opened_changed_and_closed_while_the_emulator_runs() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let create = || {
        let create = plane.sdk.create_function_url_config().function_name("f1");
        create.auth_type(FunctionUrlAuthType::None)
    };
    let url = create().send().await.expect("made").function_url().to_owned();
    let refused = plane.client.get(&url).await.expect("an answer");
    assert_eq!(refused.status, 403, "the policy lets nobody invoke it: {refused:?}");
    assert!(
        refused.text().starts_with(r#"{"Message":"Forbidden. For troubleshooting"#),
        "{refused:?}"
    );
    plane.let_everyone_invoke_url("f1").await;
    let answer = plane.client.get(&url).await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["version"], "2.0", "the event comes back");
    let remove = plane.sdk.remove_permission().function_name("f1").statement_id("url");
    remove.send().await.expect("removed");
    assert_eq!(plane.client.get(&url).await.expect("an answer").status, 403);
    plane.let_everyone_invoke_url("f1").await;

    let told = format!(
        "Failed to create function url config for [functionArn = {ARN}:f1]. Error message:  FunctionUrlConfig exists for \
         this Lambda function"
    );
    assert_refused(create().send().await, 409, "ResourceConflictException", &told);
    let update = plane.sdk.update_function_url_config().function_name("f1");
    let cors = aws_sdk_lambda::types::Cors::builder().allow_origins("https://a.example").build();
    let updated =
        update.invoke_mode(InvokeMode::Buffered).cors(cors).send().await.expect("changed");
    assert_eq!(updated.function_url(), url, "the address stays");
    let call = Call::get(&url).header("origin", "https://a.example");
    let answer = plane.client.send(&call).await.expect("an answer");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.example"));
    let get = plane.sdk.get_function_url_config().function_name("f1").send().await.expect("there");
    assert_eq!(
        (get.invoke_mode(), get.auth_type()),
        (Some(&InvokeMode::Buffered), &FunctionUrlAuthType::None)
    );
    let listed = plane.sdk.list_function_url_configs().function_name("f1").send().await;
    assert_eq!(listed.expect("a list").function_url_configs().len(), 1);

    plane.sdk.delete_function_url_config().function_name("f1").send().await.expect("closed");
    assert!(hardcap_tests::client::Client::new().get(&url).await.is_err(), "nobody listens");
    let get = plane.sdk.get_function_url_config().function_name("f1").send().await;
    assert_refused(get, 404, NOT_FOUND, "The resource you requested does not exist.");
    let wrong = r#"{"AuthType": "NONE", "InvokeMode": "UNKNOWN"}"#;
    let answer = plane.send("POST", "/2021-10-31/functions/f1/url", wrong).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(
        answer.json()["message"],
        "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must satisfy \
         enum value set: [RESPONSE_STREAM, BUFFERED]"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_set_and_taken_away_and_there_are_at_most_50() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").tags("a", "1").send().await.expect("made");
    let arn = format!("{ARN}:f1");
    let tag = |count: usize| {
        let tags = (0..count).map(|n| (format!("{n}_key"), "x".to_owned())).collect();
        plane.sdk.tag_resource().resource(&arn).set_tags(Some(tags)).send()
    };
    let told = "Number of tags exceeds resource tag limit.";
    assert_refused(tag(50).await, 400, INVALID, told);
    let list = || async {
        let list = plane.sdk.list_tags().resource(&arn).send().await.expect("a list");
        list.tags().map_or(0, std::collections::HashMap::len)
    };
    assert_eq!(list().await, 1, "a refused change changes nothing");
    tag(49).await.expect("fifty are taken");
    assert_eq!(list().await, 50);
    let untag = plane.sdk.untag_resource().resource(&arn).tag_keys("a").tag_keys("0_key");
    untag.send().await.expect("taken away");
    assert_eq!(list().await, 48);
    let (status, code, _) =
        refused(plane.sdk.list_tags().resource("arn:aws:something").send().await);
    assert_eq!((status, code.as_str()), (400, "ValidationException"));
}

/// What a template deploys is there for Lambda's API as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_the_configuration_is_visible_and_can_be_changed() {
    let mut function: Function = functions::guest("behave");
    function.timeout = Millis(10_000);
    function.environment.insert("STAGE".to_owned(), "template".to_owned());
    function.events =
        EventInvokeConfig { maximum_retry_attempts: Some(1), ..EventInvokeConfig::default() };
    let builder = Emulator::builder().limits(Date::LATEST).function(function);
    let plane = Plane::with(builder.function_url("behave")).await;
    let get = plane.sdk.get_function().function_name("behave").send().await.expect("it is there");
    let configuration = get.configuration().expect("a configuration");
    assert_eq!(configuration.timeout(), Some(10));
    assert_eq!(configuration.function_arn(), Some(format!("{ARN}:behave").as_str()));
    let events = plane.sdk.get_function_event_invoke_config().function_name("behave").send().await;
    assert_eq!(events.expect("they are there").maximum_retry_attempts(), Some(1));
    let url = plane.sdk.get_function_url_config().function_name("behave").send().await.unwrap();
    let given = plane.emulator.function_url("behave").unwrap();
    assert_eq!(url.function_url().trim_end_matches('/'), given.trim_end_matches('/'));

    let update = plane.sdk.update_function_configuration().function_name("behave");
    let update = update.environment(super::environment(&[("STAGE", "changed")]));
    update.send().await.expect("changed");
    assert_eq!(plane.invoke("behave", r#"{"env": true}"#).await["STAGE"], "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_listed_page_by_page() {
    let plane = Plane::start().await;
    for name in ["c1", "a1", "b1"] {
        plane.create(name, "echo").send().await.expect("made");
    }
    let mut pages = plane.sdk.list_functions().max_items(2).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        assert!(page.functions().len() <= 2);
        found
            .extend(page.functions().iter().filter_map(|it| it.function_name().map(str::to_owned)));
    }
    assert_eq!(found, ["a1", "b1", "c1"]);
    let versions = plane.sdk.list_versions_by_function().function_name("a1").send().await.unwrap();
    let versions: Vec<_> = versions.versions().iter().map(|it| it.version()).collect();
    assert_eq!(versions, [Some("$LATEST")]);
    let answer = plane.send("GET", "/2015-03-31/functions?MaxItems=0", "").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let account = plane.send("GET", "/2016-08-19/account-settings", "").await.json();
    assert_eq!(account["AccountUsage"]["FunctionCount"], 3);
    assert_eq!(account["AccountLimit"]["CodeSizeZipped"], json!(52_428_800));
    assert_eq!(account["AccountLimit"]["CodeSizeUnzipped"], json!(262_144_000));
}

/// Recorded on AWS, 2025-11-25: `TestLambdaPermissions`.
#[tokio::test(flavor = "multi_thread")]
async fn a_permission_is_a_statement_as_aws_writes_it_and_wrong_ones_are_refused() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let path = "/2015-03-31/functions/f1/policy";
    let add = async |body: serde_json::Value| plane.send("POST", path, body.to_string()).await;
    let none = plane.send("GET", path, "").await;
    assert_eq!(
        (none.status.as_u16(), none.json()["Message"].as_str()),
        (404, Some("The resource you requested does not exist."))
    );
    let s3 = serde_json::json!({
        "StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:aws:s3:::b", "SourceAccount": "000000000000",
    });
    let added = add(s3.clone()).await;
    assert_eq!(added.status, 201, "{added:?}");
    let statement: serde_json::Value =
        serde_json::from_str(added.json()["Statement"].as_str().expect("a text")).expect("JSON");
    assert_eq!(
        statement,
        serde_json::json!({
            "Sid": "s3", "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" },
            "Action": "lambda:InvokeFunction",
            "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f1",
            "Condition": {
                "StringEquals": { "AWS:SourceAccount": "000000000000" },
                "ArnLike": { "AWS:SourceArn": "arn:aws:s3:::b" },
            },
        })
    );
    let again = add(s3.clone()).await;
    assert_eq!(again.status, 409, "{again:?}");
    for (member, value, status, words) in [
        ("StatementId", "example.com", 400, "'statementId' failed to satisfy constraint"),
        ("Principal", "invalid.nonaws.com/x", 400, "The provided principal was invalid."),
        ("RevisionId", "other", 412, "Call the GetPolicy API"),
    ] {
        let mut input = s3.clone();
        input["StatementId"] = "new".into();
        input[member] = value.into();
        let refused = add(input).await;
        assert_eq!(refused.status, status, "{member}: {refused:?}");
        assert!(refused.text().contains(words), "{member}: {refused:?}");
    }
    let latest = plane.send("POST", &format!("{path}?Qualifier=%24LATEST"), s3.to_string()).await;
    assert!(
        latest.text().contains("We currently do not support adding policies for $LATEST."),
        "{latest:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_survive_a_restart_until_they_are_removed() {
    let data = tempfile::tempdir().expect("a folder");
    let start = || {
        Plane::with(
            hardcap::Emulator::builder().limits(hardcap_limits::Date::LATEST).data(data.path()),
        )
    };
    let plane = start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let path = "/2015-03-31/functions/f1/policy";
    let add = async |body: serde_json::Value| plane.send("POST", path, body.to_string()).await;
    let s3 = serde_json::json!({ "StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com" });
    assert_eq!(add(s3).await.status, 201);
    let url = serde_json::json!({
        "StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE",
    });
    assert_eq!(add(url).await.status, 201);
    plane.emulator.stop().await;

    let plane = start().await;
    let sids = async || {
        let policy = plane.send("GET", path, "").await.json();
        let policy: serde_json::Value =
            serde_json::from_str(policy["Policy"].as_str().unwrap_or("{}")).expect("JSON");
        let list = policy["Statement"].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(|it| it["Sid"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(sids().await, ["s3", "url"]);
    let absent = plane.send("DELETE", &format!("{path}/non-existent"), "").await;
    assert_eq!(absent.json()["Message"], "Statement non-existent is not found in resource policy.");
    assert_eq!(plane.send("DELETE", &format!("{path}/s3"), "").await.status, 204);
    assert_eq!(sids().await, ["url"]);
    assert_eq!(plane.send("DELETE", &format!("{path}/url"), "").await.status, 204);
    let gone = plane.send("DELETE", &format!("{path}/url"), "").await;
    assert_eq!(gone.json()["Message"], "No policy is associated with the given resource.");
}
