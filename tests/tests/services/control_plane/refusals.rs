//! What is refused because of what it names: other regions, versions, keys that are Lambda's own, operations that are not
//! built.

use aws_sdk_lambda::primitives::Blob;

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
