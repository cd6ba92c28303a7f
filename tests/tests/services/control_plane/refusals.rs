//! What is refused because of what it names: other regions, versions, keys that are Lambda's own, operations that are not
//! built.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, Runtime, TracingConfig, TracingMode};
use hardcap::Emulator;
use hardcap::config::Function;

use super::{Plane, assert_refused, code, environment, guest, refused};

const INVALID: &str = "InvalidParameterValueException";
const NOT_FOUND: &str = "ResourceNotFoundException";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function";

#[tokio::test(flavor = "multi_thread")]
async fn missing_functions_are_reported_as_recorded_on_2023_11_20() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let get = |name: &str| plane.sdk.get_function().function_name(name).send();
    let missing = format!("Function not found: {ARN}:none");
    assert_refused(get("none").await, 404, NOT_FOUND, &missing);
    let delete = plane.sdk.delete_function().function_name("none").send().await;
    assert_refused(delete, 404, NOT_FOUND, &missing);
    let version = plane.sdk.get_function().function_name("f1").qualifier("1221").send().await;
    assert_refused(version, 404, NOT_FOUND, &format!("Function not found: {ARN}:f1:1221"));
    let elsewhere = "arn:aws:lambda:eu-central-1:000000000000:function:f1";
    let told = "Functions from 'eu-central-1' are not reachable in this region ('us-east-1')";
    assert_refused(get(elsewhere).await, 404, NOT_FOUND, told);
    let (status, code, _) = refused(get("arn:aws:lambda:us-east-1:111122223333:function:f1").await);
    assert_eq!((status, code.as_str()), (403, "AccessDeniedException"));
    let told =
        "The derived qualifier from the function name does not match the specified qualifier.";
    let mismatch =
        plane.sdk.get_function().function_name(format!("{ARN}:f1:1")).qualifier("$LATEST");
    assert_refused(mismatch.send().await, 400, INVALID, told);
    let latest = plane.sdk.get_function().function_name("f1").qualifier("$LATEST").send().await;
    let latest = latest.expect("the one version that is there");
    let arn = latest.configuration().and_then(|it| it.function_arn()).map(str::to_owned);
    assert_eq!(arn, Some(format!("{ARN}:f1:$LATEST")));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_lambdas_own_or_no_keys_are_refused_and_nothing_is_made() {
    let plane = Plane::start().await;
    let reserved = plane.create("f1", "echo").environment(environment(&[("AWS_REGION", "x")]));
    let told = "Lambda was unable to configure your environment variables because the environment variables you have \
                provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
                this request: AWS_REGION";
    assert_refused(reserved.send().await, 400, INVALID, told);
    for key in ["A", "1A", "_HANDLER", "A-B"] {
        let create = plane.create("f1", "echo").environment(environment(&[(key, "x")]));
        let told = "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys \
                    must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]";
        assert_refused(create.send().await, 400, "ValidationException", told);
    }
    assert!(!plane.has("f1").await);
    let free = environment(&[("TZ", "Europe/Rome"), ("A1", "x"), ("LANG", "C")]);
    plane.create("f1", "behave").environment(free).send().await.expect("these are free");
    assert_eq!(plane.invoke("f1", r#"{"env": true}"#).await["TZ"], "Europe/Rome");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_could_be_a_path_is_refused() {
    let plane = Plane::start().await;
    for name in ["invalid:function:name", "../../etc", "a.b", "a b", ".."] {
        let (status, error, message) = refused(plane.create(name, "echo").send().await);
        assert_eq!((status, error.as_str()), (400, "ValidationException"), "{name}: {message}");
        let begins =
            format!("1 validation error detected: Value '{name}' at 'functionName' failed");
        assert!(message.starts_with(&begins), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_not_emulated_is_named_and_clients_do_not_retry_it() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    for (method, path, named) in [
        ("PUT", "/2019-09-30/functions/f1/provisioned-concurrency", "provisioned concurrency"),
        ("POST", "/2020-04-22/code-signing-configs", "code-signing-configs"),
        ("POST", "/2018-10-31/layers/any/versions", "layers"),
        ("PATCH", "/2015-03-31/functions/f1", "PATCH"),
        ("GET", "/2015-03-31/functions/f1/invocations", "invocations"),
    ] {
        let answer = plane.send(method, path, "{}").await;
        assert_eq!(answer.status, 501, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("x-amzn-errortype"), Some("NotImplementedException"), "{path}");
        assert!(answer.header("x-amzn-requestid").is_some(), "{path}");
        let body = answer.json();
        let message = body["message"].as_str().expect("a message");
        assert!(
            message.starts_with("hardcap does not emulate ") && message.contains(named),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioned_concurrency_of_an_alias_is_refused_with_the_function_and_the_place_of_the_list()
 {
    let plane = Plane::start().await;
    let path = "/2019-09-30/functions/f1/provisioned-concurrency?Qualifier=live";
    for method in ["PUT", "GET", "DELETE"] {
        let answer = plane.send(method, path, "{}").await;
        assert_eq!(answer.status, 501, "{answer:?}");
        assert_eq!(
            answer.json()["message"],
            "hardcap does not emulate provisioned concurrency, here of the function `f1:live`: docs/differences.md lists what \
             is not emulated"
        );
    }
}

/// Recorded on 2025-11-25.
#[tokio::test(flavor = "multi_thread")]
async fn a_qualifier_beside_a_name_with_another_one_is_refused_by_every_operation() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").publish(true).send().await.expect("made");
    let told =
        "The derived qualifier from the function name does not match the specified qualifier.";
    let permission = r#"{"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}"#;
    for (method, version, rest, body) in [
        ("GET", "2015-03-31", "", ""),
        ("GET", "2015-03-31", "/configuration", ""),
        ("DELETE", "2015-03-31", "", ""),
        ("POST", "2015-03-31", "/policy", permission),
        ("GET", "2015-03-31", "/policy", ""),
        ("DELETE", "2015-03-31", "/policy/s", ""),
        ("PUT", "2019-09-25", "/event-invoke-config", "{}"),
        ("POST", "2019-09-25", "/event-invoke-config", "{}"),
        ("GET", "2019-09-25", "/event-invoke-config", ""),
        ("DELETE", "2019-09-25", "/event-invoke-config", ""),
        ("POST", "2021-10-31", "/url", r#"{"AuthType": "NONE"}"#),
        ("PUT", "2021-10-31", "/url", "{}"),
        ("GET", "2021-10-31", "/url", ""),
        ("DELETE", "2021-10-31", "/url", ""),
        ("POST", "2015-03-31", "/invocations", "{}"),
        ("POST", "2021-11-15", "/response-streaming-invocations", "{}"),
    ] {
        let path = format!("/{version}/functions/f1:1{rest}?Qualifier=live");
        let answer = plane.send(method, &path, body).await;
        assert_eq!(answer.status, 400, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("x-amzn-errortype"), Some(INVALID), "{method} {path}");
        assert_eq!(answer.json()["message"], told, "{method} {path}");
    }
    let latest = plane.sdk.invoke().function_name("f1:1").qualifier("$LATEST");
    assert_refused(latest.send().await, 400, INVALID, told);
    let same = plane.sdk.invoke().function_name("f1:1").qualifier("1");
    let same = same.payload(Blob::new("1")).send().await.expect("both name one version");
    assert_eq!(same.executed_version(), Some("1"));
}

/// The text for each runtime that AWS no longer accepts: recorded on 2026-01-12.
fn retired(runtime: &str) -> String {
    format!(
        "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We recommend \
         you use a supported runtime while creating or updating functions."
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_aws_does_not_accept_is_refused_and_nothing_is_made() {
    let plane = Plane::start().await;
    let unknown = "Value foo at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, \
                   python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, \
                   python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, \
                   dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN";
    // AWS creates no function with go1.x, and still changes functions that have it.
    for (runtime, told) in [
        ("foo", unknown.to_owned()),
        ("python2.7", retired("python2.7")),
        ("python3.6", retired("python3.6")),
        ("go1.x", retired("go1.x")),
    ] {
        let create = plane.create("f1", "echo").runtime(Runtime::from(runtime));
        assert_refused(create.send().await, 400, INVALID, &told);
        assert!(!plane.has("f1").await, "{runtime}");
    }
    plane.create("f1", "echo").send().await.expect("made");
    let change = |runtime: &str| {
        let change = plane.sdk.update_function_configuration().function_name("f1");
        change.runtime(Runtime::from(runtime)).send()
    };
    assert_refused(change("foo").await, 400, INVALID, unknown);
    assert_refused(change("python2.7").await, 400, INVALID, &retired("python2.7"));
    let shown = plane.sdk.get_function_configuration().function_name("f1").send().await;
    let shown = shown.expect("it is unchanged");
    assert_eq!(shown.runtime().map(Runtime::as_str), Some("provided.al2023"));
    change("go1.x").await.expect("functions that exist may have it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_of_the_limits_decides_whether_a_runtime_is_accepted() {
    for (day, is_created, is_changed) in [
        ("2021-07-14", true, true),
        ("2021-07-15", false, true),
        ("2022-05-29", false, true),
        ("2022-05-30", false, false),
    ] {
        let builder = Emulator::builder().limits(day.parse().expect("a day"));
        let plane = Plane::with(builder).await;
        plane.create("f1", "echo").send().await.expect("made");
        let create = plane.create("f2", "echo").runtime(Runtime::from("python2.7"));
        assert_eq!(create.send().await.is_ok(), is_created, "created on {day}");
        let change = plane.sdk.update_function_configuration().function_name("f1");
        let change = change.runtime(Runtime::from("python2.7")).send().await;
        assert_eq!(change.is_ok(), is_changed, "changed on {day}");
    }
}

/// Tried by Classmethod on 2025-12-03: the code cannot be changed, nor can the settings if the request has the runtime.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_function_with_a_retired_runtime_runs_and_only_its_settings_are_changed() {
    let mut old = Function::new("old", [env!("CARGO_BIN_EXE_guest"), "echo"]);
    old.runtime = "python2.7".to_owned();
    let plane = Plane::with(Emulator::builder().function(old)).await;
    let change = || plane.sdk.update_function_configuration().function_name("old").memory_size(512);
    let told = retired("python2.7");
    let same = change().runtime(Runtime::from("python2.7"));
    assert_refused(same.send().await, 400, INVALID, &told);
    let changed = change().send().await.expect("a setting");
    assert_eq!(changed.memory_size(), Some(512));
    assert_eq!(plane.invoke("old", "1").await, 1);
    let code = || {
        let code = plane.sdk.update_function_code().function_name("old");
        code.zip_file(Blob::new(guest())).send()
    };
    assert_refused(code().await, 400, INVALID, &told);
    let newer = plane.sdk.update_function_configuration().function_name("old").handler("echo");
    newer.runtime(Runtime::from("provided.al2023")).send().await.expect("a newer runtime");
    code().await.expect("its runtime is accepted");
    assert_eq!(plane.invoke("old", "1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn architectures_and_handlers_that_violate_their_constraints_are_refused() {
    let plane = Plane::start().await;
    let kind = "ValidationException";
    let both = "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member \
                must have length less than or equal to 1";
    let other = "1 validation error detected: Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must \
                 satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]";
    let (x86, arm) = (Architecture::X8664, Architecture::Arm64);
    let create = plane.create("f1", "echo").architectures(x86.clone()).architectures(arm.clone());
    assert_refused(create.send().await, 400, kind, both);
    let create = plane.create("f1", "echo").architectures(Architecture::from("X86_64"));
    assert_refused(create.send().await, 400, kind, other);
    let pattern = |handler: &str| {
        format!(
            "1 validation error detected: Value '{handler}' at 'handler' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [^\\s]+"
        )
    };
    assert_refused(plane.create("f1", "a b").send().await, 400, kind, &pattern("a b"));
    let long = "x".repeat(129);
    let length = format!(
        "1 validation error detected: Value '{long}' at 'handler' failed to satisfy constraint: Member must have length less \
         than or equal to 128"
    );
    assert_refused(plane.create("f1", &long).send().await, 400, kind, &length);
    assert!(!plane.has("f1").await);
    plane.create("f1", &long[1..]).send().await.expect("128 letters");
    let change = |handler: &str| {
        plane.sdk.update_function_configuration().function_name("f1").handler(handler).send()
    };
    assert_refused(change("a b").await, 400, kind, &pattern("a b"));
    assert_refused(change("").await, 400, kind, &pattern(""));
    let code = || {
        let code = plane.sdk.update_function_code().function_name("f1");
        code.zip_file(Blob::new(guest()))
    };
    let refused = code().architectures(x86).architectures(arm.clone());
    assert_refused(refused.send().await, 400, kind, both);
    code().architectures(arm).send().await.expect("one architecture");
    change("echo").await.expect("a handler");
    assert_eq!(plane.invoke("f1", "1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_and_a_tracing_mode_that_the_model_does_not_have_are_refused() {
    let plane = Plane::start().await;
    plane.create("f1", "echo").send().await.expect("made");
    let update = || plane.sdk.update_function_configuration().function_name("f1");
    let long = "x".repeat(257);
    let told = format!(
        "1 validation error detected: Value '{long}' at 'description' failed to satisfy constraint: Member must have length less than or \
         equal to 256"
    );
    let refused = update().description(&long).send().await;
    assert_refused(refused, 400, "ValidationException", &told);
    let tracing = |mode: &str| TracingConfig::builder().mode(TracingMode::from(mode)).build();
    let told = "1 validation error detected: Value 'On' at 'tracingConfig.mode' failed to satisfy constraint: Member must satisfy enum \
                value set: [Active, PassThrough]";
    let refused = update().tracing_config(tracing("On")).send().await;
    assert_refused(refused, 400, "ValidationException", told);
    let accepted = update().description(&long[1..]).tracing_config(tracing("Active")).send().await;
    assert_eq!(accepted.expect("256 characters").description(), Some(&long[1..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_members_and_bodies_that_are_not_json_are_refused() {
    let plane = Plane::start().await;
    let path = "/2015-03-31/functions";
    for (body, said) in [
        (
            "{}",
            "Value null at 'functionName' failed to satisfy constraint: Member must not be null",
        ),
        (
            r#"{"FunctionName": "f1"}"#,
            "Value null at 'role' failed to satisfy constraint: Member must not be null",
        ),
        (
            r#"{"FunctionName": "f1", "Role": "none"}"#,
            "Value 'none' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
        ),
        ("{", "Could not parse request body into json"),
        ("[]", "Could not parse request body into json"),
        (r#"{"FunctionName": 5}"#, "Could not parse request body into json"),
        ("\u{0}", "Could not parse request body into json"),
    ] {
        let answer = plane.send("POST", path, body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let told = answer.json();
        let message = told["message"].as_str().unwrap_or_else(|| panic!("{body}: {told}"));
        assert!(message.contains(said), "{body}: {message}");
    }
    let create =
        plane.sdk.create_function().function_name("f1").role(super::ROLE).code(code(guest()));
    let told = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
    assert_refused(create.send().await, 400, INVALID, told);
    assert!(!plane.has("f1").await);
}
