//! The Extensions API as it answers, to a test that holds the address of a sandbox's API.

use std::time::Duration;

use hardcap_tests::client::{Answer, Call, Client};
use hardcap_tests::eventually::eventually;
use serde_json::json;

use super::world::{Layer, World, function};

/// The API of a sandbox whose runtime never asks for an event, so that its init goes on.
struct Api {
    world: World,
    _layer: Layer,
    address: String,
    client: Client,
}

impl Api {
    async fn in_init() -> Api {
        Api::of("never-poll").await
    }

    async fn of(mode: &str) -> Api {
        let layer = Layer::with(&[]);
        let folder = tempfile::tempdir().expect("a folder");
        let told = folder.path().join("address");
        let mut function = function(mode, &layer, "[]");
        let program = std::mem::take(&mut function.command);
        // The test is told the address that only the sandbox's processes know.
        let script = r#"echo "$AWS_LAMBDA_RUNTIME_API" > "$TOLD.part" && mv "$TOLD.part" "$TOLD" && exec "$0" "$@""#;
        function.command =
            ["sh", "-c", script].map(Into::into).into_iter().chain(program).collect();
        function.environment.insert("TOLD".to_owned(), told.display().to_string());
        let world = World::with(function).await;
        let path = format!("/2015-03-31/functions/{mode}/invocations");
        let call = Call::post(format!("{}{path}", world.emulator.aws_url()), "{}".to_owned())
            .header("x-amz-invocation-type", "Event");
        world.client.send(&call).await.expect("the event is accepted");
        let address =
            eventually(Duration::from_secs(60), "a sandbox tells its address", async || {
                std::fs::read_to_string(&told)
            });
        let address = format!("http://{}", address.await.trim());
        Api { world, _layer: layer, address, client: Client::new() }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl ToString) -> Answer {
        let mut call =
            Call::post(format!("{}/2020-01-01/extension/{path}", self.address), body.to_string());
        for (name, value) in headers {
            call = call.header(*name, value);
        }
        self.client.send(&call).await.expect("an answer")
    }

    async fn next(&self, id: &str) -> Answer {
        let call = Call::get(format!("{}/2020-01-01/extension/event/next", self.address))
            .header("lambda-extension-identifier", id);
        self.client.send(&call).await.expect("an answer")
    }

