//! Packages: where they come from, what is refused, what runs them.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardcap::Emulator;
use hardcap::config::Bucket;
use hardcap_limits::Date;
use hardcap_tests::client::Call;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Plane, assert_refused, code, guest, package, refused};

const INVALID: &str = "InvalidParameterValueException";
const NO_ZIP: &str =
    "Could not unzip uploaded file. Please check your file, then try to upload again.";

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_given_back_as_it_was_sent() {
    let plane = Plane::start().await;
    let sent = guest();
    plane.create("f1", "echo").code(code(sent.clone())).send().await.expect("made");
    let get = plane.sdk.get_function().function_name("f1").send().await.expect("it is there");
    let configuration = get.configuration().expect("a configuration");
    assert_eq!(usize::try_from(configuration.code_size()), Ok(sent.len()));
    assert_eq!(configuration.code_sha256(), Some(STANDARD.encode(Sha256::digest(&sent)).as_str()));
    let location = get.code().and_then(|code| code.location()).expect("a place").to_owned();
    let answer = plane.client.send(&Call::get(location)).await.expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.body.as_ref()), (200, sent.as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn code_comes_from_the_emulators_own_s3() {
    let bucket = Bucket { name: "packages".to_owned(), ..Bucket::default() };
    let plane = Plane::with(Emulator::builder().limits(Date::LATEST).bucket(bucket)).await;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .credentials_provider(aws_sdk_s3::config::Credentials::new(
            "test", "test", None, None, "test",
        ))
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(plane.emulator.aws_url())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    let put = s3.put_object().bucket("packages").key("a/package.zip").body(guest().into());
    put.send().await.expect("stored");
    let from =
        |bucket: &str, key: &str| FunctionCode::builder().s3_bucket(bucket).s3_key(key).build();

    plane.create("f1", "echo").code(from("packages", "a/package.zip")).send().await.expect("made");
    assert_eq!(plane.invoke("f1", "1").await, 1);
    let update = plane.sdk.update_function_code().function_name("f1");
    update.s3_bucket("packages").s3_key("a/package.zip").send().await.expect("updated");
    assert_eq!(plane.invoke("f1", "2").await, 2);
    for (bucket, key, code, text) in [
        ("packages", "none", "NoSuchKey", "The specified key does not exist."),
        ("none", "a/package.zip", "NoSuchBucket", "The specified bucket does not exist"),
    ] {
        let told = format!(
            "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {text}"
        );
        let create = plane.create("f2", "echo").code(from(bucket, key));
        assert_refused(create.send().await, 400, INVALID, &told);
    }
    assert!(!plane.has("f2").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_or_escaping_package_is_refused_and_the_function_is_unchanged() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let escaping = package(&[("../../escaped", b"x")]);
    let absolute = package(&[("/tmp/hardcap-escaped", b"x")]);
    let damaged = {
        let mut bytes = guest();
        let middle = bytes.len() / 3;
        bytes[middle..middle + 8].fill(0xff);
        bytes
    };
    for wrong in [b"not a zip".to_vec(), escaping, absolute, damaged] {
        let create = plane.create("f2", "echo").code(code(wrong.clone()));
        assert_refused(create.send().await, 400, INVALID, NO_ZIP);
        let update = plane.sdk.update_function_code().function_name("f1");
        assert_refused(update.zip_file(Blob::new(wrong)).send().await, 400, INVALID, NO_ZIP);
    }
    assert!(!std::path::Path::new("/tmp/hardcap-escaped").exists());
    assert!(!plane.has("f2").await);
    assert_eq!(plane.invoke("f1", "1").await, 1);
}

/// Lambda takes any package, and so finds out when it is invoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_package_without_a_program_fails_when_it_is_invoked_and_says_why() {
    let plane = Plane::start().await;
    let empty = || code(package(&[("readme", b"nothing to run")]));
    for (name, runtime, said) in [
        ("native", "provided.al2023", "has no program"),
        (
            "java",
            "java21",
            "has the runtime java21: its package does not contain aws-lambda-java-runtime-interface-client",
        ),
        ("built", "provided.al2", "has no program"),
    ] {
        let create = plane.create(name, "echo").runtime(Runtime::from(runtime)).code(empty());
        create.send().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let invoked = plane.sdk.invoke().function_name(name).send().await.expect("an answer");
        assert_eq!(invoked.function_error(), Some("Unhandled"), "{name}");
        let payload: Value =
            serde_json::from_slice(invoked.payload().unwrap().as_ref()).expect("JSON");
        assert_eq!(payload["errorType"], "Runtime.InvalidEntrypoint", "{payload}");
        assert!(payload["errorMessage"].as_str().unwrap().contains(said), "{payload}");
    }
    let cargo = code(package(&[("Cargo.toml", b"[package]")]));
    let update = plane.sdk.update_function_code().function_name("native");
    let update = update.set_zip_file(cargo.zip_file).send().await;
    update.expect("taken, and never built");
    let invoked = plane.sdk.invoke().function_name("native").send().await.expect("an answer");
    assert_eq!(invoked.function_error(), Some("Unhandled"));
    let update = plane.sdk.update_function_code().function_name("native");
    update.zip_file(Blob::new(guest())).send().await.expect("updated");
    assert_eq!(plane.invoke("native", "1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_checks_and_changes_nothing() {
    let plane = Plane::start().await;
    let made = plane.create("f1", "echo").send().await.expect("made");
    let update = |package: Vec<u8>| {
        let update = plane.sdk.update_function_code().function_name("f1").dry_run(true);
        update.zip_file(Blob::new(package)).send()
    };
    let other = package(&[("bootstrap", b"#!/bin/sh\nexit 1\n")]);
    let checked = update(other).await.expect("it could be updated");
    assert_eq!(checked.code_sha256(), made.code_sha256());
    let (status, _, message) = refused(update(b"no zip".to_vec()).await);
    assert_eq!((status, message.as_str()), (400, NO_ZIP));
    assert_eq!(plane.invoke("f1", "1").await, 1);
}
