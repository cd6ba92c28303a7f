//! Versions and aliases: what was published stays what it was, and a qualifier chooses it.

use std::collections::HashMap;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{AliasRoutingConfiguration, FunctionVersion, InvocationType};
use hardcap::Emulator;
use hardcap::config::{Function, PublishedAlias, Publishing};
use hardcap_limits::Date;
use hardcap_tests::functions;
use serde_json::Value;

use super::{Plane, environment, package, refused};

async fn data_plane(data: &std::path::Path) -> Plane {
    Plane::with(Emulator::builder().limits(Date::LATEST).data(data)).await
}

/// The guest that returns its environment.
fn function(name: &str) -> Function {
    let mut function = functions::guest("behave");
    name.clone_into(&mut function.name);
    name.clone_into(&mut function.logical_id);
    function
}

impl Plane {
    async fn publish(&self, name: &str) -> String {
        let published = self.sdk.publish_version().function_name(name).send().await;
        published.expect("published").version().expect("a version").to_owned()
    }

    async fn set_stage(&self, name: &str, stage: &str) {
        let update = self.sdk.update_function_configuration().function_name(name);
        let update = update.environment(environment(&[("STAGE", stage)]));
        update.send().await.expect("updated");
    }

    /// The executed version, and the environment of the function that was invoked by this name.
    async fn environment_of(&self, name: &str, qualifier: Option<&str>) -> (String, Value) {
        let invoke = self.sdk.invoke().function_name(name).set_qualifier(qualifier.map(Into::into));
        let invoked = invoke.payload(Blob::new(r#"{"env": true}"#)).send().await.expect("invoked");
        let version = invoked.executed_version().expect("a version").to_owned();
        let payload = invoked.payload().expect("a payload").as_ref();
        (version, serde_json::from_slice(payload).expect("JSON"))
    }

    async fn alias(&self, function: &str, alias: &str, version: &str) {
        let create = self.sdk.create_alias().function_name(function).name(alias);
        create.function_version(version).send().await.expect("made");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_keeps_the_code_and_the_configuration_of_its_publication() {
    let plane = Plane::start().await;
    let create = plane.create("f1", "behave").environment(environment(&[("STAGE", "one")]));
    create.send().await.expect("made");
    assert_eq!(plane.publish("f1").await, "1");
    plane.set_stage("f1", "two").await;
    let script = format!("#!/bin/sh\nSTAGE=code exec '{}' behave\n", env!("CARGO_BIN_EXE_guest"));
    let update = plane.sdk.update_function_code().function_name("f1");
    let update = update.zip_file(Blob::new(package(&[("bootstrap", script.as_bytes())])));
    update.send().await.expect("updated");

    let (version, environment) = plane.environment_of("f1", Some("1")).await;
    assert_eq!((version.as_str(), &environment["STAGE"]), ("1", &"one".into()));
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_VERSION"], "1");
    let stream = environment["AWS_LAMBDA_LOG_STREAM_NAME"].as_str().expect("a stream");
    assert!(stream.contains("/[1]"), "{stream}");
    let (version, environment) = plane.environment_of("f1", None).await;
    assert_eq!((version.as_str(), &environment["STAGE"]), ("$LATEST", &"code".into()));
    assert_eq!(plane.publish("f1").await, "2");
    assert_eq!(plane.publish("f1").await, "2", "nothing changed: no new version");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_a_template_s_function_is_a_copy_of_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let bootstrap = folder.path().join("bootstrap");
    let write = |stage: &str| {
        let script =
            format!("#!/bin/sh\nSTAGE={stage} exec '{}' behave\n", env!("CARGO_BIN_EXE_guest"));
        std::fs::write(&bootstrap, script).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&bootstrap, mode).expect("executable");
    };
    write("old");
    let mut function = function("f1");
    function.command = vec![bootstrap.clone().into_os_string()];
    function.task_root = folder.path().to_owned();
    let plane =
        Plane::with(Emulator::builder().limits(hardcap_limits::Date::CLASSIC).function(function))
            .await;
    assert_eq!(plane.publish("f1").await, "1");
    write("new");
    let (_, environment) = plane.environment_of("f1:1", None).await;
    assert_eq!(environment["STAGE"], "old");
    let (_, environment) = plane.environment_of("f1", Some("$LATEST")).await;
    assert_eq!(environment["STAGE"], "new");
    assert_eq!(plane.publish("f1").await, "2", "the code is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_is_moved_to_another_version() {
    let plane = Plane::start().await;
    let create = plane.create("f1", "behave").environment(environment(&[("STAGE", "one")]));
    create.publish(true).send().await.expect("made");
    plane.set_stage("f1", "two").await;
    plane.publish("f1").await;
    plane.alias("f1", "live", "1").await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f1:live";
    let (version, environment) = plane.environment_of(arn, None).await;
    assert_eq!((version.as_str(), &environment["STAGE"]), ("1", &"one".into()));
    let update = plane.sdk.update_alias().function_name("f1").name("live").function_version("2");
    update.send().await.expect("moved");
    let (version, environment) = plane.environment_of("f1", Some("live")).await;
    assert_eq!((version.as_str(), &environment["STAGE"]), ("2", &"two".into()));
    let get = plane.sdk.get_function().function_name("f1").qualifier("live").send().await;
    let get = get.expect("found");
    let configuration = get.configuration().expect("a configuration");
    assert_eq!(configuration.function_arn(), Some(arn));
    assert_eq!(configuration.version(), Some("2"));
    // An asynchronous event is accepted for an alias, too.
    let event = plane.sdk.invoke().function_name("f1").qualifier("live");
    let event = event.invocation_type(InvocationType::Event).payload(Blob::new("{}"));
    assert_eq!(event.send().await.expect("accepted").status_code(), 202);

    let deleting = plane.sdk.delete_function().function_name("f1").qualifier("2");
    let (status, _, message) = refused(deleting.send().await);
    assert_eq!(status, 409);
    assert!(message.ends_with("the following aliases reference it: [live]"), "{message}");
    plane.sdk.delete_alias().function_name("f1").name("live").send().await.expect("deleted");
    let deleting = plane.sdk.delete_function().function_name("f1").qualifier("2");
    deleting.send().await.expect("deleted");
    let (status, code, _) =
        refused(plane.sdk.invoke().function_name("f1").qualifier("2").send().await);
    assert_eq!((status, code.as_str()), (404, "ResourceNotFoundException"));
    let (version, _) = plane.environment_of("f1", Some("1")).await;
    assert_eq!(version, "1", "the other version is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_with_weights_invokes_both_versions() {
    let plane = Plane::start().await;
    let create = plane.create("f1", "behave").environment(environment(&[("STAGE", "one")]));
    create.publish(true).send().await.expect("made");
    plane.set_stage("f1", "two").await;
    plane.publish("f1").await;
    let weights = |weight| {
        let weights = HashMap::from([("2".to_owned(), weight)]);
        AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights)).build()
    };
    let create = plane.sdk.create_alias().function_name("f1").name("live").function_version("1");
    create.routing_config(weights(1.0)).send().await.expect("made");
    assert_eq!(plane.environment_of("f1", Some("live")).await.0, "2");
    let update = plane.sdk.update_alias().function_name("f1").name("live");
    update.routing_config(weights(0.0)).send().await.expect("changed");
    assert_eq!(plane.environment_of("f1", Some("live")).await.0, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_versions_and_aliases_are_those_that_aws_recorded() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").publish(true).send().await.expect("made");
    let publish = plane.sdk.publish_version().function_name("f1").code_sha256("other");
    let (status, code, message) = refused(publish.send().await);
    assert_eq!((status, code.as_str()), (400, "InvalidParameterValueException"));
    assert!(message.starts_with("CodeSHA256 (other) is different from current"), "{message}");
    let create = |name: &str, version: &str| {
        let create = plane.sdk.create_alias().function_name("f1").name(name);
        create.function_version(version)
    };
    for (call, expected) in [
        (
            create("live", "10"),
            (404, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f1:10"),
        ),
        (create("2024", "1"), (400, "Value '2024' at 'name' failed to satisfy constraint")),
    ] {
        let (status, _, message) = refused(call.send().await);
        assert_eq!(status, expected.0, "{message}");
        assert!(message.contains(expected.1), "{message}");
    }
    create("live", "1").send().await.expect("made");
    let (status, code, message) = refused(create("live", "1").send().await);
    assert_eq!((status, code.as_str()), (409, "ResourceConflictException"));
    assert_eq!(
        message,
        "Alias already exists: arn:aws:lambda:us-east-1:000000000000:function:f1:live"
    );
    let get = plane.sdk.get_alias().function_name("f1").name("other").send().await;
    let (status, _, message) = refused(get);
    assert_eq!(status, 404);
    assert!(message.starts_with("Cannot find alias arn: arn:aws:lambda:"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_every_version_and_every_alias() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").publish(true).send().await.expect("made");
    plane.create("f2", "echo").send().await.expect("made");
    plane.set_stage("f1", "two").await;
    plane.publish("f1").await;
    plane.alias("f1", "a", "1").await;
    plane.alias("f1", "b", "2").await;
    let listed = plane.sdk.list_versions_by_function().function_name("f1").send().await;
    let listed = listed.expect("listed");
    let versions: Vec<_> = listed.versions().iter().filter_map(|it| it.version()).collect();
    assert_eq!(versions, ["$LATEST", "1", "2"]);
    let of_two = plane.sdk.list_aliases().function_name("f1").function_version("2").send().await;
    let of_two = of_two.expect("listed");
    let names: Vec<_> = of_two.aliases().iter().filter_map(|it| it.name()).collect();
    assert_eq!(names, ["b"]);
    let all = plane.sdk.list_functions().function_version(FunctionVersion::All).send().await;
    let all = all.expect("listed");
    let shown: Vec<_> = all.functions().iter().filter_map(|it| it.function_arn()).collect();
    assert_eq!(shown.len(), 4, "{shown:?}");
    let plain = plane.sdk.list_functions().send().await.expect("listed");
    assert_eq!(plain.functions().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_publish_alias_publishes_a_version_at_the_start() {
    let mut function = function("f1");
    let live = PublishedAlias { name: "live".to_owned(), latest: false };
    function.publishing = Publishing { version: true, aliases: vec![live], events: None };
    let plane =
        Plane::with(Emulator::builder().limits(hardcap_limits::Date::CLASSIC).function(function))
            .await;
    let (version, environment) = plane.environment_of("f1", Some("live")).await;
    assert_eq!(version, "1");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_VERSION"], "1");
    let alias = plane.sdk.get_alias().function_name("f1").name("live").send().await;
    assert_eq!(alias.expect("found").function_version(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_aliases_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let plane = data_plane(folder.path()).await;
    let create = plane.create("f1", "behave").environment(environment(&[("STAGE", "one")]));
    create.publish(true).send().await.expect("made");
    plane.set_stage("f1", "two").await;
    let script = format!("#!/bin/sh\nexec '{}' behave\n", env!("CARGO_BIN_EXE_guest"));
    let update = plane.sdk.update_function_code().function_name("f1");
    let update = update.zip_file(Blob::new(package(&[("bootstrap", script.as_bytes())])));
    update.send().await.expect("updated");
    plane.alias("f1", "live", "1").await;
    plane.emulator.stop().await;

    let plane = data_plane(folder.path()).await;
    let (version, environment) = plane.environment_of("f1", Some("live")).await;
    assert_eq!((version.as_str(), &environment["STAGE"]), ("1", &"one".into()));
    assert_eq!(plane.environment_of("f1", None).await.1["STAGE"], "two");
}
