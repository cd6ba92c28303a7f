//! Function URLs that are made to stream, and told not to, while the emulator runs.

use aws_sdk_lambda::types::{FunctionUrlAuthType, InvokeMode};
use hardcap_tests::client::{Answer, Call};
use serde_json::{Value, json};

use super::Plane;

async fn post(plane: &Plane, url: &str, wish: &Value) -> Answer {
    plane.client.send(&Call::post(url, wish.to_string())).await.expect("an answer")
}

/// Seven million bytes, more than fits an answer in one piece, after a head of its own.
fn large() -> Value {
    json!({"prelude": {"statusCode": 201, "headers": {"x-own": "yes"}}, "first": "", "size": 7_000_000})
}

/// lambda_sync_response
#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_is_created_to_stream_streams_until_it_is_changed_to_buffer() {
    let plane = Plane::start().await;
    plane.create("f1", "stream").send().await.expect("made");
    let create = plane.sdk.create_function_url_config().function_name("f1");
    let create =
        create.auth_type(FunctionUrlAuthType::None).invoke_mode(InvokeMode::ResponseStream);
    let made = create.send().await.expect("made");
    assert_eq!(made.invoke_mode(), Some(&InvokeMode::ResponseStream));
    plane.let_everyone_invoke_url("f1").await;
    let url = made.function_url().to_owned();

    let streamed = post(&plane, &url, &large()).await;
    assert_eq!((streamed.status.as_u16(), streamed.body.len()), (201, 7_000_000), "{streamed:?}");
    assert_eq!(streamed.header("x-own"), Some("yes"));

    let update = plane.sdk.update_function_url_config().function_name("f1");
    update.invoke_mode(InvokeMode::Buffered).send().await.expect("changed");
    let get = plane.sdk.get_function_url_config().function_name("f1").send().await.expect("there");
    assert_eq!(get.invoke_mode(), Some(&InvokeMode::Buffered));
    let refused = post(&plane, &url, &large()).await;
    assert_eq!(refused.status, 502, "{refused:?}");

    let update = plane.sdk.update_function_url_config().function_name("f1");
    update.invoke_mode(InvokeMode::ResponseStream).send().await.expect("changed again");
    let after = json!({"prelude": {"statusCode": 200}, "first": "well"});
    let after = post(&plane, &url, &after).await;
    assert_eq!((after.status.as_u16(), after.text()), (200, "well"), "{after:?}");
}