    async fn register(&self, name: &str) -> String {
        let answer = self
            .post("register", &[("lambda-extension-name", name)], json!({"events": ["INVOKE"]}))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header("lambda-extension-identifier").expect("an identifier").to_owned()
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, error_type: &str, message: &str) {
    let body = format!(r#"{{"errorMessage":"{message}","errorType":"{error_type}"}}"#);
    assert_eq!((answer.status.as_u16(), answer.text()), (403, body.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_internal_extension_registers_and_learns_which_function_it_is_in() {
    let api = Api::in_init().await;
    let headers =
        [("lambda-extension-name", "inner"), ("lambda-extension-accept-feature", "accountId")];
    let answer = api.post("register", &headers, json!({"events": ["INVOKE"]})).await;
    assert_eq!(
        answer.text(),
        r#"{"functionName":"never-poll","functionVersion":"$LATEST","handler":"bootstrap","accountId":"000000000000"}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_cannot_be_is_refused_in_awss_words() {
    let api = Api::in_init().await;
    let invoke = json!({"events": ["INVOKE"]});
    let refused = api.post("register", &[], &invoke).await;
    assert_refused(&refused, "Extension.InvalidExtensionName", "Empty extension name");
    let inner = [("lambda-extension-name", "inner")];
    let refused = api.post("register", &inner, json!({"events": ["SHUTDOWN"]})).await;
    assert_refused(
        &refused,
        "Extension.InvalidEventType",
        "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
    );
    let refused = api.post("register", &inner, json!({"events": ["LUNCH"]})).await;
    assert_refused(&refused, "Extension.InvalidEventType", "LUNCH: ErrorInvalidEventType");
    for body in ["", "{", "[]", r#"{"events":1}"#, r#"{"configurationKeys":["a"]}"#] {
        let refused = api.post("register", &inner, body).await;
        assert_eq!(refused.status, 403, "{body}: {refused:?}");
        assert_eq!(refused.json()["errorType"], "InvalidRequestFormat", "{body}");
    }
    api.register("inner").await;
    let refused = api.post("register", &inner, &invoke).await;
    assert_refused(
        &refused,
        "Extension.InvalidExtensionState",
        "Extension with this name already registered",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_an_identifier_is_refused() {
    let api = Api::in_init().await;
    let refused = api.post("init/error", &[], "").await;
    assert_refused(
        &refused,
        "Extension.MissingExtensionIdentifier",
        "Missing Lambda-Extension-Identifier header",
    );
    let refused = api.next("nobody").await;
    assert_refused(
        &refused,
        "Extension.InvalidExtensionIdentifier",
        "Invalid Lambda-Extension-Identifier",
    );
    let unknown = "00000000-0000-4000-8000-000000000000";
    let refused = api.next(unknown).await;
    let message = format!("Unknown extension {unknown}");
    assert_refused(&refused, "Extension.UnknownExtensionIdentifier", &message);
    let id = api.register("inner").await;
    let refused = api.post("exit/error", &[("lambda-extension-identifier", &id)], "").await;
    assert_refused(
        &refused,
        "Extension.MissingHeader",
        "Lambda-Extension-Function-Error-Type not found",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_extension_is_refused() {
    let api = Api::in_init().await;
    for number in 0..10 {
        api.register(&format!("e{number}")).await;
    }
    let name = [("lambda-extension-name", "e10")];
    let refused = api.post("register", &name, json!({"events": []})).await;
    assert_refused(&refused, "Extension.TooManyExtensions", "Extension limit (10) reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_extension_can_register_after_init() {
    let api = Api::of("behave").await;
    // The event that started it has ended, so its init has.
    let mut records = api.world.emulator.recorder().watch();
    while api.world.emulator.totals().invocations == 0 {
        let _ = records.recv().await;
    }
    let name = [("lambda-extension-name", "late")];
    let refused = api.post("register", &name, json!({"events": []})).await;
    assert_refused(
        &refused,
        "Extension.RegistrationClosed",
        "Extension registration closed already",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_refused_with_all_that_is_wrong() {
    let api = Api::in_init().await;
    let id = api.register("inner").await;
    let subscribe = |id: String, path: &'static str, body: serde_json::Value| {
        let call = Call::new(http::Method::PUT, format!("{}/{path}", api.address))
            .header("lambda-extension-identifier", id)
            .body(body.to_string());
        let client = &api.client;
        async move { client.send(&call).await.expect("an answer") }
    };
    let telemetry = "2022-07-01/telemetry";
    let wrong = json!({"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}});
    let refused = subscribe(id.clone(), telemetry, wrong).await;
    let body = r#"{"errorMessage":"URI port is not provided; types should not be empty","errorType":"ValidationError"}"#;
    assert_eq!((refused.status.as_u16(), refused.text()), (400, body));
    let good = |bytes: u64| {
        json!({
            "types": ["function"],
            "buffering": {"maxItems": 10_000, "maxBytes": bytes, "timeoutMs": 30_000},
            "destination": {"protocol": "HTTP", "URI": "http://sandbox:4243"},
        })
    };
    // `lambda_telemetry_buffer` is the least, `lambda_telemetry_buffer_max` the most; with them `lambda_telemetry_items` and
    // `lambda_telemetry_timeout` at their most.
    for (bytes, status) in [(262_143, 400), (262_144, 200), (1_048_577, 400), (1_048_576, 200)] {
        let answer = subscribe(id.clone(), telemetry, good(bytes)).await;
        assert_eq!(answer.status, status, "{bytes}: {answer:?}");
    }
    let refused = subscribe(id.clone(), "2020-08-15/logs", good(262_144)).await;
    assert_eq!(refused.status, 400, "it has subscribed with the other API: {refused:?}");
    let unknown = "00000000-0000-4000-8000-000000000000".to_owned();
    assert_eq!(subscribe(unknown, telemetry, good(262_144)).await.status, 403);
}
